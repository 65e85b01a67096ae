"""The login page without a browser: what is said, what is set, how long one waits, and for how much work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from copilot.store import passwords, sessions
from copilot.store.database import Store
from ui import login
from ui.guard import Guard

PASSWORD = "a good password"
ORIGIN = {"origin": "http://testserver"}
REFUSED = "The user name or the password is not right."


class House:
    """The login routes behind the guard, with a clock that tests move."""

    def __init__(self, path: Path) -> None:
        self.now = datetime(2026, 7, 1, 8, tzinfo=UTC)
        self.store = Store.open(path, clock=lambda: self.now)
        for name in ("ana", "otto"):
            self.store.add_user(name, "rep")
            self.store.set_password(name, PASSWORD)
        app = FastAPI()
        login.add_routes(app, self.store, lambda: self.now)
        app.add_middleware(Guard, whose=lambda token: sessions.resume(self.store, token, self.now))
        self.app = app
        self.client = self.at("http://testserver")

    def at(self, url: str) -> TestClient:
        return TestClient(self.app, base_url=url, headers={"origin": url}, follow_redirects=False)

    def log_in(self, username: str, password: str) -> tuple[int, str]:
        """Return the status and the sentence shown."""
        answer = self.client.post("/login", data={"username": username, "password": password})
        told = re.search(r'role="alert">(.*?)</p>', answer.text)
        return answer.status_code, told[1] if told else ""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    from argon2 import PasswordHasher

    light = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # pages need no 46 MiB a login
    monkeypatch.setattr(passwords, "_hasher", lambda: light)
    made = House(tmp_path / "copilot.db")
    yield made
    made.store.close()


def test_the_right_password_sets_a_cookie_scripts_cannot_read(house: House) -> None:
    answer = house.client.post("/login", data={"username": " Ana ", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert parts == {"httponly", "max-age=604800", "path=/", "samesite=strict"}
    token = answer.cookies["copilot_session"]
    assert len(token) == 43
    who = sessions.resume(house.store, token, house.now)
    assert who is not None
    assert who.username == "ana"


def test_over_https_the_cookie_stays_on_https(house: House) -> None:
    answer = house.at("https://testserver").post("/login", data={"username": "ana", "password": PASSWORD})
    assert "; secure" in answer.headers["set-cookie"].lower()


def test_unknown_users_wrong_passwords_and_nonsense_read_the_same(house: House) -> None:
    house.store.remove_user("otto")
    tries = [("ana", "wrong"), ("nobody", "wrong"), ("otto", PASSWORD), ("<b>", "\x00"), ("", "")]
    assert {house.log_in(*one) for one in tries[:4]} == {(401, REFUSED)}
    assert house.client.cookies.get("copilot_session") is None


def test_after_five_failures_even_the_right_password_waits(house: House) -> None:
    for _ in range(5):
        assert house.log_in("ana", "wrong") == (401, REFUSED)
    waiting = (429, "Too many failed attempts: please wait 30 seconds and try again.")
    assert house.log_in("ana", PASSWORD) == waiting
    assert house.log_in("otto", PASSWORD)[0] == 429  # the address waits too
    house.now += timedelta(seconds=30)
    assert house.log_in("ana", PASSWORD)[0] == 303


def test_a_typed_name_comes_back_escaped(house: House) -> None:
    text = house.client.post("/login", data={"username": '"><script>x', "password": "y"}).text
    assert "<script" not in text
    assert "&quot;&gt;&lt;script&gt;x" in text


def test_a_form_longer_than_a_password_is_refused_unread(house: House) -> None:
    assert house.client.post("/login", content=b"username=ana&password=" + b"x" * 5000).status_code == 413


def test_the_page_needs_no_script_and_its_style_is_the_one_its_policy_names(house: House) -> None:
    answer = house.client.get("/login")
    assert "<script" not in answer.text
    assert login.STYLE in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "sha256-" in answer.headers["content-security-policy"]


def test_logging_out_ends_the_session_and_clears_the_cookie(house: House) -> None:
    house.log_in("ana", PASSWORD)
    token = house.client.cookies["copilot_session"]
    assert house.client.post("/logout").headers["location"] == "/login"
    assert sessions.resume(house.store, token, house.now) is None
    assert house.client.cookies.get("copilot_session") is None


def test_logging_out_by_a_link_does_nothing(house: House) -> None:
    house.log_in("ana", PASSWORD)
    assert house.client.get("/logout").status_code == 404
    assert sessions.resume(house.store, house.client.cookies["copilot_session"], house.now) is not None

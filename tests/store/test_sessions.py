"""A session is a token the browser keeps; it ends by time, by logging out and with its user."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from copilot.access import Principal
from copilot.errors import BadInput
from copilot.store import passwords, sessions
from copilot.store.database import Store, Turn
from tests.store.conftest import NOW, Place


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    from argon2 import PasswordHasher

    light = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: light)


def test_a_token_tells_whose_session_it_is_and_only_its_hash_is_kept(place: Place) -> None:
    token = sessions.begin(place.store, "ana", NOW)
    assert sessions.resume(place.store, token, NOW) == Principal("ana", "rep", "R-ana")
    assert place.rows("SELECT digest, username FROM sessions") == [(hashlib.sha256(token.encode()).hexdigest(), "ana")]
    assert token not in "\n".join(closed_dump(place.path))


def closed_dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_two_sessions_of_one_user_are_two(place: Place) -> None:
    first, second = (sessions.begin(place.store, "ana", NOW) for _ in range(2))
    assert first != second
    sessions.end(place.store, first)
    assert sessions.resume(place.store, first, NOW) is None
    assert sessions.resume(place.store, second, NOW) is not None


@pytest.mark.parametrize(("hours", "holds"), [(11.99, True), (12, False), (50, False)])
def test_a_session_ends_after_twelve_idle_hours(place: Place, hours: float, holds: bool) -> None:
    token = sessions.begin(place.store, "ana", NOW)
    assert (sessions.resume(place.store, token, NOW + timedelta(hours=hours)) is not None) is holds


def test_use_keeps_a_session_alive_for_seven_days_and_no_longer(place: Place) -> None:
    token = sessions.begin(place.store, "ana", NOW)
    held = [step for step in range(1, 40) if sessions.resume(place.store, token, NOW + timedelta(hours=6 * step))]
    assert held == list(range(1, 28))  # 27 times 6 hours are just below 7 days, 28 times are 7 days


def test_logging_in_clears_away_what_is_over(place: Place) -> None:
    sessions.begin(place.store, "ana", NOW)
    sessions.begin(place.store, "otto", NOW + timedelta(days=1))
    assert place.rows("SELECT username FROM sessions") == [("otto",)]


def test_a_new_password_ends_all_sessions_of_that_user_and_of_nobody_else(place: Place) -> None:
    ana, otto = (sessions.begin(place.store, name, NOW) for name in ("ana", "otto"))
    place.store.set_password("ana", "a new password")
    assert sessions.resume(place.store, ana, NOW) is None
    assert sessions.resume(place.store, otto, NOW) is not None


def test_a_removed_users_session_is_over_even_after_the_user_comes_back(place: Place) -> None:
    token = sessions.begin(place.store, "ana", NOW)
    place.store.remove_user("ana")
    assert sessions.resume(place.store, token, NOW) is None
    place.store.add_user("ana", "rep", "R-ana", restore=True)
    assert sessions.resume(place.store, token, NOW) is None


def test_a_session_of_a_user_shut_out_past_the_store_does_not_hold(place: Place) -> None:
    token = sessions.begin(place.store, "ana", NOW)
    place.rows("UPDATE users SET active = 0 WHERE username = 'ana'")
    assert sessions.resume(place.store, token, NOW) is None


def test_a_changed_role_counts_at_once(place: Place) -> None:
    token = sessions.begin(place.store, "ana", NOW)
    place.store.add_user("ana", "manager", "R-mia")
    assert sessions.resume(place.store, token, NOW) == Principal("ana", "manager", "R-mia")


@pytest.mark.parametrize("token", [None, "", "x", "x" * 43, "' OR 1=1 --" * 4, "\ud800" * 43, "é" * 43])
def test_a_token_nobody_was_given_is_nobodys(place: Place, token: str | None) -> None:
    sessions.begin(place.store, "ana", NOW)
    assert sessions.resume(place.store, token, NOW) is None
    sessions.end(place.store, token)
    assert len(place.rows("SELECT 1 FROM sessions")) == 1


def test_nobody_can_begin_a_session_for_a_missing_user(place: Place) -> None:
    with pytest.raises(BadInput, match="There is no user 'eve'"):
        sessions.begin(place.store, "eve", NOW)


def test_a_moment_without_time_zone_is_refused(place: Place) -> None:
    with pytest.raises(BadInput, match="lacks a time zone"):
        sessions.resume(place.store, "x" * 43, NOW.replace(tzinfo=None))


def test_a_database_from_before_sessions_gets_their_table_and_keeps_its_schema(place: Place) -> None:
    place.store.close()
    place.rows("DROP TABLE sessions")
    with Store.open(place.path) as reopened:
        token = sessions.begin(reopened, "ana", NOW)
        assert sessions.resume(reopened, token, NOW) is not None
    assert place.rows("SELECT value FROM meta WHERE key = 'schema_version'") == [("1",)]


def test_a_users_conversations_are_listed_newest_first_with_their_first_question(place: Place) -> None:
    asked = {}
    for name, question in [("ana", "First?"), ("otto", "Mine?"), ("ana", "Second?")]:
        thread = asked[question] = place.store.new_thread(name, NOW)
        for text in (question, "And then?"):
            place.store.log_turn(Turn(thread, name, NOW, text, "An answer.", "rules"))
    place.store.new_thread("ana", NOW)  # nothing was asked in it
    found = [(asked["Second?"], NOW, "Second?"), (asked["First?"], NOW, "First?")]
    assert place.store.threads("ana") == found
    assert place.store.threads("ana", limit=1) == found[:1]
    assert [question for _, _, question in place.store.threads("otto")] == ["Mine?"]


def test_turns_are_numbered_as_they_were_logged_and_only_for_their_owner(place: Place) -> None:
    thread = place.store.new_thread("ana", NOW)
    numbers = [place.store.log_turn(Turn(thread, "ana", NOW, q, "A.", "rules")) for q in ("One?", "Two?")]
    found = [(number, turn.question) for number, turn in place.store.numbered_turns(thread, "ana")]
    assert found == list(zip(numbers, ("One?", "Two?"), strict=True))
    with pytest.raises(BadInput, match="no conversation"):
        place.store.numbered_turns(thread, "otto")

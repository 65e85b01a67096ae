"""What answers whom over plain HTTP: nothing without a session, nobody's page but one's own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pandas as pd
import pytest

from copilot.bandit.feedback import TIMEOUT
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.jobs.feedback import catch_up, opened
from copilot.store import sessions
from tests.ui.conftest import PASSWORD, Site

QUESTION = "Who should I call this week, and why?"
OPEN_TO_ALL = {("GET", "/login"), ("POST", "/login"), ("GET", "/health"), ("HEAD", "/login"), ("HEAD", "/health")}


class Page:
    """One Gradio page of a logged-in user, spoken to as the browser does."""

    def __init__(self, site: Site, username: str, number: str) -> None:
        self.client, self.number = site.client(username), number
        self.config = self.client.get("/config").json()

    def index(self, handler: str) -> int:
        """Return the number of the event whose handler has this name."""
        found = [event["id"] for event in self.config["dependencies"] if event["api_name"] == handler]
        assert len(found) == 1, (handler, [event["api_name"] for event in self.config["dependencies"]])
        return int(found[0])

    def join(self, handler: str, *data: object, event: object = None, number: str | None = None) -> httpx.Response:
        """Start a handler."""
        body = {
            "fn_index": self.index(handler),
            "data": list(data),
            "event_data": event,
            "session_hash": number or self.number,
        }
        return self.client.post("/gradio_api/queue/join", json=body)

    def call(self, handler: str, *data: object, event: object = None) -> str:
        """Run a handler and return all that came back."""
        answer = self.join(handler, *data, event=event)
        assert answer.status_code == 200, answer.text
        with self.client.stream("GET", f"/gradio_api/queue/data?session_hash={self.number}") as stream:
            return "\n".join(stream.iter_lines())


@pytest.fixture(scope="module")
def ana(site: Site) -> Page:
    page = Page(site, "ana", "anaspage001")
    assert site.ranked["ana"][0] in page.call("ask", QUESTION, None)
    return page


@pytest.fixture(scope="module")
def otto(site: Site) -> Page:
    return Page(site, "otto", "ottospage01")


def test_every_route_there_is_stays_shut_without_a_session(site: Site) -> None:
    client, open_ = site.client(), []
    tried = 0
    for method, path in site.paths:
        if (method, path) in OPEN_TO_ALL or method == "OPTIONS":
            continue
        tried += 1
        answer = client.request(method, re.sub(r"\{[^}]*\}", "1", path))
        to_login = answer.status_code == 303 and answer.headers["location"] == "/login"
        if answer.status_code != 401 and not (method in ("GET", "HEAD") and to_login):
            open_.append((method, path, answer.status_code))
        assert answer.status_code != 401 or method == "HEAD" or set(answer.json()) == {"detail"}
    assert open_ == []
    assert tried > 60


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/info",
        "/gradio_api/openapi.json",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/gradio_api/file=/etc/hosts",
        "/gradio_api/file=pyproject.toml",
        "/file=pyproject.toml",
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/gradio_api/stream/anaspage001/1/1/playlist.m3u8",
        "/gradio_api/call/ask/1",
        "/monitoring",
        "/assets/../../../pyproject.toml",
        "/assets/%2e%2e/%2e%2e/index.html",
        "/gradio_api/user",
        "/gradio_api/runs",
    ],
)
def test_what_the_page_does_not_need_is_shut_to_logged_in_people_too(otto: Page, path: str) -> None:
    request = httpx.Request("GET", httpx.URL(str(otto.client.base_url)).copy_with(raw_path=path.encode()))
    request.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in otto.client.cookies.items())
    assert otto.client.send(request).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["upload", "run/ask", "api/ask", "call/ask", "call/v2/ask", "stream/1", "process_recording", "vibe-edit"],
)
def test_no_handler_can_be_called_around_the_queue_and_nothing_uploaded(otto: Page, path: str) -> None:
    answer = otto.client.post(f"/gradio_api/{path}", json={"data": [QUESTION], "session_hash": otto.number})
    assert answer.status_code == 404


def test_no_event_is_offered_as_an_api(otto: Page) -> None:
    events = [event for event in otto.config["dependencies"] if event["backend_fn"]]
    assert len(events) == 11
    assert {event["api_visibility"] for event in events} == {"private"}


def test_a_page_answers_only_the_user_who_first_used_it(ana: Page, otto: Page) -> None:
    data, beat = f"/gradio_api/queue/data?session_hash={ana.number}", f"/gradio_api/heartbeat/{ana.number}"
    for path in (data, data + "&a=1", beat):
        with otto.client.stream("GET", path) as stolen:  # an open stream would never end
            assert stolen.status_code == 403
            assert stolen.read() == b'{"detail": "This page belongs to somebody else."}'
    for event in otto.config["dependencies"]:
        body = {"fn_index": event["id"], "data": [], "session_hash": ana.number}
        assert otto.client.post("/gradio_api/queue/join", json=body).status_code == 403
    cancel = {"session_hash": ana.number, "fn_index": 1, "event_id": "1"}
    assert otto.client.post("/gradio_api/cancel", json=cancel).status_code == 403


@pytest.mark.parametrize(
    "query", ["", "session_hash=", "session_hash=ottospage01&session_hash=anaspage001", "session_hash=../../x"]
)
def test_a_page_number_that_is_missing_or_doubled_gets_nothing(ana: Page, otto: Page, query: str) -> None:
    assert otto.client.get(f"/gradio_api/queue/data?{query}").status_code == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"session_hash": 7}', b"\xff", b'{"session_hash": "a b c d e"}'])
def test_a_call_that_names_no_page_gets_nothing(otto: Page, body: bytes) -> None:
    assert otto.client.post("/gradio_api/queue/join", content=body).status_code == 400


def test_a_call_longer_than_any_question_is_refused(otto: Page) -> None:
    assert otto.client.post("/gradio_api/queue/join", content=b" " * 300_000).status_code == 413


def test_another_users_conversation_cannot_be_opened_by_its_id(site: Site, ana: Page, otto: Page) -> None:
    thread, _, question = site.store.threads("ana")[-1]
    own = ana.call("show", event={"thread": thread})
    assert question in own
    assert site.ranked["ana"][0] in own
    foreign, missing = (otto.call("show", event={"thread": name}) for name in (thread, "t-0000000000"))
    for told in (foreign, missing):
        assert not any(name in told for name in site.ranked["ana"])
        assert "no conversation" in told
    # Word for word the same, but for the id that was asked for and Gradio's own numbers and times.
    assert shape(foreign.replace(thread, "T")) == shape(missing.replace("t-0000000000", "T"))


def shape(told: str) -> list[tuple[str, str]]:
    """Return the kinds and sentences of a stream's messages."""
    messages = [json.loads(line.removeprefix("data: ")) for line in told.splitlines() if line.startswith("data: {")]
    return [(message["msg"], str(message.get("log"))) for message in messages if message["msg"] != "heartbeat"]


def test_what_a_page_claims_to_hold_is_not_believed(site: Site, ana: Page, otto: Page) -> None:
    """The state of a page lives on the server: a thread sent along as state is not taken for one's own."""
    thread = site.store.threads("ana")[-1][0]
    before = len(site.store.turns(thread, "ana"))
    claimed: dict[str, Any] = {"thread": thread, "shown": [], "turns": [[5, 1]], "question": ""}
    assert site.ranked["otto"][0] in otto.call("ask", QUESTION, claimed)
    assert len(site.store.turns(thread, "ana")) == before


def test_a_thumb_for_a_turn_that_is_not_on_the_page_is_not_kept(site: Site, otto: Page) -> None:
    fresh = Page(site, "otto", "ottospage02")
    before = len(site.store.events("thumb"))
    fresh.call("like", {"thread": "t-1", "turns": [[9, 1]]}, event={"index": 0, "value": "x", "liked": True})
    assert len(site.store.events("thumb")) == before


@pytest.mark.parametrize(
    "event",
    [
        {"aspect": "clear", "answer": "maybe"},
        {"aspect": "<b>clear</b>", "answer": "yes"},
        {"aspect": ["clear"], "answer": {"yes": True}},
        {},
        None,
    ],
)
def test_an_opinion_that_is_not_offered_is_not_kept(site: Site, ana: Page, event: object) -> None:
    before = len(site.store.events("satisfaction"))
    ana.call("judge", None, event=event)
    assert len(site.store.events("satisfaction")) == before


def test_an_opinion_is_of_the_own_last_explanation_and_the_same_again_takes_it_back(site: Site, ana: Page) -> None:
    clear, claimed = {"aspect": "clear", "answer": "no"}, {"thread": "t-1", "turns": [[9, 1]], "opinions": {}}
    before = len(site.store.events("satisfaction"))
    Page(site, "otto", "ottospage03").call("judge", claimed, event=clear)  # has asked nothing on this page
    ana.call("ask", "How many open deals do I have?", None)
    ana.call("judge", None, event=clear)  # told no reasons
    assert len(site.store.events("satisfaction")) == before
    ana.call("ask", QUESTION, None)
    ana.call("judge", None, event=clear | {"turn": 1, "thread": "t-1", "username": "otto"})
    assert "true" in ana.call("judge", None, event=clear | {"answer": "yes"})
    ana.call("judge", None, event=clear | {"answer": "yes"})
    kept = site.store.events("satisfaction")[before:]
    (own,) = {(one["username"], one["subject"], one["data"]["thread"]) for one in kept}
    number, turn = site.store.numbered_turns(own[2], "ana")[-1]
    assert own == ("ana", f"turn-{number}", turn.thread)
    assert turn.question == QUESTION
    assert [(one["data"]["aspect"], one["data"]["praise"]) for one in kept] == [
        ("clear", False), ("clear", True), ("clear", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "same", "sec-fetch-site": "cross-site"},
        {},
    ],
)
def test_a_post_from_elsewhere_is_refused_even_with_the_cookie(site: Site, otto: Page, headers: dict[str, str]) -> None:
    sent = {name: site.url if value == "same" else value for name, value in headers.items()}
    cookies = dict(otto.client.cookies)
    for path in ("/login", "/logout", "/gradio_api/queue/join"):
        assert httpx.post(site.url + path, headers=sent, cookies=cookies).status_code == 403
    assert otto.client.get("/config").status_code == 200


def test_a_logged_out_session_is_over_for_the_server_too(site: Site) -> None:
    client = site.client("otto")
    cookies = dict(client.cookies)
    assert client.get("/").status_code == 200
    assert client.post("/logout").headers["location"] == "/login"
    again = httpx.get(site.url + "/", cookies=cookies)
    assert (again.status_code, again.headers["location"]) == (303, "/login")


def test_a_removed_users_page_is_dead_at_once(site: Site) -> None:
    site.store.add_user("leaver", "rep", "R-otto", restore=True)
    site.store.set_password("leaver", PASSWORD)
    page = Page(site, "leaver", "leaverspage")
    assert site.ranked["otto"][0] in page.call("ask", QUESTION, None)
    site.store.remove_user("leaver")
    assert page.join("ask", QUESTION, None).status_code == 401
    assert page.client.get(f"/gradio_api/queue/data?session_hash={page.number}").status_code == 401


def test_a_button_of_the_ranked_book_reaches_the_bandits_log_once_and_late(
    site: Site, tiny: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the click over HTTP to the log: pressed twice it counts once, and after the time-out it still counts."""
    page = Page(site, "otto", "ottospage07")
    page.call("open")
    before = len(site.store.events("feedback"))
    for word in ("dismissed", "dismissed", "accepted"):
        page.call("pick", None, event={"row": "0", "feedback": word})
    page.call("pick", None, event={"row": "1", "feedback": "accepted"})
    # What the page claims to hold is not believed, a row or word there is not does nothing.
    page.call("pick", [["Acme", "A-1", "prevent churn"]], event={"row": "0", "feedback": "exploded"})
    page.call("pick", None, event={"row": "999", "feedback": "accepted"})
    events = site.store.events("feedback")[before:]
    actions = pd.read_parquet(open_snapshot(tiny).folder / "actions.parquet").set_index("account_id")["decision_id"]
    rows = site.desk.book(site.store.principal("otto")).data["rows"]
    first, second = (str(actions[row["account_id"].value]) for row in rows[:2])
    assert [(event["data"]["decision_id"], event["data"]["feedback"]) for event in events] == [
        (first, "dismissed"), (first, "dismissed"), (first, "accepted"), (second, "accepted"),
    ]  # fmt: skip
    assert {event["username"] for event in events} == {"otto"}

    own = Workspace(tmp_path)
    for name in ("book", "snapshots"):
        (tmp_path / name).symlink_to(tiny.root / name)
    shutil.copytree(tiny.root / "bandit", tmp_path / "bandit")
    monkeypatch.setattr("copilot.jobs.feedback.NEURAL_ROWS", 10**9)  # no torso is trained here
    with own.writing(), opened(own, own.book()) as bandit:
        at, store = bandit.store.status[first].since, bandit.store
        assert catch_up(bandit, own, at + TIMEOUT).silent > 100  # nobody has told the bandit yet
        assert {store.status[name].feedback for name in (first, second)} == {"NO_CLICK"}
        seen = store.policy.seen
        own.database.symlink_to(str(site.store.engine.url.database))
        found = catch_up(bandit, own, at + TIMEOUT)
        before -= len(site.store.events("feedback_undone"))
        assert (found.learned, dict(found.aside)) == (2 + before, {"duplicate": 2})
        assert store.status[first].feedback == "NOTIFICATION_DISMISSED"
        assert store.status[second].feedback == "DEEP_LINK_CLICKED"
        assert store.policy.seen == seen  # a silence was replaced, not counted beside it
        assert (catch_up(bandit, own, at + TIMEOUT).learned, store.policy.seen) == (0, seen)


def test_a_button_for_another_reps_a_missing_or_a_changed_action_keeps_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ui.screen import blocks

    who, said = site.store.principal("otto"), []
    events = blocks(site.desk, lambda token: who).fns.values()
    [pick] = (event.fn for event in events if event.api_name == "pick")
    monkeypatch.setattr("ui.handlers.gr.Warning", lambda sentence, **_: said.append(sentence))
    monkeypatch.setattr("ui.handlers.gr.Info", lambda sentence, **_: said.append("noted"))

    def press(account: str, action: str, word: str = "accepted") -> None:
        event, request = SimpleNamespace(_data={"row": "0", "feedback": word}), SimpleNamespace(cookies={})
        list(pick((("A name", account, action),), event, request))

    (own, shown), (foreign, hers) = (
        (str(row["account_id"].value), str(row["action"].value))
        for row in (site.desk.book(site.store.principal(name)).data["rows"][3] for name in ("otto", "ana"))
    )
    before = len(site.store.events("feedback"))
    for account, action in ((foreign, hers), (foreign, "another"), ("A-nowhere", hers), ("", "")):
        press(account, action)
        press(account, action, "")  # looking at a row
    assert len(said) == 4
    assert len(set(said)) == 1
    press(own, "another")
    assert "has changed since this page was loaded" in said[-1]
    assert len(site.store.events("feedback")) == before
    press(own, shown)
    assert said[-1] == "noted"
    assert len(site.store.events("feedback")) == before + 1


def test_a_handler_asks_the_store_again_after_the_guard_has_let_the_call_in(site: Site) -> None:
    """Between joining the queue and running, rights may end; the handler's own check is the second wall."""
    from ui.handlers import Ended, Handlers

    handlers = Handlers(
        None,  # type: ignore[arg-type]  # never reached
        lambda token: sessions.resume(site.store, token, site.store.clock()),
        "",
        **dict.fromkeys(("chat", "box", "view", "threads", "book", "header", "state", "names", "opinion", "approval")),
    )
    request = SimpleNamespace(cookies={"copilot_session": "x" * 43})
    with pytest.raises(Ended, match="Your session has ended"):
        handlers._who(request)  # type: ignore[arg-type]


def test_every_answer_carries_the_headers_that_keep_loads_at_home(site: Site, otto: Page) -> None:
    for answer in (httpx.get(site.url + "/login"), otto.client.get("/"), httpx.get(site.url + "/gradio_api/info")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy or "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert not re.search(r"https?:|\*", policy)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    assert otto.client.get("/").headers["cache-control"] == "no-store"


def test_the_health_door_tells_only_that_it_runs(site: Site) -> None:
    assert httpx.get(site.url + "/health").json() == {"status": "ok"}

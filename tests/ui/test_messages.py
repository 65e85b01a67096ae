"""A turn's events become the chat's messages in the order people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from copilot.agent.events import Answer, Event, Finished, Step, Told
from copilot.store.database import Turn
from ui import messages
from ui.messages import Running

CELL = {"value": "Acme", "shown": "Acme", "unit": "text", "origin": "book:accounts[A-1].name"}


def answer(**changes: Any) -> Answer:
    values: dict[str, Any] = {
        "answer": "Call Acme.",
        "thread": "t-0123456789",
        "tool_calls": [],
        "rung": "rules",
        "as_of": "2026-06-30",
        "sources": {"t1.name": CELL},
        "clarify": None,
        "refused": None,
        "timings_ms": {"total": 1234.0},
    }
    return Answer(**(values | changes))


def after(*events: Event) -> list[dict[str, Any]]:
    running = Running("Whom?")
    for event in events:
        running.take(event)
    return running.messages()


def test_a_step_is_pending_until_it_has_ended_and_stays_one_message() -> None:
    begun = Step(1, "rank_accounts", {"renewal_within_days": 90})
    ended = Step(1, "rank_accounts", {"renewal_within_days": 90}, ok=True, seconds=0.5, summary="10 rows")
    _, pending = after(begun)
    assert pending["metadata"] == {"title": "Ranking your accounts", "log": "rank_accounts", "status": "pending"}
    asked, done = after(begun, ended)
    assert asked == {"role": "user", "content": "Whom?"}
    assert done["metadata"] == {
        "title": "Ranked your accounts",
        "log": "rank_accounts",
        "status": "done",
        "duration": 0.5,
    }
    assert "<td>renewal within days</td><td>90</td>" in done["content"]
    assert "10 rows" in done["content"]


def test_a_step_that_failed_says_so_and_why() -> None:
    _, step = after(Step(1, "get_account", {"account": "<b>"}, ok=False, seconds=0.1, summary="There is no account."))
    assert step["metadata"]["title"] == "Looking up the account – could not be answered"
    assert "There is no account&#46;" in step["content"]
    assert "<b>" not in step["content"]


def test_a_tool_nobody_gave_words_is_called_by_its_name() -> None:
    _, step = after(Step(1, "new_tool", {}, ok=True, seconds=0.0))
    assert step["metadata"]["title"] == "Ran new_tool"


def test_pieces_make_paragraphs_unless_they_go_on() -> None:
    shown = after(Told("One.", "One.", {}), Told("Two.", "Two.", {}), Told("Three.", "Three.", {}, goes_on=True))
    assert shown[-1]["content"] == "One.\n\nTwo. Three."


def test_an_answer_is_followed_by_its_sources_and_a_last_line() -> None:
    shown = after(Told("Call {{t1.name}}.", "Call Acme.", {"t1.name": CELL}), Finished(answer(), 7))
    assert [message.get("metadata", {}).get("title") for message in shown] == [
        *(None, None, "Where these numbers come from", None)
    ]
    assert "as of 2026&#45;06&#45;30 · answered by rules, without a language model · 1&#46;2 s" in shown[-1]["content"]


@pytest.mark.parametrize(
    ("rung", "words"),
    [("remote", "answered by the remote model"), ("local", "answered by the embedded model"), ("new", "new")],
)
def test_the_last_line_says_which_rung_answered(rung: str, words: str) -> None:
    assert words in after(Finished(answer(rung=rung), 7))[-1]["content"]


def test_a_question_back_offers_its_readings_as_buttons_below_everything() -> None:
    clarify = {"question": "Which?", "readings": ["Acme Ltd", "Acme <Inc>"]}
    shown = after(Finished(answer(clarify=clarify), 7))
    assert [option["value"] for option in shown[-1]["options"]] == ["Acme Ltd", "Acme <Inc>"]
    assert not any(message.get("options") for message in shown[:-1])


def test_an_answer_that_came_without_pieces_is_shown_all_the_same() -> None:
    assert after(Finished(answer(), 7))[1]["content"] == "Call Acme."


def test_no_step_goes_on_running_when_a_turn_breaks_off() -> None:
    running = Running("Whom?")
    running.take(Step(1, "rank_accounts", {}))
    assert [message["metadata"]["status"] for message in running.ended()[1:]] == ["done"]


def test_a_stored_turn_reads_like_the_one_that_was_told() -> None:
    turn = Turn(
        "t-0123456789",
        "ana",
        datetime(2026, 7, 1, tzinfo=UTC),
        "Whom?",
        "Call Acme.",
        "rules",
        as_of=date(2026, 6, 30),
        tool_calls=[{"name": "rank_accounts", "arguments": {}, "ok": True}],
        sources={"t1.name": CELL},
        timings_ms={"total": 1234.0},
    )
    told = after(
        Step(1, "rank_accounts", {}, ok=True),
        Told("Call Acme.", "Call Acme.", {}),
        Finished(answer(), 7),
    )
    assert messages.old(turn) == told

"""Turns that read notes: what others wrote reaches no model, leads to no change and acts on no screen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from copilot import rooms
from copilot.access import Ctx
from copilot.agent import replies
from copilot.agent.tool import Carried, Tool, Write, tool
from copilot.data.workspace import Workspace
from copilot.store.database import Store
from copilot.text.cells import Cell, Record, Say
from tests import notebook
from tests.agent.test_remote import Put, putting, received
from tests.llm.wire import Wire, calls, says, serving
from ui import markup

FIND = ("search_notes", {"query": "mark all as done"})
MARK = ("mark_done", {"account": "A-2", "feedback": "done"})
SECRET = ("Ignore the above", "record_feedback for every", "Friendly talk", "They merge", "Betriebsrat", "evil.example")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The notebook, scored."""
    return notebook.write(tmp_path_factory.mktemp("notebook"))


@pytest.fixture
def wire() -> Iterator[Wire]:
    with serving() as server:
        yield server


@pytest.fixture
def put(book: Workspace, wire: Wire) -> Iterator[Put]:
    with Store.open(book.database) as store:
        yield putting(book, store, wire)


@pytest.fixture
def marked() -> list[str]:
    """What was proposed by the tool ``mark_done``."""
    return []


@pytest.fixture
def tools(marked: list[str]) -> dict[str, Tool]:
    """The real tools, and one that writes."""

    def mark_done(ctx: Ctx, account: str, feedback: Literal["done"]) -> Record:
        """Mark an account as done.

        Args:
            account: Its id.
            feedback: What was done.
        """
        marked.append(account)
        return Record("mark_done", {"text": Cell("Marked.", "text", "copilot", "message")}, (Say("{{text}}"),))

    def carry_out(ctx: Ctx, **arguments: object) -> Carried:
        raise AssertionError("nobody approved")

    def undo(ctx: Ctx, done: object) -> Record:
        raise AssertionError("nothing was done")

    made = tool(mark_done, roles=("rep",), write=Write(carry_out, undo))
    return {**rooms.registry(), made.name: made}


def test_after_a_note_was_read_nothing_is_written_in_the_same_turn(
    put: Put, tools: dict[str, Tool], marked: list[str]
) -> None:
    answer = put("notes about mark all as done", calls(FIND), calls(MARK), says("Fine."), tools=tools)
    assert [(call["name"], call["ok"]) for call in answer.tool_calls] == [("search_notes", True), ("mark_done", False)]
    assert replies.TAINTED in answer.answer
    assert answer.exit_code == 0
    assert marked == []
    again = put("mark it as done", calls(MARK), says("Fine."), tools=tools, thread=answer.thread)
    assert [call["ok"] for call in again.tool_calls] == [None]  # it waits for a person
    assert marked == ["A-2"]


@pytest.mark.parametrize("reading", [FIND, ("draft_outreach", {"account": "A-2", "channel": "email"})])
def test_in_one_round_a_write_before_the_note_runs_and_one_after_it_does_not(
    put: Put, tools: dict[str, Tool], marked: list[str], reading: tuple[str, dict[str, Any]]
) -> None:
    asked = "notes on Borealis Foods about done, and mark A-2 and A-1 as done"
    answer = put(asked, calls(MARK, reading, (MARK[0], {**MARK[1], "account": "A-1"})), says("Fine."), tools=tools)
    assert [call["ok"] for call in answer.tool_calls] == [None, True, False]
    assert marked == ["A-2"]


def test_a_search_that_found_nothing_brought_no_text_and_taints_nothing(
    put: Put, tools: dict[str, Tool], marked: list[str]
) -> None:
    nothing = ("search_notes", {"query": "renewal", "account": "A-4"})
    answer = put("notes on A-4 about renewal, then mark A-2 as done", calls(nothing, MARK), says("Fine."), tools=tools)
    assert "There are no notes on Quiet Mills." in answer.answer
    assert [call["ok"] for call in answer.tool_calls] == [True, None]
    assert marked == ["A-2"]


def test_who_may_not_write_at_all_is_told_that(put: Put, tools: dict[str, Tool], marked: list[str]) -> None:
    answer = put("notes about mark all as done", calls(FIND, MARK), says("Fine."), tools=tools, user="noor")
    assert "mark_done" not in [call["name"] for call in answer.tool_calls if call["ok"]]
    assert replies.TAINTED not in answer.answer
    assert marked == []


def test_no_word_of_a_note_reaches_the_model_in_this_turn_or_the_next(put: Put, wire: Wire) -> None:
    asked = "What do the notes on Borealis Foods and Acme Works say, and draft a mail to Acme Works"
    every = [
        ("search_notes", {"query": "notes", "account": "A-2"}),
        ("search_notes", {"query": "merger"}),
        ("draft_outreach", {"account": "A-1", "channel": "email", "goal": "renewal"}),
    ]
    answer = put(asked, calls(*every), says("Found: {{found_1}}."))
    assert [call["ok"] for call in answer.tool_calls] == [True, True, True]
    assert "Ignore the above" in answer.answer or "Betriebsrat" in answer.answer
    put("and what else?", calls(("search_notes", {"query": "single sign-on"})), says("Fine."), thread=answer.thread)
    sent = received(wire)
    assert [text for text in SECRET if text in sent] == []
    assert json.loads(wire.asked[1]["messages"][-1]["content"])["facts"] == []  # of the draft


def test_a_model_can_neither_word_nor_pass_on_what_a_note_says(put: Put, wire: Wire) -> None:
    pointed = ("search_notes", {"query": "{{t1.rows[0].quote}}"})
    words = "The note says {{quote_1}}. It says {{t1.rows[0].quote}}. Notes found: {{found_1}}."
    answer = put("notes about mark all as done", calls(FIND, pointed), says(words))
    assert [call["ok"] for call in answer.tool_calls] == [True, False]
    assert answer.tool_calls[1]["arguments"] == pointed[1]
    assert answer.answer.count("Ignore the above") == 1
    put("and now?", calls(FIND), says("Fine."), thread=answer.thread)
    assert "Ignore the above" not in received(wire)


def test_hostile_notes_are_text_on_the_screen(put: Put) -> None:
    for body in notebook.HOSTILE.values():
        query = body.replace("\x00", " ")[:60]
        answer = put(f"search notes for {query}", calls(("search_notes", {"query": query, "account": "A-2"})), says(""))
        for path, cell in answer.sources.items():
            shown = markup.told("{{" + path + "}}", answer.sources)
            assert "<img" not in shown
            assert "http" not in shown.replace("&#58;", ":").replace("&#46;", "."), cell
        assert not [bad for bad in ("http", "<img", "](", "{{", "\u202e", "\x00") if bad in answer.answer]


def test_by_rules_alone_a_note_is_found_quoted_and_nothing_else_is_done(book: Workspace) -> None:
    from tests.agent.test_remote import ask, np
    from tests.conftest import NOW

    with Store.open(book.database) as store:
        for user, found in (("ana", True), ("otto", False)):
            answer = ask(
                book, store, rooms.registry(), "search the notes for mark all as done", store.principal(user),
                clock=lambda: NOW, rng=np.random.default_rng(7),
            )  # fmt: skip
            assert [call["name"] for call in answer.tool_calls] == ["search_notes"]
            assert ("Ignore the above" in answer.answer) is found
            assert answer.rung == "rules"

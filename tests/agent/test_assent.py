"""Short answers to what stands before: they propose, they note, and they never approve."""

from __future__ import annotations

import pytest

from copilot.agent.assent import ASSENT, DISSENT, FINISHED, follows, settles
from copilot.agent.understand import Call
from tests.agent.conftest import Ask

ACME = "A-1003"
WHAT_IF = (Call("simulate_assignment", {"without_rep": "Ana"}),)
NEXT = (Call("recommend_action", {"account": ACME}),)


@pytest.mark.parametrize(
    "text", ["yes", "Yes, please.", "ok do it", "go ahead!", "Let's do that", "approved", "ja bitte"]
)
def test_a_word_of_assent_proposes_what_was_tried_out_and_approves_nothing(read: Ask, text: str) -> None:
    assert ASSENT.fullmatch(text)
    found = read(text, recent=[ACME, "S-2"], previous=WHAT_IF)
    assert found.calls == (Call("propose_assignment", {"scenario": "S-2"}),)
    assert read(text, recent=[ACME], previous=NEXT).calls[0].arguments == {"account": ACME, "feedback": "accepted"}
    waiting = read(text, recent=[ACME], previous=(Call("record_feedback", {}),), pending="P-3")
    assert (waiting.calls, "Only you yourself can settle P-3" in str(waiting.refused)) == ((), True)


@pytest.mark.parametrize("text", ["done", "It's done", "already did that", "erledigt"])
def test_done_is_noted_of_the_one_account_that_was_spoken_of(read: Ask, text: str) -> None:
    assert FINISHED.fullmatch(text)
    assert read(text, recent=[ACME], previous=NEXT).calls[0].arguments == {"account": ACME, "feedback": "done"}
    assert follows(text, [("recommend_action", {})], [ACME, "A-1"]) is None  # a list: which one?


@pytest.mark.parametrize("text", ["no", "No, cancel that", "undo it", "reject", "nein", "take that back"])
def test_a_word_of_dissent_settles_nothing_either(text: str) -> None:
    assert DISSENT.fullmatch(text)
    assert settles(text, "P-3")
    assert settles(text, "") is None
    assert follows(text, [("simulate_assignment", {})], ["S-2"]) is None


@pytest.mark.parametrize(
    "text", ["approve P-12", "please reject p-12", "undo P-12", "carry out P-12 now", "P-12 genehmigen"]
)
def test_a_proposal_that_is_named_is_settled_by_the_person_alone(text: str) -> None:
    assert "P-12" in str(settles(text, ""))


@pytest.mark.parametrize(
    "text",
    [
        "yes but who renews next?",
        "ok and Acme?",
        "do it for Vantor",
        "is it done?",
        "good accounts",
        "P-12",
        "what is P-12",
        "ok",
        "Great, thanks!",
        "perfect",
    ],
)
def test_whole_questions_are_none_of_these(text: str) -> None:
    assert settles(text, "P-3") is None
    assert follows(text, [("simulate_assignment", {})], ["S-2"]) is None
    assert follows(text, [("recommend_action", {"account": ACME})], [ACME]) is None

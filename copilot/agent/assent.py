"""Short answers to what stands before: "yes, do it" to a scenario, "done" to an action, "approve P-3" to a proposal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_YES = (
    r"(?:yes|yep|yeah|sure|agreed|approved?|confirm(?:ed)?|accept(?:ed)?|proceed|ja|jawohl|einverstanden|genehmig\w*|"
    r"freigeben|bestätig\w*)"
)
_DO = (
    r"(?:(?:let(?:'s| us) |please |i'?ll )?(?:do|take|make|go with|go for|propose|submit|adopt) (?:it|that|this)"
    r"(?: so)?|go ahead|go for it|make it so|carry (?:it|that) out|mach das(?: so)?|mach es|so machen wir(?: es| das)?)"
)
_NO = (
    r"(?:no|nope|cancel|reject(?:ed)?|decline|stop|undo|revert|nein|abbrechen|ablehnen|rückgängig(?: machen)?|"
    r"zurücknehmen|(?:take|roll) (?:it|that) back|(?:undo|cancel|reject|revert|forget) (?:it|that|this)|never ?mind)"
)
# Praise alone is no order: "great, thanks" asks for nothing.
_EASE = (
    r"(?:ok(?:ay)?\b|fine\b|good\b|great\b|perfect\b|passt\b|please|then|now|thanks|thank you|bitte|danke|dann|so|"
    r",|\.|!|–|-|\s)*"
)
_IS = r"(?:(?:it'?s|that'?s|is|all|already|i(?:'ve| have)|schon|ist)\s+)*"
_DONE = r"(?:done|finished|handled|erledigt|did (?:it|that))(?:\s+(?:it|that|this|already))?"
ASSENT = re.compile(rf"{_EASE}(?:{_YES}{_EASE})?(?:{_DO}|{_YES}){_EASE}", re.I)
DISSENT = re.compile(rf"{_EASE}(?:(?:no|nein)\b{_EASE})?{_NO}{_EASE}", re.I)
FINISHED = re.compile(_EASE + _IS + _DONE + _EASE, re.I)
PROPOSAL = re.compile(r"\bP-([1-9]\d{0,8})\b", re.I)
SETTLING = re.compile(rf"\b(?:{_YES}|{_NO}|carry out|execute|release|withdraw|genehmige|lehne|nimm)\b", re.I)
YOURSELF = (
    "Only you yourself can settle {name}, not a sentence in the chat: use the buttons below, or on the command line "
    "sales-copilot approve, reject or undo {name}."
)


def settles(text: str, pending: str) -> str | None:
    """Return what to say where a text means to approve, reject or undo a proposal; None where it does not.

    Args:
        text: The question.
        pending: The proposal that the thread's last answer left to be settled; empty where it left none.
    """
    if (named := PROPOSAL.search(text)) and SETTLING.search(text):
        return YOURSELF.format(name=f"P-{named[1]}")
    whole = ASSENT.fullmatch(text) or DISSENT.fullmatch(text)
    return YOURSELF.format(name=pending) if pending and whole else None


def follows(
    text: str, previous: Sequence[tuple[str, dict[str, Any]]], recent: Sequence[str]
) -> tuple[str, dict[str, Any]] | None:
    """Return the call that a short answer asks for: propose what was tried out, or note what was recommended.

    Args:
        text: The question.
        previous: Name and arguments of the last answer's calls.
        recent: What that answer spoke of, accounts and scenarios by id.
    """
    if len(previous) != 1:
        return None
    ((name, arguments),) = previous
    scenarios = [one for one in recent if re.fullmatch(r"S-\d+", one)]
    if name == "simulate_assignment" and scenarios and ASSENT.fullmatch(text):
        return "propose_assignment", {"scenario": scenarios[-1]}
    if name == "recommend_action" and "account" in arguments:
        if FINISHED.fullmatch(text):
            return "record_feedback", {"account": arguments["account"], "feedback": "done"}
        if ASSENT.fullmatch(text):
            return "record_feedback", {"account": arguments["account"], "feedback": "accepted"}
    return None

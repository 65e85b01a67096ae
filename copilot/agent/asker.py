"""The asker by name: where a rep writes her own name, the question is heard as if it said I, me or my."""

from __future__ import annotations

import re

from copilot.agent.bank import fold
from copilot.agent.mentions import Marked

HELPERS = {"is": "am", "was": "was", "does": "do", "has": "have", "did": "did", "will": "will"}
HELPER = re.compile(rf"\b({'|'.join(HELPERS)}) \{{rep\}}", re.I)
OWNS = re.compile(r"\{rep\}(?:\s?['’]s?(?!\w)|s(?= \w))")
OBJECT = re.compile(
    r"\b(for|to|of|by|with|at|from|on|about|gives?|show|tell|helps?|für|von|bei|mit) (?:rep )?\{rep\}", re.I
)


def is_name(said: str, name: str) -> bool:
    """Say whether ``said`` is a person's name or a part of it."""
    return bool(said) and set(fold(said).split()) <= set(fold(name).split())


def about_self(marked: Marked, name: str) -> bool:
    """Say whether the question names a rep, and no other than the one called ``name``."""
    named = marked.values("rep")
    return bool(named) and all(is_name(one, name) for one in named)


def as_first_person(marked: Marked) -> Marked:
    """Return the question with "my", "me" or "I" in place of its reps, who are all the asker."""
    text = OWNS.sub("my", marked.masked())
    text = HELPER.sub(lambda found: f"{HELPERS[found[1].lower()]} I", text)
    text = OBJECT.sub(lambda found: f"{found[1]} me", text).replace("{rep}", "I")
    return Marked(marked.text, tuple(one for one in marked.mentions if one.kind != "rep")).reworded(text)

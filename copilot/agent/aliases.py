"""Placeholders: a language model that chooses tools sees ⟨account 3⟩ in place of every name of the book.

So no name can give it orders ("Ignore previous instructions Ltd"), and the customers' names stay on the machine.
"""

from __future__ import annotations

import re
from typing import Any

from copilot.agent.mentions import Marked

PLACEHOLDER = re.compile(r"[⟨<]\s*([a-z]+ \d+)\s*[⟩>]")


class Aliases:
    """The placeholders of one turn, in the order in which they came up."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}

    def of(self, kind: str, value: str) -> str:
        """Return the placeholder of a value; the same value always has the same one."""
        if (kind, value) not in self._given:
            number = 1 + sum(known == kind for known, _ in self._given)
            self._given[kind, value] = f"{kind} {number}"
            self._values[f"{kind} {number}"] = value
        return f"⟨{self._given[kind, value]}⟩"

    def masked(self, marked: Marked) -> str:
        """Return a question with placeholders for the names it mentions; words that only look like names stay."""
        out, at = [], 0
        for mention in marked.mentions:
            if mention.known:
                out += [marked.text[at : mention.start], self.of(mention.kind, mention.value)]
                at = mention.end
        return "".join([*out, marked.text[at:]])

    def values(self, given: Any) -> Any:
        """Return a model's argument with the values in place of placeholders."""
        if isinstance(given, list):
            return [self.values(one) for one in given]
        if isinstance(given, dict):
            return {key: self.values(one) for key, one in given.items()}
        if not isinstance(given, str):
            return given
        whole = PLACEHOLDER.fullmatch(given.strip()) or re.fullmatch(r"([a-z]+ \d+)", given.strip())
        if whole and whole[1] in self._values:
            return self._values[whole[1]]
        return PLACEHOLDER.sub(lambda found: self._values.get(found[1], found[0]), given)

"""A question with its names marked, so that no name can steer the routing and each keeps its place."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["account", "product", "segment", "region", "rep", "scenario", "study"]


@dataclass(frozen=True)
class Mention:
    """A name in a question: ``value`` is an account's id or the book's own spelling; as typed where not ``known``.

    A ``guess`` is a name only by its looks (a capital, no ordinary word): no list of the asker's book holds it.
    """

    kind: Kind
    value: str
    start: int
    end: int
    known: bool = True
    guess: bool = False


@dataclass(frozen=True)
class Marked:
    """A question and the names in it, in order and without overlap."""

    text: str
    mentions: tuple[Mention, ...] = ()

    def masked(self, *, guesses: bool = True) -> str:
        """Return the text with ``{account}``, ``{rep}`` … in place of names; guessed ones stay if not ``guesses``."""
        out, at = [], 0
        for mention in self.mentions:
            if mention.guess and not guesses:
                continue
            out += [self.text[at : mention.start], "{" + mention.kind + "}"]
            at = mention.end
        return "".join([*out, self.text[at:]])

    def reworded(self, masked: str) -> Marked:
        """Return the question with the words of ``masked``, in which the placeholders stand as in this one's."""
        words = re.split(r"\{\w+\}", masked)
        text, found = words[0], []
        for mention, after in zip(self.mentions, words[1:], strict=True):
            typed = self.text[mention.start : mention.end]
            found.append(replace(mention, start=len(text), end=len(text) + len(typed)))
            text += typed + after
        return Marked(text, tuple(found))

    def values(self, kind: Kind) -> list[str]:
        """Return the values of one kind, in order, each once."""
        return list(dict.fromkeys(mention.value for mention in self.mentions if mention.kind == kind))

    def cut(self, start: int, end: int) -> Marked:
        """Return the part from ``start`` to ``end`` with the mentions that lie in it."""
        inside = [one for one in self.mentions if start <= one.start and one.end <= end]
        moved = tuple(replace(one, start=one.start - start, end=one.end - start) for one in inside)
        return Marked(self.text[start:end], moved)

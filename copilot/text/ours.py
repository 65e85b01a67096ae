"""Our own sentences beside a model's: their words, and their runs of three, may be said again of the same row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from copilot.text.cells import REFERENCE
from copilot.text.claim import Claim, Ref, fold


class Ours:
    """Our own sentences about what a model's sentence speaks of: their words, and their runs of three."""

    def __init__(self, s: Claim) -> None:
        self.told: list[tuple[frozenset[str], frozenset[str], list[str]]] = []  # rows, references, tokens
        rows = frozenset[str]()
        for sentence in s.told:
            paths = frozenset(found[1] for found in REFERENCE.finditer(sentence))
            rows = frozenset(map(row, paths)) or rows  # one without a reference goes on about the row before
            self.told.append((rows, paths, _tokens(sentence)))
        self.rows = frozenset(row(ref.path) for ref in s.refs)
        self.accounts = {ref.path for ref in s.refs if ref.cell.metric == "account"}

    @cached_property
    def near(self) -> list[list[str]]:
        """The tokens of each sentence about a row spoken of."""
        return [tokens for rows, _, tokens in self.told if rows & self.rows]

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of the sentences about a row spoken of."""
        return frozenset(token for tokens in self.near for token in tokens)

    @cached_property
    def paths(self) -> frozenset[str]:
        """The references of the sentences about a row spoken of."""
        return frozenset(path for rows, paths, _ in self.told if rows & self.rows for path in paths)

    def said(self, tokens: list[str]) -> bool:
        """Whether one of the sentences about a row spoken of holds these tokens in a row."""
        size = len(tokens)
        return size > 1 and any(one[at : at + size] == tokens for one in self.near for at in range(len(one) - size + 1))

    def runs(self, refs: Sequence[Ref]) -> set[tuple[str, ...]]:
        """Return the runs of three of the sentences that share a value with ``refs``, or hold none and are of a row."""
        mine = {ref.path for ref in refs} - self.accounts
        return {
            run
            for rows, paths, tokens in self.told
            if mine & paths or (not paths and rows & self.rows)
            for run in threes(tokens)
        }


def row(path: str) -> str:
    """Return the row of a table, or the whole record, that a path belongs to."""
    found = re.match(r"\w+(?:\.rows\[\d+\])?", path)
    return found[0] if found else path


def _tokens(sentence: str) -> list[str]:
    """Return words in small letters and the paths of references."""
    parts = re.split(f"({REFERENCE.pattern})", sentence)  # text, reference, its path, text …
    found = []
    for at, part in enumerate(parts):
        if at % 3 == 0:
            found += re.findall("[a-z]+", fold(part).lower())
        elif at % 3 == 2:
            found.append(part)
    return found


def threes(tokens: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield each run of three."""
    return zip(tokens, tokens[1:], tokens[2:], strict=False)

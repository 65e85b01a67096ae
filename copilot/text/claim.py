"""A sentence taken apart for the verifier: its words folded to small ASCII letters, its references beside them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

from copilot.text import words as w
from copilot.text.cells import REFERENCE, Cell


@dataclass(frozen=True)
class Ref:
    """One reference: its cell, and where its mark stands in the text."""

    path: str
    cell: Cell
    at: int

    @cached_property
    def amount(self) -> float | None:
        """The value as a number, a date by its day; None for words and flags."""
        value = self.cell.value
        if isinstance(value, date):
            return float(value.toordinal())
        return None if isinstance(value, str | bool) or value is None else float(value)

    @cached_property
    def described(self) -> str:
        """What the cell measures, in small letters: its metric and the last word of its path."""
        return fold(f"{self.cell.metric} {self.path.rsplit('.', 1)[-1]}").replace("_", " ").lower()

    @cached_property
    def families(self) -> frozenset[str]:
        """The metrics of our table that the cell may be called; its own metric counts before its path."""
        return families_in(fold(self.cell.metric).replace("_", " ").lower()) or families_in(self.described)

    @property
    def is_given(self) -> bool:
        """Whether it belongs to the method (a horizon, a level) and measures nothing."""
        return self.cell.origin.startswith("method:")

    @property
    def is_span(self) -> bool:
        """Whether it is a span of time."""
        return self.cell.unit in ("days", "months", "hours", "minutes")

    @property
    def is_time(self) -> bool:
        """Whether it may stand beside the metric spoken of without being its value."""
        return self.is_span or self.is_given or self.cell.unit == "date"

    @cached_property
    def change(self) -> int | None:
        """The sign of a cell that holds a change; None for a level."""
        if self.amount is None or "probability" in self.described or not w.A_CHANGE.search(self.described):
            return None
        return -sign_of(self.amount) if w.DROP.search(self.described) else sign_of(self.amount)


@dataclass(frozen=True)
class Claim:
    """A sentence taken apart: ``cased`` is folded to ASCII, a mark for each reference; ``text`` in small letters."""

    text: str
    cased: str
    refs: tuple[Ref, ...]
    cells: Mapping[str, Cell]
    question: str
    names: Collection[str]
    template: bool
    told: Collection[str]

    @cached_property
    def amounts(self) -> list[Ref]:
        """The references that measure something, in order."""
        return [ref for ref in self.refs if ref.amount is not None and not ref.is_given]

    @cached_property
    def unnamed(self) -> str:
        """``cased`` with every text that is a cell's whole value blotted out by x's."""
        rest = self.cased
        values = {fold(cell.value) for cell in self.cells.values() if isinstance(cell.value, str)}
        for value in sorted((value for value in values if value and value.lower() in self.text), key=len, reverse=True):
            for found in whole(value.lower(), rest.lower()):
                rest = rest[: found.start()] + "x" * len(value) + rest[found.end() :]
        return rest

    @cached_property
    def is_german(self) -> bool:
        """Whether it holds several German function words."""
        return len(set(w.GERMAN.findall(self.text))) > 1

    @cached_property
    def is_english(self) -> bool:
        """Whether it is in English: by its own words, or by the question's where they say no other language."""
        asked = not self.is_german and w.ENGLISH.search(self.question)
        return bool(asked or w.ENGLISH.search(self.text))

    @cached_property
    def pairs(self) -> list[tuple[int, int, Ref, Ref]]:
        """Each "from … to …" and "to … from …": its span and its references, the older one first."""
        rest = w.FROM_TO.sub(lambda found: "." * len(found[0]), self.text)
        found = [(m.span(), m.start(1), m.start(2)) for m in w.FROM_TO.finditer(self.text)]
        found += [(m.span(), m.start(2), m.start(1)) for m in w.TO_FROM.finditer(rest)]
        return [(*span, self.at(old), self.at(new)) for span, old, new in sorted(found)]

    def at(self, place: int) -> Ref:
        """Return the reference whose mark stands at ``place``."""
        return next(ref for ref in self.refs if ref.at == place)

    def before(self, place: int) -> Ref | None:
        """Return the last amount before ``place``."""
        return next((ref for ref in reversed(self.amounts) if ref.at < place), None)

    def after(self, place: int) -> Ref | None:
        """Return the first amount from ``place`` on."""
        return next((ref for ref in self.amounts if ref.at >= place), None)

    def peers(self, ref: Ref) -> list[float]:
        """Return the amounts of the same field in every row."""
        field = re.sub(r"\[\d+\]", "", ref.path)
        alike = (Ref(path, cell, 0) for path, cell in self.cells.items() if re.sub(r"\[\d+\]", "", path) == field)
        return [other.amount for other in alike if other.amount is not None]


def split_sentences(text: str) -> list[str]:
    """Cut ``text`` into sentences; not inside references, after abbreviations and initials, or within numbers."""
    masked = REFERENCE.sub(lambda found: w.MARK * len(found[0]), text)
    cuts = [0]
    for end in w.SENTENCE_END.finditer(masked):
        last = (masked[: end.start()].split() or [""])[-1].lstrip("(\"'„“").lower()
        goes_on = w.ABBREVIATION.fullmatch(last) or masked[end.end() :].lstrip()[:1].islower()
        if not (goes_on and set(end[0]) <= {".", "…"}):
            cuts.append(end.end())
    parts = [text[start:stop].strip() for start, stop in zip(cuts, [*cuts[1:], len(text)], strict=True)]
    return [part for part in parts if part]


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Strip accents and compatibility forms, so that a number in fancy letters reads as the number."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if unicodedata.category(letter) != "Mn")
    return plain.replace("ß", "ss").replace("æ", "ae").translate(str.maketrans("øØł’‘“”„\n\t", 'oOl\'\'"""  '))


def families_in(text: str) -> frozenset[str]:
    """Return the metrics of the table that ``text`` names."""
    return frozenset(name for name, table in w.METRICS.items() if table.search(text))


def whole(part: str, text: str) -> Iterator[re.Match[str]]:
    """Find ``part`` where no letter goes on from it."""
    return re.finditer(rf"(?<!\w){re.escape(part)}(?!\w)", text)


def sign_of(number: float) -> int:
    """Return -1, 0 or 1."""
    return (number > 0) - (number < 0)

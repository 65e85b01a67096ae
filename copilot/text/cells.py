"""Cells: every value an answer may show, with its unit and origin, and the references that point at them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

Unit = Literal[
    "usd", "points", "pct", "percent", "ratio", "days", "months", "count", "minutes", "hours", "date", "text", "quote",
    "score", "flag",
]  # fmt: skip
Value = float | int | str | date | bool | None

REFERENCE = re.compile(r"\{\{\s*([A-Za-z_]\w*(?:\.\w+|\[\d+\])*)\s*\}\}")


@dataclass(frozen=True)
class Cell:
    """One value with its unit, the place it was read from and the name of what it measures.

    ``percent`` and ``ratio`` hold fractions (0.42 shows as 42 %, a ratio as 0.420), ``pct`` a percentage on 0–100;
    ``points`` and ``score`` hold what they show. A ``quote`` holds free text of others (``text/quotes.py``), which
    no language model is shown.
    """

    value: Value
    unit: Unit = "text"
    origin: str = ""
    metric: str = ""

    @property
    def shown(self) -> str:
        """The value as a person reads it; "not known" where there is none."""
        return show(self.value, self.unit)

    @property
    def known(self) -> bool:
        """Whether there is a value to show: none of the missing kinds, not infinite, not an empty text."""
        return _plain(self.value) not in (None, "")


@dataclass(frozen=True)
class Say:
    """A sentence with references relative to its record (``{{rows[0].uplift_usd}}``).

    An empty topic is always said, another only when it is asked about or nothing is. A detail belongs to the line
    before it; what is said ``below`` stands under the table. What is ``verbatim`` no language model words again.
    """

    text: str
    topic: str = ""
    detail: bool = False
    below: bool = False
    verbatim: bool = False


@dataclass(frozen=True)
class Column:
    """A row field that a table shows; an empty topic is always shown."""

    heading: str
    topic: str = ""


@dataclass(frozen=True)
class Record:
    """What a tool returns: nested dicts and lists whose leaves are cells, and sentences that refer to them.

    Attributes:
        tool: The tool's name.
        data: Nested dicts and lists of cells; ``data["rows"]`` is the table, where there is one.
        say: Template sentences, the most important first.
        columns: The row fields that a table shows, in order.
        sideways: Whether the table has a column for each row of ``data``, which suits few rows with many fields.
        accounts: The ids of the accounts spoken of, in order, so that "the second one" can be asked about next.
    """

    tool: str
    data: Mapping[str, Any]
    say: tuple[Say, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    accounts: tuple[str, ...] = ()
    sideways: bool = False


def flatten(data: Any, path: str) -> Iterator[tuple[str, Cell]]:
    """Yield ``(path, cell)`` for every leaf of a record's data, as ``t1.rows[0].uplift_usd``."""
    if isinstance(data, Cell):
        yield path, data
    elif isinstance(data, Mapping):
        for key, inner in data.items():
            yield from flatten(inner, f"{path}.{key}")
    elif isinstance(data, list | tuple):
        for position, inner in enumerate(data):
            yield from flatten(inner, f"{path}[{position}]")


def prefix(sentence: str, name: str) -> str:
    """Turn a record's own references into an answer's: ``{{rows[0].x}}`` becomes ``{{t1.rows[0].x}}``."""
    return REFERENCE.sub(lambda found: "{{" + f"{name}.{found[1]}" + "}}", sentence)


def references(sentence: str) -> list[str]:
    """Return the cell paths a sentence points at, in order."""
    return [found[1] for found in REFERENCE.finditer(sentence)]


def fill(sentence: str, cells: Mapping[str, Cell]) -> str:
    """Put each referenced cell's shown value in its place.

    Raises:
        KeyError: A reference points at no cell.
    """
    return REFERENCE.sub(lambda found: cells[found[1]].shown, sentence)


def show(value: Value, unit: Unit) -> str:
    """Write a value for a person: money without cents from $100 on, percent from fractions, dates as ISO."""
    value = _plain(value)
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value
    return _number(float(value), unit)


def _plain(value: Value) -> Value:
    """Return None for every kind of missing number, and Python's own scalar for numpy's."""
    item = getattr(value, "item", None)
    plain: Value = item() if callable(item) else value
    try:
        missing = plain is None or bool(plain != plain)  # NaN and NaT differ from themselves
    except TypeError:  # pandas' NA says neither yes nor no
        missing = True
    return None if missing or (isinstance(plain, float) and math.isinf(plain)) else plain


def _number(value: float, unit: Unit) -> str:
    sign = "-" if value < 0 else ""
    size = abs(value)
    if unit in ("text", "date", "flag"):  # no unit says how many digits count, so all do
        return f"{value:,.15g}"
    if unit == "usd":
        size = round(size, 2)
        text = f"{size:,.0f}" if size >= 100 or size == round(size) else f"{size:,.2f}"
        return f"{'' if _is_zero(text) else sign}${text}"
    if unit in ("percent", "pct"):
        text = f"{size * (100 if unit == 'percent' else 1):,.1f}"
        return f"{'' if _is_zero(text) else sign}{text.removesuffix('.0')} %"
    digits = {"ratio": 3, "points": 1, "score": 1, "hours": 2}.get(unit, 0)
    if unit in ("count", "days", "months") and size != round(size):
        digits = 1
    text = f"{size:,.{digits}f}"
    text = text.rstrip("0").rstrip(".") if unit == "hours" else text  # quarters of an hour, and whole ones plain
    named = {"days": "day", "months": "month", "hours": "hour", "minutes": "minute", "points": "point"}.get(unit)
    plural = "" if text in ("1", "1.0") else "s"
    return f"{'' if _is_zero(text) else sign}{text}" + (f" {named}{plural}" if named else "")


def _is_zero(text: str) -> bool:
    return not text.strip("0.,")

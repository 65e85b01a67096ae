"""From text cells to values: one rule a column, a fault for each bad row, and the stop above five per cent."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import pandas as pd

from copilot.data.importers.read import cells, spoken
from copilot.errors import BadInput

MOST_BAD = 0.05  # share of a table's rows that may be set aside
NAME_LENGTH, BODY_LENGTH = 200, 5_000
LARGEST = 1e15  # no price, count or duration of a real export is above it, and sums stay finite

Kind = Literal["id", "name", "body", "number", "past", "day", "flag"]
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_CLOCK = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]+)?)?(?: ?[AaPp][Mm])?"
_TIME = rf"(?:[T ]{_CLOCK}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?"
# Orders of a date, best first. A column keeps to one; with points it is always day first.
_ORDERS = {
    "year-month-day": re.compile(r"(?P<y>[0-9]{4})[-/](?P<m>[0-9]{1,2})[-/](?P<d>[0-9]{1,2})" + _TIME),
    "day.month.year": re.compile(r"(?P<d>[0-9]{1,2})\.(?P<m>[0-9]{1,2})\.(?P<y>[0-9]{4})" + _TIME),
    "month/day/year": re.compile(r"(?P<m>[0-9]{1,2})[-/](?P<d>[0-9]{1,2})[-/](?P<y>[0-9]{4})" + _TIME),
    "day/month/year": re.compile(r"(?P<d>[0-9]{1,2})[-/](?P<m>[0-9]{1,2})[-/](?P<y>[0-9]{4})" + _TIME),
}


@dataclass(frozen=True)
class Rule:
    """What a column holds.

    ``past`` is a day not after today, ``day`` any day up to a hundred years ahead; numbers are never below zero.
    ``one_of`` lists the words it may hold, in any case.
    """

    kind: Kind
    required: bool = False
    one_of: tuple[str, ...] = ()


class Sheet:
    """One CSV file on its way into the book: ``raw`` text, typed ``values`` and the ``fault`` of each row.

    All three are indexed by the line in the file. A row keeps the first fault that is found in it. ``follows`` tells
    which rows are set aside only because the row that they refer to was; those do not count against this file.
    """

    def __init__(
        self, file: Path, table: str, rules: Mapping[str, Rule], today: date, *, optional: bool = False
    ) -> None:
        """Read ``file`` for the book's ``table`` by one rule a column; ``optional`` accepts a header without rows.

        Raises:
            BadInput: The file is unreadable or lacks a column, or a column's dates can be read in two ways.
        """
        self.name, self.table = file.name, table
        self.raw = cells(file, list(rules), may_be_empty=optional)
        self.values = pd.DataFrame(index=self.raw.index)
        self.fault = pd.Series("", index=self.raw.index, dtype="object")
        self.follows = pd.Series(False, index=self.raw.index)
        self.notes: list[str] = []
        for column, rule in rules.items():
            self._type(column, rule, today)

    @property
    def good(self) -> pd.DataFrame:
        """The values of the rows without a fault."""
        return self.values[self.fault == ""]

    @property
    def bad(self) -> pd.Series:
        """The fault of each row that has one."""
        return self.fault[self.fault != ""]

    def mark(self, rows: pd.Series, fault: str, *, follows: bool = False) -> None:
        """Give ``rows`` (true or false by line) a fault, where they have none yet."""
        fresh = rows.to_numpy(dtype="bool", na_value=False)
        if fresh.any():
            fresh = fresh & (self.fault == "").to_numpy()
            self.fault.loc[fresh] = fault
            self.follows.loc[fresh] = follows

    def once(self, column: str, key: Callable[[str], str] = str) -> dict[str, str]:
        """Mark the rows whose ``column`` stood in a good row before; return the good values by ``key``."""
        good = self.good[column].map(key)
        again = good.duplicated().reindex(self.values.index, fill_value=False)
        self.mark(again, f"{column} stands there twice")
        return dict(zip(self.good[column].map(key), self.good[column], strict=True))

    def refer(
        self,
        column: str,
        known: Mapping[str, str],
        where: str,
        key: Callable[[str], str] = str,
        *,
        aside: Collection[str] = (),
    ) -> None:
        """Put what ``known`` holds in the place of ``column``; mark the rows that ``known`` has nothing for.

        Args:
            column: Names or ids of rows in another file; empty ones stay empty.
            known: What to put in their place, by ``key(name)``.
            where: The other file's name.
            key: What spellings of one name share.
            aside: The keys that do stand in the other file, in rows that were set aside.
        """
        keys = self.values[column].map(key, na_action="ignore")
        found = keys.map(known.get, na_action="ignore")
        lost = keys.notna() & found.isna()
        self.mark(lost & keys.isin(set(aside)), f"{column} was set aside in {where}", follows=True)
        self.mark(lost, f"{column} is not in {where}")
        self.values[column] = found.astype("str")

    def keys_aside(self, column: str, key: Callable[[str], str] = str) -> set[str]:
        """Return the keys of ``column`` in the rows that have a fault."""
        return set(self.values.loc[self.bad.index, column].dropna().map(key))

    def settle(self) -> None:
        """Stop when too many rows are bad by themselves.

        Raises:
            BadInput: More than ``MOST_BAD`` of the rows have a fault; the text names the commonest and where it is.
        """
        bad = self.fault[(self.fault != "") & ~self.follows]
        if len(bad) > MOST_BAD * len(self.fault):
            rows = f"{len(bad):,} bad row{'s' * (len(bad) > 1)}"
            raise BadInput(
                f"{self.name} has {rows} of {len(self.fault):,}, more than {MOST_BAD:.0%}; "
                f"most often {self._commonest(bad)}; correct the file and import again."
            )

    def set_aside(self) -> pd.DataFrame:
        """Return the bad rows as read, with their ``line`` and ``fault``."""
        rows = self.raw.loc[self.bad.index]
        return rows.assign(line=rows.index, fault=self.bad.astype("str")).reset_index(drop=True)

    def remark(self) -> str:
        """Say how many rows were set aside; nothing when none was."""
        if self.bad.empty:
            return ""
        return f"{len(self.bad):,} of {self.name} (most often {self._commonest(self.bad)})"

    def _commonest(self, bad: pd.Series) -> str:
        fault = bad.value_counts(sort=True).index[0]
        lines = bad.index[bad == fault]
        column = str(fault).split(" ", 1)[0]
        cell = str(self.raw.loc[lines[0], column]) if column in self.raw else ""
        shown = f": {cell[:40]!r}" if cell else ""
        return f"{fault} ({len(lines):,} {'row' if len(lines) == 1 else 'rows'}, first in line {lines[0]}{shown})"

    def _type(self, column: str, rule: Rule, today: date) -> None:
        text = self.raw[column]
        given = text != ""
        if rule.required:
            self.mark(~given, f"{column} is empty")
        if rule.kind == "number":
            value = text.map(_number).astype("float64")
            self.mark(given & value.isna(), f"{column} is not a plain number")
            self.mark(value < 0, f"{column} is below 0")
        elif rule.kind in ("past", "day"):
            value = self._days(column, text, given)
            self.mark(given & value.isna(), f"{column} is not a date (write YYYY-MM-DD)")
            self.mark(value < pd.Timestamp("1970-01-01"), f"{column} is before 1970")
            last = pd.Timestamp(today) + pd.DateOffset(years=0 if rule.kind == "past" else 100)
            self.mark(value > last, f"{column} is after {last.date()}" + (", today" if rule.kind == "past" else ""))
        elif rule.kind == "flag":
            value = text.str.lower().map(_FLAGS).astype("boolean")
            self.mark(given & value.isna(), f"{column} is neither true nor false")
        else:
            value = self._words(column, rule, text)
        self.values[column] = value

    def _words(self, column: str, rule: Rule, text: pd.Series) -> pd.Series:
        if rule.kind == "body":
            return text.str.slice(0, BODY_LENGTH).mask(text == "")
        words = text.str.split().str.join(" ")
        if rule.kind == "id":
            self.mark(words.str.len() > NAME_LENGTH, f"{column} is longer than {NAME_LENGTH} characters")
        words = words.str.slice(0, NAME_LENGTH).str.strip().mask(text == "")
        if rule.one_of:
            spelled = {word.lower(): word for word in rule.one_of}
            known = words.str.lower().map(spelled)
            self.mark(words.notna() & known.isna(), f"{column} is none of {spoken(rule.one_of)}")
            words = known
        return words.astype("str")

    def _days(self, column: str, text: pd.Series, given: pd.Series) -> pd.Series:
        """Read a column of dates in the one order that most of its cells allow; times of day are dropped."""
        count = text[given].value_counts(sort=False)
        read = {order: _dates(count.index, pattern) for order, pattern in _ORDERS.items()}
        fits = {order: int(count[days.notna()].sum()) for order, days in read.items()}
        best = max(fits, key=lambda order: fits[order])  # of equals the first
        if best == "month/day/year" and fits[best] == fits["day/month/year"]:
            unlike = read[best] != read["day/month/year"]
            if unlike.any():
                raise BadInput(
                    f"{column} in {self.name} can be read as month/day or as day/month ({unlike.idxmax()[:40]!r}); "
                    "write its dates as YYYY-MM-DD and import again."
                )
        if best != "year-month-day":
            self.notes.append(f"The dates of {column} in {self.name} were read as {best}.")
        return read[best].reindex(text).set_axis(text.index)


def same(name: str) -> str:
    """Return what two spellings of one name share: case, width and blanks do not count as differences."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return a readable id for each name, "Gekko & Co" → "gekko-co".

    Names that share their letters, or have none that ASCII can write, get a piece of the name's hash at the end,
    so that an id depends on the names alone and not on their order.
    """
    plain = {name: slug(name) for name in names}
    shared = pd.Series(list(plain.values()), dtype="str").value_counts()
    return {
        name: short if short and shared[short] == 1 else f"{short}-{_digest(name)}".lstrip("-")
        for name, short in plain.items()
    }


def slug(name: str) -> str:
    """Return the ASCII letters and digits of ``name`` in lower case, with a hyphen for all else; may be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")


def _number(text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if abs(value) <= LARGEST else math.nan


def _dates(texts: pd.Index, pattern: re.Pattern[str]) -> pd.Series:
    """Return the day that each text writes, none where it writes no day in this order."""
    found = [pattern.fullmatch(text) for text in texts]
    days = pd.Series(pd.NaT, index=texts, dtype="datetime64[us]")
    if any(found):
        iso = [f"{one['y']}-{one['m']:0>2}-{one['d']:0>2}" if one else None for one in found]
        days[:] = pd.to_datetime(pd.Series(iso, dtype="str"), format="%Y-%m-%d", errors="coerce").to_numpy()
    return days


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:6]

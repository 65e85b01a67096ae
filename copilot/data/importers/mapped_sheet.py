"""One table of a mapped export: from the file's text cells to the book's values, one fault a line that fails."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from copilot.data.book import DAY, FLAG, NUMBER, TABLES, Column
from copilot.data.importers.mapping_file import ColumnMap, TableMap
from copilot.data.importers.read import spoken
from copilot.data.importers.rules import _FLAGS, BODY_LENGTH, LARGEST, NAME_LENGTH, Sheet, _number
from copilot.data.quality_rules import IN_ORDER
from copilot.errors import BadInput

PAST = ("event_ts", "known_ts", "created_date", "closed_date")  # cannot lie after the export
_GROUPED = {
    ".": re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?"),
    ",": re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]*)?"),
}


class MappedSheet(Sheet):
    """A ``Sheet`` whose ``raw`` has the export's columns and whose ``values`` the book's.

    ``rows`` are the book's rows once ``finish`` was called.
    """

    def __init__(self, name: str, table: str, mapping: TableMap, raw: pd.DataFrame, last: date) -> None:
        """Type the lines of ``raw`` (text, by line) that fit the mapping's filters.

        Args:
            name: The file, for sentences.
            table: A key of ``TABLES``.
            mapping: How its columns are filled.
            raw: All columns that the mapping names.
            last: No event lies after this day.

        Raises:
            BadInput: No line fits the filters, or a column's dates can be read in two ways.
        """
        self.name, self.table, self.mapping = name, table, mapping
        self.raw = raw[fits(raw, mapping.filters)]
        if self.raw.empty:
            raise BadInput(f"No line of {name} fits the filters of {table}; correct them in the mapping.")
        self.values = pd.DataFrame(index=self.raw.index)
        self.fault = pd.Series("", index=self.raw.index, dtype="object")
        self.follows = pd.Series(False, index=self.raw.index)
        self.notes: list[str] = []
        self.rows = pd.DataFrame()
        self.chosen = pd.Series(False, index=self.raw.index)
        if mapping.set_aside:
            self.chosen = fits(self.raw, mapping.set_aside)
            self.mark(self.chosen, f"{_patterns(mapping)}, which the mapping sets aside", follows=True)
        for ours, column in mapping.columns.items():
            self.values[ours] = self._column(ours, column, TABLES[table].columns[ours], last)
        for _, early, late in (order for order in IN_ORDER if order[0] == table):
            if early in self.values and late in self.values:
                self.mark(self.values[late] < self.values[early], f"{self._said(late)} is before {self._said(early)}")
        self._tell_chosen()

    def finish(self) -> None:
        """Bring the good lines together to ``rows``, one a key; the bounds of the book hold for those."""
        key = list(TABLES[self.table].key)
        if not self.mapping.combine:
            rows = self.good[key]
            again = rows.duplicated().reindex(self.values.index, fill_value=False)
            self.mark(again, f"{' + '.join(map(self._said, key))} stands there twice")
            for ours, fault in self._out_of_bounds(self._absolute(self.values)):
                self.mark(fault != "", f"{self._said(ours)} {fault[fault != ''].iloc[0]}")
            self.rows = self._absolute(self.good)
            return
        combined = self._combined(key)
        for ours, fault in self._out_of_bounds(combined):
            bad = combined.index[fault != ""]
            lines = pd.MultiIndex.from_frame(self.values[key]).isin(pd.MultiIndex.from_frame(combined.loc[bad, key]))
            self.mark(
                pd.Series(lines, index=self.values.index), f"{self._said(ours)} {fault[fault != ''].iloc[0]} in sum"
            )
        self.rows = self._combined(key)

    def _combined(self, key: list[str]) -> pd.DataFrame:
        takes = {ours: self._take(ours) for ours in self.values.columns if ours not in key}
        groups = self.good.groupby(key, sort=False, dropna=False)
        parts: dict[str, Any] = {
            ours: groups[ours].sum(min_count=1) if take == "sum" else getattr(groups[ours], take)()
            for ours, take in takes.items()
        }
        made = pd.DataFrame(parts) if parts else groups.size().to_frame("lines")
        return self._absolute(made.reset_index())

    def _take(self, ours: str) -> str:
        """A combined row is known when its last line is, unless the mapping knows better."""
        usual = {"known_ts": "max", "event_ts": "min"}.get(ours)
        if usual is None:
            usual = "sum" if TABLES[self.table].columns[ours].dtype == NUMBER else "first"
        return self.mapping.columns[ours].take or usual

    def _absolute(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(
            **{ours: rows[ours].abs() for ours, column in self.mapping.columns.items() if column.absolute}
        )

    def _out_of_bounds(self, rows: pd.DataFrame) -> list[tuple[str, pd.Series]]:
        """Return for each bounded column with a violation the fault of each row, empty where it has none."""
        found = []
        for ours in self.mapping.columns:
            rule = TABLES[self.table].columns[ours]
            if rule.dtype != NUMBER:
                continue
            fault = pd.Series("", index=rows.index, dtype="object")
            if rule.low is not None:
                fault[rows[ours] < rule.low] = f"is below {rule.low:g}"
            if rule.high is not None:
                fault[rows[ours] > rule.high] = f"is above {rule.high:g}"
            found += [(ours, fault.where(fault == kind, "")) for kind in fault[fault != ""].unique()]
        return found

    def _said(self, ours: str) -> str:
        """What the reader of the export knows a column of the book by."""
        column = self.mapping.columns.get(ours)
        return (column.from_ if column else None) or ours

    def _column(self, ours: str, column: ColumnMap, rule: Column, last: date) -> pd.Series:
        said = self._said(ours)
        text = self.raw[column.from_] if column.from_ else pd.Series(column.value, index=self.raw.index, dtype="str")
        if column.map is not None:
            text = self._mapped(said, text, column.map)
        given = text != ""
        if rule.required and ours != "known_ts":  # that one falls back on event_ts and the export's day
            self.mark(~given, f"{said} is empty")
        if rule.dtype == NUMBER:
            return self._numbers(said, column, text, given)
        if rule.dtype == DAY:
            return self._day(ours, column, text, given, last)
        if rule.dtype == FLAG:
            flags = text.str.lower().map(_FLAGS).astype("boolean")
            self.mark(given & flags.isna(), f"{said} is neither true nor false")
            return flags
        return self._texts(ours, text, rule)

    def _texts(self, ours: str, text: pd.Series, rule: Column) -> pd.Series:
        said, unlike = self._said(ours), pd.Series(text.unique(), dtype="str")
        is_id = ours in TABLES[self.table].key or ours.endswith("_id")
        if is_id:  # a cut id could be another's
            self.mark(
                text.isin(unlike[unlike.str.len() > NAME_LENGTH]), f"{said} is longer than {NAME_LENGTH} characters"
            )
        if ours == "body":
            words = unlike.str.slice(0, BODY_LENGTH)
        else:
            words = unlike.str.split().str.join(" ").str.slice(0, NAME_LENGTH).str.strip()
        if rule.one_of:
            words = words.str.lower().map({word.lower(): word for word in rule.one_of} | {"": ""})
            self.mark(text.isin(unlike[words.isna()]), f"{said} is none of {spoken(rule.one_of)}")
        found = words.mask(words == "").set_axis(unlike)
        return pd.Series(found.reindex(text).to_numpy(), index=text.index, dtype="str")

    def _mapped(self, said: str, text: pd.Series, map_: dict[str, str]) -> pd.Series:
        def look_up(cell: str) -> str | None:
            for pattern, word in map_.items():
                if matches(cell, pattern):
                    return cell if word == "*" else word
            return None if cell else ""

        found = _each(text, look_up)
        self.mark(found.isna(), f"{said} is not in the mapping's list")
        return found.fillna("").astype("str")

    def _numbers(self, said: str, column: ColumnMap, text: pd.Series, given: pd.Series) -> pd.Series:
        def read(cell: str) -> float:
            return _number(_plain(cell, column.decimal))

        value = _each(text, read).astype("float64")
        self.mark(given & value.isna(), f"{said} is not a plain number")
        if column.times:
            other = _each(self.raw[column.times], read).astype("float64")
            self.mark(given & other.isna(), f"{column.times} is not a plain number")
            value = value * other
        value = value * column.scale
        self.mark(value.abs() > LARGEST, f"{said} is too large")
        return value

    def _day(self, ours: str, column: ColumnMap, text: pd.Series, given: pd.Series, last: date) -> pd.Series:
        said = self._said(ours)
        if column.format is None:
            value = self._days(said, text, given)
        else:
            unlike = pd.Index(text[given].unique())
            days = pd.Series(_strptime(unlike, column.format), index=unlike)
            value = days.reindex(text).set_axis(text.index)
        if column.plus_days:
            value = value + pd.Timedelta(days=column.plus_days)
        value = value.astype(DAY)
        self.mark(given & value.isna(), f"{said} is not a date ({'write ' + (column.format or 'YYYY-MM-DD')})")
        self.mark(value < pd.Timestamp("1970-01-01"), f"{said} is before 1970")
        end = pd.Timestamp(last) + pd.DateOffset(years=0 if ours in PAST else 100)
        self.mark(value > end, f"{said} is after {end.date()}" + (", the export's last day" if ours in PAST else ""))
        return value

    def _tell_chosen(self) -> None:
        if not self.chosen.any():
            return
        sums = [
            f"{math.fsum(self.values.loc[self.chosen, ours].dropna()):,.2f} of {ours}"
            for ours in self.mapping.columns
            if ours.endswith("_usd")
        ]
        held = f"; they hold {', '.join(sums)}" if sums else ""
        self.notes.append(
            f"{int(self.chosen.sum()):,} of {len(self.raw):,} lines of {self.name} were set aside from {self.table} "
            f"because the mapping says so ({_patterns(self.mapping)}){held}."
        )


def fits(raw: pd.DataFrame, wanted: dict[str, list[str]]) -> pd.Series:
    """Say of each line whether every column of ``wanted`` holds one of its texts (``C*`` is any that begins with C)."""
    kept = pd.Series(True, index=raw.index)
    for column, patterns in wanted.items():
        unlike = pd.Index(raw[column].unique())
        fitting = [cell for cell in unlike if any(matches(cell, pattern) for pattern in patterns)]
        kept &= raw[column].isin(fitting)
    return kept


def matches(cell: str, pattern: str) -> bool:
    """Say whether ``cell`` is ``pattern`` or, where that ends in a star, begins with what stands before it."""
    return cell.startswith(pattern[:-1]) if pattern.endswith("*") else cell == pattern


def _patterns(mapping: TableMap) -> str:
    return " and ".join(
        f"{column} is {' or '.join(pattern or 'empty' for pattern in patterns)}"
        for column, patterns in mapping.set_aside.items()
    )


def _each(text: pd.Series, read: Callable[[str], Any]) -> pd.Series:
    """Apply ``read`` once to each different text; exports repeat themselves."""
    codes, unlike = pd.factorize(text)
    found = np.empty(len(unlike), dtype=object)
    found[:] = [read(cell) for cell in unlike]
    return pd.Series(found[codes], index=text.index, dtype="object")


def _plain(cell: str, decimal: str | None) -> str:
    """Write a number with a decimal point and no thousands; any other text comes back unreadable."""
    if decimal is None:
        return cell
    thousands = "," if decimal == "." else "."
    if _GROUPED[decimal].fullmatch(cell):
        cell = cell.replace(thousands, "")
    return "" if thousands in cell else cell.replace(decimal, ".")


def _strptime(texts: pd.Index, format_: str) -> Any:
    zoned = "%z" in format_
    days = pd.to_datetime(texts.astype("str"), format=format_, errors="coerce", utc=zoned)
    return (days.tz_localize(None) if zoned else days).normalize().astype(DAY).to_numpy()

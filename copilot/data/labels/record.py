"""What a label function hands back, and the rules they share: known time, plausible dates, finite amounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from copilot.data import history
from copilot.data.book import TABLES
from copilot.data.workspace import Book
from copilot.errors import BadInput

# Exports write 9999-12-31 for "never" and 1900-01-01 for "unknown"; outside these years a date says nothing.
FIRST_DAY, LAST_DAY = pd.Timestamp("1970-01-01"), pd.Timestamp("2100-01-01")
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Labels:
    """Labels that are known on a book's own date.

    Attributes:
        frame: One row a sample with, among others, ``account_id``, ``as_of`` (the last day features may read) and
            ``known_at`` (when the label could first be known); ordered by ``as_of``.
        spec: What the label means, in words; goes into a gold set's manifest.
        today: The book's date.
        censored: How many further samples have a label that is not known by then.
        left_out: How many rows could not be used, by reason.
    """

    frame: pd.DataFrame
    spec: str
    today: date
    censored: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def horizon_days(self) -> int:
        """The longest wait from ``as_of`` to ``known_at`` in whole days, rounded up; the embargo that folds need."""
        if self.frame.empty:
            return 0
        return int(np.ceil((self.frame["known_at"] - self.frame["as_of"]).max() / DAY))

    def told(self) -> str:
        """Say in one sentence how many labels there are and what is missing."""
        reasons = "".join(f"; {count:,} left out: {reason}" for reason, count in self.left_out.items())
        return f"{len(self.frame):,} labels known on {self.today}, {self.censored:,} not known yet{reasons}."


def known_by(book: Book, rows: pd.DataFrame, spec: str, left_out: Mapping[str, int] | None = None) -> Labels:
    """Keep the rows whose ``known_at`` lies on or before the book's date; count the others, NaT too, as censored."""
    known = rows["known_at"] < next_day(book)
    by = [name for name in ("as_of", "account_id", "product", "known_at") if name in rows]
    frame = rows[known].sort_values(by, kind="stable").reset_index(drop=True)
    return Labels(frame, spec, book.as_of, int((~known).sum()), counted(left_out or {}))


def next_day(book: Book) -> pd.Timestamp:
    """Return midnight after the book's last day: what happened before it is known."""
    return pd.Timestamp(book.as_of) + DAY


def read(book: Book, table: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the rows of a table as they were known by the book's date, and how many were not known at all."""
    rows = book.table(table)
    if book.has(table + history.SUFFIX):
        known = history.known_by(book, table, book.as_of)
    else:
        known = rows[rows["known_ts"] < next_day(book)].reset_index(drop=True)
    return known, {f"{table} not known yet": len(rows) - len(known)}


def as_known(book: Book, table: str, samples: pd.DataFrame, column: str) -> pd.Series:
    """Return a column of the row that each sample belongs to, by the version known on its ``as_of``.

    Where none was known yet the first one stands in: an export often learns of an account only with its first deal.

    Args:
        book: Where the table lies.
        table: A table with one key column, which the samples have too.
        samples: That column and ``as_of``.
        column: What is asked for.
    """
    [key] = TABLES[table].key
    rows = history.versions(book, table)[[key, "known_ts", column]].dropna(subset=["known_ts"])
    if not book.has(table + history.SUFFIX):
        return samples[[key]].merge(rows, on=key, how="left")[column].set_axis(samples.index)
    asked = samples[[key]].assign(day=samples["as_of"].dt.normalize() + DAY, row=range(len(samples)))
    rows = rows.sort_values("known_ts", kind="stable")
    first = asked[key].map(rows.drop_duplicates(key).set_index(key)["known_ts"])
    asked["day"] = later(asked["day"].astype("datetime64[us]"), first + pd.Timedelta(1, "us"))
    asked = asked.dropna(subset=[key, "day"]).sort_values("day", kind="stable")
    found = pd.merge_asof(
        asked, rows, left_on="day", right_on="known_ts", by=key, direction="backward", allow_exact_matches=False
    )
    return found.set_index("row")[column].reindex(range(len(samples))).set_axis(samples.index)


def drop(rows: pd.DataFrame, faults: Mapping[str, pd.Series]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Take out the rows with a fault; a row counts under its first one."""
    good, counts = pd.Series(True, index=rows.index), {}
    for reason, bad in faults.items():
        counts[reason] = int((good & bad).sum())
        good &= ~bad
    return rows[good].reset_index(drop=True), counts


def counted(counts: Mapping[str, int]) -> dict[str, int]:
    """Keep the reasons that occurred."""
    return {reason: count for reason, count in counts.items() if count}


def implausible(days: pd.Series) -> pd.Series:
    """Mark days that are missing or outside the years a sales team can mean."""
    return days.isna() | (days < FIRST_DAY) | (days >= LAST_DAY)


def infinite(values: pd.Series) -> pd.Series:
    """Mark numbers without end; an empty one is not among them."""
    return pd.Series(np.isinf(values.to_numpy(dtype="float64", na_value=np.nan)), index=values.index)


def contracts(book: Book) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the book's usable contracts and how many were left out, by reason.

    An end or renewal date outside 1970-2100 is read as "none", which is what exports mean by 9999-12-31.
    """
    rows, counts = read(book, "contracts")
    rows, faults = _usable(rows)
    return rows, counts | faults


def contracts_over_time(book: Book) -> pd.DataFrame:
    """Return every usable version of the contracts with its ``until_ts`` (``history.spans``), for what a model is told.

    A label says how things turned out, by the newest version; what stood in the book on a sample's own day, before any
    correction, is what a model would have been given then.
    """
    return _usable(history.spans(book, "contracts"))[0]


def _usable(rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    rows = rows.copy()
    for column in ("end_date", "rtcd"):
        rows[column] = rows[column].mask(implausible(rows[column]))
    return drop(
        rows,
        {
            "contracts that start outside 1970-2100": implausible(rows["start_date"]),
            "contracts that end on or before their start": rows["end_date"] <= rows["start_date"],
            "contracts with an infinite amount": infinite(rows["annual_usd"]) | infinite(rows["quantity"]),
        },
    )


def need(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Refuse a frame that lacks a column.

    Raises:
        BadInput: The text names the missing columns.
    """
    missing = [name for name in columns if name not in frame]
    if missing:
        raise BadInput(f"The {what} lack {', '.join(missing)}; they need the columns {', '.join(columns)}.")


def later(left: pd.Series, right: pd.Series) -> pd.Series:
    """Return the later of two days, row by row; of an empty one and another, the other."""
    return left.where(right.isna() | (left >= right), right)

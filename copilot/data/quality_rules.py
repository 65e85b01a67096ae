"""What a sound book keeps to: who refers to whom, which day comes first, and when a table or number is odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.data.book import DAY, NUMBER, TABLES

MISSING_SHARE = 0.05  # of a column's cells; fewer gaps are not worth a line
LATE_DAYS = 30  # an open deal whose closing day is so long past was forgotten
QUIET_DAYS = 365  # an account of which nothing was heard so long
MONTHS_BEHIND = 2  # a monthly table whose newest month is older stopped coming
SPREADS = 6.0  # robust standard deviations (of the logarithm, for what is never below 0) beyond which a number is odd
FEWEST = 30  # numbers below which a column has no usual spread
MONTHLY = ("usage_monthly", "people_monthly", "signals_monthly", "macro_monthly")
LIVELY = ("contracts", "opportunities", "usage_monthly", "signals_monthly", "touches", "tickets", "notes", "contacts")
_IGNORED = ("event_ts", "known_ts")
# Where nothing stands because there is nothing: no parent, no end yet, not closed.
_MEANT = (
    "parent_account_id",
    "manager_id",
    "end_date",
    "close_date",
    "closed_date",
    "resolution_hours",
    "satisfaction",
)
# table, column, the table it points into, that table's key
REFERENCES: tuple[tuple[str, str, str, str], ...] = (
    ("reps", "manager_id", "reps", "rep_id"),
    ("accounts", "parent_account_id", "accounts", "account_id"),
    ("accounts", "owner_rep_id", "reps", "rep_id"),
    *(
        (table, "account_id", "accounts", "account_id")
        for table in (
            "contacts", "contracts", "opportunities", "usage_monthly", "people_monthly", "signals_monthly", "touches",
            "tickets", "notes", "recommendations",
        )
    ),
    *((table, "rep_id", "reps", "rep_id") for table in ("opportunities", "touches", "recommendations")),
    ("opportunity_lines", "opportunity_id", "opportunities", "opportunity_id"),
    ("feedback", "recommendation_id", "recommendations", "recommendation_id"),
)  # fmt: skip
# table, the earlier day, the later day
IN_ORDER: tuple[tuple[str, str, str], ...] = (
    ("contracts", "start_date", "end_date"),
    ("opportunities", "created_date", "close_date"),
    ("tickets", "event_ts", "closed_date"),
)


@dataclass(frozen=True)
class Found:
    """Rows of one table (``bad``, true or false by row) with one fault, and the rest of the sentence on them."""

    column: str
    kind: str
    bad: pd.Series
    sentence: str


def faults(name: str, table: pd.DataFrame, tables: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> Iterator[Found]:
    """Yield what is wrong with one table, kind by kind.

    Args:
        name: A key of ``TABLES``.
        table: Its rows.
        tables: All tables of the book, for what points from one into another.
        as_of: The book's day.
    """
    if table.empty:
        return
    for found in (
        *_missing(table),
        *_duplicates(name, table),
        *_orphans(name, table, tables),
        *_stale(name, table, tables, as_of),
        *_outlying(name, table, as_of),
    ):
        if found.bad.any():
            yield found


def _missing(table: pd.DataFrame) -> Iterator[Found]:
    for column in table.columns:
        if column not in (*_IGNORED, *_MEANT):
            empty = table[column].isna()
            if empty.mean() >= MISSING_SHARE:
                yield Found(column, "missing", empty, f"have no {column}")


def _duplicates(name: str, table: pd.DataFrame) -> Iterator[Found]:
    key = TABLES[name].key
    said = [column for column in table.columns if column not in (*key, *_IGNORED) and table[column].notna().any()]
    if len(key) == 1 and key[0].endswith("_id") and name not in ("accounts", "touches", "feedback"):
        # Two touches of a day are two touches, but two contracts that agree in all are one written twice.
        again = table.duplicated([*said, *(["event_ts"] if table["event_ts"].notna().any() else [])])
        yield Found(" + ".join(said), "duplicate", again, "say the same as an earlier row under another id")
    if name == "accounts":
        spelled = table["name"].str.casefold().str.split().str.join(" ")
        yield Found("name", "duplicate", spelled.duplicated(), "carry the name of an earlier account")
    if name == "contacts":
        mail = table["email"].str.casefold().str.strip()
        yield Found("email", "duplicate", mail.duplicated() & mail.notna(), "carry the address of an earlier contact")


def _orphans(name: str, table: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> Iterator[Found]:
    for _, column, target, key in (one for one in REFERENCES if one[0] == name):
        if target in tables:
            lost = table[column].notna() & ~_among(table[column], set(tables[target][key].tolist()))
            yield Found(column, "orphaned", lost, f"point to {target} that are not there, in {column}")


def _among(values: pd.Series, known: set[str]) -> pd.Series:
    """Say which of ``values`` are ``known``; ``isin`` is ten times as slow on hundreds of thousands of texts."""
    codes, unlike = pd.factorize(values)
    there = np.array([one in known for one in unlike.tolist()] + [False])  # the last for what is missing, code -1
    return pd.Series(there[codes], index=values.index)


def _stale(name: str, table: pd.DataFrame, tables: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> Iterator[Found]:
    everything = pd.Series(True, index=table.index)
    if name == "opportunities":
        late = (table["status"] == "open") & (table["close_date"] < as_of - pd.Timedelta(days=LATE_DAYS))
        yield Found("close_date", "stale", late, f"are open more than {LATE_DAYS} days after their close_date")
    if name == "accounts" and any(other in tables for other in LIVELY):
        quiet = ~_among(table["account_id"], _heard_of(tables, as_of - pd.Timedelta(days=QUIET_DAYS)))
        yield Found(
            "account_id", "stale", quiet, f"have no contract and nothing recorded in the last {QUIET_DAYS} days"
        )
    if name in MONTHLY:
        newest = table["event_ts"].max()
        if pd.notna(newest) and newest < as_of.to_period("M").to_timestamp() - pd.DateOffset(months=MONTHS_BEHIND):
            yield Found("event_ts", "stale", everything, f"end with {newest:%Y-%m}, months before the book's day")


def _heard_of(tables: dict[str, pd.DataFrame], since: pd.Timestamp) -> set[str]:
    """Return the accounts with a contract that runs, or any other row, after ``since``."""
    found: set[str] = set()
    for name in LIVELY:
        if name not in tables:
            continue
        table = tables[name]
        lively = (table["event_ts"] > since) | (table["known_ts"] > since)
        if name == "contracts":
            lively |= table["end_date"].isna() | (table["end_date"] > since)
        found |= set(table.loc[lively, "account_id"].dropna().unique().tolist())
    return found


def _outlying(name: str, table: pd.DataFrame, as_of: pd.Timestamp) -> Iterator[Found]:
    for column, rule in TABLES[name].columns.items():
        if rule.dtype == NUMBER:
            odd = far_out(table[column])
            yield Found(column, "outlying", odd, f"have an unusual {column}, far from the others")
        if column in ("event_ts", "known_ts", "created_date", "closed_date") and rule.dtype == DAY:
            yield Found(
                column, "outlying", table[column] > as_of, f"have a {column} after the book's day {as_of.date()}"
            )
    for _, early, late in (one for one in IN_ORDER if one[0] == name):
        yield Found(
            f"{early} + {late}", "outlying", table[late] < table[early], f"have their {late} before their {early}"
        )


def far_out(values: pd.Series) -> pd.Series:
    """Say which numbers lie more than ``SPREADS`` robust standard deviations from their median.

    Args:
        values: Numbers; missing ones are never far out. A column that is never negative is judged by log(1 + x).

    Returns:
        True or False by row; all False where fewer than ``FEWEST`` numbers are given or half of them are equal.
    """
    given = values.dropna()
    nothing = pd.Series(False, index=values.index)
    if len(given) < FEWEST:
        return nothing
    scaled = np.log1p(given) if (given >= 0).all() else given
    distance = (scaled - scaled.median()).abs()
    spread = 1.4826 * distance.median()
    if spread <= 0:
        return nothing
    return (distance > SPREADS * spread).reindex(values.index, fill_value=False)

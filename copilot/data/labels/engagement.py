"""Engagement targets: next month's utilisation and adoption of each product an account uses (001 §2.3)."""

from __future__ import annotations

import pandas as pd

from copilot.data.labels.record import DAY, Labels, drop, implausible, known_by, later, next_day, read
from copilot.data.workspace import Book

SPEC = (
    "The next calendar month's utilisation (0-100) and adoption (0-1) of a product; features as of a month's last day."
)
RATES = ("utilization_pct", "adoption")


def engagement_targets(book: Book, *, accounts: pd.Series | None = None) -> Labels:
    """Return, for each account, product and month with usage, what the next month brought.

    Args:
        book: Needs monthly usage.
        accounts: Only these account ids; by default all.

    Returns:
        ``account_id, product``; ``as_of``, the month's last day; ``month``, the first day of the month that is
        forecast; ``known_at``, when its row was known, at the earliest at its end; ``utilization_pct`` (0-100) and
        ``adoption`` (0-1), either of them null where it was not measured. Of several rows in one month the latest
        counts. The month that follows the last one is censored; a gap, or a month without either rate, is left out.
    """
    usage, late = read(book, "usage_monthly")
    if accounts is not None:
        usage = usage[usage["account_id"].isin(accounts)].reset_index(drop=True)
    usage, faults = drop(usage, {"usage rows without a plausible month": implausible(usage["event_ts"])})
    usage["month"] = _first_of(usage["event_ts"])
    usage = usage.sort_values(["account_id", "product", "event_ts", "known_ts"], kind="stable")
    usage = usage.drop_duplicates(["account_id", "product", "month"], keep="last")
    rows = usage[["account_id", "product", "month"]].copy()
    rows["month"] += pd.DateOffset(months=1)
    rows["as_of"] = rows["month"] - DAY
    targets = usage[["account_id", "product", "month", "known_ts", *RATES]]
    rows = rows.merge(targets, on=["account_id", "product", "month"], how="left")
    last_of = rows["month"] + pd.DateOffset(months=1) - DAY
    rows["known_at"] = later(last_of, rows["known_ts"])
    # No row yet is a gap once the month is over and the feed has told of others; before that it may still come.
    over = last_of < next_day(book)
    reported = rows["month"].isin(usage["month"])
    rows, gaps = drop(
        rows,
        {
            "months without usage after one with it": over & reported & rows["known_ts"].isna(),
            "months that were not measured": rows["known_ts"].notna() & rows[list(RATES)].isna().all(axis=1),
        },
    )
    rows["known_at"] = rows["known_at"].mask(rows["known_ts"].isna())
    frame = rows[["account_id", "product", "as_of", "month", "known_at", *RATES]]
    return known_by(book, frame, SPEC, late | faults | gaps)


def _first_of(days: pd.Series) -> pd.Series:
    return days.dt.normalize() - pd.to_timedelta(days.dt.day - 1, unit="D")

"""The label mart, first form: what happened to an account's spend after a date, and whether it was touched before.

A book with renewal dates (RTCD) gives one sample a renewal: features as of 60 days before it, the outcome 30 days
after it (001 §2.1: delta spend between renewal T-1 and T). A book without gives one sample an account and quarter.
"""

from __future__ import annotations

import pandas as pd

from copilot.data.workspace import Book

LEAD_DAYS, SETTLE_DAYS = 60, 30  # a touch counts in the first 60 days, the outcome is read after 90
QUARTER_DAYS = LEAD_DAYS + SETTLE_DAYS


def samples(book: Book) -> pd.DataFrame:
    """Return the book's growth and uplift samples, oldest first.

    Returns:
        ``account_id``; ``as_of``, the last day features may read; ``end``, the day the outcome is read;
        ``base_usd`` (> 0) and ``base_quantity``, active on ``as_of``; ``delta_usd`` and ``delta_quantity``, their
        change by ``end``; ``treated``, whether the account was touched in the 60 days after ``as_of`` (0 or 1).
        No rows when the book has no contracts.
    """
    contracts = book.table("contracts")
    moments = _renewals(contracts, book) if contracts["rtcd"].notna().any() else _quarters(contracts, book)
    if moments.empty:
        return moments.assign(base_usd=[], base_quantity=[], delta_usd=[], delta_quantity=[], treated=[])
    found = moments.reset_index(drop=True)
    before, after = _active(contracts, found, "as_of"), _active(contracts, found, "end")
    found["base_usd"], found["base_quantity"] = before["annual_usd"], before["quantity"]
    found["delta_usd"] = after["annual_usd"] - before["annual_usd"]
    found["delta_quantity"] = after["quantity"] - before["quantity"]
    found["treated"] = _touched(book.table("touches"), found)
    return found[found["base_usd"] > 0].sort_values(["as_of", "account_id"]).reset_index(drop=True)


def _renewals(contracts: pd.DataFrame, book: Book) -> pd.DataFrame:
    due = contracts.dropna(subset=["rtcd"])[["account_id", "rtcd"]].drop_duplicates()
    due = due.assign(as_of=due["rtcd"] - pd.Timedelta(days=LEAD_DAYS), end=due["rtcd"] + pd.Timedelta(days=SETTLE_DAYS))
    return due[due["end"] <= pd.Timestamp(book.as_of)].drop(columns="rtcd")


def _quarters(contracts: pd.DataFrame, book: Book) -> pd.DataFrame:
    if contracts.empty:
        return pd.DataFrame({"account_id": [], "as_of": [], "end": []})
    last, first = pd.Timestamp(book.as_of), contracts["start_date"].min()
    ends = pd.date_range(last, first + pd.Timedelta(days=QUARTER_DAYS), freq=f"-{QUARTER_DAYS}D")
    grid = pd.DataFrame({"end": ends, "as_of": ends - pd.Timedelta(days=QUARTER_DAYS)})
    return contracts[["account_id"]].drop_duplicates().merge(grid, how="cross")


def _active(contracts: pd.DataFrame, moments: pd.DataFrame, when: str) -> pd.DataFrame:
    """Sum what is active on each moment's day: begun by then and not yet ended."""
    rows = moments[["account_id", when]].reset_index().merge(contracts, on="account_id")
    rows = rows[(rows["start_date"] <= rows[when]) & (rows["end_date"].isna() | (rows["end_date"] > rows[when]))]
    totals = rows.groupby("index")[["annual_usd", "quantity"]].sum()
    return totals.reindex(moments.index, fill_value=0.0)


def _touched(touches: pd.DataFrame, moments: pd.DataFrame) -> pd.Series:
    rows = moments.reset_index().merge(touches[["account_id", "event_ts"]], on="account_id")
    age = rows["event_ts"] - rows["as_of"]
    inside = rows[(age > pd.Timedelta(0)) & (age <= pd.Timedelta(days=LEAD_DAYS))]
    return pd.Series(moments.index.isin(inside["index"]).astype(int), index=moments.index)

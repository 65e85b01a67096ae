"""The moments that growth and uplift labels speak of, and what was under contract on a day.

A book with renewal dates (RTCD) gives one moment a renewal: features as of 60 days before it, the outcome 30 days
after it (001 §2.1: delta spend between renewal T-1 and T). A book without gives one moment an account and quarter.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

LEAD_DAYS, SETTLE_DAYS = 60, 30  # a touch counts in the first 60 days, the outcome is read after 90
QUARTER_DAYS = LEAD_DAYS + SETTLE_DAYS


def moments(contracts: pd.DataFrame, today: pd.Timestamp) -> pd.DataFrame:
    """Return when each account's change of spend is asked for, past and coming.

    Returns:
        ``account_id, as_of, end``: one row a renewal date, 60 days before it to 30 days after it; without any renewal
        dates one row an account and quarter of 90 days, counted back from ``today``.
    """
    if contracts.empty:
        days = pd.Series([], dtype="datetime64[us]")
        return pd.DataFrame({"account_id": contracts["account_id"], "as_of": days, "end": days})
    if contracts["rtcd"].notna().any():
        due = contracts.dropna(subset=["rtcd"])[["account_id", "rtcd"]].drop_duplicates()
        as_of, end = due["rtcd"] - pd.Timedelta(days=LEAD_DAYS), due["rtcd"] + pd.Timedelta(days=SETTLE_DAYS)
        return due.assign(as_of=as_of, end=end).drop(columns="rtcd").reset_index(drop=True)
    first = contracts["start_date"].min()
    ends = pd.date_range(today, first + pd.Timedelta(days=QUARTER_DAYS), freq=f"-{QUARTER_DAYS}D")
    grid = pd.DataFrame({"end": ends, "as_of": ends - pd.Timedelta(days=QUARTER_DAYS)})
    return contracts[["account_id"]].drop_duplicates().merge(grid, how="cross")


def active(
    contracts: pd.DataFrame, found: pd.DataFrame, when: str, by: Sequence[str] = (), *, known: bool = False
) -> pd.DataFrame:
    """Sum what is active on each moment's day: begun by then and not yet ended.

    Args:
        contracts: The contracts, one row a term and product.
        found: One row a moment, with ``account_id`` and the day ``when``; its index numbers the rows.
        by: Further columns of the contracts to tell apart, as ``product``.
        known: Take only what was known when that day ended; the contracts are then ``record.contracts_over_time``.

    Returns:
        ``annual_usd``, ``quantity`` and ``known_ts`` (when the last row was known), by row number; with ``by``, by row
        number and those columns, and only where something is active. The quantity is null where one row states none.
    """
    columns = ["account_id", *by, "start_date", "end_date", "annual_usd", "quantity", "known_ts"]
    terms = contracts[[*columns, *(["until_ts"] if known else [])]]
    rows = found[["account_id", when]].rename_axis("row").reset_index().merge(terms, on="account_id")
    rows = rows[(rows["start_date"] <= rows[when]) & (rows["end_date"].isna() | (rows["end_date"] > rows[when]))]
    if known:
        over = rows[when].dt.normalize() + pd.Timedelta(days=1)
        rows = rows[(rows["known_ts"] < over) & (rows["until_ts"].isna() | (rows["until_ts"] >= over))]
    groups = rows.groupby(["row", *by], observed=True)
    totals = groups[["annual_usd"]].sum()
    totals["quantity"] = groups["quantity"].sum(skipna=False)
    totals["known_ts"] = groups["known_ts"].max()
    if by:
        return totals
    absent = found.index.difference(totals.index)
    totals = totals.reindex(found.index)
    totals.loc[absent, ["annual_usd", "quantity"]] = 0.0
    return totals

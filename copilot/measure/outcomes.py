"""What each account was due to renew, what it renewed and what it bought besides, from the book's contracts."""

from __future__ import annotations

import pandas as pd

from copilot.errors import BadInput

AROUND = pd.Timedelta(days=30)  # a renewal is signed within so many days of its date; then its outcome is known


def bookings(contracts: pd.DataFrame, starts: pd.Timestamp, ends: pd.Timestamp, today: pd.Timestamp) -> pd.DataFrame:
    """Return the renewals that fell due from ``starts`` to ``ends``, as far as their outcome is known today.

    A renewal is an account's contracts of one renewal date. What it renewed are contracts of the same products that
    start within 30 days of the date; what it bought besides (add-ons) are other contracts that start in the period.

    Returns:
        One row an account: ``account_id, target_usd, renewal_usd, add_on_usd, rig, net_ratio`` and ``due`` (the first
        date). Renewals less than 30 days old are left out: their outcome is not settled.

    Raises:
        BadInput: The book holds no contract, or none with a renewal date.
    """
    if contracts.empty or contracts["rtcd"].isna().all():
        raise BadInput("This book holds no contracts with renewal dates, so renewals cannot be measured; import them.")
    last = min(ends, today - AROUND)
    due = contracts[contracts["rtcd"].between(starts, last)]
    target = due.groupby(["account_id", "product", "rtcd"], as_index=False)["annual_usd"].sum()
    signed = contracts.loc[
        contracts["start_date"].between(starts - AROUND, last + AROUND),
        ["contract_id", "account_id", "product", "start_date", "annual_usd"],
    ]
    pairs = target.drop(columns="annual_usd").merge(signed, on=["account_id", "product"])
    renewed = pairs[(pairs["start_date"] - pairs["rtcd"]).abs() <= AROUND].drop_duplicates("contract_id")
    others = signed[~signed["contract_id"].isin(renewed["contract_id"]) & signed["start_date"].between(starts, last)]
    # A contract that itself falls due in the period is what was renewed, not what was added.
    others = others[~others["contract_id"].isin(due["contract_id"])]
    found = target.groupby("account_id").agg(target_usd=("annual_usd", "sum"), due=("rtcd", "min"))
    for column, rows in (("renewal_usd", renewed), ("add_on_usd", others)):
        found[column] = rows.groupby("account_id")["annual_usd"].sum().reindex(found.index, fill_value=0.0)
    ratio = found["target_usd"].where(found["target_usd"] > 0)
    found["rig"] = found["renewal_usd"] / ratio
    found["net_ratio"] = (found["renewal_usd"] + found["add_on_usd"]) / ratio
    return found.reset_index()


def by_period(
    contracts: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp, today: pd.Timestamp, months: int
) -> pd.DataFrame:
    """Return ``bookings`` of consecutive spans of so many months, with ``period`` (the span's first day)."""
    edges = pd.date_range(first, last, freq=pd.DateOffset(months=months))
    parts = []
    for start in edges:
        end = min(start + pd.DateOffset(months=months) - pd.Timedelta(days=1), last)
        part = bookings(contracts, start, end, today)
        if len(part):
            parts.append(part.assign(period=start))
    if not parts:
        raise BadInput(f"No renewal fell due from {first:%Y-%m-%d} to {last:%Y-%m-%d}; choose another period.")
    return pd.concat(parts, ignore_index=True)

"""Who uses the copilot, how often, and who stays: from its own log (001 §2.6.2)."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.columns import need

CONSISTENT_MONTHS = 4  # active in at least so many of twelve months
WINDOW_MONTHS = 12


def active_months(log: pd.DataFrame, *, user: str = "user", at: str = "at", until: date | None = None) -> pd.DataFrame:
    """Return who was active in which month.

    Args:
        log: One row each use: who, and when (a moment or a day).
        user: The column of who, as the rep.
        at: The column of when.
        until: The last day that has happened.

    Returns:
        ``user, month`` (a Period), ``uses``: one row a user and month with at least one use.

    Raises:
        BadInput: A column is missing, holds no date, or reaches beyond ``until``.
    """
    if isinstance(log, pd.DataFrame) and {user, at} <= set(log.columns) and log.empty:
        return pd.DataFrame({"user": [], "month": pd.PeriodIndex([], freq="M"), "uses": []})
    whole = need(log, [user, at]).dropna(subset=[user, at])
    try:
        moment = pd.to_datetime(whole[at], utc=True, format="ISO8601").dt.tz_localize(None)
    except (TypeError, ValueError):
        raise BadInput(f"{at} holds text that is no date; give moments as 2026-07-01 09:30.") from None
    if until is not None and (moment >= pd.Timestamp(until) + pd.Timedelta(days=1)).any():
        raise BadInput(f"The log reaches {moment.max():%Y-%m-%d}, after {until}; a study reads only what has happened.")
    rows = pd.DataFrame({"user": whole[user], "month": moment.dt.to_period("M")})
    return rows.groupby(["user", "month"]).size().rename("uses").reset_index()


def consistency(active: pd.DataFrame, users: list[str], last: pd.Period, months: int = WINDOW_MONTHS) -> pd.Series:
    """Return each user's standing over the ``months`` that end with ``last``.

    Returns:
        By user: "consistent" (active in 4 or more months), "infrequent" (1 to 3), "none". In a shorter window than
        twelve months the bounds stay: four months are four months.
    """
    inside = active[(active["month"] <= last) & (active["month"] > last - months)]
    count = inside.groupby("user")["month"].nunique().reindex(users, fill_value=0)
    words = np.select([count >= CONSISTENT_MONTHS, count >= 1], ["consistent", "infrequent"], "none")
    return pd.Series(words, index=users, name="standing")


def adoption(active: pd.DataFrame, users: list[str], months: pd.PeriodIndex) -> pd.DataFrame:
    """Return adoption month by month: ``month, active, share`` of the users, and ``ever`` (had used it by then)."""
    mine = active[active["user"].isin(users)]
    first = mine.groupby("user")["month"].min()
    rows = [(month, int((mine["month"] == month).sum()), int((first <= month).sum())) for month in months]
    table = pd.DataFrame(rows, columns=["month", "active", "ever"])
    table["share"] = table["active"] / max(len(users), 1)
    return table


def retention(active: pd.DataFrame, last: pd.Period) -> pd.DataFrame:
    """Return retention: of those who first came so long ago that it can be known, the share active ``k`` months later.

    Returns:
        ``months_later, users, share``.
    """
    if active.empty:
        return pd.DataFrame(columns=["months_later", "users", "share"])
    number = pd.Series(active["month"].array.asi8, index=active.index)
    first = number.groupby(active["user"]).transform("min")
    later, age = number - first, last.ordinal - first.groupby(active["user"]).first()
    rows = []
    for k in range(int(age.max()) + 1):
        old = age.index[age >= k]
        seen = active.loc[(later == k) & active["user"].isin(old), "user"].nunique()
        rows.append((k, len(old), seen / len(old)))
    return pd.DataFrame(rows, columns=["months_later", "users", "share"])


def converters(before: pd.Series, during: pd.Series) -> pd.Series:
    """Return who can be compared: 1 for infrequent users who became consistent, 0 for those who stayed infrequent.

    Everybody else (consistent before, never there, gone) is left out, as in the paper.
    """
    both = pd.DataFrame({"before": before, "during": during}).dropna()
    both = both[(both["before"] == "infrequent") & both["during"].isin(("consistent", "infrequent"))]
    return (both["during"] == "consistent").astype(int).rename("converted")

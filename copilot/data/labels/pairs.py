"""Uplift pairs: whether, and how, an account was touched in a window, and what it booked afterwards (000 §3.1)."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from copilot.data.book import TOUCH_KINDS
from copilot.data.labels.record import (
    DAY,
    Labels,
    contracts,
    contracts_over_time,
    drop,
    implausible,
    known_by,
    later,
    read,
)
from copilot.data.labels.renewals import LEAD_DAYS, active, moments
from copilot.data.workspace import Book
from copilot.errors import BadInput

CONTROL = "none"
SPEC = (
    "Bookings from day {days} after as_of up to the day the outcome is read, by the kind of the first touch ({kinds}) "
    "in the {days} days before; features as of the day before those days begin."
)


def uplift_pairs(book: Book, *, kinds: Collection[str] = TOUCH_KINDS, window_days: int = LEAD_DAYS) -> Labels:
    """Return what each account booked after a window in which it was, or was not, touched.

    The window opens on the day after ``as_of``, so that features come before any treatment, and closes before the
    renewal date, so that any outcome comes after it.

    Args:
        book: Needs contracts; without touches every row is a control.
        kinds: Which kinds of touch are treatments; an account that had only others in the window is in no arm and
            left out.
        window_days: How long touches count; less than the 90 days from ``as_of`` to the outcome.

    Returns:
        ``account_id, as_of``; ``window_end``, the first day after the window; ``end``, the day the outcome is read;
        ``known_at``; ``base_usd`` (> 0), as the book had it on ``as_of``; ``arm``, the kind of the first touch (of one
        day the first of the book's kinds) or ``none``; ``treated``, 0 or 1; ``touches``, how many of those kinds;
        ``bookings_usd``, the annual value of the terms that start on or after ``window_end`` and by ``end``;
        ``delta_usd``, the change of annual spend from ``as_of`` to ``end`` by what is known now.

    Raises:
        BadInput: An unknown kind of touch, or a window that leaves no time for the outcome.
    """
    unknown = sorted(set(kinds) - set(TOUCH_KINDS))
    if unknown or not kinds:
        raise BadInput(f"There is no touch of the kind {', '.join(unknown) or '(none)'}; use {', '.join(TOUCH_KINDS)}.")
    terms, left_out = contracts(book)
    found = moments(terms, pd.Timestamp(book.as_of)).reset_index(drop=True)
    before = active(terms, found, "as_of")
    found["base_usd"] = active(contracts_over_time(book), found, "as_of", known=True)["annual_usd"]
    found["window_end"] = found["as_of"] + pd.Timedelta(days=window_days)
    if window_days < 1 or (found["window_end"] > found["end"]).any():
        raise BadInput(
            f"A window of {window_days} days leaves no time for the outcome, read on day 90; use 1 to 90 days."
        )
    after = active(terms, found, "end")
    found["delta_usd"] = after["annual_usd"] - before["annual_usd"]
    found["known_at"] = later(found["end"], later(before["known_ts"], after["known_ts"]))
    found = found[found["base_usd"] > 0].reset_index(drop=True)
    found["bookings_usd"] = _booked(terms, found)
    touches, late = read(book, "touches")
    touches, faults = drop(touches, {"touches without a plausible day": implausible(touches["event_ts"])})
    inside = _inside(touches, found)
    found = found.join(_arms(inside[inside["kind"].isin(kinds)]))
    found["arm"] = found["arm"].fillna(CONTROL)
    found["touches"] = found["touches"].fillna(0).astype("int64")
    found["treated"] = (found["arm"] != CONTROL).astype("int64")
    found["known_at"] = later(found["known_at"], inside.groupby("row")["known_ts"].max().reindex(found.index))
    other = found.index.isin(inside["row"]) & (found["treated"] == 0)
    counts = {"samples with touches of other kinds only": int(other.sum())}
    columns = "account_id as_of window_end end known_at base_usd arm treated touches bookings_usd delta_usd".split()
    spec = SPEC.format(days=window_days, kinds=", ".join(kind for kind in TOUCH_KINDS if kind in kinds))
    return known_by(book, found.loc[~other, columns], spec, left_out | late | faults | counts)


def _inside(touches: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Return the touches in each row's window, one row each, with the ``row`` they belong to."""
    rows = found[["account_id", "as_of", "window_end"]].rename_axis("row").reset_index()
    both = rows.merge(touches[["account_id", "kind", "event_ts", "known_ts"]], on="account_id")
    # Features read all of as_of's day, so a touch later on that day is not after them.
    return both[(both["event_ts"] >= both["as_of"].dt.normalize() + DAY) & (both["event_ts"] < both["window_end"])]


def _arms(inside: pd.DataFrame) -> pd.DataFrame:
    order = inside["kind"].map(TOUCH_KINDS.index)
    ordered = inside.assign(order=order, day=inside["event_ts"].dt.normalize()).sort_values(["day", "order"])
    groups = ordered.groupby("row")
    return pd.DataFrame({"arm": groups["kind"].first(), "touches": groups.size()})


def _booked(terms: pd.DataFrame, found: pd.DataFrame) -> pd.Series:
    rows = found[["account_id", "window_end", "end"]].rename_axis("row").reset_index().merge(terms, on="account_id")
    signed = rows[(rows["start_date"] >= rows["window_end"]) & (rows["start_date"] <= rows["end"])]
    return signed.groupby("row")["annual_usd"].sum().reindex(found.index, fill_value=0.0)

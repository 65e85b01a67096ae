"""Overlapping label windows: a renewal cycle gives one sample a booking event, not one in all (001 §2.2.2, Fig. 3-4).

The anchor of an event is the day that opened its cycle: the account's first purchase or its latest co-term renewal
before. A non-co-term renewal keeps the anchor of the cycle in which its term began. Totals count what was booked in the
cycle, the renewal that ends it included; each booking counts in one cycle, so a co-term event after renewal T starts
again at 0 even while an older cycle still waits for its non-co-term renewal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from copilot.data.labels.events import KINDS, bookings
from copilot.data.labels.record import Labels, implausible, infinite, known_by, later, need
from copilot.data.workspace import Book
from copilot.errors import BadInput

SPEC = (
    "Overlapping windows, one sample a booking event of {unit}: {total} booked since the renewal that opened the cycle "
    "(001 §2.2.2); features as of the previous event or renewal."
)


def booking_windows(book: Book, *, by: Literal["account", "product"] = "product") -> Labels:
    """Return one sample a booking event, for each account and product (quantity) or each account (spend).

    Returns:
        The columns of ``overlapping``. Coming ends of running contracts, and renewals whose 30 days of grace are not
        over, are counted as censored.
    """
    events, cycles, left_out = bookings(book)
    per_product = by == "product"
    frame, unanchored = _windows(events, cycles, ("account_id", "product") if per_product else ("account_id",))
    unit, total = ("an account and product", "quantity") if per_product else ("an account", "spend")
    spec = SPEC.format(unit=unit, total=total)
    return known_by(book, frame, spec, left_out | {"events before any renewal or first purchase": unanchored})


def overlapping(
    events: pd.DataFrame, cycles: pd.DataFrame | None = None, *, by: Sequence[str] = ("account_id", "product")
) -> pd.DataFrame:
    """Turn booking events into samples.

    Args:
        events: ``account_id``, further columns of ``by``, ``event_ts``, ``kind`` (one of ``events.KINDS``) and
            ``delta_qty``, which may be null where unknown. Where there are any: ``delta_usd``; ``known_ts`` (by default
            the event's day); ``opened``, the day the term that a ``renewal_non_co_term`` ends began (by default that
            of the unit's latest non-co-term event before it).
        cycles: ``account_id, event_ts`` of the days that open a cycle; by default the account's openings and renewals.
        by: The unit of a sample; totals are per unit.

    Returns:
        ``by``, ``kind``, ``anchor``, ``as_of`` (the later of the unit's previous event and the cycle's start),
        ``event_ts``, ``known_at`` (when the whole total was known), ``delta_qty`` and ``delta_usd`` of the event,
        ``total_qty`` and ``total_usd`` since the anchor, and ``outcome``: upsell, flat or churn, by the total (of the
        quantity, or of the spend when the unit is the account). Events of one unit, cycle and day are one sample; what
        opens the first cycle, or comes before it, is none. No rows without events.

    Raises:
        BadInput: A column is missing, a kind is unknown, a day implausible, an amount infinite, or a term ends before
            it began.
    """
    return _windows(events, cycles, by)[0]


def _windows(events: pd.DataFrame, cycles: pd.DataFrame | None, by: Sequence[str]) -> tuple[pd.DataFrame, int]:
    by = list(by)
    events = _checked(events, by)
    if cycles is None:
        cycles = events.loc[events["kind"].isin(("opening", "renewal")), ["account_id", "event_ts"]]
    bought = events[events["kind"] != "opening"].reset_index(drop=True)
    bought["cycle"] = _cycle_before(bought["account_id"], bought["event_ts"], cycles)
    began = _opened(bought, by).fillna(bought["event_ts"])
    bought["anchor"] = _cycle_before(bought["account_id"], began, cycles)
    anchored = bought[bought["anchor"].notna()]
    groups = anchored.assign(rank=anchored["kind"].map(KINDS.index)).groupby([*by, "anchor", "event_ts"])
    found = groups.agg(rank=("rank", "min"), known_at=("known_ts", "max"), cycle=("cycle", "first"))
    for delta in ("delta_qty", "delta_usd"):
        found[delta] = groups[delta].sum(skipna=False)
    found = found.reset_index()  # in the order of the unit, its cycles and days
    in_cycle = found.groupby([*by, "anchor"])
    for what in ("qty", "usd"):
        found[f"total_{what}"] = in_cycle[f"delta_{what}"].cumsum(skipna=False)
    found["known_at"] = in_cycle["known_at"].cummax()
    found["kind"] = pd.Series([KINDS[int(rank)] for rank in found["rank"]], index=found.index, dtype="str")
    days = bought[[*by, "event_ts"]].drop_duplicates().sort_values([*by, "event_ts"])
    days["previous"] = days.groupby(by)["event_ts"].shift()
    found = found.merge(days, on=[*by, "event_ts"], how="left")
    found["as_of"] = later(found["cycle"], found["previous"])
    found["outcome"] = outcome(found["total_qty"] if "product" in by else found["total_usd"])
    columns = "kind anchor as_of event_ts known_at delta_qty total_qty delta_usd total_usd outcome".split()
    found = found.sort_values([*by, "event_ts", "anchor"]).reset_index(drop=True)
    return found[[*by, *columns]], int(bought["anchor"].isna().sum())


def outcome(change: pd.Series) -> pd.Series:
    """Name a change: upsell above 0, churn below, flat at 0, null where it is unknown (001 §2.1)."""
    names = pd.Series(np.select([change > 0, change < 0], ["upsell", "churn"], "flat"), index=change.index, dtype="str")
    return names.mask(change.isna())


def _checked(events: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    need(events, list(dict.fromkeys(["account_id", *by, "event_ts", "kind", "delta_qty"])), "booking events")
    events = events.reset_index(drop=True)
    events = events.reindex(columns=list(dict.fromkeys([*events, "delta_usd", "known_ts", "opened"])))
    for column in ("event_ts", "known_ts", "opened"):
        try:
            events[column] = pd.to_datetime(events[column], format="ISO8601").astype("datetime64[us]")
        except (ValueError, TypeError):
            raise BadInput(f"The booking events' {column} holds something that is not a date.") from None
    events["known_ts"] = events["known_ts"].fillna(events["event_ts"])
    for column in ("delta_qty", "delta_usd"):
        try:
            events[column] = pd.to_numeric(events[column]).astype("float64")
        except (ValueError, TypeError):
            raise BadInput(f"The booking events' {column} holds something that is not a number.") from None
    wrong = {
        "have no account or unit": events[["account_id", *by]].isna().any(axis=1),
        f"have a kind that is none of {', '.join(KINDS)}": ~events["kind"].isin(KINDS),
        "have no day between 1970 and 2100": implausible(events["event_ts"]),
        "have an infinite amount": infinite(events["delta_qty"]) | infinite(events["delta_usd"]),
        "end a term before it began": events["opened"] > events["event_ts"],
    }
    for fault, rows in wrong.items():
        if rows.any():
            raise BadInput(f"{int(rows.sum())} of {len(events)} booking events {fault}; mend or drop them.")
    return events


def _opened(bought: pd.DataFrame, by: list[str]) -> pd.Series:
    """Return the day on which the term of each non-co-term renewal began; null for all other events."""
    own = bought["kind"] == "renewal_non_co_term"
    began = bought["event_ts"].where(own | (bought["kind"] == "add_on_non_co_term"))
    ordered = bought.assign(began=began).sort_values("event_ts", kind="stable")
    ordered["began"] = ordered.groupby(by)["began"].ffill()
    latest = ordered.groupby(by)["began"].shift().reindex(bought.index)
    return bought["opened"].fillna(latest).where(own)


def _cycle_before(account: pd.Series, day: pd.Series, cycles: pd.DataFrame) -> pd.Series:
    """Return the latest day before ``day`` on which a cycle of the account opened."""
    if account.empty or cycles.empty:  # merge_asof cannot join what is empty
        return pd.Series(pd.NaT, index=account.index, dtype="datetime64[us]")
    asked = pd.DataFrame({"account_id": account, "day": day.astype("datetime64[us]")}).sort_values("day")
    starts = cycles[["account_id", "event_ts"]].drop_duplicates().sort_values("event_ts")
    starts = starts.assign(found=starts["event_ts"]).astype({"event_ts": "datetime64[us]"})
    found = pd.merge_asof(
        asked, starts, left_on="day", right_on="event_ts", by="account_id", allow_exact_matches=False
    )["found"]
    return found.set_axis(asked.index).reindex(account.index)

"""Booking events: what contracts say about the days on which an account bought, renewed, reduced or left.

A contract row is one term of one product. Rows are tied into chains: a term continues an earlier one of its product
that ended within 30 days of its start, or joins one that runs and comes up for renewal on the same date (co-term,
001 footnotes 4 and 5). What belongs to no chain opens one: the account's own when nothing else ran, else a
non-co-term one, which renews on its own dates.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from copilot.data.labels.record import contracts, later
from copilot.data.labels.renewals import SETTLE_DAYS
from copilot.data.workspace import Book

GRACE = pd.Timedelta(days=SETTLE_DAYS)  # a renewal may be signed so late or early, and dates so near are one date
# Events of one day are told as one; the first kind named here gives it its name.
KINDS = ("opening", "renewal", "renewal_non_co_term", "cancellation", "add_on_non_co_term", "add_on")
_NONE = -1


def bookings(book: Book) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Return the booking events of a book.

    Returns:
        Events ``account_id, product, event_ts, known_ts, kind, opened, delta_qty, delta_usd``: one row a term that
        starts and one a term that ends, so that a renewal's rows add up to its change. ``kind`` is one of ``KINDS``;
        ``opened`` is the day the ended term of a non-co-term chain began. An end is known after its 30 days of grace.
        Cycles ``account_id, event_ts``: the days that open a cycle (first purchase, co-term renewal, return).
        How many contracts were left out, by reason.
    """
    terms, left_out = contracts(book)
    return *booked(terms), left_out


def booked(terms: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the events and cycles of ``bookings`` for the contracts ``terms``, all of them usable."""
    terms = terms.sort_values(["account_id", "start_date", "contract_id"], kind="stable").reset_index(drop=True)
    terms["term"] = terms.index
    terms["due"] = terms["rtcd"].fillna(terms["end_date"])
    before, parent, opens = _chains(terms)
    root = _roots(parent)
    co_term = opens[root]
    # A renewal that is signed late still belongs to the day the old term ended.
    joined = np.where(before != _NONE, before, np.where(_at_an_end(terms, parent), parent, _NONE))
    ends = terms["end_date"].to_numpy()
    terms["day"] = np.where(joined != _NONE, ends[joined], terms["start_date"].to_numpy())
    opened = terms["day"].to_numpy()
    renews = np.where(co_term, "renewal", "renewal_non_co_term")
    begins = np.where(co_term, "add_on", "add_on_non_co_term")
    begins = np.where(opens & (parent == _NONE), "opening", np.where(before != _NONE, renews, begins))
    starts = _events(terms, "day", begins, +1).assign(
        opened=np.where(before != _NONE, opened[before], _nat(len(terms)))
    )
    renewed = np.isin(terms["term"], before[before != _NONE])
    early = terms["end_date"].lt(terms["due"] - GRACE).to_numpy() & ~renewed & co_term
    stops = _events(terms, "end_date", np.where(early, "cancellation", renews), -1).assign(opened=opened)
    stops["known_ts"] = later(stops["known_ts"], stops["event_ts"] + GRACE)
    events = pd.concat([starts, stops[stops["event_ts"].notna()]], ignore_index=True)
    events["opened"] = events["opened"].where(events["kind"] == "renewal_non_co_term")
    cycles = events.loc[events["kind"].isin(("opening", "renewal")), ["account_id", "event_ts"]].drop_duplicates()
    return events, cycles.reset_index(drop=True)


def _events(terms: pd.DataFrame, day: str, kind: np.ndarray, sign: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": terms["account_id"],
            "product": terms["product"],
            "event_ts": terms[day],
            "known_ts": later(terms["known_ts"], terms[day]),
            "kind": pd.Series(kind, index=terms.index, dtype="str"),
            "delta_qty": sign * terms["quantity"],
            "delta_usd": sign * terms["annual_usd"],
        }
    )


def _chains(terms: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each term's predecessor, the term whose chain it belongs to (both -1 for none) and whether it opens."""
    size = len(terms)
    before = np.full(size, _NONE)
    same = terms.merge(terms, on=["account_id", "product"], suffixes=("", "_old"))
    same["gap"] = (same["start_date"] - same["end_date_old"]).abs()
    outlasts = ~(same["end_date"] <= same["end_date_old"])
    near = same[(same["start_date_old"] < same["start_date"]) & (same["gap"] <= GRACE) & outlasts]
    near = near.sort_values(["gap", "term_old"]).drop_duplicates("term")
    before[near["term"]] = near["term_old"]
    parent = before.copy()
    fresh = terms[before == _NONE]
    # Few terms have no predecessor but came after the account's first day: only these look at all other terms.
    late = fresh[fresh["start_date"] > terms.groupby("account_id")["start_date"].transform("min").loc[fresh.index]]
    others = late.merge(terms, on="account_id", suffixes=("", "_old"))
    others = others[others["start_date_old"] < others["start_date"]]
    left = others["end_date_old"] - others["start_date"]
    runs = others[left.isna() | (left >= -GRACE)]
    opens = np.ones(size, dtype=bool)
    opens[runs["term"]] = False
    opens[before != _NONE] = False
    shared = (runs["due"] - runs["due_old"]).abs() <= GRACE
    shared |= runs["due"].isna() & runs["due_old"].isna()
    at_end = (runs["end_date_old"] - runs["start_date"]).abs() <= GRACE
    fits = runs.assign(rank=np.where(shared, 0, 1))[shared | at_end]
    fits = fits.sort_values(["rank", "term_old"]).drop_duplicates("term")
    parent[fits["term"]] = fits["term_old"]
    return before, parent, opens


def _at_an_end(terms: pd.DataFrame, parent: np.ndarray) -> np.ndarray:
    """Say which terms start where the one they joined ended: bought with the renewal."""
    ends = terms["end_date"].to_numpy()[parent]
    near = np.abs(ends - terms["start_date"].to_numpy()) <= GRACE.to_timedelta64()
    return np.asarray(near & (parent != _NONE) & ~(terms["end_date"].to_numpy() <= ends))


def _roots(parent: np.ndarray) -> np.ndarray:
    """Follow each term to the one that opened its chain; a parent always started earlier, so this ends."""
    root = np.where(parent == _NONE, np.arange(len(parent)), parent)
    while not np.array_equal(root, root[root]):
        root = root[root]
    return root


def _nat(size: int) -> np.ndarray:
    return np.full(size, np.datetime64("NaT", "us"))

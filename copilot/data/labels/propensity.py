"""Propensity labels (002): who buys at all (APS, account x region), who buys more of what (UPS, account x product)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np
import pandas as pd

from copilot.data.labels.change import growth
from copilot.data.labels.record import (
    DAY,
    Labels,
    as_known,
    contracts,
    drop,
    implausible,
    infinite,
    known_by,
    later,
    next_day,
    read,
)
from copilot.data.labels.renewals import SETTLE_DAYS
from copilot.data.workspace import Book
from copilot.errors import BadInput

MONTHS = 12  # so long after a lost deal a won one makes it a "try until won" (MATHS §1, our choice)
WAIT = pd.DateOffset(months=MONTHS)
APS_SPEC = (
    f"1 an opportunity won, or lost and followed by a won one of the account and region within {MONTHS} months; 0 any "
    "other lost one. Features look back from the day before its creation."
)
UPS_SPEC = {
    "add_on": "1 an add-on won and still under contract {days} days after the product next came up for renewal; 0 any "
    "other closed add-on. Features look back from the day before its creation.",
    "renewal": "1 a product renewed at a higher quantity; 0 any other renewal of it. Features look back from 60 days "
    "before the renewal date, outcome {days} days after (quarters where the book has no renewal dates).",
}


def aps(book: Book, *, kinds: Collection[str] = ("new",), year_ends: int = 12) -> Labels:
    """Return one sample an opportunity of new business, with the account's region.

    Args:
        book: Needs opportunities; the region is the account's own as the book had it then, null where it had none.
        kinds: Which kinds of opportunity; one without a kind always counts.
        year_ends: The month in which the team's year ends, 1-12.

    Returns:
        ``account_id, region, opportunity_id``; ``as_of``, the day before its creation, so that it is not among its
        own features; ``known_at``, the day it was won, or for a lost one the earlier of the win that followed and 12
        months after its close; ``label``; ``flipped``, whether it is a lost one that counts as won; ``season``,
        ``year_end`` where it was created in the last six months of the team's year, else ``mid_year`` (the month of
        creation is known in time, that of the close is not). Open deals and lost ones younger than 12 months without
        a win are censored.

    Raises:
        BadInput: ``year_ends`` is no month.
    """
    if year_ends not in range(1, 13):
        raise BadInput(f"The year cannot end in month {year_ends!r}; give a month from 1 to 12.")
    deals, left_out = _deals(book, frozenset(kinds), unstated=True)
    deals["region"] = as_known(book, "accounts", deals, "region")
    deals["flip_at"] = _next_win(deals)
    won, lost = deals["status"] == "won", deals["status"] == "lost"
    deals["flipped"] = lost & deals["flip_at"].notna()
    deals["label"] = (won | deals["flipped"]).astype("int64")
    waited = later(deals["flip_at"].fillna(deals["close_date"] + WAIT), deals["known_at"])
    deals["known_at"] = deals["known_at"].where(won, waited).where(won | lost, pd.NaT)
    into_the_year = (deals["created_date"].dt.month - year_ends - 1) % 12
    deals["season"] = pd.Series(np.where(into_the_year >= 6, "year_end", "mid_year"), index=deals.index, dtype="str")
    columns = "account_id region opportunity_id as_of known_at label flipped season".split()
    return known_by(book, deals[columns], APS_SPEC, left_out)


def ups(book: Book, *, case: Literal["add_on", "renewal"]) -> Labels:
    """Return one sample an account and product: whether more was sold and the contract goes on.

    Args:
        book: ``add_on`` needs opportunities with lines, and contracts to see whether a won one goes on; ``renewal``
            needs contracts.
        case: Closed add-on opportunities, product by product, or the renewals of what was held.

    Returns:
        ``account_id, product, as_of, known_at, label`` and for add-ons ``opportunity_id``. A won add-on is judged 30
        days after the product's first renewal date after the close; without one within 12 months, 12 months and 30
        days after the close; until then, as an open one, it is censored.
    """
    spec = UPS_SPEC[case].format(days=SETTLE_DAYS)
    if case == "add_on":
        rows, left_out = _add_ons(book)
        return known_by(book, rows, spec, left_out)
    changes = growth(book, by="product")
    held = changes.frame[changes.frame["base_usd"] > 0].reset_index(drop=True)
    held["label"] = (held["outcome"] == "upsell").astype("int64")
    frame = held[["account_id", "product", "as_of", "known_at", "label"]]
    return Labels(frame, spec, changes.today, changes.censored, changes.left_out)


def _deals(book: Book, kinds: frozenset[str], *, unstated: bool) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return usable opportunities with ``as_of`` and ``known_at`` (when the close was known)."""
    deals, counts = read(book, "opportunities")
    deals = deals[deals["kind"].isin(kinds) | (deals["kind"].isna() & unstated)].reset_index(drop=True)
    closed = deals["status"] != "open"
    deals, faults = drop(
        deals,
        {
            "opportunities without an account": deals["account_id"].isna(),
            "opportunities without a plausible creation date": implausible(deals["created_date"]),
            "closed opportunities without a plausible close date": closed & implausible(deals["close_date"]),
            "opportunities closed before they were created": closed & (deals["close_date"] < deals["created_date"]),
            "opportunities with an infinite amount": infinite(deals["amount_usd"]),
            "closed opportunities that close after the book's date": closed & (deals["close_date"] >= next_day(book)),
        },
    )
    deals["as_of"] = deals["created_date"].dt.normalize() - DAY
    deals["known_at"] = later(deals["known_ts"], deals["close_date"])
    return deals, counts | faults


def _next_win(deals: pd.DataFrame) -> pd.Series:
    """Return when the first win that closed on a deal's own closing day or in the 12 months after it was known."""
    lost = deals.loc[deals["status"] == "lost", ["account_id", "region", "close_date"]]
    wins = deals.loc[deals["status"] == "won", ["account_id", "close_date", "known_at"]]
    wins = wins.rename(columns={"close_date": "win_close", "known_at": "win_known"})
    rows = lost.rename_axis("deal").reset_index().merge(wins, on="account_id")
    inside = (rows["win_close"] >= rows["close_date"]) & (rows["win_close"] <= rows["close_date"] + WAIT)
    return rows[inside].groupby("deal")["win_known"].min().reindex(deals.index).astype("datetime64[us]")


def _add_ons(book: Book) -> tuple[pd.DataFrame, dict[str, int]]:
    deals, left_out = _deals(book, frozenset({"add_on"}), unstated=False)
    lines, late = read(book, "opportunity_lines")
    lines, faults = drop(
        lines, {"lines with an infinite amount": infinite(lines["quantity"]) | infinite(lines["amount_usd"])}
    )
    rows = deals.merge(
        lines[["opportunity_id", "product", "quantity", "amount_usd"]], on="opportunity_id", suffixes=("", "_line")
    )
    rows = rows.reset_index(drop=True)
    terms, unusable = contracts(book)
    won = rows["status"] == "won"
    check, goes_on, learned = _judged(rows[won], terms)
    sold = rows["quantity"].fillna(rows["amount_usd_line"]).fillna(1.0) > 0
    rows["label"] = (won & sold & goes_on.reindex(rows.index, fill_value=False)).astype("int64")
    wait = later(later(rows["known_at"], check.reindex(rows.index)), learned.reindex(rows.index))
    rows["known_at"] = rows["known_at"].where(~won, wait).where(rows["status"] != "open", pd.NaT)
    if terms.empty:  # nothing says whether a won one goes on
        rows["known_at"] = rows["known_at"].where(~won, pd.NaT)
    columns = "account_id product opportunity_id as_of known_at label".split()
    return rows[columns], left_out | late | faults | unusable


def _judged(won: pd.DataFrame, terms: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Return, for each won line, the day it is judged, whether the product is under contract then, and when that
    contract was known."""
    rows = won[["account_id", "product", "close_date"]].rename_axis("line").reset_index()
    both = rows.merge(terms, on=["account_id", "product"])
    due = both["rtcd"].fillna(both["end_date"])
    next_due = due[(due > both["close_date"]) & (due <= both["close_date"] + WAIT)].groupby(both["line"]).min()
    check = next_due.reindex(won.index).fillna(won["close_date"] + WAIT) + pd.Timedelta(days=SETTLE_DAYS)
    day = check.reindex(both["line"]).set_axis(both.index)
    runs = both[(both["start_date"] <= day) & (both["end_date"].isna() | (both["end_date"] > day))]
    learned = runs.groupby("line")["known_ts"].min()
    return check, pd.Series(won.index.isin(runs["line"]), index=won.index), learned

"""Contract terms of the demo book: what every account holds from when to when, as contracts and by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from copilot.data.demo.words import PRODUCTS, Array, ids, text
from copilot.data.demo.world import AS_OF, FIRST_MONTH, month_start

TERMS = 3  # 36 months hold at most three yearly terms
TODAY = np.datetime64(AS_OF, "D")
NEVER = np.datetime64("NaT", "D")
Held = Literal["annual", "quantity"]


@dataclass(frozen=True)
class Terms:
    """One chain of yearly terms an account, arrays (TERMS, N, P), filled in as they come; zero where there is none.

    A term begins at ``date(k)`` and runs to ``date(k + 1)``, which is its renewal target close date (RTCD). What is
    added on the way and ends with the term (co-term) stands in ``annual`` and ``quantity`` but not yet in ``begun_``.
    """

    month: Array  # (N,) month of the first start; -1 for accounts that never bought
    day: Array  # (N,) day of the month, 1-28
    begun_annual: Array
    begun_quantity: Array
    annual: Array
    quantity: Array

    @classmethod
    def empty(cls, month: Array, day: Array) -> Terms:
        """Return the chains that begin in these months, with nothing in them yet."""
        return cls(month, day, *(np.zeros((TERMS, len(month), len(PRODUCTS)), np.int64) for _ in range(4)))

    def date(self, term: int) -> Array:
        """Return the start of term ``term`` for every account (meaningless where it has none)."""
        begins: Array = month_start(self.month + 12 * term) + (self.day - 1)
        return begins

    def open(self, term: int, who: Array, annual: Array, quantity: Array) -> None:
        """Begin term ``term`` of the accounts ``who`` with these amounts, (n, P)."""
        for begun, held, values in (
            (self.begun_annual, self.annual, annual),
            (self.begun_quantity, self.quantity, quantity),
        ):
            begun[term, who] = values
            held[term, who] = values

    def running(self, day: np.datetime64 | Array) -> Array:
        """Return the term that runs on ``day`` for every account; -1 where none does."""
        found = np.full(len(self.month), -1)
        for term in range(TERMS):
            runs = self.annual[term].any(axis=1) & (self.date(term) <= day) & (day < self.date(term + 1))
            found[runs] = term
        return found

    def next_rtcd(self, day: np.datetime64) -> Array:
        """Return the end of the term that runs on ``day``; NaT for accounts without one."""
        term = self.running(day)
        ends = month_start(self.month + 12 * (term + 1)) + (self.day - 1)
        return np.where(term >= 0, ends, NEVER)


@dataclass(frozen=True)
class AddOns:
    """What was added within terms and ends with them, or before (``seasonal``); one entry an add-on."""

    who: Array
    product: Array
    start: Array
    end: Array
    rtcd: Array
    annual: Array
    quantity: Array
    seasonal: Array


def next_rtcd(chains: Sequence[Terms], day: np.datetime64) -> Array:
    """Return the next renewal date of any chain that runs on ``day``; NaT for accounts without one."""
    soonest = chains[0].next_rtcd(day)
    for chain in chains[1:]:
        soonest = np.fmin(soonest, chain.next_rtcd(day))
    return soonest


def by_month(chains: Sequence[Terms], added: AddOns, held: Held, months: Array) -> Array:
    """Spread what is held over ``months``: (N, P, months), from each start's month to before each end's month."""
    spread = np.zeros((*chains[0].annual.shape[1:], len(months)), np.int32)
    for chain in chains:
        values = chain.begun_annual if held == "annual" else chain.begun_quantity
        some = np.flatnonzero(chain.month >= 0)
        part = np.zeros((len(some), spread.shape[1], len(months)), np.int32)
        age = months[None, :] - chain.month[some, None]
        for term in range(TERMS):
            np.copyto(part, values[term, some][:, :, None], where=(age // 12 == term)[:, None, :], casting="same_kind")
        spread[some] += part  # chains of one account never hold one product at the same time
    first, last = _month_of(added.start) - months[0], _month_of(added.end) - months[0]
    values = added.annual if held == "annual" else added.quantity
    for month in range(len(months)):
        held_then = (first <= month) & (month < last)
        np.add.at(spread, (added.who[held_then], added.product[held_then], month), values[held_then].astype(np.int32))
    return spread


def contracts(chains: Sequence[Terms], added: AddOns, account: pd.Series) -> pd.DataFrame:
    """Return the book's table: one row a term or add-on and product; known on the day it starts.

    A seasonal add-on's end is agreed when it is bought, so that its end date gives nothing away.
    """
    parts = [_rows(chain) for chain in chains]
    parts.append(
        pd.DataFrame(
            {
                "who": added.who,
                "product": added.product,
                "start_date": added.start,
                "end_date": added.end,
                "rtcd": added.rtcd,
                "quantity": added.quantity,
                "annual_usd": added.annual,
            }
        )
    )
    table = pd.concat(parts, ignore_index=True)
    table = table.take(np.lexsort((table["product"], table["start_date"], table["who"]))).reset_index(drop=True)
    table.insert(0, "contract_id", ids("C", len(table), 7))
    table.insert(1, "account_id", account.take(table.pop("who").to_numpy()).array)
    table["product"] = text(PRODUCTS, table["product"].to_numpy())
    table["event_ts"] = table["known_ts"] = table["start_date"]
    return table


def _rows(chain: Terms) -> pd.DataFrame:
    term, who, product = np.nonzero(chain.begun_annual)
    day = chain.day[who] - 1
    start, end = (month_start(chain.month[who] + 12 * (term + k)) + day for k in (0, 1))
    return pd.DataFrame(
        {
            "who": who,
            "product": product,
            "start_date": start,
            "end_date": end,
            "rtcd": end,
            "quantity": chain.begun_quantity[term, who, product],
            "annual_usd": chain.begun_annual[term, who, product],
        }
    )


def _month_of(day: Array) -> Array:
    months: Array = (day.astype("datetime64[M]") - FIRST_MONTH).astype(np.int64)
    return months

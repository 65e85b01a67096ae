"""Contracts, term by term, as each renewal went, and the frame of both futures that only tests and studies may read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.data.book import TOUCH_KINDS
from copilot.data.demo.response import NOISE, Renewals, expected_ratio, fix_scales, respond, spend_ratio
from copilot.data.demo.words import LIST_PRICE_USD, PRODUCTS, Array, ids, text
from copilot.data.demo.world import AS_OF, World, month_start, sigmoid

WINDOW_DAYS = 60  # a touch in the 60 days before a renewal is the treatment
TERMS = 3  # 36 months hold at most three yearly terms
TODAY = np.datetime64(AS_OF, "D")
_NEW_PRODUCT_SHARE = 0.35  # of growing customers that grow by a product they did not have


@dataclass(frozen=True)
class Terms:
    """All terms of all accounts, (TERMS, N, P), filled in as they come; zero where there is no such term or product.

    A term begins at ``date(k)`` and runs to ``date(k + 1)``, which is its renewal target close date (RTCD).
    """

    month: Array  # (N,) month of the first start; -1 for accounts that never bought
    day: Array  # (N,) day of the month, 1-28
    annual: Array
    quantity: Array

    def date(self, term: int) -> Array:
        """Return the start of term ``term`` for every account (meaningless where it has none)."""
        begins: Array = month_start(self.month + 12 * term) + (self.day - 1)
        return begins

    def by_month(self, values: Array, months: Array) -> Array:
        """Spread ``values``, (TERMS, N, P), over ``months``: (N, P, months), zero outside terms."""
        age = months[None, :] - self.month[:, None]
        spread = np.zeros((*values.shape[1:], len(months)), np.int32)
        for term in range(TERMS):
            within = (age // 12 == term) & (self.month >= 0)[:, None]
            np.copyto(spread, values[term][:, :, None], where=within[:, None, :], casting="same_kind")
        return spread

    def next_rtcd(self, day: np.datetime64) -> Array:
        """Return the end of the term that runs on ``day``; NaT for accounts without one."""
        found = np.full(len(self.month), np.datetime64("NaT", "D"))
        for term in range(TERMS):
            runs = self.annual[term].any(axis=1) & (self.date(term) <= day) & (day < self.date(term + 1))
            found = np.where(runs, self.date(term + 1), found)
        return found


def renew(world: World, month: Array, day: Array, rng: np.random.Generator) -> tuple[Terms, pd.DataFrame]:
    """Run all renewals up to today and look at the coming one of each customer.

    Args:
        month: (N,) month in which each account first bought; -1 for never.
        day: (N,) the day of that month.

    Returns:
        The terms, and one row a renewal: ``who`` (position), ``term`` (the one that ends), ``rtcd``, ``upcoming``,
        ``base_usd`` (annual spend before, all products), ``treated`` (missing for upcoming ones), ``propensity``,
        ``kind``, ``y0_usd`` and ``y1_usd`` (change of annual spend without and with a touch of this kind),
        ``tau_usd`` (expected difference over noise and kinds: CATE × base) and ``tau_<kind>_usd``, ``up0``, ``up1``,
        ``churn0``, ``churn1`` (spend rises, falls) and ``response``.
    """
    shape = (TERMS, world.n, len(PRODUCTS))
    terms = Terms(month, day, np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    customers = np.flatnonzero(month >= 0)
    _first_term(world, terms, customers, rng)
    scales = fix_scales(world, customers, terms.annual[0, customers])
    found = []
    for term in range(TERMS):
        who = np.flatnonzero(terms.annual[term].any(axis=1))
        rtcd = terms.date(term + 1)[who]
        decided = np.minimum(rtcd - WINDOW_DAYS, TODAY)
        annual = terms.annual[term, who]
        futures = respond(world, scales, who, annual, month[who] + 12 * (term + 1), decided, rng)
        seen = _both_futures(futures, annual.sum(axis=1), rng)
        seen.insert(0, "who", who)
        seen.insert(1, "term", term)
        seen.insert(2, "rtcd", rtcd)
        seen.insert(3, "upcoming", rtcd > TODAY)
        seen["treated"] = seen["treated"].mask(seen["upcoming"])
        found.append(seen)
        past = seen[~seen["upcoming"]]
        change = past["y1_usd"].where(past["treated"].astype(bool), past["y0_usd"]).to_numpy(np.int64)
        _next_term(world, terms, term, past["who"].to_numpy(), change, rng)
    return terms, pd.concat(found, ignore_index=True)


def contracts(terms: Terms, account: pd.Series) -> pd.DataFrame:
    """Return the book's table: one row a term and product; known on the day it starts."""
    term, who, product = np.nonzero(terms.annual)
    order = np.lexsort((product, term, who))
    term, who, product = term[order], who[order], product[order]
    starts = np.stack([terms.date(k) for k in range(TERMS + 1)])
    start, end = starts[term, who], starts[term + 1, who]
    return pd.DataFrame(
        {
            "contract_id": ids("C", len(who), 7),
            "account_id": account.take(who).array,
            "product": text(PRODUCTS, product),
            "start_date": start,
            "end_date": end,
            "rtcd": end,
            "quantity": terms.quantity[term, who, product],
            "annual_usd": terms.annual[term, who, product],
            "event_ts": start,
            "known_ts": start,
        }
    )


def _first_term(world: World, terms: Terms, customers: Array, rng: np.random.Generator) -> None:
    own = rng.random((world.n, len(PRODUCTS))) < sigmoid(-0.2 + 0.4 * np.log(world.employees / 40))[:, None]
    own[:, 0] = True  # everybody has the lead product
    quantity = world.seats.astype(np.int64) * own
    terms.quantity[0, customers] = quantity[customers]
    terms.annual[0, customers] = np.round(quantity * world.price).astype(np.int64)[customers]


def _both_futures(futures: Renewals, base: Array, rng: np.random.Generator) -> pd.DataFrame:
    n = len(base)
    noise = rng.logistic(0, NOISE, n)
    touched = futures.without + futures.tau[np.arange(n), futures.kind]
    y0 = np.round(base * (spend_ratio(futures.without + noise) - 1))
    y1 = np.round(base * (spend_ratio(touched + noise) - 1))
    cate = expected_ratio(futures.without[:, None] + futures.tau) - expected_ratio(futures.without)[:, None]
    up0, up1, churn0, churn1 = y0 > 0, y1 > 0, y0 < 0, y1 < 0
    response = np.select(
        [y1 < y0, (up1 & ~up0) | (churn0 & ~churn1), up0 & up1, churn0 & churn1],
        ["sleeping dog", "persuadable", "sure thing", "lost cause"],
        "unmoved",
    )
    return pd.DataFrame(
        {
            "base_usd": base.astype(np.float64),
            "treated": pd.array(rng.random(n) < futures.propensity, dtype="boolean"),
            "propensity": futures.propensity,
            "kind": text(TOUCH_KINDS, futures.kind),
            "y0_usd": y0,
            "y1_usd": y1,
            "tau_usd": base * (cate * futures.kind_share).sum(axis=1),
            **{f"tau_{kind}_usd": base * cate[:, k] for k, kind in enumerate(TOUCH_KINDS)},
            "up0": up0,
            "up1": up1,
            "churn0": churn0,
            "churn1": churn1,
            "response": pd.Series(response, dtype="str"),
        }
    )


def _next_term(world: World, terms: Terms, term: int, who: Array, change: Array, rng: np.random.Generator) -> None:
    """Open the next term of the accounts ``who``, whose annual spend changes by ``change`` dollars in all."""
    old, quantity = terms.annual[term, who], terms.quantity[term, who]
    stays = old.sum(axis=1) + change > 0
    # What is used grows first and what lies idle shrinks first.
    last_month = terms.month[who] + 12 * (term + 1) - 1
    habit = sigmoid(world.usage[who, :, last_month].astype(np.float64))
    weight = old * np.where(change[:, None] > 0, 0.75 + 0.5 * habit, 1.25 - 0.5 * habit)
    extra = _new_product(world, who, old, change, rng)
    rows = np.flatnonzero(extra >= 0)
    weight[rows] = 0
    weight[rows, extra[rows]] = 1
    weight = weight / weight.sum(axis=1, keepdims=True)
    moved = np.trunc(change[:, None] * weight).astype(np.int64)
    moved[np.arange(len(who)), weight.argmax(axis=1)] += change - moved.sum(axis=1)  # to the dollar
    new = np.where(stays[:, None], old + moved, 0)
    scaled = np.maximum(1, np.round(quantity * new / np.maximum(old, 1)))
    seats = np.where(old > 0, scaled, np.maximum(1, np.round(new / world.price[who])))
    if term + 1 < TERMS:
        terms.annual[term + 1, who] = new
        terms.quantity[term + 1, who] = np.where(new > 0, seats, 0)


def _new_product(world: World, who: Array, old: Array, change: Array, rng: np.random.Generator) -> Array:
    """Pick the product that takes the whole growth of some growing accounts; -1 where none does."""
    list_price = np.array(LIST_PRICE_USD)
    room = (world.seats * world.price)[who] * (old == 0) * (list_price <= change[:, None])
    chosen = (rng.random(len(who)) < _NEW_PRODUCT_SHARE) & room.any(axis=1)
    return np.where(chosen, room.argmax(axis=1), -1)

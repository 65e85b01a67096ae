"""Attempts to sell a customer more within a term, and what came of them: add-ons that end with the term, seasonal ones
that end before, and those of accounts that buy apart and renew on dates of their own (001, footnotes 4 and 5).

An attempt's log-odds have a standard deviation of 1.7 in use, hiring, white space and the rep's skill, which gives the
papers' AUC of .84 (002, UPS).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from copilot.data.demo.response import Scales, see
from copilot.data.demo.terms import NEVER, TODAY, AddOns, Terms
from copilot.data.demo.words import Array
from copilot.data.demo.world import World, last_known, month_start, sigmoid

APART_SHARE = 0.06  # of the accounts have a department that buys, and renews, by itself
SEASONAL_SHARE = 0.06  # of the add-ons end before the term does
_TRIED_SHARE = 0.4  # of the customers in each term
_LOGIT_MEAN, _LOGIT_SD = -0.6, 1.7


@dataclass(frozen=True)
class Tries:
    """One entry an attempt, ``closed`` NaT while open; ``chance`` that it is won, as of its beginning."""

    who: Array
    product: Array
    created: Array
    closed: Array
    won: Array
    chance: Array
    rtcd: Array  # of the term the account is in
    quantity: Array
    annual: Array
    seasonal: Array
    apart: Array  # starts a chain of its own


def attempt(
    world: World, scales: Scales, terms: Terms, term: int, apart: Array, done: Array, rng: np.random.Generator
) -> Tries:
    """Try to sell more to some of the customers in term ``term``.

    Args:
        apart: (N,) accounts whose add-ons are non-co-term.
        done: (N,) of these, the ones that have bought apart already; they are left alone.
    """
    who = np.flatnonzero(terms.annual[term].any(axis=1) & ~done)
    who = who[rng.random(len(who)) < _TRIED_SHARE]
    n, own = len(who), apart[who]
    begin, held = terms.date(term)[who], terms.annual[term, who]
    lasts = rng.integers(30, 71, n)
    # Apart: far from the account's other renewals, so that no touch counts for both.
    on = month_start(terms.month[who] + 12 * term + rng.integers(4, 7, n)) + (rng.integers(1, 29, n) - 1)
    created = np.where(own, on - lasts, begin + rng.integers(35, 131, n))
    product, fresh = _product(held, own, rng)
    quantity = np.where(fresh, world.seats[who, product], np.ceil(0.25 * terms.quantity[term, who, product]))
    chance = _chance(world, scales, who, held, fresh, created)
    closed = created + lasts
    won = (rng.random(n) < chance) & (closed <= TODAY)
    fields = (
        who,
        product,
        created,
        np.where(closed > TODAY, NEVER, closed),
        won,
        chance,
        terms.date(term + 1)[who],
        quantity.astype(np.int64),
        np.round(quantity * world.price[who, product]).astype(np.int64),
        (rng.random(n) < SEASONAL_SHARE) & ~own,
        own,
    )
    begun = (created <= TODAY) & (product >= 0)
    return Tries(*(values[begun] for values in fields))


def sign(terms: Terms, term: int, tries: Tries, rng: np.random.Generator) -> AddOns:
    """Enter the won co-term attempts into the running term; seasonal ones are over before it ends."""
    won = tries.won & ~tries.apart
    who, product, start = tries.who[won], tries.product[won], tries.closed[won]
    annual, quantity, seasonal = tries.annual[won], tries.quantity[won], tries.seasonal[won]
    lasting = ~seasonal
    terms.annual[term, who[lasting], product[lasting]] += annual[lasting]
    terms.quantity[term, who[lasting], product[lasting]] += quantity[lasting]
    rtcd = terms.date(term + 1)[who]
    end = np.where(seasonal, start + rng.integers(60, 91, len(who)), rtcd)
    return AddOns(who, product, start, end, rtcd, annual, quantity, seasonal)


def join_tries(parts: list[Tries]) -> Tries:
    """Put batches of attempts one after the other."""
    return Tries(*(np.concatenate([getattr(part, name) for part in parts]) for name in Tries.__dataclass_fields__))


def join_add_ons(parts: list[AddOns]) -> AddOns:
    """Put batches of add-ons one after the other."""
    return AddOns(*(np.concatenate([getattr(part, name) for part in parts]) for name in AddOns.__dataclass_fields__))


def _product(held: Array, apart: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Pick one product an account, and say whether it is new there: half are, and all that are bought apart."""
    draw = rng.random(held.shape)
    lacks = held == 0
    fresh = (rng.random(len(held)) < 0.5) & lacks.any(axis=1) | apart
    pick = np.where(np.where(fresh[:, None], lacks, ~lacks), draw, -1.0)
    return pick.argmax(axis=1), fresh


def _chance(world: World, scales: Scales, who: Array, held: Array, fresh: Array, created: Array) -> Array:
    seen = see(world, scales, who, held, last_known(created - 1))
    used = (seen.recent + 0.1) / 0.75
    hiring, skill = np.clip(seen.hiring, -2.5, 2.5), world.reps.skill[world.owner[who]]
    more = 1.35 * used + 0.80 * hiring
    new = 1.20 * np.clip(seen.white, -2.0, 2.0) + 0.90 * hiring + 0.40 * used
    return sigmoid(_LOGIT_MEAN + _LOGIT_SD * (np.where(fresh, new, more) + 0.2 * skill))

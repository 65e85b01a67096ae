"""What happened between the team and its accounts: won, extended, renewed, lost and won back, in the order of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.data.demo import addons, newbusiness, renewals
from copilot.data.demo.addons import Tries
from copilot.data.demo.newbusiness import Attempts
from copilot.data.demo.response import fix_scales
from copilot.data.demo.terms import TERMS, TODAY, AddOns, Terms
from copilot.data.demo.words import PRODUCTS, Array
from copilot.data.demo.world import FIRST_MONTH, MONTHS, World, sigmoid

CHAINS = ("main", "apart", "again")
_WIN_BACK_SHARE = 0.35  # of the former customers are tried again


@dataclass(frozen=True)
class History:
    """Chains of terms, the attempts that made or missed them, and both futures of every renewal.

    ``chains`` are three: each account's main one, what a department holds apart (non-co-term), and the one of a former
    customer that was won back. ``by_product`` is what ``renewals.renew`` tells product by product.
    """

    chains: tuple[Terms, Terms, Terms]
    added: AddOns
    tries: Tries
    attempts: Attempts
    futures: pd.DataFrame
    by_product: pd.DataFrame


def live(world: World, rng: np.random.Generator) -> History:
    """Run the 36 months.

    Most accounts were customers before: their contracts came over from an older system at their first renewal in this
    one, so that no deal stands for it. The others are prospects.
    """
    n = world.n
    prospect = rng.random(n) < newbusiness.PROSPECT_SHARE
    month, day = np.where(prospect, -1, rng.integers(0, 12, n)), rng.integers(1, 29, n)
    who = np.flatnonzero(prospect)
    attempts, won = newbusiness.chase(world, who, rng.integers(1, 22, len(who)), rng)
    main = Terms.empty(np.where(prospect, won.month, month), np.where(prospect, won.day, day))
    customers = np.flatnonzero(main.month >= 0)
    own = rng.random((n, len(PRODUCTS))) < sigmoid(-0.2 + 0.4 * np.log(world.employees / 40))[:, None]
    _first_term(world, main, customers, own)
    scales = fix_scales(world, customers, main.annual[0, customers])

    apart = (rng.random(n) < addons.APART_SHARE) & ~main.annual[0].all(axis=1)
    tries: list[Tries] = []
    added: list[AddOns] = []

    def sell(term: int) -> None:
        done = np.zeros(n, bool)
        for earlier in tries:
            done[earlier.who[earlier.won & earlier.apart]] = True
        tries.append(addons.attempt(world, scales, main, term, apart, done, rng))
        added.append(addons.sign(main, term, tries[-1], rng))

    found = [renewals.renew(world, scales, main, rng, may_widen=~apart, within=sell)]
    tried = addons.join_tries(tries)
    side = _side(n, tried)
    found.append(renewals.renew(world, scales, side, rng, beside=main))

    former = _former(main, apart)
    gone = np.flatnonzero((former >= 0) & (rng.random(n) < _WIN_BACK_SHARE))
    more, back = newbusiness.chase(world, gone, former[gone] + rng.integers(2, 7, len(gone)), rng)
    again = Terms.empty(back.month, back.day)
    _first_term(world, again, np.flatnonzero(back.month >= 0), np.zeros((n, len(PRODUCTS)), bool))
    found.append(renewals.renew(world, scales, again, rng))
    return History(
        chains=(main, side, again),
        added=addons.join_add_ons(added),
        tries=tried,
        attempts=newbusiness.join([attempts, more]),
        futures=pd.concat(
            [rows.assign(chain=name) for name, (rows, _) in zip(CHAINS, found, strict=True)], ignore_index=True
        ),
        by_product=pd.concat([rows for _, rows in found], ignore_index=True),
    )


def _first_term(world: World, terms: Terms, who: Array, own: Array) -> None:
    """Open the first term of ``who`` with the lead product and the others they ``own``, (N, P)."""
    own = own.copy()
    own[:, 0] = True
    quantity = world.seats.astype(np.int64) * own
    terms.open(0, who, np.round(quantity * world.price).astype(np.int64)[who], quantity[who])


def _side(n: int, tries: Tries) -> Terms:
    """Open a chain for each add-on that was bought apart."""
    won = tries.won & tries.apart
    who, product, start = tries.who[won], tries.product[won], tries.closed[won]
    month, day = np.full(n, -1), np.ones(n, np.int64)
    first = start.astype("datetime64[M]")
    month[who] = (first - FIRST_MONTH).astype(np.int64)
    day[who] = (start - first.astype("datetime64[D]")).astype(np.int64) + 1
    terms = Terms.empty(month, day)
    row = np.arange(len(who))
    annual, quantity = (np.zeros((len(who), len(PRODUCTS)), np.int64) for _ in range(2))
    annual[row, product], quantity[row, product] = tries.annual[won], tries.quantity[won]
    terms.open(0, who, annual, quantity)
    return terms


def _former(main: Terms, apart: Array) -> Array:
    """Return the month in which each former customer left; -1 for all others."""
    left = np.full(len(main.month), -1)
    for term in range(TERMS - 1):
        ended = main.annual[term].any(axis=1) & ~main.annual[term + 1].any(axis=1) & (main.date(term + 1) <= TODAY)
        left[ended] = main.month[ended] + 12 * (term + 1)
    left[apart | (left >= MONTHS)] = -1
    return left

"""Renewals of the demo book as they went, and the frames of both futures that only tests and studies may read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from copilot.data.book import TOUCH_KINDS
from copilot.data.demo.response import GONE, MORE, NOISE, Renewals, Scales, expected_ratio, respond, spend_ratio
from copilot.data.demo.split import chance_of_more, divide
from copilot.data.demo.terms import TERMS, TODAY, Terms
from copilot.data.demo.words import Array, text
from copilot.data.demo.world import World, last_known, sigmoid

WINDOW_DAYS = 60  # a touch in the 60 days before a renewal is the treatment


def renew(
    world: World,
    scales: Scales,
    chain: Terms,
    rng: np.random.Generator,
    *,
    beside: Terms | None = None,
    may_widen: Array | None = None,
    within: Callable[[int], None] = lambda term: None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run all renewals of a chain up to today and look at the coming one of each customer.

    Args:
        chain: Its first terms are there; later ones are filled in.
        beside: Another chain of the same accounts, which belongs to what they hold.
        may_widen: (N,) accounts that may take a new product when they grow; by default none.
        within: Called with each term before its renewals, to sell add-ons in it.

    Returns:
        One row a renewal: ``who`` (position), ``rtcd``, ``upcoming``, ``base_usd`` (annual spend that ends),
        ``treated`` (missing for upcoming ones), ``propensity``, ``kind``, ``y0_usd`` and ``y1_usd`` (change of annual
        spend without and with a touch of this kind), ``tau_usd`` (expected difference over noise and kinds: CATE ×
        base), ``tau_<kind>_usd``, ``tau_up`` (expected difference of P(spend rises)), ``up0``, ``up1``, ``churn0``,
        ``churn1`` (spend rises, falls), ``stays`` (P(not all of it ends)) and ``response``.
        One row a renewal and product: ``who``, ``product`` (position), ``rtcd``, ``chance``: P(its quantity rises),
        given what is known 60 days before and that nobody knows yet whether there will be a touch.
    """
    widen = np.zeros(world.n, bool) if may_widen is None else may_widen
    rows, products = [], []
    for term in range(TERMS):
        within(term)
        who = np.flatnonzero(chain.annual[term].any(axis=1))
        rtcd = chain.date(term + 1)[who]
        decided = np.minimum(rtcd - WINDOW_DAYS, TODAY)
        held = chain.annual[term, who], chain.quantity[term, who]
        total = held[0] + (0 if beside is None else _beside(beside, who, decided))
        futures = respond(world, scales, who, total, chain.month[who] + 12 * (term + 1), decided, rng)
        seen = _both_futures(futures, held[0].sum(axis=1), rng)
        seen.insert(0, "who", who)
        seen.insert(1, "rtcd", rtcd)
        seen.insert(2, "upcoming", rtcd > TODAY)
        seen["treated"] = seen["treated"].mask(seen["upcoming"])
        rows.append(seen)
        habit = sigmoid(world.usage[who, :, last_known(decided)].astype(np.float64))
        products.append(_by_product(world, who, rtcd, held, futures, habit, widen[who]))
        past = np.flatnonzero(~seen["upcoming"])
        went = seen["y1_usd"].where(seen["treated"].fillna(False).astype(bool), seen["y0_usd"]).to_numpy()[past]
        renewed = divide(
            world,
            who[past],
            (held[0][past], held[1][past]),
            went.astype(np.int64),
            habit[past],
            widen[who[past]],
            rng,
        )
        if term + 1 < TERMS:
            chain.open(term + 1, who[past], *renewed)
    return pd.concat(rows, ignore_index=True), pd.concat(products, ignore_index=True)


def _beside(other: Terms, who: Array, day: Array) -> Array:
    days = np.full(len(other.month), TODAY)
    days[who] = day
    term = other.running(days)[who]
    held: Array = np.where((term >= 0)[:, None], other.annual[term, who], 0)
    return held


def _by_product(
    world: World, who: Array, rtcd: Array, held: tuple[Array, Array], futures: Renewals, habit: Array, widen: Array
) -> pd.DataFrame:
    index = futures.without[:, None] + np.column_stack([np.zeros(len(who)), futures.tau])
    arm = np.column_stack([1 - futures.propensity, futures.propensity[:, None] * futures.kind_share])
    chance = (chance_of_more(world, who, held, index, habit, widen) * arm[:, None, :]).sum(axis=2)
    row, product = np.nonzero(held[0])
    return pd.DataFrame({"who": who[row], "product": product, "rtcd": rtcd[row], "chance": chance[row, product]})


def _both_futures(futures: Renewals, base: Array, rng: np.random.Generator) -> pd.DataFrame:
    n = len(base)
    noise = rng.logistic(0, NOISE, n)
    touched = futures.without + futures.tau[np.arange(n), futures.kind]
    y0 = np.round(base * (spend_ratio(futures.without + noise) - 1))
    y1 = np.round(base * (spend_ratio(touched + noise) - 1))
    arms = futures.without[:, None] + futures.tau
    cate = expected_ratio(arms) - expected_ratio(futures.without)[:, None]

    def above(at: float) -> tuple[Array, Array]:
        """P(index > at) without a touch and, over its kinds, with one."""
        with_touch = (sigmoid((arms - at) / NOISE) * futures.kind_share).sum(axis=1)
        return sigmoid((futures.without - at) / NOISE), with_touch

    (up_without, up_with), (kept_without, kept_with) = above(MORE), above(GONE)
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
            "tau_up": up_with - up_without,
            "up0": up0,
            "up1": up1,
            "churn0": churn0,
            "churn1": churn1,
            "stays": (1 - futures.propensity) * kept_without + futures.propensity * kept_with,
            "response": pd.Series(response, dtype="str"),
        }
    )

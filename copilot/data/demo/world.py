"""The hidden world of the demo book: accounts, their reps and 36 months of usage and hiring, before any deal.

Parameters are those that gave the papers' levels: log size, regions, a logit-AR(1) utilisation with heavy-tailed
shocks, hiring that follows size, growth and the region's market, and a market shock in months 18 to 23.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from copilot.data.demo.words import INDUSTRIES, LIST_PRICE_USD, PRODUCTS, Array

AS_OF = date(2026, 6, 30)
MONTHS = 36  # July 2023 to June 2026
FIRST_MONTH = np.datetime64("2023-07", "M")
SHOCK = slice(18, 24)  # January to June 2025
DRIFT_MONTH = 24  # from July 2025 on usage tells less about a renewal, hiring more
TEAM_SIZE = 10

_SEGMENT_SHARE = (0.72, 0.22, 0.06)
_LOG_SIZE, _LOG_SIZE_SD = (3.6, 5.6, 7.8), (0.7, 0.7, 0.8)
REGION_SHARE = (0.42, 0.30, 0.18, 0.10)
PERSISTENCE = 0.72
_SHOCK_SD, _SHOCK_DF = 0.70, 2.4
_PRODUCT_LEVEL = np.array([0.15, -0.25, 0.05, -0.35])
# Of an account's own level of use, and of its products around it; small, so that a history of months tells the level.
_ACCOUNT_SD, _PRODUCT_SD = 0.12, 0.08


@dataclass(frozen=True)
class Reps:
    """The sales force. Arrays of length R, reps sorted by region; ``team`` numbers the managers from 0."""

    region: Array
    team: Array
    skill: Array
    tenure_years: Array


@dataclass(frozen=True)
class World:
    """What nobody sees. Arrays are (N,) for accounts, (N, P) by product, (N, MONTHS) by month unless said otherwise."""

    names: list[str]
    segment: Array
    employees: Array
    region: Array
    industry: Array
    growth: Array  # N(0, 1)-ish: the account's own growth
    trouble: Array  # N(0, 1): how often things break there; shows in errors and tickets
    price_sense: Array  # N(0, 1): never observed
    owner: Array  # position in ``reps``
    reps: Reps
    usage: Array  # (N, P, MONTHS) float32: the logit of utilisation
    usage_next: Array  # (N, P, MONTHS) float32: its conditional median, given the months before
    hires: Array
    macro: Array  # (4, MONTHS) by region, 0 in normal times
    season: Array  # (MONTHS,)
    seats: Array  # seats this account needs of each product, owned or not
    price: Array  # what it pays for one, in USD a year

    @property
    def n(self) -> int:
        """The number of accounts."""
        return len(self.names)


def month_start(month: Array | int) -> Array:
    """Return the first day of month 0, 1, … as dates."""
    first: Array = (FIRST_MONTH + np.asarray(month)).astype("datetime64[D]")
    return first


def known_on(month: Array | int) -> Array:
    """Return when a month's figures are known: on its last day, so that June 2026 is the last month of the book."""
    last_day: Array = month_start(np.asarray(month) + 1) - 1
    return last_day


def last_known(day: Array) -> Array:
    """Return the latest month whose figures are known on ``day``."""
    latest: Array = np.searchsorted(known_on(np.arange(MONTHS)), day, side="right") - 1
    return latest


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + e^-x), written so that no x overflows."""
    share: Array = 0.5 * (1 + np.tanh(0.5 * x))
    return share


def standard(x: Array) -> Array:
    """Return ``x`` with mean 0 and standard deviation 1."""
    centred: Array = (x - x.mean()) / x.std()
    return centred


def apportion(total: int, weights: Array) -> Array:
    """Split ``total`` whole things by ``weights`` (largest remainder)."""
    exact = total * weights / weights.sum()
    share: Array = np.floor(exact).astype(np.int64)
    share[np.argsort(share - exact, kind="stable")[: total - share.sum()]] += 1
    return share


def imagine(names: list[str], industry: Array, n_reps: int, rng: np.random.Generator) -> World:
    """Return the world of ``len(names)`` accounts and ``n_reps`` reps (ten or more, so that every region has one)."""
    n, products = len(names), len(PRODUCTS)
    segment = rng.choice(3, n, p=_SEGMENT_SHARE)
    size = np.exp(rng.normal(np.take(_LOG_SIZE, segment), np.take(_LOG_SIZE_SD, segment)))
    employees = np.maximum(np.round(size), 2)
    region = rng.permutation(np.repeat(np.arange(4), apportion(n, np.array(REGION_SHARE))))
    growth = rng.normal(0, 1, n) + 0.3 * np.sin(np.arange(len(INDUSTRIES)))[industry]
    reps = _reps(n_reps, rng)
    month = np.arange(MONTHS)
    season = 0.25 * np.sin(2 * np.pi * (month - 2) / 12)
    macro = np.zeros((4, MONTHS))
    macro[1, SHOCK], macro[0, SHOCK] = -0.5, -0.2
    pace = -2.6 + 0.75 * np.log(employees) + 0.35 * growth
    hires = rng.poisson(np.exp(np.clip(pace[:, None] + season + macro[region], -9, 7))).astype(np.int32)
    list_price = np.array(LIST_PRICE_USD)
    usage, usage_next = _usage(hires, season, rng)
    return World(
        names=names,
        segment=segment,
        employees=employees,
        region=region,
        industry=industry,
        growth=growth,
        trouble=rng.normal(0, 1, n),
        price_sense=rng.normal(0, 1, n),
        owner=_owners(region, reps, rng),
        reps=reps,
        usage=usage,
        usage_next=usage_next,
        hires=hires,
        macro=macro,
        season=season,
        seats=np.maximum(1, np.round(0.1 * employees[:, None] * np.exp(rng.normal(0, 0.7, (n, products))))),
        price=np.round(list_price * np.exp(rng.normal(-0.08, 0.1, (n, products))), 2),
    )


def _reps(n_reps: int, rng: np.random.Generator) -> Reps:
    in_region = apportion(n_reps, np.array(REGION_SHARE))
    region = np.repeat(np.arange(4), in_region)
    place = np.concatenate([np.arange(count) for count in in_region])
    pair = region * n_reps + place // TEAM_SIZE
    return Reps(
        region=region,
        team=np.unique(pair, return_inverse=True)[1],
        skill=rng.normal(0, 1, n_reps),
        tenure_years=rng.gamma(2, 2, n_reps),
    )


def _owners(region: Array, reps: Reps, rng: np.random.Generator) -> Array:
    """Hand each region's accounts to its reps; the first rep of a region gets exactly an even share."""
    owner = np.empty(len(region), dtype=np.int64)
    for r in range(4):
        mine, accounts = np.flatnonzero(reps.region == r), rng.permutation(np.flatnonzero(region == r))
        even = round(len(accounts) / len(mine))
        weights = np.clip(rng.gamma(5, 0.2, len(mine) - 1), 0.5, 1.7)
        rest = apportion(len(accounts) - even, weights) if len(mine) > 1 else np.array([], dtype=np.int64)
        first = even if len(mine) > 1 else len(accounts)
        owner[accounts] = np.repeat(mine, np.concatenate([[first], rest]))
    return owner


def _usage(hires: Array, season: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Logit-AR(1) around each account's own level; hiring pulls usage up a month later.

    Returns:
        The logit of utilisation and its conditional median: shocks are symmetric, so that what is expected of a month
        is the median of what comes, on the logit's scale and on any scale that rises with it.
    """
    n, products = len(hires), len(PRODUCTS)
    unusual = np.log1p(hires)
    unusual = 0.25 * (unusual - unusual.mean(axis=1, keepdims=True))
    level = _PRODUCT_LEVEL + _ACCOUNT_SD * rng.normal(0, 1, (n, 1)) + _PRODUCT_SD * rng.normal(0, 1, (n, products))
    shock_scale = _SHOCK_SD / np.sqrt(_SHOCK_DF / (_SHOCK_DF - 2))
    usage, expected = (np.empty((n, products, MONTHS), dtype=np.float32) for _ in range(2))
    expected[:, :, 0] = level
    usage[:, :, 0] = level + rng.normal(0, 0.6, (n, products))
    for t in range(1, MONTHS):
        pull = unusual[:, [t - 1]] + 0.08 * season[t]
        expected[:, :, t] = level + PERSISTENCE * (usage[:, :, t - 1] - level) + pull
        usage[:, :, t] = expected[:, :, t] + shock_scale * rng.standard_t(_SHOCK_DF, (n, products))
    return usage, expected

"""What a customer does at renewal, with and without a touch: the known truth of the demo book.

Each renewal has a latent index y(a) = m + a·tau + noise, with one logistic noise for both futures, so both potential
outcomes are known (MATHS §2). The index decides the new annual spend as a share of the old: gone, less, the same, more.
What m, tau and the propensity read is settled 60 days before the renewal, when the team decides on a touch; only the
market moves on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from copilot.data.book import TOUCH_KINDS
from copilot.data.demo.words import Array
from copilot.data.demo.world import DRIFT_MONTH, MONTHS, World, last_known, sigmoid

NOISE = 0.52  # scale of the logistic noise
GONE, LESS, MORE, MOST = -1.5, -0.52, 0.48, 3.0  # where the index leaves, shrinks, grows, and grows no further
_LESS_AT, _LESS_SLOPE = 0.90, 0.32  # a shrinking customer keeps 60 to 90 %
MORE_STEP, MORE_SLOPE = 0.05, 0.22  # a growing one adds 5 to 60 %
_DRIFT = 0.6
_LEVEL = -0.15

# How strongly each kind of touch works, and how often each segment gets it (SMB, Mid-market, Enterprise).
KIND_STRENGTH = {"call": 1.1, "email": 0.7, "meeting": 1.4, "training": 0.85, "report": 0.85}
_KIND_SHARE = np.array([[0.35, 0.40, 0.08, 0.10, 0.07], [0.30, 0.25, 0.22, 0.13, 0.10], [0.20, 0.12, 0.42, 0.13, 0.13]])
_TRAINING_WHERE_IDLE = 0.4  # a training helps most where little is used


@dataclass(frozen=True)
class Scales:
    """Means and standard deviations that put white space, hiring and size on one scale, fixed for the whole world."""

    white: tuple[float, float]
    hiring: tuple[float, float]
    size: tuple[float, float]


@dataclass(frozen=True)
class State:
    """What can be seen of each account on a day: use of what it owns, hiring and white space, one entry an account."""

    recent: Array  # mean logit of utilisation of the last three months
    trend: Array  # less that of the three before
    hiring: Array
    white: Array


@dataclass(frozen=True)
class Renewals:
    """One entry a renewal. ``tau`` is (n, kinds): the shift of the index by each kind of touch."""

    without: Array  # m
    tau: Array
    propensity: Array
    kind: Array  # position in TOUCH_KINDS: the touch this account got or would have got
    kind_share: Array  # (n, kinds)


def white_space(world: World, who: Array, annual: Array) -> Array:
    """Return the log of what the accounts could still buy over what they spend; ``annual`` is (n, P)."""
    could = (world.seats * world.price)[who] * (annual == 0)
    space: Array = np.log1p(could.sum(axis=1)) - np.log1p(annual.sum(axis=1))
    return space


def fix_scales(world: World, customers: Array, annual: Array) -> Scales:
    """Return the scales, from the customers' first terms (``annual``: one row a customer) and all months."""
    white = white_space(world, customers, annual)
    halves = np.log1p(np.add.reduceat(world.hires, np.arange(0, MONTHS, 6), axis=1))
    log_size = np.log(world.employees)
    return Scales(*((float(x.mean()), float(x.std())) for x in (white, halves, log_size)))


def see(world: World, scales: Scales, who: Array, annual: Array, month: Array) -> State:
    """Return the state of the accounts ``who`` at the end of ``month``, with what they hold then, (n, P) in USD."""
    owned = annual > 0

    def used(lag: int) -> Array:
        logit = world.usage[who, :, np.maximum(month - lag, 0)]
        mean: Array = (logit * owned).sum(axis=1) / owned.sum(axis=1)
        return mean

    recent = np.mean([used(lag) for lag in range(3)], axis=0)
    hired = np.log1p(np.sum([world.hires[who, np.maximum(month - lag, 0)] for lag in range(6)], axis=0))
    return State(
        recent=recent,
        trend=recent - np.mean([used(lag) for lag in range(3, 6)], axis=0),
        hiring=(hired - scales.hiring[0]) / scales.hiring[1],
        white=(white_space(world, who, annual) - scales.white[0]) / scales.white[1],
    )


def respond(
    world: World, scales: Scales, who: Array, annual: Array, month: Array, decided: Array, rng: np.random.Generator
) -> Renewals:
    """Return both futures of the renewals of the accounts ``who``.

    Args:
        annual: What they hold, (n, P) in USD a year.
        month: The month of each renewal; it may lie beyond the world's last.
        decided: The day on which the team decides; only months known by then matter.
    """
    seen = see(world, scales, who, annual, last_known(decided))
    size = (np.log(world.employees[who]) - scales.size[0]) / scales.size[1]
    tenure = world.reps.tenure_years[world.owner[who]]
    drift = _DRIFT * (month >= DRIFT_MONTH)
    market = world.macro[world.region[who], np.minimum(month, MONTHS - 1)]

    without = (
        _LEVEL
        + (0.85 - 0.45 * drift) * seen.recent
        + 0.45 * seen.trend
        + (0.15 + 0.35 * drift) * seen.hiring
        + 0.2 * world.growth[who]
        - 0.25 * (0.6 * world.trouble[who] + 0.8 * world.price_sense[who])
        + 0.4 * market
    )
    idle = sigmoid(-5 * (seen.recent + 0.5))
    # Minus: customers who use it all day are only reminded of the bill (sleeping dogs).
    any_touch = (
        0.07
        + 1.25 * idle
        + 0.40 * np.maximum(seen.white, 0)
        + 0.12 * seen.hiring
        + 0.05 * world.reps.skill[world.owner[who]]
        - 0.85 * sigmoid(6 * (seen.recent - 1.15))
    )
    tau = any_touch[:, None] * np.array([KIND_STRENGTH[kind] for kind in TOUCH_KINDS])
    tau[:, TOUCH_KINDS.index("training")] += _TRAINING_WHERE_IDLE * (idle - 0.2)
    # Reps turn to large accounts with white space and little use, long-serving reps more often: the confounding a model
    # has to undo. All of it can be seen; a rep's skill, which cannot, changes what a touch does but not who gets one.
    chosen = 0.52 * size + 0.46 * seen.white - 0.76 * seen.recent + 0.46 * np.log1p(tenure) - 0.75
    share = _KIND_SHARE[world.segment[who]]
    kind = (rng.random((len(who), 1)) > share.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return Renewals(without, tau, np.clip(sigmoid(chosen), 0.05, 0.95), kind, share)


def spend_ratio(index: Array) -> Array:
    """Return new over old annual spend at the latent ``index``."""
    grown = 1 + MORE_STEP + MORE_SLOPE * (np.minimum(index, MOST) - MORE)
    return np.select(
        [index < GONE, index < LESS, index < MORE], [0.0, _LESS_AT + _LESS_SLOPE * (index - LESS), 1.0], grown
    )


def expected_ratio(mean: Array) -> Array:
    """Return E[spend_ratio(mean + noise)] in closed form.

    With S(a) = P(index > a) and H(a) = E[(index - a)+] of the logistic law, each step of the ratio adds S and each
    slope a difference of H.
    """

    def above(at: float) -> Array:
        return sigmoid((mean - at) / NOISE)

    def beyond(at: float) -> Array:
        return NOISE * np.logaddexp(0, (mean - at) / NOISE)

    kept_least = _LESS_AT + _LESS_SLOPE * (GONE - LESS)
    return (
        kept_least * above(GONE)
        + _LESS_SLOPE * (beyond(GONE) - beyond(LESS))
        + (1 - _LESS_AT) * above(LESS)
        + MORE_STEP * above(MORE)
        + MORE_SLOPE * (beyond(MORE) - beyond(MOST))
    )

"""New business of the demo book: attempts to win prospects and former customers, with the chance of each known.

An attempt's log-odds have a standard deviation of .53 in what can be seen, which gives the papers' AUC of .64 (002).
In the second half of the year size decides more, in the first half hiring counts as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from copilot.data.demo.terms import NEVER
from copilot.data.demo.words import INDUSTRIES, Array
from copilot.data.demo.world import MONTHS, World, month_start, sigmoid, standard

PROSPECT_SHARE = 0.28  # of the accounts were not yet customers when the book begins
_AGAIN = 0.55  # of the failed attempts are followed by another
_REST, _LASTS = (4, 5, 6), (3, 4)  # months between two attempts, and from the start of one to its end
_ATTEMPTS = 5  # more do not fit into 36 months
_LOGIT_SD = 0.53
_REGION_PULL = np.array([0.6, -0.9, 1.2, -1.4])
_SIZE_AND_PACE = {"mid_year": (0.4, 0.4), "year_end": (0.8, 0.15)}  # weights of size and of hiring beyond it
_MEAN_LOGIT = {"mid_year": -0.45, "year_end": -0.15}


@dataclass(frozen=True)
class Attempts:
    """One entry an attempt, ``closed`` NaT while open; ``chance`` of this one, ``chance_label`` of the APS label."""

    who: Array
    created: Array
    closed: Array
    won: Array
    chance: Array
    chance_label: Array


@dataclass(frozen=True)
class Won:
    """When each account was won, (N,): month (-1 never) and day of the month."""

    month: Array
    day: Array


def chase(world: World, who: Array, begins: Array, rng: np.random.Generator) -> tuple[Attempts, Won]:
    """Try to win the accounts ``who`` from month ``begins`` on, again and again until won, given up or today.

    Rest and length are such that the next attempt ends within 12 months of a failed one and the one after it does not:
    the chance of "won, or followed by a won one within 12 months" is that of two attempts (MATHS §1, APS).
    """
    n = len(who)
    chance = {season: _chance(world, who, season) for season in _MEAN_LOGIT}
    month, day = np.full(world.n, -1), np.ones(world.n, np.int64)
    trying, parts = np.ones(n, bool), []
    for _ in range(_ATTEMPTS):
        trying &= begins < MONTHS
        created = month_start(begins) + rng.integers(0, 28, n)
        ends, on = begins + rng.choice(_LASTS, n), rng.integers(1, 29, n)
        over = ends < MONTHS
        p = _in_season(chance, begins)
        later = [_in_season(chance, ends + rest) for rest in _REST]
        wins = trying & over & (rng.random(n) < p)
        closed = np.where(over, month_start(ends) + (on - 1), NEVER)
        label = p + (1 - p) * _AGAIN * np.mean(later, axis=0)
        parts.append(Attempts(*(x[trying] for x in (who, created, closed, wins, p, label))))
        month[who[wins]], day[who[wins]] = ends[wins], on[wins]
        trying &= over & ~wins & (rng.random(n) < _AGAIN)
        begins = ends + rng.choice(_REST, n)
    return join(parts), Won(month, day)


def join(parts: list[Attempts]) -> Attempts:
    """Put batches of attempts one after the other."""
    fields = Attempts.__dataclass_fields__
    return Attempts(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def is_year_end(month: Array) -> Array:
    """Say which months of the book lie in the last six of the team's year, which ends with December."""
    found: Array = month_start(month).astype("datetime64[M]").astype(np.int64) % 12 >= 6
    return found


def _in_season(chance: dict[str, Array], month: Array) -> Array:
    return np.where(is_year_end(month), chance["year_end"], chance["mid_year"])


def _chance(world: World, who: Array, season: str) -> Array:
    size, hiring = standard(np.log(world.employees)), standard(np.log1p(world.hires[:, :24].sum(axis=1)))
    pace = standard(hiring - size * (size * hiring).mean())  # hiring beyond what size explains
    of_size, of_pace = _SIZE_AND_PACE[season]
    industry = np.sin(np.arange(len(INDUSTRIES)))[world.industry]
    seen = standard(of_size * size + of_pace * pace + 0.4 * _REGION_PULL[world.region] + 0.3 * industry)
    return sigmoid(_MEAN_LOGIT[season] + _LOGIT_SD * seen[who])

"""How a measure moves: a robust dynamic panel with a level of its own for each unit.

On the working scale x_t = a + φ·x_{t−1} + z_t·β + c_unit + e_t, where e is Student-t with an estimated number of
degrees of freedom and c = d_unit + g_group, both normal around 0. Estimated by the EM of the t distribution (Lange,
Little & Taylor 1989): each residual weighs (ν + 1)/(ν + e²/s²), so that one odd month moves nothing. The first value of
a unit speaks of its level too, x_first ≈ c/(1 − φ) + …; without it φ would take the levels' part (Wooldridge 2005).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from copilot.stats import Floats, Ints

ROUNDS, LEVEL_ROUNDS = 40, 15
FREEDOM = (2.0, 2.4, 3.0, 4.0, 6.0, 10.0, 30.0)  # degrees of freedom to choose from
RIDGE = 3.0  # rows' worth of evidence for a coefficient of 0
SMALL = 1e-9
MOST_PERSISTENT = 0.995


@dataclass(frozen=True)
class Dynamics:
    """The pooled parameters: ``beta`` starts with a and φ; variances of the noise, levels, groups and first values."""

    beta: list[float]
    noise: float
    freedom: float
    unit: float
    group: float
    first: float

    def mean(self, lag: Floats, z: Floats) -> Floats:
        """Return a + φ·lag + z·β for matching shapes (…,) and (…, K)."""
        found: Floats = self.beta[0] + self.beta[1] * lag + z @ np.asarray(self.beta[2:])
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the parts for JSON."""
        return dict(self.__dict__)


def learn(x: Floats, lag: Floats, z: Floats, group: Ints) -> Dynamics:
    """Estimate the pooled parameters.

    Args:
        x: (units, periods) on the working scale, NaN where unknown.
        lag: (units, periods), where each value comes from; NaN where there is nothing just before.
        z: (units, periods, K), finite: what else was known before each period.
        group: (units,), numbered from 0: units that share a part of their level, such as an account's products.
    """
    row, period = np.nonzero(~np.isnan(x) & ~np.isnan(lag))
    y, design = x[row, period], np.column_stack([np.ones(len(row)), lag[row, period], z[row, period]])
    penalty = np.diag([SMALL, SMALL, *[RIDGE] * z.shape[2]])
    beta: npt.NDArray[Any] = np.linalg.solve(design.T @ design + penalty, design.T @ y)
    noise = max(float(np.var(y - design @ beta)), SMALL)
    now = Dynamics(_damped(beta), noise, 4.0, 0.1 * noise, 0.1 * noise if _shared(group) else 0.0, noise)
    start = _First.of(x, z, row, period)
    levels = np.zeros(len(x))
    for turn in range(ROUNDS):
        error = y - design @ beta - levels[row]
        weight = _weight(error, now.noise, now.freedom)
        heavy = design * weight[:, None]
        beta = np.linalg.solve(heavy.T @ design + penalty, heavy.T @ (y - levels[row]))
        now = _with(now, beta=_damped(beta))
        beta = np.asarray(now.beta)
        rest = y - design @ beta
        evidence = np.bincount(row, weight, len(x)) / now.noise
        pull = np.bincount(row, weight * rest, len(x)) / now.noise
        told, variance = start.about(now, levels)
        evidence, pull = evidence + told / variance, pull + told * start.rest(now) / variance
        levels, parts, spread, parts_spread = _levels(evidence, pull, group, now)
        error = rest - levels[row]
        seen = evidence > 0
        unit = float(np.mean((levels - parts[group])[seen] ** 2 + spread[seen])) if seen.any() else SMALL
        shared = float(np.mean(parts**2 + parts_spread)) if now.group > 0 else 0.0
        before = now
        now = _with(
            now, noise=max(float(np.mean(weight * error**2)), SMALL), unit=max(unit, SMALL), group=shared,
            first=start.variance(now, levels),
            freedom=_freedom(error, now.noise) if turn % 5 == 4 else now.freedom,
        )  # fmt: skip
        if turn > 10 and turn % 5 != 4 and np.allclose(before.beta, now.beta, atol=1e-4) and _settled(before, now):
            break
    return now


def levels(
    x: Floats, lag: Floats, z: Floats, group: Ints, ends: Ints, found: Dynamics, rounds: int = LEVEL_ROUNDS
) -> Floats:
    """Return each unit's level c from its values before ``ends`` alone, shrunk to its group's and to 0.

    Args:
        x: (units, periods), as for ``learn``.
        lag: (units, periods).
        z: (units, periods, K).
        group: (units,).
        ends: (units,), the first period that may not be looked at.
        found: The pooled parameters.
        rounds: Of reweighting.
    """
    before = np.arange(x.shape[1]) < ends[:, None]
    known = ~np.isnan(x) & ~np.isnan(lag) & before
    with np.errstate(invalid="ignore"):
        rest = np.where(known, x - found.mean(lag, z), 0.0)
    row, period = np.nonzero(known)
    start = _First.of(np.where(before, x, np.nan), z, row, period)
    level = np.zeros(len(x))
    for _ in range(rounds):
        weight = np.where(known, _weight(rest - level[:, None], found.noise, found.freedom), 0.0)
        evidence, pull = weight.sum(axis=1) / found.noise, (weight * rest).sum(axis=1) / found.noise
        told, variance = start.about(found, level)
        evidence, pull = evidence + told / variance, pull + told * start.rest(found) / variance
        level = _levels(evidence, pull, group, found)[0]
    return level


@dataclass(frozen=True)
class _First:
    """Each unit's first value and its mean regressors, as evidence of its level."""

    value: Floats
    z: Floats
    known: npt.NDArray[np.bool_]

    @staticmethod
    def of(x: Floats, z: Floats, row: Ints, period: Ints) -> _First:
        count = np.bincount(row, minlength=len(x))
        sums = np.column_stack([np.bincount(row, z[row, period, k], len(x)) for k in range(z.shape[2])] or [count[:0]])
        mean = sums / np.maximum(count, 1)[:, None] if z.shape[2] else np.zeros((len(x), 0))
        value = x[np.arange(len(x)), np.argmax(~np.isnan(x), axis=1)]
        return _First(np.nan_to_num(value), mean, ~np.isnan(value) & (count > 0))

    def rest(self, now: Dynamics) -> Floats:
        """Return the level that would put the first value where the unit rests."""
        found: Floats = (1 - now.beta[1]) * self.value - now.beta[0] - self.z @ np.asarray(now.beta[2:])
        return found

    def about(self, now: Dynamics, level: Floats) -> tuple[Floats, float]:
        """Return the weight of each first value, 0 where there is none, and its variance as a word about the level."""
        variance = max((1 - now.beta[1]) ** 2 * now.first, SMALL)
        return np.where(self.known, _weight(self.rest(now) - level, variance, now.freedom), 0.0), variance

    def variance(self, now: Dynamics, level: Floats) -> float:
        """Return how far first values lie from where their units rest."""
        if not self.known.any():
            return now.first
        weight, _ = self.about(now, level)
        squares = (weight * (self.rest(now) - level) ** 2)[self.known].mean()
        return max(float(squares) / (1 - now.beta[1]) ** 2, SMALL)


def _levels(evidence: Floats, pull: Floats, group: Ints, now: Dynamics) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the units' levels, the groups' parts, and the variance left in each."""
    parts, left = np.zeros(int(group.max(initial=-1)) + 1), np.zeros(int(group.max(initial=-1)) + 1)
    if now.group > 0:
        seen = evidence > 0
        own = np.where(seen, pull / np.where(seen, evidence, 1), 0.0)
        sure = np.where(seen, 1 / (now.unit + 1 / np.where(seen, evidence, 1)), 0.0)
        total = np.bincount(group, sure, len(parts)) + 1 / now.group
        parts, left = np.bincount(group, sure * own, len(parts)) / total, 1 / total
    spread = 1 / (evidence + 1 / now.unit)
    return (pull + parts[group] / now.unit) * spread, parts, spread, left


def _weight(error: Floats, noise: float, freedom: float) -> Floats:
    found: Floats = (freedom + 1) / (freedom + error**2 / noise)
    return found


def _freedom(error: Floats, noise: float) -> float:
    """Return the degrees of freedom under which the errors are likeliest."""
    from scipy.special import gammaln

    squares = error**2 / noise
    likely = [
        gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu) - (nu + 1) / 2 * float(np.log1p(squares / nu).mean())
        for nu in FREEDOM
    ]
    return FREEDOM[int(np.argmax(likely))]


def _shared(group: Ints) -> bool:
    return len(group) > 0 and len(np.unique(group)) < len(group)


def _damped(beta: npt.NDArray[Any]) -> list[float]:
    """Keep the process from running away: φ between 0 and almost 1."""
    found = [float(part) for part in beta]
    found[1] = min(max(found[1], 0.0), MOST_PERSISTENT)
    return found


def _with(now: Dynamics, **changes: Any) -> Dynamics:
    return Dynamics(**(now.as_dict() | changes))


def _settled(before: Dynamics, now: Dynamics) -> bool:
    old, new = (np.sqrt([part.noise, part.unit, part.group, part.first]) for part in (before, now))
    return bool(np.allclose(old, new, rtol=5e-3, atol=1e-3))

"""Assignment problems drawn for the benchmarks: sparse eligible pairs, minimums, and more accounts than places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.assign.problem import OUT, Numbers, Positions, Problem
from copilot.assign.terms import Terms

SIZES = {
    "1k x 20": (1_000, 20),
    "5k x 60": (5_000, 60),
    "10k x 100": (10_000, 100),
    "50k x 300": (50_000, 300),
    "200k x 1000": (200_000, 1_000),
}
KINDS = ("fit", "literal", "random", "clustered", "ties", "everyone")
GRID = 1_000  # values are whole thousandths, so that the peer's integers are exact


@dataclass(frozen=True)
class World:
    """An instance, its value kind, and whether everyone must be placed."""

    problem: Problem
    everyone: bool

    @property
    def charge(self) -> float:
        """What a missing account costs, above any exchange and on the grid."""
        return float(np.ceil(Terms.hard(self.problem)))


def world(size: str, kind: str = "fit", *, seed: int = 7, loads: bool = False) -> World:
    """Draw 10 to 20 eligible reps an account near its territory, with 25 % more accounts than places.

    ``fit``: value × a factor of the pair + 5 where the rep owns the account today; ``literal``: Eq. 2 as printed, no
    rep in it; ``random``: uniform; ``clustered``, ``ties``: few distinct values; ``everyone``: costs, enough places.
    """
    n, m = SIZES[size]
    rng = np.random.default_rng(seed)
    most = min(20, m)
    near = np.argsort(rng.random((n, min(m, 2 * most)), dtype=np.float32), axis=1)[:, :most]
    rep = np.sort((rng.integers(0, m, n)[:, None] + near) % m, axis=1)
    degree = rng.integers(most // 2, most + 1, n)
    rep = rep[np.arange(most) < degree[:, None]]
    account = np.repeat(np.arange(n), degree)
    start = np.concatenate([[0], np.cumsum(degree)])
    weight = 1 / (1 + np.exp(0.05 * (rng.integers(0, 365, n) - 90)))
    base = weight * np.clip(rng.gamma(1.5, 18, n), 0, 100) + (1 - weight) * np.clip(rng.gamma(1.2, 15, n), 0, 100)
    pairs = len(rep)
    values: dict[str, Callable[[], Numbers]] = {
        "fit": lambda: base[account] * np.exp(0.35 * rng.standard_normal(pairs)),
        "literal": lambda: base[account],
        "random": lambda: 100 * rng.random(pairs),
        "clustered": lambda: 20 * np.round(base / 20)[account] + 5.0 * rng.integers(0, 3, pairs),
        "ties": lambda: rng.integers(1, 6, pairs).astype("float64"),
        "everyone": lambda: -rng.gamma(2, 20, pairs),
    }
    value = values[kind]()
    if kind == "fit":
        owned = rng.random(n) < 0.7
        value[(start[:-1] + (rng.random(n) * degree).astype(int))[owned]] += 5
    share = (1.1 if kind == "everyone" else 0.8) * rng.uniform(0.8, 1.2, m)
    high = np.maximum(1, np.round(share * n / m))
    load, max_load = np.zeros(pairs), np.full(m, np.inf)
    low = np.floor(0.6 * high)
    if loads:
        load = np.maximum(1, np.round(rng.integers(1, 9, n)[account] * rng.uniform(0.75, 1.35, pairs)))
        max_load = np.round(share * load.mean() * n / m)
        low, high = np.zeros(m), np.full(m, float(n))
    ids = (pd.RangeIndex(n), pd.RangeIndex(m))
    value = np.round(value * GRID) / GRID
    problem = Problem(*ids, account, rep.astype("int64"), value, load, low, high, max_load, start)
    return World(problem, kind == "everyone")


def value_of(problem: Problem, chosen: Positions) -> float:
    """Return the sum of the chosen values in whole grid steps, so that equal plans read equal."""
    return float(np.round(problem.value[chosen[chosen != OUT]] * GRID).sum()) / GRID


def frames(given: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the instance as the door takes it, with ids as text."""
    problem = given.problem
    account = np.array([f"A{i:07d}" for i in range(len(problem.accounts))])
    rep = np.array([f"R{j:05d}" for j in range(len(problem.reps))])
    pairs = {"account_id": account[problem.account], "rep_id": rep[problem.rep], "value": problem.value}
    limits = {"rep_id": rep, "min_accounts": problem.low, "max_accounts": problem.high}
    return pd.DataFrame(pairs), pd.DataFrame(limits)

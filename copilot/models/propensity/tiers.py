"""Tiers: High, Medium and Low, cut once by predicted chance, with the lift of each against the average (002)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from copilot.stats import Floats, Interval

NAMES = ("High", "Medium", "Low")
HIGH, MEDIUM = 0.1, 0.3  # the top tenth; the two tenths after it; the rest
RESAMPLES = 400


def cuts(p: Floats) -> tuple[float, float]:
    """Return the least chance of the tiers High and Medium."""
    high, medium = np.quantile(p, (1 - HIGH, 1 - MEDIUM))
    return float(high), float(medium)


def tier(p: Floats, at: tuple[float, float]) -> npt.NDArray[np.object_]:
    """Return the tier of each chance, (n,)."""
    return np.select([p >= at[0], p >= at[1]], NAMES[:2], NAMES[2]).astype(object)


def lifts(
    y: Floats, tiers: npt.NDArray[np.object_], groups: npt.NDArray[Any], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Return how often each tier's rows came true, and that over the average with 95 % limits.

    Args:
        y: 0/1, (n,).
        tiers: Names, (n,).
        groups: The account of each row; accounts are resampled whole.
        rng: Draws the resamples.

    Returns:
        One row a tier: ``tier``, ``n``, ``rate``, ``lift`` (value, low, high; None where it has no rows).
    """
    account = np.unique(groups, return_inverse=True)[1]
    count = int(account.max()) + 1
    weight = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)
    all_rows, all_won = weight @ np.bincount(account, minlength=count), weight @ np.bincount(account, y, count)
    found = []
    for name in NAMES:
        inside = tiers == name
        rows = weight @ np.bincount(account[inside], minlength=count)
        won = weight @ np.bincount(account[inside], y[inside], count)
        usable = (rows > 0) & (all_won > 0)
        drawn = won[usable] / rows[usable] * all_rows[usable] / all_won[usable]
        lift = None
        if inside.any() and y.any():
            low, high = np.quantile(drawn, (0.025, 0.975))
            lift = Interval(float(y[inside].mean() / y.mean()), float(low), float(high)).as_dict()
        rate = float(y[inside].mean()) if inside.any() else None
        found.append({"tier": name, "n": int(inside.sum()), "rate": rate, "lift": lift})
    return found

"""Measure forecasts beside the simple guesses, choose among candidates, and turn past errors into intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from copilot.models.engagement.panel import Panel
from copilot.stats import Floats, Ints, mean_interval, standard_error

LEVEL = 0.8
YEAR = 12
MOST_BINS, LEAST_IN_BIN = 12, 60
SIMPLE = ("last_value", "seasonal_median")


def simple_guess(name: str, panel: Panel, rows: Ints, ends: Ints) -> Floats:
    """Return a simple guess for each pair of a unit and a period.

    ``last_value`` repeats the value just before. ``seasonal_median`` is the median of the same month one and two years
    before; without either, the median of the last twelve values.
    """
    if name == "last_value":
        return panel.values[rows, ends - 1]
    same = np.stack([_at(panel, rows, ends - YEAR * k) for k in (1, 2)], axis=1)
    recent = np.stack([_at(panel, rows, ends - k) for k in range(1, YEAR + 1)], axis=1)
    lacks = np.isnan(same).all(axis=1)
    found = np.empty(len(rows))
    found[~lacks] = np.nanmedian(same[~lacks], axis=1)
    found[lacks] = np.nanmedian(recent[lacks], axis=1)
    return found


def _at(panel: Panel, rows: Ints, ends: Ints) -> Floats:
    return np.where(ends >= 0, panel.values[rows, np.maximum(ends, 0)], np.nan)


def choose(errors: Mapping[str, Floats], rows: Ints) -> tuple[str, str]:
    """Return the candidate to use, and the reason.

    A simple guess is used where nothing has less error. Among the models the simplest within one standard error of the
    best is used.

    Args:
        errors: Absolute errors on the periods to choose by, simplest candidate first; all (n,).
        rows: (n,), the unit of each; the standard error of a paired difference respects it.
    """
    best = min(errors, key=lambda name: float(errors[name].mean()))
    if best in SIMPLE:
        return best, f"No model has less error than the {best.replace('_', ' ')} on the periods to choose by."
    for name in errors:
        gap = errors[name] - errors[best]
        error = standard_error(gap, groups=rows) if len(np.unique(rows)) > 1 else 0.0
        if name not in SIMPLE and name != best and gap.mean() <= error:
            return name, f"{name} is the simplest within one standard error of {best}, which has the least error."
    return best, f"{best} has the least error on the periods to choose by."


def judge(told: Floats, panel: Panel, rows: Ints, ends: Ints) -> dict[str, Any]:
    """Return MAE, RMSE and the skill against both simple guesses, 1 − MAE/MAE of the guess, with 95 % limits."""
    actual = panel.values[rows, ends]
    error = np.abs(told - actual)
    report: dict[str, Any] = {"n_judged": len(rows), "mae": error.mean(), "rmse": _root(error)}
    gains = {}
    for name in SIMPLE:
        other = np.abs(simple_guess(name, panel, rows, ends) - actual)
        gains[name] = mean_interval(other - error, groups=rows).as_dict()
        size = float(other.mean()) or 1.0
        skill = {part: None if limit is None else limit / size for part, limit in gains[name].items()}
        report[name] = {"mae": other.mean(), "rmse": _root(other), "skill": skill}
    best = min(SIMPLE, key=lambda name: float(report[name]["mae"]))
    report["baseline"], report["baseline_mae"] = best, report[best]["mae"]
    report["skill_score"] = report[best]["skill"]
    report["skill"] = bool((gains[best]["low"] or 0.0) > 0)
    report["note"] = None if report["skill"] else f"No measurable skill beyond the {best.replace('_', ' ')}."
    return report


def spread(told: Floats, actual: Floats) -> dict[str, list[float]]:
    """Return the 10 % and 90 % points of the error by the forecast's level: ``level``, ``low``, ``high``.

    The points have the small-sample correction of conformal prediction (Lei et al. 2018), so that few errors do not
    make a narrow interval.
    """
    order = np.argsort(told, kind="stable")
    bins = int(np.clip(len(order) // LEAST_IN_BIN, 1, MOST_BINS))
    found: dict[str, list[float]] = {"level": [], "low": [], "high": []}
    for part in np.array_split(order, bins):
        error = actual[part] - told[part]
        upper = min((1 + LEVEL) / 2 * (len(part) + 1) / len(part), 1.0)
        found["level"].append(float(told[part].mean()))
        found["low"].append(min(float(np.quantile(error, 1 - upper)), 0.0))
        found["high"].append(max(float(np.quantile(error, upper)), 0.0))
    return found


def limits(told: Floats, table: Mapping[str, list[float]]) -> tuple[Floats, Floats]:
    """Return the interval's limits around forecasts, between levels by straight lines."""
    low, high = (np.interp(told, table["level"], table[name]) for name in ("low", "high"))
    return told + low, told + high


def coverage(told: Floats, actual: Floats, low: Floats, high: Floats) -> dict[str, Any]:
    """Return the share of values inside, in all and by fifths of the forecast's level."""
    inside = (low <= actual) & (actual <= high)
    order = np.argsort(told, kind="stable")
    parts = [part for part in np.array_split(order, 5) if len(part)]
    by_level = [
        {"up_to": float(told[part[-1]]), "n": len(part), "coverage": float(inside[part].mean())} for part in parts
    ]
    whole = float(inside.mean()) if len(inside) else None
    return {"coverage": whole, "coverage_meant": LEVEL, "coverage_by_level": by_level}


def _root(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2)))

"""Forecast next period's utilisation, adoption or event count of each unit (CPOG §3.2), with an interval.

A robust dynamic panel forecasts each unit from its last value, its own level and what else was measured; boosted trees
add what it leaves over where that helps. The model is chosen on three periods, then judged on three later ones beside
the last value and the seasonal median.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.models import registry
from copilot.models.engagement import judging
from copilot.models.engagement.candidates import Forecaster, eligible, learn, learn_all
from copilot.models.engagement.design import Design, key_columns, tree_names
from copilot.models.engagement.dynamics import Dynamics
from copilot.models.engagement.panel import Bounds, Panel, Rows, check_bounds, other_measures, read
from copilot.models.engagement.scale import Scale, of_driver, of_measure
from copilot.stats import Floats, Ints

__all__ = ["Bounds", "EngagementModel", "fit", "from_bundle"]

JUDGED = CHOSEN_BY = 3  # periods each
LEAST_ROWS = 20
MOST_UNITS = 6_000  # learned from and judged on; every unit is forecast
BLOCK = 20_000  # units forecast at a time
SEASONS = 13  # periods before a season can be told


@dataclass(frozen=True)
class EngagementModel:
    """The chosen forecaster and the spread of its errors by level. ``report`` is described at ``fit``.

    Errors of amounts are those on the logarithmic ``scale``.
    """

    forecaster: Forecaster
    unit: list[str]
    time: str
    value: str
    bounds: Bounds
    drivers: list[str]
    spread: dict[str, list[float]]
    scale: Scale
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def boosters(self) -> dict[str, Any]:
        """The trees, where the model has any."""
        return dict(self.forecaster.boosters)

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Return ``unit, forecast, low, high`` for the period after each unit's last value.

        The unit's own column names come first; limits hold 80 % of the errors seen on held-out periods.

        Raises:
            BadInput: The panel lacks a column, or values are text, infinite or outside the bounds.
        """
        rows = read(panel, self.unit, self.time, self.value, self.drivers)
        check_bounds(rows.value, self.value, self.bounds)
        if not len(rows.units):
            return panel[self.unit][:0].assign(forecast=0.0, low=0.0, high=0.0).reset_index(drop=True)
        told = np.empty(len(rows.units))
        for units in _blocks(rows, self.forecaster.design):
            part = rows.among(units).panel(self.drivers)
            last = part.values.shape[1] - np.argmax(~np.isnan(part.values)[:, ::-1], axis=1)
            told[units] = self.forecaster.tell(part, np.arange(len(units)), last)
        low, high = _interval(told, self.spread, self.scale, self.bounds)
        found = {"forecast": _bounded(told, self.bounds), "low": low, "high": high}
        return pd.concat([rows.units, pd.DataFrame(found)], axis=1)

    def bundle(self) -> registry.Bundle:
        """Return the parts the registry writes."""
        chosen = self.forecaster
        state: dict[str, Any] = {"unit": self.unit, "time": self.time, "value": self.value, "bounds": list(self.bounds)}
        state |= {"drivers": self.drivers, "spread": self.spread, "scale": self.scale.as_dict(), "model": chosen.name}
        state["design"] = chosen.design.as_dict() if chosen.design else None
        state["dynamics"] = chosen.found.as_dict() if chosen.found else None
        names = tuple(tree_names(chosen.design)) if chosen.design else ()
        return registry.Bundle("engagement", names, chosen.boosters, state, self.report)


def from_bundle(bundle: registry.Bundle) -> EngagementModel:
    """Put a saved model together again."""
    state = dict(bundle.state)
    design, moves = state.pop("design"), state.pop("dynamics")
    forecaster = Forecaster(
        state.pop("model"), Design.of(design) if design else None, Dynamics(**moves) if moves else None, bundle.boosters
    )
    low, high = state.pop("bounds")
    scale = Scale(**state.pop("scale"))
    return EngagementModel(forecaster, bounds=(low, high), scale=scale, report=bundle.report, **state)


def fit(
    panel: pd.DataFrame,
    *,
    unit: str | Sequence[str],
    time: str,
    value: str,
    bounds: Bounds | None = (0.0, 100.0),
    rng: np.random.Generator,
    drivers: Sequence[str] | None = None,
) -> EngagementModel:
    """Fit the forecast, choose its kind by validation, and judge it on the last periods.

    Args:
        panel: One row a unit and period; periods are the distinct values of ``time``, gaps are allowed.
        unit: The column or columns that name a unit, such as account and product.
        time: The period: dates or numbers.
        value: What to forecast; missing values count as no row.
        bounds: The value's limits, either of them None. Shares are learned on the logit scale, amounts from 0 up on a
            logarithmic one.
        rng: Chooses units of a large panel, seeds rows and trees.
        drivers: Further numeric columns known with the value of the same period, such as hires or another measure of
            use; only what lies before the forecast period is read. None takes the panel's other numeric columns, at
            most eight. ``predict`` needs them too.

    Returns:
        A model whose ``report`` holds

        - ``model`` and ``model_reason``: the candidate chosen and why; ``candidates``: the mean absolute error of each
          on the periods ``chosen_on`` (of amounts: on the logarithmic scale, or the largest would decide alone);
        - ``mae`` and ``rmse`` on later held-out ``periods``, for ``last_value`` and ``seasonal_median`` the same with
          the ``skill`` against each, 1 − mae / mae of the guess with 95 % limits;
        - ``baseline`` (the better guess), ``baseline_mae``, ``skill_score`` against it, ``skill`` (its lower limit is
          above 0) and ``note`` where there is none;
        - ``coverage`` of the 80 % interval on the judged periods, whose errors it was not drawn from (units in turn
          where the history is too short), and ``coverage_by_level``;
        - ``drivers``, ``persistence`` (φ), ``n_units`` and ``n_units_used``.

    Raises:
        BadInput: A column is missing, a value is text or lies outside the bounds, or there is too little history.
    """
    limits: Bounds = bounds or (None, None)
    keys = [unit] if isinstance(unit, str) else list(unit)
    rows = read(panel, keys, time, value, drivers or ())
    check_bounds(rows.value, value, limits)
    if drivers is None:
        others = other_measures(panel, keys, time, value)
    else:
        others = list(dict.fromkeys(drivers))
        idle = [name for name in others if name not in other_measures(panel[[name]], (), "", "")]
        if idle or set(others) & {*keys, time, value}:
            wrong = idle[0] if idle else sorted(set(others) & {*keys, time, value})[0]
            raise BadInput(
                f"{wrong!r} cannot drive {value}: name another numeric column that varies and is mostly known."
            )
    units = len(rows.units)
    data = _sample(rows, keys, rng).panel(others)
    at, ends = _pairs(data)
    periods = np.unique(ends)
    if len(periods) < 2 or len(at) < LEAST_ROWS:
        there = f"this has {len(at)} over {len(periods) + 1 if len(at) else 0}"
        raise BadInput(f"A forecast of {value} needs at least {LEAST_ROWS} values over three periods; {there}.")
    judged = periods[-min(JUDGED, len(periods) // 2) :]
    before = periods[: -len(judged)]
    by = before[-min(CHOSEN_BY, len(before) // 2) :] if len(before) > 1 else before[:0]
    kinds, group = key_columns(data.units, keys)
    seasonal = bool(data.phase.any()) and data.values.shape[1] >= SEASONS
    design = Design(
        of_measure(data.values, limits),
        {name: of_driver(data.drivers[name]) for name in others},
        seasonal,
        kinds,
        group,
    )
    report: dict[str, Any] = {
        "model": "damped",
        "model_reason": "The history is too short to choose by.",
        "candidates": {},
    }
    chosen_at = np.isin(ends, by)
    errors = _compete(design, data, at, ends, by, limits, rng)
    if errors:
        report["model"], report["model_reason"] = judging.choose(errors[0], at[chosen_at])
        report["candidates"] = {name: float(found.mean()) for name, found in errors[0].items()}
    report["chosen_on"] = _named(data, by if errors else by[:0])
    held = np.isin(ends, judged)
    model = learn(report["model"], design, data, int(judged[0]), rng)
    told, actual = model.tell(data, at[held], ends[held]), data.values[at[held], ends[held]]
    report |= judging.judge(_bounded(told, limits), data, at[held], ends[held])
    earlier = (errors[1][report["model"]], data.values[at[chosen_at], ends[chosen_at]]) if errors else None
    report |= _tried(told, actual, at[held], earlier, design.scale, limits)
    everything = (told, actual) if earlier is None else (np.r_[earlier[0], told], np.r_[earlier[1], actual])
    spread = judging.spread(*(_even(part, design.scale) for part in everything))
    last = learn(report["model"], design, data, data.values.shape[1], rng)
    report |= {
        "periods": _named(data, judged),
        "drivers": others if last.design and last.design.drivers else [],
        "persistence": last.found.beta[1] if last.found else None,
        "n_units": units,
        "n_units_used": len(data.units),
    }
    used = list(last.design.drivers) if last.design else []
    return EngagementModel(last, keys, time, value, limits, used, spread, design.scale, registry.plain(report))


def _compete(
    design: Design, data: Panel, at: Ints, ends: Ints, by: Ints, bounds: Bounds, rng: np.random.Generator
) -> tuple[dict[str, Floats], dict[str, Floats]] | None:
    """Return the absolute errors and the forecasts of each candidate on the periods to choose by."""
    learned = int((ends < by[0]).sum()) if len(by) else 0
    chosen = np.isin(ends, by)
    if min(learned, int(chosen.sum())) < LEAST_ROWS:
        return None
    fitted = learn_all(eligible(design, learned), design, data, int(by[0]), rng)
    told = {name: model.tell(data, at[chosen], ends[chosen]) for name, model in fitted.items()}
    actual = data.values[at[chosen], ends[chosen]]
    bounded = {name: _bounded(guess, bounds) for name, guess in told.items()}
    return {
        name: np.abs(_even(guess, design.scale) - _even(actual, design.scale)) for name, guess in bounded.items()
    }, told


def _tried(
    told: Floats, actual: Floats, units: Ints, earlier: tuple[Floats, Floats] | None, scale: Scale, bounds: Bounds
) -> dict[str, Any]:
    """Try the interval on errors it was not drawn from: later ones, or else the other half of the units'."""
    tried = np.ones(len(told), dtype=bool)
    drawn = earlier
    if drawn is None:
        tried = units % 2 == 1
        drawn = told[~tried], actual[~tried]
        if not len(drawn[0]) or not tried.any():
            return {"coverage": None, "coverage_meant": judging.LEVEL, "coverage_by_level": []}
    spread = judging.spread(*(_even(part, scale) for part in drawn))
    low, high = _interval(told[tried], spread, scale, bounds)
    return judging.coverage(told[tried], actual[tried], low, high)


def _interval(told: Floats, spread: dict[str, list[float]], scale: Scale, bounds: Bounds) -> tuple[Floats, Floats]:
    low, high = judging.limits(_even(told, scale), spread)
    if scale.kind == "log":
        low, high = scale.back(low), scale.back(high)
    return _bounded(low, bounds), _bounded(high, bounds)


def _even(values: Floats, scale: Scale) -> Floats:
    """Return amounts on their logarithmic scale, where errors are of one size; other measures as they are."""
    return scale.work(values) if scale.kind == "log" else values


def _sample(rows: Rows, keys: list[str], rng: np.random.Generator) -> Rows:
    """Keep whole accounts until there are enough units."""
    if len(rows.units) <= MOST_UNITS:
        return rows
    account = pd.factorize(rows.units[keys[0]])[0] if len(keys) > 1 else np.arange(len(rows.units))
    order = rng.permutation(int(account.max()) + 1)
    if len(order) * 10 < MOST_UNITS:  # the first key names products or regions: sample units themselves
        return rows.among(np.sort(rng.choice(len(rows.units), MOST_UNITS, replace=False)))
    kept = np.cumsum(np.bincount(account)[order]) <= MOST_UNITS
    return rows.among(np.flatnonzero(np.isin(account, order[kept])))


def _blocks(rows: Rows, design: Design | None) -> list[Ints]:
    """Cut the units into blocks that keep groups together and stay small in memory."""
    group = design.groups(rows.units) if design else np.arange(len(rows.units))
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) > 0])
    cuts, last = [], 0
    for start in starts[1:]:
        if start - last >= BLOCK:
            cuts.append(int(start))
            last = int(start)
    return [np.sort(part) for part in np.split(order, cuts)]


def _pairs(data: Panel) -> tuple[Ints, Ints]:
    """Return the (unit, period) pairs with a value and one just before it."""
    known = ~np.isnan(data.values)
    rows, ends = np.nonzero(known[:, 1:] & known[:, :-1])
    return rows, ends + 1


def _named(data: Panel, periods: Ints) -> list[str]:
    return [str(data.times[period])[:10] for period in periods]


def _bounded(values: Floats, bounds: Bounds) -> Floats:
    low, high = bounds
    return np.clip(values, -np.inf if low is None else low, np.inf if high is None else high)

"""Forecast next period's utilisation, adoption or event count of each unit (CPOG §3.2), with an interval.

The booster learns how far the next value lies from the unit's recent mean. It is judged on later periods than it
learned from, beside the last value and the seasonal median.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.models import boosting, registry
from copilot.models.boosting import Features
from copilot.stats import Floats, Ints, mean_interval

if TYPE_CHECKING:
    import xgboost as xgb

Bounds = tuple[float | None, float | None]
LAGS = 12
JUDGED = 3  # last periods held out
LEVEL = 0.8
BINS = 5  # of the forecast's level; the spread of a share differs between its middle and its ends
MOST_ROWS = 60_000
LEAST_ROWS = 20
NAMES = (
    *(f"lag_{k}" for k in range(1, LAGS + 1)),
    *("mean_3", "mean_6", "mean_12", "mean_all", "spread_6", "trend", "phase", "level_all"),
)


@dataclass(frozen=True)
class _Panel:
    """Values by unit (rows) and period (columns), NaN where there is none; ``phase`` is the month of each period."""

    units: pd.DataFrame
    values: Floats
    phase: Floats
    times: npt.NDArray[Any]


@dataclass(frozen=True)
class EngagementModel:
    """One booster on the distance from the recent mean; ``edges`` and ``spread`` give the interval by level."""

    boosters: dict[str, xgb.Booster]
    unit: list[str]
    time: str
    value: str
    bounds: tuple[float | None, float | None]
    logged: bool
    edges: list[float]
    spread: list[list[float]]
    report: dict[str, Any] = field(default_factory=dict)

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Return ``unit, forecast, low, high`` for the period after each unit's last value.

        The unit's own column names come first; limits hold 80 % of the errors seen on held-out periods.

        Raises:
            BadInput: The panel lacks a column, or values are text.
        """
        wide = _wide(panel, self.unit, self.time, self.value, self.logged)
        known = ~np.isnan(wide.values)
        rows = np.flatnonzero(known.any(axis=1))
        if not len(rows):
            return panel[self.unit][:0].assign(forecast=0.0, low=0.0, high=0.0).reset_index(drop=True)
        ends = wide.values.shape[1] - np.argmax(known[rows, ::-1], axis=1)
        found = self._forecast(wide, rows, ends)
        low, high = _limits(found, self.edges, self.spread)
        told = {
            name: _bounded(_back(part, self.logged), self.bounds)
            for name, part in (("forecast", found), ("low", low), ("high", high))
        }
        return pd.concat([wide.units.iloc[rows].reset_index(drop=True), pd.DataFrame(told)], axis=1)

    def _forecast(self, wide: _Panel, rows: Ints, ends: Ints) -> Floats:
        table, start = _design(wide, rows, ends)
        return start + boosting.predict(self.boosters["step"], table)

    def bundle(self) -> registry.Bundle:
        """Return the parts the registry writes."""
        state: dict[str, Any] = {"unit": self.unit, "time": self.time, "value": self.value, "bounds": list(self.bounds)}
        state |= {"logged": self.logged, "edges": self.edges, "spread": self.spread}
        return registry.Bundle("engagement", NAMES, self.boosters, state, self.report)


def from_bundle(bundle: registry.Bundle) -> EngagementModel:
    """Put a saved model together again."""
    state = dict(bundle.state) | {"bounds": tuple(bundle.state["bounds"])}
    return EngagementModel(boosters=dict(bundle.boosters), report=bundle.report, **state)


def fit(
    panel: pd.DataFrame,
    *,
    unit: str | Sequence[str],
    time: str,
    value: str,
    bounds: Bounds | None = (0.0, 100.0),
    rng: np.random.Generator,
) -> EngagementModel:
    """Fit the forecast and judge it on the last periods.

    Args:
        panel: One row a unit and period; periods are the distinct values of ``time``, gaps are allowed.
        unit: The column or columns that name a unit.
        time: The period: dates or numbers.
        value: What to forecast; missing values count as no row.
        bounds: The value's limits, either of them None; from 0 without an upper limit it is learned on a
            logarithmic scale.
        rng: Seeds rows and trees.

    Returns:
        A model whose ``report`` holds ``mae`` and ``rmse`` on the held-out periods, those of ``last_value`` and
        ``seasonal_median``, ``baseline_mae`` (the better of the two), ``skill_score`` = 1 − mae / baseline with
        95 % limits, ``skill`` (its lower limit is above 0), ``coverage`` of the 80 % interval on units it was not drawn
        from, and ``periods``.

    Raises:
        BadInput: A column is missing, a value is text or lies outside the bounds, or there is too little history.
    """
    limits: Bounds = bounds or (None, None)
    logged = limits[1] is None and limits[0] is not None and limits[0] >= 0  # a logarithm needs a floor
    keys = [unit] if isinstance(unit, str) else list(unit)
    wide = _wide(panel, keys, time, value, logged)
    _check_bounds(pd.to_numeric(panel[value]), value, limits)
    rows, ends = _targets(wide, rng)
    periods = np.unique(ends)
    if len(periods) < 2 or len(rows) < LEAST_ROWS:
        there = f"this has {len(rows)} over {len(periods) + 1}"
        raise BadInput(f"A forecast of {value} needs at least {LEAST_ROWS} values over three periods; {there}.")
    held = np.isin(ends, periods[-min(JUDGED, len(periods) // 2) :])
    first = _learn(wide, rows[~held], ends[~held], rng)
    model = EngagementModel({"step": first}, keys, time, value, limits, logged, [], [])
    told, actual = model._forecast(wide, rows[held], ends[held]), wide.values[rows[held], ends[held]]
    calibrates = rows[held] % 2 == 0  # half the units draw the interval, the other half tries it
    edges, spread = _spread(told, actual, calibrates)
    low, high = _limits(told, edges, spread)
    inside = (low <= actual) & (actual <= high)
    report = _judge(wide, rows[held], ends[held], told, logged, limits)
    report |= {"coverage": float(inside[~calibrates].mean()) if (~calibrates).any() else None, "coverage_meant": LEVEL}
    report["periods"] = [str(wide.times[end])[:10] for end in np.unique(ends[held])]
    edges, spread = _spread(told, actual, np.ones(len(told), dtype=bool))
    last = _learn(wide, rows, ends, rng)
    return EngagementModel({"step": last}, keys, time, value, limits, logged, edges, spread, registry.plain(report))


def _wide(panel: pd.DataFrame, unit: list[str], time: str, value: str, logged: bool) -> _Panel:
    if not isinstance(panel, pd.DataFrame):
        raise BadInput(f"The panel must be a table with named columns; got a {type(panel).__name__}.")
    absent = [name for name in (*unit, time, value) if name not in panel.columns]
    if absent:
        raise BadInput(f"The panel lacks the column {absent[0]!r}; it has {', '.join(map(str, panel.columns))}.")
    numbers = pd.to_numeric(panel[value], errors="coerce")
    text = int((numbers.isna() & panel[value].notna()).sum())
    if text:
        raise BadInput(f"{value} holds text in {text} of {len(panel)} rows; give numbers, or leave them empty.")
    kept = panel[np.isfinite(numbers.to_numpy(float, na_value=np.nan))]
    table = kept.assign(**{value: numbers}).pivot_table(
        index=unit, columns=time, values=value, aggfunc="last", sort=True
    )
    values = table.to_numpy(float)
    times = table.columns.to_numpy()
    phase = table.columns.month.to_numpy(float) if isinstance(table.columns, pd.DatetimeIndex) else np.zeros(len(times))
    return _Panel(table.index.to_frame(index=False), np.log1p(values) if logged else values, phase, times)


def _check_bounds(values: pd.Series, name: str, bounds: Bounds) -> None:
    low, high = bounds
    outside = ((values < low) if low is not None else False) | ((values > high) if high is not None else False)
    if np.any(outside):
        raise BadInput(f"{int(np.sum(outside))} values of {name} lie outside {low} to {high}; correct or drop them.")


def _targets(wide: _Panel, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the (unit, period) pairs with a value and one just before it."""
    known = ~np.isnan(wide.values)
    rows, ends = np.nonzero(known[:, 1:] & known[:, :-1])
    if len(rows) > MOST_ROWS:
        chosen = np.sort(rng.choice(len(rows), MOST_ROWS, replace=False))
        rows, ends = rows[chosen], ends[chosen]
    return rows, ends + 1


def _design(wide: _Panel, rows: Ints, ends: Ints) -> tuple[Features, Floats]:
    """Return the features of each pair, from values before ``ends`` alone, and the recent mean to start from."""
    places = ends[:, None] - np.arange(1, LAGS + 1)
    lags = np.where(places >= 0, wide.values[rows[:, None], np.maximum(places, 0)], np.nan)
    known = ~np.isnan(wide.values)
    sums = np.c_[np.zeros(len(wide.values)), np.cumsum(np.where(known, wide.values, 0), axis=1)]
    counts = np.c_[np.zeros(len(wide.values)), np.cumsum(known, axis=1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        own = sums[rows, ends] / counts[rows, ends]
        means = [_mean(lags[:, :k]) for k in (3, 6, 12)]
        spread = np.sqrt(np.maximum(_mean(lags[:, :6] ** 2) - means[1] ** 2, 0))
        trend = means[0] - _mean(lags[:, 3:6])
    # What everyone did in the period before, known by then.
    level = np.r_[np.nan, _mean(wide.values.T)][ends]
    phases = np.r_[wide.phase, wide.phase[-1] % 12 + 1 if wide.phase.any() else 0.0][ends]
    table = np.column_stack([lags, *means, own, spread, trend, phases, level]).astype(np.float32)
    return table, np.where(np.isnan(means[0]), own, means[0])


def _mean(values: Floats) -> Floats:
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(known, values, 0).sum(axis=1) / known.sum(axis=1)
    return found


def _learn(wide: _Panel, rows: Ints, ends: Ints, rng: np.random.Generator) -> xgb.Booster:
    table, start = _design(wide, rows, ends)
    step = wide.values[rows, ends] - start
    return boosting.boost(table, step, task="mean", groups=rows, rng=rng, names=NAMES, thorough=False)


def _judge(wide: _Panel, rows: Ints, ends: Ints, told: Floats, logged: bool, bounds: Bounds) -> dict[str, Any]:
    table, _ = _design(wide, rows, ends)
    season = np.stack(
        [np.where(ends >= 12 * k, wide.values[rows, np.maximum(ends - 12 * k, 0)], np.nan) for k in (1, 2)], axis=1
    )
    middle = np.nanmedian(table[:, :LAGS], axis=1)
    seasonal = np.where(np.isnan(season).all(axis=1), middle, _mean(season))
    actual = _back(wide.values[rows, ends], logged)
    errors = {
        name: np.abs(_bounded(_back(np.asarray(guess, float), logged), bounds) - actual)
        for name, guess in (("model", told), ("last_value", table[:, 0]), ("seasonal_median", seasonal))
    }
    report: dict[str, Any] = {"n_judged": len(rows), "mae": errors["model"].mean(), "rmse": _root(errors["model"])}
    for name in ("last_value", "seasonal_median"):
        report[name] = {"mae": errors[name].mean(), "rmse": _root(errors[name])}
    best = min(("last_value", "seasonal_median"), key=lambda name: float(errors[name].mean()))
    report["baseline"], report["baseline_mae"] = best, errors[best].mean()
    gain = mean_interval(errors[best] - errors["model"], groups=rows).as_dict()
    size = report["baseline_mae"] or 1.0
    report["skill_score"] = {part: None if limit is None else limit / size for part, limit in gain.items()}
    report["skill"] = bool((gain["low"] or 0.0) > 0)
    return report


def _spread(told: Floats, actual: Floats, chosen: npt.NDArray[np.bool_]) -> tuple[list[float], list[list[float]]]:
    """Return the edges of the forecast's level and, for each bin, the quantiles of the error."""
    level, error = told[chosen], (actual - told)[chosen]
    edges = np.unique(np.quantile(level, np.linspace(0, 1, BINS + 1)[1:-1]))
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    bins = np.digitize(level, edges)
    spread = [
        np.quantile(error[bins == b] if (bins == b).sum() >= LEAST_ROWS else error, tails)
        for b in range(len(edges) + 1)
    ]
    return edges.tolist(), [part.tolist() for part in spread]


def _limits(told: Floats, edges: list[float], spread: list[list[float]]) -> tuple[Floats, Floats]:
    tails = np.asarray(spread)[np.digitize(told, edges)]
    return told + np.minimum(tails[:, 0], 0), told + np.maximum(tails[:, 1], 0)


def _back(values: Floats, logged: bool) -> Floats:
    return np.expm1(values) if logged else values


def _bounded(values: Floats, bounds: Bounds) -> Floats:
    low, high = bounds
    return np.clip(values, -np.inf if low is None else low, np.inf if high is None else high)


def _root(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2)))

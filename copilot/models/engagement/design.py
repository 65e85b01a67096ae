"""What is known before each period: the regressors of the dynamics and the table the trees read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from copilot.models.boosting import Features
from copilot.models.engagement.panel import Panel
from copilot.models.engagement.scale import Scale
from copilot.stats import Floats, Ints

LAGS = (1, 2, 3, 6, 12)
MEANS = (3, 6, 12)
MOST_KINDS, LEAST_OF_KIND = 30, 20


@dataclass(frozen=True)
class Design:
    """How a panel becomes regressors; frozen with the model.

    ``kinds`` are key columns with few levels (products), each with its known levels; ``group`` is the key column whose
    units share a level (accounts), or None.
    """

    scale: Scale
    drivers: dict[str, Scale]
    seasonal: bool
    kinds: dict[str, list[str]] = field(default_factory=dict)
    group: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the parts for JSON."""
        drivers = {name: scale.as_dict() for name, scale in self.drivers.items()}
        return self.__dict__ | {"scale": self.scale.as_dict(), "drivers": drivers}

    @staticmethod
    def of(parts: dict[str, Any]) -> Design:
        """Put a saved design together again."""
        drivers = {name: Scale(**scale) for name, scale in parts["drivers"].items()}
        return Design(**(parts | {"scale": Scale(**parts["scale"]), "drivers": drivers}))

    def width(self) -> int:
        """Return the number of regressors beside the constant and the lag."""
        return 2 * self.seasonal + 2 * len(self.drivers) + sum(len(levels) for levels in self.kinds.values())

    def regress(self, panel: Panel) -> Regressors:
        """Return the regressors of every period and of the one after the last."""
        x = self.scale.work(panel.values)
        running = _before(_running(x))
        just = _before(panel.values)
        lag = np.where(np.isnan(just), np.nan, _before(x))
        lag = np.where(np.isnan(lag) & ~np.isnan(just), np.nan_to_num(running), lag)  # at a limit: the level so far
        parts = []
        if self.seasonal:
            angle = 2 * np.pi * panel.phase / 12
            parts += [np.broadcast_to(wave * (panel.phase > 0), lag.shape) for wave in (np.sin(angle), np.cos(angle))]
        for name, scale in self.drivers.items():
            measured = scale.work(panel.drivers[name])
            mean = np.nan_to_num(_before(_running(measured)))
            last = _before(measured)
            parts += [np.where(np.isnan(last), mean, last), mean]
        for column, names in self.kinds.items():
            shares = 1 / (len(names) + 1)
            told = panel.units[column].astype(str).to_numpy()
            known = np.isin(told, names)
            parts += [
                np.broadcast_to(np.where(known, (told == name) - shares, 0.0)[:, None], lag.shape) for name in names
            ]
        z = np.stack(parts, axis=2).astype(np.float32) if parts else np.zeros((*lag.shape, 0), np.float32)
        return Regressors(x, lag, z, running)

    def groups(self, units: pd.DataFrame) -> Ints:
        """Return the number of each unit's group."""
        if self.group is None:
            return np.arange(len(units))
        return np.asarray(pd.factorize(units[self.group])[0], np.intp)


@dataclass(frozen=True)
class Regressors:
    """``x`` (units, periods); ``lag``, ``running`` and ``z`` have one period more: the next."""

    x: Floats
    lag: Floats
    z: Any
    running: Floats


def key_columns(units: pd.DataFrame, keys: Sequence[str]) -> tuple[dict[str, list[str]], str | None]:
    """Tell key columns with few levels, such as products, from the one whose units share a level, such as accounts."""
    kinds: dict[str, list[str]] = {}
    group = None
    for name in keys if len(keys) > 1 else ():
        counts = units[name].astype(str).value_counts().sort_index()
        if 1 < len(counts) <= MOST_KINDS and counts.min() >= LEAST_OF_KIND:
            kinds[name] = [str(level) for level in counts.index[:-1]]
        elif group is None and 1 < len(counts) < len(units):
            group = name
    return kinds, group


def tree_names(design: Design) -> list[str]:
    """Return the columns of ``tree_table``."""
    return [
        *("forecast", "working", "level", "months_seen", "phase", "at_low_6", "at_high_6", "spread_6"),
        *(f"lag_{k}" for k in LAGS),
        *(f"mean_{k}" for k in MEANS),
        *(f"z_{k}" for k in range(design.width())),
    ]


def tree_table(
    design: Design, panel: Panel, found: Regressors, rows: Ints, ends: Ints, working: Floats, level: Floats
) -> Features:
    """Return the trees' table for pairs of a unit and a period, from values before that period alone.

    Args:
        design: The model's.
        panel: The units.
        found: Their regressors.
        rows: (n,), positions of units.
        ends: (n,), the period to forecast.
        working: (n,), the dynamics' forecast on the working scale.
        level: (n,), the level it rests on.
    """
    reach = max(*LAGS, *MEANS)
    places = ends[:, None] - np.arange(1, reach + 1)
    lags = np.where(places >= 0, panel.values[rows[:, None], np.maximum(places, 0)], np.nan)
    recent = lags[:, :6]
    told = ~np.isnan(recent)
    mean = _mean(recent)
    spread = np.sqrt(np.maximum(_mean(np.square(recent)) - mean**2, 0))
    seen = np.cumsum(~np.isnan(panel.values), axis=1)[rows, np.maximum(ends - 1, 0)]
    low = (told & (recent <= design.scale.low)).sum(axis=1) / np.maximum(told.sum(axis=1), 1)
    high = (told & (recent >= design.scale.high)).sum(axis=1) / np.maximum(told.sum(axis=1), 1)
    if design.scale.kind == "plain":
        low, high = np.zeros(len(rows)), np.zeros(len(rows))
    columns = [design.scale.back(working), working, level, seen, panel.phase[ends], low, high, spread]
    columns += [lags[:, k - 1] for k in LAGS] + [_mean(lags[:, :k]) for k in MEANS]
    return np.column_stack([*columns, found.z[rows, ends]]).astype(np.float32)


def _mean(values: Floats) -> Floats:
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, values, 0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _running(values: Floats) -> Floats:
    """Return the mean of each unit's values so far."""
    known = ~np.isnan(values)
    count = np.cumsum(known, axis=1)
    return np.where(count > 0, np.cumsum(np.where(known, values, 0), axis=1) / np.maximum(count, 1), np.nan)


def _before(values: Floats) -> Floats:
    """Shift by one period: what stood just before each period and before the next one."""
    return np.concatenate([np.full((len(values), 1), np.nan), values], axis=1)

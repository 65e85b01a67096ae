"""The forecasts that compete, simplest first: a simple guess, damped dynamics, dynamics with drivers, boosted trees.

How much history there is decides which may compete: regressors need thirty values each, trees two thousand. Which one
is used is decided by its errors on periods that none of them learned from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from copilot.models import boosting
from copilot.models.engagement import dynamics
from copilot.models.engagement.design import Design, Regressors, tree_names, tree_table
from copilot.models.engagement.dynamics import Dynamics
from copilot.models.engagement.judging import SIMPLE, simple_guess
from copilot.models.engagement.panel import Panel
from copilot.stats import Floats, Ints

if TYPE_CHECKING:
    import xgboost as xgb

CANDIDATES = (*SIMPLE, "damped", "dynamics", "trees")
VALUES_A_REGRESSOR = 30
LEAST_FOR_TREES = 2_000
TREE_ROWS, TREE_PERIODS = 12_000, 8
SAME, SAME_INSIDE = 3, 6  # equal values in a row, at a limit and elsewhere, after which nothing is expected to move


@dataclass(frozen=True)
class Forecaster:
    """One fitted candidate. A simple guess has neither design nor dynamics; only "trees" has a booster."""

    name: str
    design: Design | None = None
    found: Dynamics | None = None
    boosters: Mapping[str, xgb.Booster] = field(default_factory=dict)

    def tell(self, panel: Panel, rows: Ints, ends: Ints) -> Floats:
        """Return the forecast of period ``ends[i]`` of unit ``rows[i]``, from values before it alone."""
        if self.design is None or self.found is None:
            return simple_guess(self.name, panel, rows, ends)
        design, moves = self.design, self.found
        regressors, group = design.regress(panel), design.groups(panel.units)
        told = np.empty(len(rows))
        turn = _turns(rows, ends)
        for k in range(int(turn.max(initial=-1)) + 1):
            chosen = np.flatnonzero(turn == k)
            told[chosen] = self._at(design, moves, panel, regressors, group, rows[chosen], ends[chosen])
        return told

    def _at(
        self, design: Design, moves: Dynamics, panel: Panel, regressors: Regressors, group: Ints, rows: Ints, ends: Ints
    ) -> Floats:
        """Forecast one period of each unit; units without one still speak of their group's level."""
        own = np.full(len(panel.values), int(ends.max(initial=0)))
        own[rows] = ends
        table, working = _state(design, moves, panel, regressors, group, own, rows, ends)
        told = design.scale.back(working)
        if "trees" in self.boosters:
            told = told + boosting.predict(self.boosters["trees"], table)
        return np.where(_stands_still(panel, design, rows, ends), panel.values[rows, ends - 1], told)


def eligible(design: Design, pairs: int) -> list[str]:
    """Return the candidates that this much history allows, simplest first."""
    rich = design.width() > 0 and pairs >= VALUES_A_REGRESSOR * (design.width() + 2)
    return [*SIMPLE, "damped", *(["dynamics"] if rich else []), *(["trees"] if pairs >= LEAST_FOR_TREES else [])]


def learn(name: str, design: Design, panel: Panel, until: int, rng: np.random.Generator) -> Forecaster:
    """Fit one candidate on the periods before ``until``."""
    return learn_all([name], design, panel, until, rng)[name]


def learn_all(
    names: list[str], design: Design, panel: Panel, until: int, rng: np.random.Generator
) -> dict[str, Forecaster]:
    """Fit candidates on the periods before ``until``; the trees build on the richest dynamics the history allows."""
    past = _until(panel, until)
    pairs = int((~np.isnan(past.values[:, 1:]) & ~np.isnan(past.values[:, :-1])).sum())
    bare = replace(design, drivers={}, seasonal=False, kinds={})
    found: dict[str, Forecaster] = {}
    for name in names:
        if name in SIMPLE:
            found[name] = Forecaster(name)
            continue
        rich = name != "damped" and "dynamics" in eligible(design, pairs)
        chosen = design if rich else bare
        if name == "trees" and rich and "dynamics" in found:
            moves = found["dynamics"].found
        elif name == "trees" and not rich and "damped" in found:
            moves = found["damped"].found
        else:
            moves = None
        regressors, group = chosen.regress(past), chosen.groups(past.units)
        if moves is None:
            moves = dynamics.learn(regressors.x, regressors.lag[:, :-1], regressors.z[:, :-1], group)
        boosters = {"trees": _trees(chosen, moves, past, regressors, group, rng)} if name == "trees" else {}
        found[name] = Forecaster(name, chosen, moves, boosters)
    return found


def _trees(
    design: Design, moves: Dynamics, past: Panel, regressors: Regressors, group: Ints, rng: np.random.Generator
) -> xgb.Booster:
    """Learn what the dynamics leave over, in the measure's own unit, from the latest periods."""
    known = ~np.isnan(past.values)
    rows, ends = np.nonzero(known[:, 1:] & known[:, :-1])
    ends = ends + 1
    recent = np.flatnonzero(ends >= np.unique(ends)[-TREE_PERIODS:][0])
    if len(recent) > TREE_ROWS:
        recent = np.sort(rng.choice(recent, TREE_ROWS, replace=False))
    tables, left, units = [], [], []
    for end in np.unique(ends[recent]):
        chosen = rows[recent[ends[recent] == end]]
        at = np.full(len(chosen), end)
        whole = np.full(len(past.values), end)
        table, working = _state(design, moves, past, regressors, group, whole, chosen, at)
        tables.append(table)
        left.append(past.values[chosen, end] - design.scale.back(working))
        units.append(group[chosen])
    return boosting.boost(
        np.concatenate(tables), np.concatenate(left), task="median", groups=np.concatenate(units), rng=rng,
        names=tree_names(design), thorough=False,
    )  # fmt: skip


def _state(
    design: Design,
    moves: Dynamics,
    panel: Panel,
    regressors: Regressors,
    group: Ints,
    own: Ints,
    rows: Ints,
    ends: Ints,
) -> tuple[boosting.Features, Floats]:
    """Return the trees' table and the dynamics' forecast on the working scale."""
    lag, z = regressors.lag[:, :-1], regressors.z[:, :-1]
    level = dynamics.levels(regressors.x, lag, z, group, own, moves)[rows]
    working = moves.mean(np.nan_to_num(regressors.lag[rows, ends]), regressors.z[rows, ends]) + level
    return tree_table(design, panel, regressors, rows, ends, working, level), working


def _stands_still(panel: Panel, design: Design, rows: Ints, ends: Ints) -> npt.NDArray[np.bool_]:
    """Return which units repeated one value: three times at a limit, six times elsewhere."""
    places = ends[:, None] - np.arange(1, SAME_INSIDE + 1)
    recent = np.where(places >= 0, panel.values[rows[:, None], np.maximum(places, 0)], np.nan)
    last = recent[:, 0]
    limited = (last <= design.scale.low) | (last >= design.scale.high)
    limited &= design.scale.kind == "logit"
    same = recent == last[:, None]
    still: npt.NDArray[np.bool_] = np.where(limited, same[:, :SAME].all(axis=1), same.all(axis=1))
    return still


def _until(panel: Panel, until: int) -> Panel:
    drivers = {name: values[:, :until] for name, values in panel.drivers.items()}
    return replace(
        panel,
        values=panel.values[:, :until],
        times=panel.times[:until],
        phase=panel.phase[: until + 1],
        drivers=drivers,
    )


def _turns(rows: Ints, ends: Ints) -> Ints:
    """Number the pairs so that within one number every unit stands once: usually one number a period."""
    if len(np.unique(rows)) == len(rows):
        return np.zeros(len(rows), np.intp)
    return np.asarray(np.unique(ends, return_inverse=True)[1], np.intp)

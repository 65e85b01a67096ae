"""Component scores (002): p(master) = Σ w_k p(component_k), each component a small model on its own features.

The weights are those of a mixture: w ≥ 0, Σ w = 1, at the highest out-of-fold likelihood, by expectation-maximisation.
A component without data at an account is missing there, and the others' weights are scaled up to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from copilot.models.boosting import Features
from copilot.models.propensity.linear import Linear, chance, log_odds
from copilot.stats import Floats

LEVELS = ("Low", "Medium low", "Medium", "Medium high", "High")
# A level says how the odds by this component alone compare with the average odds; a component that tells nothing is
# Medium everywhere.
ODDS = (1 / 1.5, 1 / 1.15, 1.15, 1.5)
ROUNDS = 200


@dataclass(frozen=True)
class Components:
    """The component models.

    Attributes:
        columns: By component, the positions of its columns in the encoded table.
        models: Its model; components that had no data to learn from have none.
        weights: Its weight in the master, (components,); 0 without a model.
        average: The log-odds of the average sample.
    """

    columns: Mapping[str, Sequence[int]]
    models: Mapping[str, Linear]
    weights: Floats
    average: float

    @property
    def names(self) -> tuple[str, ...]:
        """The components in order."""
        return tuple(self.columns)

    def chances(self, table: Features) -> Floats:
        """Return each component's own probability, (n, components); NaN where it has no data."""
        return chances(self.models, self.columns, table)

    def master(self, table: Features) -> Floats:
        """Return the log-odds of the master, (n,); where all are missing, of the average sample."""
        return log_odds(mixture(self.chances(table), self.weights, float(chance(np.array(self.average)))))

    def levels(self, table: Features) -> npt.NDArray[np.object_]:
        """Return each component's level, (n, components); None where it has no data."""
        found = self.chances(table)
        place = np.searchsorted(np.log(ODDS), log_odds(found) - self.average)
        told = np.array(LEVELS, object)[np.clip(place, 0, len(LEVELS) - 1)]
        told[np.isnan(found)] = None
        return told


def learn(columns: Mapping[str, Sequence[int]], table: Features, y: Floats) -> dict[str, Linear]:
    """Fit one small model a component to outcomes 0/1; a component whose columns are all empty gets none."""
    models = {}
    for name, places in columns.items():
        rows = _known(table, places)
        if rows.any() and 0 < y[rows].mean() < 1:
            models[name] = Linear.fit(table[rows][:, list(places)], y[rows], bent=True)
    return models


def chances(models: Mapping[str, Linear], columns: Mapping[str, Sequence[int]], table: Features) -> Floats:
    """Return each component's probability, (n, components); NaN where it has no model or no data."""
    found = np.full((len(table), len(columns)), np.nan)
    for k, (name, places) in enumerate(columns.items()):
        rows = _known(table, places)
        if name in models and rows.any():
            found[rows, k] = chance(models[name].margin(table[rows][:, list(places)]))
    return found


def mixture(p: Floats, weights: Floats, average: float) -> Floats:
    """Return Σ w_k p_k over the components that are not missing, (n,), their weights scaled to 1.

    Args:
        p: (n, components), NaN where missing.
        weights: (components,).
        average: What a row gets none of whose components has data or weight.
    """
    share = np.where(np.isnan(p), 0.0, weights)
    total = share.sum(axis=1)
    sums = (share * np.nan_to_num(p)).sum(axis=1)
    found: Floats = np.divide(sums, total, out=np.full(len(p), average), where=total > 0)
    return found


def weigh(p: Floats, y: Floats) -> Floats:
    """Return the weights of the mixture that are likeliest given out-of-fold probabilities.

    Args:
        p: (n, components), NaN where missing.
        y: 0/1, (n,).

    Returns:
        (components,), ≥ 0 with the sum 1 (all 0 where no component has data); a row's share of a missing component
        stays as it was before the row.
    """
    there = ~np.isnan(p)
    useful = there.any(axis=0)
    if not useful.any():
        return np.zeros(p.shape[1])
    likely = np.where(y[:, None] == 1, np.nan_to_num(p), 1 - np.nan_to_num(p)) * there
    weights: Floats = useful / useful.sum()
    for _ in range(ROUNDS):
        joint = likely * weights
        inside = (there * weights).sum(axis=1)
        total = joint.sum(axis=1, keepdims=True)
        taken = np.divide(joint, total, out=np.zeros_like(joint), where=total > 0) * inside[:, None]
        fresh = (taken + np.where(there, 0.0, weights)).mean(axis=0)
        fresh /= fresh.sum()
        if np.abs(fresh - weights).max() < 1e-5:
            break
        weights = fresh
    return weights


def _known(table: Features, places: Sequence[int]) -> npt.NDArray[np.bool_]:
    if not len(places):
        return np.zeros(len(table), bool)
    return np.logical_not(np.isnan(table[:, list(places)]).all(axis=1))

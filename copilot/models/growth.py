"""Predict how spend or quantity changes (001 §2.1–2.4): the expected change, the chance of either sign and a score.

The booster learns the change relative to the base: on zero-inflated books that orders accounts better than the papers'
raw change, whose few large customers drown the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.models import boosting, registry
from copilot.models.boosting import Features
from copilot.stats import Floats, Interval, auc, auc_interval, mean_interval, spearman

if TYPE_CHECKING:
    import xgboost as xgb

TOP = {"spend": 100.0, "quantity": 10_000.0}  # the score's largest size by unit
RATIO = (-1.0, 3.0)  # all is lost … four times the base; beyond lies another business
SIGNS = ("churn", "up")
CAPTURED = 0.2
LEAST = 20
RESAMPLES = 300


@dataclass(frozen=True)
class GrowthModel:
    """Boosters for the relative change ("delta") and for the chance of each sign ("churn", "up").

    A sign that never, or always, occurred has no booster and its plain share as its chance; ``size`` replaces a base
    of 0.
    """

    features: tuple[str, ...]
    boosters: Mapping[str, xgb.Booster]
    unit: str
    scale: float
    size: float
    shares: Mapping[str, float]
    report: dict[str, Any] = field(default_factory=dict)

    def predict(self, X: pd.DataFrame, base: npt.ArrayLike) -> pd.DataFrame:
        """Return ``delta`` (in the unit of ``base``), ``score``, ``p_up`` and ``p_churn``; indexed as ``X``.

        The score is Δ̂ / log(e + base), divided by its frozen 99th percentile, clipped to ±1, times 100 for spend or
        10 000 for quantity (MATHS §1). A predicted loss never exceeds the base.

        Raises:
            BadInput: ``X`` lacks a feature, or a base is missing, infinite or negative.
        """
        table, sizes = boosting.numeric(X, self.features), _sizes(base, len(X))
        delta = self._delta(table, sizes)
        chance = {sign: self._chance(sign, table) for sign in SIGNS}
        score = TOP[self.unit] * np.clip(_raw(delta, sizes) / self.scale, -1, 1)
        found = {"delta": delta, "score": score, "p_up": chance["up"], "p_churn": chance["churn"]}
        return pd.DataFrame(found, index=X.index)

    def _delta(self, table: Features, sizes: Floats) -> Floats:
        ratio = np.clip(boosting.predict(self.boosters["delta"], table), *RATIO)
        return np.maximum(ratio * np.where(sizes > 0, sizes, self.size), -sizes)

    def _chance(self, sign: str, table: Features) -> Floats:
        if sign in self.boosters:
            return boosting.predict(self.boosters[sign], table)
        return np.full(len(table), self.shares[sign])

    def bundle(self) -> registry.Bundle:
        """Return the parts the registry writes."""
        state = {"unit": self.unit, "scale": self.scale, "size": self.size, "shares": dict(self.shares)}
        return registry.Bundle("growth", self.features, self.boosters, state, self.report)


def from_bundle(bundle: registry.Bundle) -> GrowthModel:
    """Put a saved model together again."""
    return GrowthModel(features=bundle.features, boosters=bundle.boosters, report=bundle.report, **bundle.state)


def fit(
    X: pd.DataFrame,
    base: npt.ArrayLike,
    delta: npt.ArrayLike,
    *,
    unit: Literal["spend", "quantity"] = "spend",
    rng: np.random.Generator,
    groups: npt.ArrayLike | None = None,
    time: npt.ArrayLike | None = None,
    embargo: timedelta | float | None = None,
) -> GrowthModel:
    """Fit the change of spend or quantity and judge it out of fold.

    Args:
        X: One row a sample; numeric columns, NaN allowed.
        base: (n,), the spend or quantity before, at least 0.
        delta: (n,), its change by the end of the label's window.
        unit: What is measured; sets the score's range.
        rng: Seeds folds and trees.
        groups: The account of each row.
        time: When each row's features look back from.
        embargo: The label's horizon; 90 days by default.

    Returns:
        A model whose ``report`` holds ``n``, ``n_judged``, the ``share_churn`` and ``share_up``, ``auc_churn`` and
        ``auc_up`` with 95 % limits (None where a class is missing), ``spearman`` of the predicted with the true change,
        ``auc_size`` (the largest, or the smallest, accounts first: no model needed) and ``gain_over_size``,
        ``capture_20`` (the share of shrinking accounts among the fifth with the highest churn probability), ``mae``
        and ``mae_no_change`` in the unit of ``delta``, ``skill`` (the lower limit of ``auc_churn`` is above .5 and
        its value above ``auc_size``), ``note``, and the folds.

    Raises:
        BadInput: Fewer than 20 rows, unusable values or an unknown unit.
    """
    if unit not in TOP:
        raise BadInput(f"Growth is predicted for {' or '.join(map(repr, TOP))}, not {unit!r}.")
    table, sizes = boosting.numeric(X), _sizes(base, len(X))
    change = boosting.vector(delta, "delta", len(X))
    if len(X) < LEAST:
        raise BadInput(f"{len(X)} rows are too few to learn growth from; it needs {LEAST}.")
    named = boosting.accounts(groups, len(X))
    size = float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 1.0
    found = boosting.judging_folds(named, time, embargo, rng)
    parts = []
    for fold in found:
        model = _learn(table, sizes, change, size, unit, named, fold.train, rng, tuple(X.columns))
        told = {"delta": model._delta(table[fold.test], sizes[fold.test])}
        told |= {sign: model._chance(sign, table[fold.test]) for sign in SIGNS}
        told["by_size"] = sizes[fold.test] * _toward(change[fold.train] < 0, sizes[fold.train])
        parts.append(pd.DataFrame(told | {"row": fold.test}))
    judged = pd.concat(parts, ignore_index=True)
    raw = np.abs(_raw(judged["delta"].to_numpy(), sizes[judged["row"]]))
    scale = float(np.quantile(raw, 0.99)) or 1.0
    report = _judge(judged, change, named, rng) | boosting.fold_report(found, time is not None, embargo)
    last = _learn(table, sizes, change, size, unit, named, np.arange(len(X)), rng, tuple(X.columns))
    return GrowthModel(
        last.features, last.boosters, unit, scale, size, last.shares, registry.plain({"n": len(X)} | report)
    )


def _learn(
    table: Features, sizes: Floats, change: Floats, size: float, unit: str, named: npt.NDArray[Any],
    rows: npt.NDArray[Any], rng: np.random.Generator, names: tuple[str, ...],
) -> GrowthModel:  # fmt: skip
    ratio = np.clip(change[rows] / np.where(sizes[rows] > 0, sizes[rows], size), *RATIO)
    targets = {"delta": ratio, "churn": (change[rows] < 0).astype(float), "up": (change[rows] > 0).astype(float)}
    boosters = {
        name: boosting.boost(
            table[rows], target, task="mean" if name == "delta" else "chance", groups=named[rows], rng=rng, names=names
        )
        for name, target in targets.items()
        if name == "delta" or 0 < target.mean() < 1
    }
    shares = {sign: float(targets[sign].mean()) for sign in SIGNS}
    return GrowthModel(names, boosters, unit, 1.0, size, shares)


def _toward(lost: npt.NDArray[np.bool_], sizes: Floats) -> float:
    """Return 1 where large accounts shrank more often in the past, else −1: the baseline needs no model."""
    return 1.0 if lost.any() and not lost.all() and auc(lost, sizes) >= 0.5 else -1.0


def _gain(
    lost: npt.NDArray[np.bool_], judged: pd.DataFrame, groups: npt.NDArray[Any], rng: np.random.Generator
) -> dict[str, float | None]:
    """Return the AUC gained over ordering by size, with 95 % limits from resampled accounts."""
    model, size = judged["churn"].to_numpy(), judged["by_size"].to_numpy()
    account = np.unique(groups, return_inverse=True)[1]
    members = np.split(np.argsort(account, kind="stable"), np.cumsum(np.bincount(account))[:-1])
    drawn = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        if 0 < lost[rows].mean() < 1:
            drawn.append(auc(lost[rows], model[rows]) - auc(lost[rows], size[rows]))
    low, high = np.quantile(drawn, (0.025, 0.975)) if drawn else (np.nan, np.nan)
    return Interval(auc(lost, model) - auc(lost, size), float(low), float(high)).as_dict()


def _judge(judged: pd.DataFrame, change: Floats, named: npt.NDArray[Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return the out-of-fold figures; ``judged`` holds the predictions and the row each is for."""
    actual, groups = change[judged["row"]], named[judged["row"]]
    report: dict[str, Any] = {"n_judged": len(judged), "note": None}
    for sign, happened in (("churn", actual < 0), ("up", actual > 0)):
        report[f"share_{sign}"] = happened.mean()
        varied = 0 < happened.mean() < 1
        report[f"auc_{sign}"] = (
            auc_interval(happened, judged[sign], groups=groups, rng=rng).as_dict() if varied else None
        )
    lost = actual < 0
    top = judged["churn"].rank(method="first", ascending=False) <= CAPTURED * len(judged)
    report["capture_20"] = float(lost[top].sum() / lost.sum()) if lost.any() else None
    report["spearman"] = spearman(judged["delta"], actual)
    errors = np.abs(judged["delta"].to_numpy() - actual)
    report["mae"] = mean_interval(errors, groups=groups).as_dict()
    report["mae_no_change"] = float(np.abs(actual).mean())
    if report["auc_churn"]:
        report["auc_size"] = auc(lost, judged["by_size"])
        report["gain_over_size"] = _gain(lost, judged, groups, rng)
    above_guess = report["auc_churn"] is not None and report["auc_churn"]["low"] > 0.5
    report["skill"] = bool(above_guess and report["gain_over_size"]["value"] > 0)
    if report["auc_churn"] is None:
        report["note"] = "No account, or every account, shrank: the chance to shrink is the plain share."
    return report


def _raw(delta: Floats, sizes: Floats) -> Floats:
    found: Floats = delta / np.log(np.e + sizes)
    return found


def _sizes(base: npt.ArrayLike, rows: int) -> Floats:
    sizes = boosting.vector(base, "base", rows)
    if (sizes < 0).any():
        raise BadInput(f"base is negative in {int((sizes < 0).sum())} of {rows} rows; spend and quantity start at 0.")
    return sizes

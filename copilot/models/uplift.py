"""Estimate what a touch changes: τ(x) = E[Y(1) − Y(0) | x] (CPOG §3.1, MATHS §2), judged against one effect for all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.models import boosting, registry
from copilot.models.arms import fit_arms
from copilot.models.boosting import Features, Task
from copilot.stats import Floats, Fold, Ints, folds, mean_interval, qini, standard_error

if TYPE_CHECKING:
    import xgboost as xgb

LEARNERS = ("auto", "t")
LEAST_IN_ARM = 20
LEAST_IN_FOLD = 10
OVERLAP = (0.02, 0.98)


@dataclass(frozen=True)
class UpliftModel:
    """Two boosters, one an arm (T-learner). ``report`` is described at ``fit``."""

    features: tuple[str, ...]
    boosters: tuple[xgb.Booster, xgb.Booster]
    task: Task
    report: dict[str, Any] = field(default_factory=dict)

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return ``y0``, ``y1`` and the signed ``uplift`` = y1 − y0 in the outcome's unit; indexed as ``X``.

        Raises:
            BadInput: ``X`` lacks a feature or holds text or infinite values.
        """
        table = boosting.numeric(X, self.features)
        y0, y1 = (boosting.predict(booster, table) for booster in self.boosters)
        return pd.DataFrame({"y0": y0, "y1": y1, "uplift": y1 - y0}, index=X.index)

    def bundle(self) -> registry.Bundle:
        """Return the parts the registry writes."""
        control, treated = self.boosters
        parts = {"control": control, "treated": treated}
        return registry.Bundle("uplift", self.features, parts, {"task": self.task}, self.report)

    def save(self, folder: Path) -> Path:
        """Write the model into ``folder``."""
        return registry.save(self, folder)


def from_bundle(bundle: registry.Bundle) -> UpliftModel:
    """Put a saved model together again."""
    parts = (bundle.boosters["control"], bundle.boosters["treated"])
    return UpliftModel(bundle.features, parts, bundle.state["task"], bundle.report)


def load(folder: Path) -> UpliftModel:
    """Return the uplift model saved in ``folder``."""
    model = registry.load(folder)
    if not isinstance(model, UpliftModel):
        raise BadInput(f"{folder.name!r} holds another kind of model than uplift.")
    return model


def fit(
    X: pd.DataFrame,
    treatment: npt.ArrayLike,
    outcome: npt.ArrayLike,
    *,
    learner: str = "auto",
    rng: np.random.Generator,
    groups: npt.ArrayLike | None = None,
    time: npt.ArrayLike | None = None,
    embargo: timedelta | float | None = None,
) -> UpliftModel:
    """Fit one outcome model an arm and judge their difference out of fold.

    Args:
        X: One row a case; numeric columns, NaN allowed.
        treatment: 1 where a touch happened, else 0, (n,), matched to ``X`` by position.
        outcome: (n,), finite. Values 0 and 1 only make a model of chances, all others one of means.
        learner: "t", or "auto" (the best available, at present "t").
        rng: Seeds folds and trees.
        groups: The account of each row; folds keep accounts together and standard errors respect them.
        time: When each row's features look back from; folds are then cut forward in time as well.
        embargo: The label's horizon; 90 days by default.

    Returns:
        A model whose ``report`` holds ``n``, ``treated_share``, ``propensity`` (``low``, ``high``, ``trimmed``),
        ``warning`` (one sentence or None), ``ate`` (doubly robust, in the outcome's unit), ``r_loss`` (``model``,
        ``constant``, ``zero``, ``gain_over_constant`` and ``gain_over_zero`` with 90 % limits and ``se``), ``qini``,
        ``beats_constant`` (the lower limit of the gain over the constant effect is above 0, a one-sided test at 5 %),
        ``verdict``, and the folds.

    Raises:
        BadInput: An unknown learner, more than two arms, fewer than 20 units in an arm, too little overlap, or unusable
            values.
    """
    if learner not in LEARNERS:
        raise BadInput(f"The learner {learner!r} is not available; use {' or '.join(map(repr, LEARNERS))}.")
    table = boosting.numeric(X)
    treated, y = boosting.vector(treatment, "treatment", len(X)), boosting.vector(outcome, "outcome", len(X))
    _check_arms(treated)
    task: Task = "chance" if np.isin(y, (0, 1)).all() else "mean"
    data = _Cases(table, treated, y, boosting.accounts(groups, len(X)), task, tuple(X.columns))
    middle, chance = _nuisances(data, rng)
    inside = (chance >= OVERLAP[0]) & (chance <= OVERLAP[1])
    if min((inside & (treated == arm)).sum() for arm in (0, 1)) < LEAST_IN_ARM:
        raise BadInput(
            "Touched and untouched accounts hardly overlap, so no effect can be learned; touch some at random."
        )
    plan = boosting.judging_folds(data.named, time, embargo, rng)
    found = _trimmed(plan, data, inside) or _trimmed(folds(data.named, None, rng=rng), data, inside)
    if not found:
        raise BadInput("Touched and untouched rows lie in too few accounts to judge an effect; add more accounts.")
    judged = pd.concat([_out_of_fold(data, fold, middle, chance, rng) for fold in found], ignore_index=True)
    report = {
        "learner": "t",
        "outcome": "binary" if task == "chance" else "continuous",
        "n": len(X),
        "treated_share": treated.mean(),
        **_overlap(chance, inside),
        **_judge(judged),
        **boosting.fold_report(found, time is not None, embargo),
    }
    return UpliftModel(data.names, _arms(data, np.flatnonzero(inside), rng), task, registry.plain(report))


@dataclass(frozen=True)
class _Cases:
    """The checked rows of one fit."""

    table: Features
    treated: Floats
    y: Floats
    named: npt.NDArray[Any]
    task: Task
    names: tuple[str, ...]


def _check_arms(treated: Floats) -> None:
    arms = np.unique(treated)
    if not np.isin(arms, (0, 1)).all():
        shown = ", ".join(f"{arm:g}" for arm in arms[:6])
        raise BadInput(f"treatment holds {shown}; several kinds of touch are not available yet, give 0 and 1.")
    for arm, name in ((0, "untouched"), (1, "touched")):
        count = int((treated == arm).sum())
        if count < LEAST_IN_ARM:
            raise BadInput(f"Only {count} rows are {name}; an effect needs at least {LEAST_IN_ARM} in each arm.")


def _nuisances(data: _Cases, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return m(x) = E[Y | x] and the propensity e(x) of each row, both learned from other accounts only.

    They describe rather than forecast and serve every candidate alike, so they may see later rows of other accounts.
    """
    middle, chance = np.empty(len(data.y)), np.empty(len(data.y))
    jobs: tuple[tuple[Floats, Task, Floats], ...] = ((data.y, data.task, middle), (data.treated, "chance", chance))
    for fold in folds(data.named, None, rng=rng):
        for target, task, into in jobs:
            near = data.named[fold.train]
            table, aim = data.table[fold.train], target[fold.train]
            booster = boosting.boost(table, aim, task=task, groups=near, rng=rng, thorough=False)
            into[fold.test] = boosting.predict(booster, data.table[fold.test])
    return middle, chance


def _trimmed(found: list[Fold], data: _Cases, inside: npt.NDArray[np.bool_]) -> list[Fold]:
    """Drop rows without overlap from the folds, and the folds that then cannot teach both arms or judge."""
    kept = [replace(fold, train=fold.train[inside[fold.train]], test=fold.test[inside[fold.test]]) for fold in found]

    def teaches(fold: Fold) -> bool:
        arms = data.treated[fold.train]
        return bool(len(fold.test)) and min((arms == 0).sum(), (arms == 1).sum()) >= LEAST_IN_FOLD

    return [fold for fold in kept if teaches(fold)]


def _arms(data: _Cases, rows: Ints, rng: np.random.Generator) -> tuple[xgb.Booster, xgb.Booster]:
    """Fit one booster an arm on ``rows``: untouched, touched."""
    table, y, treated, named = data.table[rows], data.y[rows], data.treated[rows], data.named[rows]
    return fit_arms(table, y, treated, task=data.task, groups=named, rng=rng, names=data.names)


def _out_of_fold(data: _Cases, fold: Fold, middle: Floats, chance: Floats, rng: np.random.Generator) -> pd.DataFrame:
    """Predict the fold's test rows, by the arms and by the one effect that fits its training rows best."""
    y0, y1 = (boosting.predict(booster, data.table[fold.test]) for booster in _arms(data, fold.train, rng))
    moved, surplus = data.treated - chance, data.y - middle
    constant = float(moved[fold.train] @ surplus[fold.train] / (moved[fold.train] @ moved[fold.train]))
    columns = {
        "named": data.named,
        "treated": data.treated,
        "y": data.y,
        "chance": chance,
        "moved": moved,
        "surplus": surplus,
    }
    rows = {name: values[fold.test] for name, values in columns.items()}
    return pd.DataFrame({**rows, "y0": y0, "y1": y1, "uplift": y1 - y0, "constant": constant})


def _overlap(chance: Floats, inside: npt.NDArray[np.bool_]) -> dict[str, Any]:
    outside = int((~inside).sum())
    warning = None
    if outside:
        warning = (
            f"{outside} of {len(inside)} rows were almost certain to be touched or left alone "
            f"(propensity outside {OVERLAP[0]}–{OVERLAP[1]}) and were left out; nothing is known about a touch there."
        )
    return {"propensity": {"low": chance.min(), "high": chance.max(), "trimmed": outside}, "warning": warning}


def _judge(judged: pd.DataFrame) -> dict[str, Any]:
    """Return R-losses (Nie & Wager 2021), the doubly robust mean effect and the Qini of the out-of-fold predictions."""
    losses = {
        name: (judged["surplus"] - effect * judged["moved"]) ** 2
        for name, effect in (("model", judged["uplift"]), ("constant", judged["constant"]), ("zero", 0.0))
    }
    gains = {}
    for name in ("constant", "zero"):
        gain = losses[name] - losses["model"]
        limits = mean_interval(gain, groups=judged["named"], level=0.9).as_dict()
        gains[name] = {**limits, "se": standard_error(gain, groups=judged["named"])}
    beats = (gains["constant"]["low"] or 0.0) > 0
    own = np.where(judged["treated"] == 1, judged["y1"], judged["y0"])
    weight = judged["moved"] / (judged["chance"] * (1 - judged["chance"]))
    effect = judged["uplift"] + weight * (judged["y"] - own)
    return {
        "n_judged": len(judged),
        "ate": mean_interval(effect, groups=judged["named"]).as_dict(),
        "r_loss": {
            **{name: loss.mean() for name, loss in losses.items()},
            **{f"gain_over_{name}": gain for name, gain in gains.items()},
        },
        "qini": qini(judged["uplift"], judged["treated"], judged["y"]),
        "qini_form": "integral of (Y_t - Y_c N_t / N_c) / n minus the diagonal; per account, in the outcome's unit",
        "beats_constant": beats,
        "verdict": "The effects differ between accounts, and the model ranks them better than one effect for all."
        if beats
        else "The model does not beat one effect for all accounts; do not rank by it.",
    }

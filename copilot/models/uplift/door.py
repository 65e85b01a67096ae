"""Fit an uplift model: check, cross-fit the nuisances, try the learners, choose, refit and report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.models import boosting, registry
from copilot.models.uplift import (
    arms,
    bases,
    bounded,
    calibrate,
    encode,
    judge,
    learners,
    model,
    nuisance,
    overlap,
    select,
    several,
)
from copilot.models.uplift.arms import LEAST_IN_ARM, Arms
from copilot.models.uplift.calibrate import Calibration
from copilot.models.uplift.encode import Encoder
from copilot.models.uplift.estimators import Memo
from copilot.models.uplift.learners import Cases, Learner
from copilot.models.uplift.model import UpliftModel
from copilot.models.uplift.several import SeveralTouches
from copilot.models.uplift.trial import Trial
from copilot.models.uplift.trial import run as try_out
from copilot.stats import Floats, Fold, Ints, folds

LEARNERS = ("auto", *learners.KINDS)
LEAST_IN_FOLD = 10
LARGE = 3_000  # rows from which three parts do where five would, and cost half


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
) -> UpliftModel | SeveralTouches:
    """Fit what a touch changes, and say how far it is to be trusted.

    Args:
        X: One row a case. Numbers, NaN allowed, booleans, text or categories (see ``encode.learn``).
        treatment: (n,), matched to ``X`` by position: 1 where a touch happened, else 0; or the kind of touch, with 0
            or "none" for the untouched (see ``arms.read``).
        outcome: (n,), finite. Values 0 and 1 only make a model of chances, all others one of means.
        learner: "s", "t", "x", "dr", "r" as it is; or "auto": the candidate of least out-of-fold R-loss, or a stack,
            shrunk towards one effect for all by the evidence (see ``select.choose`` and ``calibrate.fit``).
        rng: Seeds folds and trees.
        groups: The account of each row; folds keep accounts together and standard errors respect them.
        time: When each row's features look back from; folds are then cut forward in time as well.
        embargo: The label's horizon; 90 days by default.

    Returns:
        With several kinds of touch a ``SeveralTouches``, whose ``report["arms"]`` holds one report a kind. With one
        kind an ``UpliftModel``, whose ``report`` holds

        - ``learner``, ``weights``, ``base``, ``reason``, ``candidates`` (each with its gain in R-loss over the
          constant effect ± ``se`` and its stability), ``same_decile`` and ``spearman_refits`` of the chosen one;
        - ``screened`` and ``n_screened``: where rows and features are many, how all candidates stood on a part of the
          rows (``bounded.rows``) and how many those were; ``candidates`` then holds the best three of them, and
          their stack, which all rows judged; else empty and None;
        - ``outcome``, ``n``, ``n_fitted`` (rows with overlap, which the chosen learner is fitted and judged on),
          ``treated_share``, ``notes``, and those of ``overlap.report``;
        - ``ate`` (doubly robust, in the outcome's unit), ``baselines`` (zero, and the constant effect), ``r_loss``
          (``model``, ``constant``, ``zero``; ``gain_over_constant``, ``gain_over_zero`` with 90 % limits and ``se``);
        - ``qini``, ``auuc``, ``uplift_at_10``, ``uplift_at_30``, ``deciles``, of the out-of-fold ranking;
        - ``shrinkage`` (1: effects as said, near 0: one effect for all), ``evidence`` (its t-value),
          ``beats_constant`` (``evidence`` is above 2.5, and the lower limit of the gain over the constant effect above
          0, a one-sided test at 5 %), ``verdict``, and the folds.

    Raises:
        BadInput: An unknown learner, fewer than 20 units in an arm, an outcome that never varies, too little overlap,
            or unusable values.
    """
    if learner not in LEARNERS:
        raise BadInput(f"The learner {learner!r} is not available; use one of {', '.join(map(repr, LEARNERS))}.")
    encoder = encode.learn(X)
    y = boosting.vector(outcome, "outcome", len(X))
    touched = arms.read(treatment, len(X))
    named = np.unique(_accounts(groups, len(X)), return_inverse=True)[1].astype(float)
    if np.ptp(y) == 0:
        raise BadInput(f"The outcome is {y[0]:g} in every row, so nothing can be learned about it; check the column.")
    given = _Given(X, encoder, touched, y, named, learner, time, embargo)
    if len(touched.names) == 1:
        return _fit_one(given, touched.code.astype(float), np.arange(len(X)), rng)
    found = {}
    for code, name in enumerate(touched.names, start=1):
        rows = np.flatnonzero((touched.code == 0) | (touched.code == code))
        try:
            found[name] = _fit_one(given, (touched.code[rows] == code).astype(float), rows, rng)
        except BadInput as fault:
            raise BadInput(f"The kind of touch {name!r} cannot be estimated: {fault}") from None
    return SeveralTouches(found, _report_several(found, touched))


def from_bundle(bundle: registry.Bundle) -> UpliftModel | SeveralTouches:
    """Put a saved model together again."""
    return several.from_bundle(bundle) if "arms" in bundle.state else model.from_bundle(bundle)


def load(folder: Path) -> UpliftModel | SeveralTouches:
    """Return the uplift model saved in ``folder``."""
    found = registry.load(folder)
    if not isinstance(found, UpliftModel | SeveralTouches):
        raise BadInput(f"{folder.name!r} holds another kind of model than uplift.")
    return found


class _Given:
    """What the caller gave, checked."""

    def __init__(self, X: pd.DataFrame, encoder: Encoder, touched: Arms, y: Floats, named: Floats, learner: str,
                 time: npt.ArrayLike | None, embargo: timedelta | float | None) -> None:  # fmt: skip
        self.table, self.encoder, self.y, self.named = encoder.table(X), encoder, y, named
        self.learner, self.embargo, self.time = learner, embargo, time
        if time is not None:
            periods = isinstance(time, pd.Series) and isinstance(time.dtype, pd.PeriodDtype)
            self.time = np.asarray(pd.Series(time).dt.to_timestamp() if periods else time)
            if self.time.shape != named.shape:
                raise BadInput(
                    f"time needs one value for each of the {len(named)} rows of features; "
                    f"it has shape {self.time.shape}."
                )


def _fit_one(given: _Given, arm: Floats, rows: npt.NDArray[np.intp], rng: np.random.Generator) -> UpliftModel:
    X, y, named = given.table[rows], given.y[rows], given.named[rows]
    task: bases.Kind = "chance" if np.isin(y, (0, 1)).all() else "mean"
    middle, chance = nuisance.cross_fitted(X, arm, y, named, task, rng)
    kept = overlap.inside(chance)
    if min((kept & (arm == code)).sum() for code in (0, 1)) < LEAST_IN_ARM:
        raise BadInput(
            "Touched and untouched accounts hardly overlap, so no effect can be learned; touch some at random."
        )
    cases = Cases(X, arm, y, named, task, middle, np.clip(chance, overlap.LOW, overlap.HIGH))
    clock = given.time[rows] if isinstance(given.time, np.ndarray) else None
    plan = _plan(cases, kept, clock, given.embargo, rng)
    kinds: tuple[str, ...] = learners.CANDIDATES if given.learner == "auto" else (given.learner,)
    inside = np.flatnonzero(kept)
    part = inside[bounded.rows(arm[inside], y[inside], named[inside], X.shape[1], rng)]
    screened = None
    if len(kinds) > 1 and len(part) < len(inside):
        some = cases.take(part)
        early = _plan(some, kept[part], None if clock is None else clock[part], given.embargo, rng)
        screened = select.choose(try_out(some, early, kinds, rng))[1]
        kinds = select.shortlist(screened)
    trial, choice = select.choose(try_out(cases, plan, kinds, rng))
    trust = calibrate.fit(trial, trial.effects[choice.name])
    if given.learner != "auto":  # as asked for: its own effects, unshrunk
        trust = replace(trust, level=trust.centre, slope=1.0)
    bags = _bags(trial, choice.weights, plan, cases, kept, rng)
    seed = int(rng.integers(2**31))
    used = cases.take(inside)
    alone = choice.name in learners.TWO_SIDED
    draft = UpliftModel(
        given.encoder,
        task,
        bags,
        choice.weights,
        trust,
        None if alone else bases.fit(used.X, used.y, task=task, groups=used.groups, seed=seed, effort="light"),
        bases.fit(used.X, used.arm, task="chance", groups=used.groups, seed=seed, effort="light"),
        float(model.variance(model.effects(bags, choice.weights, used.X)).mean()),
        (0.0, 0.0),
    )
    low, high = draft._sides(used.X)
    report = {
        "learner": choice.name,
        "weights": choice.weights,
        "base": {kind: bags[kind][0].words() for kind in choice.weights},
        "reason": choice.reason + _screened(kinds, part, inside, screened) + _shrunk(trust, given.learner),
        "candidates": choice.candidates,
        "screened": screened.candidates if screened is not None else {},
        "outcome": "binary" if task == "chance" else "continuous",
        "n": len(y),
        "n_screened": len(part) if screened is not None else None,
        "n_fitted": len(inside),
        "treated_share": arm.mean(),
        **overlap.report(chance, arm),
        "notes": list(given.encoder.notes),
        **judge.judge(trial, choice.name, calibrated=given.learner == "auto"),
        "shrinkage": trust.slope,
        "evidence": trust.evidence,
        **{name: choice.candidates[choice.name][name] for name in ("same_decile", "spearman_refits")},
        **boosting.fold_report(plan, clock is not None, given.embargo),
    }
    judged = pd.DataFrame({"row": trial.judged, "effect": judge.doubly_robust(trial, choice.name)})
    return replace(draft, scales=_scales(high - low), report=registry.plain(report), judged=judged)


def _accounts(groups: npt.ArrayLike | None, rows: int) -> npt.NDArray[Any]:
    named = boosting.accounts(groups, rows)
    if named.dtype.kind != "O":
        return named
    if pd.isna(named).any():
        raise BadInput("A row names no account; drop such rows, or leave groups out to treat each row as its own.")
    return named.astype(str)


def _plan(
    cases: Cases, kept: npt.NDArray[np.bool_], time: npt.NDArray[Any] | None, embargo: Any, rng: np.random.Generator
) -> list[Fold]:
    """Return the judging folds without rows that lack overlap; by account alone where the dates leave none."""
    parts = 5 if len(cases.y) < LARGE else 3
    by_account = folds(cases.groups, None, n=parts, rng=rng)
    plan = boosting.judging_folds(cases.groups, time, embargo, rng) if time is not None else by_account
    found = _trimmed(plan, cases, kept) or _trimmed(by_account, cases, kept)
    if not found:
        raise BadInput("Touched and untouched rows lie in too few accounts to judge an effect; add more accounts.")
    return found


def _trimmed(plan: Sequence[Fold], cases: Cases, kept: npt.NDArray[np.bool_]) -> list[Fold]:
    short = [replace(fold, train=fold.train[kept[fold.train]], test=fold.test[kept[fold.test]]) for fold in plan]

    def teaches(fold: Fold) -> bool:
        arm = cases.arm[fold.train]
        return bool(len(fold.test)) and min((arm == 0).sum(), (arm == 1).sum()) >= LEAST_IN_FOLD

    return [fold for fold in short if teaches(fold)]


def _bags(
    trial: Trial,
    weights: dict[str, float] | Any,
    plan: Sequence[Fold],
    cases: Cases,
    kept: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> dict[str, Sequence[Learner]]:
    """Return the fits that serve: those of the folds, or new ones where the folds ended before the newest rows.

    The plainest learner is quick: of it ten fits serve, each of which lacks a tenth of the rows instead of a third.
    """
    plain = set(weights) == {select.PLAINEST}
    dated = any(fold.test_from for fold in plan)
    judged_all = len(trial.judged) == int(kept.sum())
    if not dated and judged_all and not plain:
        return {kind: trial.fitted[kind] for kind in weights}
    parts = 10 if plain else 5 if len(cases.y) < LARGE else 3
    fresh = _trimmed(folds(cases.groups, None, n=parts, rng=rng), cases, kept)
    seeds = [int(rng.integers(2**31)) for _ in fresh]
    shared = [Memo() for _ in fresh]
    return {
        kind: [
            learners.fit(kind, cases.take(fold.train), seed=seed, memo=memo)
            for fold, seed, memo in zip(fresh, seeds, shared, strict=True)
        ]
        for kind in weights
    }


def _screened(kinds: Sequence[str], part: Ints, inside: Ints, screened: select.Choice | None) -> str:
    if screened is None:
        return ""
    return (
        f" {len(learners.CANDIDATES)} learners were screened on {len(part)} rows; the best {len(kinds)} of them were "
        f"then fitted and judged on all {len(inside)}."
    )


def _shrunk(trust: Calibration, learner: str) -> str:
    if learner != "auto":
        return ""
    if trust.evidence <= calibrate.SIGNAL:
        return " The evidence of a difference between accounts is too weak, so all are shown the one effect."
    if trust.slope < 0.95:
        return (
            f" Its differences between accounts are shown at {100 * trust.slope:.0f} % of their size, by the evidence."
        )
    return ""


def _scales(uplift: Floats) -> tuple[float, float]:
    gains = uplift[uplift > 0]
    return (float(np.quantile(gains, 0.99)) if len(gains) else 0.0, float(np.quantile(np.abs(uplift), 0.99)))


def _report_several(found: dict[str, UpliftModel], touched: Arms) -> dict[str, Any]:
    warnings = [f"{arm}: {one.report['warning']}" for arm, one in found.items() if one.report["warning"]]
    beats = [arm for arm, one in found.items() if one.report["beats_constant"]]
    verdict = (
        f"The effects differ between accounts, and are ranked better than by one effect for all: {', '.join(beats)}."
        if beats
        else "No kind of touch beats one effect for all accounts; do not rank by them."
    )
    return {
        "learner": {arm: one.report["learner"] for arm, one in found.items()},
        "n": len(touched.code),
        "treated_share": float((touched.code > 0).mean()),
        "beats_constant": bool(beats),
        "verdict": verdict,
        "warning": " ".join(warnings) or None,
        "arms": {arm: one.report for arm, one in found.items()},
    }

"""The S, T, X and DR learners, fitted by EconML on our base learners, and the R-learner; each combined by ourselves.

A fitted learner keeps only its surfaces, so predicting never imports EconML (it takes seconds). Sources: Künzel et al.
2019 (S, T, X), Kennedy 2023 (DR), Nie & Wager 2021 (R).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from copilot.models.uplift import bases
from copilot.models.uplift.bases import Kind
from copilot.models.uplift.estimators import ByArm, Chance, Memo, Outcome
from copilot.models.uplift.surfaces import Arrays, Boosters, Mix, Surface, unpack
from copilot.stats import Floats, Ints, folds

KINDS = ("s", "t", "x", "dr", "r")
# What auto tries besides: where effects are faint, two plain lines rank best and move least from refit to refit.
CANDIDATES = (*KINDS, "t_linear")
TWO_SIDED = ("s", "t", "t_linear")  # those that model Y(0) and Y(1)
TRIM = 0.02  # propensities are held within 0.02 and 0.98


@dataclass(frozen=True)
class Cases:
    """Checked rows: encoded features (n, p), arm 0/1, outcome, account, and the cross-fitted m(x) and e(x)."""

    X: Floats
    arm: Floats
    y: Floats
    groups: Floats
    task: Kind
    middle: Floats
    chance: Floats

    def take(self, rows: Ints) -> Cases:
        """Return some of the rows."""
        own = (self.X, self.arm, self.y, self.groups)
        X, arm, y, groups = (part[rows] for part in own)
        return Cases(X, arm, y, groups, self.task, self.middle[rows], self.chance[rows])


@dataclass(frozen=True)
class Learner:
    """A fitted learner: its kind and surfaces, in the order named in ``PARTS``."""

    kind: str
    surfaces: tuple[Surface, ...]

    PARTS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "s": ("both arms",),
        "t": ("control", "treated"),
        "t_linear": ("control", "treated"),
        "x": ("effect on controls", "effect on treated", "propensity"),
        "dr": ("effect",),
        "r": ("effect",),
    }

    def effect(self, X: Floats) -> Floats:
        """Return τ(x), (n,)."""
        if self.kind in TWO_SIDED:
            low, high = self.sides(X)
            return high - low
        if self.kind == "x":
            on_controls, on_treated, chance = (surface.predict(X) for surface in self.surfaces)
            return chance * on_controls + (1 - chance) * on_treated
        return self.surfaces[0].predict(X)

    def sides(self, X: Floats) -> tuple[Floats, Floats]:
        """Return Y(0) and Y(1) where the learner models them: S and T."""
        if self.kind != "s":
            return self.surfaces[0].predict(X), self.surfaces[1].predict(X)
        low, high = (self.surfaces[0].predict(_with_arm(X, arm)) for arm in (0.0, 1.0))
        return low, high

    def contributions(self, X: Floats) -> Floats:
        """Return (n, p + 1), what each encoded column adds to τ(x), the rest last (MATHS §6); rows sum to τ(x)."""
        if self.kind in ("t", "t_linear"):
            return self.surfaces[1].contributions(X) - self.surfaces[0].contributions(X)
        if self.kind == "x":
            weight = self.surfaces[2].predict(X)[:, None]
            on_controls, on_treated = (surface.contributions(X) for surface in self.surfaces[:2])
            return weight * on_controls + (1 - weight) * on_treated
        if self.kind == "s":
            low, high = (self.surfaces[0].contributions(_with_arm(X, arm)) for arm in (0.0, 1.0))
            moved = high - low
            # The arm's own two columns are the overall effect: they stand with the base value.
            return np.column_stack([moved[:, :-3], moved[:, -3:].sum(axis=1)])
        return self.surfaces[0].contributions(X)

    def pack(self, name: str, arrays: Arrays, boosters: Boosters) -> dict[str, Any]:
        """Write arrays and boosters under ``name`` and return the rest in JSON's types."""
        inner = [part.pack(f"{name}-{k}", arrays, boosters) for k, part in enumerate(self.surfaces)]
        return {"kind": self.kind, "surfaces": inner}

    def words(self) -> str:
        """Say which bases carry it."""
        return bases.words([part for part in self.surfaces[: 2 if self.kind == "x" else None] if isinstance(part, Mix)])


def from_state(name: str, state: Mapping[str, Any], arrays: Arrays, boosters: Boosters) -> Learner:
    """Put a packed learner together again."""
    inner = tuple(unpack(f"{name}-{k}", spec, arrays, boosters) for k, spec in enumerate(state["surfaces"]))
    return Learner(state["kind"], inner)


def fit(kind: str, cases: Cases, *, seed: int, memo: Memo | None = None) -> Learner:
    """Fit one learner.

    Args:
        kind: s, t, x, dr, r or t_linear.
        cases: The rows; the R-learner reads their ``middle`` and ``chance``, the others learn their own nuisances.
        seed: Of inner folds and trees.
        memo: Shared by learners fitted on the same rows with the same seed: T and X then fit their arms once.
    """
    if kind == "r":
        moved = cases.arm - cases.chance
        apart = np.where(np.abs(moved) < TRIM, np.copysign(TRIM, moved), moved)
        target, weight = (cases.y - cases.middle) / apart, apart**2
        return Learner("r", (bases.fit(
            cases.X, target, task="mean", groups=cases.groups, seed=seed, weight=weight),))  # fmt: skip
    return parts_of(kind, fit_econml(kind, cases, seed=seed, memo=memo))


def fit_econml(kind: str, cases: Cases, *, seed: int, memo: Memo | None = None) -> Any:
    """Return EconML's fitted S, T, X or DR learner; its features are those of ``with_account``."""
    from econml.dr import DRLearner
    from econml.metalearners import SLearner, TLearner, XLearner

    memo = memo if memo is not None else Memo()
    outcome, effect = Outcome(cases.task, seed, memo=memo), Outcome("mean", seed, memo=memo)
    if kind == "s":
        learner = SLearner(overall_model=outcome, allow_missing=True)
    elif kind in ("t", "t_linear"):
        outcome.effort = "full" if kind == "t" else "linear"
        learner = TLearner(models=outcome, allow_missing=True)
    elif kind == "x":
        learner = XLearner(models=outcome, cate_models=effect, propensity_model=Chance(seed, memo), allow_missing=True)
    else:
        halves = folds(cases.groups, None, n=2, rng=np.random.default_rng(seed))
        learner = DRLearner(
            model_propensity=Chance(seed, memo),
            model_regression=ByArm(cases.task, seed, "light", memo),
            model_final=effect,
            min_propensity=TRIM,
            cv=[(fold.train, fold.test) for fold in halves],
            random_state=seed,
            allow_missing=True,
        )
    with warnings.catch_warnings():  # our base learners read missing values, each in its own stated way
        warnings.filterwarnings("ignore", message=".*contains NaN", category=UserWarning)
        learner.fit(cases.y, cases.arm.astype(int), X=with_account(cases.X, cases.groups))
    return learner


def parts_of(kind: str, fitted: Any) -> Learner:
    """Take the surfaces out of EconML's fitted learner."""
    if kind == "s":
        found: Sequence[Any] = [fitted.overall_model]
    elif kind in ("t", "t_linear"):
        found = fitted.models
    elif kind == "x":
        found = [fitted.cate_controls_models[0], fitted.cate_treated_models[0], fitted.propensity_models[0]]
    else:
        found = [fitted.model_cate(T=1)]
    return Learner(kind, tuple(model.surface_ for model in found))


def with_account(X: Floats, groups: Floats) -> Floats:
    """Return the rows with their account in front, as our estimators read them."""
    return np.column_stack([groups, X])


def _with_arm(X: Floats, arm: float) -> Floats:
    """Add the two indicators that EconML's S-learner adds: untouched, touched."""
    return np.column_stack([X, np.full(len(X), 1 - arm), np.full(len(X), arm)])

"""Choose the learner: out-of-fold R-loss, then the most stable deciles among those it cannot tell apart (MATHS §2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import nnls

from copilot.models.uplift import learners
from copilot.models.uplift.curves import mean_spearman, same_decile
from copilot.models.uplift.estimators import Memo
from copilot.models.uplift.learners import Cases, Learner
from copilot.stats import Floats, Fold, Ints, standard_error

STACK = "stack"
LEAST_WEIGHT = 0.05  # a learner that would weigh less in the stack is left out
FEWEST_FOR_STACK = 200  # judged rows
NAMES = {
    "s": "S-learner", "t": "T-learner", "x": "X-learner", "dr": "DR-learner", "r": "R-learner",
    STACK: "stack of learners",
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """What every candidate said about rows it had not seen.

    Attributes:
        cases: All rows.
        judged: Positions of the rows that some fold judged, each once.
        fold: Of each judged row.
        effects: Candidate → out-of-fold τ of the judged rows.
        refits: Candidate → τ of all rows by each fold's fit, (n, folds).
        sides: Candidate → out-of-fold Y(0), Y(1) of the judged rows, where it models them.
        fitted: Candidate → its fit in each fold.
        constant: The one effect that fits the training rows of each judged row best.
    """

    cases: Cases
    judged: Ints
    fold: Ints
    effects: Mapping[str, Floats]
    refits: Mapping[str, Floats]
    sides: Mapping[str, tuple[Floats, Floats]]
    fitted: Mapping[str, Sequence[Learner]]
    constant: Floats

    @property
    def moved(self) -> Floats:
        """Return A − e(x) of the judged rows."""
        return self.cases.arm[self.judged] - self.cases.chance[self.judged]

    @property
    def surplus(self) -> Floats:
        """Return Y − m(x) of the judged rows."""
        return self.cases.y[self.judged] - self.cases.middle[self.judged]

    @property
    def groups(self) -> Floats:
        """Return the accounts of the judged rows."""
        return self.cases.groups[self.judged]

    def losses(self, effect: Floats) -> Floats:
        """Return the R-loss of each judged row (Nie & Wager 2021, Eq. 4)."""
        return np.asarray((self.surplus - effect * self.moved) ** 2)


@dataclass(frozen=True)
class Choice:
    """The chosen candidate: its name, the weight of each learner in it, why, and how all candidates stood."""

    name: str
    weights: Mapping[str, float]
    reason: str
    candidates: Mapping[str, Mapping[str, Any]]


def run(cases: Cases, plan: Sequence[Fold], kinds: Sequence[str], rng: np.random.Generator) -> Trial:
    """Fit every kind on each fold's training rows and let it speak about all rows."""
    judged = np.concatenate([fold.test for fold in plan])
    refits = {kind: np.empty((len(cases.y), len(plan))) for kind in kinds}
    fitted: dict[str, list[Learner]] = {kind: [] for kind in kinds}
    effects = {kind: np.empty(len(judged)) for kind in kinds}
    sides = {kind: (np.empty(len(judged)), np.empty(len(judged))) for kind in kinds if kind in "st"}
    number = np.repeat(np.arange(len(plan)), [len(fold.test) for fold in plan])
    constant = np.empty(len(judged))
    for k, fold in enumerate(plan):
        here, near = number == k, cases.take(fold.train)
        memo, seed = Memo(), int(rng.integers(2**31))
        moved = near.arm - near.chance
        constant[here] = moved @ (near.y - near.middle) / (moved @ moved)
        for kind in kinds:
            one = learners.fit(kind, near, seed=seed, memo=memo)
            fitted[kind].append(one)
            refits[kind][:, k] = one.effect(cases.X)
            effects[kind][here] = refits[kind][fold.test, k]
            if kind in sides:
                for into, side in zip(sides[kind], one.sides(cases.X[fold.test]), strict=True):
                    into[here] = side
    return Trial(cases, judged, number, effects, refits, sides, fitted, constant)


def choose(trial: Trial) -> tuple[Trial, Choice]:
    """Return the trial, a convex stack of the learners added as one more candidate, and the choice.

    The candidate with the least R-loss leads. Among those whose loss is not more than one standard error of the
    difference (by account) above it, the one whose deciles move least between refits is taken.
    """
    kinds = list(trial.effects)
    stack = _stack(trial) if len(kinds) > 1 and len(trial.judged) >= FEWEST_FOR_STACK else None
    if stack is not None:
        trial = stack[0]
    loss = {name: trial.losses(effect) for name, effect in trial.effects.items()}
    base = trial.losses(trial.constant)
    best = min(loss, key=lambda name: loss[name].mean())
    table, near = {}, []
    for name in loss:
        behind, gain = loss[name] - loss[best], base - loss[name]
        if behind.mean() <= (standard_error(behind, groups=trial.groups) if name != best else 0.0):
            near.append(name)
        refits = list(trial.refits[name].T)
        table[name] = {
            "gain_over_constant": gain.mean(),
            "se": standard_error(gain, groups=trial.groups),
            "behind_best": behind.mean(),
            "same_decile": same_decile(refits),
            "spearman_refits": mean_spearman(refits),
        }
    chosen = max(near, key=lambda name: (table[name]["same_decile"], -table[name]["behind_best"]))
    weights = stack[1] if stack is not None and chosen == STACK else {chosen: 1.0}
    return trial, Choice(chosen, weights, _reason(chosen, best, near, table, weights), table)


def _stack(trial: Trial) -> tuple[Trial, dict[str, float]] | None:
    """Add the stack to the trial: weights of each fold from the other folds' rows, so that its loss is out of fold."""
    kinds = list(trial.effects)
    said = np.column_stack([trial.effects[kind] for kind in kinds])
    effect = np.empty(len(said))
    for k in np.unique(trial.fold):
        here = trial.fold == k
        level, share = _convex(trial, said, ~here)
        effect[here] = level + (said[here] - said[~here].mean(axis=0)) @ share
    _, share = _convex(trial, said, np.ones(len(said), dtype=bool))
    share = np.where(share < LEAST_WEIGHT, 0.0, share)
    if not share.sum():
        return None
    refits = sum(weight * trial.refits[kind] for weight, kind in zip(share, kinds, strict=True))
    weights = {kind: float(weight) for weight, kind in zip(share, kinds, strict=True) if weight}
    both = {**trial.effects, STACK: effect}, {**trial.refits, STACK: refits}
    trial = Trial(trial.cases, trial.judged, trial.fold, both[0], both[1], trial.sides, trial.fitted, trial.constant)
    return trial, weights


def _convex(trial: Trial, said: Floats, rows: np.ndarray) -> tuple[float, Floats]:
    """Return the level and the weights, none negative and at most 1 together, of least R-loss on ``rows``."""
    moved, surplus, apart = trial.moved[rows], trial.surplus[rows], said[rows] - said[rows].mean(axis=0)
    columns = np.column_stack([moved, -moved, moved[:, None] * apart])
    size = np.abs(surplus).max() or 1.0
    found = nnls(columns / size, surplus / size)[0]
    share = found[2:]
    return float(found[0] - found[1]), share / max(1.0, share.sum())


def _reason(
    chosen: str, best: str, near: Sequence[str], table: Mapping[str, Mapping[str, Any]], weights: Mapping[str, float]
) -> str:
    name = NAMES[chosen]
    if chosen == STACK:
        name += " (" + ", ".join(f"{NAMES[kind]} {100 * weight:.0f} %" for kind, weight in weights.items()) + ")"
    if len(table) == 1:
        return f"The {name} was asked for."
    share = f"{100 * table[chosen]['same_decile']:.0f} %"
    if len(near) == 1:
        return f"The {name} has the least out-of-fold R-loss, by more than one standard error."
    led = "has the least out-of-fold R-loss" if chosen == best else f"is within one standard error of the {NAMES[best]}"
    return (
        f"The {name} {led}, and of the {len(near)} candidates that cannot be told apart its deciles are the most "
        f"stable: {share} of the accounts keep theirs when a part of the accounts is left out."
    )

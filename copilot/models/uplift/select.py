"""Choose the learner: out-of-fold R-loss, then the most stable deciles among those it cannot tell apart (MATHS §2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import nnls

from copilot.models.uplift import calibrate
from copilot.models.uplift.curves import mean_spearman, same_decile
from copilot.models.uplift.trial import Trial
from copilot.stats import Floats, standard_error

STACK = "stack"
PLAINEST = "t_linear"
LEAST_WEIGHT = 0.05  # a learner that would weigh less in the stack is left out
FEWEST_FOR_STACK = 200  # judged rows
SHORTLIST = 3  # learners that go on from a screening to all rows
NAMES = {
    "s": "S-learner", "t": "T-learner", "t_linear": "T-learner on linear arms", "x": "X-learner",
    "dr": "DR-learner", "r": "R-learner",
    STACK: "stack of learners",
}  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """The chosen candidate: its name, the weight of each learner in it, why, and how all candidates stood."""

    name: str
    weights: Mapping[str, float]
    reason: str
    candidates: Mapping[str, Mapping[str, Any]]


def choose(trial: Trial) -> tuple[Trial, Choice]:
    """Return the trial, a convex stack of the learners added as one more candidate, and the choice.

    Each is judged as it would be served: calibrated, each tenth of the accounts on the rest. The candidate with the
    least R-loss leads. Among those whose loss is not more than one standard error of the difference (by account) above
    it, and whose effects carry evidence of a difference between accounts (the slope of ``calibrate.fit`` is more than
    its standard error), the one whose deciles move least between refits is taken. Stability alone would reward
    a constant, or a ranking by something else than the effect. Where none carries evidence, the plainest is taken if
    its loss is near (what has least to learn is misled least), else the one that comes closest to evidence.
    """
    kinds = list(trial.effects)
    stack = _stack(trial) if len(kinds) > 1 and len(trial.judged) >= FEWEST_FOR_STACK else None
    if stack is not None:
        trial = stack[0]
    evidence = {name: calibrate.fit(trial, effect).evidence for name, effect in trial.effects.items()}
    loss = {name: trial.losses(calibrate.out_of_fold(trial, effect)) for name, effect in trial.effects.items()}
    base = trial.losses(trial.constant)
    best = min(loss, key=lambda name: loss[name].mean())
    table, near = {}, []
    for name in loss:
        behind, gain = loss[name] - loss[best], base - loss[name]
        if name == best or behind.mean() <= standard_error(behind, groups=trial.groups):
            near.append(name)
        refits = list(trial.refits[name].T)
        table[name] = {
            "gain_over_constant": gain.mean(),
            "se": standard_error(gain, groups=trial.groups),
            "behind_best": behind.mean(),
            "evidence": evidence[name],
            "same_decile": same_decile(refits),
            "spearman_refits": mean_spearman(refits),
        }
    proven = [name for name in near if evidence[name] > 1]
    if proven:
        chosen = max(proven, key=lambda name: (table[name]["same_decile"], evidence[name]))
    else:
        chosen = PLAINEST if PLAINEST in near else max(near, key=lambda name: evidence[name])
    weights = stack[1] if stack is not None and chosen == STACK else {chosen: 1.0}
    return trial, Choice(chosen, weights, _reason(chosen, best, near, proven, table), table)


def shortlist(screened: Choice) -> tuple[str, ...]:
    """Return the three learners that go on from a screening on a part of the rows: its choice, then by R-loss."""
    alone = {name: row for name, row in screened.candidates.items() if name != STACK}
    by_loss = sorted(alone, key=lambda name: alone[name]["behind_best"])
    first = [] if screened.name == STACK else [screened.name]
    return tuple(dict.fromkeys([*first, *by_loss]))[:SHORTLIST]


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
    chosen: str, best: str, near: Sequence[str], proven: Sequence[str], table: Mapping[str, Mapping[str, Any]]
) -> str:
    name = NAMES[chosen]
    if len(table) == 1:
        return f"The {name} was asked for."
    if not proven:
        why = "is the plainest of those" if chosen == PLAINEST else "comes closest to showing it among those"
        return f"No learner shows that effects differ between accounts; the {name} {why} of near the least R-loss."
    if len(near) == 1:
        return f"The {name} has the least out-of-fold R-loss, by more than one standard error."
    led = "has the least out-of-fold R-loss" if chosen == best else f"is within one standard error of the {NAMES[best]}"
    return (
        f"The {name} {led}, and of the {len(near)} candidates that cannot be told apart its deciles are the most "
        f"stable: {100 * table[chosen]['same_decile']:.0f} % of the accounts keep theirs from refit to refit."
    )

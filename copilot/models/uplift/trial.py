"""Let every candidate speak about rows it has not seen, and measure what it said by the R-loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from copilot.models.uplift import learners
from copilot.models.uplift.estimators import Memo
from copilot.models.uplift.learners import Cases, Learner
from copilot.stats import Floats, Fold, Ints


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


def run(cases: Cases, plan: Sequence[Fold], kinds: Sequence[str], rng: np.random.Generator) -> Trial:
    """Fit every kind on each fold's training rows and let it speak about all rows."""
    judged = np.concatenate([fold.test for fold in plan])
    refits = {kind: np.empty((len(cases.y), len(plan))) for kind in kinds}
    fitted: dict[str, list[Learner]] = {kind: [] for kind in kinds}
    effects = {kind: np.empty(len(judged)) for kind in kinds}
    sides = {kind: (np.empty(len(judged)), np.empty(len(judged))) for kind in kinds if kind in learners.TWO_SIDED}
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

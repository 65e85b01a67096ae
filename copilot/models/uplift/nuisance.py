"""What every candidate is judged against: the mean outcome m(x) and the propensity e(x), each from other accounts."""

from __future__ import annotations

import numpy as np

from copilot.models.uplift import bases
from copilot.models.uplift.bases import Kind
from copilot.stats import Floats, folds

FOLDS = 5
PLENTY, FEWER = 30_000, 3  # rows from which fewer folds do: each then learns from two thirds of many


def cross_fitted(
    X: Floats, arm: Floats, y: Floats, groups: Floats, task: Kind, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return m(x) = E[Y | x] and e(x) = P(touch | x) of each row, (n,) each.

    They describe rather than forecast and serve every candidate alike, so they may see later rows of other accounts.
    """
    middle, chance = np.empty(len(y)), np.empty(len(y))
    seed = int(rng.integers(2**31))
    for fold in folds(groups, None, n=FOLDS if len(y) < PLENTY else FEWER, rng=rng):
        learn, test = fold.train, fold.test
        for target, kind, into in ((y, task, middle), (arm, "chance", chance)):
            near = bases.fit(X[learn], target[learn], task=kind, groups=groups[learn], seed=seed, effort="light")
            into[test] = near.predict(X[test])
    return middle, chance

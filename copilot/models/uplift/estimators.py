"""Our base learners in scikit-learn's form, so that EconML's metalearners can fit them.

EconML hands plain matrices to its models, so the first column carries the account of each row: inner folds keep
accounts together, and no surface ever reads it.
"""

from __future__ import annotations

import hashlib
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from copilot.models.uplift import bases
from copilot.models.uplift.bases import Effort, Kind
from copilot.models.uplift.surfaces import Mix
from copilot.stats import Floats


class Memo(dict[bytes, Mix]):
    """Surfaces fitted so far, so that learners that need the same one share it; a clone keeps the same memo."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class Outcome(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A mixture of bases; ``surface_`` once fitted."""

    def __init__(self, task: Kind = "mean", seed: int = 0, effort: Effort = "full", memo: Memo | None = None) -> None:
        self.task, self.seed, self.effort, self.memo = task, seed, effort, memo

    def fit(self, X: Floats, y: Floats) -> Self:
        """Fit on rows (n, 1 + p), the account first."""
        self.surface_ = self._surface(X, y)
        return self

    def _surface(self, X: Floats, y: Floats) -> Mix:
        memo = self.memo if self.memo is not None else Memo()
        rows, aim = np.ascontiguousarray(X, float), np.ascontiguousarray(y, float)
        key = hashlib.blake2b(f"{self.task} {self.seed} {self.effort}".encode(), digest_size=16)
        key.update(rows.tobytes())
        key.update(aim.tobytes())
        found = memo.get(key.digest())
        if found is None:
            found = bases.fit(rows[:, 1:], aim, task=self.task, groups=rows[:, 0], seed=self.seed, effort=self.effort)
            memo[key.digest()] = found
        return found

    def predict(self, X: Floats) -> Floats:
        """Return one value a row."""
        return self.surface_.predict(np.asarray(X, float)[:, 1:])


class ByArm(Outcome):
    """One mixture an arm, told apart by the last column: 0 or 1."""

    def fit(self, X: Floats, y: Floats) -> Self:
        """Fit on rows (n, 1 + p + 1)."""
        self.surfaces_ = tuple(self._surface(X[X[:, -1] == arm][:, :-1], y[X[:, -1] == arm]) for arm in (0, 1))
        return self

    def predict(self, X: Floats) -> Floats:
        """Return the value of each row's own arm."""
        rows = np.asarray(X, float)
        low, high = (surface.predict(rows[:, 1:-1]) for surface in self.surfaces_)
        return np.where(rows[:, -1] == 1, high, low)


class Chance(ClassifierMixin, Outcome):  # type: ignore[misc]
    """The same mixture as a classifier of 0 and 1, for propensities."""

    def __init__(self, seed: int = 0, memo: Memo | None = None) -> None:
        super().__init__("chance", seed, "light", memo)

    def fit(self, X: Floats, y: Floats) -> Self:
        """Fit on rows (n, 1 + p) and 0/1."""
        self.classes_ = np.array([0, 1])
        super().fit(X, np.asarray(y, float).ravel())
        return self

    def predict_proba(self, X: Floats) -> Floats:
        """Return the chances of 0 and 1, (n, 2)."""
        chance = self.surface_.predict(np.asarray(X, float)[:, 1:])
        return np.column_stack([1 - chance, chance])

    def predict(self, X: Floats) -> Floats:
        """Return the likelier class."""
        return np.asarray(self.predict_proba(X)[:, 1] > 0.5, float)

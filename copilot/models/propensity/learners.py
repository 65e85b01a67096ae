"""The base learners of a propensity and their mixture: one ridge logistic regression, shallow trees, deep trees.

Which is right depends on the book: ratios of counts call for the line, thresholds for shallow trees, prices and dates
that work together for deep ones. All are fitted; the held-out log loss decides which of them are averaged, in log-odds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from copilot.models import boosting
from copilot.models.boosting import Features
from copilot.models.propensity.linear import Linear, chance, log_odds
from copilot.stats import Floats

if TYPE_CHECKING:
    import xgboost as xgb

KINDS = ("linear", "shallow", "deep")
NARROW = 40  # columns up to which the line may bend
# Deep trees on few columns a split, with small steps: each is poor, their sum is not.
DEEP = {
    "max_depth": 8,
    "eta": 0.03,
    "min_child_weight": 2.0,
    "colsample_bynode": 0.3,
    "subsample": 0.7,
    "reg_lambda": 1.0,
}
PATIENCE = 25
MOST_ROWS = 30_000  # rows to learn from; more cost time and add little


@dataclass(frozen=True)
class Mixture:
    """Fitted base learners; the log-odds of those in ``used`` are averaged."""

    linear: Linear
    boosters: Mapping[str, xgb.Booster]
    used: tuple[str, ...] = KINDS

    @classmethod
    def fit(
        cls,
        X: Features,
        y: Floats,
        *,
        groups: npt.NDArray[Any],
        rng: np.random.Generator,
        names: tuple[str, ...],
        used: tuple[str, ...] = KINDS,
    ) -> Mixture:
        """Fit the learners in ``used`` to outcomes 0/1, both present; always the line, whose terms pooling reads."""
        rows = np.arange(len(y))
        if len(y) > MOST_ROWS:
            rows = np.sort(rng.choice(len(y), MOST_ROWS, replace=False))
        X, y, groups = X[rows], y[rows], groups[rows]
        boosters = {}
        if "shallow" in used:
            boosters["shallow"] = boosting.boost(
                X, y, task="chance", groups=groups, rng=rng, names=names, thorough=False
            )
        if "deep" in used:
            boosters["deep"] = _deep(X, y, groups, rng, names)
        return cls(Linear.fit(X, y, bent=X.shape[1] <= NARROW), boosters, used)

    def margins(self, X: Features) -> dict[str, Floats]:
        """Return each learner's log-odds, (n,), by its name."""
        found = {"linear": self.linear.margin(X)} if "linear" in self.used else {}
        return found | {
            name: log_odds(boosting.predict(self.boosters[name], X)) for name in self.used if name != "linear"
        }

    def margin(self, X: Features) -> Floats:
        """Return the log-odds of the mixture, (n,)."""
        found: Floats = np.mean(list(self.margins(X).values()), axis=0)
        return found


def choose(margins: Mapping[str, Floats], y: Floats) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return the learners whose averaged log-odds have the lowest held-out log loss, and the loss of every choice."""
    losses = {}
    for names in _subsets(tuple(margins)):
        losses[names] = log_loss(y, chance(np.mean([margins[name] for name in names], axis=0)))
    best = min(losses, key=lambda names: losses[names])
    return best, {" + ".join(names): loss for names, loss in losses.items()}


def log_loss(y: Floats, p: Floats) -> float:
    """Return the mean negative log-likelihood of outcomes 0/1 in nats, with p held inside 1e-6 of 0 and 1."""
    return float(log_losses(y, p).mean())


def log_losses(y: Floats, p: Floats) -> Floats:
    """Return the log loss of each row."""
    held = np.clip(p, 1e-6, 1 - 1e-6)
    found: Floats = -np.where(y == 1, np.log(held), np.log1p(-held))
    return found


def _subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(1, len(names) + 1):
        yield from combinations(names, size)


def _deep(
    X: Features, y: Floats, groups: npt.NDArray[Any], rng: np.random.Generator, names: tuple[str, ...]
) -> xgb.Booster:
    import xgboost as xgb

    settings = boosting.settings(y, "chance", int(rng.integers(boosting.MOST_SEED))) | DEEP
    rounds = []
    for train, held in boosting.inner_folds(groups, rng, thorough=False):
        learn = boosting.matrix(X[train], y[train])
        check = xgb.DMatrix(X[held], y[held], nthread=1)
        rounds.append(boosting.stop_early(settings, learn, check, patience=PATIENCE)[1])
    count = max(1, round(float(np.mean(rounds)))) if rounds else boosting.BLIND_ROUNDS
    return xgb.train(settings, boosting.matrix(X, y, names=names), count)

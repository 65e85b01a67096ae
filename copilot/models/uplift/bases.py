"""Base learners by data size, mixed by what predicts rows they have not seen (stacking, Breiman 1996).

Few rows: ridge or logistic regression alone. More: also one with bends, a bent score and boosted trees. Many: also a
network. The weights are least squares on inner folds, none negative, together at most one; what is missing to one
stays with the mean, so that a base that has learned nothing is not listened to. Where rows are plenty a fifth is held
out once; trees and network, which take the time, then stay as they were learned from the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.optimize import nnls
from scipy.special import expit

from copilot.models import boosting
from copilot.models.uplift import design
from copilot.models.uplift.net import fit_net
from copilot.models.uplift.surfaces import Boosted, Index, Linear, Mix, Surface, spline, spline_slope
from copilot.stats import Floats, Ints, folds

if TYPE_CHECKING:
    import xgboost as xgb

Kind = Literal["mean", "chance"]
Effort = Literal["full", "light", "linear"]
FEW, LARGE = 120, 20_000  # rows from which trees, and a network, join
DEEP = 1_500  # rows from which trees split three times in a row
STEP, PATIENCE = 0.1, 12
THRICE = 2_500  # rows up to which the inner folds are three, then two
ONCE = 15_000  # rows from which a fifth of the accounts, held out once, weighs the bases
LEAST_WEIGHT = 0.03  # a base that would weigh less is left out
PENALTIES = np.logspace(-1, 5, 19)
BLOCK = 4_096  # rows multiplied at a time
WORST_GAP = 0.9  # share of the rows that a fit's degrees of freedom may use up


@dataclass(frozen=True)
class Sample:
    """Rows to learn from: encoded features (n, p), outcome (n,), weights (n,) with mean 1, the account of each row."""

    X: Floats
    y: Floats
    weight: Floats
    groups: np.ndarray
    task: Kind

    def take(self, rows: Ints) -> Sample:
        """Return some of the rows."""
        weight = self.weight[rows]
        return Sample(self.X[rows], self.y[rows], weight / weight.mean(), self.groups[rows], self.task)


def fit(
    X: Floats,
    y: Floats,
    *,
    task: Kind,
    groups: np.ndarray,
    seed: int,
    weight: Floats | None = None,
    effort: Effort = "full",
) -> Mix:
    """Fit the bases that the number of rows allows and mix them.

    Args:
        X: (n, p), NaN where missing.
        y: (n,), finite.
        task: "chance" for outcomes 0 and 1, else "mean".
        groups: The account of each row; inner folds keep accounts together.
        seed: Of inner folds and trees.
        weight: (n,), non-negative; equal by default.
        effort: "light" leaves out the bent score and the network, for nuisances that are fitted many times; "linear"
            is ridge or logistic regression alone, whatever the number of rows.
    """
    weights = np.ones(len(y)) if weight is None else weight / weight.mean()
    sample = Sample(X, y, weights, groups, task)
    level, bounded = float(np.average(y, weights=weights)), task == "chance"
    if effort == "linear" and float(np.ptp(y)) > 0:
        return Mix(level, (1.0,), (fit_linear(sample, bends=False),), bounded)
    parts = _parts(sample, effort)
    inner = _inner(sample, np.random.default_rng(seed))
    if float(np.ptp(y)) == 0 or not inner:
        return Mix(level, (), (), bounded)
    held = np.zeros((len(y), len(parts)))
    rounds: list[int] = []
    last: dict[str, Surface] = {}
    for train, test in inner:
        learn, check = sample.take(train), sample.take(test)
        for column, part in enumerate(parts):
            if part == "trees":
                last[part], count = _stopped(learn, check, seed)
                rounds.append(count)
            else:
                last[part] = _fit_part(part, learn, seed)
            held[test, column] = last[part].predict(check.X)
    judged = np.concatenate([test for _, test in inner])
    share = _shares(held[judged] - level, y[judged] - level, weights[judged])
    kept = [(float(w), part) for w, part in zip(share, parts, strict=True) if w >= LEAST_WEIGHT]
    count = max(1, round(float(np.mean(rounds)))) if rounds else 1

    def whole(part: str) -> Surface:
        if len(inner) == 1 and part in ("trees", "net"):
            return last[part]
        return _trees(sample, count, seed) if part == "trees" else _fit_part(part, sample, seed)

    return Mix(level, tuple(w for w, _ in kept), tuple(whole(part) for _, part in kept), bounded)


def _parts(sample: Sample, effort: Effort) -> tuple[str, ...]:
    n = len(sample.y)
    if n < FEW:
        return ("ridge",)
    index = ("index",) if sample.task == "mean" and effort == "full" else ()
    return ("ridge", "bends", *index, "trees", *(("net",) if n >= LARGE and effort == "full" else ()))


def _fit_part(part: str, sample: Sample, seed: int) -> Surface:
    makers: dict[str, Callable[[], Surface]] = {
        "ridge": lambda: fit_linear(sample, bends=False),
        "bends": lambda: fit_linear(sample, bends=True),
        "index": lambda: fit_index(sample),
        "net": lambda: fit_net(sample.X, sample.y, sample.weight, logistic=sample.task == "chance", seed=seed),
    }
    return makers[part]()


def _inner(sample: Sample, rng: np.random.Generator) -> list[tuple[Ints, Ints]]:
    if len(np.unique(sample.groups)) < 4:
        return []
    parts = 3 if len(sample.y) < THRICE else 2 if len(sample.y) < ONCE else 5
    found = [(fold.train, fold.test) for fold in folds(sample.groups, None, n=parts, rng=rng)]
    if len(sample.y) >= ONCE:
        found = found[:1]
    return [(train, test) for train, test in found if sample.weight[train].sum() > 0 < sample.weight[test].sum()]


def _shares(held: Floats, y: Floats, weight: Floats) -> Floats:
    """Return the non-negative weights that predict the held rows best, scaled down where they exceed one together."""
    root = np.sqrt(weight)
    size = np.abs(y * root).max() or 1.0
    share = np.asarray(nnls(held * root[:, None] / size, y * root / size)[0], float)
    return np.asarray(share / max(1.0, share.sum()), float)


def fit_linear(sample: Sample, *, bends: bool) -> Linear:
    """Fit ridge regression, or logistic ridge, the penalty by generalised cross-validation.

    The logistic form penalises each step of its weighted least squares anew (performance iteration, Gu 1992).
    """
    rows = design.learn(sample.X, sample.weight, bends=bends)
    F, y, weight = rows.rows(sample.X), sample.y, sample.weight
    if sample.task == "mean":
        slopes, level = _ridge(F, y, weight)
        return Linear(rows, slopes, level, False)
    rate = float(np.clip(np.average(y, weights=weight), 1e-4, 1 - 1e-4))
    score = np.full(len(y), np.log(rate / (1 - rate)))
    for _ in range(5):
        chance = np.clip(expit(score), 1e-3, 1 - 1e-3)
        curve = chance * (1 - chance)
        slopes, level = _ridge(F, score + (y - chance) / curve, weight * curve)
        before, score = score, np.clip(level + F @ slopes, -8, 8)
        if np.abs(score - before).max() < 1e-2:  # in log-odds
            break
    return Linear(rows, slopes, level, True)


def _ridge(F: Floats, y: Floats, weight: Floats) -> tuple[Floats, float]:
    """Return slopes and level of weighted ridge regression with the penalty of least GCV (Golub, Heath, Wahba 1979)."""
    n, w = len(y), weight / weight.mean()
    mean, level = w @ F / w.sum(), float(np.average(y, weights=w))
    root, aim = np.sqrt(w)[:, None], y - level
    gram, pull, total = np.zeros((F.shape[1], F.shape[1])), np.zeros(F.shape[1]), float(w @ aim**2)
    for first in range(0, n, BLOCK):
        block = slice(first, first + BLOCK)
        scaled = (F[block] - mean) * root[block]
        gram += scaled.T @ scaled
        pull += scaled.T @ (aim[block] * root[block, 0])
    found, axes = np.linalg.eigh(gram)
    size, pulled = np.maximum(found, 0.0), axes.T @ pull
    best, least = pulled / (size + PENALTIES[-1]), np.inf
    for penalty in PENALTIES:
        freedom = float((size / (size + penalty)).sum()) + 1
        if freedom > WORST_GAP * n:
            continue
        along = pulled / (size + penalty)
        rest = total - 2 * float(along @ pulled) + float(along**2 @ size)
        if (score := rest / (1 - freedom / n) ** 2) < least:
            best, least = along, score
    slopes = axes @ best
    return slopes, level - float(mean @ slopes)


def fit_index(sample: Sample, steps: int = 4) -> Surface:
    """Fit a spline of one linear index by Gauss and Newton's steps, starting from ridge regression.

    Outcomes that multiply (a discount on a price, a growth rate on a base) bend along one score; a line misses the
    bend, trees need many rows to see it.
    """
    rows = design.learn(sample.X, sample.weight, bends=False)
    F, y, weight = rows.rows(sample.X), sample.y, sample.weight
    slopes, level = _ridge(F, y, weight)
    best: Index | None = None
    for step in range(steps):
        spread = float((F @ slopes).std())
        if spread < 1e-9:
            break
        slopes = slopes / spread
        index = F @ slopes
        knots = np.quantile(index, (0.05, 0.275, 0.5, 0.725, 0.95))
        if np.diff(knots).min() < 1e-3:
            break
        curve, level = _ridge(spline(index, knots), y, weight)
        best = Index(rows, slopes, knots, curve, level)
        tilt = spline_slope(index, knots) @ curve
        steep = np.abs(tilt) > 1e-6
        if step + 1 == steps or steep.sum() < 10:
            break
        aim = index[steep] + (y - level - spline(index, knots) @ curve)[steep] / tilt[steep]
        moved, _ = _ridge(F[steep], aim, weight[steep] * tilt[steep] ** 2)
        slopes = moved if step == 0 else (slopes + moved) / 2
    return best if best is not None else Linear(rows, slopes, level, False)


def _settings(sample: Sample, seed: int) -> dict[str, Any]:
    depth = 2 if len(sample.y) < DEEP else 3
    chosen = boosting.settings(sample.y, sample.task, seed, depth) | {"eta": STEP}
    if sample.task == "mean":
        chosen["base_score"] = float(np.average(sample.y, weights=sample.weight))
    return chosen


def _bins(sample: Sample) -> xgb.QuantileDMatrix:
    import xgboost as xgb

    table = sample.X.astype(np.float32)
    return xgb.QuantileDMatrix(table, sample.y, weight=sample.weight, nthread=1, max_bin=boosting.BINS)


def _stopped(learn: Sample, check: Sample, seed: int) -> tuple[Boosted, int]:
    """Train until the held rows no longer gain; return the trees up to there and their rounds."""
    import xgboost as xgb

    held = xgb.DMatrix(check.X.astype(np.float32), check.y, weight=check.weight, nthread=1)
    booster, count, _ = boosting.stop_early(_settings(learn, seed), _bins(learn), held, patience=PATIENCE)
    return Boosted(booster[:count], learn.task == "chance"), count


def _trees(sample: Sample, rounds: int, seed: int) -> Boosted:
    import xgboost as xgb

    booster = xgb.train(_settings(sample, seed), _bins(sample), rounds)
    return Boosted(booster, sample.task == "chance")


def words(mixes: Sequence[Mix]) -> str:
    """Say which bases carry a learner, over all its surfaces."""
    known = list(dict.fromkeys(mix.words() for mix in mixes))
    return "; ".join(known)

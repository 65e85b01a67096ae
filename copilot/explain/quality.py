"""How good explanations are: do they add up, do they name what the model listens to, and do they hold across refits.

Deletion: features are set to their baseline one after the other, those that are said to push the prediction up first;
the faster it falls, the better. Insertion is the reverse, from the baseline. Both are areas under the mean curve of the
prediction's move (Petsiuk, Das & Saenko 2018), and both are compared with random orders on the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from copilot.errors import BadInput
from copilot.explain.reading import grade
from copilot.explain.record import Attribution
from copilot.explain.surrogates import Predict, asked
from copilot.stats import NOT_KNOWN, Floats, Interval, mean_interval

TOP = 5
PERSISTENCE = 0.9  # of rank-biased overlap: how likely a reader goes on to the next reason
ORDERS = 10  # random orders a row
MOST_STEPS = 20  # of a curve; with more features each step moves several


@dataclass(frozen=True)
class Quality:
    """The quality of one score's explanations.

    Attributes:
        measure, fidelity, gap: Of the attribution (see ``record.Fidelity``).
        insertion, deletion: How much better than random orders, in the unit of the predictions: positive is better
            (insertion's area minus random's, random's minus deletion's), with 95 % limits over accounts.
        jaccard, rank_biased: Overlap of the five strongest families between refits, 0 to 1, mean over accounts and
            pairs of refits; NaN with fewer than two.
        deduplicated: Share of the five strongest features that stand back for a stronger one of their family.
        reading_grade: How hard the narratives read, in school years (Flesch–Kincaid); NaN without narratives.
    """

    measure: str
    fidelity: float
    gap: float
    insertion: Interval
    deletion: Interval
    jaccard: float
    rank_biased: float
    deduplicated: float
    reading_grade: float = float("nan")

    def __str__(self) -> str:
        """Return a table, one measure a line."""
        lines = [
            (self.measure, f"{self.fidelity:.4f}"),
            ("largest gap", f"{self.gap:.2e}"),
            ("insertion over random", _shown(self.insertion)),
            ("random over deletion", _shown(self.deletion)),
            (f"top {TOP} across refits, Jaccard", f"{self.jaccard:.3f}"),
            (f"top {TOP} across refits, rank-biased", f"{self.rank_biased:.3f}"),
            ("share deduplicated by family", f"{self.deduplicated:.3f}"),
            ("reading grade of the narratives", f"{self.reading_grade:.1f}"),
        ]
        return "\n".join(f"{name:<36}{value:>28}" for name, value in lines)


def quality(
    found: Attribution,
    X: Floats,
    predict: Predict,
    *,
    families: Sequence[str],
    refits: Sequence[Floats] = (),
    baseline: Floats | None = None,
    narratives: Sequence[str] = (),
    rng: np.random.Generator,
) -> Quality:
    """Return the quality of explanations of some accounts.

    Args:
        found: The contributions to judge.
        X: (n, f), the rows they are of.
        predict: (m, f) → (m,), in the contributions' unit.
        families: f names: the ultra feature of each feature.
        refits: (n, f) each: contributions of the same rows by models refitted on resampled accounts.
        baseline: (f,), what "absent" means; by default the column's median.
        narratives: The sentences told of these contributions, in English.
        rng: Draws the random orders.

    Raises:
        BadInput: Shapes that do not fit, or no rows.
    """
    shape = found.values.shape
    if not len(X) or X.shape != shape or len(families) != shape[1] or any(part.shape != shape for part in refits):
        raise BadInput(f"Rows, families and refits must fit the contributions' shape {shape}; {X.shape} was given.")
    with np.errstate(all="ignore"):
        middle = np.nan_to_num(np.nanmedian(X, axis=0)) if baseline is None else np.asarray(baseline, float)
    if middle.shape != (shape[1],):
        raise BadInput(f"The baseline must be one row of {shape[1]} numbers.")
    insertion, deletion = _areas(found.values, X, predict, middle, rng)
    tops = [_top_families(part, families) for part in refits]
    pairs = [(a, b) for i, a in enumerate(tops) for b in tops[i + 1 :]]
    together = [(jaccard(x, y), rank_biased(x, y)) for a, b in pairs for x, y in zip(a, b, strict=True)]
    first, second = np.mean(together, axis=0) if together else (float("nan"), float("nan"))
    trust = found.fidelity
    return Quality(
        trust.measure, trust.value, trust.gap, insertion, deletion, float(first), float(second),
        deduplicated(found.values, families), grade(narratives),
    )  # fmt: skip


def jaccard(a: Sequence[str], b: Sequence[str]) -> float:
    """Return the shared part of two sets, 0 to 1; 1 where both are empty."""
    union = set(a) | set(b)
    return len(set(a) & set(b)) / len(union) if union else 1.0


def rank_biased(a: Sequence[str], b: Sequence[str], persistence: float = PERSISTENCE) -> float:
    """Return the rank-biased overlap of two short lists, 0 to 1 (Webber, Moffat & Zobel 2010), scaled to their depth.

    The agreement at depth d (shared part of the first d of each) weighs persistence^(d−1); the weights sum to 1.
    """
    depth = max(len(a), len(b))
    if not depth:
        return 1.0
    weights = persistence ** np.arange(depth)
    agreement = [len(set(a[:d]) & set(b[:d])) / d for d in range(1, depth + 1)]
    return float(weights @ agreement / weights.sum())


def deduplicated(values: Floats, families: Sequence[str], top: int = TOP) -> float:
    """Return the share of each row's ``top`` strongest features whose family a stronger one already speaks for."""
    names = np.asarray(families, dtype=object)
    hidden = told = 0
    for row in np.abs(values):
        order = [k for k in np.argsort(-row, kind="stable")[:top] if row[k] > 0]
        told += len(order)
        hidden += len(order) - len(set(names[order]))
    return hidden / told if told else 0.0


def _top_families(values: Floats, families: Sequence[str]) -> list[list[str]]:
    """Return each row's strongest families by their strongest feature."""
    found = []
    for row in np.abs(values):
        ranked = [families[k] for k in np.argsort(-row, kind="stable") if row[k] > 0]
        found.append(list(dict.fromkeys(ranked))[:TOP])
    return found


def _areas(
    values: Floats, X: Floats, predict: Predict, middle: Floats, rng: np.random.Generator
) -> tuple[Interval, Interval]:
    own = np.argsort(-values, axis=1, kind="stable")
    insertion, deletion = (_area(own, X, predict, middle, begin) for begin in ("baseline", "row"))
    random = np.zeros((2, len(X)))
    for _ in range(ORDERS):
        order = rng.permuted(np.tile(np.arange(X.shape[1]), (len(X), 1)), axis=1)
        random += [_area(order, X, predict, middle, begin) / ORDERS for begin in ("baseline", "row")]
    better = (insertion - random[0], random[1] - deletion)
    if len(X) < 2:
        return tuple(Interval(float(part.mean()), NOT_KNOWN.low, NOT_KNOWN.high) for part in better)  # type: ignore[return-value]
    return mean_interval(better[0]), mean_interval(better[1])


def _area(order: npt.NDArray[np.intp], X: Floats, predict: Predict, middle: Floats, begin: str) -> Floats:
    """Return each row's mean prediction while its features are switched in ``order`` (trapezoid rule), (n,)."""
    here, there = (np.tile(middle, (len(X), 1)), X) if begin == "baseline" else (X.copy(), np.tile(middle, (len(X), 1)))
    cuts = np.unique(np.linspace(0, X.shape[1], min(X.shape[1], MOST_STEPS) + 1).round().astype(int))
    rows = np.arange(len(X))[:, None]
    curve = [asked(predict, here)]
    for first, last in pairwise(cuts.tolist()):
        switched = order[:, first:last]
        here[rows, switched] = there[rows, switched]
        curve.append(asked(predict, here))
    return np.asarray(np.trapezoid(np.array(curve), cuts / X.shape[1], axis=0), float)


def _shown(found: Interval) -> str:
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"

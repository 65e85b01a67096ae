"""How well a ranking by uplift pays: the uplift curve and its area, uplift in the top share, deciles, and a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.stats import Floats, qini, ranks, spearman

AUUC_FORM = (
    "integral over the treated-first share of (mean treated - mean control) times the share; half the mean effect for "
    "a random order; per account, in the outcome's unit"
)


def uplift_curve(uplift: npt.ArrayLike, treatment: npt.ArrayLike, outcome: npt.ArrayLike) -> Floats:
    """Return the gain of touching the best k accounts, k = 0 … n, over all n: (Ȳ_t − Ȳ_c)(φ)·φ, φ = k/n.

    Accounts are sorted by predicted uplift, highest first; equal predictions share the mean of their block. Where one
    arm is still missing the gain is 0.

    Returns:
        (n + 1,), in the outcome's unit per account.
    """
    score, treated, y = _checked(uplift, treatment, outcome)
    if not len(y):
        return np.zeros(1)
    _, block = np.unique(-score, return_inverse=True)
    size, order = np.bincount(block), np.sort(block)

    def climb(values: Floats) -> Floats:
        total: Floats = np.cumsum((np.bincount(block, values) / size)[order])
        return total

    n_t, n_c, y_t, y_c = (climb(part) for part in (treated, 1 - treated, y * treated, y * (1 - treated)))
    both = (n_t > 1e-9) & (n_c > 1e-9)
    gap = np.divide(y_t, n_t, out=np.zeros_like(y_t), where=both) - np.divide(
        y_c, n_c, out=np.zeros_like(y_c), where=both
    )
    curve: Floats = np.r_[0.0, gap * np.arange(1, len(y) + 1) / len(y)]
    return curve


def auuc(uplift: npt.ArrayLike, treatment: npt.ArrayLike, outcome: npt.ArrayLike) -> float:
    """Return the area under ``uplift_curve`` (trapezoid rule), in the outcome's unit; NaN without rows."""
    curve = uplift_curve(uplift, treatment, outcome)
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1))) if len(curve) > 1 else math.nan


def uplift_at(share: float, uplift: npt.ArrayLike, treatment: npt.ArrayLike, outcome: npt.ArrayLike) -> float:
    """Return mean treated − mean control outcome among the ``share`` of accounts with the highest predicted uplift.

    Ties at the edge count in proportion.

    Returns:
        In the outcome's unit; NaN where an arm is missing there.

    Raises:
        BadInput: ``share`` is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise BadInput(f"The share {share} is not above 0 and at most 1; give 0.1 for the top tenth.")
    score, treated, y = _checked(uplift, treatment, outcome)
    _, block = np.unique(-score, return_inverse=True)
    before = np.r_[0, np.cumsum(np.bincount(block))]
    wanted = share * len(y)
    inside = np.clip((wanted - before[block]) / np.maximum(np.bincount(block)[block], 1), 0, 1)
    arms = [(inside * side).sum() for side in (treated, 1 - treated)]
    if min(arms, default=0) <= 0:
        return math.nan
    return float((inside * treated) @ y / arms[0] - (inside * (1 - treated)) @ y / arms[1])


def deciles(uplift: npt.ArrayLike, treatment: npt.ArrayLike, outcome: npt.ArrayLike) -> pd.DataFrame:
    """Return what happened in each tenth of the ranking.

    Returns:
        Indexed by ``decile``, 1 the highest predicted uplift: ``n_treated``, ``n_control``, ``predicted`` (mean
        uplift), ``observed`` (mean treated − mean control outcome; NaN where an arm is missing) and its ``se``.
    """
    score, treated, y = _checked(uplift, treatment, outcome)
    order = np.argsort(-score, kind="stable")
    rows = []
    for part in np.array_split(order, 10):
        arms = [y[part][treated[part] == arm] for arm in (1, 0)]
        counts = [len(arm) for arm in arms]
        means = [arm.mean() if len(arm) else math.nan for arm in arms]
        errors = [arm.var(ddof=1) / len(arm) if len(arm) > 1 else math.nan for arm in arms]
        predicted = score[part].mean() if len(part) else math.nan
        rows.append((counts[0], counts[1], predicted, means[0] - means[1], math.sqrt(sum(errors))))
    columns = ["n_treated", "n_control", "predicted", "observed", "se"]
    return pd.DataFrame(rows, columns=columns, index=pd.RangeIndex(1, 11, name="decile"))


def same_decile(refits: Sequence[npt.ArrayLike]) -> float:
    """Return the share of accounts that keep their decile between two refits, the mean over pairs; .1 by chance.

    Equal predictions share their mean rank; a constant prediction has no deciles and scores 0.
    """
    tenths = []
    for scores in refits:
        score = np.asarray(scores, float)
        if len(score) < 10 or np.ptp(score) <= 1e-12 * max(1.0, float(np.abs(score).max())):
            return 0.0
        tenths.append(np.floor((ranks(score) - 0.5) * 10 / len(score)))
    pairs = [(a, b) for k, a in enumerate(tenths) for b in tenths[k + 1 :]]
    return float(np.mean([(a == b).mean() for a, b in pairs])) if pairs else math.nan


def mean_spearman(refits: Sequence[npt.ArrayLike]) -> float:
    """Return the mean rank correlation between refits; NaN where one does not vary."""
    found = [spearman(a, b) for k, a in enumerate(refits) for b in refits[k + 1 :]]
    return float(np.mean(found)) if found else math.nan


def plot(
    path: Path, uplift: npt.ArrayLike, treatment: npt.ArrayLike, outcome: npt.ArrayLike, *, unit: str = ""
) -> Path:
    """Draw the uplift curve beside a random order's, and predicted beside observed uplift by decile, into ``path``.

    Args:
        path: A file ending in .png, .svg or .pdf.
        uplift: Predicted uplift, (n,).
        treatment: 0/1, (n,).
        outcome: (n,).
        unit: Of the outcome, for the axis.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curve, table = uplift_curve(uplift, treatment, outcome), deciles(uplift, treatment, outcome)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    share = np.linspace(0, 1, len(curve))
    left.plot(share, curve, label="by predicted uplift")
    left.plot([0, 1], [0, curve[-1]], linestyle="--", label="random order")
    area = qini(uplift, treatment, outcome)
    left.set(title=f"Uplift curve (Qini {area:.3g})", xlabel="share of accounts touched", ylabel=f"gain {unit}".strip())
    left.legend()
    right.errorbar(table.index, table["observed"], yerr=1.645 * table["se"], fmt="o", label="observed, 90 %")
    right.plot(table.index, table["predicted"], label="predicted")
    right.set(title="Uplift by decile", xlabel="decile, 1 = highest predicted", ylabel=f"uplift {unit}".strip())
    right.legend()
    figure.savefig(path, dpi=120)
    return path


def _checked(uplift: npt.ArrayLike, treatment: npt.ArrayLike, outcome: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    score, treated, y = (np.asarray(part, float) for part in (uplift, treatment, outcome))
    if not score.shape == treated.shape == y.shape or score.ndim != 1:
        raise BadInput(
            f"Uplift, treatment and outcome need one value a row each; got {score.shape}, {treated.shape}, {y.shape}."
        )
    if not np.isin(treated, (0, 1)).all():
        raise BadInput("A curve compares touched with untouched accounts; treatment must hold 0 and 1.")
    if not (np.isfinite(score).all() and np.isfinite(y).all()):
        raise BadInput("Uplift and outcome must be finite; drop the rows where one is missing.")
    return score, treated, y

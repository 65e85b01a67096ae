"""Weighted least squares for one coefficient, with cluster-robust errors and their correction for few clusters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from copilot.errors import BadInput
from copilot.measure.columns import Flags
from copilot.measure.effect import Effect, student_limits
from copilot.stats import Floats, Ints

RANK = 1e-10  # of the largest singular value: what lies below is collinear


@dataclass(frozen=True)
class Fit:
    """The coefficient asked for and each row's share in its error (``influence`` sums to 0 within rounding)."""

    effect: Effect
    influence: Floats
    residual: Floats


def fit(
    y: Floats,
    treated: Floats,
    others: Floats,
    *,
    weight: Floats | None = None,
    absorbed: Ints | None = None,
    cluster: Ints | None = None,
    mark: Flags | None = None,
) -> Fit:
    """Regress ``y`` on ``treated`` and ``others`` and return the coefficient of ``treated``.

    Args:
        y: Outcome, (n,), finite.
        treated: The column whose coefficient is asked for, (n,).
        others: Further columns, (n, k), with an intercept unless groups are absorbed; collinear ones may be there.
        weight: Analytic weights, (n,), positive.
        absorbed: Groups numbered from 0 whose means are taken out, (n,).
        cluster: Clusters numbered from 0, (n,); without them rows are independent (HC1, and HC2 corrected).
        mark: Rows whose cluster counts as treated, (n,); ``treated > 0`` by default.

    Raises:
        BadInput: ``treated`` does not vary once the other columns are taken out.
    """
    n = len(y)
    root = np.ones(n) if weight is None else np.sqrt(weight)
    columns = np.column_stack([y, treated, others]) if others.size else np.column_stack([y, treated])
    scale = np.sqrt(np.square(columns * root[:, None]).sum(axis=0))
    if absorbed is not None:
        columns = columns - _means(columns, absorbed, root**2)[absorbed]
    columns = columns * root[:, None]
    y_, d_, x_ = columns[:, 0], columns[:, 1], _basis(columns[:, 2:], scale[2:])
    left = d_ - x_ @ (x_.T @ d_)
    if not left @ left > 1e-12 * scale[1] ** 2:
        raise BadInput(
            "The treatment cannot be told from the periods, units or covariates: some units must change and others not."
        )
    coefficient = float(left @ y_ / (left @ left))
    residual = y_ - coefficient * d_
    residual = residual - x_ @ (x_.T @ residual)
    influence = left * residual / (left @ left)
    design = np.column_stack([left / math.sqrt(left @ left), x_])  # orthonormal: the bread is the identity
    groups = np.arange(n) if cluster is None else cluster
    # Absorbed groups that lie within clusters cost no degree of freedom (fixest's "nested").
    inside = absorbed is not None and cluster is not None and _nested(absorbed, groups)
    spent = design.shape[1] + (0 if absorbed is None else 1 if inside else int(absorbed.max()) + 1)
    taken = np.zeros(n) if absorbed is None else root**2 / np.bincount(absorbed, root**2)[absorbed]
    size = float(left @ left)
    effect = _errors(coefficient, influence, residual, (design, taken), size, groups, spent, cluster is None)
    held = np.bincount(groups, (treated > 0 if mark is None else mark).astype(float)) > 0
    effect.n, effect.clusters = n, len(held)
    effect.clusters_treated, effect.clusters_control = int(held.sum()), int((~held).sum())
    if effect.clusters_treated < 2 or (effect.clusters < 4 and cluster is not None):
        # One treated cluster, or fewer than four, fits its own mean: what is left over says nothing of its spread.
        for name in ("se_corrected", "p_corrected", "low", "high"):
            setattr(effect, name, math.nan)
        if not effect.se > 1e-9 * max(abs(coefficient), 1e-300):
            effect.se = effect.p = math.nan
    return Fit(effect, influence, residual)


def dummies(code: Ints) -> Floats:
    """Return one 0/1 column for each value but the first, (n, values − 1)."""
    found: Floats = (code[:, None] == np.arange(1, int(code.max()) + 1)).astype(float)
    return found


def _errors(
    value: float,
    influence: Floats,
    residual: Floats,
    design: tuple[Floats, Floats],
    size: float,
    groups: Ints,
    spent: int,
    alone: bool,
) -> Effect:
    n, count = len(residual), int(groups.max()) + 1
    sums = np.bincount(groups, influence)
    degrees = max(n - spent, 0)
    factor = (n / degrees if alone else (n - 1) / degrees * count / (count - 1)) if degrees else math.nan
    se = math.sqrt(float(sums @ sums) * factor)
    _, _, p = student_limits(value, se, degrees if alone else count - 1)
    shares, df = _corrected(*design, groups, count, size)
    fixed = math.sqrt(float(np.square(np.bincount(groups, shares * residual)).sum()))
    low, high, p_fixed = student_limits(value, fixed, df)
    return Effect(value, se=se, p=p, se_corrected=fixed, p_corrected=p_fixed, df=df, low=low, high=high)


def _corrected(design: Floats, taken: Floats, groups: Ints, count: int, size: float) -> tuple[Floats, float]:
    """Return each row's weight on its residual under CR2, and Satterthwaite's degrees of freedom.

    With orthonormal columns B_g of a cluster, (I − B_g B_g')^-½ B_g = B_g (I − B_g' B_g)^-½, so that only small
    matrices are decomposed however large a cluster is. Absorbed groups that lie within clusters change nothing
    (Pustejovsky & Tipton 2018, theorem 2); where rows stand alone their leverage ``taken`` is added to the row's own.
    """
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(groups[order]) > 0])
    sorted_ = design[order]
    k = design.shape[1]
    left = np.ones(len(groups))
    if len(starts) == len(groups):  # every row its own cluster: HC2, without small matrices
        left = 1 - taken[order]
        leverage = np.minimum(np.square(sorted_).sum(axis=1) + taken[order], 1 - 1e-9)
        shares = sorted_[:, 0] / np.sqrt(1 - leverage)
        across = sorted_ * shares[:, None]
    else:
        shares, across = np.empty(len(groups)), np.empty((count, k))
        for place, (start, end) in enumerate(zip(starts, np.r_[starts[1:], len(groups)], strict=True)):
            part = sorted_[start:end]
            value, vector = np.linalg.eigh(np.eye(k) - part.T @ part)
            inverse = np.where(value > RANK**0.5, 1 / np.sqrt(np.maximum(value, RANK)), 0.0)
            shares[start:end] = part @ (vector @ (inverse * vector[0]))
            across[place] = shares[start:end] @ part
    own = np.add.reduceat(np.square(shares) * left, starts)
    # The G x G matrix diag(own) − across across' has these two traces; it is never made.
    lever = np.square(across).sum(axis=1)
    trace = float(own.sum() - lever.sum())
    squared = float(own @ own - 2 * own @ lever + np.square(across.T @ across).sum())
    weights = np.empty(len(groups))
    weights[order] = shares / math.sqrt(size)
    return weights, trace**2 / squared if squared > 0 else math.nan


def _basis(columns: Floats, scale: Floats) -> Floats:
    """Return orthonormal columns that span ``columns``, of such lengths at first; collinear ones drop out."""
    if not columns.shape[1]:
        return columns
    there = np.sqrt(np.square(columns).sum(axis=0)) > RANK * scale  # what the absorbed groups explain is noise by now
    kept: Floats = columns[:, there] / scale[there]
    if not kept.shape[1]:
        return kept
    left, value, _ = np.linalg.svd(kept, full_matrices=False)
    spanned: Floats = left[:, value > RANK * value[0]]
    return spanned


def _means(columns: Floats, groups: Ints, weight: Floats) -> Floats:
    total = np.bincount(groups, weight)
    sums: Floats = np.column_stack([np.bincount(groups, column * weight) for column in columns.T])
    means: Floats = sums / total[:, None]
    return means


def _nested(inner: Ints, outer: Ints) -> bool:
    pairs = np.unique(np.column_stack([inner, outer]), axis=0)
    return len(pairs) == int(inner.max()) + 1

"""Intervals, rank statistics and folds that every model and study shares (numpy; scipy's functions late)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from copilot.errors import BadInput

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

REPLICATES = 400  # of a bootstrap standard error: its own error is then about 4 %


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence limits, all in the estimate's unit; NaN where it is not known."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        """Return the three numbers for JSON; None where one is not known."""
        shown = {"value": self.value, "low": self.low, "high": self.high}
        return {name: number if math.isfinite(number) else None for name, number in shown.items()}


NOT_KNOWN = Interval(math.nan, math.nan, math.nan)


def ranks(values: npt.ArrayLike) -> Floats:
    """Return the ranks 1 … n of ``values``; ties share their mean rank."""
    _, level, count = np.unique(np.asarray(values, float), return_inverse=True, return_counts=True)
    mean_rank: Floats = (np.cumsum(count) - (count - 1) / 2)[level]
    return mean_rank


def auc(y: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the area under the ROC curve: the chance that a positive outscores a negative, ties counting half.

    Args:
        y: 0/1 or booleans, (n,).
        score: Any finite numbers, (n,).

    Returns:
        A number from 0 to 1; NaN where one of the classes is missing.

    Raises:
        BadInput: Lengths differ, a score is not finite, or ``y`` holds anything but 0 and 1.
    """
    positive, scores = _classes(y, score)
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return math.nan
    return float((ranks(scores)[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def auc_interval(
    y: npt.ArrayLike,
    score: npt.ArrayLike,
    *,
    groups: npt.ArrayLike | None = None,
    rng: np.random.Generator,
    level: float = 0.95,
) -> Interval:
    """Return the AUC with its confidence limits on the logit scale.

    Rows are independent: DeLong, DeLong & Clarke-Pearson (1988). Rows come in ``groups`` (several renewals of an
    account): the standard error is a bootstrap's over whole groups. Where the sample shows no spread (perfect
    separation, a single account in a class) Hanley & McNeil (1982) at a slightly shrunken AUC stands in, so that few
    rows never look certain.

    Returns:
        NaN throughout where one of the classes is missing.
    """
    positive, scores = _classes(y, score)
    area = auc(positive, scores)
    if math.isnan(area):
        return NOT_KNOWN
    cluster = np.arange(len(scores)) if groups is None else np.unique(_plain(groups), return_inverse=True)[1]
    n1, n0 = len(np.unique(cluster[positive])), len(np.unique(cluster[~positive]))
    error = 0.0
    if min(n1, n0) > 1:  # one account shows no spread, though a bootstrap of the others would
        error = _delong(positive, scores) if groups is None else _bootstrap(positive, scores, cluster, rng)
    inner = (area * n1 * n0 + 0.5) / (n1 * n0 + 1)
    if not error > 0:
        error = _hanley_mcneil(inner, n1, n0)
    reach = NormalDist().inv_cdf(0.5 + level / 2) * error / (inner * (1 - inner))
    middle = math.log(inner / (1 - inner))
    low, high = (1 / (1 + math.exp(-edge)) for edge in (middle - reach, middle + reach))
    return Interval(area, min(low, area), max(high, area))


def _classes(y: npt.ArrayLike, score: npt.ArrayLike) -> tuple[npt.NDArray[np.bool_], Floats]:
    label, scores = np.asarray(y, float), np.asarray(score, float)
    if label.shape != scores.shape or label.ndim != 1:
        raise BadInput(
            f"An AUC needs one score for each outcome; got {scores.shape} scores for {label.shape} outcomes."
        )
    if not np.isin(label, (0, 1)).all() or not np.isfinite(scores).all():
        raise BadInput("An AUC needs outcomes of 0 and 1 and finite scores; drop the rows where one is missing.")
    return label == 1, scores


def _delong(positive: npt.NDArray[np.bool_], scores: Floats) -> float:
    n1, n0 = int(positive.sum()), int((~positive).sum())
    overall = ranks(scores)
    beaten = (overall[positive] - ranks(scores[positive])) / n0
    unbeaten = 1 - (overall[~positive] - ranks(scores[~positive])) / n1
    return math.sqrt(float(beaten.var(ddof=1)) / n1 + float(unbeaten.var(ddof=1)) / n0)


def _bootstrap(positive: npt.NDArray[np.bool_], scores: Floats, cluster: Ints, rng: np.random.Generator) -> float:
    order = np.argsort(scores, kind="stable")
    positive, cluster = positive[order], cluster[order]
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])
    clusters = int(cluster.max()) + 1
    share = np.full(clusters, 1 / clusters)
    areas = []
    for _ in range(REPLICATES):
        weight = rng.multinomial(clusters, share)[cluster].astype(float)
        up, down = (np.add.reduceat(weight * side, starts) for side in (positive, ~positive))
        if up.sum() > 0 and down.sum() > 0:
            areas.append(float(up @ (np.cumsum(down) - down / 2)) / (up.sum() * down.sum()))
    return float(np.std(areas, ddof=1)) if len(areas) > 1 else 0.0


def _hanley_mcneil(area: float, n1: int, n0: int) -> float:
    both_up, both_down = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (n1 - 1) * (both_up - area**2) + (n0 - 1) * (both_down - area**2)
    return math.sqrt(spread / (n1 * n0))


def standard_error(values: npt.ArrayLike, *, groups: npt.ArrayLike | None = None) -> float:
    """Return the standard error of the mean, cluster-robust (CR1) with ``groups``; NaN with fewer than two groups."""
    value = np.asarray(values, float)
    cluster = np.arange(len(value)) if groups is None else np.unique(_plain(groups), return_inverse=True)[1]
    sums = np.bincount(cluster, value - value.mean()) if len(value) else value
    if len(sums) < 2:
        return math.nan
    return math.sqrt(float(sums @ sums) * len(sums) / (len(sums) - 1)) / len(value)


def mean_interval(values: npt.ArrayLike, *, groups: npt.ArrayLike | None = None, level: float = 0.95) -> Interval:
    """Return the mean with Student limits on (groups − 1) degrees of freedom, by ``standard_error``.

    Returns:
        In the unit of ``values``; the limits are NaN with fewer than two groups.
    """
    from scipy.special import stdtrit

    value = np.asarray(values, float)
    if not len(value):
        return NOT_KNOWN
    units = len(value) if groups is None else len(np.unique(_plain(groups)))
    reach = float(stdtrit(max(units - 1, 1), 0.5 + level / 2)) * standard_error(value, groups=groups)
    mean = float(value.mean())
    return Interval(mean, mean - reach, mean + reach)


def spearman(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return Spearman's rank correlation, −1 to 1; NaN where either side does not vary."""
    a, b = ranks(first), ranks(second)
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 0 else math.nan


def qini(uplift: npt.ArrayLike, treatment: npt.ArrayLike, outcome: npt.ArrayLike) -> float:
    """Return the Qini coefficient in the form ∫₀¹ [(Y_t(φ) − Y_c(φ)·N_t(φ)/N_c(φ))/n − φ·Q(1)] dφ (MATHS §2).

    Accounts are sorted by predicted uplift, highest first. Accounts with the same prediction cannot be told apart: each
    stands with the mean of its block. The curve is 0 until the first control; the integral is the trapezoid rule's.

    Args:
        uplift: Predicted uplift, (n,).
        treatment: 0/1, (n,).
        outcome: (n,), any unit.

    Returns:
        In the outcome's unit per account; 0 for a constant prediction, positive where the order is useful; NaN without
        rows.
    """
    score, treated, y = (np.asarray(values, float) for values in (uplift, treatment, outcome))
    if not len(y):
        return math.nan
    _, block = np.unique(-score, return_inverse=True)
    size = np.bincount(block)

    def climb(values: Floats) -> Floats:
        mean: Floats = np.bincount(block, values) / size
        return np.cumsum(mean[np.sort(block)])

    n_t, n_c, y_t, y_c = (climb(values) for values in (treated, 1 - treated, y * treated, y * (1 - treated)))
    matched = np.divide(y_c * n_t, n_c, out=np.zeros_like(y_c), where=n_c > 1e-9)
    curve = np.r_[0.0, np.where(n_c > 1e-9, y_t - matched, 0.0) / len(y)]
    return float(np.trapezoid(curve, dx=1 / len(y)) - curve[-1] / 2)


@dataclass(frozen=True)
class Fold:
    """Row positions to learn from and to judge on, with the dates that separate them (None when time is not used)."""

    train: Ints
    test: Ints
    train_until: str | None = None
    test_from: str | None = None
    test_to: str | None = None

    def as_dict(self) -> dict[str, int | str | None]:
        """Return sizes and dates for a report."""
        dates = {"train_until": self.train_until, "test_from": self.test_from, "test_to": self.test_to}
        return {"n_train": len(self.train), "n_test": len(self.test), **dates}


def folds(
    groups: npt.ArrayLike,
    time: npt.ArrayLike | None,
    *,
    n: int = 5,
    embargo: timedelta | np.timedelta64 | float = 0,
    rng: np.random.Generator,
    periods: int = 2,
) -> list[Fold]:
    """Split rows for out-of-fold judgement: grouped by account and, with ``time``, forward in time (MATHS §1).

    Without ``time``: grouped K-fold, each row judged once. With it: the later half of the rows is cut into ``periods``
    blocks of dates, and within each block the accounts into ``n`` parts; a part is judged by what was learned from
    *other* accounts whose rows lie at least ``embargo`` before the block, when their labels were already known. The
    rows of the earlier half are learned from and never judged. A block with too little before it is left out; where
    none remains the split falls back to grouped K-fold, and its folds carry no dates.

    Args:
        groups: The account of each row, (n,).
        time: The date (datetime64) or period (number) each row's features look back from, (n,), or None.
        n: Parts of the accounts; fewer where there are fewer accounts.
        embargo: The label's horizon: a timedelta for dates, a number for numeric time.
        rng: Deals the accounts into parts.
        periods: Blocks of time that are judged.

    Raises:
        BadInput: Fewer than two accounts, a missing time, or an embargo in days for time in numbers.
    """
    names, account = np.unique(_plain(groups), return_inverse=True)
    parts = min(n, len(names))
    if parts < 2:
        raise BadInput("Judging a model takes rows of at least two accounts; add the history of more accounts.")
    part = (rng.permutation(len(names)) % parts)[account]
    forward = [] if time is None else list(_forward(part, parts, _clock(time), embargo, periods))
    return forward or [Fold(np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(parts)]


def _forward(part: Ints, parts: int, clock: npt.NDArray[Any], embargo: Any, periods: int) -> Iterator[Fold]:
    gap = np.timedelta64(embargo) if clock.dtype.kind == "M" and isinstance(embargo, timedelta) else embargo
    if clock.dtype.kind != "M" and isinstance(gap, timedelta | np.timedelta64):
        raise BadInput(
            "The embargo is a span of days but time holds numbers; give both as dates and days, or as numbers."
        )
    if clock.dtype.kind == "M" and isinstance(gap, int | float):
        gap = np.timedelta64(round(gap * 86_400_000_000), "us")
    ordered = np.sort(clock)
    edges = np.unique(ordered[[len(ordered) // 2 + len(ordered) * k // (2 * periods) for k in range(periods)]])
    for position, start in enumerate(edges):
        known = clock + gap <= start
        known &= clock < start
        if known.sum() < max(20, len(clock) // 10):
            continue
        block = clock >= start
        if position + 1 < len(edges):
            block &= clock < edges[position + 1]
        dates = (str(clock[known].max()), str(start), str(clock[block].max()))
        for k in range(parts):
            train, test = np.flatnonzero(known & (part != k)), np.flatnonzero(block & (part == k))
            if len(train) and len(test):
                yield Fold(train, test, *(text[:10] for text in dates))


def _clock(time: npt.ArrayLike) -> npt.NDArray[Any]:
    values = np.asarray(time)
    if values.dtype.kind in "OUS":
        try:
            values = values.astype("datetime64[us]")
        except (TypeError, ValueError):
            raise BadInput("The time of a row must be a date or a number; give a column of dates.") from None
    values = values.astype("datetime64[us]") if values.dtype.kind == "M" else values.astype(float)
    if (np.isnat(values) if values.dtype.kind == "M" else ~np.isfinite(values)).any():
        raise BadInput("A row has no time; drop such rows, or leave time out to judge by account only.")
    return values


def _plain(groups: npt.ArrayLike) -> npt.NDArray[Any]:
    values = np.asarray(groups)
    if values.dtype.kind == "O":
        text = values.astype(str)
        missing = np.isin(text, ("nan", "None", "<NA>", "NaT")) & ~np.array([isinstance(one, str) for one in values])
        values = text
    else:
        missing = values != values  # NaN and NaT are the values that differ from themselves
    if missing.any():
        raise BadInput("A row names no account; drop such rows, or leave groups out to treat each row as its own.")
    return values

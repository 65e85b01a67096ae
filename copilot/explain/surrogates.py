"""LIME for tables (Ribeiro, Singh & Guestrin 2016): around each row, a weighted ridge line through the model's answers.

For models that have no exact way. Each row gets neighbours of its own, drawn from a normal distribution with the
background's spread; near ones weigh more. A surrogate is an approximation, so each row carries its local R².
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from copilot.errors import BadInput
from copilot.explain.record import Attribution, Fidelity, Unit
from copilot.stats import Floats

Predict = Callable[[Floats], npt.ArrayLike]

NEIGHBOURS = 1_000
WIDTH = 0.75  # of the kernel, times the root of the number of features (the paper's package's choice)
REACH = 0.5  # spread of the neighbours, in standard deviations of the background
PENALTY = 1.0  # of the ridge, in weighted neighbours
ROWS_AT_ONCE = 64_000  # neighbours put to the model in one call


@dataclass(frozen=True)
class Background:
    """How the features vary: median, spread, and which hold just two values, with the share of the larger one."""

    middle: Floats
    spread: Floats
    two_valued: npt.NDArray[np.bool_]
    low: Floats
    high: Floats
    share: Floats


def lime(
    predict: Predict,
    X: Floats,
    *,
    background: Floats,
    features: tuple[str, ...],
    rng: np.random.Generator,
    neighbours: int = NEIGHBOURS,
    unit: Unit = "outcome",
) -> Attribution:
    """Return each row's local line, as contributions against the background's median row.

    A feature's contribution is slope · (value − median), so bias and contributions sum to the line's value at the row;
    ``fidelity.gap`` says how far that is from the model's at worst. Features that hold two values are drawn by their
    frequency. A missing cell stays missing in all neighbours and contributes 0.

    Args:
        predict: Takes (m, f) and gives (m,).
        X: (n, f), NaN where missing.
        background: (k, f), rows like those the model was trained on, at least two.
        features: f names.
        rng: Draws the neighbours.
        neighbours: How many a row gets.
        unit: Of what ``predict`` gives.

    Raises:
        BadInput: Shapes that do not fit, infinite values, or answers that are no finite numbers.
    """
    known = learn_background(background, X.shape[1])
    least = X.shape[1] + 2
    if neighbours < least:
        raise BadInput(
            f"A line through {X.shape[1]} features needs at least {least} neighbours; {neighbours} is too few."
        )
    if np.isinf(X).any():
        raise BadInput("The rows to explain hold infinite values; leave them empty where nothing is known.")
    told = asked(predict, X)
    values, bias, r2 = np.zeros(X.shape), np.empty(len(X)), np.empty(len(X))
    at_once = max(1, ROWS_AT_ONCE // neighbours)
    for first in range(0, len(X), at_once):
        rows = X[first : first + at_once]
        around = _neighbours(rows, known, neighbours, rng)
        answers = asked(predict, around.reshape(-1, X.shape[1])).reshape(len(rows), neighbours)
        for k, row in enumerate(rows):
            values[first + k], bias[first + k], r2[first + k] = _line(row, around[k], answers[k], known)
    gap = float(np.abs(bias + values.sum(axis=1) - told).max(initial=0.0))
    fidelity = Fidelity("local R²", float(r2.mean()) if len(r2) else float("nan"), r2, gap)
    return Attribution("lime", values, bias, features, unit, fidelity)


def learn_background(rows: Floats, width: int) -> Background:
    """Learn how the features vary.

    Raises:
        BadInput: Fewer than two rows, another number of columns, or infinite values.
    """
    if rows.ndim != 2 or rows.shape[1] != width or len(rows) < 2:
        raise BadInput(
            f"The background must be at least two rows of {width} columns like those the model was trained on; "
            f"it has the shape {rows.shape}."
        )
    if np.isinf(rows).any():
        raise BadInput("The background holds infinite values; leave them empty where nothing is known.")
    empty = np.isnan(rows).all(axis=0)
    filled = np.where(empty, 0.0, rows)
    low, high = np.nanmin(filled, axis=0), np.nanmax(filled, axis=0)
    two = (((filled == low) | (filled == high)) | np.isnan(filled)).all(axis=0) & (high > low)
    share = np.nanmean(filled == high, axis=0)
    return Background(np.nanmedian(filled, axis=0), np.nanstd(filled, axis=0), two, low, high, share)


def asked(predict: Predict, X: Floats) -> Floats:
    """Return the model's answers, (n,).

    Raises:
        BadInput: They are not one finite number a row.
    """
    if not len(X):
        return np.zeros(0)
    told = np.asarray(predict(X), float)
    if told.shape == (len(X), 1):
        told = told[:, 0]
    if told.shape != (len(X),):
        raise BadInput(f"The model must give one number a row; for {len(X)} rows it gave the shape {told.shape}.")
    if not np.isfinite(told).all():
        raise BadInput("The model gave answers that are not finite numbers; a surrogate cannot follow them.")
    return told


def ridge(Z: Floats, y: Floats, weight: Floats, penalty: float = PENALTY) -> tuple[Floats, float, float]:
    """Return slopes, level and weighted R² of a ridge regression; R² is 1 where the answers do not vary."""
    total = float(weight.sum())
    centre, level = weight @ Z / total, float(weight @ y) / total
    moved, aim = Z - centre, y - level
    weighted = moved * weight[:, None]
    slopes = np.asarray(np.linalg.solve(weighted.T @ moved + penalty * np.eye(Z.shape[1]), weighted.T @ aim), float)
    spread = float(weight @ aim**2)
    rest = float(weight @ (aim - moved @ slopes) ** 2)
    r2 = 1 - rest / spread if spread > 1e-12 * max(1.0, level**2) * total else 1.0
    return slopes, level - float(centre @ slopes), r2


def _neighbours(rows: Floats, known: Background, count: int, rng: np.random.Generator) -> Floats:
    """Draw (rows, count, f); the first neighbour is the row itself."""
    shape = (len(rows), count, rows.shape[1])
    around = rows[:, None, :] + REACH * known.spread * rng.standard_normal(shape)
    flips = rng.random((len(rows), count, int(known.two_valued.sum()))) < known.share[known.two_valued]
    drawn = np.where(flips, known.high[known.two_valued], known.low[known.two_valued])
    around[:, :, known.two_valued] = np.where(np.isnan(rows[:, None, known.two_valued]), np.nan, drawn)
    around[:, 0] = rows
    return np.asarray(around, float)


def _line(row: Floats, around: Floats, answers: Floats, known: Background) -> tuple[Floats, float, float]:
    """Return contributions, bias and R² of the line around one row."""
    free = ~np.isnan(row) & (known.spread > 0)
    scale = known.spread[free]
    Z = (around[:, free] - row[free]) / scale
    width = WIDTH * np.sqrt(max(1, int(free.sum())))
    weight = np.exp(-(Z**2).sum(axis=1) / width**2)
    slopes, level, r2 = ridge(Z, answers, weight)
    shares = np.zeros(len(row))
    shares[free] = slopes * (row[free] - known.middle[free]) / scale
    return shares, level - float(shares.sum()), r2

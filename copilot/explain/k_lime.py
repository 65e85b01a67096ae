"""K-LIME (Hall et al. 2017): the rows in clusters, one ridge line through the model's answers in each.

Cheaper than LIME (a few lines explain a whole book) and steadier, since neighbours are real rows; coarser within a
cluster. The number of clusters is the one whose lines predict the model best on rows that were not used to fit them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from copilot.errors import BadInput
from copilot.explain.record import Attribution, Fidelity, Unit
from copilot.explain.surrogates import Background, Predict, asked, learn_background, ridge
from copilot.stats import Floats, Ints

COUNTS = (1, 2, 4, 8, 16)  # clusters tried
LEAST_ROWS = 3  # a feature, in a cluster with a line of its own; a smaller one takes the line through all rows
WORTH = 0.005  # of R²: more clusters must gain at least this


@dataclass(frozen=True)
class _Lines:
    """Cluster centres (k, f) in standard deviations, and each cluster's slopes (k, f), level (k,) and R² (k,)."""

    centres: Floats
    slopes: Floats
    levels: Floats
    r2: Floats

    def nearest(self, Z: Floats) -> Ints:
        apart = (self.centres**2).sum(axis=1) - 2 * Z @ self.centres.T
        return np.asarray(apart.argmin(axis=1), np.intp)

    def predict(self, Z: Floats) -> Floats:
        place = self.nearest(Z)
        return np.asarray(self.levels[place] + (Z * self.slopes[place]).sum(axis=1), float)


def k_lime(
    predict: Predict,
    X: Floats,
    *,
    background: Floats,
    features: tuple[str, ...],
    rng: np.random.Generator,
    clusters: int | None = None,
    unit: Unit = "outcome",
) -> Attribution:
    """Return each row's contributions by the line of its cluster, against the background's median row.

    Missing cells count as the median and contribute 0. ``fidelity.by_row`` is the R² of the row's cluster on the
    background; ``fidelity.gap`` the largest distance between line and model over ``X``.

    Args:
        predict: Takes (m, f) and gives (m,).
        X: (n, f), NaN where missing.
        background: (k, f), rows like those the model was trained on, at least 20.
        features: f names.
        rng: Splits the background and starts the clusters.
        clusters: How many; by default the best of 1, 2, 4, 8 and 16 on held rows.
        unit: Of what ``predict`` gives.

    Raises:
        BadInput: Shapes that do not fit, infinite values, too few rows, or answers that are no finite numbers.
    """
    known = learn_background(background, X.shape[1])
    if np.isinf(X).any():
        raise BadInput("The rows to explain hold infinite values; leave them empty where nothing is known.")
    if len(background) < 20 or (clusters is not None and not 1 <= clusters <= len(background) // 2):
        raise BadInput(
            f"K-LIME needs at least 20 background rows and two a cluster; {len(background)} rows and "
            f"{clusters or 'no number of'} clusters were given."
        )
    Z, answers = _scaled(background, known), asked(predict, background)
    count = clusters or _best_count(Z, answers, rng)
    lines = _fit(Z, answers, count, rng)
    own, told = _scaled(X, known), asked(predict, X)
    place = lines.nearest(own)
    values = np.where(np.isnan(X), 0.0, own * lines.slopes[place])
    bias = lines.levels[place]
    gap = float(np.abs(bias + values.sum(axis=1) - told).max(initial=0.0))
    by_row = lines.r2[place]
    mean = float(by_row.mean()) if len(by_row) else float("nan")
    note = f"{len(lines.levels)} clusters, each with a line of its own."
    return Attribution("k-lime", values, bias, features, unit, Fidelity("local R²", mean, by_row, gap), (note,))


def _scaled(X: Floats, known: Background) -> Floats:
    """Return distances from the median in standard deviations, 0 where missing or constant."""
    spread = np.where(known.spread > 0, known.spread, 1.0)
    moved = np.where(known.spread > 0, (X - known.middle) / spread, 0.0)
    return np.asarray(np.nan_to_num(moved, nan=0.0), float)


def _best_count(Z: Floats, answers: Floats, rng: np.random.Generator) -> int:
    order = rng.permutation(len(Z))
    learn, held = order[len(Z) // 3 :], order[: len(Z) // 3]
    spread = float(((answers[held] - answers[learn].mean()) ** 2).sum())
    best, most = 1, -np.inf
    for count in (count for count in COUNTS if count == 1 or count * LEAST_ROWS * Z.shape[1] <= len(learn)):
        rest = float(((answers[held] - _fit(Z[learn], answers[learn], count, rng).predict(Z[held])) ** 2).sum())
        r2 = 1 - rest / spread if spread > 0 else 1.0
        if r2 > most + WORTH:
            best, most = count, r2
    return best


def _fit(Z: Floats, answers: Floats, count: int, rng: np.random.Generator) -> _Lines:
    from sklearn.cluster import KMeans

    if count == 1:
        centres, place = Z.mean(axis=0, keepdims=True), np.zeros(len(Z), np.intp)
    else:
        found = KMeans(count, n_init=3, random_state=int(rng.integers(2**31))).fit(Z)
        used, place = np.unique(found.labels_, return_inverse=True)
        centres = np.asarray(found.cluster_centers_, float)[used]
    everyone = ridge(Z, answers, np.ones(len(Z)))
    slopes, levels, r2 = np.empty(centres.shape), np.empty(len(centres)), np.empty(len(centres))
    for k in range(len(centres)):
        own = place == k
        enough = own.sum() >= LEAST_ROWS * Z.shape[1]
        slopes[k], levels[k], r2[k] = ridge(Z[own], answers[own], np.ones(int(own.sum()))) if enough else everyone
    return _Lines(centres, slopes, levels, r2)

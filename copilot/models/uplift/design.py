"""Numbers for linear models and networks: gaps filled and flagged, outliers held in, one scale, bends where wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from copilot.stats import Floats, Ints

REACH = 4.0  # standard deviations beyond which a value counts as that far and no farther
KNOTS = (0.2, 0.4, 0.6, 0.8)
LEAST_DISTINCT = 6  # values a column needs before it may bend


@dataclass(frozen=True)
class Design:
    """A fixed map from encoded rows to a standardised matrix.

    Attributes:
        middle, spread: (p,) each: a missing value becomes the mean, a present one is counted in standard deviations.
        flagged: The columns that had gaps; each brings an indicator of its gap.
        bent, knots: Column and place of each hinge max(0, z − knot).
        mean, scale: (q,) each, of the final columns.
    """

    middle: Floats
    spread: Floats
    flagged: Ints
    bent: Ints
    knots: Floats
    mean: Floats
    scale: Floats

    @property
    def origin(self) -> Ints:
        """Return for each final column the encoded column it is made of."""
        return np.concatenate([np.arange(len(self.middle)), self.flagged, self.bent])

    def rows(self, X: Floats) -> Floats:
        """Return the (n, q) matrix of ``X``, (n, p)."""
        found = self._raw(X)
        found -= self.mean
        found /= self.scale
        return found

    def _raw(self, X: Floats) -> Floats:
        gaps = np.isnan(X)
        z = np.clip((np.where(gaps, self.middle, X) - self.middle) / self.spread, -REACH, REACH)
        hinges = np.maximum(z[:, self.bent] - self.knots, 0)
        return np.hstack([z, gaps[:, self.flagged].astype(float), hinges])

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what ``from_arrays`` needs."""
        return {name: getattr(self, name) for name in FIELDS}


FIELDS = ("middle", "spread", "flagged", "bent", "knots", "mean", "scale")


def learn(X: Floats, weight: Floats, *, bends: bool) -> Design:
    """Learn the map from rows ``X`` (n, p) with non-negative weights (n,); ``bends`` adds hinges at four quantiles."""
    gaps = np.isnan(X)
    present = np.where(gaps, 0.0, weight[:, None])
    total = present.sum(axis=0)
    some = total > 0
    filled = np.where(gaps, 0.0, X)
    middle = np.divide((present * filled).sum(axis=0), total, out=np.zeros(X.shape[1]), where=some)
    variance = np.divide((present * (filled - middle) ** 2).sum(axis=0), total, out=np.zeros(X.shape[1]), where=some)
    spread = np.sqrt(variance)
    # A column without spread says nothing; a huge unit keeps what differs later from counting either.
    spread = np.where(spread > 1e-9 * np.maximum(1.0, np.abs(middle)), spread, np.inf)
    bent, knots = _bends(X, middle, spread) if bends else ([], [])
    flagged = np.flatnonzero(gaps.any(axis=0) & ~gaps.all(axis=0))
    draft = Design(middle, spread, flagged, np.array(bent, dtype=np.intp), np.array(knots, dtype=float),
                   np.zeros(1), np.ones(1))  # fmt: skip
    raw = draft._raw(X)
    mean = weight @ raw / weight.sum()
    raw -= mean
    scale = np.sqrt(np.einsum("i,ij,ij->j", weight, raw, raw) / weight.sum())
    return Design(middle, spread, flagged, draft.bent, draft.knots, mean, np.where(scale > 1e-6, scale, np.inf))


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Design:
    """Put a saved map together again."""
    return Design(**{name: arrays[name] for name in FIELDS})


def _bends(X: Floats, middle: Floats, spread: Floats) -> tuple[list[int], list[float]]:
    bent: list[int] = []
    knots: list[float] = []
    for column in np.flatnonzero(np.isfinite(spread)):
        z = np.clip((X[:, column] - middle[column]) / spread[column], -REACH, REACH)
        z = z[~np.isnan(z)]
        if len(np.unique(z)) < LEAST_DISTINCT:
            continue
        places = np.unique(np.quantile(z, KNOTS))
        places = places[(places > z.min()) & (places < z.max())]
        bent += [int(column)] * len(places)
        knots += [float(place) for place in places]
    return bent, knots

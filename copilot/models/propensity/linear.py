"""A ridge logistic regression whose shrinkage is learned from the data (empirical Bayes), with features on log scales.

Sales counts and amounts act by their ratios (hires against employees), which is a straight line in logarithms; trees
need many rows to draw it. The coefficients have a normal prior with one variance, set by MacKay's fixed point of the
Laplace evidence: no folds and no grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from copilot.models.boosting import Features
from copilot.stats import Floats, Ints

SKEWED = 1.0  # columns at least so skewed are read in logarithms
REACH = 4.0  # standard deviations beyond which a value says no more
FEW, MOST = 0.01, 0.99  # shares of empty cells between which emptiness gets a flag of its own
FREE = 1e4  # prior variance of an intercept
LEAST_VARIANCE, MOST_VARIANCE = 1e-6, 4.0
STEPS, ROUNDS = 25, 12
MOST_ROWS = 20_000  # rows that are enough to set the variance by


@dataclass(frozen=True)
class Scaling:
    """How columns become standardised terms: log scale where skewed, empty cells at the mean with a flag.

    Arrays are (columns,) but ``flagged``, the positions of the columns whose emptiness is a term; ``bent`` adds each
    column's part above its mean as a term of its own.
    """

    unit: Floats  # of the logarithm; 0 for columns read plainly
    centre: Floats
    scale: Floats
    flagged: Ints
    bent: bool

    @classmethod
    def fit(cls, X: Features, *, bent: bool) -> Scaling:
        """Read the scales off a table (n, columns); NaN allowed."""
        table = X.astype(np.float64)
        empty = np.isnan(table)
        unit = np.array([_log_unit(column[~gone]) for column, gone in zip(table.T, empty.T, strict=True)])
        table = _logged(table, unit)
        count = np.maximum((~empty).sum(axis=0), 1)
        centre = np.where(empty, 0, table).sum(axis=0) / count
        spread = np.sqrt(np.where(empty, 0, (table - centre) ** 2).sum(axis=0) / count)
        share = empty.mean(axis=0) if len(X) else np.zeros(X.shape[1])
        some = np.flatnonzero((share > FEW) & (share < MOST))
        _, first = np.unique(empty[:, some], axis=1, return_index=True)  # tables that are empty together share a flag
        return cls(unit, centre, np.where(spread > 1e-9, spread, np.inf), np.sort(some[first]), bent)

    def terms(self, X: Features) -> Floats:
        """Return the standardised terms, (n, terms), without a missing value."""
        table = X.astype(np.float64)
        z = np.clip((_logged(table, self.unit) - self.centre) / self.scale, -REACH, REACH)
        z = np.where(np.isnan(z), 0.0, z)
        parts = [z, np.isnan(table[:, self.flagged]).astype(np.float64)]
        if self.bent:
            parts.append(np.maximum(z, 0))
        found: Floats = np.concatenate(parts, axis=1)
        return found


@dataclass(frozen=True)
class Linear:
    """A fitted logistic regression: ``beta`` is (1 + terms,), the intercept first."""

    scaling: Scaling
    beta: Floats

    @classmethod
    def fit(cls, X: Features, y: Floats, *, bent: bool = False) -> Linear:
        """Fit outcomes 0/1 to a table (n, columns).

        Args:
            X: NaN allowed.
            y: (n,).
            bent: Whether each column's slope may change at its mean; for tables of few columns.
        """
        scaling = Scaling.fit(X, bent=bent)
        Z = with_intercept(scaling.terms(X))
        variance = _variance(Z, y)
        beta, _ = posterior(Z, y, np.zeros(len(y)), np.r_[FREE, np.full(Z.shape[1] - 1, variance)])
        return cls(scaling, beta)

    def margin(self, X: Features) -> Floats:
        """Return the log-odds, (n,)."""
        found: Floats = with_intercept(self.scaling.terms(X)) @ self.beta
        return found

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return what the model consists of."""
        part = self.scaling
        flagged = np.asarray(part.flagged, np.int64)
        return {"unit": part.unit, "centre": part.centre, "scale": part.scale, "flagged": flagged, "beta": self.beta}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[np.generic]]) -> Linear:
        """Put a saved model together again; the number of its coefficients tells whether it is bent."""
        columns, flags = len(arrays["unit"]), len(arrays["flagged"])
        bent = len(arrays["beta"]) == 1 + 2 * columns + flags and columns > 0
        kept = {name: np.asarray(arrays[name], np.float64) for name in ("unit", "centre", "scale", "beta")}
        scaling = Scaling(kept["unit"], kept["centre"], kept["scale"], np.asarray(arrays["flagged"], np.intp), bent)
        return cls(scaling, kept["beta"])


def with_intercept(Z: Floats) -> Floats:
    """Put a column of ones first."""
    return np.concatenate([np.ones((len(Z), 1)), Z], axis=1)


def chance(margin: Floats) -> Floats:
    """Return 1 / (1 + e^-margin), written so that no margin overflows."""
    found: Floats = 0.5 * (1 + np.tanh(0.5 * margin))
    return found


def log_odds(p: Floats) -> Floats:
    """Return ln(p / (1 - p)), with p held inside 1e-6 of 0 and 1."""
    held = np.clip(p, 1e-6, 1 - 1e-6)
    found: Floats = np.log(held) - np.log1p(-held)
    return found


def posterior(
    Z: Floats, y: Floats, offset: Floats, variance: Floats, start: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the mode and the Laplace variances of logistic coefficients with independent normal priors.

    Args:
        Z: (n, terms).
        y: 0/1, (n,).
        offset: Log-odds that are given, (n,).
        variance: Prior variances, (terms,).
        start: Where Newton's method begins; 0 by default.

    Returns:
        Mode and posterior variances, each (terms,).
    """
    beta, precision = np.zeros(Z.shape[1]) if start is None else start.copy(), 1 / variance
    loss = _loss(Z, y, offset, beta, precision)
    for _ in range(STEPS):
        p = chance(offset + Z @ beta)
        gradient = Z.T @ (p - y) + precision * beta
        hessian = (Z * (p * (1 - p))[:, None]).T @ Z + np.diag(precision)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-4 and _loss(Z, y, offset, beta - size * step, precision) > loss:
            size /= 2
        beta = beta - size * step
        gain, loss = loss - (now := _loss(Z, y, offset, beta, precision)), now
        if gain < 1e-6 * (1 + abs(loss)):
            break
    p = chance(offset + Z @ beta)
    hessian = (Z * (p * (1 - p))[:, None]).T @ Z + np.diag(precision)
    return beta, np.diag(np.linalg.inv(hessian))


def next_variance(beta: Floats, spread: Floats, variance: float) -> float:
    """Return MacKay's next prior variance: the squared coefficients over how many of them the data determine."""
    determined = max(len(beta) - float(spread.sum()) / variance, 1e-3)
    return float(np.clip(beta @ beta / determined, LEAST_VARIANCE, MOST_VARIANCE))


def _variance(Z: Floats, y: Floats) -> float:
    if Z.shape[1] == 1:
        return LEAST_VARIANCE
    step = -(-len(y) // MOST_ROWS)
    Z, y = Z[::step], y[::step]
    variance, beta = 0.05, np.zeros(Z.shape[1])
    for _ in range(ROUNDS):
        beta, spread = posterior(Z, y, np.zeros(len(y)), np.r_[FREE, np.full(Z.shape[1] - 1, variance)], beta)
        fresh = next_variance(beta[1:], spread[1:], variance)
        if abs(np.log(fresh / variance)) < 0.05:
            return fresh
        variance = fresh
    return variance


def _loss(Z: Floats, y: Floats, offset: Floats, beta: Floats, precision: Floats) -> float:
    margin = offset + Z @ beta
    return float(np.logaddexp(0, margin).sum() - y @ margin + 0.5 * (precision * beta) @ beta)


def _log_unit(values: Floats) -> float:
    """Return the unit of a column's logarithm, its 5th percentile above 0; 0 where it may be read plainly."""
    spread = float(values.std()) if len(values) else 0.0
    if spread < 1e-9 or len(np.unique(values)) < 3:
        return 0.0
    skewed = float(np.mean(((values - values.mean()) / spread) ** 3))
    size = np.abs(values)
    return float(np.quantile(size[size > 0], 0.05)) if abs(skewed) > SKEWED else 0.0


def _logged(table: Floats, unit: Floats) -> Floats:
    told: Floats = np.sign(table) * np.log1p(np.abs(table) / np.where(unit > 0, unit, 1.0))
    return np.where(unit > 0, told, table)

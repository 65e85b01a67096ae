"""Partial pooling (002): small regions borrow from the global model, large ones go their own way.

For a row of region r the log-odds are the global margin plus a deviation,

    logit p = m + a_r + b_r·(m - mean m)/sd m + z·d_r,    a_r ~ N(0, s_a²), b_r ~ N(0, s_b²), d_r ~ N(0, s_d² I),

with z the standardised terms of the global line. The three variances are shared by all regions and set by empirical
Bayes (MacKay's fixed point of the Laplace evidence), so that the data say how much regions differ; each region's
deviation is then its posterior mode. A region with few rows stays at the global model, one never seen is the global
model. The margins must be out of fold: a margin that has seen its own row leaves nothing to deviate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.models.propensity.linear import next_variance, posterior
from copilot.stats import Floats

ROUNDS = 15
MOST_ROWS = 20_000  # of one region: its deviation is known well enough from so many
START = {"level": 0.05, "slope": 0.02, "terms": 0.01}


@dataclass(frozen=True)
class Pool:
    """Deviations by region.

    Attributes:
        column: The column that names the region.
        names: The regions, in the order of ``effects``.
        effects: (regions, 2 + terms): level, slope of the margin, and each term's own.
        centre: Mean of the margins it was fitted on.
        scale: Their standard deviation.
        variances: The prior variances, by kind of deviation.
        rows: How many rows each region was fitted on.
    """

    column: str
    names: tuple[str, ...]
    effects: Floats
    centre: float
    scale: float
    variances: Mapping[str, float]
    rows: tuple[int, ...]

    @classmethod
    def fit(
        cls, column: str, region: npt.NDArray[Any], margin: Floats, Z: Floats, y: Floats, *, terms: bool = True
    ) -> Pool:
        """Fit the deviations.

        Args:
            column: What the region's column is called.
            region: Its name on each row, (n,); None where unknown.
            margin: The global model's log-odds, out of fold, (n,).
            Z: The standardised terms of the global line, (n, terms).
            y: 0/1, (n,).
            terms: Whether each term may have a weight of its own in a region, or only level and slope deviate.
        """
        Z = Z if terms else Z[:, :0]
        names = tuple(sorted({str(name) for name in region if name is not None}))
        centre, scale = float(margin.mean()), max(float(margin.std()), 1e-6)
        kind = np.array(["level", "slope"] + ["terms"] * Z.shape[1])
        full = np.concatenate([np.ones((len(y), 1)), ((margin - centre) / scale)[:, None], Z], axis=1)
        parts = [np.flatnonzero(region == name) for name in names]
        rows = tuple(len(part) for part in parts)
        parts = [part[:: -(-len(part) // MOST_ROWS)] for part in parts]
        variances = {name: START[name] for name in START if (kind == name).any()}
        effects, spread = np.zeros((len(names), len(kind))), np.zeros((len(names), len(kind)))
        for _ in range(ROUNDS):
            prior = np.array([variances[name] for name in kind])
            for r, part in enumerate(parts):
                effects[r], spread[r] = posterior(full[part], y[part], margin[part], prior, effects[r])
            before = dict(variances)
            for name in variances:
                inside = kind == name
                variances[name] = next_variance(effects[:, inside].ravel(), spread[:, inside].ravel(), variances[name])
            if all(abs(np.log(variances[name] / before[name])) < 0.05 for name in variances):
                break
        return cls(column, names, effects, centre, scale, variances, rows)

    def margin(self, region: npt.NDArray[Any], margin: Floats, Z: Floats) -> Floats:
        """Return the pooled log-odds; rows of an unknown region keep the global margin."""
        place = {name: r for r, name in enumerate(self.names)}
        which = np.array([place.get(name, -1) for name in region], np.intp)
        effects = np.concatenate([self.effects, np.zeros((1, self.effects.shape[1]))])[which]
        deviation = (margin - self.centre) / self.scale
        found: Floats = margin + effects[:, 0] + effects[:, 1] * deviation
        if effects.shape[1] > 2:
            found = found + np.einsum("nt,nt->n", effects[:, 2:], Z)
        return found

    def as_state(self) -> dict[str, Any]:
        """Return all but the effects in JSON's own types."""
        return {
            "column": self.column, "names": list(self.names), "centre": self.centre, "scale": self.scale,
            "variances": dict(self.variances), "rows": list(self.rows),
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any], effects: Floats) -> Pool:
        """Put a saved pool together again."""
        kept = {name: tuple(state[name]) for name in ("names", "rows")}
        return cls(state["column"], effects=effects, centre=state["centre"], scale=state["scale"],
                   variances=dict(state["variances"]), **kept)  # fmt: skip


def regions(column: pd.Series) -> npt.NDArray[Any]:
    """Return the region of each row as text, None where the cell is empty."""
    return np.array([None if gone else _name(v) for v, gone in zip(column, column.isna(), strict=True)], object)


def _name(value: Any) -> str:
    """Return a value as text; 3.0 reads as 3, so that a column of whole numbers does not depend on its type."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

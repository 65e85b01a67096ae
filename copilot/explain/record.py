"""What every way of attribution answers with: contributions, what they start from, and how far to believe them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.stats import Floats

Method = Literal["exact", "gradients", "lime", "k-lime", "rules", "foreign"]
Unit = Literal["margin", "probability", "money", "outcome"]
Measure = Literal["local accuracy", "local R²", "agreement", "not checked"]


@dataclass(frozen=True)
class Fidelity:
    """How well the contributions stand for the model.

    Attributes:
        measure: "local accuracy" (each sum is the prediction, checked), "local R²" (a surrogate's, on what it was
            fitted to), "agreement" (share of rows that rules put on the model's side), "not checked" (foreign
            contributions that came without a score).
        value: The mean over rows; 1 where local accuracy holds in every row, NaN where nothing could be checked.
        by_row: (n,), the same row by row.
        gap: The largest |bias + contributions − prediction|, in the attribution's unit; NaN where not checked.
    """

    measure: Measure
    value: float
    by_row: Floats
    gap: float


@dataclass(frozen=True)
class Attribution:
    """How much each feature moves each prediction.

    Attributes:
        method: How they were found.
        values: (n, f), in ``unit``; positive pushes up.
        bias: (n,), what a prediction starts from; a row's bias and values sum to ``total``.
        features: f names, in the order of the columns.
        unit: "margin" (log-odds of a classifier), "probability", "money", or "outcome" (what the model was fitted to).
        fidelity: How far they are to be believed.
        notes: What was done that the caller should know, one sentence each.
    """

    method: Method
    values: Floats
    bias: Floats
    features: tuple[str, ...]
    unit: Unit
    fidelity: Fidelity
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together, or that hold no numbers."""
        rows, width = self.values.shape
        if self.bias.shape != (rows,) or width != len(self.features):
            raise BadInput(
                f"Contributions of shape {self.values.shape} do not fit {len(self.features)} features and "
                f"{self.bias.shape[0]} base values."
            )
        if not (np.isfinite(self.values).all() and np.isfinite(self.bias).all()):
            raise BadInput("Some contributions are not finite numbers; look for infinite values in the rows.")

    @property
    def total(self) -> Floats:
        """Return (n,), what the contributions add up to."""
        return np.asarray(self.bias + self.values.sum(axis=1), float)

    def frame(self, index: pd.Index | None = None) -> pd.DataFrame:
        """Return the contributions with one column a feature."""
        return pd.DataFrame(self.values, columns=list(self.features), index=index)


def local_accuracy(total: Floats, predicted: Floats, *, tolerance: float, what: str) -> Fidelity:
    """Return the fidelity of contributions that claim to be exact.

    Args:
        total: (n,), what they add up to.
        predicted: (n,), what the model says.
        tolerance: The largest gap, relative to the largest |prediction| or 1.
        what: What they are called in the error.

    Raises:
        BadInput: A row's contributions do not add up to its prediction.
    """
    gaps = np.abs(total - predicted)
    gap = float(gaps.max(initial=0.0))
    limit = tolerance * max(1.0, float(np.abs(predicted).max(initial=0.0)))
    if not gap <= limit:
        worst = int(np.nanargmax(np.where(np.isfinite(gaps), gaps, np.inf)))
        raise BadInput(
            f"The {what} of row {worst + 1} sum to {total[worst]:.6g} but the model says {predicted[worst]:.6g}, so "
            "they are not shown; explain this model by method='lime' instead."
        )
    return Fidelity("local accuracy", 1.0, np.ones(len(total)), gap)

"""Calibration: the log-odds of a model become chances that come true; and the figures that show it.

Platt's line where either outcome is rare, isotonic regression where both are plenty. Isotonic steps would tie accounts
that the model can order, so a twentieth of Platt's curve is mixed in: the order of the log-odds is kept exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from copilot.models.propensity.linear import chance, posterior
from copilot.stats import Floats

PLENTY = 1_000  # rows of the rarer outcome from which steps are learned well
PLATT_SHARE = 0.05
STEEP = 100.0  # prior variance of Platt's line: free, but finite where the outcomes are separated
BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Platt's ``level`` and ``slope`` and, where outcomes are plenty, isotonic knots (``at``, ``heights``)."""

    level: float
    slope: float
    at: Floats
    heights: Floats

    @classmethod
    def fit(cls, margin: Floats, y: Floats) -> Calibration:
        """Fit to log-odds and outcomes 0/1 that are out of fold, (n,)."""
        Z = np.column_stack([np.ones(len(y)), margin])
        # Platt's targets: a rare outcome that never happened here is not impossible.
        up = y.sum()
        target = np.where(y == 1, (up + 1) / (up + 2), 1 / (len(y) - up + 2))
        (level, slope), _ = posterior(Z, target, np.zeros(len(y)), np.full(2, STEEP))
        slope = max(float(slope), 0.05)  # an order is never turned round here
        none = np.zeros(0)
        if min(up, len(y) - up) < PLENTY:
            return cls(float(level), slope, none, none)
        from sklearn.isotonic import IsotonicRegression

        steps = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(margin, y)
        return cls(float(level), slope, np.asarray(steps.X_thresholds_, float), np.asarray(steps.y_thresholds_, float))

    @property
    def method(self) -> str:
        """Which of the two it is."""
        return "isotonic" if len(self.at) else "Platt"

    def chance(self, margin: Floats) -> Floats:
        """Return calibrated probabilities, (n,), strictly rising with the log-odds."""
        line = chance(self.level + self.slope * margin)
        if not len(self.at):
            return line
        found: Floats = (1 - PLATT_SHARE) * np.interp(margin, self.at, self.heights) + PLATT_SHARE * line
        return found

    def as_state(self) -> dict[str, Any]:
        """Return the line in JSON's own types; the knots are arrays."""
        return {"level": self.level, "slope": self.slope}

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return the knots."""
        return {"at": self.at, "heights": self.heights}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], at: Floats, heights: Floats) -> Calibration:
        """Put a saved calibration together again."""
        return cls(state["level"], state["slope"], at, heights)


def reliability(y: Floats, p: Floats, *, bins: int = BINS) -> list[dict[str, float]]:
    """Return the reliability table: bins of about equally many rows by predicted chance.

    Returns:
        One row a bin: ``n``, ``predicted`` and ``observed`` (means).
    """
    parts = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    return [{"n": len(part), "predicted": float(p[part].mean()), "observed": float(y[part].mean())} for part in parts]


def expected_error(table: list[dict[str, float]]) -> float:
    """Return the expected calibration error: the mean distance of predicted and observed, weighted by rows."""
    n = sum(row["n"] for row in table)
    return sum(row["n"] * abs(row["predicted"] - row["observed"]) for row in table) / n

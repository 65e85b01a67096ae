"""The working scale on which a measure moves evenly: logit for shares, logarithm for amounts, plain otherwise.

A median keeps its place under a rising map, so the median forecast of the working scale is the median forecast of the
measure itself: the one with the least mean absolute error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from copilot.models.engagement.panel import Bounds
from copilot.stats import Floats

Kind = Literal["logit", "log", "plain"]
EDGE = 0.0025  # of the range: nearer to a limit a share counts as this near
INFLATED = 0.02  # values exactly at a limit beyond this share are events of their own, not extreme levels
INNER = 0.05
ENDLESS = float(np.finfo(float).max)  # JSON knows no infinity


@dataclass(frozen=True)
class Scale:
    """A map to the working scale, centred and of unit spread.

    ``low`` and ``high`` are the limits (of a logarithm only the first counts), ``unit`` what a logarithm counts in.
    With ``inflated`` a value exactly at a limit says nothing about the level and is unknown on the working scale.
    """

    kind: Kind
    low: float
    high: float
    unit: float
    centre: float
    width: float
    inflated: bool = False

    def work(self, values: Floats) -> Floats:
        """Return ``values`` on the working scale, NaN where unknown."""
        found = (self._bend(values) - self.centre) / self.width
        return np.where((values <= self.low) | (values >= self.high), np.nan, found) if self.inflated else found

    def back(self, working: Floats) -> Floats:
        """Return the measure's own values."""
        bent = working * self.width + self.centre
        if self.kind == "logit":
            found: Floats = self.low + (self.high - self.low) * 0.5 * (1 + np.tanh(0.5 * bent))
            return found
        return self.low + self.unit * np.expm1(np.minimum(bent, 600)) if self.kind == "log" else bent

    def _bend(self, values: Floats) -> Floats:
        if self.kind == "plain":
            return values
        if self.kind == "log":
            logged: Floats = np.log1p(np.maximum(values - self.low, 0) / self.unit)
            return logged
        share = np.clip((values - self.low) / (self.high - self.low), EDGE, 1 - EDGE)
        odds: Floats = np.log(share / (1 - share))
        return odds

    def as_dict(self) -> dict[str, Any]:
        """Return the parts for JSON."""
        return dict(self.__dict__)


def of_measure(values: Floats, bounds: Bounds) -> Scale:
    """Return the scale of a measure with known bounds, from its values (NaN ignored)."""
    low, high = bounds
    known = values[~np.isnan(values)]
    if low is not None and high is not None:
        share = (known - low) / (high - low)
        if np.mean((share >= INNER) & (share <= 1 - INNER)) >= 0.5 or not _near(share):
            at_limit = float(np.mean((known <= low) | (known >= high)))
            return _set(Scale("logit", low, high, 1.0, 0.0, 1.0, INFLATED <= at_limit < 0.9), known)
    if low is not None and low >= 0:  # a logarithm needs a floor, and a floor below nothing is no amount
        above = known[known > low] - low
        unit = min(1.0, float(np.median(above))) if len(above) else 1.0
        return _set(Scale("log", low, ENDLESS, unit, 0.0, 1.0), known)
    return _set(Scale("plain", 0.0, 0.0, 1.0, 0.0, 1.0), known)


def of_driver(values: Floats) -> Scale:
    """Return the scale of a further measure, read from its values: shares, percentages, amounts or anything."""
    known = values[~np.isnan(values)]
    if not len(known) or known.min() < 0:
        return _set(Scale("plain", 0.0, 0.0, 1.0, 0.0, 1.0), known)
    whole = bool(np.all(known == np.round(known)))
    if not whole and known.max() <= 1:
        return _set(Scale("logit", 0.0, 1.0, 1.0, 0.0, 1.0), known)
    if not whole and 1 < known.max() <= 100 and known.max() > 50:
        return _set(Scale("logit", 0.0, 100.0, 1.0, 0.0, 1.0), known)
    return _set(Scale("log", 0.0, ENDLESS, 1.0, 0.0, 1.0), known)


def _near(share: Floats) -> bool:
    """Return whether a share lives in a sliver beside its lower limit, where the limits hardly matter."""
    inner = share[(share > 0) & (share < 1)]
    return len(inner) > 0 and float(np.quantile(inner, 0.9)) < INNER


def _set(scale: Scale, known: Floats) -> Scale:
    """Centre a scale and give it unit spread."""
    bent = scale.work(known)
    bent = bent[~np.isnan(bent)]
    centre = float(np.median(bent)) if len(bent) else 0.0
    spread = float(np.mean(np.abs(bent - centre))) if len(bent) else 0.0
    return Scale(**(scale.as_dict() | {"centre": centre, "width": spread if spread > 1e-9 else 1.0}))

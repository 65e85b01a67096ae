"""One measured effect: a number that knows its error and its limits."""

from __future__ import annotations

import math
from typing import Any

from copilot.stats import Interval


class Effect(float):
    """An effect in the outcome's unit; it is itself the number (``float(effect)``, also ``effect.att``).

    ``se`` and ``p`` are cluster-robust (CR1, the small-sample factors of R's fixest, Student's t with clusters − 1
    degrees of freedom). ``low`` and ``high`` (95 %), ``se_corrected``, ``p_corrected`` and ``df`` are corrected for few
    clusters: CR2 with Satterthwaite's degrees of freedom (Bell & McCaffrey 2002; Pustejovsky & Tipton 2018). NaN where
    an error cannot be told, as with one treated cluster. ``clusters`` counts them, ``clusters_treated`` those that
    hold a treated row, ``clusters_control`` those that hold none.
    """

    se: float
    p: float
    se_corrected: float
    p_corrected: float
    df: float
    low: float
    high: float
    n: int
    clusters: int
    clusters_treated: int
    clusters_control: int

    def __new__(cls, value: float, *, se: float = math.nan, p: float = math.nan, **other: Any) -> Effect:
        """Make one from its value and what is known of its error; what is left out is NaN, counts 0."""
        made = super().__new__(cls, value)
        made.se, made.p = se, p
        for name in ("se_corrected", "p_corrected", "df", "low", "high"):
            setattr(made, name, float(other.pop(name, math.nan)))
        for name in ("n", "clusters", "clusters_treated", "clusters_control"):
            setattr(made, name, int(other.pop(name, 0)))
        if other:
            raise TypeError(f"An effect has no {', '.join(other)}.")
        return made

    @property
    def att(self) -> float:
        """The effect itself."""
        return float(self)

    @property
    def interval(self) -> Interval:
        """The effect with its 95 % limits."""
        return Interval(float(self), self.low, self.high)

    def as_dict(self) -> dict[str, float | int | None]:
        """Return everything for JSON; None where a number is not known."""
        known = {"att": float(self)} | vars(self)
        return {name: value if math.isfinite(value) else None for name, value in known.items()}

    def __repr__(self) -> str:
        return f"Effect({float(self):.6g}, se={self.se:.4g}, p={self.p:.4g}, 95%=[{self.low:.6g}, {self.high:.6g}])"


def student_limits(value: float, error: float, df: float, level: float = 0.95) -> tuple[float, float, float]:
    """Return low, high and the two-sided p of "no effect"; NaN where error or degrees of freedom are not known."""
    from scipy.special import stdtr, stdtrit

    if not (error > 0 and df > 0):
        return math.nan, math.nan, math.nan
    reach = float(stdtrit(df, 0.5 + level / 2)) * error
    return value - reach, value + reach, float(2 * stdtr(df, -abs(value) / error))

"""What a touch is worth: uplift and engagement on one scale, weighed by the days to renewal (CPOG Eq. 2–4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from copilot.errors import BadInput

Numbers = NDArray[np.float64]
Column: TypeAlias = "pd.Series | NDArray[Any]"


@dataclass(frozen=True)
class Scales:
    """The three 99th percentiles that put money and engagement on 0–100; frozen in the model's bundle.

    ``uplift_p99`` is taken over max(U, 0) and serves the objective, ``abs_uplift_p99`` over \\|U\\| and serves
    Algorithm 1, both in the book's currency; ``engagement_p99`` is taken over the change in points.
    A scale of 0 says that nothing above 0 was seen: everything then scales to 0.
    """

    uplift_p99: float
    abs_uplift_p99: float
    engagement_p99: float

    def __post_init__(self) -> None:
        """Refuse scales that cannot be divided by."""
        for name, scale in asdict(self).items():
            if not (np.isfinite(scale) and scale >= 0):
                raise BadInput(f"The scale {name} is {scale}; it must be a finite number of at least 0.")

    @classmethod
    def fit(cls, uplift_usd: Column, engagement_change: Column) -> Scales:
        """Take the scales from all accounts known today; missing values are left out.

        Args:
            uplift_usd: Signed uplift in money, one number an account.
            engagement_change: The largest absolute change (Eq. 3) in points, one number an account.
        """
        uplift = _floats(uplift_usd)
        return cls(
            uplift_p99=_p99(np.maximum(uplift, 0)),
            abs_uplift_p99=_p99(np.abs(uplift)),
            engagement_p99=_p99(np.abs(_floats(engagement_change))),
        )

    def as_dict(self) -> dict[str, float]:
        """Return the scales as plain numbers for a bundle's manifest."""
        return {name: float(scale) for name, scale in asdict(self).items()}

    @classmethod
    def from_dict(cls, scales: Mapping[str, float]) -> Scales:
        """Read the scales back from a manifest.

        Raises:
            BadInput: A scale is missing or not a number.
        """
        try:
            return cls(**{name: float(scales[name]) for name in cls.__dataclass_fields__})
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"The scales need {', '.join(cls.__dataclass_fields__)} as numbers: {error}.") from error

    def uplift_100(self, uplift_usd: Column) -> Numbers:
        """Return 100·min(max(U, 0)/p99, 1); an account that a touch would harm earns 0, a missing uplift stays so."""
        return _to_100(np.maximum(_floats(uplift_usd), 0), self.uplift_p99)

    def abs_uplift_100(self, uplift_usd: Column) -> Numbers:
        """Return 100·min(\\|U\\|/p99, 1), the money side of Algorithm 1's comparison."""
        return _to_100(np.abs(_floats(uplift_usd)), self.abs_uplift_p99)

    def engagement_100(self, engagement_change: Column) -> Numbers:
        """Return 100·min(E/p99, 1) for changes E in points."""
        return _to_100(np.abs(_floats(engagement_change)), self.engagement_p99)


def monetisation_weight(days_to_renewal: Column | float, *, steepness: float, midpoint: float) -> Numbers:
    """Return w(d) = 1/(1 + e^{k(d − d₀)}), the weight of money against engagement, in [0, 1].

    CPOG Eq. 4 with its sign turned: rule (4) of §4.1.2 wants money to lead near the renewal, and as printed w would
    grow with d. An overdue renewal (d < 0) counts as today; a missing date weighs both sides alike (½), and whoever
    shows the account should flag it.

    Args:
        days_to_renewal: Days to the renewal target close date.
        steepness: k, per day, above 0.
        midpoint: d₀ in days, where both sides weigh ½.

    Raises:
        BadInput: k is not above 0, or d₀ is not a finite number.
    """
    from scipy.special import expit

    if not (np.isfinite(steepness) and steepness > 0 and np.isfinite(midpoint)):
        raise BadInput(
            f"The weight needs a steepness above 0 and a finite midpoint in days, not {steepness} and {midpoint}."
        )
    days = np.maximum(_floats(days_to_renewal), 0)
    weight: Numbers = np.where(np.isnan(days), 0.5, expit(-steepness * (days - midpoint)))
    return weight


def engagement_change(
    current: pd.DataFrame | NDArray[Any],
    forecast: pd.DataFrame | NDArray[Any],
    *,
    bounds: Mapping[str, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Return Eᵢ = max_j |Δyᵢʲ| (CPOG Eq. 3) and the signed extremes that Algorithm 1 asks for.

    Args:
        current: One row an account, one column a metric (a plain array: metrics on 0–100).
        forecast: The same rows and columns a month on.
        bounds: The range of each metric that is not on 0–100 yet, as ``{"adoption": (0, 1)}``.

    Returns:
        Frame on ``current``'s index, in points of 0–100: ``engagement_change`` (max |Δ|), ``min_change`` and
        ``max_change`` (signed). A metric that is missing is left out; where all are missing, so is the row.

    Raises:
        BadInput: Rows or metrics differ, a range is empty, or it is given for a metric that is not there.
    """
    before, after = pd.DataFrame(current), pd.DataFrame(forecast)
    if set(before.columns) != set(after.columns) or not before.index.equals(after.index) or before.columns.empty:
        raise BadInput(
            f"The engagement now ({len(before)} rows; {_names(before.columns)}) and its forecast ({len(after)} rows; "
            f"{_names(after.columns)}) need the same accounts in the same order and the same metrics, at least one."
        )
    change = np.column_stack([_floats(after[name]) - _floats(before[name]) for name in before.columns])
    for name, (low, high) in (bounds or {}).items():
        if name not in before.columns or not high > low:
            raise BadInput(f"The range {low} to {high} of {name!r} is empty, or there is no such metric.")
        change[:, list(before.columns).index(name)] *= 100 / (high - low)
    missing = np.isnan(change)
    smallest = np.where(missing, np.inf, change).min(axis=1)
    largest = np.where(missing, -np.inf, change).max(axis=1)
    unknown = missing.all(axis=1)
    smallest[unknown] = largest[unknown] = np.nan
    columns = {
        "engagement_change": np.maximum(np.abs(smallest), np.abs(largest)),
        "min_change": smallest,
        "max_change": largest,
    }
    return pd.DataFrame(columns, index=before.index)


def value(
    uplift_usd: Column | float,
    engagement_change: Column | float,
    weight: Column | float,
    *,
    scales: Scales | None = None,
) -> Numbers:
    """Return w·U₁₀₀ + (1 − w)·E₁₀₀, the summand of CPOG Eq. 2, on 0–100.

    Args:
        uplift_usd: Signed uplift in money; without ``scales``, U₁₀₀ itself.
        engagement_change: The largest absolute change in points; without ``scales``, E₁₀₀ itself.
        weight: w(d) of :func:`monetisation_weight`; missing counts as ½.
        scales: The frozen scales; None says that both sides are on 0–100 already.

    Returns:
        One number an account. A side that is missing adds nothing (without an uplift only engagement counts);
        where both are missing the value is missing too.

    Raises:
        BadInput: A weight outside [0, 1], or a side outside 0–100 without scales.
    """
    money, engagement, share = _floats(uplift_usd), _floats(engagement_change), _floats(weight)
    if scales is not None:
        money, engagement = scales.uplift_100(money), scales.engagement_100(engagement)
    if np.any((share < 0) | (share > 1)):
        raise BadInput("The weight of money against engagement must lie between 0 and 1.")
    if np.any((money < 0) | (money > 100)) or np.any((engagement < 0) | (engagement > 100)):
        raise BadInput("Without scales, uplift and engagement must be on 0–100; pass scales= to convert money.")
    share = np.where(np.isnan(share), 0.5, share)
    both_missing = np.isnan(money) & np.isnan(engagement)
    total = share * np.nan_to_num(money) + (1 - share) * np.nan_to_num(engagement)
    return np.where(both_missing, np.nan, total)


def _floats(numbers: Column | float) -> Numbers:
    """Read a column, or one number, as floats with NaN where it is missing."""
    if isinstance(numbers, pd.Series):
        column: Numbers = pd.to_numeric(numbers).to_numpy(dtype="float64", na_value=np.nan)
        return column
    return np.asarray(numbers, dtype="float64")


def _p99(sizes: Numbers) -> float:
    known = sizes[np.isfinite(sizes)]
    if known.size == 0:
        return 0.0
    # Fewer than 1 % above 0 would make the scale 0 and hide them all; the largest then stands for 100.
    return float(np.quantile(known, 0.99)) or float(known.max())


def _to_100(sizes: Numbers, p99: float) -> Numbers:
    if p99 == 0:
        return np.where(np.isnan(sizes), np.nan, 0.0)
    return 100 * np.minimum(sizes / p99, 1)


def _names(columns: pd.Index) -> str:
    return ", ".join(map(str, columns)) or "no metrics"

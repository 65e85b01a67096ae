"""How small an effect a study can see, before it starts: power and the minimum detectable effect."""

from __future__ import annotations

import math
from statistics import NormalDist

from copilot.errors import BadInput

ALPHA, POWER = 0.05, 0.80


def standard_error(
    sd: float, n_treated: float, n_control: float, *, icc: float = 0.0, per_cluster: float = 1.0
) -> float:
    """Return the error of a difference of means, with the design effect 1 + (m − 1)·ICC where clusters are assigned.

    Raises:
        BadInput: An arm is empty, or the spread or the ICC is impossible.
    """
    if n_treated < 1 or n_control < 1:
        raise BadInput("A study needs at least one unit in each arm; there would be none in one of them.")
    if not (sd >= 0 and 0 <= icc <= 1 and per_cluster >= 1):
        raise BadInput("The spread is 0 or more, the ICC between 0 and 1, and a cluster holds one unit or more.")
    return sd * math.sqrt((1 / n_treated + 1 / n_control) * (1 + (per_cluster - 1) * icc))


def power(
    effect: float, sd: float, n_treated: float, n_control: float, *, alpha: float = ALPHA, icc: float = 0.0,
    per_cluster: float = 1.0,
) -> float:  # fmt: skip
    """Return the chance that a two-sided test at ``alpha`` finds ``effect``, with Student's t.

    Raises:
        BadInput: As ``standard_error``.
    """
    from scipy.stats import nct, t

    error = standard_error(sd, n_treated, n_control, icc=icc, per_cluster=per_cluster)
    if error == 0:
        return 1.0 if effect else alpha
    df = max((n_treated + n_control) / per_cluster - 2, 1)
    edge, shift = float(t.ppf(1 - alpha / 2, df)), abs(effect) / error
    found = float(nct.sf(edge, df, shift) + nct.cdf(-edge, df, shift))
    # Far out the library gives up; the test is then certain to see the effect.
    return min(max(found, 0.0), 1.0) if found == found else 1.0


def minimum_detectable_effect(
    sd: float, n_treated: float, n_control: float, *, alpha: float = ALPHA, wanted: float = POWER, icc: float = 0.0,
    per_cluster: float = 1.0,
) -> float:  # fmt: skip
    """Return the smallest effect, in the outcome's unit, that is found with the power ``wanted``.

    Raises:
        BadInput: As ``standard_error``; or the power wanted is not between ``alpha`` and 1.
    """
    from scipy.optimize import brentq

    if not alpha < wanted < 1:
        raise BadInput(f"The power wanted lies between {alpha} and 1, not at {wanted}.")
    error = standard_error(sd, n_treated, n_control, icc=icc, per_cluster=per_cluster)
    if error == 0:
        return 0.0

    def short(effect: float) -> float:
        found = power(effect, sd, n_treated, n_control, alpha=alpha, icc=icc, per_cluster=per_cluster)
        return found - wanted

    return float(brentq(short, 0, 60 * error, xtol=1e-6 * error))


def detectable(error: float, df: float, *, alpha: float = ALPHA, wanted: float = POWER) -> float:
    """Return the effect that a study with this error finds with the power ``wanted``: what it could have seen."""
    from scipy.special import stdtrit

    if not (error > 0 and df > 0):
        return math.nan
    return error * float(stdtrit(df, 1 - alpha / 2) + NormalDist().inv_cdf(wanted))

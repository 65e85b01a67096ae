"""Where touched and untouched accounts can be compared at all: the range of propensities, trimming, and a warning."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from copilot.stats import Floats, auc

LOW, HIGH = 0.02, 0.98
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
POOR = 0.5  # share of the rows that weighting by propensity may cost before it is said


def inside(chance: Floats) -> npt.NDArray[np.bool_]:
    """Return which propensities, (n,), leave both arms possible: within 0.02 and 0.98 (Crump et al. 2009)."""
    return np.asarray((chance >= LOW) & (chance <= HIGH))


def report(chance: Floats, arm: Floats) -> dict[str, Any]:
    """Return the overlap of the two arms.

    Args:
        chance: Propensity of each row, from other accounts, (n,).
        arm: 0/1, (n,).

    Returns:
        ``propensity`` (``low``, ``high``, ``trimmed``), ``overlap`` (``quantiles`` of the propensity in each arm,
        ``auc``: how well it tells touched from untouched, .5 as in a trial; ``effective``: the share of the rows that
        is left after weighting both arms to one population, Kish 1965) and ``warning``, one sentence or None.
    """
    kept = inside(chance)
    outside = int((~kept).sum())
    held = np.clip(chance, LOW, HIGH)
    weight = np.where(arm == 1, 1 / held, 1 / (1 - held))
    effective = float(weight.sum() ** 2 / (weight**2).sum() / len(weight))
    names = (("control", 0), ("treated", 1))
    warning = None
    if outside:
        warning = (
            f"{outside} of {len(kept)} rows were almost certain to be touched or left alone "
            f"(propensity outside {LOW}–{HIGH}) and were left out; nothing is known about a touch there."
        )
    elif effective < POOR:
        warning = (
            f"Touched and untouched accounts differ so much that comparing them is worth only {100 * effective:.0f} % "
            "of the rows; touch some accounts at random to learn more."
        )
    return {
        "propensity": {"low": chance.min(), "high": chance.max(), "trimmed": outside},
        "overlap": {
            "at": QUANTILES,
            "quantiles": {name: np.quantile(chance[arm == code], QUANTILES) for name, code in names},
            "auc": auc(arm, chance),
            "effective": effective,
        },
        "warning": warning,
    }

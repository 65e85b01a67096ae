"""Tune k, the steepness of w(d), by backtest: which k would have put the best accounts on the lists (CPOG §4.1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.assign.value import Scales, monetisation_weight, value
from copilot.errors import BadInput

CANDIDATES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2)
COLUMNS = ("period", "days_to_renewal", "uplift_usd", "engagement_change", "outcome_usd")


@dataclass(frozen=True, eq=False)
class Backtest:
    """The k that earned most, and ``table``: ``steepness``, ``outcome_usd`` (mean a period), ``standard_error``."""

    steepness: float
    table: pd.DataFrame


def tune(
    history: pd.DataFrame,
    *,
    places: int,
    midpoint: float,
    scales: Scales,
    candidates: Sequence[float] = CANDIDATES,
) -> Backtest:
    """Choose k by the outcome of the accounts that each k would have put first, period by period.

    Among candidates within one standard error of the best (paired over periods) the flattest is taken: it changes the
    lists least from day to day.

    Args:
        history: One row an account and period: ``period``, what was known then (``days_to_renewal``, ``uplift_usd``,
            ``engagement_change``) and ``outcome_usd``, what the touch earned (an estimate whose mean is the effect).
        places: How many accounts a period could be worked on.
        midpoint: d₀ in days, fixed by domain knowledge.
        scales: The frozen scales of the value.
        candidates: Values of k to try, per day.

    Raises:
        BadInput: A column is missing, there are fewer than two periods, or no candidate or place was given.
    """
    missing = [column for column in COLUMNS if column not in history]
    if missing:
        raise BadInput(f"Tuning needs the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}.")
    if history["period"].nunique() < 2 or places < 1 or not candidates:
        raise BadInput("Tuning needs at least two periods, one place and one candidate.")
    if history["outcome_usd"].isna().any():
        raise BadInput("Every row of the history needs its outcome_usd; leave out what is not known yet.")
    earned = pd.DataFrame({k: _earned(history, float(k), places, midpoint, scales) for k in sorted(candidates)})
    mean = earned.mean()
    behind = earned.sub(earned[mean.idxmax()], axis=0)
    error = behind.std(ddof=1) / np.sqrt(len(earned))
    chosen = float(mean.index[(behind.mean() >= -error)][0])
    table = pd.DataFrame(
        {"steepness": mean.index, "outcome_usd": mean.to_numpy(), "standard_error": earned.sem().to_numpy()}
    )
    return Backtest(chosen, table)


def _earned(history: pd.DataFrame, steepness: float, places: int, midpoint: float, scales: Scales) -> pd.Series:
    """Return what the first accounts of each period earned under this k."""
    weight = monetisation_weight(history["days_to_renewal"], steepness=steepness, midpoint=midpoint)
    worth = value(history["uplift_usd"], history["engagement_change"], weight, scales=scales)
    ranked = history.assign(worth=worth).sort_values("worth", ascending=False, kind="stable")
    return ranked.groupby("period").head(places).groupby("period")["outcome_usd"].sum()

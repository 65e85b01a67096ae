"""Whether the markets of treated regions moved apart from the others': then a regional effect proves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.measure.effect import student_limits

FEWEST_MONTHS = 6  # on either side; fewer show no spread to judge by
LEVEL = 0.99
SMALL = 0.01  # of the index: a market this quiet explains nothing, however surely it moved


@dataclass(frozen=True)
class Shock:
    """How the treated regions' market index moved against the others' since the start, as a share of its level."""

    moved: float
    low: float
    high: float
    known: bool

    @property
    def excluded(self) -> bool:
        """Whether a shock to these regions can be ruled out as far as the market index tells."""
        return self.known and (self.low <= 0 <= self.high or abs(self.moved) < SMALL)


def shock(
    market: pd.DataFrame, treated: Sequence[str], first: pd.Timestamp, starts: pd.Timestamp, ends: pd.Timestamp
) -> Shock:
    """Compare the regions' market index before and since the start, with limits at 99 %.

    Args:
        market: ``region, event_ts, index``: something the treatment cannot move.
        treated: The treated regions.
        first: From when on the months before count.
        starts: The first treated day.
        ends: The last day looked at.

    Returns:
        ``known`` is False where either side has no index, or fewer than six months before or two since.
    """
    months = market[market["event_ts"].between(first, ends)].reset_index(drop=True)
    months["own"] = months["region"].isin(list(treated))
    level = np.log(months["index"].where(months["index"] > 0))
    wide = level.groupby([months["event_ts"], months["own"]]).mean().unstack().dropna()
    if wide.shape[1] < 2:
        return Shock(np.nan, np.nan, np.nan, known=False)
    gap = wide[True] - wide[False]
    # Each month since the start is judged: a shock that lasts a part of it must not drown in the mean.
    before, since = gap[gap.index < starts], gap[gap.index >= starts]
    if len(before) < FEWEST_MONTHS or len(since) < 2:
        return Shock(np.nan, np.nan, np.nan, known=False)
    middle, spread = float(before.median()), float(before.std(ddof=1))
    moved = float(since.mean()) - float(before.mean())
    error = spread * np.sqrt(1 / len(before) + 1 / len(since))
    low, high, _ = student_limits(moved, max(error, 1e-12), len(before) - 1, LEVEL)
    worst = since.iloc[int(np.abs(since - middle).argmax())] - middle
    reach = 4 * max(spread, SMALL / 4)
    if low <= 0 <= high and abs(worst) > max(reach, 2 * SMALL):
        return Shock(float(worst), float(worst - reach), float(worst + reach), known=True)
    return Shock(moved, low, high, known=True)

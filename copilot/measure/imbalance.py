"""How unlike two arms are over the cells of a grid: L1, before and after matching (Iacus, King & Porro 2011)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from copilot.measure.coarsen import cut, even_cutpoints, joined, pretty, scaled, scott_bins
from copilot.measure.columns import Flags, codes, is_numeric
from copilot.stats import Floats, Ints

FINE_BINS = 20  # even bins of the fixed grid, the same for every coarsening that is compared


def imbalance(whole: pd.DataFrame, names: Sequence[str], strata: Ints, treated: Flags, weight: Floats) -> pd.DataFrame:
    """Return L1 before and after matching: rows ``scott`` (R's grid), ``matching`` and ``fine``.

    Args:
        whole: One row a unit.
        names: The covariates.
        strata: The stratum of each unit, the grid of the matching itself.
        treated: The arm of each unit.
        weight: Its weight after matching, 0 for who was not matched.
    """
    grids = {
        "scott": joined([_grid(whole[name], "scott") for name in names]),
        "matching": strata,
        "fine": joined([_grid(whole[name], "fine") for name in names]),
    }
    everyone = np.ones(len(whole))
    return pd.DataFrame(
        {
            name: {"before": l1(grid, treated, everyone), "after": l1(grid, treated, weight)}
            for name, grid in grids.items()
        }
    ).T


def l1(grid: Ints, treated: Flags, weight: Floats) -> float:
    """Return L1 = ½ Σ |f_T − f_C| over the cells of a grid: 0 where the arms are alike, 1 where nothing overlaps."""
    cells = int(grid.max()) + 1
    own, other = (np.bincount(grid[arm], weight[arm], cells) for arm in (treated, ~treated))
    return float(np.abs(own / own.sum() - other / other.sum()).sum() / 2)


def _grid(values: pd.Series, kind: str) -> Ints:
    if not is_numeric(values):
        return codes(values)
    scale = scaled(values)
    if kind == "fine":
        return cut(scale, even_cutpoints(scale, FINE_BINS))
    low, high = float(np.nanmin(scale)), float(np.nanmax(scale))
    return cut(scale, pretty(low, high, scott_bins(scale)))

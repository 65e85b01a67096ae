"""How good a model is in each segment and region: a figure over all accounts may hide one where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from copilot.stats import auc, mean_interval

COLUMNS = ("segment", "region")
LEAST_ROWS, LEAST_OF_A_CLASS = 30, 5

Figures = Callable[[pd.DataFrame], dict[str, Any] | None]


def by_segment(judged: pd.DataFrame, accounts: pd.DataFrame, figures: Figures) -> list[dict[str, Any]]:
    """Return the figures of each segment and region that holds enough judged rows.

    Args:
        judged: One row a judged sample with ``account_id``, and what ``figures`` reads.
        accounts: ``account_id`` and the columns of ``COLUMNS``.
        figures: Makes the figures of some rows; None where there is nothing to tell.
    """
    known = judged.merge(accounts[["account_id", *COLUMNS]], on="account_id", how="left")
    return list(_rows(known, figures))


def _rows(known: pd.DataFrame, figures: Figures) -> Iterator[dict[str, Any]]:
    for column in COLUMNS:
        for value, rows in known.groupby(column, observed=True):
            found = figures(rows) if len(rows) >= LEAST_ROWS else None
            if found is not None:
                yield {"group": f"{column} {value}", "rows": len(rows), **found}


def chances(told: str, happened: str) -> Figures:
    """Return the figures of a chance: the share it is of, and the AUC."""

    def figures(rows: pd.DataFrame) -> dict[str, Any] | None:
        came_true = rows[happened].to_numpy(dtype=bool)
        if min(came_true.sum(), (~came_true).sum()) < LEAST_OF_A_CLASS:
            return None
        return {"share": float(came_true.mean()), "auc": auc(came_true, rows[told])}

    return figures


def effects(rows: pd.DataFrame) -> dict[str, Any] | None:
    """Return the doubly robust mean effect, with 95 % limits that respect accounts."""
    found = mean_interval(rows["effect"], groups=rows["account_id"])
    if not np.isfinite(found.low):
        return None
    return {"effect": found.value, "low": found.low, "high": found.high}

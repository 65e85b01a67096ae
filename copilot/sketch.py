"""Sketches: what a column looked like when a model was trained, small enough to keep beside the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

BINS = 10


def sketch(values: pd.Series, *, bins: int = BINS) -> dict[str, Any]:
    """Return the shape of a column of numbers.

    Args:
        values: Any numbers or booleans; empty and infinite cells count as missing.
        bins: How many shares at most; fewer where values repeat.

    Returns:
        ``n``, ``missing`` (a share of ``n``), ``mean``, ``sd``, ``edges`` (the inner quantiles, ascending and distinct)
        and ``shares`` (one more than edges: the share of the known values up to each edge, that edge included, and
        above the last). ``mean`` and ``sd`` are None and the lists empty where nothing is known.
    """
    number = pd.to_numeric(values, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    known = number[np.isfinite(number)]
    shape: dict[str, Any] = {"n": len(number), "missing": 1 - len(known) / len(number) if len(number) else 0.0}
    if not len(known):
        return shape | {"mean": None, "sd": None, "edges": [], "shares": []}
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf"))
    edges = edges[edges < known.max()]
    return shape | {
        "mean": float(known.mean()),
        "sd": float(known.std()),
        "edges": edges.tolist(),
        "shares": shares(known, edges).tolist(),
    }


def sketches(frame: pd.DataFrame, *, bins: int = BINS) -> dict[str, dict[str, Any]]:
    """Return the sketch of every column that holds numbers."""
    return {
        str(name): sketch(column, bins=bins)
        for name, column in frame.items()
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    }


def shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return which share of ``values`` (finite, at least one) lies up to each edge and above the last."""
    place = np.searchsorted(edges, values, side="left")
    counts: np.ndarray = np.bincount(place, minlength=len(edges) + 1) / len(values)
    return counts

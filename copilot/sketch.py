"""Sketches: what a column looked like when a model was trained, small enough to keep beside the model.

Numbers are kept by tenths, text by its commonest values. Days count as numbers, in seconds since 1970.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

BINS = 10
FEWEST_ALONE = 5  # rows of a value that stands alone, unless it is a number and all there are
ROUNDING = 1e-6  # relative: the same number as float32 and float64 differs by less
MOST_VALUES, LEAST_SHARE = 20, 0.01  # of a text column: values kept, and what each must hold


def sketch(values: pd.Series, *, bins: int = BINS) -> dict[str, Any]:
    """Return the shape of a column of numbers.

    Args:
        values: Any numbers, booleans or days; empty and infinite cells count as missing.
        bins: How many shares of a smooth column; where values repeat there are fewer, or more: a value that fills half
            a bin or more (five rows at least) stands alone, so that what is new beside it shows.

    Returns:
        ``n``, ``missing`` (a share of ``n``), ``mean``, ``sd``, ``edges`` (ascending and distinct: inner quantiles, and
        both sides of values that stand alone) and ``shares`` (one more than edges: the share of the known values up to
        each edge, that edge included, and above the last). ``mean`` and ``sd`` are None and the lists empty where
        nothing is known.
    """
    number = numbers(values)
    known = number[np.isfinite(number)]
    shape: dict[str, Any] = {"n": len(number), "missing": 1 - len(known) / len(number) if len(number) else 0.0}
    if not len(known):
        return shape | {"mean": None, "sd": None, "edges": [], "shares": []}
    edges = _edges(known, bins)
    return shape | {
        "mean": float(known.mean()),
        "sd": float(known.std()),
        "edges": edges.tolist(),
        "shares": shares(known, edges).tolist(),
    }


def text_sketch(values: pd.Series) -> dict[str, Any]:
    """Return the shape of a column of text or categories.

    Returns:
        ``n``, ``missing`` (a share of ``n``) and ``values``: the share of ``n`` of each value that holds 1 % and five
        rows or more, the 20 commonest at most, the commonest first.
    """
    told = texts(values)
    common = told.value_counts()
    kept = common[common >= max(FEWEST_ALONE, LEAST_SHARE * len(told))].head(MOST_VALUES) / max(len(told), 1)
    missing = float(told.isna().mean()) if len(told) else 0.0
    return {"n": len(told), "missing": missing, "values": {str(value): float(share) for value, share in kept.items()}}


def sketches(frame: pd.DataFrame, *, bins: int = BINS) -> dict[str, dict[str, Any]]:
    """Return the sketch of every column, of numbers or of text."""
    return {
        str(name): sketch(column, bins=bins) if numeric(column) else text_sketch(column)
        for name, column in frame.items()
    }


def shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return which share of ``values`` (finite, at least one) lies up to each edge and above the last."""
    return counts(values, edges) / len(values)


def counts(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return how many of ``values`` (no NaN) lie up to each edge and above the last; one by one is quickest."""
    up_to = [np.count_nonzero(values <= edge) for edge in edges]
    found: np.ndarray = np.diff([0, *up_to, len(values)])
    return found


def numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, booleans or days."""
    types = pd.api.types
    return any(check(column) for check in (types.is_numeric_dtype, types.is_bool_dtype, types.is_datetime64_any_dtype))


def numbers(column: pd.Series) -> np.ndarray:
    """Return a column as float64; what is no number is NaN."""
    if pd.api.types.is_datetime64_any_dtype(column):
        seconds: np.ndarray = column.to_numpy("datetime64[us]").astype("float64") / 1e6
        return np.where(column.isna(), np.nan, seconds)
    number: np.ndarray = pd.to_numeric(column, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    return number


def texts(column: pd.Series) -> pd.Series:
    """Return a column as text; what is missing stays missing."""
    column = column.astype("object")
    return column.map(str, na_action="ignore")


def _edges(known: np.ndarray, bins: int) -> np.ndarray:
    """Return inner quantiles, and both sides of each that is one value over half a bin or more."""
    ordered = np.sort(known)
    middle = np.unique(ordered[np.ceil(np.arange(1, bins) / bins * len(known)).astype("int64") - 1])
    held = np.searchsorted(ordered, middle, side="right") - np.searchsorted(ordered, middle, side="left")
    alone = held >= min(len(known), max(FEWEST_ALONE, len(known) / (2 * bins)))
    reach = np.maximum(np.abs(middle[alone]) * ROUNDING, np.nextafter(0.0, 1.0))
    edges: np.ndarray = np.unique(np.concatenate([middle[~alone], middle[alone] - reach, middle[alone] + reach]))
    return edges

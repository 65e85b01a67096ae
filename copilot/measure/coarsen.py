"""Cut covariates into bins as R does: Sturges' cutpoints for matching, ``pretty`` on Scott's width for imbalance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.columns import codes, is_numeric
from copilot.stats import Floats, Ints

Cutpoints = Mapping[str, int | Sequence[float] | Sequence[Sequence[object]]]


def sturges_bins(values: Floats) -> int:
    """Return Sturges' number of bins, ⌈log₂ n + 1⌉, for n known values or not: R counts every row."""
    return math.ceil(math.log2(len(values)) + 1)


def even_cutpoints(values: Floats, bins: int) -> Floats:
    """Return ``bins`` + 1 cutpoints from the smallest to the largest value, ends included."""
    known = values[~np.isnan(values)]
    edges: Floats = np.linspace(known.min(), known.max(), bins + 1)
    return edges


def scott_bins(values: Floats) -> int:
    """Return Scott's number of bins (R's ``nclass.scott``); 1 where the values do not vary."""
    known = values[~np.isnan(values)]
    width = 3.5 * float(known.std(ddof=1)) * len(known) ** (-1 / 3) if len(known) > 1 else 0.0
    return max(1, math.ceil((known.max() - known.min()) / width)) if width > 0 else 1


def pretty(low: float, high: float, bins: int) -> Floats:
    """Return about ``bins`` + 1 round cutpoints that cover low to high, as R's ``pretty(range, n, min.n = 1)``."""
    span, bias, bias5 = high - low, 1.5, 0.5 + 1.5 * 1.5
    flat = span == 0 and high == 0
    cell = 1.0 if flat else max(abs(low), abs(high))
    room = 1 + (1 / (1 + bias) if bias5 >= 1.5 * bias + 0.5 else 1.5 / (1 + bias5))
    small = flat or span < cell * room * max(1, bins) * np.finfo(float).eps * 3
    if small:
        cell = (9 / (1 + 9) if cell > 10 else 1) * cell * (0.75 if bins > 1 else 1)
        cell = cell / bins if bins > 1 else cell
    else:
        cell = span / bins
    base = 10.0 ** math.floor(math.log10(max(cell, 20 * np.finfo(float).tiny)))
    unit = base
    for step, factor in ((2, bias), (5, bias5), (10, bias)):
        if step * base - cell < factor * (cell - unit):
            unit = step * base
        else:
            break
    first, last = math.floor(low / unit + 1e-7), math.ceil(high / unit - 1e-7)
    while first * unit > low + 1e-7 * unit:
        first -= 1
    while last * unit < high - 1e-7 * unit:
        last += 1
    if last - first < 1:  # one value on a cutpoint: one bin around it
        last += 1
    edges: Floats = np.arange(first, last + 1, dtype=np.float64) * float(unit)
    return edges


def cut(values: Floats, edges: Floats) -> Ints:
    """Return each value's bin: right-closed, the lowest cutpoint included; below, above and missing are bins too."""
    place: Ints = np.searchsorted(edges, values, side="left").astype(np.intp)
    place[values == edges[0]] = 1
    place[np.isnan(values)] = -1
    return place


def coarse(values: pd.Series, how: int | Sequence[object] | None) -> Ints:
    """Return the bin of each row of one covariate.

    Args:
        values: The covariate; numbers and days are cut, everything else is matched exactly, missing being a category.
        how: None cuts by Sturges; a number is a number of even bins; a list of numbers is the cutpoints themselves; for
            categories, a list of lists draws categories together.

    Raises:
        BadInput: Nothing is known of the covariate, or ``how`` does not fit it.
    """
    if values.isna().all():
        raise BadInput(f"{values.name} is missing in every row, so nothing can be matched on it; leave it out.")
    if not is_numeric(values):
        return codes(values) if how is None else codes(_drawn_together(values, how))
    scale = scaled(values)
    if how is None or isinstance(how, int | np.integer):
        bins = sturges_bins(scale) if how is None else int(how)
        if bins < 1:
            raise BadInput(f"{values.name} cannot be cut into {bins} bins; name 1 or more.")
        edges = even_cutpoints(scale, bins)
    else:
        try:
            edges = np.unique(np.asarray(how, float))
        except (TypeError, ValueError):
            edges = np.array([])
        if not len(edges) or not np.isfinite(edges).all():
            raise BadInput(f"The cutpoints of {values.name} must be a list of finite numbers, or a number of bins.")
    return cut(scale, edges)


def scaled(values: pd.Series) -> Floats:
    """Return a numeric column or one of days as floats.

    Raises:
        BadInput: A value is infinite.
    """
    if pd.api.types.is_datetime64_any_dtype(values):
        days = (values - values.min()) / pd.Timedelta(days=1)
        since: Floats = days.to_numpy(dtype="float64", na_value=np.nan)
        return since
    found: Floats = values.to_numpy(dtype="float64", na_value=np.nan)
    if np.isinf(found).any():
        raise BadInput(
            f"{values.name} holds an infinite value; give finite numbers, and nothing where one is not known."
        )
    return found


def _drawn_together(values: pd.Series, groups: int | Sequence[object]) -> pd.Series:
    if isinstance(groups, int | str) or not all(isinstance(group, list | tuple | set) for group in groups):
        raise BadInput(f"{values.name} holds categories; draw them together by lists, as [[basic, pro], [enterprise]].")
    named = {category: f"group {place}" for place, group in enumerate(groups) for category in group}  # type: ignore[attr-defined]
    return values.map(lambda category: named.get(category, category))


def joined(columns: Sequence[Ints]) -> Ints:
    """Return one number for each combination of bins, from 0."""
    whole = np.zeros(len(columns[0]), dtype=np.intp)
    for column in columns:
        _, part = np.unique(column, return_inverse=True)
        _, whole = np.unique(whole * (int(part.max()) + 1) + part, return_inverse=True)
    return whole.astype(np.intp)

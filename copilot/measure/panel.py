"""A panel for differences in differences: one row a unit, one column a period, and when each unit was first treated."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.columns import Flags, codes, is_numeric, need, numbers, plain
from copilot.stats import Floats, Ints

NEVER = np.inf


@dataclass(frozen=True)
class Panel:
    """``outcome`` is (units, periods), NaN where a unit was not seen; ``periods`` are the times, ascending.

    ``first`` holds each unit's first treated time, infinite for never; ``cluster`` numbers the clusters of the units.
    ``dropped`` says how many units were left out, by reason.
    """

    outcome: Floats
    periods: Floats
    labels: list[Any]
    first: Floats
    first_labels: dict[float, Any]
    cluster: Ints
    dropped: dict[str, int]


def panel(
    frame: pd.DataFrame,
    *,
    unit: Hashable,
    time: Hashable,
    first_treated: Hashable,
    outcome: Hashable,
    cluster: Hashable | None,
    balanced: bool,
    until: date | None,
) -> Panel:
    """Lay out a long frame as a panel.

    Never treated is written as nothing, 0 or infinity (a 0 that is itself a period, or lies among them, is a period);
    a unit first treated after the last period counts as never. Units treated from the first period on are left out,
    as no period before tells how they were; ``balanced`` leaves out those not seen in every period, as R's ``did``.

    Raises:
        BadInput: A unit is there twice in a period, changes its first treatment or its cluster, a time is missing or
            lies after ``until``, there are fewer than two periods, or no unit remains.
    """
    given = need(frame, [unit, time, first_treated, outcome, cluster])
    if given[unit].isna().any() or given[time].isna().any():
        raise BadInput(f"{unit} or {time} is missing in some rows; every row is a unit at a time.")
    moment, first, labels = _times(given, time, first_treated)
    check_future(given[time], until)
    names = codes(given[unit])
    y = numbers(given, outcome)
    doubled = given[[unit, time]].duplicated()
    if doubled.any():
        row = given[doubled].iloc[0]
        raise BadInput(
            f"{unit} {plain(row[unit])} is there more than once at {time} {plain(row[time])}; "
            "keep one row a unit and period."
        )
    count = int(names.max()) + 1
    per_unit = _one_each(
        first, names, count, f"{first_treated} changes over time for one {unit}; it is one date for good."
    )
    groups = np.arange(count)
    if cluster is not None:
        groups = _one_each(
            codes(given[cluster]), names, count, f"One {unit} lies in two {cluster}s; give it one."
        ).astype(np.intp)
    periods, place = np.unique(moment, return_inverse=True)
    if len(periods) < 2:
        raise BadInput(f"Differences need at least two periods; {time} holds only one.")
    wide = np.full((count, len(periods)), np.nan)
    wide[names, place] = y
    per_unit[per_unit > periods[-1]] = NEVER
    seen = ~np.isnan(wide)
    early = per_unit <= periods[0]
    partial = ~seen.all(axis=1) & ~early if balanced else ~seen.any(axis=1) & ~early
    kept = ~early & ~partial
    dropped = {"treated from the first period on": int(early.sum()), "not seen in every period": int(partial.sum())}
    if not kept.any():
        mend = " Try balanced=False." if balanced and partial.any() else ""
        raise BadInput(f"No unit has a period before its treatment and all periods with a known {outcome}.{mend}")
    _, groups = np.unique(groups[kept], return_inverse=True)
    return Panel(
        outcome=wide[kept],
        periods=periods,
        labels=[labels[value] for value in periods],
        first=per_unit[kept],
        first_labels=labels,
        cluster=groups.astype(np.intp),
        dropped={reason: number for reason, number in dropped.items() if number},
    )


def check_future(times: pd.Series, until: date | None) -> None:
    """Refuse rows from the future.

    Raises:
        BadInput: A date lies after ``until``.
    """
    if until is None or not pd.api.types.is_datetime64_any_dtype(times):
        return
    if (times > pd.Timestamp(until) + pd.Timedelta(days=1)).any():
        raise BadInput(
            f"{times.name} reaches {times.max():%Y-%m-%d}, after {until}; a study reads only what has happened."
        )


def _times(frame: pd.DataFrame, time: Hashable, first_treated: Hashable) -> tuple[Floats, Floats, dict[float, Any]]:
    """Return times and first treatments on one scale, and what each value was called."""
    when, start = numbered(frame[time]), frame[first_treated]
    if is_numeric(when) and not pd.api.types.is_datetime64_any_dtype(when):
        moment, first = when.to_numpy(dtype="float64"), _first_numbers(start, first_treated)
        lowest = moment.min()
        first = np.where(np.isnan(first) | ((first == 0) & (lowest > 0)), NEVER, first)
        labels = {float(value): plain(value) for value in np.unique(np.r_[moment, first[np.isfinite(first)]])}
        return moment, first, labels
    days = [_days(part, column) for part, column in ((when, time), (start.where(~_never(start)), first_treated))]
    moment = days[0].astype("int64").to_numpy().astype(float)
    first = np.where(days[1].isna(), NEVER, days[1].astype("int64").to_numpy().astype(float))
    known = pd.concat(days).dropna()
    return moment, first, dict(zip(known.astype("int64").astype(float), known, strict=True))


def numbered(times: pd.Series) -> pd.Series:
    """Return periods that a file told as texts, such as "2004", as numbers; dates and others as they are."""
    if is_numeric(times) or isinstance(times.dtype, pd.PeriodDtype):
        return times
    found = pd.to_numeric(times.astype("object"), errors="coerce")
    return times if found.isna().any() else found


def _first_numbers(start: pd.Series, name: Hashable) -> Floats:
    words = start.where(~(start.astype(str).str.strip().str.lower().isin(("never", "none", ""))))
    found = pd.to_numeric(words, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    if (np.isnan(found) & words.notna().to_numpy()).any():
        raise BadInput(f"{name} must be a time on the scale of the periods, or nothing, 0 or infinity for never.")
    return np.asarray(found, float)


def _never(start: pd.Series) -> pd.Series:
    words = start.astype(str).str.strip().str.lower()
    return start.isna() | words.isin(("0", "0.0", "inf", "never", "none", "", "nat", "nan"))


def _days(values: pd.Series, name: Hashable) -> pd.Series:
    if isinstance(values.dtype, pd.PeriodDtype):
        return values.dt.start_time.astype("datetime64[us]")
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_localize(None)
    if pd.api.types.is_numeric_dtype(values) and values.notna().any():
        raise BadInput(f"{name} holds numbers where the periods are dates; give dates as 2026-07-01 in both.")
    try:
        if values.astype(str).where(values.notna(), "2000Q1").str.fullmatch(r"\d{4}-?Q[1-4]").all():
            quarters = values.map(lambda value: pd.Period(value, "Q").start_time, na_action="ignore")
            return pd.to_datetime(quarters).astype("datetime64[us]")
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # no format fits them all: they are no dates
            return pd.to_datetime(values).astype("datetime64[us]")
    except (TypeError, ValueError, UserWarning):
        raise BadInput(f"{name} holds text that is no date; give dates as 2026-07-01, or numbers.") from None


def _one_each(values: Floats | Ints, names: Ints, count: int, fault: str) -> Floats:
    whole = np.asarray(values, float)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, names, whole)
    np.maximum.at(high, names, whole)
    if (low != high).any():
        raise BadInput(fault)
    return low


def switches_off(treated: Flags, names: Ints, moment: Ints) -> int | None:
    """Return a row at which a unit that was treated no longer is; None where treatment stays for good."""
    order = np.lexsort((moment, names))
    off = (names[order][1:] == names[order][:-1]) & treated[order][:-1] & ~treated[order][1:]
    return int(order[1:][off][0]) if off.any() else None

"""Read a long table of units and periods into matrices, one row a unit and one column a period."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.stats import Floats, Ints

Bounds = tuple[float | None, float | None]
MOST_DRIVERS = 8
MONTH_DAYS = (26, 33)  # the step between two periods that makes them months


@dataclass(frozen=True)
class Panel:
    """Values by unit (rows, sorted) and period (columns), NaN where there is none.

    ``drivers`` holds further measures of the same shape; ``phase`` is the month of each period and of the next one,
    0 where periods are not months; ``times`` names the periods.
    """

    units: pd.DataFrame
    values: Floats
    times: npt.NDArray[Any]
    phase: Floats
    drivers: dict[str, Floats] = field(default_factory=dict)

    def take(self, rows: Ints | slice) -> Panel:
        """Return the panel of some units."""
        chosen = {name: values[rows] for name, values in self.drivers.items()}
        return replace(self, units=self.units.iloc[rows], values=self.values[rows], drivers=chosen)

    def blocks(self, size: int) -> Iterator[tuple[slice, Panel]]:
        """Yield pieces of at most ``size`` units."""
        for start in range(0, len(self.values), size):
            rows = slice(start, start + size)
            yield rows, self.take(rows)


@dataclass(frozen=True)
class Rows:
    """The checked long table: the code of the unit, the code of the period and the value of each row."""

    units: pd.DataFrame
    unit: Ints
    times: pd.Index
    time: Ints
    value: Floats
    table: pd.DataFrame

    def among(self, units: Ints) -> Rows:
        """Keep some units, so that no matrix is built of those that are not looked at."""
        place = np.full(len(self.units), -1)
        place[units] = np.arange(len(units))
        kept = np.flatnonzero(place[self.unit] >= 0)
        return Rows(
            self.units.iloc[units].reset_index(drop=True), place[self.unit[kept]], self.times, self.time[kept],
            self.value[kept], self.table.iloc[kept],
        )  # fmt: skip

    def panel(self, drivers: Sequence[str]) -> Panel:
        """Return the matrices; of two rows for one unit and period the later counts."""
        shape = (len(self.units), len(self.times))
        values = self._spread(self.value, shape)
        others = {name: self._spread(_measured(self.table[name]), shape) for name in drivers}
        return Panel(self.units, values, self.times.to_numpy(), _phases(self.times), others)

    def _spread(self, values: Floats, shape: tuple[int, int]) -> Floats:
        matrix = np.full(shape, np.nan)
        matrix[self.unit, self.time] = values
        return matrix


def read(panel: pd.DataFrame, unit: Sequence[str], time: str, value: str, drivers: Sequence[str] = ()) -> Rows:
    """Check a long table and number its units and periods; rows without a value are left out.

    Raises:
        BadInput: No frame, a missing column, text or infinite values, or rows that name no unit or period.
    """
    if not isinstance(panel, pd.DataFrame):
        raise BadInput(f"The panel must be a table with named columns; got a {type(panel).__name__}.")
    if not panel.columns.is_unique:
        raise BadInput(f"The panel has two columns named {str(panel.columns[panel.columns.duplicated()][0])!r}.")
    absent = [name for name in (*unit, time, value, *drivers) if name not in panel.columns]
    if absent:
        raise BadInput(f"The panel lacks the column {absent[0]!r}; it has {', '.join(map(str, panel.columns))}.")
    numbers = _numbers(panel[value])
    text = int((np.isnan(numbers) & panel[value].notna().to_numpy()).sum())
    if text:
        raise BadInput(f"{value} holds text in {text} of {len(panel)} rows; give numbers, or leave them empty.")
    endless = int(np.isinf(numbers).sum())
    if endless:
        raise BadInput(f"{value} is infinite in {endless} of {len(panel)} rows; leave it empty where it is unknown.")
    kept = np.flatnonzero(~np.isnan(numbers))
    table = panel if len(kept) == len(panel) else panel.iloc[kept]
    for name in (*unit, time):
        missing = int(table[name].isna().sum())
        if missing:
            raise BadInput(f"{name} is missing in {missing} of {len(panel)} rows; drop those rows first.")
    codes, units = _units(table, unit)
    try:
        period, times = pd.factorize(table[time], sort=True)
    except TypeError:
        raise BadInput(f"{time} mixes kinds of values; give dates only, or numbers only.") from None
    return Rows(units, codes.astype(np.intp), pd.Index(times), period.astype(np.intp), numbers[kept], table)


def other_measures(panel: pd.DataFrame, unit: Sequence[str], time: str, value: str) -> list[str]:
    """Return the further numeric columns that vary and are known in at least half of the rows, at most eight."""
    found = []
    for name in panel.columns:
        column = panel[name]
        if name in (*unit, time, value) or not isinstance(name, str) or not pd.api.types.is_numeric_dtype(column):
            continue
        if pd.api.types.is_complex_dtype(column) or pd.api.types.is_bool_dtype(column):
            continue
        known = _measured(column)
        known = known[~np.isnan(known)]
        if 2 * len(known) >= len(column) and len(known) and known.min() < known.max():
            found.append(name)
    return found[:MOST_DRIVERS]


def check_bounds(values: Floats, name: str, bounds: Bounds) -> None:
    """Refuse values outside the bounds, and bounds that leave nothing between them."""
    low, high = bounds
    if low is not None and high is not None and not low < high:
        raise BadInput(f"The bounds of {name} are {low} to {high}; the second must be larger.")
    outside = np.zeros(len(values), bool)
    if low is not None:
        outside |= values < low
    if high is not None:
        outside |= values > high
    if outside.any():
        raise BadInput(f"{int(outside.sum())} values of {name} lie outside {low} to {high}; correct or drop them.")


def _numbers(column: pd.Series) -> Floats:
    found: Floats = pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)
    return found


def _measured(column: pd.Series) -> Floats:
    """Return a driver's numbers; infinite ones are unknown."""
    numbers = _numbers(column)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _units(table: pd.DataFrame, unit: Sequence[str]) -> tuple[Ints, pd.DataFrame]:
    """Return the code of each row's unit and the units' names, sorted."""
    code, names = np.zeros(len(table), np.int64), []
    for name in unit:
        try:
            part, levels = pd.factorize(table[name], sort=True)
        except TypeError:
            raise BadInput(f"{name} mixes kinds of values; give text only, or numbers only.") from None
        code = code * max(len(levels), 1) + part
        names.append(levels)
    code, seen = pd.factorize(code, sort=True)
    columns: dict[str, Any] = {}
    for name, levels in zip(reversed(unit), reversed(names), strict=True):
        seen, place = np.divmod(seen, max(len(levels), 1))
        columns[name] = levels.take(place)
    return code, pd.DataFrame({name: columns[name] for name in unit})


def _phases(times: pd.Index) -> Floats:
    """Return the month of each period and of the one after the last; zeros where periods are not months."""
    dates = times.to_timestamp() if isinstance(times, pd.PeriodIndex) else times
    none = np.zeros(len(times) + 1)
    if not isinstance(dates, pd.DatetimeIndex) or len(dates) < 2:
        return none
    step = np.median(np.diff(dates.to_numpy()).astype("timedelta64[h]").astype(float)) / 24
    if not MONTH_DAYS[0] <= step <= MONTH_DAYS[1]:
        return none
    months: Floats = dates.month.to_numpy(float)
    return np.append(months, months[-1] % 12 + 1)

"""Turn any table into float32 columns that a model can read, the same way when it learns and when it predicts.

Numbers and flags stay as they are, dates become days since 1970, durations days, and text becomes one flag a common
value. A value that was rare or never seen is 0 in every flag of its column: the model's "any other".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from copilot.errors import BadInput

Kind = Literal["number", "date", "duration", "text"]
MOST_VALUES, LEAST_ROWS = 12, 20  # of a text column: at most so many flags, each of at least so many rows
DAY = pd.Timedelta(days=1)
# XGBoost refuses these in a feature's name.
_SAFE = str.maketrans("[]<", "()‹")


@dataclass(frozen=True)
class Encoding:
    """How each column is read.

    Attributes:
        kinds: The columns it reads, in order, and how.
        values: The values of each text column that have a flag of their own.
        left_out: The columns that say nothing, with the reason.
    """

    kinds: Mapping[str, Kind]
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def fit(cls, X: pd.DataFrame) -> Encoding:
        """Settle how the columns of a table are read; columns without two different values are left out and named.

        Raises:
            BadInput: No table, no or doubled columns, unnamed columns, or values that are no number, date or text.
        """
        _check(X)
        kinds: dict[str, Kind] = {}
        values: dict[str, tuple[str, ...]] = {}
        left_out: dict[str, str] = {}
        for name in X.columns:
            column, kind = X[name], _kind(X[name], name)
            known = column.dropna()
            if known.empty:
                left_out[name] = "it has no values"
            elif kind == "text":
                counts = _text(known).value_counts()
                common = counts[counts >= min(LEAST_ROWS, max(2, len(X) // 10))]
                common = common.sort_index().sort_values(ascending=False, kind="stable").head(MOST_VALUES)
                if common.empty or (len(counts) == 1 and len(known) == len(column)):
                    left_out[name] = "no value of it is common" if common.empty else "it holds one value"
                else:
                    kinds[name], values[name] = kind, tuple(str(value) for value in common.index)
            elif known.nunique() == 1 and len(known) == len(column):
                left_out[name] = "it holds one value"
            else:
                kinds[name] = kind
        return cls(kinds, values, left_out)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that ``transform`` returns, in order."""
        found = [flag for name in self.kinds for flag in self.flags(name)]
        seen: dict[str, int] = {}
        for position, flag in enumerate(found):
            seen[flag] = seen.get(flag, 0) + 1
            if seen[flag] > 1:  # two values that differ only in a refused sign
                found[position] = f"{flag} ({seen[flag]})"
        return tuple(found)

    def flags(self, name: str) -> tuple[str, ...]:
        """Return the columns that one column becomes."""
        if name not in self.kinds:
            return ()
        if self.kinds[name] != "text":
            return (name.translate(_SAFE),)
        return tuple(f"{name}={value}".translate(_SAFE) for value in self.values[name])

    def positions(self, name: str) -> list[int]:
        """Return where the columns that one column becomes stand among ``names``."""
        start = 0
        for other in self.kinds:
            width = len(self.flags(other))
            if other == name:
                return list(range(start, start + width))
            start += width
        return []

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the columns as float32, NaN where a cell is empty, indexed as ``X``; further columns are ignored.

        Raises:
            BadInput: A column is missing, infinite, or of another kind than when the encoding was fitted.
        """
        _check(X)
        absent = [name for name in self.kinds if name not in X.columns]
        if absent:
            raise BadInput(f"The features lack {_some(absent)}, which the model was trained on; build them again.")
        parts = [self._column(X[name], name) for name in self.kinds]
        table = np.concatenate(parts, axis=1) if parts else np.zeros((len(X), 0), np.float32)
        names = self.names
        endless = [names[place] for place in np.flatnonzero(np.isinf(table).any(axis=0))]
        if endless:
            raise BadInput(
                f"The features {_some(endless)} hold infinite values; leave them empty where nothing is known."
            )
        return pd.DataFrame(table, index=X.index, columns=list(names))

    def _column(self, column: pd.Series, name: str) -> Any:
        kind = self.kinds[name]
        if kind == "text":
            text, known = _text(column), column.notna().to_numpy()
            flags = [np.where(known, (text == value).to_numpy(bool), np.nan) for value in self.values[name]]
            return np.column_stack(flags).astype(np.float32)
        if column.notna().any() and _kind(column, name) != kind:
            raise BadInput(f"The feature {name!r} held a {kind} when the model was trained and holds none now.")
        with np.errstate(over="ignore"):  # beyond float32 is infinite, and said so
            return _numbers(column, kind).astype(np.float32)[:, None]

    def as_state(self) -> dict[str, Any]:
        """Return it in JSON's own types."""
        values = {name: list(known) for name, known in self.values.items()}
        return {"kinds": dict(self.kinds), "values": values, "left_out": dict(self.left_out)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Encoding:
        """Put a saved encoding together again."""
        values = {name: tuple(known) for name, known in state["values"].items()}
        return cls(dict(state["kinds"]), values, dict(state["left_out"]))


def _check(X: pd.DataFrame) -> None:
    if not isinstance(X, pd.DataFrame):
        raise BadInput(f"The features must be a table with named columns; got a {type(X).__name__}.")
    odd = [str(name) for name in X.columns if not isinstance(name, str)]
    if not X.shape[1] or odd:
        raise BadInput(f"Features need text names; rename {_some(odd) if odd else 'none: there are none'}.")
    if not X.columns.is_unique:
        raise BadInput(f"The features hold {_some(sorted(X.columns[X.columns.duplicated()]))} twice; keep one of each.")


def _kind(column: pd.Series, name: str) -> Kind:
    types = pd.api.types
    if types.is_bool_dtype(column) or (types.is_numeric_dtype(column) and not types.is_complex_dtype(column)):
        return "number"
    if types.is_datetime64_any_dtype(column) or isinstance(column.dtype, pd.PeriodDtype):
        return "date"
    if types.is_timedelta64_dtype(column):
        return "duration"
    if isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype):
        return "text"
    held = pd.api.types.infer_dtype(column, skipna=True)
    if held in ("integer", "floating", "decimal", "mixed-integer-float", "boolean", "empty"):
        return "number"
    if held in ("datetime", "datetime64", "date"):
        return "date"
    if held in ("string", "mixed-integer", "categorical"):
        return "text"
    raise BadInput(f"The feature {name!r} holds {held} values; give numbers, dates or text.")


def _numbers(column: pd.Series, kind: Kind) -> Any:
    if kind == "date":
        days = column.dt.to_timestamp() if isinstance(column.dtype, pd.PeriodDtype) else column
        moments = pd.to_datetime(days, utc=True, errors="coerce")
        return ((moments - pd.Timestamp(0, tz="UTC")) / DAY).to_numpy(np.float64)
    if kind == "duration":
        return (column / DAY).to_numpy(np.float64)
    return pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def _text(column: pd.Series) -> pd.Series:
    """Return each value as text; 3.0 reads as 3, so that a column of whole numbers does not depend on its type."""
    plain = column.astype(object)
    return plain.map(lambda v: str(int(v)) if isinstance(v, float) and v.is_integer() else str(v), na_action="ignore")


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"

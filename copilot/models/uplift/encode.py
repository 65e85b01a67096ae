"""Turn a frame of features into numbers, the same way at every later call; text becomes one column a frequent value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.stats import Floats, Ints

MOST_VALUES = 12  # of a text column that get a column of their own
LEAST_ROWS = 10  # a value seen in fewer rows is "other", as is a value never seen
OTHER = "(other)"


@dataclass(frozen=True)
class Encoder:
    """The columns a model reads: plain ones as they stand, text ones as indicators.

    Attributes:
        names: The given columns that are read, in their order.
        values: For each text column the values that have an indicator; the rest, also a missing value, is ``(other)``.
        notes: One sentence for each column that was left out.
    """

    names: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    @property
    def origin(self) -> Ints:
        """Return for each encoded column the position of the given column it comes from."""
        wide = [len(self.values[name]) + 1 if name in self.values else 1 for name in self.names]
        return np.repeat(np.arange(len(self.names)), wide)

    def table(self, X: pd.DataFrame) -> Floats:
        """Return the encoded rows, (n, encoded columns), NaN where a number is missing.

        Raises:
            BadInput: No frame, or a column is missing, doubled, text where numbers stood, or infinite.
        """
        _check(X)
        absent = [name for name in self.names if name not in X.columns]
        if absent:
            raise BadInput(f"The features lack {_some(absent)}, which the model was trained on; build them again.")
        parts = []
        for name in self.names:
            if name in self.values:
                known = np.array(self.values[name], dtype=object)
                hit = _text(X[name])[:, None] == known[None, :]
                parts.append(np.column_stack([hit, ~hit.any(axis=1)]).astype(float))
            else:
                parts.append(_numbers(X, name)[:, None])
        return np.hstack(parts)

    def state(self) -> dict[str, Any]:
        """Return what ``from_state`` needs, in JSON's types."""
        return {"values": {name: list(known) for name, known in self.values.items()}, "notes": list(self.notes)}


def learn(X: pd.DataFrame) -> Encoder:
    """Choose how each column is read.

    Numbers and booleans are read as they stand. In a text or category column each value that at least 10 rows hold, at
    most the 12 most frequent, gets an indicator; everything else is ``(other)``. A column without a single value is
    left out, with a note.

    Raises:
        BadInput: No frame, no usable column, doubled names, or columns of dates.
    """
    _check(X)
    names, values, notes = [], {}, []
    for name in X.columns:
        column = X[name]
        if column.isna().all():
            notes.append(f"The feature {name!r} is empty and was left out.")
            continue
        names.append(name)
        if _is_text(column):
            found = pd.Series(_text(column)).value_counts(sort=False)
            found = found[(found >= LEAST_ROWS) & (found.index != OTHER)]
            ranked = sorted(found.index, key=lambda value: (-found[value], value))
            values[name] = tuple(sorted(ranked[:MOST_VALUES]))
        else:
            _numbers(X, name)
    if not names:
        raise BadInput("Every feature is empty; give at least one column with values.")
    return Encoder(tuple(names), values, tuple(notes))


def from_state(names: tuple[str, ...], state: Mapping[str, Any]) -> Encoder:
    """Put a saved encoder together again."""
    values = {name: tuple(known) for name, known in state["values"].items()}
    return Encoder(names, values, tuple(state["notes"]))


def _check(X: pd.DataFrame) -> None:
    if not isinstance(X, pd.DataFrame):
        raise BadInput(f"The features must be a table with named columns; got a {type(X).__name__}.")
    if not X.shape[1]:
        raise BadInput("The table of features has no columns; give at least one.")
    odd = [str(name) for name in X.columns if not isinstance(name, str)]
    if odd:
        raise BadInput(f"Features need text names; rename {_some(odd)}.")
    if not X.columns.is_unique:
        raise BadInput(f"The features hold {_some(sorted(X.columns[X.columns.duplicated()]))} twice; keep one of each.")


def _is_text(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(column.dtype):
        return True
    return bool(column.dtype == object and not pd.api.types.is_bool_dtype(column.dropna().infer_objects().dtype)
                and not pd.api.types.is_numeric_dtype(column.dropna().infer_objects().dtype))  # fmt: skip


def _text(column: pd.Series) -> np.ndarray:
    plain = column.astype(object)
    found: np.ndarray = plain.where(plain.notna(), OTHER).map(str).to_numpy(dtype=object)
    return found


def _numbers(X: pd.DataFrame, name: str) -> Floats:
    column = X[name]
    if pd.api.types.is_datetime64_any_dtype(column.dtype) or pd.api.types.is_timedelta64_dtype(column.dtype):
        raise BadInput(f"The feature {name!r} holds dates; give days since or until a date instead.")
    try:
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise BadInput(f"The feature {name!r} held numbers in training and holds something else now.") from None
    # Trees read float32; what lies beyond it would be infinite to them.
    if (np.abs(numbers[~np.isnan(numbers)]) > np.finfo(np.float32).max).any():
        raise BadInput(f"The feature {name!r} holds infinite values; leave them empty where nothing is known.")
    return np.asarray(numbers, float)


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"

"""Read the columns that a study names: whatever they are called, with one sentence for whatever cannot be used."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.stats import Floats, Ints

Flags = npt.NDArray[np.bool_]
_YES = {"1", "1.0", "true", "t", "yes", "y", "treated", "treatment", "test"}
_NO = {"0", "0.0", "false", "f", "no", "n", "control", "untreated"}


def need(frame: pd.DataFrame, columns: Sequence[Hashable | None]) -> pd.DataFrame:
    """Return the frame with its rows numbered from 0; every named column is there once.

    Raises:
        BadInput: It is no frame, holds no rows, lacks a column, or holds one twice.
    """
    if not isinstance(frame, pd.DataFrame):
        raise BadInput(f"A study reads a data frame, not {type(frame).__name__}; give one row a unit and period.")
    asked = [name for name in columns if name is not None]
    missing = [str(name) for name in asked if name not in frame.columns]
    if missing:
        known = ", ".join(map(str, frame.columns[:20]))
        raise BadInput(f"There is no column {', '.join(missing)}; the frame has {known or 'no columns'}.")
    twice = [str(name) for name in asked if list(frame.columns).count(name) > 1]
    if twice:
        raise BadInput(f"The column {twice[0]} is there more than once; keep one of them.")
    if frame.empty:
        raise BadInput("The frame holds no rows; check the filter or the period it was made with.")
    return frame.reset_index(drop=True)


def listed(names: str | Sequence[str] | None) -> list[str]:
    """Return the columns somebody names: none, one by itself, or several."""
    return [names] if isinstance(names, str) else list(names if names is not None else ())


def flags(frame: pd.DataFrame, column: Hashable) -> Flags:
    """Return a column of 0/1, booleans, or words such as treated and control as booleans.

    Raises:
        BadInput: A value is missing or is neither.
    """
    values = frame[column]
    if values.isna().any():
        raise BadInput(
            f"{column} is missing in {int(values.isna().sum())} rows; say of each row whether it is treated."
        )
    if pd.api.types.is_numeric_dtype(values) and values.isin((0, 1)).all():
        return np.asarray(values == 1, bool)
    words = values.astype(str).str.strip().str.lower()
    yes, no = words.isin(_YES), words.isin(_NO)
    if not (yes | no).all():
        odd = plain(values[~(yes | no)].iloc[0])
        raise BadInput(f"{column} holds {odd!r}; it takes 0 and 1, true and false, or treated and control.")
    found: Flags = yes.to_numpy(bool)
    return found


def both_arms(treated: Flags, column: Hashable) -> None:
    """Refuse a study without a treated or without a control row.

    Raises:
        BadInput: One arm is empty.
    """
    if treated.all():
        raise BadInput(f"There are no controls: every row has {column} = treated; add untreated units to compare with.")
    if not treated.any():
        raise BadInput(f"Nothing is treated: every row has {column} = control; add treated units.")


def numbers(frame: pd.DataFrame, column: Hashable) -> Floats:
    """Return a column as floats; what is missing is NaN.

    Raises:
        BadInput: It holds text that is no number, an infinite value, or nothing at all.
    """
    values = frame[column]
    found = pd.to_numeric(values, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    worded = np.isnan(found) & values.notna().to_numpy()
    if worded.any():
        raise BadInput(
            f"{column} holds {plain(values[worded].iloc[0])!r}, which is no number; give a column of numbers."
        )
    if np.isinf(found).any():
        raise BadInput(f"{column} holds an infinite value; give finite numbers, and nothing where one is not known.")
    if np.isnan(found).all():
        raise BadInput(f"{column} is missing in every row; leave it out or fill it.")
    return np.asarray(found, float)


def is_numeric(values: pd.Series) -> bool:
    """Say whether a column is a scale to cut (numbers, days) and no set of categories."""
    return bool(pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values))


def codes(values: pd.Series, *, sort: bool = False) -> Ints:
    """Number the values of a column from 0, in their order if ``sort``; 1, 1.0 and missing ones are each one value.

    Raises:
        BadInput: It holds lists or the like, which are no values to tell rows apart by.
    """
    try:
        found: Ints = pd.factorize(values, use_na_sentinel=False, sort=sort)[0].astype(np.intp)
    except TypeError:
        raise BadInput(f"{values.name} holds {plain(values.iloc[0])!r} and the like; give one value a row.") from None
    return found


def clusters(frame: pd.DataFrame, column: Hashable | None) -> Ints | None:
    """Return the cluster of each row, numbered from 0; None where no column is named.

    Raises:
        BadInput: A row has none, or all rows lie in one.
    """
    if column is None:
        return None
    if frame[column].isna().any():
        raise BadInput(f"{column} is missing in some rows; say of each row which {column} it belongs to.")
    found = codes(frame[column])
    if found.max() == 0:
        raise BadInput(
            f"All rows lie in one cluster ({column} = {frame[column].iloc[0]}), so no error can be told; "
            "name the level at which the treatment was assigned, with several of them."
        )
    return found


def plain(value: Any) -> Any:
    """Return a cell as Python shows it, whole numbers without a fraction."""
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, float) and value.is_integer() else value

"""Read who was touched and how: 0 and 1, or a control and one or more named kinds of touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.models import boosting

CONTROLS = {"", "0", "0.0", "none", "control", "no", "false", "untreated", "untouched", "nan", "<na>", "nat"}
MOST_ARMS = 12
LEAST_IN_ARM = 20
RESERVED = set("/\\")


@dataclass(frozen=True)
class Arms:
    """The arm of each row: 0 is the control, k the k-th of ``names``."""

    code: npt.NDArray[np.intp]
    names: tuple[str, ...]


def read(treatment: npt.ArrayLike, rows: int) -> Arms:
    """Return the arm of each row.

    Args:
        treatment: (rows,). Numbers or booleans: 0 is the control, whole positive numbers are arms. Text: ``none``,
            ``control``, ``0``, nothing, or a phrase that begins with "no " ("No E-Mail") is the control, each other
            text an arm.
        rows: How many rows the features have.

    Raises:
        BadInput: Another length, no control, no arm, more than 12 arms, fractions, or fewer than 20 rows in an arm.
    """
    values = treatment.to_numpy() if isinstance(treatment, pd.Series | pd.Index) else np.asarray(treatment)
    if isinstance(treatment, pd.Categorical):
        values = np.asarray(treatment, dtype=object)
    code, names = _numbered(treatment, rows) if values.dtype.kind in "biuf" else _named(values, rows)
    counts = np.bincount(code, minlength=len(names) + 1)
    if not names:
        raise BadInput(f"Only 0 of {rows} rows are touched; an effect needs at least {LEAST_IN_ARM} in each arm.")
    said = ("untouched", "touched") if len(names) == 1 else ("untouched", *(f"touched by {name!r}" for name in names))
    for count, name in zip(counts, said, strict=True):
        if count < LEAST_IN_ARM:
            raise BadInput(f"Only {count} rows are {name}; an effect needs at least {LEAST_IN_ARM} in each arm.")
    return Arms(code, names)


def _numbered(treatment: npt.ArrayLike, rows: int) -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    values = boosting.vector(treatment, "treatment", rows)
    found = np.unique(values)
    if (found < 0).any() or (found != np.round(found)).any():
        shown = ", ".join(f"{value:g}" for value in found[:6])
        raise BadInput(f"treatment holds {shown}; give 0 for no touch and 1, or one whole number a kind of touch.")
    arms = found[found > 0]
    _few(len(arms))
    code = np.where(values == 0, 0, np.searchsorted(arms, values) + 1)
    return code.astype(np.intp), tuple(f"{arm:g}" for arm in arms)


def _named(values: npt.NDArray[Any], rows: int) -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    if values.shape != (rows,):
        raise BadInput(
            f"treatment needs one value for each of the {rows} rows of features; it has shape {values.shape}."
        )
    labels = np.array(["none" if value is None or value is pd.NA else str(value).strip() for value in values])
    lowered = np.char.lower(labels) if len(labels) else labels
    control = np.isin(lowered, sorted(CONTROLS)) | np.char.startswith(lowered, "no ")
    arms = sorted(set(labels[~control].tolist()))
    if len(arms) > 1 and not control.any():
        raise BadInput(
            f"treatment names no control among {', '.join(map(repr, arms[:5]))}; call untouched rows 'none'."
        )
    if any(RESERVED & set(arm) for arm in arms):
        raise BadInput("The name of a kind of touch must not hold / or \\; rename it.")
    _few(len(arms))
    code = np.zeros(rows, dtype=np.intp)
    for number, arm in enumerate(arms, start=1):
        code[labels == arm] = number
    return code, tuple(arms)


def _few(count: int) -> None:
    if count > MOST_ARMS:
        raise BadInput(f"treatment holds {count} kinds of touch, at most {MOST_ARMS} can be told apart; pool some.")

"""Turn features into numbers: response encoding of text columns out of fold (001 §2.3.2), year-on-year changes capped.

A category becomes the mean response of its rows, drawn towards the mean of all as if twenty rows of it were added. A
row that is learned from sees the mean over *other* accounts' rows, or its own answer would stand among its features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.models import boosting
from copilot.models.boosting import Features
from copilot.stats import Floats, Ints, folds

PRIOR_ROWS = 20.0
PARTS = 5
CAP = (-1.0, 3.0)  # of a year-on-year change (MATHS §1)
YOY = "yoy"
Responses = dict[str, dict[str, Any]]  # by text column: ``prior`` and the ``levels``' encoded responses


@dataclass(frozen=True)
class Table:
    """Features by position: numbers, with NaN in the text columns, and the text columns' levels."""

    numbers: Features
    names: tuple[str, ...]
    text: Mapping[str, npt.NDArray[np.object_]]

    def take(self, rows: Ints) -> Table:
        """Return some rows."""
        return Table(self.numbers[rows], self.names, {name: levels[rows] for name, levels in self.text.items()})

    def encoded(self, responses: Responses) -> Features:
        """Return the features with each level replaced by its response; an unseen or missing level gets the prior."""
        if not self.text:
            return self.numbers
        filled = self.numbers.copy()
        for name, levels in self.text.items():
            told = responses[name]
            found = pd.Series(levels, dtype=object).map(told["levels"]).to_numpy(float)
            filled[:, self.names.index(name)] = np.where(np.isnan(found), told["prior"], found)
        return filled


def read(X: pd.DataFrame, names: Sequence[str] | None = None, text: Sequence[str] | None = None) -> Table:
    """Return the features of a frame.

    Args:
        X: Columns of numbers, booleans, text or categories; missing values allowed.
        names: The columns a fitted model expects; None takes all.
        text: Those it read as text; None finds them.

    Raises:
        BadInput: As ``boosting.numeric``; dates and text where a fitted model expects numbers count as no numbers.
    """
    if not isinstance(X, pd.DataFrame) or not X.columns.is_unique:
        boosting.numeric(X, names)
    wanted = list(X.columns) if names is None else [name for name in names if name in X.columns]
    worded = [name for name in wanted if _is_text(X[name])] if text is None else [n for n in text if n in wanted]
    plain = X[wanted].copy(deep=False)
    for name in worded:
        plain[name] = np.nan
    for name in wanted:
        if name not in worded and plain[name].dtype == object:  # numbers among missing values
            plain[name] = pd.to_numeric(plain[name], errors="ignore" if _is_text(plain[name]) else "coerce")
        if isinstance(name, str) and YOY in name.lower().split("_") and pd.api.types.is_numeric_dtype(plain[name]):
            plain[name] = plain[name].astype(float).clip(*CAP)  # a missing one stays missing
    numbers = boosting.numeric(plain, names)
    levels = {name: _levels(X[name]) for name in worded}
    return Table(numbers, tuple(plain.columns) if names is None else tuple(names), levels)


def respond(
    table: Table, response: Floats, groups: npt.NDArray[Any], rng: np.random.Generator
) -> tuple[Features, Responses]:
    """Return the features to learn from, encoded out of fold, and the full-data responses to predict with.

    Args:
        table: The rows to learn from.
        response: (n,), what the booster learns.
        groups: (n,), the account of each row; its parts keep accounts together.
        rng: Deals accounts into parts.
    """
    if not table.text:
        return table.numbers, {}
    prior = float(response.mean())
    if len(np.unique(groups)) > 1:
        parts = [(fold.train, fold.test) for fold in folds(groups, None, n=PARTS, rng=rng)]
    else:
        parts = []
    filled, responses = table.numbers.copy(), {}
    for name, levels in table.text.items():
        place = table.names.index(name)
        filled[:, place] = prior
        for near, held in parts:
            means = pd.Series(levels[held], dtype=object).map(_means(levels[near], response[near], prior))
            filled[held, place] = means.fillna(prior).to_numpy(float)
        responses[name] = {"prior": prior, "levels": _means(levels, response, prior)}
    return filled, responses


def _means(levels: npt.NDArray[np.object_], response: Floats, prior: float) -> dict[str, float]:
    by = pd.Series(response).groupby(pd.Series(levels, dtype=object), sort=True).agg(["sum", "count"])
    shrunk = (by["sum"] + PRIOR_ROWS * prior) / (by["count"] + PRIOR_ROWS)
    return {str(level): float(mean) for level, mean in shrunk.items()}


def _is_text(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype):
        return True
    if not pd.api.types.is_object_dtype(column):
        return False
    known = column.dropna()
    return bool(len(known)) and all(isinstance(one, str) for one in known)


def _levels(column: pd.Series) -> npt.NDArray[np.object_]:
    found = np.empty(len(column), dtype=object)
    found[:] = [None if missing else str(one) for one, missing in zip(column, column.isna(), strict=True)]
    return found

"""Exact contributions of each feature to a boosted model's predictions (TreeSHAP, Lundberg et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from copilot.errors import BadInput

if TYPE_CHECKING:
    import xgboost as xgb

FEWEST_ROWS = 1_000  # below, laying the tables out costs more than it saves
TOLERANCE = 1e-4  # of single precision, summed over some hundred features


def contributions(
    booster: xgb.Booster | xgb.XGBModel,
    X: pd.DataFrame | np.ndarray,
    *,
    output: int | None = None,
    iteration_range: tuple[int, int] | None = None,
) -> np.ndarray:
    """Return how much each feature moves each prediction away from the model's mean.

    These are the Shapley values of the game in which an unknown feature is averaged over the training rows that
    reach a split (path-dependent TreeSHAP). A missing value follows the branch training chose for it.

    Many rows of a model that ``leaf_tables`` covers are looked up there, some forty times as fast as XGBoost's own
    ``pred_contribs``, in single precision (about 1e-6 of the largest contribution). Their sums are checked against the
    model's margins; where they differ, and for all other models, XGBoost's own answer is given.

    Args:
        booster: A fitted booster, or a scikit-learn style model; the latter counts the rounds up to its best one.
        X: One row an account. A frame is matched to the model by column name, an array by position.
        output: Which class or target of a model with several.
        iteration_range: The rounds to count, from (included) and to (excluded), where not all.

    Returns:
        Shape (rows, features + 1), float64. The columns stand in the **model's** order of features whatever the
        order in ``X``; the last is the bias. A row sums to the model's margin: the prediction's own unit for
        a regression, log-odds for a classifier.

    Raises:
        BadInput: The model is not fitted, or ``X`` is not what it was fitted on.
    """
    import xgboost as xgb

    trees, missing = core(booster)
    if iteration_range is None:
        iteration_range = best_rounds(booster)
    names, width = trees.feature_names, trees.num_features()
    rows = _frame(X, names, width) if isinstance(X, pd.DataFrame) else _array(X, width)
    if not len(rows):
        return np.zeros((0, width + 1))

    def told(part: Any, **what: bool) -> np.ndarray:
        # Names are checked above; an array has none, and a model fitted on one knows none.
        data = xgb.DMatrix(part, feature_names=names, missing=missing, enable_categorical=True)
        answer = trees.predict(data, **what, validate_features=False, iteration_range=iteration_range)
        return np.asarray(answer, np.float64)

    try:
        if len(rows) >= FEWEST_ROWS:
            first = _one_output(told(rows[:1], pred_contribs=True), output)
            found = _looked_up(trees, rows, missing, output or 0, iteration_range, first[0, -1])
            if found is not None and _adds_up(found, told(rows, output_margin=True), output or 0):
                return found
        return _one_output(told(rows, pred_contribs=True), output)
    except xgb.core.XGBoostError as error:
        raise BadInput(f"The model cannot read these rows: {_first_sentence(error)}.") from None


def matched(model: xgb.Booster | xgb.XGBModel, X: pd.DataFrame | np.ndarray) -> tuple[Any, tuple[str, ...]]:
    """Return the rows in the model's order of features, and the features' names.

    Raises:
        BadInput: The model is not fitted, or ``X`` is not what it was fitted on.
    """
    trees, _ = core(model)
    known, width = trees.feature_names, trees.num_features()
    rows = _frame(X, known, width) if isinstance(X, pd.DataFrame) else _array(X, width)
    return rows, tuple(
        known or (X.columns.map(str) if isinstance(X, pd.DataFrame) else map("f{}".format, range(width)))
    )


def margins(model: xgb.Booster | xgb.XGBModel, X: pd.DataFrame | np.ndarray, output: int | None = None) -> np.ndarray:
    """Return what the contributions of each row must sum to, (n,): the model's margin, by its best rounds.

    Raises:
        BadInput: As ``contributions``.
    """
    import xgboost as xgb

    rows, _ = matched(model, X)
    trees, missing = core(model)
    if not len(rows):
        return np.zeros(0)
    try:
        data = xgb.DMatrix(rows, feature_names=trees.feature_names, missing=missing, enable_categorical=True)
        told = trees.predict(data, output_margin=True, validate_features=False, iteration_range=best_rounds(model))
    except xgb.core.XGBoostError as error:
        raise BadInput(f"The model cannot read these rows: {_first_sentence(error)}.") from None
    if told.ndim == 2 and (output is None or not 0 <= output < told.shape[1]):
        raise BadInput(f"The model has {told.shape[1]} outputs; choose one with output=0 … {told.shape[1] - 1}.")
    return np.asarray(told if told.ndim == 1 else told[:, output], np.float64)


def _looked_up(
    trees: xgb.Booster, rows: Any, missing: float, output: int, rounds: tuple[int, int], bias: float
) -> np.ndarray | None:
    """Return contributions from leaf tables, or None where they do not cover the model or cannot be compiled here."""
    from copilot.models.leaf_tables import NotCovered, lay_out

    if isinstance(rows, pd.DataFrame) and any(isinstance(kind, pd.CategoricalDtype) for kind in rows.dtypes):
        return None
    try:
        from copilot.models.leaf_walk import walk

        tables = lay_out(trees, output, rounds)
    except (NotCovered, ImportError, RuntimeError):  # numba raises the last where no folder takes its cache
        return None
    plain = rows.to_numpy(np.float32, na_value=np.nan) if isinstance(rows, pd.DataFrame) else rows.astype(np.float32)
    if not np.isnan(missing):
        plain = np.where(plain == np.float32(missing), np.float32(np.nan), plain)
    return np.column_stack([walk(tables, plain), np.full(len(plain), bias)])


def _adds_up(found: np.ndarray, margin: np.ndarray, output: int) -> bool:
    """Say whether each row's contributions sum to its margin (local accuracy)."""
    aim = margin if margin.ndim == 1 else margin[:, output]
    return bool(np.abs(found.sum(axis=1) - aim).max() <= TOLERANCE * (1 + np.abs(found).max()))


def core(model: Any) -> tuple[xgb.Booster, float]:
    """Return the booster and the value it takes for missing."""
    import xgboost as xgb

    if isinstance(model, xgb.Booster):
        if _is_empty(model):
            raise BadInput("The model to explain has not been trained; train it first.")
        return model, np.nan
    if not isinstance(model, xgb.XGBModel):
        raise BadInput(f"Contributions need an XGBoost model; a {type(model).__name__} was given.")
    if not model.__sklearn_is_fitted__():
        raise BadInput("The model to explain has not been trained; train it first.")
    return model.get_booster(), model.missing


def _is_empty(booster: xgb.Booster) -> bool:
    import xgboost as xgb

    try:
        return bool(booster.num_features() == 0)
    except xgb.core.XGBoostError:
        return True


def best_rounds(model: Any) -> tuple[int, int]:
    """Return the rounds the model's own ``predict`` counts; (0, 0) means all."""
    best = getattr(model, "best_iteration", None) if hasattr(model, "get_booster") else None
    return (0, 0) if best is None else (0, int(best) + 1)


def _frame(X: pd.DataFrame, names: Sequence[str] | None, width: int) -> pd.DataFrame | np.ndarray:
    unusable = [
        str(name)
        for name, dtype in X.dtypes.items()
        if not (pd.api.types.is_numeric_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype))
    ]
    if unusable:
        raise BadInput(f"The columns {_list(unusable)} hold no numbers; encode them as they were for training.")
    if names is None:
        return _array(X.to_numpy(dtype=np.float64, na_value=np.nan), width)
    given = X.set_axis([str(name) for name in X.columns], axis=1)
    twice = given.columns[given.columns.duplicated()].tolist()
    missing = [name for name in names if name not in given.columns]
    extra = [name for name in given.columns if name not in set(names)]
    faults = [
        f"{what} {_list(which)}"
        for what, which in (("lack", missing), ("have besides", extra), ("have twice", twice))
        if which
    ]
    if faults:
        raise BadInput(f"The columns are not those the model was trained on: they {' and '.join(faults)}.")
    ordered: pd.DataFrame = given[list(names)]
    return ordered


def _array(X: Any, width: int) -> np.ndarray:
    try:
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadInput("The rows to explain are not a table of numbers.") from None
    if rows.ndim != 2 or rows.shape[1] != width:
        raise BadInput(f"The model was trained on {width} columns; rows of shape {rows.shape} were given.")
    return rows


def _one_output(found: np.ndarray, output: int | None) -> np.ndarray:
    if found.ndim == 2:
        if output not in (None, 0):
            raise BadInput(f"The model has one output; output {output} was asked for.")
        return found
    count = found.shape[1]
    if output is None or not 0 <= output < count:
        raise BadInput(f"The model has {count} outputs; choose one with output=0 … {count - 1}.")
    chosen: np.ndarray = found[:, output, :]
    return chosen


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _first_sentence(error: Exception) -> str:
    """Return what an XGBoost error says, without file, line and stack."""
    return str(error).splitlines()[0].rsplit("Check failed:", 1)[-1].rsplit(": ", 1)[-1].strip().rstrip(".")

"""Regularised gradient boosting and the folds that judge it, shared by every model (MATHS §2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.stats import Floats, Fold, Ints, folds

if TYPE_CHECKING:
    import xgboost as xgb

Features = npt.NDArray[np.float32]
Task = Literal["mean", "median", "chance"]
OBJECTIVES = {"mean": "reg:squarederror", "median": "reg:absoluteerror", "chance": "binary:logistic"}

BINS = 64
MOST_ROUNDS = 1_000
BLIND_ROUNDS = 20  # where too few accounts are left to choose by
PATIENCE = 15
FEW_HELD = 2_000  # held rows from which they are looked at after each fifth round only: a look costs half a round
LARGE = 20_000  # rows from which one inner split chooses the rounds as well as three
HORIZON = timedelta(days=90)  # of a label, where the caller does not say: a renewal is worked on for about a quarter
MOST_SEED = 2**31


def numeric(X: pd.DataFrame, names: Sequence[str] | None = None) -> Features:
    """Return the features as float32, (n, columns), NaN where missing.

    Args:
        X: One row a case; every column numeric or boolean.
        names: The columns a fitted model expects, in its order; others are ignored. None takes all of ``X``.

    Raises:
        BadInput: No frame, no columns, missing or doubled columns, text columns, infinite values, or a name that
            XGBoost cannot hold.
    """
    if not isinstance(X, pd.DataFrame):
        raise BadInput(f"The features must be a table with named columns; got a {type(X).__name__}.")
    if names is not None:
        absent = [name for name in names if name not in X.columns]
        if absent:
            raise BadInput(f"The features lack {_some(absent)}, which the model was trained on; build them again.")
        X = X[list(names)]
    odd = [str(c) for c in X.columns if not isinstance(c, str) or set(c) & set("[]<")]
    if not X.shape[1] or odd:
        raise BadInput(
            f"Features need text names without [, ] and <; rename {_some(odd) if odd else 'none: there are none'}."
        )
    if not X.columns.is_unique:
        raise BadInput(f"The features hold {_some(sorted(X.columns[X.columns.duplicated()]))} twice; keep one of each.")
    text = [c for c in X.columns if not pd.api.types.is_numeric_dtype(X[c]) or pd.api.types.is_complex_dtype(X[c])]
    if text:
        raise BadInput(f"The features {_some(text)} are not numbers; encode or drop them.")
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and said so below
        table: Features = X.to_numpy(dtype=np.float32, na_value=np.nan)
    endless = [str(name) for name in X.columns[np.isinf(table).any(axis=0)]]
    if endless:
        raise BadInput(f"The features {_some(endless)} hold infinite values; leave them empty where nothing is known.")
    return table


def vector(values: npt.ArrayLike, name: str, rows: int) -> Floats:
    """Return one finite number a row, (rows,), matched by position.

    Raises:
        BadInput: Another length, text, or missing and infinite values.
    """
    try:
        plain = values.to_numpy(float, na_value=np.nan) if isinstance(values, pd.Series) else np.asarray(values, float)
    except (TypeError, ValueError):
        raise BadInput(f"{name} must hold numbers only.") from None
    if plain.shape != (rows,):
        raise BadInput(f"{name} needs one value for each of the {rows} rows of features; it has shape {plain.shape}.")
    bad = int((~np.isfinite(plain)).sum())
    if bad:
        raise BadInput(f"{name} is missing or infinite in {bad} of {rows} rows; drop those rows first.")
    return np.asarray(plain, float)


def accounts(groups: npt.ArrayLike | None, rows: int) -> npt.NDArray[Any]:
    """Return the account of each row; without ``groups`` each row is its own.

    Raises:
        BadInput: Another length.
    """
    named = np.arange(rows) if groups is None else np.asarray(groups)
    if named.shape != (rows,):
        raise BadInput(f"groups needs one account for each of the {rows} rows of features; it has shape {named.shape}.")
    return named


def judging_folds(
    named: npt.NDArray[Any], time: npt.ArrayLike | None, embargo: timedelta | float | None, rng: np.random.Generator
) -> list[Fold]:
    """Return the folds of MATHS §1: five parts of the accounts, or three parts × two periods where ``time`` is given.

    Args:
        named: The account of each row.
        time: When each row's features look back from; dates or numbers.
        embargo: The label's horizon; by default 90 days for dates and one period for numbers.
    """
    if time is None:
        return folds(named, None, rng=rng)
    clock = time.dt.to_timestamp() if isinstance(time, pd.Series) and isinstance(time.dtype, pd.PeriodDtype) else time
    plain = np.asarray(clock)
    if plain.shape != named.shape:
        raise BadInput(
            f"time needs one value for each of the {len(named)} rows of features; it has shape {plain.shape}."
        )
    gap = embargo if embargo is not None else (1 if plain.dtype.kind in "iuf" else HORIZON)
    return folds(named, plain, n=3, embargo=gap, rng=rng)


def fold_report(found: Sequence[Fold], timed: bool, embargo: timedelta | float | None) -> dict[str, Any]:
    """Return how the folds were cut, in words, and their dates."""
    if found[0].test_from:
        gap = "90 days (or one period)" if embargo is None else str(embargo)
        rule = f"by account and forward in time, with an embargo of {gap}"
    elif timed:
        rule = "by account only: the history is too short for a split in time with this embargo"
    else:
        rule = "by account only: no dates were given"
    return {"fold_rule": rule, "folds": [fold.as_dict() for fold in found]}


def boost(
    X: Features,
    y: Floats,
    *,
    task: Task,
    groups: npt.NDArray[Any],
    rng: np.random.Generator,
    names: Sequence[str] | None = None,
    thorough: bool = True,
    depths: Sequence[int] = (2,),
) -> xgb.Booster:
    """Fit shallow trees with a small learning rate, stopped early on inner parts of other accounts, then on all rows.

    The number of rounds is the mean of the best rounds over three inner folds (one from 20 000 rows on): a single fold
    of a few hundred rows chooses so badly that rankings of effects lose a third of their correlation with the truth.

    Args:
        X: (n, columns), NaN allowed.
        y: (n,), finite; 0/1 for ``task="chance"``.
        task: What to predict: the mean, the median or the chance of a 1.
        groups: The account of each row; inner folds keep accounts together.
        rng: Seeds the folds and the row and column samples.
        names: The columns' names, kept in the booster.
        thorough: False is content with one inner fold, for nuisances that are fitted many times.
        depths: Depths of the trees to choose from by the loss on the inner parts; one deeper than 2 may also have
            smaller leaves, which pays from a few thousand rows on.

    Returns:
        A booster whose plain prediction is in the unit of ``y`` (a probability for "chance").
    """
    import xgboost as xgb

    seed = int(rng.integers(MOST_SEED))
    tried = [settings(y, task, seed, depth, leaf=0.01 if depth <= 2 else 0.001) for depth in depths]
    best: list[list[int]] = [[] for _ in tried]
    loss = np.zeros(len(tried))
    for train, held in inner_folds(groups, rng, thorough=thorough):
        learn = matrix(X[train], y[train])
        check = xgb.DMatrix(X[held], y[held], nthread=1)
        for place, setting in enumerate(tried):
            _, rounds, lost = stop_early(setting, learn, check)
            best[place].append(rounds)
            loss[place] += lost
    place = int(np.argmin(loss))
    found = max(1, round(float(np.mean(best[place])))) if best[place] else BLIND_ROUNDS
    return xgb.train(tried[place], matrix(X, y, names=names), found)


def settings(y: Floats, task: Task, seed: int, depth: int = 2, *, leaf: float = 0.01) -> dict[str, Any]:
    """Return XGBoost's settings for a target: small steps, large leaves, sampled rows and columns, one thread.

    ``leaf`` is the least share of the rows in a leaf.
    """
    rate = float(np.clip(y.mean(), 0.5 / len(y), 1 - 0.5 / len(y)))
    # A row weighs its second derivative: 1 for numbers, p(1 − p) for chances. Leaves hold that share of the
    # rows, at least five of them.
    weight = rate * (1 - rate) if task == "chance" else 1.0
    start = {"chance": rate, "mean": float(y.mean()), "median": float(np.median(y))}[task]
    rows_sampled = 0.6
    return {
        "objective": OBJECTIVES[task],
        "base_score": start,
        "max_depth": depth,
        "eta": 0.07,
        "gamma": 0,
        "subsample": rows_sampled,
        "colsample_bynode": 0.5,
        "min_child_weight": max(5.0, leaf * len(y)) * weight * rows_sampled,
        "reg_lambda": 5 * weight,
        "tree_method": "hist",
        "max_bin": BINS,
        "nthread": 1,
        "seed": seed,
    }


def matrix(X: Features, y: Floats, *, names: Sequence[str] | None = None) -> xgb.QuantileDMatrix:
    """Return the binned rows XGBoost learns from. Rows that are only checked need no bins, which take a while."""
    import xgboost as xgb

    kept = list(names) if names is not None else None
    return xgb.QuantileDMatrix(X, y, nthread=1, max_bin=BINS, feature_names=kept)


def stop_early(
    chosen: dict[str, Any],
    learn: xgb.DMatrix,
    check: xgb.DMatrix,
    start: xgb.Booster | None = None,
    *,
    patience: int = PATIENCE,
) -> tuple[xgb.Booster, int, float]:
    """Train until the held rows have not gained for ``patience`` rounds.

    Returns:
        The booster with all its rounds, the best number of new rounds (at least 1) and the held loss there: the mean
        squared or absolute error, or the log loss.
    """
    import xgboost as xgb

    booster = xgb.Booster(chosen, [learn, check], model_file=start)
    best, least, step = 0, np.inf, 1 if check.num_row() < FEW_HELD else 5
    for done in range(1, MOST_ROUNDS + 1):
        booster.update(learn, done - 1)
        if done % step:
            continue
        said = booster.eval_set([(check, "held")], done - 1)
        lost = float(said.rsplit(":", 1)[1])
        if lost < least:
            best, least = done, lost
        elif done - best >= patience:
            break
    return booster, max(1, best), least**2 if "rmse" in said else least


def inner_folds(
    groups: npt.NDArray[Any], rng: np.random.Generator, *, thorough: bool = True
) -> list[tuple[Ints, Ints]]:
    """Return the splits that choose the rounds: three of accounts, a quarter where that will do, none for few."""
    if len(np.unique(groups)) < 4:
        return []
    thrice = thorough and len(groups) < LARGE
    parts = folds(groups, None, n=3 if thrice else 4, rng=rng)
    return [(fold.train, fold.test) for fold in (parts if thrice else parts[:1])]


def predict(booster: xgb.Booster, X: Features) -> Floats:
    """Return the booster's prediction for each row, (n,), in the unit it was trained on."""
    import xgboost as xgb

    if not len(X):
        return np.zeros(0)
    table = xgb.DMatrix(X, nthread=1, feature_names=booster.feature_names)
    return np.asarray(booster.predict(table), float)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(repr(str(name)) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"

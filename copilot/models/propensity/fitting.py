"""The door: fit a propensity, judge it out of fold, and say what was kept and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.models import boosting, registry
from copilot.models.encoding import Encoding
from copilot.models.propensity import components as parts
from copilot.models.propensity.calibration import Calibration
from copilot.models.propensity.held import predict_held
from copilot.models.propensity.judge import settle
from copilot.models.propensity.learners import NARROW, Mixture
from copilot.models.propensity.linear import Scaling, log_odds
from copilot.models.propensity.model import Propensity
from copilot.models.propensity.pooling import regions
from copilot.models.propensity.seasons import BySeason, by_season
from copilot.models.propensity.tiers import cuts
from copilot.stats import Floats

LEAST = 20


def fit(
    X: pd.DataFrame,
    y: npt.ArrayLike,
    *,
    pool: str | None = None,
    rng: np.random.Generator,
    groups: npt.ArrayLike | None = None,
    time: npt.ArrayLike | None = None,
    embargo: timedelta | float | None = None,
    components: Mapping[str, Sequence[str]] | None = None,
    season: str | None = None,
    plain: Sequence[str] = (),
) -> Propensity | BySeason:
    """Fit the chance of a 1 and judge it out of fold (002, MATHS §1).

    Args:
        X: One row a sample. Numbers, flags, dates and text; empty cells allowed. Text becomes flags of its common
            values; a value that was rare or never seen reads as "any other". Columns that say nothing are left out and
            named in the report.
        y: (n,), 0/1 or booleans.
        pool: The column whose groups (regions, products) borrow from the global model.
        rng: Seeds folds, learners and resamples.
        groups: The account of each row; folds keep accounts together.
        time: When each row's features look back from; folds then go forward in time.
        embargo: The label's horizon; 90 days by default.
        components: The columns of each component score. Columns that ``X`` lacks are passed over; a component without
            any is missing everywhere.
        season: The column that tells mid-year from year-end samples: read as a feature, or a model each, whichever
            predicts better out of fold.
        plain: Columns that order rows without a model, such as size and tenure. With any, ``skill`` asks for a sure
            gain over the best of them.

    Returns:
        A model whose ``report`` holds ``n``, ``n_judged``, ``share`` (of ones), ``auc`` with 95 % limits (None where
        one outcome is missing), ``log_loss`` beside ``log_loss_share`` (predicting the share), ``brier`` beside
        ``brier_share``, ``ece`` and the ``reliability`` table, ``calibration`` (isotonic or Platt), ``tiers`` with
        lift against the average, ``learners`` and the log loss of every choice of them, ``components`` (weight, AUC,
        share of samples where known), ``auc_direct``, ``auc_master`` and which of the two it ``predicts_with``,
        ``pooling``, ``season``, ``left_out`` columns, ``auc_plain`` and ``gain_over_plain``, ``skill`` (the AUC is
        surely above .5, the log loss surely below that of the share, and the gain surely above 0), ``note``, and the
        folds.

    Raises:
        BadInput: Fewer than 20 rows, unusable outcomes or features, or a column that is not there.
    """
    outcome = _outcome(y, X)
    named = boosting.accounts(groups, len(X))
    asked = {name: tuple(columns) for name, columns in (components or {}).items()}
    for what, column in (("pool", pool), ("season", season)):
        if column is not None and column not in X.columns:
            raise BadInput(
                f"There is no column {column!r} to {what} by; the features have {', '.join(map(str, X.columns[:8]))}."
            )

    def one(rows: npt.NDArray[np.intp], without: tuple[str, ...] = ()) -> Propensity:
        chosen = X.iloc[rows].drop(columns=list(without))
        clock = None if time is None else np.asarray(pd.Series(time))[rows]
        return _fit(chosen, outcome[rows], pool, rng, named[rows], clock, embargo, asked, plain)

    everything = np.arange(len(X))
    if season is None:
        return one(everything)
    return by_season(one, X[season], outcome, named, season, rng)


def _fit(
    X: pd.DataFrame, y: Floats, pool: str | None, rng: np.random.Generator, named: npt.NDArray[Any],
    time: npt.ArrayLike | None, embargo: timedelta | float | None, asked: Mapping[str, tuple[str, ...]],
    plain: Sequence[str],
) -> Propensity:  # fmt: skip
    own = X.drop(columns=[pool]) if pool is not None else X
    encoding = Encoding.fit(own)
    if not encoding.kinds:
        raise BadInput("No column of the features holds two different values; add features that vary.")
    table, names = encoding.transform(own).to_numpy(np.float32), encoding.names
    about: dict[str, Any] = {"n": len(X), "share": float(y.mean()), "left_out": dict(encoding.left_out)}
    none = np.zeros(0)
    if not 0 < y.mean() < 1:
        note = f"No measurable skill: all {len(y)} samples have the outcome {int(y[0])}, so every row gets that chance."
        report = about | {"n_judged": 0, "auc": None, "skill": False, "note": note, "season": None}
        unchanged = Calibration(0.0, 1.0, none, none)
        share = float(y.mean())
        return Propensity(encoding, None, None, None, unchanged, False, share, (2.0, 2.0), report)
    columns = {name: [p for c in given for p in encoding.positions(c)] for name, given in asked.items()}
    found = boosting.judging_folds(named, time, embargo, rng)
    alone = [place for name in plain for place in encoding.positions(name)]
    held = predict_held(table, y, named, found, columns, names, alone, rng)
    judged, region = y[held.rows], regions(X[pool]) if pool is not None else None
    if not 0 < judged.mean() < 1:
        raise BadInput(
            f"All {len(judged)} samples to judge on have one outcome, though not all of the {len(y)}; "
            "leave time out, or give a longer history."
        )
    Z = Scaling.fit(table, bent=table.shape[1] <= NARROW).terms(table[held.rows])
    second = settle(
        held, judged, named[held.rows], Z, None if region is None else region[held.rows], pool or "", tuple(asked), rng
    )
    mixture = Mixture.fit(table, y, groups=named, rng=rng, names=names, used=second.used)
    small = None
    if asked:
        average = float(log_odds(np.array(y.mean())))
        small = parts.Components(columns, parts.learn(columns, table, y), second.weights, average)
    report = about | {"n_judged": len(held.rows), "season": None} | second.report
    report |= boosting.fold_report(found, time is not None, embargo)
    told = pd.DataFrame({"row": held.rows, "part": held.part, "p": second.p, "margin": second.margin})
    return Propensity(
        encoding, mixture, small, second.pool, second.calibration, second.by_components, float(y.mean()),
        cuts(second.p), registry.plain(report), told,
    )  # fmt: skip


def _outcome(y: npt.ArrayLike, X: pd.DataFrame) -> Floats:
    if not isinstance(X, pd.DataFrame):
        raise BadInput(f"The features must be a table with named columns; got a {type(X).__name__}.")
    outcome = boosting.vector(y, "y", len(X))
    if len(X) < LEAST:
        raise BadInput(f"{len(X)} rows are too few to learn a propensity from; it needs {LEAST}.")
    if not np.isin(outcome, (0, 1)).all():
        other = sorted({float(v) for v in outcome} - {0.0, 1.0})[:3]
        raise BadInput(f"y must hold 0 and 1 only; it holds {', '.join(f'{v:g}' for v in other)} too.")
    return outcome

"""Predict how spend or quantity changes (001 §2.1–2.4): the expected change, the chance of either sign and a score.

How the change is learned (as it is, as a ratio of its base, or as a hurdle) is chosen by how well it orders books of
accounts out of fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.models import boosting, registry
from copilot.models.growth import judging
from copilot.models.growth.encoding import Responses, Table, read
from copilot.models.growth.targets import PARTS, SIGNS, TARGETS, Changes, Parts, learn
from copilot.stats import Floats, Ints

if TYPE_CHECKING:
    import xgboost as xgb

__all__ = ["GrowthModel", "fit", "from_bundle"]

TOP = {"spend": 100.0, "quantity": 10_000.0}  # the score's largest size by unit
LEAST = 20
MOST_JUDGED = 12_000  # rows that choose the target and are judged; all rows are learned from in the end


@dataclass(frozen=True)
class GrowthModel:
    """Boosters for the chance of each sign ("churn", "up") and for the change ("ratio", "raw", or a size by sign).

    A part without a booster has a plain number in ``shares``; ``size`` replaces a base of 0; ``responses`` are the
    numbers that text levels stand for, by part; ``mends`` correct the chances' calibration. ``judged`` holds, right
    after a fit, what was said out of fold of each ``row`` (position in ``X``); it is not saved.
    """

    features: tuple[str, ...]
    text: tuple[str, ...]
    boosters: Mapping[str, xgb.Booster]
    responses: Mapping[str, Responses]
    shares: Mapping[str, float]
    target: str
    unit: str
    scale: float
    size: float
    mends: Mapping[str, tuple[float, float]]
    report: dict[str, Any] = field(default_factory=dict)
    judged: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False, repr=False)

    def predict(self, X: pd.DataFrame, base: npt.ArrayLike) -> pd.DataFrame:
        """Return ``delta`` (in the unit of ``base``), ``score``, ``p_up`` and ``p_churn``; indexed as ``X``.

        The score is Δ̂ / log(e + base), divided by its frozen 99th percentile, clipped to ±1, times 100 for spend or
        10 000 for quantity (MATHS §1). A predicted loss never exceeds the base.

        Raises:
            BadInput: ``X`` lacks a feature, or a base is missing, infinite or negative.
        """
        table, sizes = read(X, self.features, self.text), _sizes(base, len(X))
        parts = Parts(self.boosters, self.responses, self.shares)
        delta = parts.delta(self.target, table, sizes, self.size)
        score = TOP[self.unit] * np.clip(_raw(delta, sizes) / self.scale, -1, 1)
        chance = {sign: judging.mend(parts.tell(sign, table), self.mends[sign]) for sign in SIGNS}
        most = np.maximum(chance["churn"] + chance["up"], 1.0)  # an account cannot both shrink and grow
        found = {"delta": delta, "score": score, "p_up": chance["up"] / most, "p_churn": chance["churn"] / most}
        return pd.DataFrame(found, index=X.index)

    def encoded(self, X: pd.DataFrame, part: str) -> pd.DataFrame:
        """Return the numbers a booster reads, text levels replaced by their responses: what attribution needs.

        Raises:
            BadInput: There is no such booster, or ``X`` lacks a feature.
        """
        if part not in self.boosters:
            raise BadInput(f"The growth model has no booster {part!r}; it has {', '.join(sorted(self.boosters))}.")
        table = read(X, self.features, self.text).encoded(self.responses.get(part, {}))
        return pd.DataFrame(table, index=X.index, columns=list(self.features))

    def bundle(self) -> registry.Bundle:
        """Return the parts the registry writes."""
        state: dict[str, Any] = {"target": self.target, "unit": self.unit, "scale": self.scale, "size": self.size}
        state |= {"shares": dict(self.shares), "text": list(self.text), "responses": dict(self.responses)}
        state["mends"] = {sign: list(by) for sign, by in self.mends.items()}
        return registry.Bundle("growth", self.features, self.boosters, state, self.report)


def from_bundle(bundle: registry.Bundle) -> GrowthModel:
    """Put a saved model together again."""
    state = dict(bundle.state)
    mends = {sign: (float(by[0]), float(by[1])) for sign, by in state.pop("mends").items()}
    text = tuple(state.pop("text"))
    return GrowthModel(bundle.features, text, bundle.boosters, mends=mends, report=bundle.report, **state)


def fit(
    X: pd.DataFrame,
    base: npt.ArrayLike,
    delta: npt.ArrayLike,
    *,
    unit: Literal["spend", "quantity"] = "spend",
    rng: np.random.Generator,
    groups: npt.ArrayLike | None = None,
    time: npt.ArrayLike | None = None,
    embargo: timedelta | float | None = None,
    book: npt.ArrayLike | None = None,
) -> GrowthModel:
    """Fit the change of spend or quantity, choose its target and judge it out of fold.

    Args:
        X: One row a sample: an account, or an account and product with the product as a text column. Columns hold
            numbers (NaN allowed), text or categories; text is encoded by its response out of fold. Columns with "yoy"
            among the words of their name are capped to −1 … 3, missing ones stay missing.
        base: (n,), the spend or quantity before, at least 0.
        delta: (n,), its change by the end of the label's window.
        unit: What is measured; sets the score's range.
        rng: Seeds folds and trees, and chooses whole accounts to judge on where there are more than 12 000 rows.
        groups: The account of each row.
        time: When each row's features look back from.
        embargo: The label's horizon; 90 days by default.
        book: The rep of each row: targets are compared by the rank correlation inside books. Without it all rows are
            one book.

    Returns:
        A model whose ``report`` holds

        - ``target`` and ``target_reason``; ``targets``: for raw, ratio and hurdle the ``spearman_in_book``, how far it
          is ``behind`` the best with its ``se``, ``auc_churn`` (by the change alone; by the chance for the hurdle),
          ``capture_20`` and ``mae``;
        - ``n``, ``n_judged``, ``share_churn`` and ``share_up``, ``auc_churn`` and ``auc_up`` with 95 % limits (None
          where a class is missing), ``spearman`` of the predicted with the true change and ``spearman_in_book``,
          ``auc_size`` (the largest, or the smallest, accounts first: no model needed) and ``gain_over_size``,
          ``capture_20`` (the share of shrinking accounts among the fifth with the highest churn probability), ``mae``
          and ``mae_no_change`` in the unit of ``delta``;
        - ``calibration_churn`` and ``calibration_up`` (see ``judging.calibration``);
        - ``skill`` (the lower limit of ``auc_churn`` is above .5 and its value above ``auc_size``), ``note`` ("No
          measurable skill …" without it), and the folds.

    Raises:
        BadInput: Fewer than 20 rows, unusable values or an unknown unit.
    """
    if unit not in TOP:
        raise BadInput(f"Growth is predicted for {' or '.join(map(repr, TOP))}, not {unit!r}.")
    table, sizes = read(X), _sizes(base, len(X))
    change = boosting.vector(delta, "delta", len(X))
    if len(X) < LEAST:
        raise BadInput(f"{len(X)} rows are too few to learn growth from; it needs {LEAST}.")
    named, books = boosting.accounts(groups, len(X)), _books(book, len(X))
    size = float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 1.0
    changes = Changes(sizes, change, size)
    some = _sample(named, rng)
    clock = None if time is None else _at(time, some, len(X))
    plan = boosting.judging_folds(named[some], clock, embargo, rng)
    judged = pd.concat(
        [_out_of_fold(k, some[f.train], some[f.test], table, changes, named, rng) for k, f in enumerate(plan)],
        ignore_index=True,
    )
    rows = judged["row"].to_numpy()
    target, figures, reason = judging.choose(judged, change[rows], books[rows])
    judged["delta"] = judged[target]
    scale = float(np.quantile(np.abs(_raw(judged["delta"].to_numpy(), sizes[rows])), 0.99)) or 1.0
    report: dict[str, Any] = {"n": len(X), "target": target, "target_reason": reason, "targets": figures}
    report |= judging.judge(judged, change[rows], books[rows], named[rows], rng)
    mends: dict[str, tuple[float, float]] = {}
    for sign, happened in (("churn", change[rows] < 0), ("up", change[rows] > 0)):
        varied = 0 < happened.mean() < 1
        found = judging.calibration(judged[sign].to_numpy(), happened) if varied else (None, (0.0, 1.0))
        report[f"calibration_{sign}"], mends[sign] = found
    report |= boosting.fold_report(plan, time is not None, embargo)
    last = learn((*SIGNS, *PARTS[target]), table, changes, np.arange(len(X)), named, rng)
    return GrowthModel(
        table.names, tuple(table.text), last.boosters, last.responses, last.constants, target, unit, scale, size, mends,
        registry.plain(report), judged[["row", "delta", "churn", "up"]],
    )  # fmt: skip


def _out_of_fold(
    fold: int, near: Ints, held: Ints, table: Table, changes: Changes, named: npt.NDArray[Any],
    rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """Return each held row's change by every target, its chances, and its place by size alone."""
    parts = (*SIGNS, *(part for target in TARGETS for part in PARTS[target]))
    found = learn(parts, table, changes, near, named, rng, thorough=False)
    there, base = table.take(held), changes.base[held]
    told: dict[str, Any] = {target: found.delta(target, there, base, changes.size) for target in TARGETS}
    told |= {sign: found.tell(sign, there) for sign in SIGNS}
    told["by_size"] = base * judging.toward(changes.delta[near] < 0, changes.base[near])
    return pd.DataFrame(told | {"row": held, "fold": fold})


def _sample(named: npt.NDArray[Any], rng: np.random.Generator) -> Ints:
    """Return the rows of whole accounts until there are enough to judge on."""
    if len(named) <= MOST_JUDGED:
        return np.arange(len(named))
    account = pd.factorize(named)[0]
    order = rng.permutation(int(account.max()) + 1)
    kept = order[np.cumsum(np.bincount(account)[order]) <= MOST_JUDGED]
    found = np.flatnonzero(np.isin(account, kept))
    return found if len(found) >= MOST_JUDGED // 2 else np.arange(len(named))


def _at(time: npt.ArrayLike, rows: Ints, n: int) -> Any:
    """Return the time of some rows; a wrong length is left for the folds to refuse."""
    clock = (
        time if isinstance(time, pd.Series) else pd.Series(np.asarray(time).tolist() if np.ndim(time) != 1 else time)
    )
    return clock.iloc[rows].reset_index(drop=True) if len(clock) == n else clock


def _books(book: npt.ArrayLike | None, rows: int) -> Ints:
    if book is None:
        return np.zeros(rows, np.intp)
    found = np.asarray(pd.factorize(pd.Series(np.asarray(book)))[0], np.intp)
    if found.shape != (rows,):
        raise BadInput(f"book needs one rep for each of the {rows} rows of features; it has shape {found.shape}.")
    return found


def _raw(delta: Floats, sizes: Floats) -> Floats:
    found: Floats = delta / np.log(np.e + sizes)
    return found


def _sizes(base: npt.ArrayLike, rows: int) -> Floats:
    sizes = boosting.vector(base, "base", rows)
    if (sizes < 0).any():
        raise BadInput(f"base is negative in {int((sizes < 0).sum())} of {rows} rows; spend and quantity start at 0.")
    return sizes

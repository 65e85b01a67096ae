"""What the base learners and the components say about rows they have not seen, fold by fold (MATHS §1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from copilot.models.boosting import Features
from copilot.models.propensity import components
from copilot.models.propensity.learners import KINDS, Mixture
from copilot.models.propensity.linear import chance, log_odds
from copilot.stats import Floats, Fold, Ints, auc


@dataclass(frozen=True)
class Held:
    """Out-of-fold predictions.

    Attributes:
        rows: Positions of the judged rows, (n,).
        part: Which part of the accounts each belongs to, (n,).
        margins: Log-odds by learner.
        chances: (n, components); NaN where one has no data.
        plain: The one column that ordered the train rows best, on the judged ones, (n,); 0 where none was named.
    """

    rows: Ints
    part: Ints
    margins: Mapping[str, Floats]
    chances: Floats
    plain: Floats

    def others(self) -> list[tuple[Ints, Ints]]:
        """Return, for each part of the accounts, the judged rows of the others and its own."""
        numbers = np.unique(self.part)
        return [(np.flatnonzero(self.part != k), np.flatnonzero(self.part == k)) for k in numbers]


def predict_held(
    table: Features,
    y: Floats,
    named: npt.NDArray[Any],
    found: Sequence[Fold],
    columns: Mapping[str, Sequence[int]],
    names: tuple[str, ...],
    plain: Sequence[int],
    rng: np.random.Generator,
) -> Held:
    """Fit on each fold's train rows and predict its test rows; no row is judged twice.

    Args:
        table: Encoded features, (n, columns).
        y: 0/1, (n,).
        named: The account of each row.
        found: The folds.
        columns: Positions of each component's columns.
        names: Names of the encoded columns.
        plain: Positions of the columns that order rows without a model.
        rng: Seeds the learners.
    """
    rows, margins, parts, alone = [], [], [], []
    for fold, shift in zip(found, _shifts(found, y), strict=True):
        learned, asked = y[fold.train], table[fold.test]
        rows.append(fold.test)
        alone.append(_alone(table[fold.train], learned, asked, plain))
        if 0 < learned.mean() < 1:
            model = Mixture.fit(table[fold.train], learned, groups=named[fold.train], rng=rng, names=names)
            margins.append({kind: margin + shift for kind, margin in model.margins(asked).items()})
            small = components.learn(columns, table[fold.train], learned)
            parts.append(chance(log_odds(components.chances(small, columns, asked)) + shift))
        else:  # one outcome only: its share, with one row of either added, is all that is known
            level = log_odds(np.full(len(asked), (learned.sum() + 1) / (len(learned) + 2)))
            margins.append(dict.fromkeys(KINDS, level))
            parts.append(np.full((len(asked), len(columns)), np.nan))
    together = {kind: np.concatenate([part[kind] for part in margins]) for kind in KINDS}
    judged = np.concatenate(rows)
    return Held(judged, _parts(found, named), together, np.concatenate(parts), np.concatenate(alone))


def _alone(train: Features, y: Floats, asked: Features, plain: Sequence[int]) -> Floats:
    """Return, for the rows asked about, the plain column that orders the train rows best, turned the way it points."""
    best, found = 0.5, np.zeros(len(asked))
    for place in plain:
        known = np.isfinite(train[:, place])
        if not known.any() or not 0 < y[known].mean() < 1:
            continue
        middle = float(np.median(train[known, place]))
        area = auc(y, np.nan_to_num(train[:, place], nan=middle))
        if max(area, 1 - area) > best:
            best, sign = max(area, 1 - area), 1.0 if area > 0.5 else -1.0
            # By rank among the train rows, so that two folds' columns are on one scale.
            ordered = np.sort(train[known, place])
            found = sign * np.searchsorted(ordered, np.nan_to_num(asked[:, place], nan=middle)) / len(ordered)
    return found


def _parts(found: Sequence[Fold], named: npt.NDArray[Any]) -> Ints:
    """Return the part of each judged row's account: the place of the first fold of its period that judged it."""
    place: dict[Any, int] = {}
    seen: dict[str | None, int] = {}
    for fold in found:
        number = seen[fold.test_from] = seen.get(fold.test_from, -1) + 1
        for account in np.unique(named[fold.test]).tolist():
            place.setdefault(account, number)
    return np.array([place[account] for fold in found for account in named[fold.test].tolist()], np.intp)


def _shifts(found: Sequence[Fold], y: Floats) -> list[float]:
    """Return what to add to each fold's log-odds so that all parts of one period stand at one level.

    The part with more wins is judged by the others, which hold fewer: left alone, that turns the order between the
    parts upside down and takes a few points off an AUC that is near a guess.
    """
    together = {
        period: np.mean([y[fold.train].mean() for fold in found if fold.test_from == period])
        for period in {fold.test_from for fold in found}
    }
    return [float(log_odds(together[fold.test_from]) - log_odds(y[fold.train].mean())) for fold in found]

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
from copilot.models.propensity.linear import log_odds
from copilot.stats import Floats, Fold, Ints


@dataclass(frozen=True)
class Held:
    """Out-of-fold predictions: ``rows`` are positions, ``margins`` log-odds by learner, ``parts`` (n, components)."""

    rows: Ints
    margins: Mapping[str, Floats]
    parts: Floats


def predict_held(
    table: Features,
    y: Floats,
    named: npt.NDArray[Any],
    found: Sequence[Fold],
    columns: Mapping[str, Sequence[int]],
    names: tuple[str, ...],
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
        rng: Seeds the learners.
    """
    rows, margins, parts = [], [], []
    for fold in found:
        learned, asked = y[fold.train], table[fold.test]
        rows.append(fold.test)
        if 0 < learned.mean() < 1:
            model = Mixture.fit(table[fold.train], learned, groups=named[fold.train], rng=rng, names=names)
            margins.append(model.margins(asked))
            small = components.learn(columns, table[fold.train], learned)
            parts.append(components.chances(small, columns, asked))
        else:  # one outcome only: its share, with one row of either added, is all that is known
            level = log_odds(np.full(len(asked), (learned.sum() + 1) / (len(learned) + 2)))
            margins.append(dict.fromkeys(KINDS, level))
            parts.append(np.full((len(asked), len(columns)), np.nan))
    together = {kind: np.concatenate([part[kind] for part in margins]) for kind in KINDS}
    return Held(np.concatenate(rows), together, np.concatenate(parts))

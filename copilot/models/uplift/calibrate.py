"""Trust effects as far as the evidence goes: from one effect for all to the effects as said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from copilot.models.uplift.trial import Trial
from copilot.stats import Floats

MOST_SLOPE = 1.5
# The best of several candidates is looked at, so that chance alone often brings a t-value above 1, seldom above 2.5.
SIGNAL = 2.5
# Without evidence everybody has the one effect, to within a tenth of its own standard error: enough to break ties in
# the learner's order (what is learned from 10 000 rows of a real trial ranks well before it can be told from noise),
# too little to matter as a number.
HAIR = 0.1
PARTS = 10


@dataclass(frozen=True)
class Calibration:
    """τ served = level + slope·(τ said − centre); the standard errors of level and slope, and the slope's t-value."""

    centre: float
    level: float
    slope: float
    level_se: float
    slope_se: float
    evidence: float

    def apply(self, effect: Floats) -> Floats:
        """Return the served effect."""
        return np.asarray(self.level + self.slope * (effect - self.centre), float)


def fit(trial: Trial, said: Floats, rows: np.ndarray | None = None) -> Calibration:
    """Regress Y − m on (A − e) and (A − e)(τ − mean τ): the best linear predictor of Chernozhukov et al. 2018.

    The slope is 1 where the spread of the predictions is as large as that of the true effects and 0 where they carry
    nothing. It is shrunk by 1 − (2.5/t)², its signal among noise (James & Stein). Where it is not larger than 2.5
    standard errors everybody has the one effect, but for a hair (``HAIR``) that keeps the learner's order.
    """
    rows = np.ones(len(said), dtype=bool) if rows is None else rows
    moved, surplus, groups = trial.moved[rows], trial.surplus[rows], trial.groups[rows]
    centre, spread = float(said[rows].mean()), float(said[rows].std())
    one = float(moved @ surplus / (moved @ moved))
    if spread <= 1e-9 * max(1.0, abs(centre)):
        return Calibration(centre, one, 0.0, float(_errors(moved[:, None], surplus, groups)[0]), 0.0, 0.0)
    columns = np.column_stack([moved, moved * (said[rows] - centre)])
    found = np.linalg.lstsq(columns, surplus, rcond=None)[0]
    level_se, slope_se = (float(error) for error in _errors(columns, surplus, groups))
    evidence = float(found[1]) / slope_se if slope_se > 0 else 0.0
    least = HAIR * level_se / spread
    if evidence <= SIGNAL:
        return Calibration(centre, one, least, level_se, slope_se, evidence)
    slope = float(np.clip(found[1], 0.0, MOST_SLOPE)) * (1 - (SIGNAL / evidence) ** 2)
    return Calibration(centre, float(found[0]), max(slope, least), level_se, slope_se, evidence)


def _errors(columns: Floats, y: Floats, groups: Floats) -> Floats:
    """Return cluster-robust standard errors of least squares."""
    inverse = np.linalg.pinv(columns.T @ columns)
    scores = columns * (y - columns @ (inverse @ columns.T @ y))[:, None]
    account = np.unique(groups, return_inverse=True)[1]
    summed = np.column_stack([np.bincount(account, part) for part in scores.T])
    clusters = len(summed)
    spread = inverse @ (summed.T @ summed) @ inverse * clusters / max(clusters - 1, 1)
    return np.sqrt(np.maximum(np.diag(spread), 0.0))


def out_of_fold(trial: Trial, said: Floats) -> Floats:
    """Return the effects of the judged rows as they would be served, each tenth of the accounts calibrated on the rest.

    What was said is out of fold already; the two numbers of the calibration must be, too.
    """
    account = np.unique(trial.groups, return_inverse=True)[1]
    served = np.empty(len(said))
    for part in range(min(PARTS, int(account.max()) + 1)):
        here = account % PARTS == part
        served[here] = fit(trial, said, ~here).apply(said[here]) if not here.all() else said[here]
    return served

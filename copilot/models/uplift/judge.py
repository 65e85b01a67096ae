"""Hold the chosen effects against one effect for all, shrink them by the evidence, and report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from copilot.models.uplift.curves import AUUC_FORM, auuc, deciles, uplift_at
from copilot.models.uplift.select import Trial
from copilot.stats import Floats, mean_interval, qini, standard_error

MOST_SLOPE = 1.5
CONFIDENT = "The effects differ between accounts, and the model ranks them better than one effect for all."
DOUBTFUL = "The model does not beat one effect for all accounts; do not rank by it."


@dataclass(frozen=True)
class Calibration:
    """τ served = level + slope·(τ said − centre); with the standard errors of level and slope."""

    centre: float
    level: float
    slope: float
    level_se: float
    slope_se: float

    def apply(self, effect: Floats) -> Floats:
        """Return the served effect."""
        return np.asarray(self.level + self.slope * (effect - self.centre), float)


def calibrate(trial: Trial, said: Floats, rows: np.ndarray) -> Calibration:
    """Regress Y − m on (A − e) and (A − e)(τ − mean τ): the best linear predictor of Chernozhukov et al. 2018.

    The slope is 1 where the spread of the predictions is as large as that of the true effects and 0 where they carry
    nothing. It is shrunk by 1 − 1/t², its own signal among noise (James & Stein), and is 0 where it is not larger than
    its standard error: then everybody has the one effect.
    """
    moved, surplus = trial.moved[rows], trial.surplus[rows]
    centre = float(said[rows].mean())
    columns = np.column_stack([moved, moved * (said[rows] - centre)])
    one = float(moved @ surplus / (moved @ moved))
    spread = float(columns[:, 1] @ columns[:, 1])
    if spread <= 1e-12 * float(surplus @ surplus + 1e-300):
        return Calibration(centre, one, 0.0, _slope_error(columns[:, :1], surplus, trial.groups[rows])[0], 0.0)
    found = np.linalg.lstsq(columns, surplus, rcond=None)[0]
    errors = _slope_error(columns, surplus, trial.groups[rows])
    evidence = found[1] / errors[1] if errors[1] > 0 else 0.0
    if evidence <= 1:
        return Calibration(centre, one, 0.0, float(errors[0]), float(errors[1]))
    slope = float(np.clip(found[1], 0.0, MOST_SLOPE) * (1 - evidence**-2))
    return Calibration(centre, float(found[0]), slope, float(errors[0]), float(errors[1]))


def _slope_error(columns: Floats, y: Floats, groups: Floats) -> Floats:
    """Return cluster-robust standard errors of least squares."""
    inverse = np.linalg.pinv(columns.T @ columns)
    scores = columns * (y - columns @ (inverse @ columns.T @ y))[:, None]
    account = np.unique(groups, return_inverse=True)[1]
    summed = np.column_stack([np.bincount(account, part) for part in scores.T])
    clusters = len(summed)
    spread = inverse @ (summed.T @ summed) @ inverse * clusters / max(clusters - 1, 1)
    return np.sqrt(np.maximum(np.diag(spread), 0.0))


def judge(trial: Trial, name: str, *, calibrated: bool) -> dict[str, Any]:
    """Report the candidate ``name`` by its out-of-fold effects, each fold calibrated on the others where ``calibrated``.

    Returns:
        ``n_judged``, ``ate``, ``baselines``, ``r_loss``, ``qini``, ``auuc``, ``uplift_at_10``, ``uplift_at_30``,
        ``deciles``, ``beats_constant`` and ``verdict``, as described at ``copilot.models.uplift.fit``.
    """
    said = trial.effects[name]
    served = said
    if calibrated:
        served = np.empty(len(said))
        for k in np.unique(trial.fold):
            here = trial.fold == k
            served[here] = calibrate(trial, said, ~here).apply(said[here])
    losses = {"model": trial.losses(served), "constant": trial.losses(trial.constant), "zero": trial.losses(served * 0)}
    gains = {}
    for base in ("constant", "zero"):
        gain = losses[base] - losses["model"]
        limits = mean_interval(gain, groups=trial.groups, level=0.9).as_dict()
        gains[base] = {**limits, "se": standard_error(gain, groups=trial.groups)}
    # A gain in the last digits of the losses is no evidence.
    beats = (gains["constant"]["low"] or 0.0) > 1e-9 * float(losses["constant"].mean())
    arm, y = trial.cases.arm[trial.judged], trial.cases.y[trial.judged]
    # One fold's scale is not another's: a ranking over all judged rows takes what was said, not what was served.
    ranked = said
    table = deciles(ranked, arm, y).reset_index()
    return {
        "n_judged": len(said),
        "ate": mean_interval(_doubly_robust(trial, name), groups=trial.groups).as_dict(),
        "baselines": {"zero": 0.0, "constant": one_effect(trial)},
        "r_loss": {
            **{base: loss.mean() for base, loss in losses.items()},
            **{f"gain_over_{base}": gain for base, gain in gains.items()},
        },
        "qini": qini(ranked, arm, y),
        "qini_form": "integral of (Y_t - Y_c N_t / N_c) / n minus the diagonal; per account, in the outcome's unit",
        "auuc": auuc(ranked, arm, y),
        "auuc_form": AUUC_FORM,
        "uplift_at_10": uplift_at(0.1, ranked, arm, y),
        "uplift_at_30": uplift_at(0.3, ranked, arm, y),
        "deciles": {column: table[column].tolist() for column in table},
        "beats_constant": beats,
        "verdict": CONFIDENT if beats else DOUBTFUL,
    }


def one_effect(trial: Trial) -> float:
    """Return the constant effect of least R-loss over the judged rows."""
    return float(trial.moved @ trial.surplus / (trial.moved @ trial.moved))


def _doubly_robust(trial: Trial, name: str) -> Floats:
    """Return each judged row's doubly robust effect (Robins, Rotnitzky & Zhao 1994), whose mean is the ATE."""
    chance, effect = trial.cases.chance[trial.judged], trial.effects[name]
    if name in trial.sides:
        low, high = trial.sides[name]
    else:
        low = trial.cases.middle[trial.judged] - chance * effect
        high = low + effect
    own = np.where(trial.cases.arm[trial.judged] == 1, high, low)
    weight = trial.moved / (chance * (1 - chance))
    return np.asarray(high - low + weight * (trial.cases.y[trial.judged] - own), float)

"""Hold the chosen effects against one effect for all and against none, and report."""

from __future__ import annotations

from typing import Any

import numpy as np

from copilot.models.uplift import calibrate
from copilot.models.uplift.curves import AUUC_FORM, auuc, deciles, uplift_at
from copilot.models.uplift.trial import Trial
from copilot.stats import Floats, mean_interval, qini, standard_error

CONFIDENT = "The effects differ between accounts, and the model ranks them better than one effect for all."
DOUBTFUL = "The model does not beat one effect for all accounts; do not rank by it."


def judge(trial: Trial, name: str, *, calibrated: bool) -> dict[str, Any]:
    """Report the candidate ``name`` by its out-of-fold effects, calibrated on other accounts where ``calibrated``.

    Returns:
        ``n_judged``, ``ate``, ``baselines``, ``r_loss``, ``qini``, ``auuc``, ``uplift_at_10``, ``uplift_at_30``,
        ``deciles``, ``beats_constant`` and ``verdict``, as described at ``copilot.models.uplift.fit``.
    """
    said = trial.effects[name]
    served = calibrate.out_of_fold(trial, said) if calibrated else said
    losses = {"model": trial.losses(served), "constant": trial.losses(trial.constant), "zero": trial.losses(served * 0)}
    gains = {}
    for base in ("constant", "zero"):
        gain = losses[base] - losses["model"]
        limits = mean_interval(gain, groups=trial.groups, level=0.9).as_dict()
        gains[base] = {**limits, "se": standard_error(gain, groups=trial.groups)}
    # A hair's breadth of the right order is a certain gain and no evidence; nor are the last digits of the losses.
    proven = not calibrated or calibrate.fit(trial, said).evidence > calibrate.SIGNAL
    beats = proven and (gains["constant"]["low"] or 0.0) > 1e-9 * float(losses["constant"].mean())
    arm, y = trial.cases.arm[trial.judged], trial.cases.y[trial.judged]
    # One fold's scale is not another's: a ranking over all judged rows takes what was said, not what was served.
    ranked = said
    table = deciles(ranked, arm, y).reset_index()
    return {
        "n_judged": len(said),
        "ate": mean_interval(doubly_robust(trial, name), groups=trial.groups).as_dict(),
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


def doubly_robust(trial: Trial, name: str) -> Floats:
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

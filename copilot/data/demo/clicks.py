"""The click model of the demo book: what a rep does with an alert, as known truth (000 §4.2).

A rep opens an alert (click, reward +1), dismisses it (-1) or lets it pass (no click, 0). The log-odds of the first two
against the third depend on whether the action suits the account, on the rep, and on the alerts before: a rep who is
alerted again soon, or often, or has just dismissed one, opens less and dismisses more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.data.demo.words import Array
from copilot.errors import BadInput

ACTIONS = ("boost_engagement", "prevent_churn", "promote_upsell")
OUTCOMES = ("click", "dismiss", "none")
REWARD = {"click": 1, "dismiss": -1, "none": 0}
PREVIOUS = ("", "accepted", "dismissed", "none")  # the previous alert's feedback; empty before the first
CONTEXT = (
    "action",
    "segment",
    "utilization_pct",
    "days_to_renewal",
    "white_share",
    "rep_tenure_years",
    "rep_win_rate",
    "days_since_alert",
    "previous_alerts",
    "previous_feedback",
)


@dataclass(frozen=True)
class ClickModel:
    """Coefficients of a multinomial logit; ``suits`` says how an action's fit counts, the rest what the rep feels."""

    suits: float = 2.4
    click: float = -2.0
    dismiss: float = -1.1
    novice: float = 0.5  # a rep in the first two years opens more
    success: float = 2.0  # for each 1.0 of win rate above .4: who sells well takes advice that suits, and only that
    too_soon: float = 0.7  # alerted in the last 14 days
    fatigue: float = 0.12  # for each alert before, up to 6
    once_bitten: float = 0.6  # the previous one was dismissed

    def fit(self, context: pd.DataFrame) -> Array:
        """Return how well each row's action suits its account, 0-1.

        Boost engagement suits where little is used, prevent churn where use is low and the renewal near, promote upsell
        where much is used or much could still be bought.
        """
        use = context["utilization_pct"].to_numpy(np.float64) / 100
        near = np.exp(-np.maximum(context["days_to_renewal"].to_numpy(np.float64), 0) / 90)
        white = context["white_share"].to_numpy(np.float64)
        larger = (context["segment"] == "Enterprise").to_numpy()
        suited = np.select(
            [(context["action"] == action).to_numpy() for action in ACTIONS],
            [
                np.clip(1.4 * (0.65 - use), 0, 1) * (1 - 0.6 * near),
                np.clip(1.2 * (0.8 - use), 0, 1) * near,
                np.clip(1.1 * (use - 0.35) + 0.6 * white * (use > 0.3) + 0.1 * larger, 0, 1) * (1 - 0.4 * near),
            ],
        )
        return np.asarray(suited)

    def probabilities(self, context: pd.DataFrame) -> Array:
        """Return P(click), P(dismiss), P(none) of each row, (n, 3), in the order of ``OUTCOMES``.

        Args:
            context: The columns of ``CONTEXT``: ``action`` (one of ``ACTIONS``), ``segment``, ``utilization_pct`` of
                the lead product (0-100), ``days_to_renewal``, ``white_share`` (of all it could buy, what it does not,
                0-1), ``rep_tenure_years``, ``rep_win_rate`` (of closed new and add-on deals, 0-1),
                ``days_since_alert`` about the account (NaN before the first), ``previous_alerts`` (count) and
                ``previous_feedback`` (one of ``PREVIOUS``).

        Raises:
            BadInput: A column is missing, an action or feedback is unknown, or a number is missing.
        """
        self._check(context)
        suited = self.fit(context)
        novice = (context["rep_tenure_years"] < 2).to_numpy(np.float64)
        win = context["rep_win_rate"].to_numpy(np.float64) - 0.4
        soon = (context["days_since_alert"] <= 14).to_numpy(np.float64)
        tired = self.fatigue * np.minimum(context["previous_alerts"].to_numpy(np.float64), 6)
        bitten = self.once_bitten * (context["previous_feedback"] == "dismissed").to_numpy(np.float64)
        weary = self.too_soon * soon + tired + bitten
        click = self.click + self.suits * suited * 2 + self.novice * novice + self.success * win * (2 * suited - 0.5)
        dismiss = self.dismiss - self.suits * suited + weary
        click = click - 0.7 * weary
        odds = np.column_stack([np.exp(click), np.exp(dismiss), np.ones(len(context))])
        shares: Array = odds / odds.sum(axis=1, keepdims=True)
        return shares

    def draw(self, context: pd.DataFrame, rng: np.random.Generator) -> Array:
        """Return one outcome a row, positions in ``OUTCOMES``."""
        chance = self.probabilities(context)
        drawn: Array = (rng.random((len(context), 1)) > chance.cumsum(axis=1)[:, :-1]).sum(axis=1)
        return drawn

    def _check(self, context: pd.DataFrame) -> None:
        if missing := [name for name in CONTEXT if name not in context]:
            raise BadInput(f"The click model needs the columns {', '.join(CONTEXT)}; {', '.join(missing)} missing.")
        for column, known in (("action", ACTIONS), ("previous_feedback", PREVIOUS)):
            if not context[column].isin(known).all():
                raise BadInput(f"The click model knows the {column} values {', '.join(map(repr, known))} only.")
        numbers = [
            name for name in CONTEXT if name not in ("action", "segment", "days_since_alert", "previous_feedback")
        ]
        if not np.isfinite(context[numbers].to_numpy(np.float64)).all():
            raise BadInput(f"The click model needs a finite number in each of {', '.join(numbers)}.")

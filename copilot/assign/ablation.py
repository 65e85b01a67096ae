"""The ablation of CPOG A.2: the plan with parts taken away, and the metrics of Tables 5 and 6.

Model A weighs money and engagement alike at every distance from the renewal, B knows no capacity, C puts money first.
What an account would have done with and without a touch comes with the data: from a simulation, or from a study.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.assign import value
from copilot.assign.actions import Rule, choose
from copilot.assign.plan import assign
from copilot.errors import BadInput

MODELS: Mapping[str, str] = {
    "Full": "everything",
    "A": "no weighting",
    "B": "no capacity",
    "C": "money first",
}
OUTCOMES = ("up_touched", "churn_untouched", "churn_touched", "booked_untouched_usd", "booked_touched_usd")


@dataclass(frozen=True)
class Settings:
    """What all models share: k (per day) and d₀ (days) of w(d), the frozen scales, and the reading of Algorithm 1."""

    steepness: float
    midpoint: float
    scales: value.Scales
    rule: Rule = "default"


def recommend(
    model: str, accounts: pd.DataFrame, fits: pd.DataFrame, reps: pd.DataFrame, how: Settings
) -> pd.DataFrame:
    """Return what one model recommends in one period: ``account_id``, ``rep_id``, ``action``.

    Args:
        model: One of ``MODELS``.
        accounts: ``account_id``, ``days_to_renewal``, ``uplift_usd``, ``engagement_change``, ``min_change``,
            ``max_change``, ``growth_usd``.
        fits: Eligible pairs: ``account_id``, ``rep_id``, ``fit`` (a factor), ``bonus`` (added).
        reps: ``rep_id``, ``min_accounts``, ``max_accounts``.
        how: What the models share.

    Raises:
        BadInput: There is no such model.
    """
    if model not in MODELS:
        raise BadInput(f"There is no model {model!r}; choose from {', '.join(MODELS)}.")
    weight = value.monetisation_weight(accounts["days_to_renewal"], steepness=how.steepness, midpoint=how.midpoint)
    if model in ("A", "C"):
        weight = np.full(len(accounts), 0.5 if model == "A" else 1.0)
    worth = value.value(accounts["uplift_usd"], accounts["engagement_change"], weight, scales=how.scales)
    told = accounts.assign(
        weight=weight,
        abs_uplift_100=how.scales.abs_uplift_100(accounts["uplift_usd"]),
        engagement_100=how.scales.engagement_100(accounts["engagement_change"]),
    )
    told["action"] = choose(told, rule=how.rule)
    told["worth"] = worth
    open_accounts = told[told["action"].notna() & told["worth"].notna()]
    pairs = fits.merge(open_accounts[["account_id", "worth"]], on="account_id")
    pairs["value"] = pairs["worth"] * pairs["fit"] + pairs["bonus"]
    limits = reps.assign(min_accounts=0, max_accounts=np.inf) if model == "B" else reps
    plan = assign(pairs[["account_id", "rep_id", "value"]], limits)
    return plan.assignments[["account_id", "rep_id"]].merge(told[["account_id", "action"]], on="account_id")


def measure(recommended: pd.DataFrame, outcomes: pd.DataFrame, reps: pd.DataFrame) -> dict[str, float]:
    """Return the metrics of Tables 5 and 6 for one period, as sums and counts that periods can be added up by.

    P_ch and P_low speak of accounts *without* outreach, so they read the untouched future.

    Args:
        recommended: As :func:`recommend` returns it.
        outcomes: ``account_id`` and ``OUTCOMES``: whether the account buys more or leaves with and without a touch, and
            what it then books in money; every account of the book, recommended or not.
        reps: The limits that the books are judged by, also those of model B.
    """
    known = recommended.merge(outcomes, on="account_id")
    upsell, churn, low = (known["action"] == name for name in ("promote_upsell", "prevent_churn", "boost_engagement"))
    limits = reps.set_index("rep_id")
    count = recommended.groupby("rep_id").size().reindex(limits.index, fill_value=0)
    kept = (count >= limits["min_accounts"]) & (count <= limits["max_accounts"])
    rest = outcomes[~outcomes["account_id"].isin(recommended["account_id"])]
    return {
        "upsell": float(upsell.sum()),
        "upsell_right": float(known.loc[upsell, "up_touched"].sum()),
        "churn": float(churn.sum()),
        "churn_right": float(known.loc[churn, "churn_untouched"].sum()),
        "recovered": float((~known.loc[churn, "churn_touched"].astype(bool)).sum()),
        "low": float(low.sum()),
        "low_right": float(known.loc[low, "churn_untouched"].sum()),
        "booked_usd": float(known["booked_touched_usd"].sum() + rest["booked_untouched_usd"].sum()),
        "rules": float(len(limits) + len(recommended)),
        "rules_kept": float(kept.sum() + (~recommended["account_id"].duplicated(keep=False)).sum()),
        "places": float(limits["max_accounts"].sum()),
        "used": float(len(recommended)),
    }


def summarise(periods: pd.DataFrame) -> pd.DataFrame:
    """Return Tables 5 and 6 from the periods' sums: one row a model, in the order of ``MODELS``.

    Args:
        periods: ``model`` and the columns of :func:`measure`, one row a model and period.

    Returns:
        Indexed by ``model``: ``p_ups``, ``p_ch``, ``p_rec``, ``p_low`` (shares; missing where a model never recommends
        it), ``bookings_usd``, ``bookings_rank``, ``constraints_met``, ``capacity_used`` (shares).
    """
    total = periods.groupby("model").sum(numeric_only=True)
    total = total.reindex([name for name in MODELS if name in total.index])
    return pd.DataFrame(
        {
            "p_ups": total["upsell_right"] / total["upsell"],
            "p_ch": total["churn_right"] / total["churn"],
            "p_rec": total["recovered"] / total["churn"],
            "p_low": total["low_right"] / total["low"],
            "bookings_usd": total["booked_usd"],
            "bookings_rank": total["booked_usd"].rank(ascending=False, method="min").astype(int),
            "constraints_met": total["rules_kept"] / total["rules"],
            "capacity_used": total["used"] / total["places"],
        }
    )

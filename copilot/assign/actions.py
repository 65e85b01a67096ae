"""The first choice of action for an account, Algorithm 1 of CPOG, read as MATHS §4 reads it."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from copilot.errors import BadInput

Action = Literal["boost_engagement", "prevent_churn", "promote_upsell"]
Rule = Literal["default", "as_printed"]
COLUMNS = ("uplift_usd", "abs_uplift_100", "engagement_100", "weight", "min_change", "max_change", "growth_usd")


def choose(frame: pd.DataFrame, *, rule: Rule = "default") -> pd.Series:
    """Choose an action for each account, or none.

    First money is compared with engagement: w·|U|₁₀₀ against (1 − w)·E₁₀₀; a tie goes to engagement.

    *Engagement leads.* The largest fall is at least the largest rise → boost engagement; else → promote upsell; all
    changes zero → no alert. (Printed is min|ΔE| ≥ max|ΔE|, which holds only when all changes are equal; both rules
    read it as |min ΔE| ≥ |max ΔE|. The sign of the uplift plays no part here.)

    *Money leads*, ``rule="default"``: uplift < 0 or 0 → no touch; uplift > 0 and growth without a touch < 0 →
    prevent churn; uplift > 0 and growth ≥ 0 or unknown → promote upsell (an account that stands still and gains from
    a touch is an upsell). ``rule="as_printed"``: uplift > 0 → promote upsell, else → prevent churn, which also
    fires on accounts that a touch harms; kept for the ablation.

    *Missing.* Without an uplift only engagement speaks, without an engagement forecast only money; without both
    there is no action. A missing weight counts as ½.

    Args:
        frame: One row an account: ``uplift_usd`` (signed), ``abs_uplift_100`` and ``engagement_100`` (0–100, see
            ``Scales``), ``weight`` (0–1), ``min_change``, ``max_change`` (signed, points), ``growth_usd`` (expected
            change in spend without a touch).
        rule: Which reading of the money side to use.

    Returns:
        Series of objects on the frame's index: ``"boost_engagement"``, ``"prevent_churn"``, ``"promote_upsell"`` or
        None.

    Raises:
        BadInput: A column is missing, a weight lies outside [0, 1], or the rule is unknown.
    """
    if rule not in get_args(Rule):
        raise BadInput(f"There is no rule {rule!r} for choosing actions; choose from {', '.join(get_args(Rule))}.")
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise BadInput(f"Choosing actions needs the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}.")
    known = {name: pd.to_numeric(frame[name]).to_numpy("float64", na_value=np.nan) for name in COLUMNS}
    weight = np.where(np.isnan(known["weight"]), 0.5, known["weight"])
    if np.any((weight < 0) | (weight > 1)):
        raise BadInput("The column weight must lie between 0 and 1.")

    uplift, growth = known["uplift_usd"], known["growth_usd"]
    has_money = ~np.isnan(uplift) & ~np.isnan(known["abs_uplift_100"])
    has_engagement = (
        ~np.isnan(known["engagement_100"]) & ~np.isnan(known["min_change"]) & ~np.isnan(known["max_change"])
    )
    money = weight * known["abs_uplift_100"]
    engagement = (1 - weight) * known["engagement_100"]
    money_leads = has_money & (~has_engagement | (money > engagement))
    engagement_leads = has_engagement & ~money_leads

    fall, rise = np.maximum(-known["min_change"], 0), np.maximum(known["max_change"], 0)
    moves = (fall > 0) | (rise > 0)
    chosen = np.full(len(frame), None, dtype=object)
    chosen[engagement_leads & moves & (fall >= rise)] = "boost_engagement"
    chosen[engagement_leads & moves & (fall < rise)] = "promote_upsell"
    gains = uplift > 0
    if rule == "as_printed":
        chosen[money_leads & gains] = "promote_upsell"
        chosen[money_leads & ~gains] = "prevent_churn"
    else:
        chosen[money_leads & gains] = "promote_upsell"
        chosen[money_leads & gains & (growth < 0)] = "prevent_churn"
    return pd.Series(chosen, index=frame.index, name="action", dtype=object)

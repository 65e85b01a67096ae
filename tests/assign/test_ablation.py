"""The metrics of Tables 5 and 6 on books counted by hand, and what each model leaves out."""

from __future__ import annotations

import pandas as pd
import pytest

from copilot.assign.ablation import MODELS, Settings, measure, recommend, summarise
from copilot.assign.value import Scales
from copilot.errors import BadInput

HOW = Settings(0.05, 90.0, Scales(100.0, 100.0, 100.0))
REPS = pd.DataFrame({"rep_id": ["r1"], "min_accounts": [0], "max_accounts": [2]})
OUTCOMES = pd.DataFrame(
    {
        "account_id": list("abcd"),
        "up_touched": [True, False, False, False],
        "churn_untouched": [False, True, True, False],
        "churn_touched": [False, False, True, False],
        "booked_untouched_usd": [10.0, 0.0, 0.0, 5.0],
        "booked_touched_usd": [20.0, 7.0, 0.0, 6.0],
    }
)
ACCOUNTS = pd.DataFrame(
    {
        "account_id": list("abcd"),
        "days_to_renewal": [0.0, 0.0, 365.0, 365.0],
        "uplift_usd": [90.0, 60.0, 80.0, 1.0],
        "engagement_change": [0.0, 0.0, 70.0, 95.0],
        "min_change": [0.0, 0.0, -70.0, -95.0],
        "max_change": [0.0, 0.0, 0.0, 0.0],
        "growth_usd": [5.0, -5.0, -5.0, 5.0],
    }
)
FITS = pd.DataFrame({"account_id": list("abcd"), "rep_id": "r1", "fit": 1.0, "bonus": 0.0})


def _told(model: str) -> dict[str, str]:
    found = recommend(model, ACCOUNTS, FITS, REPS, HOW)
    return dict(zip(found["account_id"], found["action"], strict=True))


def test_each_model_leaves_out_what_it_should() -> None:
    assert _told("Full") == {"d": "boost_engagement", "a": "promote_upsell"}
    assert _told("A") == {"c": "prevent_churn", "d": "boost_engagement"}  # c: 75, d: 48, a: 45
    assert set(_told("B")) == set("abcd")  # no capacity
    assert _told("C") == {"a": "promote_upsell", "c": "prevent_churn"}  # by uplift alone
    with pytest.raises(BadInput, match="no model 'D'"):
        _told("D")


def test_the_metrics_are_what_a_count_by_hand_gives() -> None:
    recommended = pd.DataFrame(
        {
            "account_id": list("abc"),
            "rep_id": "r1",
            "action": ["promote_upsell", "prevent_churn", "boost_engagement"],
        }
    )
    once = measure(recommended, OUTCOMES, REPS)
    table = summarise(pd.DataFrame([{"model": "B", **once}, {"model": "B", **once}]))
    row = table.loc["B"]
    assert row[["p_ups", "p_ch", "p_rec", "p_low"]].tolist() == [1.0, 1.0, 1.0, 1.0]
    assert row["bookings_usd"] == 2 * (20 + 7 + 0 + 5)
    assert row["constraints_met"] == 3 / 4  # one rep over the limit, three accounts once each
    assert row["capacity_used"] == 1.5


def test_the_summary_keeps_the_paper_s_order_and_ranks_bookings() -> None:
    rows = [{"model": model, **measure(recommend(model, ACCOUNTS, FITS, REPS, HOW), OUTCOMES, REPS)} for model in "BAC"]
    table = summarise(pd.DataFrame(rows))
    assert table.index.tolist() == [model for model in MODELS if model != "Full"]
    assert table.loc["B", "bookings_rank"] == 1

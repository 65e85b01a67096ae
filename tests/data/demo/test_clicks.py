"""The click model: probabilities that obey what it says of reps, and a log in the book that follows them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.data.demo.alerts import win_rates
from copilot.data.demo.clicks import ACTIONS, CONTEXT, OUTCOMES, ClickModel
from copilot.errors import BadInput
from tests.data.demo.conftest import Simulated


def context(**changed: object) -> pd.DataFrame:
    row = {
        "action": "promote_upsell",
        "segment": "SMB",
        "utilization_pct": 80.0,
        "days_to_renewal": 200,
        "white_share": 0.5,
        "rep_tenure_years": 4.0,
        "rep_win_rate": 0.4,
        "days_since_alert": np.nan,
        "previous_alerts": 0,
        "previous_feedback": "",
    }
    return pd.DataFrame([row | changed])


def chances(**changed: object) -> dict[str, float]:
    return dict(zip(OUTCOMES, ClickModel().probabilities(context(**changed))[0], strict=True))


@pytest.mark.parametrize(
    ("utilization_pct", "days_to_renewal", "best"),
    [(10.0, 330, "boost_engagement"), (25.0, 10, "prevent_churn"), (90.0, 250, "promote_upsell")],
)
def test_the_action_that_suits_the_account_is_clicked_most(
    utilization_pct: float, days_to_renewal: int, best: str
) -> None:
    clicks = {
        action: chances(action=action, utilization_pct=utilization_pct, days_to_renewal=days_to_renewal)["click"]
        for action in ACTIONS
    }
    assert max(clicks, key=lambda action: clicks[action]) == best
    assert clicks[best] > min(clicks.values()) + 0.15


@pytest.mark.parametrize(
    "wearier",
    [
        {"days_since_alert": 14.0, "previous_alerts": 1, "previous_feedback": "accepted"},
        {"days_since_alert": 90.0, "previous_alerts": 5, "previous_feedback": "accepted"},
        {"days_since_alert": 90.0, "previous_alerts": 1, "previous_feedback": "dismissed"},
    ],
)
def test_a_rep_who_was_alerted_lately_or_often_or_has_dismissed_one_clicks_less(wearier: dict[str, object]) -> None:
    calm = chances(days_since_alert=90.0, previous_alerts=1, previous_feedback="accepted")
    weary = chances(**wearier)
    assert weary["click"] < calm["click"]
    assert weary["dismiss"] > calm["dismiss"]


def test_novices_click_more_and_successful_reps_click_more_where_it_suits() -> None:
    assert chances(rep_tenure_years=0.5)["click"] > chances()["click"]
    assert chances(rep_win_rate=0.6)["click"] > chances()["click"]
    unfit = {"action": "boost_engagement", "utilization_pct": 95.0}
    assert chances(rep_win_rate=0.6, **unfit)["click"] < chances(**unfit)["click"]


def test_draws_come_in_the_shares_of_the_probabilities() -> None:
    rows = context().loc[[0] * 40_000].reset_index(drop=True)
    drawn = np.bincount(ClickModel().draw(rows, np.random.default_rng(1)), minlength=3) / len(rows)
    np.testing.assert_allclose(drawn, list(chances().values()), atol=0.01)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"action": "call"}, "knows the action values 'boost_engagement'"),
        ({"previous_feedback": "snoozed"}, "knows the previous_feedback values"),
        ({"rep_win_rate": np.nan}, "needs a finite number"),
        ({"utilization_pct": np.inf}, "needs a finite number"),
    ],
)
def test_a_context_it_does_not_know_is_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        ClickModel().probabilities(context(**changed))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(BadInput, match="rep_win_rate missing"):
        ClickModel().probabilities(context().drop(columns="rep_win_rate"))


def test_the_log_in_the_book_follows_the_probabilities(simulated: Simulated) -> None:
    truth, tables = simulated.truth["clicks"], simulated.draft.tables
    assert list(truth["recommendation_id"]) == list(tables["recommendations"]["recommendation_id"])
    np.testing.assert_allclose(ClickModel().probabilities(truth[list(CONTEXT)]), truth[[f"p_{o}" for o in OUTCOMES]])
    feedback = tables["feedback"].set_index("recommendation_id")["feedback"].reindex(truth["recommendation_id"])
    fifth = pd.qcut(truth["p_click"], 5, labels=False).to_numpy()
    clicked = (feedback == "accepted").groupby(fifth).mean()
    np.testing.assert_allclose(clicked, truth["p_click"].groupby(fifth).mean(), atol=0.06)
    assert (feedback == "dismissed").mean() == pytest.approx(truth["p_dismiss"].mean(), abs=0.02)
    # Weighted by the propensity of its action, each action is seen on all accounts alike.
    weight = 1 / truth["propensity"]
    for action in ACTIONS:
        assert weight[truth["action"] == action].sum() / len(truth) == pytest.approx(1, abs=0.1)


def test_what_the_model_reads_can_be_computed_from_the_book(simulated: Simulated) -> None:
    tables, truth = simulated.draft.tables, simulated.truth["clicks"]
    alert = tables["recommendations"].iloc[len(truth) // 2]
    row = truth.iloc[len(truth) // 2]
    day = alert["event_ts"]
    usage = tables["usage_monthly"]
    seen = usage[
        (usage["account_id"] == alert["account_id"]) & (usage["product"] == "Talent Hub") & (usage["known_ts"] <= day)
    ]
    if len(seen):
        assert seen["utilization_pct"].iloc[-1] == row["utilization_pct"]
    hired = tables["reps"].set_index("rep_id")["event_ts"][alert["rep_id"]]
    assert row["rep_tenure_years"] == pytest.approx((day - hired).days / 365.25)
    deals = tables["opportunities"]
    mine = deals[(deals["rep_id"] == alert["rep_id"]) & (deals["kind"] != "renewal") & (deals["close_date"] <= day)]
    mine = mine[mine["close_date"] > day - pd.DateOffset(years=1)]
    assert row["rep_win_rate"] == pytest.approx(((mine["status"] == "won").sum() + 4) / (len(mine) + 10))
    before = tables["recommendations"].query("account_id == @alert.account_id and event_ts < @day")
    assert row["previous_alerts"] == len(before)


def test_a_rep_without_deals_counts_as_average(simulated: Simulated) -> None:
    deals = simulated.draft.tables["opportunities"]
    rates = win_rates(deals, pd.Series(["nobody"]), np.datetime64("2026-06-01"))
    assert rates.tolist() == [0.4]

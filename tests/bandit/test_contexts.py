"""Contexts of alerts from a hand-made book: what was known before, and never the present alert's own feedback."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.bandit.contexts import Encoder, build, encoder
from copilot.data.book import conform
from copilot.errors import BadInput


def table(which: str, /, **columns: Any) -> pd.DataFrame:
    return conform(which, pd.DataFrame(columns))


ACCOUNTS = table(
    "accounts",
    account_id=["A", "B"],
    name=["Acme", "Birch"],
    segment=["SMB", "Enterprise"],
    region=["EMEA", None],
    employees=[99, None],
    revenue_usd=[1e6, 2e6],
    known_ts=["2024-01-01"] * 2,
)
REPS = table("reps", rep_id=["R"], name=["Ana"], role=["rep"], event_ts=["2024-07-01"], known_ts=["2024-07-01"])
MADE = table(
    "recommendations",
    recommendation_id=["1", "2", "3", "4"],
    account_id=["A", "A", "B", "A"],
    rep_id=["R"] * 4,
    action=["prevent_churn"] * 4,
    event_ts=["2026-06-01", "2026-06-11", "2026-06-11", "2026-07-01"],
    known_ts=["2026-06-01", "2026-06-11", "2026-06-11", "2026-07-01"],
)
TOLD = table(
    "feedback",
    recommendation_id=["1", "2", "3", "4"],
    feedback=["accepted", "dismissed", "done", "DEEP_LINK_CLICKED"],
    event_ts=["2026-06-02", "2026-06-12", "2026-06-12", "2026-07-01"],
    known_ts=["2026-06-02", "2026-06-12", "2026-06-12", "2026-07-01"],
)


def contexts(*days: str, account: str = "A", **columns: Any) -> pd.DataFrame:
    alerts = pd.DataFrame(
        {"account_id": account, "rep_id": "R", "action": "promote_upsell", "event_ts": list(days), **columns}
    )
    return build(alerts, accounts=ACCOUNTS, reps=REPS, recommendations=MADE, feedback=TOLD, encoder=encoder(ACCOUNTS))


def test_time_count_and_feedback_are_those_of_the_alerts_before() -> None:
    found = contexts("2026-07-01", "2026-06-11", "2026-05-01", "2026-06-12")
    assert np.expm1(found["log_days_since_last_alert"]).round(6).tolist() == [20, 10, 365, 1]
    assert np.expm1(found["log_previous_alerts"]).round(6).tolist() == [2, 1, 0, 2]
    previous = found.filter(like="previous_").drop(columns="log_previous_alerts", errors="ignore").idxmax(axis=1)
    assert previous.str.removeprefix("previous_").tolist() == [
        "NOTIFICATION_DISMISSED",
        "DEEP_LINK_CLICKED",
        "no alert before",
        "none yet",
    ]


def test_the_present_alerts_own_feedback_changes_nothing() -> None:
    other = TOLD.assign(feedback=["accepted", "dismissed", "done", "dismissed"])
    alert = pd.DataFrame(
        {"account_id": ["A"], "rep_id": ["R"], "action": ["prevent_churn"], "event_ts": ["2026-07-01"]}
    )
    book = {"accounts": ACCOUNTS, "reps": REPS, "recommendations": MADE, "encoder": encoder(ACCOUNTS)}
    pd.testing.assert_frame_equal(build(alert, feedback=TOLD, **book), build(alert, feedback=other, **book))


def test_a_rep_is_told_by_experience_success_and_past_alerts() -> None:
    found = contexts("2026-07-01").iloc[0]
    assert found["rep_experience_years"] == pytest.approx(2, abs=0.01)
    assert found["rep_success_rate"] == pytest.approx((1 + 1) / (2 + 3))  # one click of two; done is no answer
    assert np.expm1(found["rep_log_alerts"]) == pytest.approx(3)
    assert np.expm1(found["rep_log_alerts_here"]) == pytest.approx(2)


def test_an_account_and_the_alerts_category_are_one_hot() -> None:
    found = contexts("2026-07-01").iloc[0]
    assert (found["segment_SMB"], found["segment_Enterprise"], found["region_EMEA"]) == (1, 0, 1)
    assert found.filter(like="action_").to_dict() == {
        "action_boost_engagement": 0,
        "action_prevent_churn": 0,
        "action_promote_upsell": 1,
    }
    assert found["log_employees"] == pytest.approx(np.log(100))


def test_what_the_book_does_not_know_gets_usual_values_and_a_flag() -> None:
    for account in ("B", "unheard of"):
        found = contexts("2026-07-01", account=account).iloc[0]
        assert np.isfinite(found).all()
        assert found["employees_missing"] == 1
        assert found["log_employees"] == pytest.approx(np.log(100))


def test_columns_keep_their_order_and_the_index_its_labels_through_json() -> None:
    own = encoder(ACCOUNTS, impact=("uplift_usd",))
    again = Encoder.from_dict(json.loads(json.dumps(own.as_dict())))
    assert again == own
    alerts = pd.DataFrame(
        {
            "account_id": ["B", "A"],
            "rep_id": "R",
            "action": None,
            "event_ts": ["2026-07-01", "2026-06-20"],
            "uplift_usd": [None, -5.0],
        },
        index=["x", "y"],
    )
    empty = {"recommendations": MADE.iloc[:0], "feedback": TOLD.iloc[:0], "reps": REPS.iloc[:0]}
    found = build(alerts, accounts=ACCOUNTS, encoder=again, **empty)
    assert found.index.tolist() == ["x", "y"]
    assert found.columns.tolist() == own.columns
    assert found["uplift_usd"].tolist() == [0, -5]
    assert found["previous_no alert before"].tolist() == [1, 1]


def test_alerts_without_a_date_or_a_column_are_refused() -> None:
    with pytest.raises(BadInput, match="no date"):
        contexts("soon")
    with pytest.raises(BadInput, match="missing: account_id"):
        build(
            pd.DataFrame({"rep_id": ["R"]}),
            accounts=ACCOUNTS,
            reps=REPS,
            recommendations=MADE,
            feedback=TOLD,
            encoder=encoder(ACCOUNTS),
        )

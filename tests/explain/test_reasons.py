from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from copilot.data.features import FeatureSpec
from copilot.explain.reasons import Yardstick, facts, reasons
from copilot.explain.thresholds import Actionable, Threshold, Thresholds


def spec(
    name: str, super_name: str, ultra: str, unit: str = "count", window: int | None = 3, lag: int = 0
) -> FeatureSpec:
    return FeatureSpec(
        name,
        "usage_monthly",
        "events",
        window=window,
        lag=lag,
        unit=unit,
        label=super_name,
        super_name=super_name,
        ultra_name=ultra,
        category=ultra.title(),
    )  # type: ignore[arg-type]


SPECS = [
    spec("events_l3m", "events", "usage"),
    spec("events_l6m_l3m", "events", "usage", lag=3),
    spec("minutes_l3m", "minutes", "usage"),
    spec("spend", "spend", "money", window=None),
    spec("spend_year_ago", "spend", "money", window=None),
    spec("emea", "emea", "region", unit="flag", window=None),
]
VALUES = pd.DataFrame(
    [[10, 40, 7, 100, 100, 1], [0, 0, 3, 50, 80, 0], [np.nan, 5, 1, 10, 10, 1]],
    index=["a", "b", "c"],
    columns=[s.name for s in SPECS],
)


def rows(contributions: list[list[float]], account: str) -> list[tuple[str, float, float]]:
    found = reasons("churn", np.array(contributions), VALUES, SPECS)
    found = found[found["account_id"] == account]
    return list(zip(found["super"], found["importance"], found["push"], strict=True))


def test_importance_is_the_largest_shown_window_and_push_the_sign_of_their_sum() -> None:
    told = [[0.5, -0.2, 0, 0.1, -0.4, 0]] * 3
    assert rows(told, "a") == [("events", 0.5, 1.0)]  # its spend did not change, so only today's is shown and weighs
    assert rows(told, "b") == [("events", 0.5, 1.0), ("spend", 0.4, -1.0)]


def test_one_reason_of_a_family_survives() -> None:
    assert rows([[0.1, 0, 0.9, 0, 0, 0]] * 3, "a") == [("minutes", 0.9, 1.0)]


def test_a_flag_that_is_not_set_and_a_value_that_is_missing_are_not_told() -> None:
    told = [[0.3, 0, 0, 0, 0, 0.8]] * 3
    assert rows(told, "a") == [("emea", 0.8, 1.0), ("events", 0.3, 1.0)]
    assert rows(told, "b") == [("events", 0.3, 1.0)]
    assert rows(told, "c") == [("emea", 0.8, 1.0)]


def test_a_reason_carries_both_sides_of_its_change_and_their_features() -> None:
    found = reasons("churn", np.array([[0.5, 0, 0, 0.4, 0, 0]] * 3), VALUES, SPECS).set_index(["account_id", "super"])
    events, spend = found.loc[("a", "events")], found.loc[("b", "spend")]
    assert (events["current"], events["previous"], events["period"]) == (10, 40, "3 months")
    assert (events["current_feature"], events["previous_feature"]) == ("events_l3m", "events_l6m_l3m")
    assert (spend["current"], spend["previous"], spend["period"]) == (50, 80, "year")


def test_ranks_count_from_one_without_gaps_and_stop_at_the_top() -> None:
    found = reasons("churn", np.array([[0.5, 0, 0, 0.4, 0, 0.3]] * 3), VALUES, SPECS, top=2)
    assert list(found.loc[found["account_id"] == "a", "rank"]) == [1, 2]


def test_facts_are_the_largest_relative_changes_without_a_model() -> None:
    found = facts(VALUES, SPECS)
    assert list(found.loc[found["account_id"] == "a", "super"]) == ["events"]  # -75 %; spend did not move
    assert list(found.loc[found["account_id"] == "b", "super"]) == ["spend"]
    assert set(found["about"]) == {"facts"}
    assert found.loc[found["account_id"] == "c"].empty


def test_what_a_rep_can_act_on_outranks_what_contributes_a_little_more() -> None:
    told = [[0, 0, 0.4, 0.5, 0, 0]] * 3
    specs = [replace(one, tags=("usage",)) if one.super_name == "minutes" else one for one in SPECS]
    by = Yardstick(actionable=Actionable(weight=1.5, tags=("usage",)))
    assert reasons("churn", np.array(told), VALUES, specs).loc[0, "super"] == "spend"
    first = reasons("churn", np.array(told), VALUES, specs, by=by).loc[0]
    assert (first["super"], first["importance"], first["weight"]) == ("minutes", 0.4, pytest.approx(0.6))


def test_a_threshold_hides_an_insight_of_its_model_alone() -> None:
    lines = (Threshold(feature="minutes", model="churn", value="> 5"),)
    by = Yardstick(thresholds=Thresholds(lines))
    told = np.array([[0, 0, 0.9, 0, 0, 0]] * 3)
    assert list(reasons("churn", told, VALUES, SPECS, by=by)["account_id"]) == ["a"]  # 7 minutes; b has 3, c has 1
    assert list(reasons("upsell", told, VALUES, SPECS, by=by)["account_id"]) == ["a", "b", "c"]


@pytest.mark.parametrize(("sign", "contribution", "news"), [(-1, -0.5, 1), (1, -0.5, 0), (-1, 0.5, 0), (0, -0.5, 0)])
def test_good_news_needs_the_feature_the_account_and_the_model_to_agree(
    sign: int, contribution: float, news: int
) -> None:
    specs = [replace(one, direction="higher is better") for one in SPECS]
    told = np.array([[0, 0, 0, contribution, 0, 0]] * 3)
    values = VALUES.assign(spend=200)  # up from 100, 80 and 10
    found = reasons("churn", told, values, specs, by=Yardstick(signs={("churn", "spend"): sign}))
    assert list(found["news"]) == [news] * 3


def test_a_constant_feature_and_no_accounts_give_no_reasons() -> None:
    assert reasons("churn", np.zeros((3, 6)), VALUES, SPECS).empty
    assert reasons("churn", np.zeros((0, 6)), VALUES.iloc[:0], SPECS).empty

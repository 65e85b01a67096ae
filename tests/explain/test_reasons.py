import numpy as np
import pandas as pd

from copilot.data.features import FeatureSpec
from copilot.explain.reasons import facts, reasons


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


def test_importance_is_the_largest_window_and_push_the_sign_of_their_sum() -> None:
    assert rows([[0.5, -0.2, 0, 0.1, -0.4, 0]] * 3, "a") == [("events", 0.5, 1.0), ("spend", 0.4, -1.0)]


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

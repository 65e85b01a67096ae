import numpy as np
import pytest

from copilot.data.features import FeatureSpec
from copilot.explain.insights import expression, feature_info, insights, looks_the_same, relative_change


def use(name: str, window: int, lag: int = 0, **more: object) -> FeatureSpec:
    given = {"label": "errors", "super_name": "errors", "ultra_name": "use", "category": "Use"} | more
    return FeatureSpec(name, "usage_monthly", "errors", window=window, lag=lag, **given)  # type: ignore[arg-type]


def hired(name: str, where: str = "") -> FeatureSpec:
    return FeatureSpec(name, "people_monthly", "hires", window=12, where=where, label="people hired", super_name=name)


def contracted(name: str, metric: str, unit: str) -> FeatureSpec:
    return FeatureSpec(name, "contracts", metric, unit=unit, label=name, super_name=name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("current", "previous", "unit", "told"),
    [
        (80, 40, "count", (1.0, "percent")),
        (20, 40, "usd", (-0.5, "percent")),
        (-20, -40, "usd", (0.5, "percent")),  # less of a loss is a rise: |previous| stands below the line
        (52.5, 40, "pct", (12.5, "points")),
        (0.3, 0.5, "percent", (-20.0, "points")),
        (0.3, 0, "percent", (30.0, "points")),
    ],
)
def test_a_change_is_a_share_of_the_size_before_and_points_for_percentages(
    current: float, previous: float, unit: str, told: tuple[float, str]
) -> None:
    found = relative_change(current, previous, unit)
    assert found is not None
    assert found == (pytest.approx(told[0]), told[1])


@pytest.mark.parametrize(("current", "previous"), [(5, 0), (5, -5), (-5, 5), (np.nan, 1), (1, np.nan), (np.inf, 1)])
def test_nothing_before_a_change_of_sign_and_what_is_missing_have_no_percentage(
    current: float, previous: float
) -> None:
    assert relative_change(current, previous, "count") is None


def test_values_that_read_the_same_do_not_differ() -> None:
    assert looks_the_same(0.00111, 0.00119, "percent")
    assert not looks_the_same(0.001, 0.003, "percent")


def test_a_window_with_an_equal_one_before_it_is_a_value_change_and_another_a_level() -> None:
    specs = [use("e_l3m", 3), use("e_l6m_l3m", 3, 3), use("e_l12m", 12)]
    found = {one.current: (one.kind, one.previous, one.period) for one in insights(specs)}
    assert found == {"e_l3m": ("value change", "e_l6m_l3m", "3 months"), "e_l12m": ("level", "", "12 months")}


def test_a_window_is_not_compared_with_one_before_the_first_record() -> None:
    specs = [use("e_l3m", 3), use("e_l6m_l3m", 3, 3)]
    assert insights(specs, {"usage_monthly": 5.5})[0].kind == "level"
    assert insights(specs, {"usage_monthly": 6.5})[0].kind == "value change"


def test_a_count_is_broken_down_by_the_columns_of_its_table() -> None:
    specs = [
        hired("hires"),
        hired("hires_sales", "function = 'Sales'"),
        hired("hires_top", "level = 'Chief''s'"),
        hired("hires_two", "function = 'Sales' AND level = 'Staff'"),
    ]
    count = next(one for one in insights(specs) if one.kind == "count")
    assert [(part.dimension, part.group) for part in count.parts] == [("function", "Sales"), ("level", "Chief's")]


def test_a_contracted_quantity_is_told_with_its_price() -> None:
    specs = [contracted("seats", "quantity", "count"), contracted("spend", "annual_usd", "usd")]
    quantity = next(one for one in insights(specs) if one.current == "seats")
    assert (quantity.kind, quantity.price) == ("quantity", "spend")


def test_a_logarithm_and_a_window_in_the_past_alone_tell_nothing() -> None:
    assert insights([use("log_errors", 3, transform="log1p"), use("e_l6m_l3m", 3, 3)]) == []


def test_every_feature_is_listed_once_with_its_layers_its_blank_and_its_words() -> None:
    specs = [use("e_l1m", 1), use("e_l2m_l1m", 1, 1)]
    info = feature_info(specs).set_index("feature_name")
    assert list(info["insight_item"]) == ["current", "previous"]
    assert list(info["ultra_name"]) == ["use", "use"]
    assert [expression(spec) for spec in specs] == [
        "errors in the last month",
        "errors in the month before the last month",
    ]

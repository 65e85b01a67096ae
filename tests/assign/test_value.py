"""What a touch is worth, against hand-computed numbers and the formulas' own properties."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.assign.value import Scales, engagement_change, monetisation_weight, value
from copilot.errors import BadInput


def test_the_weight_is_one_half_at_the_midpoint_and_follows_the_logistic_curve() -> None:
    weight = monetisation_weight(np.array([0.0, 60.0, 90.0, 180.0]), steepness=0.05, midpoint=90)
    expected = [1 / (1 + math.exp(0.05 * (d - 90))) for d in (0, 60, 90, 180)]
    assert weight == pytest.approx(expected, abs=1e-15)
    assert weight[2] == 0.5


@given(
    days=st.lists(st.floats(0, 2000), min_size=2, max_size=8, unique=True),
    steepness=st.floats(1e-3, 1),
    midpoint=st.floats(0, 365),
)
@settings(deadline=None, derandomize=True)
def test_money_never_weighs_more_the_further_off_the_renewal(
    days: list[float], steepness: float, midpoint: float
) -> None:
    weight = monetisation_weight(np.array(sorted(days)), steepness=steepness, midpoint=midpoint)
    assert (np.diff(weight) <= 0).all()
    assert ((weight >= 0) & (weight <= 1)).all()


def test_an_overdue_renewal_counts_as_today_and_a_missing_one_weighs_both_sides_alike() -> None:
    days = pd.Series([-40, 0, None], dtype="Int64")
    weight = monetisation_weight(days, steepness=0.1, midpoint=30)
    assert weight[0] == weight[1] > 0.5
    assert weight[2] == 0.5


def test_a_very_steep_weight_neither_overflows_nor_warns() -> None:
    with np.errstate(all="raise", under="ignore"):
        weight = monetisation_weight(np.array([0.0, 1e6, np.inf]), steepness=50, midpoint=90)
    assert weight == pytest.approx([1, 0, 0])


@pytest.mark.parametrize(("steepness", "midpoint"), [(0, 90), (-0.1, 90), (math.nan, 90), (0.1, math.inf)])
def test_a_weight_that_would_not_fall_is_refused(steepness: float, midpoint: float) -> None:
    with pytest.raises(BadInput, match="steepness above 0"):
        monetisation_weight(10.0, steepness=steepness, midpoint=midpoint)


def test_the_scales_are_the_99th_percentiles_of_gain_size_and_change() -> None:
    uplift = pd.Series([*range(1, 101), -5000.0, math.nan])
    scales = Scales.fit(uplift, np.arange(201.0))
    # 101 known values; the 99th percentile lies at position 0.99·100 = 99 of the sorted ones, counted from 0.
    assert scales.uplift_p99 == pytest.approx(sorted([*range(1, 101), 0])[99])
    assert scales.abs_uplift_p99 == pytest.approx(sorted([*range(1, 101), 5000])[99])
    assert scales.engagement_p99 == pytest.approx(198)


def test_scaled_sides_lie_between_0_and_100_and_harm_earns_nothing() -> None:
    scales = Scales(uplift_p99=1000, abs_uplift_p99=2000, engagement_p99=40)
    uplift = np.array([-3000.0, -500.0, 0.0, 500.0, 9000.0])
    assert scales.uplift_100(uplift).tolist() == [0, 0, 0, 50, 100]
    assert scales.abs_uplift_100(uplift).tolist() == [100, 25, 0, 25, 100]
    assert scales.engagement_100(np.array([10.0, 80.0])).tolist() == [25, 100]
    assert np.isnan(scales.uplift_100(np.array([np.nan]))).all()


def test_one_gain_among_many_accounts_is_not_scaled_away() -> None:
    scales = Scales.fit(np.array([250.0] + [-10.0] * 999), np.zeros(1000))
    assert scales.uplift_100(np.array([250.0, -10.0])).tolist() == [100, 0]
    assert scales.engagement_100(np.array([3.0, np.nan]))[0] == 0


def test_scales_survive_the_way_through_a_manifest() -> None:
    scales = Scales.fit(np.array([1.0, 2.5, -7.0]), np.array([3.0, 4.0]))
    assert Scales.from_dict(scales.as_dict()) == scales
    with pytest.raises(BadInput, match="uplift_p99"):
        Scales.from_dict({"engagement_p99": 1.0})
    with pytest.raises(BadInput, match="finite number"):
        Scales(uplift_p99=-1, abs_uplift_p99=1, engagement_p99=1)


def test_the_engagement_change_is_the_largest_move_of_any_metric_on_one_scale() -> None:
    now = pd.DataFrame({"utilisation": [50.0, 50.0, 50.0], "adoption": [0.5, 0.5, np.nan]}, index=["a", "b", "c"])
    then = pd.DataFrame({"adoption": [0.2, 0.6, 0.9], "utilisation": [55.0, 48.0, 50.0]}, index=["a", "b", "c"])
    change = engagement_change(now, then, bounds={"adoption": (0, 1)})
    expected = pd.DataFrame(
        {"engagement_change": [30.0, 10.0, 0.0], "min_change": [-30.0, -2.0, 0.0], "max_change": [5.0, 10.0, 0.0]},
        index=["a", "b", "c"],
    )
    pd.testing.assert_frame_equal(change, expected)


def test_an_account_without_any_metric_has_no_engagement_change() -> None:
    change = engagement_change(np.array([[np.nan, np.nan], [1.0, 2.0]]), np.array([[1.0, 2.0], [0.0, 4.0]]))
    assert change.loc[0].isna().all()
    assert change.loc[1].tolist() == [2, -1, 2]


@pytest.mark.parametrize(
    ("now", "then", "bounds"),
    [
        ({"u": [1.0]}, {"v": [1.0]}, None),
        ({"u": [1.0]}, {"u": [1.0, 2.0]}, None),
        ({"u": [1.0]}, {"u": [1.0]}, {"v": (0, 1)}),
        ({"u": [1.0]}, {"u": [1.0]}, {"u": (1, 1)}),
        ({}, {}, None),
    ],
)
def test_engagement_frames_that_do_not_belong_together_are_refused(
    now: dict[str, list[float]], then: dict[str, list[float]], bounds: dict[str, tuple[float, float]] | None
) -> None:
    with pytest.raises(BadInput):
        engagement_change(pd.DataFrame(now), pd.DataFrame(then), bounds=bounds)


def test_the_value_is_the_summand_of_equation_2() -> None:
    scales = Scales(uplift_p99=1000, abs_uplift_p99=1000, engagement_p99=50)
    worth = value(
        np.array([500.0, -500.0, 4000.0]), np.array([10.0, 10.0, 0.0]), np.array([0.25, 0.25, 0.5]), scales=scales
    )
    assert worth == pytest.approx([0.25 * 50 + 0.75 * 20, 0.75 * 20, 0.5 * 100])
    assert value(50.0, 20.0, 0.25) == pytest.approx(27.5)


def test_a_missing_side_adds_nothing_and_two_missing_sides_leave_no_value() -> None:
    worth = value(np.array([np.nan, 40.0, np.nan]), np.array([40.0, np.nan, np.nan]), np.array([0.25, np.nan, 0.5]))
    assert worth[:2] == pytest.approx([30, 20])
    assert np.isnan(worth[2])


def test_a_value_off_its_scale_is_refused() -> None:
    with pytest.raises(BadInput, match="between 0 and 1"):
        value(10.0, 10.0, 1.5)
    with pytest.raises(BadInput, match="pass scales"):
        value(5000.0, 10.0, 0.5)

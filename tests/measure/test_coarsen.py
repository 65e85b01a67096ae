"""Cutting covariates as R does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.measure import coarsen


@pytest.mark.parametrize(
    ("low", "high", "bins", "edges"),
    [
        # as R's pretty gives them for this range and this n
        (0, 10, 5, [0, 2, 4, 6, 8, 10]),
        (17, 55, 8, [15, 20, 25, 30, 35, 40, 45, 50, 55]),
        (0, 35040, 10, [0, 5000, 10000, 15000, 20000, 25000, 30000, 35000, 40000]),
        (0.1, 0.9, 4, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3, 4, 3, [-4, -2, 0, 2, 4]),
    ],
)
def test_pretty_gives_the_cutpoints_of_r(low: float, high: float, bins: int, edges: list[float]) -> None:
    np.testing.assert_allclose(coarsen.pretty(low, high, bins), edges)


def test_numbers_of_bins_are_those_of_sturges_and_scott() -> None:
    values = np.arange(100.0)
    assert coarsen.sturges_bins(values) == 8  # R: nclass.Sturges(0:99)
    assert coarsen.scott_bins(values) == 5  # R: nclass.scott(0:99)
    assert coarsen.scott_bins(np.ones(10)) == 1


def test_a_value_on_a_cutpoint_falls_below_it_and_a_missing_one_into_a_bin_of_its_own() -> None:
    values = np.array([0.0, 1.0, 1.5, 2.0, 2.5, -1.0, np.nan])
    assert list(coarsen.cut(values, np.array([0.0, 1.0, 2.0]))) == [1, 1, 2, 2, 3, 0, -1]


def test_days_are_cut_like_numbers() -> None:
    days = pd.Series(pd.date_range("2026-01-01", periods=8), name="since")
    numbers = pd.Series(range(8), name="since")
    np.testing.assert_array_equal(coarsen.coarse(days, None), coarsen.coarse(numbers, None))


def test_joined_bins_are_alike_only_where_all_are() -> None:
    joined = coarsen.joined([np.array([0, 0, 1, 1]), np.array([5, 6, 5, 5])])
    assert joined[2] == joined[3]
    assert len({joined[0], joined[1], joined[2]}) == 3

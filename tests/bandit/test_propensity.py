"""Chances of Thompson sampling and UCB, against closed forms, a million draws and each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.bandit.propensity import floored, greedy, thompson, thompson_rows

NUMBER = st.floats(-3, 3)
SPREAD = st.floats(0, 3)


@pytest.mark.parametrize(
    ("mean", "sd"),
    [
        ([0.1, 0.0, -0.2], [0.3, 0.2, 0.5]),
        ([0.5, 0.49, 0.3], [1e-4, 1.0, 0.02]),  # one arm certain, one wide open
        ([0.0, 0.0, 0.0, 0.0], [1e-3, 1e-2, 0.1, 1.0]),
        ([0.9, 0.88, 0.7, 0.6, 0.5, -0.4, 0.2], [0.05, 0.2, 0.3, 0.01, 0.6, 2.0, 0.4]),
    ],
)
def test_the_quadrature_agrees_with_a_million_draws(mean: list[float], sd: list[float]) -> None:
    rng, wins = np.random.default_rng(3), np.zeros(len(mean))
    for _ in range(10):
        drawn = rng.standard_normal((100_000, len(mean))) * sd + mean
        wins += np.bincount(drawn.argmax(axis=1), minlength=len(mean))
    assert thompson(mean, sd) == pytest.approx(wins / 1e6, abs=0.003)


def test_many_rows_at_once_have_the_chances_of_each_alone() -> None:
    rng = np.random.default_rng(5)
    mean, sd = rng.normal(0, 0.5, (1_200, 3)), 10 ** rng.uniform(-3, 0, (1_200, 3))
    sd[::7], mean[::11] = 0, 0
    alone = [thompson(*row) for row in zip(mean, sd, strict=True)]
    assert thompson_rows(mean, sd) == pytest.approx(np.array(alone), abs=1e-4)
    assert thompson_rows(np.empty((0, 3)), np.empty((0, 3))).shape == (0, 3)


def test_two_arms_follow_the_normal_law_of_their_difference() -> None:
    expected = 0.5 * math.erfc(-(0.3 - 0.1) / math.hypot(0.4, 0.2) / math.sqrt(2))
    assert thompson([0.3, 0.1], [0.4, 0.2]) == pytest.approx([expected, 1 - expected])


def test_a_third_arm_without_hope_leaves_the_chances_of_the_others() -> None:
    two, three = thompson([0.3, 0.1], [0.4, 0.2]), thompson([0.3, 0.1, -4.0], [0.4, 0.2, 0.1])
    assert three == pytest.approx([*two, 0], abs=1e-6)


@given(st.lists(st.tuples(NUMBER, SPREAD), min_size=2, max_size=6))
@settings(deadline=None, derandomize=True, max_examples=150)
def test_chances_sum_to_one_and_do_not_depend_on_the_order(arms: list[tuple[float, float]]) -> None:
    mean, sd = np.array(arms).T
    chance = thompson(mean, sd)
    assert (chance >= 0).all()
    assert chance.sum() == pytest.approx(1)
    assert thompson(mean[::-1], sd[::-1]) == pytest.approx(chance[::-1], abs=1e-6)


@pytest.mark.parametrize("arms", [2, 3, 5])
def test_equal_arms_share_alike_even_without_spread(arms: int) -> None:
    for spread in (0.0, 0.7):
        assert thompson([0.2] * arms, [spread] * arms) == pytest.approx([1 / arms] * arms)


def test_the_highest_score_is_played_and_ties_are_shared() -> None:
    assert greedy([0.1, 0.4, 0.3]).tolist() == [0, 1, 0]
    assert greedy([0.4, 0.4, 0.3]).tolist() == [0.5, 0.5, 0]


def test_the_floor_is_a_mixture_and_not_a_clip() -> None:
    assert floored(np.array([1.0, 0.0, 0.0]), 0.3) == pytest.approx([0.8, 0.1, 0.1])
    assert floored(np.array([0.5, 0.3, 0.2]), 0.3) == pytest.approx([0.45, 0.31, 0.24])

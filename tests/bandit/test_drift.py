"""The drift test: silent in calm and under a constant bias, quick after a fall, and it names where it began."""

from __future__ import annotations

import numpy as np

from copilot.bandit.drift import Cusum


def run(errors: np.ndarray) -> tuple[int | None, Cusum]:
    state = Cusum()
    for number, error in enumerate(errors):
        state = state.seen(number, float(error))
        if state.alarm:
            return number, state
    return None, state


def test_calm_errors_raise_no_alarm_in_fifty_thousand() -> None:
    assert run(np.random.default_rng(0).normal(0, 0.7, 50_000))[0] is None


def test_a_bias_from_the_beginning_is_no_drift() -> None:
    assert run(np.random.default_rng(1).normal(-0.5, 0.3, 5_000))[0] is None


def test_a_single_outlier_raises_no_alarm() -> None:
    errors = np.random.default_rng(2).normal(0, 0.3, 1_000)
    errors[500] = -100
    assert run(errors)[0] is None


def test_a_fall_is_noticed_soon_and_dated_well() -> None:
    errors = np.random.default_rng(3).normal(0, 0.4, 1_000)
    errors[600:] -= 1.0
    number, state = run(errors)
    assert number is not None
    assert 600 <= number <= 625
    assert abs(state.since - 600) <= 5


def test_rewards_above_expectation_are_welcome() -> None:
    errors = np.random.default_rng(4).normal(0, 0.4, 1_000)
    errors[600:] += 1.0
    assert run(errors)[0] is None

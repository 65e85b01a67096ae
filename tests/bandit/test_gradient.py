"""NeuralTS and NeuralUCB by full gradients, against finite differences and a world whose best arm is known."""

from __future__ import annotations

import numpy as np
import pytest

from copilot.bandit.gradient import GradientPolicy
from copilot.errors import BadInput
from tests.bandit.worlds import rewards


def trained(rule: str, rounds: int) -> tuple[GradientPolicy, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rounds, 2))
    right = (x[:, 0] > 0).astype(int)
    came = rewards(right, rng, 2)
    policy = GradientPolicy(2, 2, rule=rule, width=8, rng=np.random.default_rng(1))  # type: ignore[arg-type]
    played = np.empty(rounds, int)
    for t in range(rounds):
        played[t] = int(str(policy.select(x[t]).arm))
        policy.update(x[t], played[t], float(came[t, played[t]]))
    return policy, x, right, played


def test_the_gradient_is_that_by_the_parameters() -> None:
    policy, x, _, _ = trained("ts", 40)
    value, slope = policy.value_and_gradient(x[0], 1)
    found = []
    for part in (policy._first, policy._second):
        for at in np.ndindex(part.shape):
            part[at] += 1e-6
            found.append((policy.value_and_gradient(x[0], 1)[0] - value) / 1e-6)
            part[at] -= 1e-6
    assert slope == pytest.approx(found, abs=1e-4)


def test_all_arms_begin_equal_and_an_observed_arm_becomes_more_certain() -> None:
    policy = GradientPolicy(3, 2, rng=np.random.default_rng(0))
    x = np.array([0.5, -1.0])
    value, before = policy.scores(x)
    assert value == pytest.approx([0, 0, 0])
    policy.update(x, 1, 1.0)
    after = policy.scores(x)[1]
    assert after[1] < 0.8 * before[1]
    # The outer weights are shared, so the other arms gain too, but less.
    assert (after <= before).all()
    assert (after / before).argmin() == 1


@pytest.mark.parametrize("rule", ["ts", "ucb"])
def test_both_rules_learn_which_arm_is_right(rule: str) -> None:
    policy, _, right, played = trained(rule, 200)
    assert (played[120:] != right[120:]).mean() < 0.25
    assert policy.propensities(np.array([2.0, 0.0]))[1] > 0.6


def test_a_network_too_large_for_full_gradients_is_refused() -> None:
    with pytest.raises(BadInput, match="use Policy instead"):
        GradientPolicy(10, 60, rng=np.random.default_rng(0))

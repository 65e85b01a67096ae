"""Algorithm 1 leads until enough reactions have come in: a mixture of its choice and the policy's, that fades."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from copilot.bandit.policy import Policy
from copilot.bandit.propensity import floored
from copilot.stats import Floats

LEAD_REWARDS = 100  # rewards learned until the policy alone decides
FLOOR = 0.04  # the share of the product's choices that is made by lot


def trust(rewards: int) -> float:
    """Return the policy's share in a decision, 0–1, after so many rewards; the rest is Algorithm 1's."""
    return min(rewards / LEAD_REWARDS, 1.0)


def chances(policy: Policy, x: npt.ArrayLike, suggested: Sequence[Hashable]) -> Floats:
    """Return the probability of each arm in many contexts, (n, arms), in the policy's order.

    π = (1 − λ)·[Algorithm 1's choice] + λ·policy, then the floor: any arm by lot in ``policy.epsilon`` of the cases.
    A young posterior is wide, and without λ the first reaction would throw nearly half of all actions about.

    Args:
        policy: Learned ``policy.seen`` rewards, which set λ.
        x: The contexts, (n, n_features).
        suggested: Algorithm 1's choice in each, (n,).
    """
    share = trust(policy.seen)
    first = np.array([[float(arm == hint) for arm in policy.arms] for hint in suggested])
    led = floored(first.reshape(-1, len(policy.arms)), policy.epsilon)
    if share == 0:
        return led
    # The policy's own floor is in its propensities already.
    return (1 - share) * led + share * policy.propensities_of_rows(x, suggested)

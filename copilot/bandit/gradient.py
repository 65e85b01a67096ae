"""NeuralTS and NeuralUCB with the gradient by all parameters: the papers' own form, for reference and small worlds.

σ²(x, a) = ∇f(x, a)ᵀ H⁻¹ ∇f(x, a) with ∇ by the parameters θ (Zhou, Li & Gu 2020; Zhang et al. 2021), not by the inputs
as CPOG §4.2.3 says. The product uses ``copilot.bandit.policy``, whose H is that of the last layer.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from copilot.bandit import propensity
from copilot.bandit.policy import Decision
from copilot.errors import BadInput
from copilot.stats import Floats

MOST_PARAMETERS = 4_000  # H⁻¹ is dense: 128 MB at this size
STEPS, RATE = 100, 0.05  # of gradient descent a refit


class GradientPolicy:
    """One hidden layer over the context in the arm's own block of inputs, H = ridge·I + Σ ∇f∇fᵀ.

    Args:
        arms: Their names, or how many.
        n_features: Length of a context.
        rule: ``ts`` draws N(f, ν²σ²) for each arm, ``ucb`` takes the largest f + νσ.
        width: Hidden units.
        ridge: λ, which also holds θ to its start.
        explore: ν.
        refit_every: Rewards between two fits of the network.
        rng: First weights and choices.

    Raises:
        BadInput: H would have more than 4 000 rows.
    """

    def __init__(
        self,
        arms: Sequence[Hashable] | int,
        n_features: int,
        *,
        rule: Literal["ts", "ucb"] = "ts",
        width: int = 16,
        ridge: float = 1.0,
        explore: float = 0.3,
        refit_every: int = 10,
        rng: np.random.Generator,
    ) -> None:
        self.arms = tuple(range(arms)) if isinstance(arms, int) else tuple(arms)
        self.n_features, self.rule, self.ridge, self.explore = n_features, rule, ridge, explore
        self.refit_every, self._rng = refit_every, rng
        inputs = len(self.arms) * (n_features + 1)
        size = (inputs + 1) * width
        if size > MOST_PARAMETERS:
            raise BadInput(
                f"{size} parameters are too many for full gradients ({MOST_PARAMETERS} at most); use Policy instead."
            )
        self._first = rng.normal(0, np.sqrt(2 / (n_features + 1)), (inputs, width))
        # Mirrored units: f is 0 everywhere at the start, as the papers want it.
        self._first[:, width // 2 : 2 * (width // 2)] = self._first[:, : width // 2]
        outer = rng.normal(0, np.sqrt(1 / width), width)
        outer[width // 2 : 2 * (width // 2)] = -outer[: width // 2]
        outer[2 * (width // 2) :] = 0
        self._second = outer
        self._start = (self._first.copy(), self._second.copy())
        self._inverse = np.eye(size) / ridge
        self._inputs: list[Floats] = []
        self._rewards: list[float] = []

    def value_and_gradient(self, x: Floats, arm: int) -> tuple[float, Floats]:
        """Return f(x, arm) and ∇f by all parameters, (parameters,)."""
        inputs = self._placed(x, arm)
        before = inputs @ self._first
        active = np.maximum(before, 0)
        by_first = np.multiply.outer(inputs, self._second * (before > 0))
        return float(active @ self._second), np.concatenate([by_first.ravel(), active])

    def scores(self, x: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return f and σ of each arm, (arms,) each."""
        context = np.asarray(x, float)
        if context.shape != (self.n_features,) or not np.isfinite(context).all():
            raise BadInput(f"A context is {self.n_features} finite numbers; got the shape {context.shape}.")
        found = [self.value_and_gradient(context, arm) for arm in range(len(self.arms))]
        spread = [max(float(slope @ self._inverse @ slope), 0.0) for _, slope in found]
        return np.array([value for value, _ in found]), np.sqrt(spread)

    def propensities(self, x: npt.ArrayLike) -> Floats:
        """Return the probability of each arm, (arms,)."""
        value, sd = self.scores(x)
        if self.rule == "ucb":
            return propensity.greedy(value + self.explore * sd)
        return propensity.thompson(value, self.explore * sd)

    def select(self, x: npt.ArrayLike) -> Decision:
        """Choose an arm."""
        chance = self.propensities(x)
        place = int(self._rng.choice(len(chance), p=chance))
        return Decision(self.arms[place], float(chance[place]))

    def update(self, x: npt.ArrayLike, arm: Hashable, reward: float) -> None:
        """Learn one reward: a rank-one step of H⁻¹, and gradient descent on all rewards now and then."""
        context, place = np.asarray(x, float), self.arms.index(arm)
        slope = self.value_and_gradient(context, place)[1]
        toward = self._inverse @ slope
        self._inverse -= np.multiply.outer(toward, toward / (1 + float(slope @ toward)))
        self._inputs.append(self._placed(context, place))
        self._rewards.append(float(reward))
        if len(self._rewards) % self.refit_every == 0:
            self._fit()

    def _placed(self, x: Floats, arm: int) -> Floats:
        """Return the context, and a 1 for the intercept, in the arm's own block of inputs."""
        inputs = np.zeros((len(self.arms), self.n_features + 1))
        inputs[arm, :-1] = x / np.sqrt(self.n_features)
        inputs[arm, -1] = 1
        return inputs.ravel()

    def _fit(self) -> None:
        inputs, y = np.array(self._inputs), np.array(self._rewards)
        pull = self.ridge / len(y)
        for _ in range(STEPS):
            before = inputs @ self._first
            active = np.maximum(before, 0)
            off = (active @ self._second - y) / len(y)
            by_first = inputs.T @ (off[:, None] * self._second * (before > 0)) + pull * (self._first - self._start[0])
            by_second = active.T @ off + pull * (self._second - self._start[1])
            self._first -= RATE * by_first
            self._second -= RATE * by_second

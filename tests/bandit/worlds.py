"""Small bandit worlds whose best arm is known."""

from __future__ import annotations

import numpy as np

from copilot.bandit.policy import Policy


def linear_world(rounds: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contexts (n, 4), the right one of three arms, and the rewards of all arms (n, 3)."""
    rng = np.random.default_rng([seed, 1])
    x = rng.normal(size=(rounds, 4))
    by = np.array([[1.5, 0.0, -1.5], [-1.0, 2.0, -1.0], [0, 0, 0], [0, 0, 0]])
    return x, (x @ by).argmax(axis=1), rewards((x @ by).argmax(axis=1), rng)


def rings_world(rounds: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contexts (n, 2); the right arm is inside or outside a circle, which no linear model sees."""
    rng = np.random.default_rng([seed, 2])
    x = rng.normal(size=(rounds, 2))
    right = ((x**2).sum(axis=1) > 1.4).astype(int)
    return x, right, rewards(right, rng, 2)


def rewards(right: np.ndarray, rng: np.random.Generator, arms: int = 3) -> np.ndarray:
    """The right arm +1 with .9 else 0, a wrong one −1 with .5 else 0."""
    luck = rng.random((len(right), arms))
    return np.where(np.arange(arms) == right[:, None], luck < 0.9, -(luck < 0.5).astype(float))


def play(policy: Policy, x: np.ndarray, rewards: np.ndarray, suggested: np.ndarray | None = None) -> np.ndarray:
    """Return the arm of each round."""
    arms = np.empty(len(x), int)
    for t, row in enumerate(x):
        hint = None if suggested is None else int(suggested[t])
        arms[t] = policy.select(row, suggested=hint).arm
        policy.update(row, int(arms[t]), float(rewards[t, arms[t]]), suggested=hint)
    return arms

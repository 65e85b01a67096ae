"""Bayesian linear regression of each arm's reward: exact, updated by rank one, its prior chosen by the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from copilot.stats import Floats, Ints

# The noise variance is inverse-gamma: as if so many rewards with this variance had been seen.
NOISE_ROWS, NOISE_VARIANCE = 6.0, 0.25
PRECISIONS = np.geomspace(0.3, 300, 13)


@dataclass(frozen=True)
class Posterior:
    """For each arm: weights ~ N(mean, noise · cov) and noise ~ inverse-gamma, after its (weighted) rewards.

    ``cov`` is (ΦᵀWΦ + Λ)⁻¹ (arms, m, m), ``moment`` ΦᵀWy + Λμ₀ and ``mean`` (arms, m), ``energy`` Σwy² + μ₀ᵀΛμ₀ and
    ``rows`` Σw (arms,); μ₀ is the prior's mean. Nothing is changed in place: a reader may hold one while the next is
    made.
    """

    cov: Floats
    moment: Floats
    mean: Floats
    energy: Floats
    rows: Floats

    def noise(self) -> Floats:
        """Return the expected variance of a reward about its mean, (arms,)."""
        misfit = np.maximum(self.energy - (self.mean * self.moment).sum(axis=1), 0)
        noise: Floats = (NOISE_ROWS * NOISE_VARIANCE + misfit) / (NOISE_ROWS + self.rows)
        return noise

    def scores(self, phi: Floats) -> tuple[Floats, Floats]:
        """Return the expected reward of each arm and that expectation's standard deviation, (arms,) each.

        Args:
            phi: Features, (m,) for all arms or (arms, m), one row an arm.
        """
        if phi.ndim == 1:
            mean, spread = self.mean @ phi, (self.cov @ phi) @ phi
        else:
            mean = (self.mean * phi).sum(axis=1)
            spread = (np.matmul(self.cov, phi[:, :, None])[:, :, 0] * phi).sum(axis=1)
        return mean, np.sqrt(np.maximum(self.noise() * spread, 0))

    def updated(self, arm: int, phi: Floats, reward: float, forget: float = 1.0) -> Posterior:
        """Return the posterior after one more reward (Sherman–Morrison); older ones weigh ``forget`` as much."""
        cov, moment = self.cov / forget, self.moment * forget
        energy, rows = self.energy * forget, self.rows * forget
        toward = cov[arm] @ phi
        cov[arm] -= np.multiply.outer(toward, toward / (1 + float(phi @ toward)))
        moment[arm] += reward * phi
        energy[arm] += reward * reward
        rows[arm] += 1
        mean = self.mean.copy()
        mean[arm] = cov[arm] @ moment[arm]
        return Posterior(cov, moment, mean, energy, rows)

    def amended(self, arm: int, phi: Floats, old: float, new: float) -> Posterior:
        """Return the posterior after the reward ``old`` at ``phi`` turned out to be ``new``."""
        moment, mean, energy = self.moment.copy(), self.mean.copy(), self.energy.copy()
        moment[arm] += (new - old) * phi
        mean[arm] = self.cov[arm] @ moment[arm]
        energy[arm] += new * new - old * old
        return replace(self, moment=moment, mean=mean, energy=energy)


def fit(phi: Floats, arm: Ints, reward: Floats, weight: Floats, *, precision: Floats, prior_mean: Floats) -> Posterior:
    """Return the posterior of all arms after all their rewards at once.

    Args:
        phi: Features of the arm played, (n, m); n may be 0.
        arm: Position of the arm played, (n,).
        reward: (n,).
        weight: How much each row counts, 0–1, (n,).
        precision: Λ's diagonal, (m,), in units of the noise.
        prior_mean: μ₀, (arms, m).
    """
    arms, m = prior_mean.shape
    cov, moment, mean = np.empty((arms, m, m)), np.empty((arms, m)), np.empty((arms, m))
    energy, rows = np.empty(arms), np.empty(arms)
    for a in range(arms):
        mine = arm == a
        own, w, y = phi[mine], weight[mine], reward[mine]
        inverse = np.linalg.inv((own * w[:, None]).T @ own + np.diag(precision))
        cov[a] = (inverse + inverse.T) / 2
        moment[a] = own.T @ (w * y) + precision * prior_mean[a]
        mean[a] = cov[a] @ moment[a]
        energy[a] = w @ (y * y) + precision @ (prior_mean[a] * prior_mean[a])
        rows[a] = w.sum()
    return Posterior(cov, moment, mean, energy, rows)


def best_precision(parts: Sequence[tuple[Floats, Floats, Floats]]) -> float:
    """Return the prior precision, one for all arms and features, under which the rewards were most likely.

    The evidence of a normal-inverse-gamma model is in closed form; with one eigendecomposition an arm it costs
    nothing to try each of ``PRECISIONS`` (empirical Bayes).

    Args:
        parts: For each arm its features (n, m), rewards less their prior mean (n,) and weights (n,).
    """
    total = np.zeros(len(PRECISIONS))
    for phi, reward, weight in parts:
        if not len(reward):
            continue
        values, vectors = np.linalg.eigh((phi * weight[:, None]).T @ phi)
        values = np.maximum(values, 0)
        along = vectors.T @ (phi.T @ (weight * reward))
        shrunk = values[:, None] + PRECISIONS
        misfit = np.maximum(weight @ (reward * reward) - (along[:, None] ** 2 / shrunk).sum(axis=0), 0)
        shape = (NOISE_ROWS + weight.sum()) / 2
        total += 0.5 * (np.log(PRECISIONS) - np.log(shrunk)).sum(axis=0)
        total -= shape * np.log((NOISE_ROWS * NOISE_VARIANCE + misfit) / 2)
    return float(PRECISIONS[int(total.argmax())])

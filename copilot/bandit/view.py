"""How a policy sees a context: scaled inputs, a torso's features or none, and each arm's posterior on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from copilot.bandit.history import Rows
from copilot.bandit.posterior import Posterior, best_precision, fit
from copilot.bandit.torso import Torso
from copilot.stats import Floats, Ints

# What Algorithm 1's choice is worth before any feedback, in reward, and how sure of it: three clicks outweigh it.
PRIOR_BONUS, PRIOR_PRECISION = 0.25, 3.0


@dataclass(frozen=True)
class Scaling:
    """Centre and scale of each input; asinh tames outliers and rare categories and leaves the middle as it is."""

    centre: Floats
    scale: Floats

    def __call__(self, x: Floats) -> Floats:
        """Return the scaled contexts, shape as given."""
        scaled: Floats = np.arcsinh((x - self.centre) / self.scale)
        return scaled


def scaling(x: Floats) -> Scaling:
    """Return the means and standard deviations of the columns of ``x``; a constant column keeps its unit."""
    if len(x) < 2:
        return Scaling(np.zeros(x.shape[1]), np.ones(x.shape[1]))
    spread = x.std(axis=0)
    return Scaling(x.mean(axis=0), np.where(spread > 1e-12, spread, 1.0))


@dataclass(frozen=True)
class View:
    """An immutable model of all arms: linear without a torso, neural-linear with one.

    The features are [1, (inputs or activations − centre)/scale, 1 if the arm was suggested]; the middle part has
    mean square length 1, so that one prior precision suits any number of features.
    """

    scaling: Scaling
    torso: Torso | None
    centre: Floats
    scale: float
    posterior: Posterior

    def features(self, x: Floats) -> Floats:
        """Return (m,) or (n, m) features of contexts, none suggested."""
        inputs = self.scaling(x)
        inner = self.torso.features(inputs) if self.torso else inputs
        phi = np.empty((*inner.shape[:-1], inner.shape[-1] + 2))
        phi[..., 0] = 1
        phi[..., 1:-1] = (inner - self.centre) / self.scale
        phi[..., -1] = 0
        return phi

    def scores(self, x: Floats, suggested: int | None) -> tuple[Floats, Floats]:
        """Return each arm's expected reward and its standard deviation; ``x`` is (d,) or one row an arm."""
        phi = self.features(x)
        if suggested is not None:
            if phi.ndim == 1:
                phi = np.repeat(phi[None], len(self.posterior.rows), axis=0)
            phi[suggested, -1] = 1
        return self.posterior.scores(phi)

    def scores_of_rows(self, x: Floats, suggested: Ints) -> tuple[Floats, Floats]:
        """Return ``scores`` of many contexts (n, d) at once, (n, arms) each; ``suggested`` (n,) is −1 for none."""
        phi, posterior = self.features(x), self.posterior
        mean, spread = np.empty((2, len(x), len(posterior.rows)))
        for arm in range(len(posterior.rows)):
            phi[:, -1] = suggested == arm
            mean[:, arm] = phi @ posterior.mean[arm]
            spread[:, arm] = ((phi @ posterior.cov[arm]) * phi).sum(axis=1)
        return mean, np.sqrt(np.maximum(posterior.noise() * spread, 0))

    def of_arm(self, x: Floats, is_suggested: bool) -> Floats:
        """Return the features (m,) of one arm in the context ``x`` (d,)."""
        phi = self.features(x)
        phi[-1] = is_suggested
        return phi

    def updated(self, arm: int, phi: Floats, reward: float, forget: float) -> View:
        """Return the view after one more reward."""
        return replace(self, posterior=self.posterior.updated(arm, phi, reward, forget))


def build(rows: Rows, arms: int, weight: Floats, scale: Scaling, torso: Torso | None) -> View:
    """Return the view that has seen ``rows``, its prior precision chosen by their evidence.

    Args:
        rows: Contexts, arms, rewards and whether the arm was suggested.
        arms: How many there are.
        weight: How much each row counts, (n,).
        scale: Of the inputs; the one the torso was trained with, where there is one.
        torso: None for a linear view.
    """
    inputs = scale(rows.x)
    inner = torso.features(inputs) if torso else inputs
    centre = inner.mean(axis=0) if len(inner) else np.zeros(inner.shape[1])
    length = float(np.sqrt(((inner - centre) ** 2).sum(axis=1).mean())) if len(inner) > 1 else 0.0
    view = View(scale, torso, centre, length if length > 1e-9 else np.sqrt(inner.shape[1]), _empty())
    phi = view.features(rows.x)
    phi[:, -1] = rows.suggested
    prior = np.zeros((arms, phi.shape[1]))
    prior[:, -1] = PRIOR_BONUS
    left = rows.reward - PRIOR_BONUS * rows.suggested
    parts = [(phi[rows.arm == a, :-1], left[rows.arm == a], weight[rows.arm == a]) for a in range(arms)]
    precision = np.full(phi.shape[1], best_precision(parts))
    precision[0] = min(precision[0], 1.0)
    precision[-1] = PRIOR_PRECISION
    posterior = fit(phi, rows.arm, rows.reward, weight, precision=precision, prior_mean=prior)
    return replace(view, posterior=posterior)


def _empty() -> Posterior:
    return Posterior(*(np.empty(0) for _ in range(5)))

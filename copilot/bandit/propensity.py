"""The chance that Thompson sampling or UCB plays each arm, with a floor that is a real mixture (MATHS §5)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from copilot.stats import Floats

# Pieces end where an arm's density or distribution bends, in its standard deviations. Gauss-Hermite nodes of one arm
# step over a second arm that is far more certain; pieces fitted to every arm do not.
_BENDS = np.array([-5.0, -3.0, -1.8, -0.9, 0.0, 0.9, 1.8, 3.0, 5.0])
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)
_REACH = 5.0  # beyond so many deviations a draw is left out: 3 in ten million
_PART = 1_000  # rows worked at once
_CERTAIN = 1e-9  # a standard deviation below this share of the scores' scale counts as this share


def thompson(mean: npt.ArrayLike, sd: npt.ArrayLike) -> Floats:
    """Return P(arm's draw is the largest) for independent draws N(mean, sd²), by quadrature.

    P(a) = ∫ φ((t − μₐ)/σₐ)/σₐ · Π_b≠a Φ((t − μ_b)/σ_b) dt, by Gauss–Legendre rules of three nodes on pieces that
    follow all arms; two arms in closed form. Equal arms without spread share their chance.

    Args:
        mean: Expected rewards, (arms,), finite.
        sd: Their standard deviations, (arms,), at least 0.

    Returns:
        Chances, (arms,), summing to 1; the largest error met against 1e6 draws was .0013, theirs included.
    """
    mu, sigma = np.asarray(mean, float), np.asarray(sd, float)
    low, high = float((mu - _REACH * sigma).max()), mu + _REACH * sigma
    hopeful = high >= low
    arms = int(hopeful.sum())
    if arms == 1:
        return hopeful.astype(float)
    if arms == len(mu):
        return _two(mu, sigma) if arms == 2 else _pieces(mu, sigma, low)
    chance = np.zeros(len(mu))
    mu, sigma = mu[hopeful], sigma[hopeful]
    chance[hopeful] = _two(mu, sigma) if arms == 2 else _pieces(mu, sigma, low)
    return chance


def _two(mu: Floats, sigma: Floats) -> Floats:
    gap, spread = float(mu[0] - mu[1]), math.hypot(sigma[0], sigma[1])
    first = 0.5 * math.erfc(-gap / (spread * math.sqrt(2))) if spread > 0 else 0.5 * (1 + np.sign(gap))
    return np.array([first, 1 - first])


def _pieces(mu: Floats, sigma: Floats, low: float) -> Floats:
    from scipy.special import ndtr

    scale = float(np.abs(mu).max() + sigma.max())
    sigma = np.maximum(sigma, _CERTAIN * (scale or 1.0))[:, None]
    mu = mu[:, None]
    edges = (mu + sigma * _BENDS).ravel()
    edges.sort()
    # Below `low` the largest draw does not lie.
    edges = edges[max(int(edges.searchsorted(low, "right")) - 1, 0) :]
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    at = (middle[:, None] + half[:, None] * _NODES).ravel()
    share = (half[:, None] * _WEIGHTS).ravel()
    z = (at - mu) / sigma
    below = ndtr(z)
    # Products over the other arms as prefix times suffix: dividing by an arm's own Φ would divide by 0.
    others = np.ones_like(below)
    np.multiply.accumulate(below[:-1], axis=0, out=others[1:])
    others[:-1] *= np.multiply.accumulate(below[:0:-1], axis=0)[::-1]
    z *= z
    z *= -0.5
    np.exp(z, out=z)
    chance: Floats = ((z * others) @ share) / sigma[:, 0]
    chance /= chance.sum()
    return chance


def thompson_rows(mean: npt.ArrayLike, sd: npt.ArrayLike) -> Floats:
    """Return ``thompson`` of many rows at once, (n, arms) as given: the same rules, in parts that fit the cache."""
    mu, sigma = np.asarray(mean, float), np.asarray(sd, float)
    parts = [_rows(mu[at : at + _PART], sigma[at : at + _PART]) for at in range(0, len(mu), _PART)]
    return np.concatenate(parts) if parts else mu


def _rows(mu: Floats, sigma: Floats) -> Floats:
    from scipy.special import ndtr

    scale = np.abs(mu).max(axis=1, keepdims=True) + sigma.max(axis=1, keepdims=True)
    sigma = np.maximum(sigma, _CERTAIN * np.where(scale > 0, scale, 1.0))
    edges = np.sort((mu[:, :, None] + sigma[:, :, None] * _BENDS).reshape(len(mu), -1), axis=1)
    # Below the surest arm's reach the largest draw does not lie; a piece cut there to nothing counts for nothing.
    edges = np.maximum(edges, (mu - _REACH * sigma).max(axis=1, keepdims=True))
    middle, half = (edges[:, 1:] + edges[:, :-1]) / 2, (edges[:, 1:] - edges[:, :-1]) / 2
    at = (middle[:, :, None] + half[:, :, None] * _NODES).reshape(len(mu), -1)
    share = (half[:, :, None] * _WEIGHTS).reshape(len(mu), -1)
    z = (at[:, None, :] - mu[:, :, None]) / sigma[:, :, None]
    below = ndtr(z)
    others = np.ones_like(below)
    np.multiply.accumulate(below[:, :-1], axis=1, out=others[:, 1:])
    others[:, :-1] *= np.multiply.accumulate(below[:, :0:-1], axis=1)[:, ::-1]
    chance: Floats = np.einsum("nak,nak,nk->na", np.exp(-0.5 * z * z), others, share) / sigma
    chance /= chance.sum(axis=1, keepdims=True)
    return chance


def greedy(score: npt.ArrayLike) -> Floats:
    """Return 1 for the arm with the highest score (UCB), shared where several are highest; (arms,) or (n, arms)."""
    best = np.asarray(score, float)
    top = best >= best.max(axis=-1, keepdims=True)
    chance: Floats = top / top.sum(axis=-1, keepdims=True)
    return chance


def floored(chance: Floats, epsilon: float) -> Floats:
    """Return the chances of playing ``chance`` with probability 1 − ε and any arm alike with probability ε."""
    mixed: Floats = (1 - epsilon) * chance + epsilon / chance.shape[-1]
    return mixed

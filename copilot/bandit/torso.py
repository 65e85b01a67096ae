"""The shared features of all arms: a small network fitted to the log, run by numpy when an action is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from copilot.stats import Floats, Ints

HIDDEN = (64, 64)
RATE, DECAY, BATCH = 3e-3, 0.03, 128
STEPS = (200, 500)  # of Adam: at least, at most; in between twenty passes over the rows


@dataclass(frozen=True)
class Torso:
    """Weights (inputs, outputs) and biases of each layer; the last layer's activations are the features."""

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def features(self, inputs: Floats) -> Floats:
        """Return the last hidden activations, (hidden,) or (n, hidden)."""
        found = inputs
        for weight, bias in zip(self.weights, self.biases, strict=True):
            found = np.maximum(found @ weight + bias, 0)
        return found


def train(inputs: Floats, arm: Ints, reward: Floats, weight: Floats, arms: int, seed: int) -> Torso:
    """Fit reward ≈ one linear head an arm on shared features, by squared error on the arm that was played.

    Args:
        inputs: Scaled contexts, (n, d).
        arm: Positions of the arms played, (n,).
        reward: (n,).
        weight: How much each row counts, (n,).
        arms: How many there are.
        seed: Fixes the first weights and the batches.
    """
    import torch

    source = np.random.default_rng(seed)
    sizes = (inputs.shape[1], *HIDDEN, arms)
    shapes = list(pairwise(sizes))
    first = [source.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out)) for fan_in, fan_out in shapes]
    first[-1] *= 0.1
    flat = np.concatenate([*(part.ravel() for part in first), np.zeros(sum(sizes[1:]))])
    theta = torch.from_numpy(flat.astype(np.float32)).requires_grad_()
    ends = np.cumsum([fan_in * fan_out for fan_in, fan_out in shapes] + list(sizes[1:])).tolist()
    parts = [theta[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    matrices = [part.view(shape) for part, shape in zip(parts, shapes, strict=False)]
    X, y, w = (torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in (inputs, reward, weight))
    played = torch.from_numpy(np.asarray(arm, np.int64))[:, None]
    # Adam on one flat vector: torch.optim would cost more than the network.
    speed, power = torch.zeros_like(theta), torch.zeros_like(theta)
    steps = int(np.clip(20 * len(X) // BATCH, *STEPS))
    for step in range(1, steps + 1):
        rows = torch.from_numpy(source.integers(len(X), size=min(BATCH, len(X))))
        found = X[rows]
        for matrix, bias in zip(matrices[:-1], parts[len(shapes) : -1], strict=True):
            found = torch.relu(torch.addmm(bias, found, matrix))
        told = torch.addmm(parts[-1], found, matrices[-1]).gather(1, played[rows])[:, 0]
        loss = (w[rows] * (told - y[rows]) ** 2).mean()
        (slope,) = torch.autograd.grad(loss, theta, retain_graph=True)
        with torch.no_grad():
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            speed.lerp_(slope, 0.1)
            power.lerp_(slope * slope, 0.01)
            theta.mul_(1 - rate * DECAY)
            bias_1, bias_2 = 1 - 0.9**step, 1 - 0.99**step
            theta.addcdiv_(speed, (power / bias_2).sqrt_().add_(1e-8), value=-rate / bias_1)
    found_flat = theta.detach().double().numpy()
    cuts = np.split(found_flat, ends[:-1])
    weights = tuple(cut.reshape(shape) for cut, shape in zip(cuts, shapes, strict=False))
    return Torso(weights[:-1], tuple(cuts[len(shapes) : -1]))


def pack(torso: Torso) -> dict[str, Any]:
    """Return the arrays that make up a torso, by name."""
    layers = {f"weight_{i}": part for i, part in enumerate(torso.weights)}
    return layers | {f"bias_{i}": part for i, part in enumerate(torso.biases)}


def unpack(arrays: Mapping[str, Any]) -> Torso:
    """Return the torso that ``pack`` took apart; other arrays are left alone."""
    layers = range(sum(name.startswith("weight_") for name in arrays))
    return Torso(tuple(arrays[f"weight_{i}"] for i in layers), tuple(arrays[f"bias_{i}"] for i in layers))

"""Integrated Gradients of a torch network (Sundararajan, Taly & Yan 2017), with completeness checked row by row.

phi_i(x) = (x_i − x'_i) · ∫₀¹ ∂f(x' + t (x − x')) / ∂x_i dt, the integral by Gauss and Legendre's rule. The phi sum to
f(x) − f(x') where the rule is exact; where a row falls short (kinks along its path), it is done again with more steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from copilot.errors import BadInput
from copilot.explain.record import Attribution, Unit, local_accuracy
from copilot.stats import Floats

if TYPE_CHECKING:
    import torch

STEPS, MOST_STEPS = 50, 1_600
ROWS_AT_ONCE = 12_800  # rows times steps in one pass of the network
TOLERANCE = 0.01  # of the largest move from the baseline's value


def integrated_gradients(
    net: torch.nn.Module,
    X: Floats,
    *,
    features: tuple[str, ...],
    baseline: Floats | None = None,
    output: int | None = None,
    steps: int = STEPS,
    unit: Unit = "margin",
) -> Attribution:
    """Return how much each feature moves the network's output away from what it says at a baseline.

    Args:
        net: Takes (n, f) and gives (n,), (n, 1) or (n, outputs). It is run in evaluation mode and left as it was.
        X: (n, f), finite: a network reads no missing values, so fill them as in training.
        features: f names.
        baseline: (f,), where the paths begin; by default the mean row of ``X``.
        output: Which output of a network with several.
        steps: Nodes of the integral; rows that then miss completeness get up to ``MOST_STEPS``.
        unit: Of what the network says.

    Returns:
        An ``Attribution`` whose bias is the network's output at the baseline; its ``fidelity.gap`` is the completeness
        delta.

    Raises:
        BadInput: Rows or a baseline the network cannot read, an output that it has not, or completeness out of reach.
    """
    import torch

    start = _baseline(X, baseline)
    if steps < 1:
        raise BadInput(f"Integrated gradients need at least one step; {steps} were asked for.")
    was_training = net.training
    net.eval()
    try:
        run = _Run(net, output, next((p.dtype for p in net.parameters()), torch.float32))
        told, base = run.values(X), float(run.values(start[None])[0])
        values = run.integrate(X, start, steps)
        limit = TOLERANCE * max(float(np.abs(told - base).max(initial=0.0)), 1e-9)
        short, used = np.flatnonzero(np.abs(base + values.sum(axis=1) - told) > limit), steps
        again = len(short)
        while len(short) and used < MOST_STEPS:
            used = min(2 * used, MOST_STEPS)
            values[short] = run.integrate(X[short], start, used)
            short = short[np.abs(base + values[short].sum(axis=1) - told[short]) > limit]
    except (RuntimeError, IndexError) as fault:
        raise BadInput(f"The network cannot read these rows: {str(fault).splitlines()[0].rstrip('.')}.") from None
    finally:
        net.train(was_training)
    bias = np.full(len(X), base)
    scale = max(1.0, float(np.abs(told).max(initial=0.0)))
    fidelity = local_accuracy(
        bias + values.sum(axis=1), told, tolerance=max(limit / scale, 1e-6), what="integrated gradients"
    )
    notes = (f"{again} rows needed up to {used} steps instead of {steps}.",) if again else ()
    return Attribution("gradients", values, bias, features, unit, fidelity, notes)


def answers(net: torch.nn.Module, X: Floats, output: int | None = None) -> Floats:
    """Return what a network says of rows, (n,), in evaluation mode; it is left as it was."""
    import torch

    was_training = net.training
    net.eval()
    try:
        return _Run(net, output, next((p.dtype for p in net.parameters()), torch.float32)).values(X)
    except (RuntimeError, IndexError) as fault:
        raise BadInput(f"The network cannot read these rows: {str(fault).splitlines()[0].rstrip('.')}.") from None
    finally:
        net.train(was_training)


class _Run:
    """A network in evaluation mode, one of its outputs chosen."""

    def __init__(self, net: torch.nn.Module, output: int | None, kind: Any) -> None:
        self.net, self.output, self.kind = net, output, kind

    def values(self, X: Floats) -> Floats:
        """Return the chosen output, (n,)."""
        import torch

        with torch.no_grad():
            parts = [
                self._chosen(self.net(part)).double().numpy() for part in torch.split(self._tensor(X), ROWS_AT_ONCE)
            ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def integrate(self, X: Floats, start: Floats, steps: int) -> Floats:
        """Return (x − start) times the mean gradient along each path, (n, f)."""
        import torch

        nodes, weights = np.polynomial.legendre.leggauss(steps)
        out, at_once = np.empty(X.shape), max(1, ROWS_AT_ONCE // steps)
        t, weight = (torch.as_tensor(part, dtype=self.kind) for part in ((nodes + 1) / 2, weights / 2))
        origin = self._tensor(start)
        for first in range(0, len(X), at_once):
            move = self._tensor(X[first : first + at_once]) - origin
            path = (origin + t[None, :, None] * move[:, None, :]).reshape(-1, X.shape[1]).requires_grad_()
            with torch.enable_grad():
                said = self._chosen(self.net(path)).sum()
                if not said.requires_grad:
                    raise BadInput("The network's output has no gradient by its rows; explain it by method='lime'.")
                (slope,) = torch.autograd.grad(said, path)
            mean = (slope.reshape(len(move), steps, -1) * weight[None, :, None]).sum(dim=1)
            out[first : first + at_once] = (move * mean).double().numpy()
        return out

    def _tensor(self, X: Floats) -> torch.Tensor:
        import torch

        return torch.as_tensor(X, dtype=self.kind)

    def _chosen(self, said: torch.Tensor) -> torch.Tensor:
        if said.ndim == 1:
            said = said[:, None]
        count = said.shape[1]
        if said.ndim != 2 or (self.output is None and count != 1) or not 0 <= (self.output or 0) < count:
            raise BadInput(f"The network has {count} outputs; choose one with output=0 … {count - 1}.")
        return said[:, self.output or 0]


def _baseline(X: Floats, baseline: Floats | None) -> Floats:
    if not np.isfinite(X).all():
        raise BadInput("A network reads no missing or infinite values; fill them as they were filled for training.")
    if not len(X) and baseline is None:
        raise BadInput("There are no rows to explain; give at least one row, or a baseline.")
    start = X.mean(axis=0) if baseline is None else np.asarray(baseline, float)
    if start.shape != (X.shape[1],) or not np.isfinite(start).all():
        raise BadInput(f"The baseline must be one row of {X.shape[1]} finite numbers.")
    return np.asarray(start, float)

"""Integrated gradients meet closed forms, and say so where completeness cannot be had."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from copilot.errors import BadInput
from copilot.explain import gradients
from copilot.explain.attribution import attribute
from copilot.explain.gradients import integrated_gradients

NAMES = ("seats", "usage", "tickets")


class Quadratic(nn.Module):
    """x' A x + b' x with A symmetric."""

    def __init__(self, A: np.ndarray, b: np.ndarray) -> None:
        super().__init__()
        self.A = nn.Parameter(torch.as_tensor(A, dtype=torch.float64))
        self.b = nn.Parameter(torch.as_tensor(b, dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return ((x @ self.A) * x).sum(dim=1) + x @ self.b


class Steps(nn.Module):
    """Has no useful gradient: it jumps, or forgets its rows."""

    def __init__(self, jump: bool) -> None:
        super().__init__()
        self.jump = jump

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x[:, 0] > 0).float() + (0 * x[:, 0] if self.jump else 0)


def rows(n: int = 40, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3))


def mlp(outputs: int = 1) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 16), nn.ReLU(),
                         nn.Linear(16, outputs))  # fmt: skip


def test_a_linear_network_gives_slope_times_distance() -> None:
    net = nn.Linear(3, 1).double()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[2.0, -1.0, 0.5]]))
        net.bias.fill_(4.0)
    X, start = rows(), np.array([1.0, 0.0, -1.0])
    found = integrated_gradients(net, X, features=NAMES, baseline=start)
    np.testing.assert_allclose(found.values, (X - start) * [2.0, -1.0, 0.5], atol=1e-12)
    np.testing.assert_allclose(found.bias, 2.0 - 0.5 + 4.0, atol=1e-12)


def test_a_quadratic_gives_its_closed_form() -> None:
    # The mean gradient on a straight path is the gradient half way: A (x + x') + b.
    A = np.array([[1.0, 0.5, 0.0], [0.5, -2.0, 0.3], [0.0, 0.3, 0.7]])
    b, X, start = np.array([1.0, 2.0, -3.0]), rows(), np.array([0.2, -0.4, 0.6])
    found = integrated_gradients(Quadratic(A, b), X, features=NAMES, baseline=start, steps=1)
    np.testing.assert_allclose(found.values, (X - start) * ((X + start) @ A + b), atol=1e-12)


def test_contributions_of_a_network_with_kinks_are_complete_and_batches_do_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, X = mlp().train(), rows(70)
    found = integrated_gradients(net, X, features=NAMES)
    assert net.training
    with torch.no_grad():
        said = net.eval()(torch.as_tensor(X, dtype=torch.float32)).numpy()[:, 0]
        base = net(torch.as_tensor(X.mean(axis=0, keepdims=True), dtype=torch.float32)).item()
    limit = 0.01 * np.abs(said - base).max()
    assert np.abs(found.total - said).max() <= limit
    assert found.fidelity.gap == pytest.approx(np.abs(found.total - said).max(), abs=1e-6)
    monkeypatch.setattr(gradients, "ROWS_AT_ONCE", 170)
    again = integrated_gradients(net, X, features=NAMES)
    np.testing.assert_allclose(again.values, found.values, atol=1e-5)


def test_rows_that_fall_short_get_more_steps_and_the_answer_says_so() -> None:
    found = integrated_gradients(mlp(), rows(70), features=NAMES, steps=2)
    assert "steps instead of 2" in found.notes[0]


def test_one_of_several_outputs_is_chosen() -> None:
    net, X = mlp(2), rows()
    found = attribute(net, X, output=1)
    with torch.no_grad():
        said = net.eval()(torch.as_tensor(X, dtype=torch.float32)).numpy()[:, 1]
    np.testing.assert_allclose(found.total, said, atol=0.02)
    for output in (None, 2):
        with pytest.raises(BadInput, match="network has 2 outputs"):
            attribute(net, X, output=output)


@pytest.mark.parametrize(
    ("net", "X", "more", "says"),
    [
        (Steps(jump=True), rows(), {}, "but the model says"),
        (Steps(jump=False), rows(), {}, "no gradient"),
        (mlp(), np.where(rows() > 1, np.nan, rows()), {}, "no missing or infinite"),
        (mlp(), rows()[:, :2], {"features": NAMES[:2]}, "cannot read these rows"),
        (mlp(), rows(), {"baseline": np.zeros(2)}, "baseline must be one row of 3"),
        (mlp(), rows(), {"steps": 0}, "at least one step"),
        (mlp(), rows(0), {}, "no rows to explain"),
    ],
)
def test_what_cannot_be_integrated_is_refused_in_one_sentence(net: Any, X: Any, more: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        integrated_gradients(net, X, **({"features": NAMES} | more))
    assert "\n" not in str(caught.value)

"""LIME and K-LIME find a line where the model is one, and say how far off they are where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from copilot.errors import BadInput
from copilot.explain.attribution import attribute
from copilot.explain.k_lime import k_lime
from copilot.explain.surrogates import lime

NAMES = ("seats", "usage", "flag")
SLOPES = np.array([2.0, -1.0, 3.0])


def world(n: int = 400, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.normal(5, 2, n), rng.normal(0, 1, n), rng.random(n) < 0.3])


def line(X: np.ndarray) -> np.ndarray:
    return np.asarray(4 + np.nan_to_num(X) @ SLOPES)


@pytest.mark.parametrize("way", [lime, k_lime])
def test_a_line_is_found_and_contributions_are_slope_times_distance_from_the_median(way: Any) -> None:
    X = world()
    found = way(line, X[:20], background=X, features=NAMES, rng=np.random.default_rng(2))
    np.testing.assert_allclose(found.values, (X[:20] - np.median(X, axis=0)) * SLOPES, atol=0.15)
    np.testing.assert_allclose(found.total, line(X[:20]), atol=0.15)
    assert found.fidelity.value > 0.999
    assert found.fidelity.gap == pytest.approx(np.abs(found.total - line(X[:20])).max())


def test_the_line_is_local_and_its_r2_falls_where_the_model_bends() -> None:
    X = world()
    rows = np.array([[5.0, 2.0, 0.0], [5.0, -2.0, 0.0], [5.0, 0.0, 0.0]])
    found = lime(lambda Z: Z[:, 1] ** 2, rows, background=X, features=NAMES, rng=np.random.default_rng(3))
    slopes = found.values[:2, 1] / (rows[:2, 1] - np.median(X[:, 1]))
    np.testing.assert_allclose(slopes, [4.0, -4.0], atol=0.7)
    assert found.fidelity.by_row[2] < 0.2 < 0.8 < found.fidelity.by_row[0]


def test_clusters_follow_a_model_that_one_line_cannot() -> None:
    X = np.random.default_rng(4).normal(size=(900, 2))

    def answer(Z: np.ndarray) -> np.ndarray:
        return np.abs(Z[:, 0]) * 3

    how: dict[str, Any] = {"background": X, "features": ("a", "b")}
    one = k_lime(answer, X, clusters=1, rng=np.random.default_rng(5), **how)
    chosen = k_lime(answer, X, rng=np.random.default_rng(5), **how)
    assert one.fidelity.value < 0.1
    assert chosen.fidelity.value > 0.7
    assert "1 clusters" not in chosen.notes[0]


def test_a_straight_model_gets_a_single_cluster() -> None:
    found = k_lime(line, world(), background=world(), features=NAMES, rng=np.random.default_rng(6))
    assert found.notes[0].startswith("1 clusters")


@pytest.mark.parametrize("way", [lime, k_lime])
def test_missing_and_constant_cells_contribute_nothing(way: Any) -> None:
    background = world()
    background[:, 1] = 7.0
    X = background[:5].copy()
    X[:, 0] = np.nan
    found = way(line, X, background=background, features=NAMES, rng=np.random.default_rng(7))
    assert not found.values[:, :2].any()
    assert found.values[:, 2].any()


@pytest.mark.parametrize("way", ["lime", "k-lime"])
def test_the_same_seed_gives_the_same(way: Any) -> None:
    X = world(60)
    first, second = (attribute(line, X, method=way, rng=np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)


@pytest.mark.parametrize("way", ["lime", "k-lime"])
@pytest.mark.parametrize(
    ("predict", "X", "background", "says"),
    [
        (lambda Z: Z, world(), world(), "one number a row"),
        (lambda Z: np.full(len(Z), np.nan), world(), world(), "not finite"),
        (line, np.full((3, 3), np.inf), world(), "infinite values"),
        (line, world(), world()[:, :2], "at least two rows of 3 columns"),
        (line, world(), world()[:1], "at least two rows"),
    ],
)
def test_what_a_surrogate_cannot_follow_is_refused(way: Any, predict: Any, X: Any, background: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        attribute(predict, X, method=way, background=background, rng=np.random.default_rng(9))


def test_too_few_neighbours_or_rows_for_the_clusters_are_refused() -> None:
    with pytest.raises(BadInput, match="needs at least 5 neighbours"):
        lime(line, world(), background=world(), features=NAMES, rng=np.random.default_rng(1), neighbours=4)
    with pytest.raises(BadInput, match="at least 20 background rows"):
        k_lime(line, world(), background=world(12), features=NAMES, rng=np.random.default_rng(1))
    with pytest.raises(BadInput, match="rng="):
        attribute(line, world())

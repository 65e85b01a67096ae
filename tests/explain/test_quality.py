"""Quality measures tell good explanations from bad ones, and equal what counting by hand gives."""

from __future__ import annotations

import numpy as np
import pytest

from copilot.errors import BadInput
from copilot.explain.quality import deduplicated, jaccard, quality, rank_biased
from copilot.explain.record import Attribution, Fidelity

SLOPES = np.array([4.0, -3.0, 2.0, 1.0, 0.0, 0.0])
FAMILIES = ["seats", "usage", "seats", "tickets", "people", "web"]


def predict(X: np.ndarray) -> np.ndarray:
    return np.asarray(X @ SLOPES)


def world(values: np.ndarray | None = None, n: int = 60) -> tuple[Attribution, np.ndarray]:
    X = np.random.default_rng(1).normal(size=(n, 6))
    shares = (X - np.median(X, axis=0)) * SLOPES if values is None else values
    trust = Fidelity("local accuracy", 1.0, np.ones(n), 1e-9)
    return Attribution("exact", shares, np.zeros(n), tuple("abcdef"), "outcome", trust), X


def test_true_contributions_beat_random_orders_and_shuffled_ones_do_not() -> None:
    true, X = world()
    good = quality(true, X, predict, families=FAMILIES, rng=np.random.default_rng(2))
    assert good.insertion.low > 0
    assert good.deletion.low > 0
    noise = np.random.default_rng(3).normal(size=X.shape)
    bad = quality(world(noise)[0], X, predict, families=FAMILIES, rng=np.random.default_rng(2))
    assert bad.insertion.low < 0 < bad.insertion.high
    wrong = quality(world(-true.values)[0], X, predict, families=FAMILIES, rng=np.random.default_rng(2))
    assert wrong.deletion.high < 0


def test_the_deletion_area_of_a_line_is_the_one_worked_by_hand() -> None:
    # f = 2a + b at (1, 1), baseline 0: true order 3, 1, 0 (area 1.25), the other 3, 2, 0 (1.75); random: a mixture.
    trust = Fidelity("local accuracy", 1.0, np.ones(1), 0.0)
    one = Attribution("exact", np.array([[2.0, 1.0]]), np.zeros(1), ("a", "b"), "outcome", trust)
    rows = np.ones((1, 2))
    found = quality(one, rows, lambda X: X @ [2.0, 1.0], families=["a", "b"], baseline=np.zeros(2),
                    rng=np.random.default_rng(1))  # fmt: skip
    orders = np.random.default_rng(1)
    flipped = sum(bool(orders.permuted(np.array([[0, 1]]), axis=1)[0, 0]) for _ in range(10)) / 10
    assert 0 < flipped < 1
    assert found.deletion.value == pytest.approx(0.5 * flipped)
    assert found.insertion.value == pytest.approx(0.5 * flipped)
    assert np.isnan(found.deletion.low)


def test_stability_is_one_for_equal_refits_and_less_for_others() -> None:
    true, X = world()
    how = {"families": FAMILIES, "rng": np.random.default_rng(2)}
    same = quality(true, X, predict, refits=[true.values, true.values], **how)
    assert same.jaccard == same.rank_biased == 1.0
    other = np.random.default_rng(4).normal(size=X.shape)
    assert quality(true, X, predict, refits=[true.values, other], **how).jaccard < 0.95
    assert np.isnan(quality(true, X, predict, **how).jaccard)


def test_overlaps_worked_by_hand() -> None:
    assert jaccard(["a", "b"], ["b", "c"]) == pytest.approx(1 / 3)
    assert jaccard([], []) == rank_biased([], []) == 1.0
    assert rank_biased(["a", "b"], ["b", "a"], 0.5) == pytest.approx((0 * 1 + 1 * 0.5) / 1.5)
    assert rank_biased(["a", "b"], ["a", "c"], 0.5) == pytest.approx((1 + 0.5 * 0.5) / 1.5)


def test_the_share_deduplicated_is_counted_by_family() -> None:
    # The five strongest: a, b, c, d, e; the third has the family of the first.
    assert deduplicated(np.array([[5.0, -4.0, 3.0, 2.0, 1.0, 0.5]]), FAMILIES) == pytest.approx(1 / 5)
    assert deduplicated(np.zeros((2, 6)), FAMILIES) == 0.0


def test_the_report_prints_as_a_table_and_shapes_are_checked() -> None:
    true, X = world()
    lines = str(quality(true, X, predict, families=FAMILIES, rng=np.random.default_rng(2))).splitlines()
    assert len(lines) == 8
    assert len({len(line) for line in lines}) == 1
    for X_, families in ((X[:3], FAMILIES), (X, FAMILIES[:2]), (X[:0], FAMILIES)):
        with pytest.raises(BadInput, match="must fit"):
            quality(true, X_, predict, families=families, rng=np.random.default_rng(2))

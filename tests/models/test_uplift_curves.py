from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from copilot.errors import BadInput
from copilot.models.uplift import curves
from copilot.stats import qini


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_area_under_the_uplift_curve_is_the_one_worked_out_by_hand() -> None:
    # Sorted: treated 1, control 0, treated 0, control 1. Gains: 0, 0 (no control yet), (1 - 0)·2/4, (1/2 - 0)·3/4,
    # (1/2 - 1/2)·1; trapezoids of width 1/4.
    uplift, treated, y = [4, 3, 2, 1], [1, 0, 1, 0], [1, 0, 0, 1]
    np.testing.assert_allclose(curves.uplift_curve(uplift, treated, y), [0, 0, 0.5, 0.375, 0])
    assert curves.auuc(uplift, treated, y) == pytest.approx((0.5 + 0.375) / 4)


def test_a_constant_prediction_earns_half_the_mean_effect_and_a_true_one_more() -> None:
    g = rng()
    tau, treated = g.random(4000), (g.random(4000) < 0.5).astype(float)
    y = tau * treated
    effect = y[treated == 1].mean()
    assert curves.auuc(np.zeros(4000), treated, y) == pytest.approx(effect / 2, rel=0.01)
    assert curves.auuc(tau, treated, y) > 0.6 * effect
    assert curves.auuc(-tau, treated, y) < 0.4 * effect
    assert curves.auuc(tau, treated, y) > curves.auuc(tau + g.normal(size=4000), treated, y)


def test_auuc_and_qini_order_models_alike_in_a_balanced_trial() -> None:
    g = rng(1)
    tau, treated = g.normal(size=3000), np.arange(3000) % 2
    y = tau * treated + g.normal(size=3000)
    scores = [tau + noise * g.normal(size=3000) for noise in (0, 1, 3, 9)]
    areas = [(curves.auuc(s, treated, y), qini(s, treated, y)) for s in scores]
    assert sorted(areas, reverse=True) == areas
    assert [b for _, b in areas] == sorted((b for _, b in areas), reverse=True)


def test_uplift_in_the_top_share_counts_ties_in_proportion() -> None:
    uplift, treated, y = np.array([2, 2, 1, 1.0]), np.array([1, 0, 1, 0]), np.array([5, 1, 3, 3.0])
    assert curves.uplift_at(0.5, uplift, treated, y) == 4
    assert curves.uplift_at(1.0, uplift, treated, y) == 2
    # A quarter more: half of each tied row joins: treated (5 + 3/2)/1.5, control (1 + 3/2)/1.5.
    assert curves.uplift_at(0.75, uplift, treated, y) == pytest.approx((6.5 - 2.5) / 1.5)
    assert np.isnan(curves.uplift_at(0.25, [4, 3, 2, 1], [1, 1, 0, 0], y))
    with pytest.raises(BadInput, match="not above 0"):
        curves.uplift_at(0, uplift, treated, y)


def test_deciles_hold_what_was_seen_in_them() -> None:
    tau = np.repeat(np.arange(10.0), 20)
    treated = np.tile([0, 1], 100)
    table = curves.deciles(tau, treated, tau * treated)
    assert table.index.tolist() == list(range(1, 11))
    np.testing.assert_allclose(table["observed"], np.arange(9, -1, -1.0))
    np.testing.assert_allclose(table["predicted"], np.arange(9, -1, -1.0))
    assert (table[["n_treated", "n_control"]] == 10).all(axis=None)
    assert (table["se"] == 0).all()


def test_stability_is_one_for_equal_refits_a_tenth_by_chance_and_nothing_for_a_constant() -> None:
    g = rng(2)
    score = g.normal(size=5000)
    assert curves.same_decile([score, score * 3 + 1]) == 1
    assert curves.same_decile([score, g.normal(size=5000)]) == pytest.approx(0.1, abs=0.02)
    assert curves.same_decile([np.ones(5000), np.ones(5000)]) == 0
    assert curves.mean_spearman([score, -score]) == pytest.approx(-1)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    g = rng(3)
    file = curves.plot(tmp_path / "uplift.png", g.normal(size=300), np.arange(300) % 2, g.normal(size=300), unit="USD")
    assert file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert file.stat().st_size > 5_000


@pytest.mark.parametrize(
    ("uplift", "treated", "y", "says"),
    [
        ([1, 2], [0, 1], [1.0], "one value a row"),
        ([1, 2], [0, 2], [1, 1], "must hold 0 and 1"),
        ([1, np.nan], [0, 1], [1, 1], "must be finite"),
    ],
)
def test_unusable_columns_are_refused(uplift: list[float], treated: list[float], y: list[float], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        curves.auuc(uplift, treated, y)

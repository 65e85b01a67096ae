"""The parts of a propensity, each against a small world, a hand-made example or another implementation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.models.propensity import components, tiers, words
from copilot.models.propensity.calibration import Calibration, expected_error, reliability
from copilot.models.propensity.learners import choose, log_loss
from copilot.models.propensity.linear import Linear, Scaling, chance, log_odds, posterior, with_intercept
from copilot.models.propensity.pooling import Pool, regions
from copilot.stats import Floats


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# -- the line


def test_the_mode_equals_scikit_learns_ridge_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    Z = rng(1).normal(size=(400, 4))
    y = (rng(2).random(400) < chance(Z @ np.array([1.0, -0.5, 0.0, 0.3]) - 0.4)).astype(float)
    mode, _ = posterior(Z, y, np.zeros(400), np.full(4, 0.5))
    peer = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10).fit(Z, y)
    np.testing.assert_allclose(mode, peer.coef_[0], atol=1e-5)


def test_the_shrinkage_is_strong_without_signal_and_weak_with_it() -> None:
    X = rng(3).normal(size=(2000, 30)).astype(np.float32)
    noise = Linear.fit(X, (rng(4).random(2000) < 0.4).astype(float))
    truth = np.linspace(-1, 1, 30)
    signal = Linear.fit(X, (rng(4).random(2000) < chance(X @ truth)).astype(float))
    assert np.std(noise.beta[1:]) < 0.02
    assert np.corrcoef(signal.beta[1:31], truth)[0, 1] > 0.95
    assert 0.8 < np.polyfit(truth, signal.beta[1:31], 1)[0] < 1.1


def test_ratios_of_skewed_counts_are_a_straight_line() -> None:
    size = np.exp(rng(5).normal(4, 1.2, 3000))
    hires = rng(6).poisson(size * np.exp(rng(7).normal(-1, 0.7, 3000)))
    X = np.column_stack([size, hires]).astype(np.float32)
    pull = np.log1p(hires) - np.log(size)
    y = (rng(8).random(3000) < chance(1.5 * (pull - pull.mean()))).astype(float)
    assert np.corrcoef(Linear.fit(X, y).margin(X), pull)[0, 1] > 0.98


def test_an_empty_cell_stands_at_the_mean_and_its_emptiness_counts() -> None:
    X = rng(9).normal(size=(1000, 2)).astype(np.float32)
    gone = rng(10).random(1000) < 0.3
    X[gone, 1] = np.nan
    y = (rng(11).random(1000) < np.where(gone, 0.8, 0.3)).astype(float)
    model = Linear.fit(X, y)
    empty, known = model.margin(np.array([[0, np.nan], [0, 0]], np.float32))
    assert chance(np.array(empty)) == pytest.approx(0.8, abs=0.06)
    assert chance(np.array(known)) == pytest.approx(0.3, abs=0.06)


# -- partial pooling


def countries(sizes: list[int], seed: int) -> tuple[Floats, np.ndarray, Floats, Floats]:
    """Regions whose levels and slopes differ: features (n, 4), region, outcome, true log-odds."""
    g, shared = rng(seed), rng(77)
    r = np.repeat(np.arange(len(sizes)), sizes)
    base, level = shared.normal(0, 0.7, 4), shared.normal(-0.5, 0.6, len(sizes))
    own = base + shared.normal(0, 0.4, (len(sizes), 4))
    X = g.normal(size=(len(r), 4))
    margin = level[r] + (X * own[r]).sum(axis=1)
    return X, np.array([f"r{k}" for k in r], object), (g.random(len(r)) < chance(margin)).astype(float), margin


SIZES = [10, 30, 60, 120, 250, 500, 1000, 5000]


@pytest.fixture(scope="module")
def pooled() -> tuple[Pool, Linear, Scaling]:
    X, region, y, _ = countries(SIZES, 1)
    table = X.astype(np.float32)
    scaling, margin = Scaling.fit(table, bent=False), np.zeros(len(y))
    part = rng(2).integers(0, 5, len(y))
    for k in range(5):
        margin[part == k] = Linear.fit(table[part != k], y[part != k]).margin(table[part == k])
    return Pool.fit("region", region, margin, scaling.terms(table), y), Linear.fit(table, y), scaling


def test_partial_pooling_beats_one_model_for_all_and_a_model_for_each(pooled: tuple[Pool, Linear, Scaling]) -> None:
    pool, one, scaling = pooled
    X, region, y, _ = countries(SIZES, 1)
    fresh, where, truth, _ = countries([500] * len(SIZES), 3)
    table = fresh.astype(np.float32)
    own = np.zeros(len(truth))
    for name in pool.names:
        learned = Linear.fit(X[region == name].astype(np.float32), y[region == name])
        own[where == name] = learned.margin(table[where == name])
    margin = one.margin(table)
    losses = {
        "partial": log_loss(truth, chance(pool.margin(where, margin, scaling.terms(table)))),
        "one": log_loss(truth, chance(margin)),
        "own": log_loss(truth, chance(own)),
    }
    assert losses["partial"] < losses["one"] - 0.01
    assert losses["partial"] < losses["own"] - 0.01


def test_a_small_region_stays_near_the_global_model_and_a_large_one_goes_its_own_way() -> None:
    # Both truly lie .8 above the rest; ten rows cannot tell that from chance, five thousand can.
    levels, sizes = [-0.3, 0.3, -0.2, 0.2, 0.8, 0.8], [1000, 1000, 1000, 1000, 5000, 10]
    r = np.repeat(np.arange(6), sizes)
    small, large = [], []
    for seed in range(6):
        g = rng(seed)
        margin = g.normal(size=len(r))
        y = (g.random(len(r)) < chance(margin + np.array(levels)[r])).astype(float)
        region = np.array([f"r{k}" for k in r], object)
        pool = Pool.fit("region", region, margin, np.zeros((len(r), 0)), y)
        at = np.zeros(1)
        large.append(pool.margin(np.array(["r4"], object), at, np.zeros((1, 0)))[0])
        small.append(pool.margin(np.array(["r5"], object), at, np.zeros((1, 0)))[0])
    np.testing.assert_allclose(large, 0.8, atol=0.15)
    assert 0 < np.mean(small) < 0.4
    assert np.max(np.abs(small)) < 0.8


def test_a_large_regions_pooled_model_is_close_to_its_own(pooled: tuple[Pool, Linear, Scaling]) -> None:
    pool, one, scaling = pooled
    X, region, y, _ = countries(SIZES, 1)
    fresh = rng(4).normal(size=(400, 4)).astype(np.float32)
    margin = one.margin(fresh)
    own = Linear.fit(X[region == "r7"].astype(np.float32), y[region == "r7"]).margin(fresh)
    told = pool.margin(np.full(400, "r7", object), margin, scaling.terms(fresh))
    assert np.sqrt(np.mean((told - own) ** 2)) < 0.1 < np.sqrt(np.mean((margin - own) ** 2))


def test_a_region_never_seen_or_not_named_is_the_global_model(pooled: tuple[Pool, Linear, Scaling]) -> None:
    pool, one, scaling = pooled
    fresh = rng(5).normal(size=(6, 4)).astype(np.float32)
    margin = one.margin(fresh)
    told = pool.margin(np.array(["Mars", None] * 3, object), margin, scaling.terms(fresh))
    np.testing.assert_array_equal(told, margin)


def test_regions_that_do_not_differ_are_left_together() -> None:
    X = rng(6).normal(size=(3000, 3))
    margin = X @ np.array([1.0, -1.0, 0.5])
    y = (rng(7).random(3000) < chance(margin)).astype(float)
    pool = Pool.fit("region", np.array(["a", "b", "c"] * 1000, object), margin, X, y)
    assert np.abs(pool.margin(np.array(["a"] * 3000, object), margin, X) - margin).mean() < 0.1


def test_regions_read_numbers_and_empty_cells_alike_in_any_type() -> None:
    assert list(regions(pd.Series([1.0, 2.0, np.nan]))) == ["1", "2", None]
    assert list(regions(pd.Series(["EMEA", None], dtype="str"))) == ["EMEA", None]


# -- components


def test_the_weights_are_those_that_a_search_over_the_simplex_finds() -> None:
    g = rng(8)
    strong, weak = chance(g.normal(0, 1.5, 4000)), chance(g.normal(0, 1.0, 4000))
    y = (g.random(4000) < 0.7 * strong + 0.3 * weak).astype(float)
    p = np.column_stack([strong, weak, np.full(4000, y.mean())])
    found = components.weigh(p, y)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    grid = [(a, b, 1 - a - b) for a in np.arange(0, 1.001, 0.02) for b in np.arange(0, 1.001 - a, 0.02)]
    best = min(grid, key=lambda w: log_loss(y, p @ np.array(w)))
    np.testing.assert_allclose(found, best, atol=0.03)
    np.testing.assert_allclose(found[:2], [0.7, 0.3], atol=0.1)


def test_a_missing_component_leaves_its_share_to_the_others() -> None:
    p, weights = np.array([[0.2, 0.6], [np.nan, 0.6], [np.nan, np.nan]]), np.array([0.75, 0.25])
    np.testing.assert_allclose(components.mixture(p, weights, 0.4), [0.3, 0.6, 0.4])
    never = components.weigh(np.array([[0.2, np.nan], [0.7, np.nan], [0.6, np.nan]]), np.array([0.0, 1.0, 1.0]))
    np.testing.assert_allclose(never, [1, 0])
    assert components.weigh(np.full((3, 2), np.nan), np.ones(3)).tolist() == [0, 0]


def test_a_level_compares_a_components_odds_with_the_average() -> None:
    X = np.linspace(-3, 3, 2000)[:, None].astype(np.float32)
    y = (rng(9).random(2000) < chance(X[:, 0])).astype(float)
    table = np.column_stack([X, np.full(2000, np.nan, np.float32)])
    columns = {"usage": (0,), "social": (1,)}
    parts = components.Components(
        columns, components.learn(columns, table, y), np.array([1.0, 0.0]), float(log_odds(np.array(y.mean())))
    )
    told = parts.levels(table)
    assert [told[k, 0] for k in (0, 1000, 1999)] == ["Low", "Medium", "High"]
    assert set(told[:, 0]) == set(components.LEVELS)
    assert set(told[:, 1]) == {None}
    odds = np.exp(log_odds(parts.chances(table)[:, 0]) - parts.average)
    assert ((odds >= 1.5) == (told[:, 0] == "High")).all()


# -- words


def asked(usage: str, performance: str, *, use: float) -> pd.Series:
    levels = pd.DataFrame({"usage": [usage], "performance": [performance], "white_space": ["Medium"], "social": [None]})
    X = pd.DataFrame({"own_utilization_pct_l3m": [use], "other_spend_usd_l12m": [2000.0], "roi_usd_l12m": [0.0]})
    train = pd.DataFrame(
        {
            "own_utilization_pct_l3m": np.arange(101.0),
            "other_spend_usd_l12m": np.arange(0, 10100, 100.0),
            "roi_usd_l12m": np.r_[np.zeros(50), np.arange(51.0)],
        }
    )
    found: pd.Series = words.tell(levels, X, words.facts(train), "add_on").iloc[0]
    return found


def test_levels_come_with_the_words_for_the_fact_behind_them_and_one_line_of_advice() -> None:
    told = asked("Low", "Low", use=4.0)
    assert told["usage_level"] == "Low"
    assert told["usage_words"] == "hardly engaged"
    assert told["white_space_words"] == "white space $2,000"
    assert told["performance_words"] == "no value delivered yet"
    assert told["social_level"] == "no data"
    assert told["social_words"] is None
    assert told["advice"] == "Better onboarding and training to raise product usage and performance."
    line = words.sentence(told)
    assert "Usage: Low (hardly engaged); Performance: Low (no value delivered yet); Social selling: no data" in line


def test_advice_rests_on_a_component_only_where_level_and_fact_agree() -> None:
    assert "onboarding" not in asked("Low", "Medium", use=97.0)["advice"]
    assert asked("Low", "Medium", use=3.0)["advice"] == "Help the customer to use what it has before offering more."
    assert asked("High", "Medium", use=97.0)["advice"] == "Use is high; show what a larger plan would add."


def test_every_pattern_has_one_line_of_advice_in_every_case() -> None:
    names = list(words.texts().components)
    levels = pd.DataFrame(rng(1).choice([*components.LEVELS, None], size=(500, len(names))), columns=names)
    for case in ("new", "renewal", "add_on"):
        told = words.tell(levels, pd.DataFrame(index=levels.index), {}, case)  # type: ignore[arg-type]
        assert told["advice"].str.len().between(20, 140).all()
        assert told["advice"].nunique() > 5
        assert not told["advice"].str.contains("\n").any()


# -- calibration and tiers


def test_platts_line_undoes_a_margin_that_is_too_sure() -> None:
    truth = rng(10).normal(-0.5, 1.0, 1500)
    y = (rng(11).random(1500) < chance(truth)).astype(float)
    found = Calibration.fit(3 * truth + 1, y)
    assert found.method == "Platt"
    np.testing.assert_allclose(found.chance(3 * truth + 1), chance(truth), atol=0.06)


def test_steps_where_outcomes_are_plenty_follow_a_bend_and_keep_the_order() -> None:
    margin = rng(12).uniform(-3, 3, 12_000)
    truth = np.where(margin > 0, 0.6, 0.2 + 0.02 * margin)  # a cliff that no line can follow
    y = (rng(13).random(12_000) < truth).astype(float)
    found = Calibration.fit(margin, y)
    assert found.method == "isotonic"
    ordered = np.sort(margin)
    assert np.abs(found.chance(ordered) - np.where(ordered > 0, 0.6, 0.2 + 0.02 * ordered)).mean() < 0.03
    assert (np.diff(found.chance(ordered)) > 0).all()
    again = Calibration.from_state(found.as_state(), found.at, found.heights)
    np.testing.assert_array_equal(again.chance(margin), found.chance(margin))


def test_the_reliability_table_and_its_error_by_hand() -> None:
    table = reliability(np.array([0.0, 1, 1, 1]), np.array([0.1, 0.3, 0.8, 0.9]), bins=2)
    assert table == [
        {"n": 2, "predicted": pytest.approx(0.2), "observed": 0.5},
        {"n": 2, "predicted": pytest.approx(0.85), "observed": 1.0},
    ]
    assert expected_error(table) == pytest.approx(0.5 * 0.3 + 0.5 * 0.15)


def test_tiers_and_their_lift_against_the_average_by_hand() -> None:
    p = np.arange(100) / 100
    y = (p >= 0.9).astype(float)
    y[[75, 10, 20]] = 1
    at = tiers.cuts(p)
    told = tiers.lifts(y, tiers.tier(p, at), np.arange(100), rng())
    assert [row["n"] for row in told] == [10, 20, 70]
    assert [row["rate"] for row in told] == pytest.approx([1.0, 0.05, 2 / 70])
    assert told[0]["lift"]["value"] == pytest.approx(1 / 0.13)
    for row in told:
        assert row["lift"]["low"] <= row["lift"]["value"] <= row["lift"]["high"]
    assert tiers.lifts(np.zeros(3), np.array(["Low"] * 3, object), np.arange(3), rng())[2]["lift"] is None


def test_the_lift_interval_covers_the_true_lift_nineteen_times_in_twenty() -> None:
    inside = 0
    for seed in range(100):
        g = rng(seed)
        account = np.arange(400) // 2
        high = g.random(200) < 0.2
        p = np.where(high, 0.6, 0.2)[account]
        y = (g.random(400) < p).astype(float)
        lift = tiers.lifts(y, np.where(high[account], "High", "Low").astype(object), account, g)[0]["lift"]
        inside += lift["low"] <= 0.6 / (0.2 * 0.6 + 0.8 * 0.2) <= lift["high"]
    assert 88 <= inside <= 99


def test_the_learners_with_the_lowest_held_out_loss_are_averaged() -> None:
    truth = rng(14).normal(0, 1.5, 5000)
    y = (rng(15).random(5000) < chance(truth)).astype(float)
    near, far = truth + rng(16).normal(0, 1, 5000), truth + rng(17).normal(0, 1, 5000)
    used, losses = choose({"linear": near, "shallow": far, "deep": rng(18).normal(size=5000)}, y)
    assert used == ("linear", "shallow")
    assert len(losses) == 7
    assert losses["linear + shallow"] == min(losses.values())
    assert with_intercept(np.zeros((2, 1))).tolist() == [[1, 0], [1, 0]]

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from copilot.models.uplift import bases, design, surfaces
from copilot.models.uplift.bases import Sample
from copilot.models.uplift.net import fit_net
from copilot.models.uplift.surfaces import Surface
from copilot.stats import Floats


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def sample(X: Floats, y: Floats, task: bases.Kind = "mean") -> Sample:
    return Sample(X, y, np.ones(len(y)), np.arange(len(y)), task)


def gaps(X: Floats) -> Floats:
    return np.where(rng(9).random(X.shape) < 0.1, np.nan, X)


X = rng(1).normal(size=(600, 4))
SCORE = X[:, 0] - 0.5 * X[:, 1]
Y = SCORE + 0.3 * rng(2).normal(size=600)
CHANCE = 1 / (1 + np.exp(-SCORE))
HIT = (rng(3).random(600) < CHANCE).astype(float)


def test_ridge_finds_the_slopes_of_a_line_and_gcv_drops_what_is_noise() -> None:
    line = bases.fit_linear(sample(X, Y), bends=False)
    slopes = line.slopes / line.design.scale / line.design.spread
    np.testing.assert_allclose(slopes, [1.0, -0.5, 0.0, 0.0], atol=0.05)
    nothing = bases.fit_linear(sample(X, rng(4).normal(size=600)), bends=True)
    assert nothing.predict(X).std() < 0.12


def test_logistic_ridge_agrees_with_scikit_learn_where_there_is_little_to_penalise() -> None:
    from sklearn.linear_model import LogisticRegression

    ours = bases.fit_linear(sample(X, HIT, "chance"), bends=False).predict(X)
    theirs = LogisticRegression(C=1e3).fit(X, HIT).predict_proba(X)[:, 1]
    assert np.abs(ours - theirs).max() < 0.04
    assert np.corrcoef(ours, CHANCE)[0, 1] > 0.98


def test_bends_follow_a_kink_that_a_line_misses() -> None:
    kink = np.maximum(X[:, 0], 0) + 0.1 * rng(5).normal(size=600)
    errors = [np.std(bases.fit_linear(sample(X, kink), bends=b).predict(X) - np.maximum(X[:, 0], 0)) for b in (0, 1)]
    assert errors[1] < 0.35 * errors[0]


def test_a_bent_score_finds_outcomes_that_multiply() -> None:
    true = np.exp(0.8 * X[:, 0] + 0.4 * X[:, 1])
    fitted = bases.fit_index(sample(X, true + 0.3 * rng(6).normal(size=600)))
    fresh = rng(7).normal(size=(500, 4))
    told, want = fitted.predict(fresh), np.exp(0.8 * fresh[:, 0] + 0.4 * fresh[:, 1])
    assert np.std(told - want) < 0.25 * np.std(want)
    line = bases.fit_linear(sample(X, true), bends=False).predict(fresh)
    assert np.std(told - want) < 0.5 * np.std(line - want)


def test_the_spline_is_linear_beyond_its_outer_knots_and_its_slope_is_its_derivative() -> None:
    knots, at = np.array([-2.0, -1.0, 0.0, 1.5, 2.0]), np.linspace(-4, 4, 81)
    basis = surfaces.spline(at, knots)
    second = np.diff(basis, n=2, axis=0)
    assert np.abs(second[at[1:-1] > 2.05]).max() < 1e-9
    assert np.abs(second[at[1:-1] < -2.05]).max() < 1e-9
    step = 1e-6
    slope = (surfaces.spline(at + step, knots) - surfaces.spline(at - step, knots)) / (2 * step)
    np.testing.assert_allclose(surfaces.spline_slope(at, knots), slope, atol=1e-5)


def test_the_mixture_listens_to_what_predicts_unseen_rows_and_not_to_noise() -> None:
    step = np.where((X[:, 0] > 0) & (X[:, 1] > 0), 2.0, 0.0) + 0.3 * rng(5).normal(size=600)
    assert "boosted trees" in bases.fit(X, step, task="mean", groups=np.arange(600), seed=1).words().split(",")[0]
    line = bases.fit(X, Y, task="mean", groups=np.arange(600), seed=1)
    assert np.corrcoef(line.predict(X), SCORE)[0, 1] > 0.99
    noise = bases.fit(X, rng(6).normal(size=600), task="mean", groups=np.arange(600), seed=1)
    assert sum(noise.weights) < 0.5
    assert noise.predict(X).std() < 0.1


def test_the_bases_grow_with_the_number_of_rows() -> None:
    def parts(n: int, task: bases.Kind = "mean", effort: bases.Effort = "full") -> tuple[str, ...]:
        return bases._parts(sample(np.zeros((n, 1)), np.zeros(n), task), effort)

    assert parts(100) == ("ridge",)
    assert parts(1000) == ("ridge", "bends", "index", "trees")
    assert parts(1000, "chance") == ("ridge", "bends", "trees")
    assert parts(20_000) == ("ridge", "bends", "index", "trees", "net")
    assert parts(20_000, effort="light") == ("ridge", "bends", "trees")


def test_a_constant_outcome_and_a_single_account_are_answered_by_the_mean() -> None:
    for y, groups in ((np.full(600, 3.0), np.arange(600)), (Y, np.zeros(600))):
        mix = bases.fit(X, y, task="mean", groups=groups, seed=1)
        np.testing.assert_array_equal(mix.predict(X[:5]), np.full(5, y.mean()))


def test_weights_decide_which_rows_count() -> None:
    side, weight = np.where(np.arange(600) % 2, Y, -Y), np.where(np.arange(600) % 2, 1.0, 0.0)
    told = bases.fit(X, side, task="mean", groups=np.arange(600), seed=1, weight=weight).predict(X)
    assert np.corrcoef(told, SCORE)[0, 1] > 0.97


SURFACES: dict[str, Any] = {
    "ridge": lambda X: bases.fit_linear(sample(X, Y), bends=True),
    "logistic": lambda X: bases.fit_linear(sample(X, HIT, "chance"), bends=True),
    "index": lambda X: bases.fit_index(sample(X, np.exp(Y))),
    "trees": lambda X: bases._trees(sample(X, Y), 40, 1),
    "tree chances": lambda X: bases._trees(sample(X, HIT, "chance"), 40, 1),
    "net": lambda X: fit_net(X, Y, np.ones(600), logistic=False, seed=1),
    "net chances": lambda X: fit_net(X, HIT, np.ones(600), logistic=True, seed=1),
    "mixture": lambda X: bases.fit(X, HIT, task="chance", groups=np.arange(600), seed=1),
}


@pytest.mark.parametrize("name", list(SURFACES))
def test_contributions_sum_to_the_prediction_with_gaps_and_survive_packing(name: str) -> None:
    table = gaps(X)
    surface: Surface = SURFACES[name](table)
    told = surface.predict(table)
    assert np.isfinite(told).all()
    shares = surface.contributions(table)
    assert shares.shape == (600, 5)
    np.testing.assert_allclose(shares.sum(axis=1), told, atol=2e-4)
    moved = np.abs(shares[:, :4]).mean(axis=0)
    assert moved[0] > 2 * max(moved[2], moved[3])  # x0 drives all of these worlds, x2 and x3 none
    arrays: dict[str, np.ndarray] = {}
    boosters: dict[str, Any] = {}
    spec = surface.pack("p", arrays, boosters)
    again = surfaces.unpack("p", spec, arrays, boosters)
    np.testing.assert_array_equal(again.predict(table), told)
    assert len(surface.predict(table[:0])) == 0


def test_a_network_learns_an_interaction_and_repeats_exactly() -> None:
    table = rng(1).normal(size=(3000, 3))
    y = table[:, 0] * table[:, 1] + 0.2 * rng(2).normal(size=3000)
    nets = [fit_net(table, y, np.ones(3000), logistic=False, seed=5) for _ in range(2)]
    fresh = rng(3).normal(size=(500, 3))
    assert np.corrcoef(nets[0].predict(fresh), fresh[:, 0] * fresh[:, 1])[0, 1] > 0.9
    np.testing.assert_array_equal(nets[0].predict(fresh), nets[1].predict(fresh))


def test_outliers_constant_columns_and_unseen_gaps_stay_finite() -> None:
    table = np.column_stack([X, np.full(600, 7.0), np.full(600, 1e30)])
    fitted = bases.fit_linear(sample(table, Y), bends=True)
    odd = table[:3].copy()
    odd[0] = np.nan
    odd[1] = 1e30
    told = fitted.predict(odd)
    assert np.isfinite(told).all()
    assert abs(told[1]) < 20  # a value beyond four standard deviations counts as four
    rows = design.learn(table, np.ones(600), bends=False).rows(table)
    assert np.abs(rows[:, 4:]).max() == 0


def test_lines_that_stand_alone_are_shrunk_least_of_what_cannot_be_told_apart() -> None:
    g = np.random.default_rng(5)
    X = g.normal(size=(2_000, 4))
    truth = np.array([0.2, -0.16, 0.12, 0.0])
    sample = bases.Sample(X, X @ truth + g.normal(size=2_000), np.ones(2_000), np.arange(2_000.0), "mean")
    plain = np.linalg.lstsq(X - X.mean(axis=0), sample.y - sample.y.mean(), rcond=None)[0] * X.std(axis=0)
    best, least = (bases.fit_linear(sample, bends=False, alike=alike).slopes for alike in (0.0, bases.ALIKE))
    assert np.abs(best).sum() < np.abs(plain).sum()
    assert np.abs(least - plain).max() < 0.1 * np.abs(best - plain).max()

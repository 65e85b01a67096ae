from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.models import boosting
from copilot.models.arms import _lift, fit_arms
from copilot.stats import Floats


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def effect(X: boosting.Features, y: Floats, treated: Floats, task: boosting.Task = "mean") -> Floats:
    untouched, touched = fit_arms(X, y, treated, task=task, groups=np.arange(len(y)), rng=rng())
    return np.asarray(boosting.predict(touched, X) - boosting.predict(untouched, X), float)


def test_where_outcomes_share_all_but_a_constant_the_difference_is_nearly_that_constant() -> None:
    X, treated = rng(1).normal(size=(800, 5)).astype(np.float32), (rng(2).random(800) < 0.4).astype(float)
    y = 2 * X[:, 0] + X[:, 1] + 0.7 * treated + rng(3).normal(size=800)
    found = effect(X, y, treated)
    assert found.mean() == pytest.approx(0.7, abs=0.2)
    assert found.std() < 0.25  # two arms learned apart differ by more than .4 here


def test_where_the_arms_have_little_in_common_each_is_learned_alone() -> None:
    X, treated = rng(40).normal(size=(800, 5)).astype(np.float32), (rng(4).random(800) < 0.5).astype(float)
    untouched = np.exp(0.8 * X[:, 0] + 0.5 * X[:, 1] * X[:, 2])
    touched = 3 + X[:, 3] * X[:, 4]
    y = np.where(treated == 1, touched, untouched) + 0.3 * rng(6).normal(size=800)
    tau = touched - untouched
    assert np.sqrt(np.mean((effect(X, y, treated) - tau) ** 2)) < 0.76 * tau.std()  # from a shared start: .80


@pytest.mark.parametrize("task", ["mean", "chance"])
def test_the_lift_takes_shared_trees_to_an_arms_own_level(task: boosting.Task) -> None:
    X = rng(7).normal(size=(900, 3)).astype(np.float32)
    level = X[:, 0] + rng(8).normal(size=900)
    y = level if task == "mean" else (level > 0).astype(float)
    arm = np.arange(900) < 400
    y[arm] = y[arm] + 2 if task == "mean" else np.maximum(y[arm], rng(9).random(400) < 0.3)
    common = boosting.boost(X, y, task=task, groups=np.arange(900), rng=rng())
    # Binned like the shared trees, so that no row is routed differently by rounded bin edges.
    binned = boosting.matrix(X[arm], y[arm], like=boosting.matrix(X, y))
    lifted = _lift(common, binned, boosting.settings(y[arm], task, 1, 1))
    before, after = boosting.predict(common, X[arm]).mean(), boosting.predict(lifted, X[arm]).mean()
    assert abs(before - y[arm].mean()) > 0.05
    # One Newton step: exact for means, close for chances.
    assert after == pytest.approx(y[arm].mean(), abs=1e-4 if task == "mean" else 0.01)
    moved = boosting.predict(lifted, X) - boosting.predict(common, X)
    if task == "mean":
        assert np.ptp(moved) < 1e-5  # the same for every row: no split


def test_an_arm_that_shares_its_start_stands_at_its_own_rate() -> None:
    X, treated = rng(7).normal(size=(2000, 3)).astype(np.float32), (rng(8).random(2000) < 0.5).astype(float)
    y = (rng(9).random(2000) < np.where(treated == 1, 0.3, 0.2)).astype(float)
    found = effect(X, y, treated, "chance")
    assert found.mean() == pytest.approx(y[treated == 1].mean() - y[treated == 0].mean(), abs=0.01)


def test_contributions_of_the_two_boosters_differ_by_the_effect() -> None:
    import xgboost as xgb

    X, treated = rng(1).normal(size=(600, 4)).astype(np.float32), (rng(2).random(600) < 0.5).astype(float)
    y = X[:, 0] + treated * X[:, 1] + rng(3).normal(size=600)
    names = ["a", "b", "c", "d"]
    pair = fit_arms(X, y, treated, task="mean", groups=np.arange(600), rng=rng(), names=names)
    table = xgb.DMatrix(pd.DataFrame(X, columns=names), nthread=1)
    shares = pair[1].predict(table, pred_contribs=True) - pair[0].predict(table, pred_contribs=True)
    tau = boosting.predict(pair[1], X) - boosting.predict(pair[0], X)
    np.testing.assert_allclose(shares.sum(axis=1), tau, atol=1e-4)
    assert np.abs(shares[:, 1]).mean() > 2 * np.abs(shares[:, [0, 2, 3]]).mean()

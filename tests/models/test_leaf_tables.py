"""The fast contributions are the Shapley values that all subsets give, and XGBoost's own, wherever they are used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from copilot.explain import attribution
from copilot.models import leaf_tables
from copilot.models.leaf_tables import NotCovered, lay_out
from copilot.models.leaf_walk import walk
from tests.explain.test_attribution import brute_force, train, world


def own(booster: xgb.Booster, X: np.ndarray, **how: Any) -> np.ndarray:
    told: np.ndarray = booster.predict(xgb.DMatrix(X), pred_contribs=True, **how)
    return told


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_they_are_the_shapley_values_found_by_trying_all_subsets() -> None:
    X, y = world(np.random.default_rng(1))
    booster = train(X, y)
    found = walk(lay_out(booster), X.head(12).to_numpy())
    for row, values in zip(X.head(12).to_numpy(), found, strict=True):
        np.testing.assert_allclose(values, brute_force(booster, row, base=0.5)[:3], atol=1e-5)
    assert np.abs(found).max() > 0.5


@pytest.mark.parametrize("depth", [1, 2, 4, 7])
@pytest.mark.parametrize("params", [{}, {"objective": "binary:logistic"}, {"num_parallel_tree": 3, "subsample": 0.6}])
def test_they_equal_what_xgboost_says_holes_and_repeated_splits_included(depth: int, params: dict[str, Any]) -> None:
    rng = np.random.default_rng(depth)
    X = rng.normal(size=(700, 6))
    X[:, 3] = X[:, 3].round()
    X[rng.random(X.shape) < 0.2] = np.nan
    y = np.nan_to_num(X[:, 0]) * np.nan_to_num(X[:, 1]) + 2 * (X[:, 3] > 0)
    target = (y > 0.5).astype(float) if "objective" in params else y
    booster = train(X, target, 25, max_depth=depth, eta=0.3, **params)
    tables, expected = lay_out(booster), own(booster, X)
    close(walk(tables, X.astype(np.float32)), expected[:, :-1])
    base = expected[0, -1] - tables.mean  # what is left of the bias is the base score, the same for every row
    assert base == pytest.approx(0.0 if "objective" in params else 0.5, abs=1e-4)  # in log-odds, .5 is 0


def test_a_class_and_a_range_of_rounds_are_chosen() -> None:
    X, y = world(np.random.default_rng(9))
    classes = np.digitize(y, [0.0, 2.0])
    booster = train(X, classes, 6, objective="multi:softprob", num_class=3)
    for k in range(3):
        expected = own(booster[1:4], X.to_numpy(), validate_features=False)[:, k, :-1]
        close(walk(lay_out(booster, k, (1, 4)), X.to_numpy()), expected)


def test_many_rows_take_the_fast_way_and_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    X, y = world(rng, 1_500)
    booster, used = train(X, y, 20), []
    real = leaf_tables.lay_out
    monkeypatch.setattr(leaf_tables, "lay_out", lambda *given: used.append(given) or real(*given))
    found = attribution.contributions(booster, X)
    assert len(used) == 1
    close(found, own(booster, X))
    marked = xgb.XGBRegressor(n_estimators=4, missing=-999.0, n_jobs=1).fit(X.fillna(-999.0), y)
    told = attribution.contributions(marked, X.fillna(-999.0))
    np.testing.assert_allclose(told.sum(axis=1), marked.predict(X.fillna(-999.0)), atol=1e-4)
    attribution.contributions(booster, X.head(100))
    assert len(used) == 2  # few rows are not worth the tables


def test_tables_that_do_not_add_up_to_the_model_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = world(np.random.default_rng(3), 1_200)
    booster, real = train(X, y, 5), leaf_tables.lay_out

    def wrong(*given: Any) -> leaf_tables.LeafTables:
        tables = real(*given)
        return replace(tables, table=tables.table * np.float32(1.01))

    monkeypatch.setattr(leaf_tables, "lay_out", wrong)
    np.testing.assert_array_equal(attribution.contributions(booster, X), own(booster, X))


@pytest.mark.parametrize(
    ("params", "says"),
    [({"booster": "dart"}, "kind dart"), ({"booster": "gblinear"}, "kind gblinear")],
)
def test_other_boosters_are_told_apart(params: dict[str, Any], says: str) -> None:
    X, y = world(np.random.default_rng(4))
    booster = xgb.train({"nthread": 1, **params}, xgb.DMatrix(X.fillna(0), y), 3)
    with pytest.raises(NotCovered, match=says):
        lay_out(booster)


def test_splits_by_category_deep_and_large_trees_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    kind = pd.DataFrame({"kind": pd.Categorical(rng.choice(list("abc"), 200)), "n": rng.normal(size=200)})
    y = (kind["kind"] == "b") * 3.0
    sorted_by_kind = xgb.train({"nthread": 1}, xgb.DMatrix(kind, y, enable_categorical=True), 2)
    with pytest.raises(NotCovered, match="category"):
        lay_out(sorted_by_kind)
    X, y = world(rng)
    booster = train(X, y, max_depth=6)
    monkeypatch.setattr(leaf_tables, "MOST_NODES", 3)
    with pytest.raises(NotCovered, match="more than 3 splits"):
        lay_out(booster)
    monkeypatch.undo()
    monkeypatch.setattr(leaf_tables, "MOST_ENTRIES", 10)
    with pytest.raises(NotCovered, match="pass 10 entries"):
        lay_out(booster)


def test_a_tree_without_a_split_moves_nothing() -> None:
    X = np.random.default_rng(6).normal(size=(50, 3)).astype(np.float32)
    booster = train(X, np.ones(50), 2)
    tables = lay_out(booster)
    assert walk(tables, X).tolist() == np.zeros((50, 3)).tolist()
    assert tables.nbytes > 0

"""Contributions are the Shapley values of a boosted model and sum to its predictions."""

from __future__ import annotations

from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from copilot.errors import BadInput
from copilot.explain.attribution import contributions

NAMES = ["seats", "usage", "tickets"]


def world(rng: np.random.Generator, n: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    """Three features with an interaction and holes; tickets matter only where usage is low."""
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=NAMES)
    y = 2 * X["seats"] + np.where(X["usage"] < 0, 3 * (X["tickets"] > 0.5), 1.0)
    holes = pd.DataFrame(rng.random((n, 3)) < 0.15, columns=NAMES)
    return X.mask(holes), y.to_numpy()


def train(X: Any, y: np.ndarray, rounds: int = 4, **params: Any) -> Any:
    settings = {"max_depth": 3, "base_score": 0.5, "eta": 0.6, "nthread": 1, "seed": 0} | params
    return xgb.train(settings, xgb.DMatrix(X, y), rounds)


def brute_force(booster: Any, row: np.ndarray, base: float) -> np.ndarray:
    """Shapley's formula over all subsets; an unknown feature is averaged by the training cover of both branches."""
    table = booster.trees_to_dataframe()
    trees = [tree.set_index("ID") for _, tree in table.groupby("Tree")]

    def expected(tree: pd.DataFrame, node: str, known: frozenset[int]) -> float:
        at = tree.loc[node]
        if at["Feature"] == "Leaf":
            return float(at["Gain"])
        feature = NAMES.index(at["Feature"])
        if feature in known:
            value = np.float32(row[feature])
            branch = "Missing" if np.isnan(value) else "Yes" if value < np.float32(at["Split"]) else "No"
            return expected(tree, at[branch], known)
        sides = [at["Yes"], at["No"]]
        return float(np.average([expected(tree, side, known) for side in sides], weights=tree.loc[sides, "Cover"]))

    def worth(known: frozenset[int]) -> float:
        return base + sum(expected(tree, tree.index[0], known) for tree in trees)

    values = np.zeros(4)
    values[3] = worth(frozenset())
    for feature in range(3):
        others = [k for k in range(3) if k != feature]
        for size in range(3):
            weight = factorial(size) * factorial(2 - size) / factorial(3)
            for chosen in combinations(others, size):
                known = frozenset(chosen)
                values[feature] += weight * (worth(known | {feature}) - worth(known))
    return values


def test_a_stump_worked_by_hand() -> None:
    # Leaves 0 (three rows) and 4 (one row), mean 1: knowing the feature moves -1 or +3, the idle one nothing.
    X = pd.DataFrame({"usage": [0.0, 0.0, 0.0, 1.0], "idle": [5.0, 5.0, 5.0, 5.0]})
    booster = train(X, np.array([0.0, 0.0, 0.0, 4.0]), 1, max_depth=1, eta=1, reg_lambda=0, base_score=0,
                    min_child_weight=0)  # fmt: skip
    np.testing.assert_allclose(contributions(booster, X), [[-1, 0, 1]] * 3 + [[3, 0, 1]], atol=1e-6)


def test_contributions_are_the_shapley_values_found_by_trying_all_subsets() -> None:
    rng = np.random.default_rng(1)
    X, y = world(rng)
    booster = train(X, y)
    probe = X.head(12).copy()
    probe.iloc[0] = np.nan
    found = contributions(booster, probe)
    for row, values in zip(probe.to_numpy(), found, strict=True):
        np.testing.assert_allclose(values, brute_force(booster, row, base=0.5), atol=1e-5)
    assert np.abs(found[:, :3]).max() > 0.5


def test_a_classifiers_contributions_sum_to_its_log_odds() -> None:
    X, y = world(np.random.default_rng(2))
    booster = train(X, (y > 1).astype(int), objective="binary:logistic")
    p = booster.predict(xgb.DMatrix(X)).astype(np.float64)
    np.testing.assert_allclose(contributions(booster, X).sum(axis=1), np.log(p / (1 - p)), atol=1e-4)


def test_a_missing_value_follows_the_branch_that_training_chose() -> None:
    # Rows without usage behave as rows with much of it, so the hole must count as much usage.
    usage = np.array([0.0] * 10 + [1.0] * 10 + [np.nan] * 10)
    X = pd.DataFrame({"usage": usage})
    booster = train(X, np.array([0.0] * 10 + [6.0] * 20), 1, max_depth=1, eta=1, reg_lambda=0, base_score=0)
    low, high, hole = contributions(booster, pd.DataFrame({"usage": [0.0, 1.0, np.nan]}))
    np.testing.assert_allclose([low, high, hole], [[-4, 4], [2, 4], [2, 4]], atol=1e-6)


def test_columns_in_another_order_give_the_same_contributions_in_the_models_order() -> None:
    X, y = world(np.random.default_rng(3))
    booster = train(X, y)
    expected = contributions(booster, X)
    np.testing.assert_array_equal(contributions(booster, X[["tickets", "seats", "usage"]]), expected)
    np.testing.assert_array_equal(contributions(booster, X.to_numpy()), expected)
    assert expected.shape == (300, 4)
    assert expected.dtype == np.float64


def test_nullable_and_whole_numbers_read_as_plain_ones() -> None:
    X, y = world(np.random.default_rng(4))
    X["tickets"] = X["tickets"].round()
    booster = train(X, y)
    nullable = X.astype({"seats": "Float64", "tickets": "Int64"})
    np.testing.assert_array_equal(contributions(booster, nullable), contributions(booster, X))
    unnamed = train(X.to_numpy(), y)
    np.testing.assert_array_equal(contributions(unnamed, nullable), contributions(unnamed, X.to_numpy()))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda X: X[["seats", "usage"]], "lack tickets"),
        (lambda X: X.assign(account=1.0), "have besides account"),
        (lambda X: X.rename(columns={"seats": "Seats"}), "lack seats and have besides Seats"),
        (lambda X: X[["seats", "usage", "tickets", "usage"]], "have twice usage"),
        (lambda X: X.assign(usage="much"), "columns usage hold no numbers"),
        (lambda X: X.assign(usage=pd.Timestamp("2026-01-01")), "columns usage hold no numbers"),
        (lambda X: X.to_numpy()[:, :2], r"trained on 3 columns; rows of shape \(300, 2\)"),
        (lambda X: X.to_numpy()[0], r"rows of shape \(3,\)"),
        (lambda X: np.array([["a", "b", "c"]]), "not a table of numbers"),
        (lambda X: X.assign(usage=np.inf), "cannot read these rows"),
    ],
)
def test_rows_the_model_was_not_trained_on_are_refused_in_one_sentence(change: Any, says: str) -> None:
    X, y = world(np.random.default_rng(5))
    with pytest.raises(BadInput, match=says) as caught:
        contributions(train(X, y), change(X))
    assert "\n" not in str(caught.value)
    assert "/" not in str(caught.value)


@pytest.mark.parametrize("model", ["xgb", object()])
def test_what_is_no_booster_is_refused(model: Any) -> None:
    with pytest.raises(BadInput, match="need an XGBoost model"):
        contributions(model, np.zeros((1, 3)))


def test_an_untrained_model_is_refused() -> None:
    for model in (xgb.Booster(), xgb.XGBRegressor()):
        with pytest.raises(BadInput, match="has not been trained"):
            contributions(model, np.zeros((1, 3)))


def test_no_rows_give_no_contributions() -> None:
    X, y = world(np.random.default_rng(6))
    assert contributions(train(X, y), X.head(0)).shape == (0, 4)


def test_a_model_that_stopped_early_is_explained_up_to_its_best_round() -> None:
    X, y = world(np.random.default_rng(7))
    model = xgb.XGBRegressor(n_estimators=60, learning_rate=1, early_stopping_rounds=5, n_jobs=1, reg_lambda=0)
    model.fit(X[:150], y[:150], eval_set=[(X[150:], y[150:])], verbose=False)
    best = model.best_iteration + 1
    assert best < model.get_booster().num_boosted_rounds()
    found = contributions(model, X)
    np.testing.assert_allclose(found.sum(axis=1), model.predict(X), atol=1e-4)
    np.testing.assert_array_equal(contributions(model.get_booster(), X, iteration_range=(0, best)), found)
    every = contributions(model.get_booster(), X).sum(axis=1)
    np.testing.assert_allclose(every, model.get_booster().predict(xgb.DMatrix(X)), atol=1e-4)
    assert np.abs(every - found.sum(axis=1)).max() > 1e-3


def test_a_model_with_another_mark_for_missing_reads_it_so() -> None:
    X, y = world(np.random.default_rng(8))
    marked = X.fillna(-999.0)
    model = xgb.XGBRegressor(n_estimators=4, missing=-999.0, n_jobs=1).fit(marked, y)
    np.testing.assert_allclose(contributions(model, marked).sum(axis=1), model.predict(marked), atol=1e-4)


def test_of_several_classes_one_is_chosen() -> None:
    X, y = world(np.random.default_rng(9))
    classes = np.digitize(y, [0.0, 2.0])
    booster = train(X, classes, objective="multi:softprob", num_class=3)
    margin = booster.predict(xgb.DMatrix(X), output_margin=True)
    for k in range(3):
        np.testing.assert_allclose(contributions(booster, X, output=k).sum(axis=1), margin[:, k], atol=1e-4)
    for output in (None, 3, -1):
        with pytest.raises(BadInput, match="has 3 outputs"):
            contributions(booster, X, output=output)
    with pytest.raises(BadInput, match="has one output"):
        contributions(train(X, y), X, output=1)


def test_category_columns_are_read_by_their_names_also_in_another_order_of_categories() -> None:
    rng = np.random.default_rng(10)
    kind = pd.Series(rng.choice(["gold", "iron", "wood"], 300))
    X = pd.DataFrame({"kind": kind.astype("category"), "usage": rng.normal(size=300)})
    model = xgb.XGBRegressor(n_estimators=4, max_depth=2, n_jobs=1, enable_categorical=True)
    model.fit(X, 5.0 * (kind == "iron") + X["usage"])
    found = contributions(model, X)
    np.testing.assert_allclose(found.sum(axis=1), model.predict(X), atol=1e-4)
    other = X.assign(kind=pd.Categorical(kind, categories=["wood", "iron", "gold"]))
    np.testing.assert_allclose(contributions(model, other), found, atol=1e-6)


def test_the_same_call_gives_the_same_and_leaves_the_rows_alone() -> None:
    X, y = world(np.random.default_rng(11))
    booster, before = train(X, y), X.copy()
    np.testing.assert_array_equal(contributions(booster, X), contributions(booster, X))
    pd.testing.assert_frame_equal(X, before)

"""Rules from a known world name its conditions, and their fidelity is what counting by hand gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from copilot.errors import BadInput
from copilot.explain.attribution import attribute
from copilot.explain.rule_list import Condition, Rule, RuleList, as_attribution
from copilot.explain.rules import extract

NAMES = ("seats", "usage", "tickets")


def world(n: int = 1_500, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 10, (n, 3)).round(2)
    return X, ((X[:, 0] < 3) & (X[:, 1] >= 6)) | (X[:, 2] >= 9)


def train(X: np.ndarray, y: np.ndarray, rounds: int = 20, **more: Any) -> Any:
    how = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "nthread": 1} | more
    return xgb.train(how, xgb.DMatrix(X, y, feature_names=list(NAMES)), rounds)


def says(booster: Any, X: np.ndarray) -> np.ndarray:
    return np.asarray(booster.predict(xgb.DMatrix(X, feature_names=list(NAMES))) > 0.5)


def test_the_conditions_of_a_known_world_are_found() -> None:
    X, y = world()
    booster = train(X, y)
    yes = says(booster, X)
    found = extract(booster, X, yes, features=NAMES)
    assert len(found.rules) <= 6
    assert found.on_yes > 0.95
    assert found.agreement > 0.95
    named = [{NAMES[one.feature] for one in rule.conditions} for rule in found.rules]
    assert {"tickets"} in named
    assert {"seats", "usage"} in named


def test_fidelity_is_what_counting_gives_also_on_rows_with_gaps() -> None:
    X, y = world()
    X[np.random.default_rng(2).random(X.shape) < 0.15] = np.nan
    booster = train(X, y)
    yes = says(booster, X)
    found = extract(booster, X, yes, features=NAMES)
    said = found.predict(X)
    assert found.agreement == np.mean(said == yes)
    assert found.on_yes == np.mean(said[yes])
    assert found.on_no == np.mean(~said[~yes])
    for rule in found.rules:
        held = rule.holds(X.astype(np.float32).astype(float))
        assert rule.covered == held.sum()
        assert rule.precision == yes[held].mean() >= 0.9


def test_a_path_of_one_tree_holds_exactly_where_the_tree_goes() -> None:
    X, y = world()
    X[np.random.default_rng(3).random(X.shape) < 0.2] = np.nan
    booster = train(X, y, 1, max_depth=2)
    leaf = booster.predict(xgb.DMatrix(X, feature_names=list(NAMES)), pred_leaf=True)
    margin = booster.predict(xgb.DMatrix(X, feature_names=list(NAMES)), output_margin=True)
    best = np.asarray(leaf == leaf[np.argmax(margin)])
    found = extract(booster, X, best, features=NAMES, precision=1.0)
    assert found.agreement == 1.0


def test_the_count_is_limited_and_the_same_call_gives_the_same() -> None:
    X, y = world()
    booster = train(X, y)
    yes = says(booster, X)
    one = extract(booster, X, yes, features=NAMES, most=1)
    assert len(one.rules) == 1
    assert extract(booster, X, yes, features=NAMES) == extract(booster, X, yes, features=NAMES)


def test_conditions_read_as_words() -> None:
    assert Condition(1, 2.0, 6.5, False).words(NAMES) == "2 <= usage < 6.5"
    assert Condition(0, high=3.0).words(NAMES) == "seats < 3 or missing"
    assert Condition(2, missing=False).words(NAMES) == "tickets is known"


def test_contributions_of_a_rule_are_the_shapley_values_of_its_conditions() -> None:
    # Four rows, by hand: base 1/4; "seats < 1" alone 1/2, "usage < 1" alone 1/2, both 1. Each adds 3/8.
    X = np.array([[0.0, 0, 0], [0, 5, 0], [5, 0, 0], [5, 5, 0]])
    yes = np.array([True, False, False, False])
    rule = Rule((Condition(0, high=1.0), Condition(1, high=1.0)), 1, 1.0)
    found = as_attribution(RuleList((rule,), NAMES, 1, 1, 1, 0.25), X, yes, data=X, data_yes=yes)
    np.testing.assert_allclose(found.values, [[3 / 8, 3 / 8, 0], *[[0, 0, 0]] * 3])
    np.testing.assert_allclose(found.total, [1, 0, 0, 0])
    assert found.fidelity.value == 1.0


def test_rules_stand_behind_the_common_door() -> None:
    X, y = world()
    booster = train(X, y)
    found = attribute(booster, pd.DataFrame(X, columns=list(NAMES)), method="rules")
    assert found.fidelity.measure == "agreement"
    assert found.fidelity.value > 0.95
    assert found.unit == "probability"
    assert any("tickets" in line for line in found.notes)


def test_models_and_rows_without_rules_are_refused() -> None:
    X, y = world()
    booster = train(X, y)
    for same in (np.ones(len(X), bool), np.zeros(len(X), bool)):
        with pytest.raises(BadInput, match="the same of every row"):
            extract(booster, X, same, features=NAMES)
    straight = xgb.train({"booster": "gblinear", "nthread": 1}, xgb.DMatrix(X, y, feature_names=list(NAMES)), 2)
    with pytest.raises(BadInput, match="ensemble of trees"):
        extract(straight, X, y, features=NAMES)
    kinds = pd.DataFrame({"kind": pd.Categorical(np.where(y, "a", "b")), "n": X[:, 0]})
    sorted_ = xgb.train({"nthread": 1}, xgb.DMatrix(kinds, y, enable_categorical=True), 2)
    with pytest.raises(BadInput, match="category"):
        extract(sorted_, X[:, :2], y, features=("kind", "n"))
    with pytest.raises(BadInput, match="category columns"):
        attribute(sorted_, kinds, method="rules")
    assert attribute(sorted_, kinds).fidelity.measure == "local accuracy"

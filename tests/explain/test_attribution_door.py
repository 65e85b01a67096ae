"""One door: each kind of model gets its own way, and what claims to be exact is checked against the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from scipy.special import expit

from copilot.errors import BadInput
from copilot.explain import attribution
from copilot.explain.attribution import attribute
from copilot.models import uplift
from copilot.models.uplift.surfaces import Boosted, Index, Linear, Mix, Surface
from tests.explain.test_attribution import train, world


def test_trees_get_the_exact_way_in_the_models_order_and_it_adds_up() -> None:
    X, y = world(np.random.default_rng(1))
    booster = train(X, y)
    found = attribute(booster, X[["usage", "tickets", "seats"]])
    assert (found.method, found.unit, found.features) == ("exact", "margin", tuple(X.columns))
    np.testing.assert_allclose(found.total, booster.predict(xgb.DMatrix(X)), atol=1e-5)
    assert found.fidelity.gap < 1e-5
    assert found.frame(X.index).columns.tolist() == list(X.columns)
    assert attribute(booster, X.head(0)).values.shape == (0, 3)


def test_a_classifier_that_stopped_early_and_one_of_many_classes_are_explained() -> None:
    X, y = world(np.random.default_rng(2))
    model = xgb.XGBClassifier(n_estimators=60, learning_rate=1, early_stopping_rounds=3, n_jobs=1)
    model.fit(X[:150], y[:150] > 1, eval_set=[(X[150:], y[150:] > 1)], verbose=False)
    np.testing.assert_allclose(expit(attribute(model, X).total), model.predict_proba(X)[:, 1], atol=1e-5)
    several = train(X, np.digitize(y, [0.0, 2.0]), objective="multi:softprob", num_class=3)
    margin = several.predict(xgb.DMatrix(X), output_margin=True)
    np.testing.assert_allclose(attribute(several, X, output=2).total, margin[:, 2], atol=1e-4)
    for output in (None, 3):
        with pytest.raises(BadInput, match="has 3 outputs"):
            attribute(several, X, output=output)


def test_contributions_that_do_not_add_up_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = world(np.random.default_rng(3))
    booster, real = train(X, y), attribution.contributions
    monkeypatch.setattr(attribution, "contributions", lambda *given, **how: 1.01 * real(*given, **how))
    with pytest.raises(BadInput, match=r"sum to .* but the model says"):
        attribute(booster, X)


@pytest.mark.parametrize("method", ["lime", "k-lime"])
def test_surrogates_of_trees_agree_in_sign_with_the_exact_ones(method: Any) -> None:
    X = world(np.random.default_rng(4), 600)[0].fillna(0.0)
    booster = train(X, 3 * X["seats"] - X["usage"], 30)
    found = attribute(booster, X.head(40), method=method, background=X, rng=np.random.default_rng(5))
    exact = attribute(booster, X.head(40)).values[:, 0]
    strong = np.abs(exact) > 1.5
    assert np.mean(np.sign(found.values[strong, 0]) == np.sign(exact[strong])) > 0.95
    assert found.fidelity.measure == "local R²"
    assert 0.5 < found.fidelity.value <= 1


@pytest.mark.parametrize(
    ("model", "how", "says"),
    [
        (object(), {}, "A object cannot be explained"),
        (lambda X: X[:, 0], {"method": "exact"}, "use one of lime, k-lime"),
        (lambda X: X[:, 0], {"method": "rules"}, "use one of lime, k-lime"),
        (lambda X: X[:, 0], {}, "give rng="),
        (lambda X: X[:, 0], {"output": "mail"}, "'mail' is a name"),
    ],
)
def test_what_does_not_go_together_is_refused(model: Any, how: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        attribute(model, np.zeros((5, 2)), **how)


@pytest.mark.parametrize("X", [np.zeros(3), np.array([["a", "b"]]), pd.DataFrame({"a": ["x"]})])
def test_rows_that_are_no_table_of_numbers_are_refused(X: Any) -> None:
    with pytest.raises(BadInput, match="table"):
        attribute(lambda rows: rows[:, 0], X, rng=np.random.default_rng(1))


def rct(chance: bool, n: int = 300) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(6)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["seats", "usage", "tickets"])
    X = X.mask(rng.random(X.shape) < 0.1)
    t = rng.integers(0, 2, n)
    y = 2 * X["seats"].fillna(0) + t * (1 + 1.5 * X["usage"].fillna(0)) + rng.normal(size=n)
    return X, t, np.asarray(y > 0, float) if chance else y.to_numpy()


def shares_of(surface: Surface, table: np.ndarray) -> np.ndarray:
    """Contributions to a surface worked out anew, from slopes and from XGBoost's own answer."""
    if isinstance(surface, Mix):
        parts = [w * shares_of(part, table) for w, part in zip(surface.weights, surface.surfaces, strict=True)]
        out = np.sum(parts, axis=0) if parts else np.zeros((len(table), table.shape[1] + 1))
        out[:, -1] += surface.level * (1 - sum(surface.weights))
        return np.asarray(out)
    if isinstance(surface, Boosted):
        raw = surface.booster.predict(xgb.DMatrix(table.astype(np.float32)), pred_contribs=True).astype(float)
        rescale = surface.logistic
    else:
        assert isinstance(surface, Linear | Index)
        moves = surface.design.rows(table) * surface.slopes
        raw = np.zeros((len(table), table.shape[1] + 1))
        for column, origin in enumerate(surface.design.origin):
            raw[:, origin] += moves[:, column]
        rescale = isinstance(surface, Index) or surface.logistic
        raw[:, -1] = surface.level if isinstance(surface, Linear) else 0.0
    if rescale:  # one index bent by a curve: each part in the proportion in which it moves the index
        if isinstance(surface, Index):
            start, end = surface._bend(np.zeros(1))[0], surface._bend(raw[:, :-1].sum(axis=1))
        else:
            start, end = expit(raw[:, -1]), expit(raw.sum(axis=1))
        raw[:, :-1] *= ((end - start) / raw[:, :-1].sum(axis=1))[:, None]
        raw[:, -1] = start
    return raw


@pytest.mark.parametrize("learner", ["s", "t", "x", "dr", "r"])
@pytest.mark.parametrize("chance", [False, True])
def test_uplift_contributions_of_every_learner_are_those_of_its_surfaces_and_sum_to_the_uplift(
    learner: str, chance: bool
) -> None:
    X, t, y = rct(chance)
    model = uplift.fit(X, t, y, learner=learner, rng=np.random.default_rng(7))
    found = attribute(model, X)
    np.testing.assert_allclose(found.total, model.predict(X)["uplift"], atol=1e-5)  # type: ignore[union-attr]
    assert found.unit == ("probability" if chance else "outcome")
    table, expected = model.encoder.table(X), np.zeros((len(X), 4))  # type: ignore[union-attr]
    fits = model.bags[learner]  # type: ignore[union-attr]
    for one in fits:
        parts = one.surfaces
        if learner == "t":
            own = shares_of(parts[1], table) - shares_of(parts[0], table)
        elif learner == "s":
            touched, left = (
                shares_of(parts[0], np.column_stack([table, np.full(len(table), 1 - a), np.full(len(table), a)]))
                for a in (1.0, 0.0)
            )
            own = np.column_stack([(touched - left)[:, :3], (touched - left)[:, 3:].sum(axis=1)])
        elif learner == "x":
            g = parts[2].predict(table)[:, None]
            own = g * shares_of(parts[0], table) + (1 - g) * shares_of(parts[1], table)
        else:
            own = shares_of(parts[0], table)
        expected += own / len(fits)
    slope = model.calibration.slope  # type: ignore[union-attr]
    np.testing.assert_allclose(found.values, slope * expected[:, :3], atol=1e-5)


def test_of_several_kinds_of_touch_one_is_explained_as_it_is_shown() -> None:
    X, t, y = rct(chance=True, n=400)
    kinds = np.where(t == 0, "none", np.where(np.arange(len(t)) % 2 == 0, "call", "mail"))
    model = uplift.fit(X, kinds, y, learner="t", rng=np.random.default_rng(8))
    found, told = attribute(model, X, output="mail"), model.predict(X)
    np.testing.assert_allclose(found.total, told["uplift_mail"], atol=1e-5)
    assert bool(found.notes) == bool(told["y1_mail"].isin([0.0, 1.0]).any())
    with pytest.raises(BadInput, match="kind of touch"):
        attribute(model, X)
    with pytest.raises(BadInput, match="one kind of touch"):
        attribute(model.models["mail"], X, output="mail")  # type: ignore[union-attr]

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.models import boosting
from copilot.stats import Floats, auc


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_features_of_any_numeric_kind_become_float32_with_nan_where_missing() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [True, False]})
    frame["c"], frame["d"] = pd.array([1, None], dtype="Int64"), pd.array([True, None], dtype="boolean")
    table = boosting.numeric(frame)
    assert table.dtype == np.float32
    np.testing.assert_array_equal(table, [[1, 1, 1, 1], [2, 0, np.nan, np.nan]])


def test_a_fitted_model_reads_its_own_columns_in_its_own_order() -> None:
    frame = pd.DataFrame({"extra": ["text"], "b": [2.0], "a": [1.0]})
    np.testing.assert_array_equal(boosting.numeric(frame, ["a", "b"]), [[1, 2]])
    with pytest.raises(BadInput, match="lack 'c'"):
        boosting.numeric(frame, ["a", "c"])


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (pd.DataFrame({"region": ["EMEA"], "x": [1.0]}), "'region' are not numbers"),
        (pd.DataFrame({"x": pd.Categorical(["a"])}), "'x' are not numbers"),
        (pd.DataFrame({"x": pd.to_datetime(["2026-01-01"])}), "'x' are not numbers"),
        (pd.DataFrame({"x": [np.inf]}), "infinite"),
        (pd.DataFrame({"x": [1e300]}), "infinite"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "twice"),
        (pd.DataFrame({"x[0]": [1]}), "rename"),
        (pd.DataFrame({0: [1]}), "rename"),
        (pd.DataFrame(index=[0]), "text names"),
        (np.ones((2, 2)), "table with named columns"),
    ],
)
def test_unusable_features_are_named_in_one_sentence(frame: pd.DataFrame, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        boosting.numeric(frame)


@pytest.mark.parametrize(
    ("values", "says"),
    [([1.0], "shape"), (["a", "b"], "numbers only"), ([1, np.nan], "1 of 2"), ([np.inf, 1], "1 of 2"),
     (pd.Series([1, None], dtype="Int64"), "1 of 2")],
)  # fmt: skip
def test_unusable_targets_are_named_in_one_sentence(values: object, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        boosting.vector(values, "outcome", 2)  # type: ignore[arg-type]


def test_accounts_and_times_must_match_the_rows() -> None:
    with pytest.raises(BadInput, match="groups"):
        boosting.accounts(["a"], 2)
    with pytest.raises(BadInput, match="time"):
        boosting.judging_folds(np.arange(4), [1, 2], None, rng())


def test_the_report_says_how_the_folds_were_cut() -> None:
    named, days = np.arange(400), pd.Series(pd.date_range("2024-01-01", periods=400, freq="3D"))
    timed = boosting.judging_folds(named, days, None, rng())
    for fold in timed:  # 90 days unless the caller says otherwise
        assert days.iloc[fold.train].max() + timedelta(days=90) <= days.iloc[fold.test].min()
    told = boosting.fold_report(timed, True, None)
    assert "forward in time" in told["fold_rule"]
    assert all(fold["test_from"] for fold in told["folds"])
    short = boosting.judging_folds(named, days, timedelta(days=2000), rng())
    assert "too short" in boosting.fold_report(short, True, timedelta(days=2000))["fold_rule"]
    plain = boosting.judging_folds(named, None, None, rng())
    assert "no dates" in boosting.fold_report(plain, False, None)["fold_rule"]
    months = days.dt.to_period("M")
    assert boosting.judging_folds(named, months, None, rng())[0].test_from


def world(n: int = 500) -> tuple[boosting.Features, Floats]:
    X = rng(1).normal(size=(n, 6)).astype(np.float32)
    return X, np.asarray(X[:, 0] + rng(2).normal(size=n), float)


def test_boosting_finds_a_signal_beside_noise_and_missing_values() -> None:
    X, y = world(1500)
    X[rng(3).random(X.shape) < 0.1] = np.nan
    learned = boosting.boost(X[:1000], y[:1000], task="mean", groups=np.arange(1000), rng=rng())
    told = boosting.predict(learned, X[1000:])
    assert (
        np.mean((y[1000:] - told) ** 2) < 0.72 * y[1000:].var()
    )  # the best possible with a tenth missing is about .55
    sign = (y > 0).astype(float)
    chance = boosting.boost(X[:1000], sign[:1000], task="chance", groups=np.arange(1000), rng=rng())
    told = boosting.predict(chance, X[1000:])
    assert (told > 0).all()
    assert (told < 1).all()
    assert auc(sign[1000:], told) > 0.7


def test_boosting_of_pure_noise_hardly_moves_from_the_mean() -> None:
    X, y = world()
    for seed in range(2):
        noise = rng(8 + seed).permutation(y)
        learned = boosting.boost(X, noise, task="mean", groups=np.arange(500), rng=rng(seed))
        assert boosting.predict(learned, X).std() < 0.1 * noise.std()  # with a learning rate of .9: about .2


def test_a_seeded_fit_repeats_exactly_and_another_seed_differs() -> None:
    X, y = world()
    first, again, other = (
        boosting.predict(boosting.boost(X, y, task="mean", groups=np.arange(500), rng=rng(seed)), X)
        for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("task", ["mean", "median", "chance"])
def test_boosting_survives_one_value_and_very_few_accounts(task: boosting.Task) -> None:
    X = rng().normal(size=(8, 2)).astype(np.float32)
    learned = boosting.boost(X, np.ones(8), task=task, groups=np.array([0, 0, 0, 1, 1, 1, 2, 2]), rng=rng())
    np.testing.assert_allclose(boosting.predict(learned, X), 1, atol=0.1)
    assert len(boosting.predict(learned, X[:0])) == 0

"""Bad input and odd columns: each a clear error or a stated fallback."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.models import uplift
from copilot.models.uplift import arms, encode


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def given(n: int = 100) -> dict[str, Any]:
    return {
        "X": pd.DataFrame({"a": np.arange(float(n))}),
        "treatment": np.arange(n) % 2,
        "outcome": np.arange(float(n)),
    }


TWICE = pd.DataFrame(np.zeros((100, 2)), columns=["a", "a"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"learner": "forest"}, "'forest' is not available; use one of 'auto', 's', 't', 'x', 'dr', 'r'"),
        ({"treatment": (np.arange(100) < 19).astype(float)}, "Only 19 rows are touched"),
        ({"treatment": np.zeros(100)}, "Only 0 of 100 rows are touched"),
        ({"treatment": np.ones(100)}, "Only 0 rows are untouched"),
        ({"treatment": np.full(100, 0.5)}, "treatment holds 0.5; give 0 for no touch and 1"),
        ({"treatment": np.arange(100) % 2 * -1}, "treatment holds -1, 0"),
        ({"treatment": np.arange(100)}, "99 kinds of touch, at most 12"),
        ({"treatment": np.r_[np.nan, np.ones(99)]}, "treatment is missing or infinite in 1 of 100"),
        ({"treatment": np.ones(99)}, "one value for each of the 100 rows"),
        ({"treatment": ["call"] * 99}, "one value for each of the 100 rows"),
        ({"treatment": ["call", "mail"] * 50}, "names no control among 'call', 'mail'"),
        ({"treatment": ["none"] * 85 + ["call"] * 15}, "Only 15 rows are touched"),
        ({"treatment": ["none"] * 50 + ["call"] * 45 + ["mail"] * 5}, "Only 5 rows are touched by 'mail'"),
        ({"treatment": ["none"] * 50 + ["a/b"] * 50}, "must not hold /"),
        ({"outcome": np.full(100, 2.0)}, "outcome is 2 in every row"),
        ({"outcome": np.r_[np.nan, np.ones(99)]}, "outcome is missing or infinite in 1 of 100"),
        ({"outcome": np.r_[np.inf, np.ones(99)]}, "outcome is missing or infinite"),
        ({"outcome": np.ones(99)}, "one value for each of the 100 rows"),
        ({"outcome": ["yes"] * 100}, "outcome must hold numbers"),
        ({"X": np.zeros((100, 2))}, "table with named columns; got a ndarray"),
        ({"X": pd.DataFrame(index=range(100))}, "no columns"),
        ({"X": pd.DataFrame({"a": [np.nan] * 100})}, "Every feature is empty"),
        ({"X": pd.DataFrame({"a": [np.inf] + [0.0] * 99})}, "'a' holds infinite values"),
        ({"X": pd.DataFrame({"a": [1e300] + [0.0] * 99})}, "'a' holds infinite values"),
        ({"X": pd.DataFrame({"a": pd.date_range("2025-01-01", periods=100)})}, "'a' holds dates"),
        ({"X": pd.DataFrame({0: np.zeros(100)})}, "text names; rename '0'"),
        ({"X": TWICE}, "hold 'a' twice"),
        ({"groups": np.arange(3)}, "groups needs one account"),
        ({"groups": np.array(["A"] * 99 + [None], dtype=object)}, "names no account"),
        ({"groups": np.zeros(100)}, "at least two accounts"),
        ({"time": np.arange(3)}, "time needs one value for each"),
        (
            {"X": pd.DataFrame({"a": [1.0]}), "treatment": [1], "outcome": [1.0]},
            "Only 0 rows are untouched|is 1 in every",
        ),
    ],
)
def test_unusable_input_is_refused_in_one_sentence(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says) as fault:
        uplift.fit(**(given() | change), rng=rng())
    assert "\n" not in str(fault.value)


def test_arms_that_never_meet_are_refused() -> None:
    g = rng(3)
    X = pd.DataFrame(g.normal(size=(500, 2)), columns=["a", "b"])
    with pytest.raises(BadInput, match="hardly overlap"):
        uplift.fit(X, (X["a"] > 0).astype(float), X["b"], learner="t", rng=rng())


def test_two_accounts_that_cannot_teach_each_other_are_refused() -> None:
    treated = np.r_[np.ones(9), np.zeros(11), np.ones(11), np.zeros(9)]
    with pytest.raises(BadInput, match="too few accounts"):
        uplift.fit(pd.DataFrame({"a": rng().normal(size=40)}), treated, rng(1).normal(size=40), rng=rng(),
                   groups=np.repeat(["A", "B"], 20))  # fmt: skip


def test_kinds_of_touch_and_their_control_are_read_from_text_and_numbers() -> None:
    for control in ("none", "No E-Mail", "control", "0", None, np.nan):
        read = arms.read(pd.Series([control, "call", "mail"] * 20, dtype=object), 60)
        assert read.names == ("call", "mail")
        assert read.code[:3].tolist() == [0, 1, 2]
    assert arms.read(np.array([0, 3, 7] * 20), 60).names == ("3", "7")
    assert arms.read([False, True] * 20, 40).names == ("1",)
    assert arms.read(pd.Categorical(["none", "call"] * 20), 40).names == ("call",)


def test_text_gets_an_indicator_a_frequent_value_and_the_rest_is_other() -> None:
    X = pd.DataFrame({
        "zone": ["Rural"] * 12 + ["Urban"] * 11 + ["Moon"] * 3 + [None] * 4,
        "flag": pd.array([True, None, False] * 10, dtype="boolean"),
        "n": pd.array([1, None, 3] * 10, dtype="Int64"),
        "empty": [None] * 30,
        "same": [5] * 30,
    })  # fmt: skip
    encoder = encode.learn(X)
    table = encoder.table(X)
    assert encoder.values == {"zone": ("Rural", "Urban")}
    assert encoder.names == ("zone", "flag", "n", "same")
    assert encoder.notes == ("The feature 'empty' is empty and was left out.",)
    assert encoder.origin.tolist() == [0, 0, 0, 1, 2, 3]
    np.testing.assert_array_equal(table[[0, 12, 23, 29], :3], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    assert np.isnan(table[1, 3])
    unseen = encoder.table(X.assign(zone="Mars"))
    assert (unseen[:, :3] == [0, 0, 1]).all()
    again = encode.from_state(encoder.names, encoder.state())
    np.testing.assert_array_equal(again.table(X.astype({"zone": "category"})), table)
    with pytest.raises(BadInput, match="'n' held numbers in training"):
        encoder.table(X.assign(n="x"))
    with pytest.raises(BadInput, match="lack 'zone'"):
        encoder.table(X.drop(columns="zone"))


def test_odd_columns_and_an_unseen_category_are_predicted_through() -> None:
    g = rng(6)
    n = 240
    X = pd.DataFrame({
        "a": np.where(g.random(n) < 0.2, np.nan, g.normal(size=n)),
        "zone": g.choice(["Rural", "Urban"], n),
        "empty": np.nan,
        "same": 1.0,
        "vip": g.random(n) < 0.3,
    })  # fmt: skip
    treated = g.random(n) < 0.5
    y = np.where(X["zone"] == "Rural", 2.0, 0.0) * treated + g.normal(size=n)
    model = uplift.fit(X, treated, y, learner="r", rng=rng())
    assert isinstance(model, uplift.UpliftModel)
    assert model.report["notes"] == ["The feature 'empty' is empty and was left out."]
    rural, urban = (model.predict(X.assign(zone=zone))["uplift"].mean() for zone in ("Rural", "Urban"))
    assert rural > urban + 0.5
    unseen = model.predict(X.assign(zone="Mars", empty="anything"))
    assert np.isfinite(unseen).all(axis=None)
    assert len(model.predict(X[:0])) == 0
    shares = model.contributions(X)
    assert shares.shape == (n, 5)
    moved = np.abs(shares[:, :-1]).mean(axis=0)
    assert moved[model.features.index("zone")] == moved.max()
    np.testing.assert_allclose(shares.sum(axis=1), model.predict(X)["uplift"], atol=1e-4)

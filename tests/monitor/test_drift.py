from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from copilot.errors import BadInput
from copilot.monitor.drift import FLOOR, psi
from copilot.sketch import sketches


def columns(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Columns of the kinds a feature mart has: smooth, skewed, counts, rare flags, mostly zero, gaps, text."""
    return pd.DataFrame(
        {
            "smooth": rng.standard_normal(n),
            "skewed": rng.lognormal(0, 2, n).astype("float32"),
            "count": rng.poisson(1.5, n),
            "flag": rng.random(n) < 0.03,
            "zeros": np.where(rng.random(n) < 0.6, 0, rng.lognormal(0, 1, n)),
            "gaps": np.where(rng.random(n) < 0.01, np.nan, rng.standard_normal(n)),
            "text": rng.choice(["a", "b", "c", "d"], n, p=[0.6, 0.3, 0.08, 0.02]),
        }
    )


def row(found: pd.DataFrame, feature: str) -> pd.Series:
    return found.set_index("feature").loc[feature]


@pytest.mark.parametrize(("n", "m"), [(60, 60), (300, 2000), (2000, 100), (3000, 3000)])
def test_without_drift_one_run_in_twenty_alarms(n: int, m: int) -> None:
    rng, runs = np.random.default_rng([n, m]), 60
    alarms = [psi(columns(rng, n), columns(rng, m), floor=0)["moved"].any() for _ in range(runs)]
    # Of 60 runs 3 should; more than 9 have a chance below one in a thousand.
    assert sum(alarms) <= 9


def test_the_law_of_psi_is_the_one_the_threshold_supposes() -> None:
    rng = np.random.default_rng(1)
    n, m = 2_000, 3_000
    drawn = [psi(*(pd.DataFrame({"x": rng.random(k)}) for k in (n, m))).loc[0, "psi"] for _ in range(600)]
    scaled = np.array(drawn) / (1 / n + 1 / m)
    for level in (0.5, 0.9):  # standard errors .02 and .012
        assert np.mean(scaled <= chi2.ppf(level, 9)) == pytest.approx(level, abs=0.06)


def test_the_threshold_is_shared_among_the_features_and_falls_with_the_rows() -> None:
    rng = np.random.default_rng(0)
    frames = [pd.DataFrame(rng.standard_normal((n, 5))).add_prefix("x") for n in (4000, 4000)]
    found = psi(*frames, floor=0)
    assert found["threshold"].to_numpy() == pytest.approx(chi2.isf(0.05 / 5, 9) * (2 / 4000))
    half = psi(frames[0].head(1000), frames[1].head(1000), floor=0)
    assert (half["threshold"] > 3 * found["threshold"]).all()


def test_psi_is_the_sum_one_reckons_by_hand() -> None:
    before, now = pd.Series([0] * 60 + [1] * 40), pd.Series([0] * 30 + [1] * 70)
    a, b = 60.5 / 101, 30.5 / 101
    hand = (a - b) * np.log(a / b) + (b - a) * np.log((1 - a) / (1 - b))
    found = row(psi(before.to_frame("x"), now.to_frame("x")), "x")
    assert found["psi"] == pytest.approx(hand)
    assert found["ks"] == pytest.approx(0.3)
    assert found["moved"]


def test_a_shift_that_folklore_misses_alarms_and_a_trifle_does_not() -> None:
    rng = np.random.default_rng(3)
    n = 100_000
    before = pd.DataFrame(rng.standard_normal((n, 3)), columns=["still", "trifle", "shift"])
    now = pd.DataFrame(rng.standard_normal((n, 3)) + np.array([0, 0.05, 0.3]), columns=before.columns)
    found = psi(before, now)
    assert row(found, "shift")["psi"] == pytest.approx(0.086, abs=0.004)  # below the .1 of folklore
    assert found["moved"].tolist() == [False, False, True]
    assert (found["threshold"] == FLOOR).all()
    assert (found["psi"] > found["by_chance"]).tolist() == [False, True, True]  # chance alone would have it alarm


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([1.0] * 500, [2.0] * 500),  # a constant that changes
        ([1.0] * 500, [1.0] * 450 + [0.5] * 50),  # new values beside a constant
        ([1.0] * 470 + [0.0] * 30, [1.0] * 250 + [0.0] * 250),  # a rare value below a common one
        (list(range(500)), [np.nan] * 50 + list(range(450))),  # values that go missing
        (list(range(500)), [np.inf] * 50 + list(range(450))),
        (["a"] * 250 + ["b"] * 250, ["a"] * 240 + ["b"] * 230 + ["new"] * 30),
        (["a"] * 500, ["a"] * 450 + [None] * 50),
        (list(range(500)), ["text"] * 500),
        (pd.date_range("2020-01-01", periods=500), pd.date_range("2021-01-01", periods=500)),
    ],
)
def test_every_kind_of_change_is_seen(before: Any, now: Any) -> None:
    found = row(psi(pd.DataFrame({"x": before}), pd.DataFrame({"x": now})), "x")
    assert found["moved"]
    assert np.isfinite(found["psi"])


@pytest.mark.parametrize(
    "values",
    [[5.0] * 100, [np.nan] * 100, [np.inf] * 100, ["a"] * 100, [None] * 100, [True] * 100, list(map(str, range(100)))],
)
def test_columns_with_one_value_or_none_and_names_of_their_own_stay_calm(values: list[Any]) -> None:
    frame = pd.DataFrame({"x": values})
    found = row(psi(frame, frame.head(60)), "x")
    assert found["psi"] == pytest.approx(0, abs=1e-9)
    assert not found["moved"]


def test_few_rows_missing_of_many_that_never_were_alarm_whatever_the_sizes() -> None:
    rng = np.random.default_rng(0)
    before = pd.DataFrame({"x": rng.standard_normal(50_000)})
    now = pd.DataFrame({"x": np.where(np.arange(200) < 12, np.nan, rng.standard_normal(200))})
    assert row(psi(before, now), "x")["moved"]


def test_an_absent_column_alarms_and_a_new_one_is_named() -> None:
    before = pd.DataFrame({"kept": range(100), "gone": range(100)})
    found = psi(before, pd.DataFrame({"kept": range(100), "fresh": range(100)}))
    assert found["feature"].tolist() == ["kept", "gone", "fresh"]
    assert found["note"].tolist() == ["", "absent", "new"]
    assert found["moved"].tolist() == [False, True, False]
    assert np.isnan(row(found, "fresh")["psi"])


def test_stored_sketches_stand_in_for_the_rows() -> None:
    rng = np.random.default_rng(4)
    before, now = columns(rng, 4000), columns(rng, 3000).assign(smooth=lambda frame: frame["smooth"] + 0.5)
    stored = json.loads(json.dumps(sketches(before)))
    pd.testing.assert_frame_equal(psi(stored, now), psi(before, now))
    assert psi(stored, now)["moved"].tolist() == [True] + [False] * 6


def test_the_same_frames_give_the_same_thresholds() -> None:
    rng = np.random.default_rng(5)
    before, now = columns(rng, 80), columns(rng, 50)
    pd.testing.assert_frame_equal(psi(before, now), psi(before, now))


@pytest.mark.parametrize(
    ("reference", "current", "says"),
    [
        (pd.DataFrame({"x": range(50)}), pd.DataFrame({"x": []}), "current rows are 0"),
        (pd.DataFrame({"x": range(50)}), pd.DataFrame({"x": [1]}), "current rows are 1;"),
        (pd.DataFrame({"x": [1.0]}), pd.DataFrame({"x": range(50)}), "reference rows are 1;"),
        (pd.DataFrame(), pd.DataFrame({"x": range(50)}), "reference rows have no columns"),
        (pd.DataFrame({"x": range(50)}), pd.DataFrame(index=range(50)), "current rows have no columns"),
        (pd.DataFrame(np.ones((50, 2)), columns=["x", "x"]), pd.DataFrame({"x": range(50)}), "two columns named 'x'"),
        ({}, pd.DataFrame({"x": range(50)}), "no sketch of any feature"),
        ({"x": {"n": 50}}, pd.DataFrame({"x": range(50)}), "sketch of 'x' cannot be read"),
        ({"x": sketches(pd.DataFrame({"x": [1, 2]}))["x"]}, pd.DataFrame({"x": range(50)}), "'x' is of 2 rows"),
    ],
)
def test_what_cannot_be_compared_costs_one_sentence(reference: Any, current: pd.DataFrame, says: str) -> None:
    with pytest.raises(BadInput, match=says) as error:
        psi(reference, current)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("options", [{"alpha": 0}, {"alpha": 1}, {"floor": -1}, {"floor": np.nan}])
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    frame = pd.DataFrame({"x": range(50)})
    with pytest.raises(BadInput, match="alpha lies between"):
        psi(frame, frame, **options)

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.sketch import shares, sketch, sketches, text_sketch


def test_a_smooth_column_is_cut_into_tenths() -> None:
    found = sketch(pd.Series(np.arange(1, 1001)))
    assert found["edges"] == [100.0 * k for k in range(1, 10)]
    assert found["shares"] == pytest.approx([0.1] * 10)
    assert (found["n"], found["missing"], found["mean"]) == (1000, 0.0, 500.5)


def test_a_value_that_fills_most_of_a_column_stands_alone() -> None:
    found = sketch(pd.Series([0.0] * 90 + list(range(1, 11))))
    assert found["shares"] == pytest.approx([0.0, 0.9, 0.1])  # below 0, 0 itself, above


def test_a_constant_has_room_for_what_is_new_on_either_side() -> None:
    found = sketch(pd.Series([0.1] * 40))
    assert found["shares"] == [0, 1, 0]
    edges = np.array(found["edges"])
    assert shares(np.array([np.float32(0.1)]), edges).tolist() == [0, 1, 0]  # the same number in another width
    assert shares(np.array([0.09, 0.11]), edges).tolist() == [0.5, 0, 0.5]


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [np.inf, -np.inf]])
def test_a_column_without_a_known_value_has_no_shape(values: list[float]) -> None:
    found = sketch(pd.Series(values, dtype="float64"))
    assert (found["mean"], found["sd"], found["edges"], found["shares"]) == (None, None, [], [])
    assert found["missing"] == (1.0 if values else 0.0)


def test_numbers_text_and_days_are_sketched_as_plain_json() -> None:
    day = pd.Timestamp("2026-01-01")
    frame = pd.DataFrame(
        {"a": [1, 2, None], "flag": [True, False, True], "name": ["x", "y", None], "day": [day, pd.NaT, day]}
    )
    frame = pd.concat([frame] * 5)
    found = sketches(frame)
    assert found["flag"]["shares"] == pytest.approx([0, 1 / 3, 0, 2 / 3, 0])  # either value alone
    assert found["name"] == {"n": 15, "missing": pytest.approx(1 / 3), "values": {"x": 1 / 3, "y": 1 / 3}}
    assert found["day"]["mean"] == day.timestamp()
    assert found["day"]["missing"] == pytest.approx(1 / 3)
    assert json.loads(json.dumps(found)) == found


def test_text_keeps_its_commonest_values() -> None:
    found = text_sketch(pd.Series(["eu"] * 600 + ["us"] * 395 + list("abcde")))
    assert found["values"] == {"eu": 0.6, "us": 0.395}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(1, 12))
def test_shares_add_up_and_count_what_lies_in_each_bin(values: list[float], bins: int) -> None:
    found = sketch(pd.Series(values), bins=bins)
    assert sum(found["shares"]) == pytest.approx(1)
    edges = [-np.inf, *found["edges"], np.inf]
    counted = [sum(low < one <= high for one in values) for low, high in pairwise(edges)]
    assert [round(share * len(values)) for share in found["shares"]] == counted
    again = shares(np.array(values), np.array(found["edges"]))
    assert again.tolist() == found["shares"]

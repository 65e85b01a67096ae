from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.sketch import shares, sketch, sketches


def test_a_smooth_column_is_cut_into_tenths() -> None:
    found = sketch(pd.Series(np.arange(1, 1001)))
    assert found["edges"] == [100.0 * k for k in range(1, 10)]
    assert found["shares"] == pytest.approx([0.1] * 10)
    assert (found["n"], found["missing"], found["mean"]) == (1000, 0.0, 500.5)


def test_a_value_that_fills_most_of_a_column_keeps_its_own_share() -> None:
    found = sketch(pd.Series([0.0] * 90 + list(range(1, 11))))
    assert found["edges"][0] == 0
    assert found["shares"][0] == pytest.approx(0.9)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [np.inf, -np.inf]])
def test_a_column_without_a_known_value_has_no_shape(values: list[float]) -> None:
    found = sketch(pd.Series(values, dtype="float64"))
    assert (found["mean"], found["sd"], found["edges"], found["shares"]) == (None, None, [], [])
    assert found["missing"] == (1.0 if values else 0.0)


def test_only_numbers_are_sketched_and_the_result_is_plain_json() -> None:
    frame = pd.DataFrame({"a": [1, 2, None], "flag": [True, False, True], "name": ["x", "y", "z"]})
    found = sketches(frame)
    assert set(found) == {"a", "flag"}
    assert found["flag"]["shares"] == pytest.approx([1 / 3, 2 / 3])
    assert json.loads(json.dumps(found)) == found


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(1, 12))
def test_shares_add_up_and_count_what_lies_in_each_bin(values: list[float], bins: int) -> None:
    found = sketch(pd.Series(values), bins=bins)
    assert sum(found["shares"]) == pytest.approx(1)
    edges = [-np.inf, *found["edges"], np.inf]
    counted = [sum(low < one <= high for one in values) for low, high in pairwise(edges)]
    assert [round(share * len(values)) for share in found["shares"]] == counted
    assert min(counted) > 0
    again = shares(np.array(values), np.array(found["edges"]))
    assert again.tolist() == found["shares"]

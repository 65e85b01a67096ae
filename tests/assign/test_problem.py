"""The two frames are checked before anything is solved, and each refusal says what to mend."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from copilot.assign.problem import read
from copilot.errors import BadInput

PAIRS = pd.DataFrame(
    {"account_id": ["a2", "a1", "a2"], "rep_id": ["r2", "r1", "r1"], "value": [3.0, 1.0, 2.0], "load": [1.0, 2.0, 0.5]}
)
REPS = pd.DataFrame(
    {"rep_id": ["r2", "r1"], "min_accounts": [0, 1], "max_accounts": [np.inf, 2], "max_load": [5.0, np.inf]}
)
Change = Callable[[pd.DataFrame], pd.DataFrame]


def test_pairs_and_reps_are_sorted_by_their_ids() -> None:
    problem = read(PAIRS, REPS)
    assert problem.accounts.tolist() == ["a1", "a2"]
    assert problem.reps.tolist() == ["r1", "r2"]
    assert problem.value.tolist() == [1, 2, 3]
    assert problem.load.tolist() == [2, 0.5, 1]
    assert problem.start.tolist() == [0, 1, 3]
    assert problem.low.tolist() == [1, 0]
    assert problem.high.tolist() == [2, np.inf]
    assert problem.max_load.tolist() == [np.inf, 5]


def test_counts_loads_and_shortfalls_follow_a_choice() -> None:
    problem = read(PAIRS, REPS)
    chosen = np.array([-1, 2])
    assert problem.counts(chosen).tolist() == [0, 1]
    assert problem.loads(chosen).tolist() == [0, 1]
    assert problem.shortfall(chosen).tolist() == [1, 0]


def test_loads_play_no_part_where_no_rep_limits_them() -> None:
    assert not read(PAIRS, REPS.drop(columns="max_load")).loaded
    assert read(PAIRS, REPS).loaded


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda pairs: pairs.drop(columns=["value", "rep_id"]), "missing: rep_id, value"),
        (lambda pairs: pairs.assign(value=[1.0, np.nan, 2.0]), "1 pairs have no finite number as value.*a1.*r1"),
        (lambda pairs: pairs.assign(value=[1.0, np.inf, 2.0]), "no finite number as value"),
        (lambda pairs: pairs.assign(value=["high", "1", "2"]), "no finite number as value.*a2.*r2"),
        (lambda pairs: pairs.assign(load=[1.0, -1.0, 2.0]), "negative load"),
        (lambda pairs: pairs.assign(load=[1.0, None, 2.0]), "no finite number as load"),
        (lambda pairs: pairs.drop(columns="load"), "no column load"),
        (lambda pairs: pairs.assign(rep_id="r1"), "account a2 with rep r1 more than once"),
        (lambda pairs: pairs.assign(rep_id=["r1", "r9", "r8"]), "names r8, r9, which reps does not list"),
        (lambda pairs: pairs.assign(account_id=["a1", None, "a2"]), "1 rows of pairs have no account_id"),
        (lambda pairs: pairs.assign(account_id=pd.Series(["a1", 7, "a2"], dtype=object)), "not all text or all"),
        (lambda pairs: pairs.assign(account_id=[["a1"], ["a1"], ["a2"]]), "ids in pairs are not all text"),
        (lambda pairs: pairs.assign(value=[1.0, 1e13, 2.0]), r"a value beyond 1e\+12, first account a1 with rep r1"),
        (lambda pairs: pairs.assign(load=[1e300, 1.0, 2.0]), "a load beyond"),
        (lambda pairs: pairs.assign(value=pd.Timestamp("2026-01-01")), "3 pairs have no finite number as value"),
        (lambda pairs: pairs.assign(value=[1j, 2, 3]), "3 pairs have no finite number as value"),
        (lambda pairs: pd.concat([pairs, pairs[["value"]]], axis=1), "has the column value more than once"),
        (lambda pairs: pairs.to_dict("records"), "pairs is no DataFrame"),
    ],
)
def test_pairs_that_cannot_be_used_are_refused(change: Change, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read(change(PAIRS), REPS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda reps: reps.drop(columns="max_accounts"), "missing: max_accounts"),
        (lambda reps: reps.assign(rep_id=["r1", "r1"]), "lists r1 more than once"),
        (lambda reps: reps.assign(rep_id=["r1", None]), "1 rows of reps have no rep_id"),
        (lambda reps: reps.assign(min_accounts=[0, 3]), "r1 has min_accounts 3 above max_accounts 2"),
        (lambda reps: reps.assign(min_accounts=[0, -1]), "r1 has min_accounts -1"),
        (lambda reps: reps.assign(min_accounts=[0, 0.5]), "whole number"),
        (lambda reps: reps.assign(min_accounts=[0, np.inf], max_accounts=np.inf), "min_accounts inf"),
        (lambda reps: reps.assign(max_accounts=[np.nan, 2]), "r2 has max_accounts nan.*inf for no limit"),
        (lambda reps: reps.assign(max_load=[-1, 5]), "r2 has max_load -1"),
    ],
)
def test_reps_that_cannot_be_used_are_refused(change: Change, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read(PAIRS, change(REPS))

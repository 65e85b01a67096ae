"""Equal plans: the same one is taken every time, and it costs nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.assign.plan import assign
from copilot.assign.problem import OUT, read
from copilot.assign.ties import settle


def _read(rows: list[tuple[Any, ...]], low: int, high: int) -> Any:
    pairs = pd.DataFrame(rows, columns=["account_id", "rep_id", "value"])
    reps = pd.DataFrame({"rep_id": sorted(set(pairs["rep_id"])), "min_accounts": low, "max_accounts": high})
    return read(pairs, reps)


def test_of_equal_accounts_the_earlier_get_the_places() -> None:
    problem = _read([(name, "r1", 5.0) for name in "abcd"], 0, 2)
    assert settle(problem, np.array([OUT, OUT, 2, 3]), everyone=False).tolist() == [0, 1, OUT, OUT]
    assert settle(problem, np.array([OUT, 1, OUT, 3]), everyone=False).tolist() == [0, 1, OUT, OUT]


def test_a_lighter_account_does_not_make_room_for_a_heavier_one_of_equal_value() -> None:
    pairs = pd.DataFrame({"account_id": ["a", "b"], "rep_id": "r1", "value": 5.0, "load": [4.0, 1.0]})
    reps = pd.DataFrame({"rep_id": ["r1"], "min_accounts": [0], "max_accounts": [2], "max_load": [2.0]})
    assert settle(read(pairs, reps), np.array([OUT, 1]), everyone=False).tolist() == [OUT, 1]


def test_an_account_worth_the_same_to_two_reps_goes_to_the_earlier_with_room() -> None:
    problem = _read([("a", "r1", 5.0), ("a", "r2", 5.0), ("b", "r1", 7.0), ("b", "r2", 1.0)], 0, 2)
    assert settle(problem, np.array([1, 2]), everyone=False).tolist() == [0, 2]
    narrow = _read([("a", "r1", 5.0), ("a", "r2", 5.0), ("b", "r1", 7.0), ("b", "r2", 1.0)], 0, 1)
    assert settle(narrow, np.array([1, 2]), everyone=False).tolist() == [1, 2]
    needed = _read([("a", "r1", 5.0), ("a", "r2", 5.0), ("b", "r1", 7.0), ("b", "r2", 1.0)], 1, 2)
    assert settle(needed, np.array([1, 2]), everyone=True).tolist() == [1, 2]


def test_worthless_accounts_leave_from_the_latest_on_while_the_minimum_holds() -> None:
    rows = [("a", "r1", 0.0), ("b", "r1", 0.0), ("c", "r1", 3.0)]
    chosen = np.array([0, 1, 2])
    assert settle(_read(rows, 2, 3), chosen, everyone=False).tolist() == [0, OUT, 2]
    assert settle(_read(rows, 0, 3), chosen, everyone=True).tolist() == [0, 1, 2]
    assert chosen.tolist() == [0, 1, 2]


@given(data=st.data())
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_settling_keeps_the_objective_the_limits_and_the_shortfall(data: st.DataObject, worlds: Any) -> None:
    pairs, reps = data.draw(worlds(loaded=data.draw(st.booleans())))
    problem = read(pairs, reps)
    chosen = np.full(len(problem.accounts), OUT)
    for pair in data.draw(st.permutations(range(len(pairs)))):  # any choice within the limits, not only a good one
        account, rep = problem.account[pair], problem.rep[pair]
        room = problem.counts(chosen)[rep] < problem.high[rep]
        room &= problem.loads(chosen)[rep] + problem.load[pair] <= problem.max_load[rep]
        if chosen[account] == OUT and room:
            chosen[account] = pair
    settled = settle(problem, chosen, everyone=False)
    assert problem.value[settled[settled != OUT]].sum() == pytest.approx(problem.value[chosen[chosen != OUT]].sum())
    assert (problem.counts(settled) <= problem.high).all()
    assert (problem.loads(settled) <= problem.max_load + 1e-9).all()
    assert problem.shortfall(settled).sum() == problem.shortfall(chosen).sum()
    assert settle(problem, settled, everyone=False).tolist() == settled.tolist()


def test_a_book_of_equal_accounts_is_planned_in_the_order_of_its_ids() -> None:
    pairs = pd.DataFrame({"account_id": [f"a{i:02d}" for i in range(30)] * 1, "rep_id": "r1", "value": 1.0})
    reps = pd.DataFrame({"rep_id": ["r1"], "min_accounts": [0], "max_accounts": [12]})
    plan = assign(pairs.sample(frac=1, random_state=3), reps)
    assert plan.assignments["account_id"].tolist() == [f"a{i:02d}" for i in range(12)]
    assert plan.waiting["account_id"].tolist() == [f"a{i:02d}" for i in range(12, 30)]

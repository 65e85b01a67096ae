"""The core against HiGHS: the relaxation, the bound that certifies it, and SCIP's answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.assign.problem import OUT, Problem, read
from copilot.assign.rounding import improve, round_plan
from copilot.assign.solve import solve_relaxation
from copilot.assign.terms import Relaxed, Terms, bound
from copilot.assign.whole import solve_whole

FEW = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
HARD = Terms(everyone=False, shortfall_price=None)


@pytest.mark.parametrize("everyone", [False, True])
@given(data=st.data())
@FEW
def test_the_relaxation_and_its_bound_equal_the_linear_optimum(
    data: st.DataObject, highs: Any, worlds: Any, everyone: bool
) -> None:
    pairs, reps = data.draw(worlds(loaded=True))
    best = highs(pairs, reps, coverage="all" if everyone else "best", whole=False)
    problem, terms = read(pairs, reps), Terms(everyone, None)
    relaxed = solve_relaxation(problem, terms)
    assert (relaxed is None) == (best is None)
    if relaxed is not None:
        nobody = np.full(len(problem.accounts), OUT)
        assert problem.value @ relaxed.share == pytest.approx(best.value, abs=1e-6)
        assert bound(problem, terms, relaxed, nobody) == pytest.approx(best.value, abs=1e-6)


@given(data=st.data())
@FEW
def test_any_prices_bound_every_plan_from_above(data: st.DataObject, highs: Any, worlds: Any) -> None:
    pairs, reps = data.draw(worlds(loaded=True))
    best = highs(pairs, reps)
    problem = read(pairs, reps)
    price = st.lists(st.floats(0, 10, width=16), min_size=len(reps), max_size=len(reps)).map(np.array)
    relaxed = Relaxed(np.zeros(len(pairs)), data.draw(price), data.draw(price), data.draw(price))
    if best is not None:
        assert bound(problem, HARD, relaxed, np.full(len(problem.accounts), OUT)) >= best.value - 1e-6


def test_a_choice_that_falls_short_is_bounded_by_the_plans_without_minimums() -> None:
    pairs = pd.DataFrame({"account_id": ["a", "b"], "rep_id": "r", "value": [5.0, -1.0], "load": 1.0})
    reps = pd.DataFrame({"rep_id": ["r"], "min_accounts": [2], "max_accounts": [2], "max_load": [9.0]})
    problem = read(pairs, reps)
    terms = Terms.of(problem, everyone=False, elastic=True, shortfall_price=1000.0)
    relaxed = solve_relaxation(problem, terms)
    assert relaxed is not None
    assert bound(problem, terms, relaxed, np.array([0, 1])) == pytest.approx(4)
    assert bound(problem, terms, relaxed, np.array([0, OUT])) == pytest.approx(5)


@given(data=st.data())
@FEW
def test_rounding_and_search_keep_every_maximum_and_load_and_only_improve(data: st.DataObject, worlds: Any) -> None:
    pairs, reps = data.draw(worlds(loaded=True))
    problem = read(pairs, reps)
    terms = Terms.of(problem, everyone=False, elastic=True, shortfall_price=None)
    relaxed = solve_relaxation(problem, terms)
    assert relaxed is not None
    for chosen in (round_plan(problem, terms, relaxed), improve(problem, terms, relaxed, _any(problem, data))):
        assert (problem.counts(chosen) <= problem.high).all()
        assert (problem.loads(chosen) <= problem.max_load + 1e-9).all()
    start = _any(problem, data)
    better = improve(problem, terms, relaxed, start)
    assert _worth(problem, terms, better) >= _worth(problem, terms, start) - 1e-9


def _crossed(rows: list[tuple[str, str, float]], low: int) -> tuple[Problem, Relaxed]:
    """Two reps with one place each, and no prices to go by."""
    pairs = pd.DataFrame(rows, columns=["account_id", "rep_id", "value"]).assign(load=1.0)
    limits = {"min_accounts": low, "max_accounts": 1, "max_load": 9.0}
    free = np.zeros(2)
    return read(pairs, pd.DataFrame({"rep_id": ["r1", "r2"], **limits})), Relaxed(np.zeros(len(rows)), free, free, free)


def test_two_accounts_swap_their_reps_though_both_minimums_bind() -> None:
    problem, relaxed = _crossed([("a", "r1", 1.0), ("a", "r2", 9.0), ("b", "r1", 9.0), ("b", "r2", 1.0)], low=1)
    assert improve(problem, HARD, relaxed, np.array([0, 3])).tolist() == [1, 2]


def test_an_account_that_makes_room_goes_to_no_full_rep() -> None:
    problem, relaxed = _crossed([("a", "r1", 1.0), ("a", "r2", 4.0), ("b", "r1", 9.0), ("c", "r2", 5.0)], low=0)
    assert improve(problem, HARD, relaxed, np.array([0, OUT, 3])).tolist() == [OUT, 2, 3]


def _any(problem: Problem, data: st.DataObject) -> Any:
    """Any choice within the limits."""
    chosen = np.full(len(problem.accounts), OUT)
    for pair in data.draw(st.permutations(range(len(problem.account)))):
        account, rep = problem.account[pair], problem.rep[pair]
        room = problem.counts(chosen)[rep] < problem.high[rep]
        if chosen[account] == OUT and room and problem.loads(chosen)[rep] + problem.load[pair] <= problem.max_load[rep]:
            chosen[account] = pair
    return chosen


def _worth(problem: Problem, terms: Terms, chosen: Any) -> float:
    assert terms.shortfall_price is not None
    return float(problem.value[chosen[chosen != OUT]].sum() - terms.shortfall_price * problem.shortfall(chosen).sum())


def _knapsacks(n: int, m: int, seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    account, rep = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
    pairs = pd.DataFrame({"account_id": account, "rep_id": rep, "value": rng.gamma(2, 20, n * m).round(1)})
    pairs["load"] = rng.integers(2, 9, n * m).astype(float)
    limits = {"min_accounts": 0, "max_accounts": n, "max_load": 5.0 * n / m * 0.7}
    return read(pairs, pd.DataFrame({"rep_id": np.arange(m), **limits}))


def test_a_medium_book_with_hours_is_rounded_close_to_its_bound_and_the_same_each_time() -> None:
    problem = _knapsacks(120, 6, seed=1)
    relaxed = solve_relaxation(problem, HARD)
    assert relaxed is not None
    chosen = round_plan(problem, HARD, relaxed)
    top = bound(problem, HARD, relaxed, chosen)
    worth = float(problem.value[chosen[chosen != OUT]].sum())
    assert 0 <= (top - worth) / top < 0.005
    assert round_plan(problem, HARD, relaxed).tolist() == chosen.tolist()


def test_the_whole_program_starts_from_a_known_choice_and_says_how_it_ended() -> None:
    problem = _knapsacks(30, 4, seed=2)
    relaxed = solve_relaxation(problem, HARD)
    assert relaxed is not None
    start = round_plan(problem, HARD, relaxed)
    exact = solve_whole(problem, HARD, seconds=30, start=start)
    assert exact.status == "optimal"
    assert exact.chosen is not None
    worth = float(problem.value[exact.chosen[exact.chosen != OUT]].sum())
    assert worth >= float(problem.value[start[start != OUT]].sum())
    assert exact.bound == pytest.approx(worth)
    assert worth <= bound(problem, HARD, relaxed, start) + 1e-6
    stopped = solve_whole(problem, HARD, seconds=0, start=start)
    assert stopped.status == "stopped"


def test_hours_that_cannot_hold_everyone_are_proved_infeasible() -> None:
    pairs = pd.DataFrame({"account_id": list("abc"), "rep_id": "r", "value": 1.0, "load": 2.0})
    reps = pd.DataFrame({"rep_id": ["r"], "min_accounts": [0], "max_accounts": [3], "max_load": [5.0]})
    everyone = Terms(everyone=True, shortfall_price=None)
    assert solve_relaxation(read(pairs, reps), everyone) is None
    assert solve_whole(read(pairs, reps), everyone, seconds=10).status == "infeasible"


def test_the_default_charge_exceeds_what_one_filled_place_can_cost() -> None:
    # To fill r3 each of a, b, c has to move on by one rep and loses all it is worth.
    rows = [("a", "r1", 9.0), ("a", "r2", 0.0), ("b", "r2", 9.0), ("b", "r3", 0.0), ("z", "r1", -9.0)]
    pairs = pd.DataFrame(rows, columns=["account_id", "rep_id", "value"])
    reps = pd.DataFrame({"rep_id": ["r1", "r2", "r3"], "min_accounts": 1, "max_accounts": 1})
    problem = read(pairs, reps)
    relaxed = solve_relaxation(problem, Terms.of(problem, everyone=False, elastic=True, shortfall_price=None))
    assert relaxed is not None
    taken = [(problem.account[i], problem.rep[i]) for i in np.flatnonzero(relaxed.share > 0.5)]
    assert taken == [(0, 1), (1, 2), (2, 0)]

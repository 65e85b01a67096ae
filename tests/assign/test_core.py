"""Three ways to one optimum: exchange, priced core and OR-Tools' min-cost flow; and compiled loops as plain ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.assign import compiled, solve
from copilot.assign.core import solve_core
from copilot.assign.problem import Problem
from copilot.assign.solve import solve_relaxation
from copilot.assign.terms import Relaxed, Terms, bound

KINDS = ("spread", "ties", "literal", "costs")


def _drawn(kind: str, seed: int, n: int = 120, m: int = 8) -> Problem:
    """Whole values, limits that bind, minimums that some reps can hardly fill."""
    rng = np.random.default_rng(seed)
    eligible = rng.random((n, m)) < np.linspace(0.1, 0.6, m)
    eligible[np.arange(n), rng.integers(0, m, n)] = True
    account, rep = np.nonzero(eligible)
    value = {
        "spread": rng.integers(-50, 1000, len(rep)),
        "ties": rng.integers(1, 4, len(rep)),
        "literal": rng.integers(0, 1000, n)[account],
        "costs": -rng.integers(1, 1000, len(rep)),
    }[kind].astype("float64")
    low = n // 120 * rng.integers(0, 14, m).astype("float64")
    high = low + n // 120 * (rng.integers(10, 20, m) if kind == "costs" else rng.integers(0, 6, m))
    start = np.searchsorted(account, np.arange(n + 1))
    ids = (pd.RangeIndex(n), pd.RangeIndex(m))
    return Problem(*ids, account, rep, value, np.zeros(len(rep)), low, high, np.full(m, np.inf), start)


def _worth(problem: Problem, terms: Terms, relaxed: Relaxed | None) -> float:
    """Check that the answer is whole, keeps the limits and is proved; return value less charges."""
    assert relaxed is not None
    taken = np.flatnonzero(relaxed.share > 0.5)
    assert np.abs(relaxed.share - np.round(relaxed.share)).max() < 1e-9
    chosen = np.full(len(problem.accounts), -1)
    chosen[problem.account[taken]] = taken
    assert len(np.unique(problem.account[taken])) == len(taken)
    assert (problem.counts(chosen) <= problem.high).all()
    assert bound(problem, terms, relaxed, chosen) == pytest.approx(problem.value[taken].sum(), abs=1e-6)
    assert terms.shortfall_price is not None
    return float(problem.value[taken].sum() - terms.shortfall_price * problem.shortfall(chosen).sum())


def _flow(problem: Problem, terms: Terms) -> float:
    from ortools.graph.python import min_cost_flow

    n, m, pairs = len(problem.accounts), len(problem.reps), len(problem.rep)
    low, high, price = problem.low.astype(int), problem.high.astype(int), int(terms.shortfall_price or 0)
    leave = np.arange(n) if not terms.everyone else np.arange(0)
    tails = np.concatenate([problem.account, leave, n + np.arange(m), n + np.arange(m)])
    heads = np.concatenate([n + problem.rep, np.full(len(leave) + 2 * m, n + m)])
    capacity = np.concatenate([np.ones(pairs + len(leave), dtype=int), low, high - low])
    cost = np.concatenate([-problem.value.astype(int), 0 * leave, np.full(m, -price), np.zeros(m, dtype=int)])
    solver = min_cost_flow.SimpleMinCostFlow()
    solver.add_arcs_with_capacity_and_unit_cost(tails, heads, capacity, cost)
    solver.set_nodes_supplies(np.arange(n + m + 1), np.concatenate([np.ones(n), np.zeros(m), [-n]]).astype(int))
    assert solver.solve() == solver.OPTIMAL
    return -float(solver.optimal_cost()) - price * float(low.sum())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("charge", [40.0, 20_000.0])
def test_exchange_core_and_flow_find_the_same_worth(kind: str, charge: float) -> None:
    for seed in range(3):
        problem, terms = _drawn(kind, seed), Terms(kind == "costs", charge)
        best = _flow(problem, terms)
        assert _worth(problem, terms, solve_relaxation(problem, terms)) == pytest.approx(best, abs=1e-6)
        assert _worth(problem, terms, solve_core(problem, terms)) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_team_with_minimums_nobody_can_meet_is_solved_and_proved(kind: str) -> None:
    """So large that the first prices come from a sample; one rep has no pair, one too few, one wants everybody."""
    for seed in range(2):
        drawn = _drawn(kind, seed, n=6_000, m=9)
        kept = (drawn.rep != 0) & ((drawn.rep != 1) | (drawn.account % 50 == 0))
        low, high = drawn.low.copy(), drawn.high.copy()
        low[:3], high[:3] = [5, 300, 5_000], [9, 300, 6_000]
        ids, account = np.unique(drawn.account[kept], return_inverse=True)
        start = np.searchsorted(account, np.arange(len(ids) + 1))
        pairs = {name: getattr(drawn, name)[kept] for name in ("rep", "value", "load")}
        problem = replace(drawn, accounts=pd.Index(ids), account=account, **pairs, low=low, high=high, start=start)
        for charge in (40.0, 20_000.0):
            terms = Terms(everyone=False, shortfall_price=charge)
            found = _worth(problem, terms, solve_relaxation(problem, terms))
            assert found == pytest.approx(_flow(problem, terms), abs=1e-6)


def test_compiled_loops_return_what_the_plain_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in KINDS:
        problem, terms = _drawn(kind, 11), Terms(kind == "costs", 500.0)
        monkeypatch.setattr(compiled, "FEW", 10**9)
        plain = solve_relaxation(problem, terms)
        monkeypatch.setattr(compiled, "FEW", 0)
        fast: Any = solve_relaxation(problem, terms)
        assert plain is not None
        assert (fast.share == plain.share).all()
        np.testing.assert_allclose(fast.max_price, plain.max_price, atol=1e-9)


@pytest.mark.parametrize("limit", ["MANY_REPS", "CIRCLES"])
def test_a_large_team_or_an_unusual_book_goes_to_the_core(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    problem, terms = _drawn("spread", 4), Terms(everyone=False, shortfall_price=500.0)
    expected = _worth(problem, terms, solve_relaxation(problem, terms))
    monkeypatch.setattr(solve, limit, 0)
    assert _worth(problem, terms, solve_relaxation(problem, terms)) == pytest.approx(expected)

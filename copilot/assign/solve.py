"""The core of the plan: its linear program by SoPlex, its integer program by SCIP, and a bound that certifies both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from copilot.assign.problem import Numbers, Positions, Problem


@dataclass(frozen=True)
class Terms:
    """What the plan must keep besides the limits of the problem.

    ``everyone``: each account has exactly one rep (else at most one). ``shortfall_price``: what one account below a
    minimum costs, in units of value; None makes minimums hard.
    """

    everyone: bool
    shortfall_price: float | None

    @classmethod
    def of(cls, problem: Problem, *, everyone: bool, elastic: bool, shortfall_price: float | None) -> Terms:
        """Price shortfalls so high that minimums come first, unless a price is given."""
        if not elastic:
            return cls(everyone, None)
        if shortfall_price is not None:
            return cls(everyone, shortfall_price)
        # Filling one place moves at most one account a rep and brings one in, each worth at most ``spread``. With
        # loads the accounts that have to make room are not so bounded.
        moved = len(problem.accounts) if problem.loaded else len(problem.reps) + 2
        return cls(everyone, 1 + moved * problem.spread)


@dataclass(frozen=True)
class Relaxed:
    """The linear program's answer: shares of pairs (p) and the prices of the reps' rows (m each, ≥ 0).

    A price is what the objective gains when the row gives way by one account, or by one unit of load.
    """

    share: Numbers
    max_price: Numbers
    min_price: Numbers
    load_price: Numbers


def solve_relaxation(problem: Problem, terms: Terms) -> Relaxed | None:
    """Solve the linear relaxation of CPOG Eq. 2, 5 and 6 to a vertex; None where no point keeps the hard rows.

    Without loads every vertex is integral (a transportation problem).
    """
    from pyscipopt import LP

    n, m, limited = len(problem.accounts), len(problem.reps), np.flatnonzero(np.isfinite(problem.max_load))
    program = LP(sense="maximize")
    infinity = program.infinity()
    high = np.where(np.isfinite(problem.high), problem.high, infinity)
    rows = m + len(limited)
    program.addRows(
        [[] for _ in range(rows + n)],
        [*problem.low.tolist(), *[-infinity] * len(limited), *[1.0 if terms.everyone else -infinity] * n],
        [*high.tolist(), *problem.max_load[limited].tolist(), *[1.0] * n],
    )
    row_of = np.full(m, -1)
    row_of[limited] = m + np.arange(len(limited))
    columns = [
        [(rep, 1.0), (rows + account, 1.0), *([(row, load)] if row >= 0 and load > 0 else [])]
        for rep, account, row, load in zip(
            problem.rep.tolist(),
            problem.account.tolist(),
            row_of[problem.rep].tolist(),
            problem.load.tolist(),
            strict=True,
        )
    ]
    pairs = len(columns)
    costs = problem.value.tolist()
    if terms.shortfall_price is not None:
        columns += [[(rep, 1.0)] for rep in range(m)]
        costs += [-terms.shortfall_price] * m
    program.addCols(columns, objs=costs, lbs=[0.0] * len(columns), ubs=[infinity] * len(columns))
    # The primal simplex starts from "nobody assigned"; the dual one took up to 60 times as long on sparse pairs.
    program.solve(dual=False)
    if not program.isOptimal():
        return None
    price = np.array(program.getDual())
    load_price = np.zeros(m)
    load_price[limited] = np.maximum(price[m:rows], 0)
    return Relaxed(
        share=np.array(program.getPrimal())[:pairs],
        max_price=np.where(np.isfinite(problem.high), np.maximum(price[:m], 0), 0.0),
        min_price=np.maximum(-price[:m], 0),
        load_price=load_price,
    )


def bound(problem: Problem, terms: Terms, relaxed: Relaxed, chosen: Positions) -> float:
    """Return a number that no plan's sum of values exceeds, by weak duality at the relaxation's prices.

    Where minimums are elastic it holds for every plan that falls no shorter of them than ``chosen`` does.
    """
    dual = _dual_value(problem, terms, relaxed, relaxed.min_price)
    short = float(problem.shortfall(chosen).sum())
    if terms.shortfall_price is None or short == 0:
        return dual
    free_of_minimums = _dual_value(problem, terms, relaxed, np.zeros(len(problem.reps)))
    return min(dual + terms.shortfall_price * short, free_of_minimums)


def reduced_profit(problem: Problem, relaxed: Relaxed, min_price: Numbers) -> Numbers:
    """Return each pair's value less what its rep's place and hours cost at the relaxation's prices (p)."""
    profit: Numbers = problem.value - (relaxed.max_price - min_price)[problem.rep]
    return profit - problem.load * relaxed.load_price[problem.rep]


def _dual_value(problem: Problem, terms: Terms, relaxed: Relaxed, min_price: Numbers) -> float:
    best = np.maximum.reduceat(reduced_profit(problem, relaxed, min_price), problem.start[:-1])
    if not terms.everyone:
        best = np.maximum(best, 0)
    rent = np.sum(relaxed.max_price * np.where(np.isfinite(problem.high), problem.high, 0))
    rent += np.sum(relaxed.load_price * np.where(np.isfinite(problem.max_load), problem.max_load, 0))
    return float(best.sum() + rent - np.sum(min_price * problem.low))


@dataclass(frozen=True)
class Exact:
    """SCIP's answer: a choice (None: none found), the bound of value − price·shortfall, and how it ended."""

    chosen: Positions | None
    bound: float
    status: Literal["optimal", "infeasible", "stopped"]


def solve_whole(
    problem: Problem,
    terms: Terms,
    *,
    seconds: float,
    start: Positions | None = None,
    first_only: bool = False,
) -> Exact:
    """Solve the integer program with SCIP, from a known choice where there is one.

    Args:
        problem: Pairs and limits.
        terms: Coverage and minimums.
        seconds: When to stop with the best choice found.
        start: A choice that keeps every limit.
        first_only: Stop at the first choice that keeps every limit.
    """
    model = quiet_model(seconds)
    if first_only:
        model.setParam("limits/solutions", 1)
    picks = [model.addVar(vtype="B", obj=value) for value in problem.value.tolist()]
    short: list[Any] = []
    if terms.shortfall_price is not None:
        short = [model.addVar(lb=0, ub=low, obj=-terms.shortfall_price) for low in problem.low.tolist()]
    add_rows(model, problem, picks, everyone=terms.everyone, below=short)
    model.setMaximize()
    if start is not None:
        guess = model.createSol()
        for position in start[start >= 0].tolist():
            model.setSolVal(guess, picks[position], 1.0)
        for variable, lacking in zip(short, problem.shortfall(start).tolist(), strict=False):
            model.setSolVal(guess, variable, lacking)
        model.addSol(guess)
    model.optimize()
    status: dict[str, Literal["optimal", "infeasible"]] = {"optimal": "optimal", "infeasible": "infeasible"}
    chosen = None
    if model.getNSols():
        best = model.getBestSol()
        taken = np.flatnonzero([best[pick] > 0.5 for pick in picks])
        chosen = np.full(len(problem.accounts), -1, dtype="int64")
        chosen[problem.account[taken]] = taken
    return Exact(chosen, float(model.getDualbound()), status.get(model.getStatus(), "stopped"))


def quiet_model(seconds: float) -> Any:
    """Return an empty SCIP model that prints nothing, stops in time and leaves Ctrl-C to its caller."""
    from pyscipopt import Model

    model = Model()
    model.hideOutput()
    model.setParam("limits/time", max(float(seconds), 0.0))
    model.setParam("misc/catchctrlc", False)
    model.setParam("numerics/feastol", 1e-9)  # loads must keep their limit, not merely come close
    return model


def add_rows(
    model: Any,
    problem: Problem,
    picks: Sequence[Any],
    *,
    everyone: bool,
    below: Sequence[Any] = (),
    above: Sequence[Any] = (),
    overtime: Sequence[Any] = (),
    left_out: Sequence[Any] = (),
    size: Numbers | None = None,
) -> None:
    """Add the rows of Eq. 5, Eq. 6 and the loads; the optional variables give way to them.

    Args:
        model: The model to add to.
        problem: Pairs and limits.
        picks: One variable a pair.
        everyone: Exactly one rep for each account, else at most one.
        below: One variable a rep: accounts short of the minimum.
        above: One variable a rep: accounts over the maximum.
        overtime: One variable a rep: load over the limit.
        left_out: One variable an account: whether it may stay without a rep.
        size: How many like accounts each account stands for; by default one.
    """
    from pyscipopt import quicksum

    for i in range(len(problem.accounts)):
        placed = quicksum(picks[problem.start[i] : problem.start[i + 1]]) + (left_out[i] if left_out else 0)
        most = 1.0 if size is None else float(size[i])
        model.addCons(placed == most if everyone else placed <= most)
    order = np.argsort(problem.rep, kind="stable")
    edges = np.searchsorted(problem.rep[order], np.arange(len(problem.reps) + 1))
    for j in range(len(problem.reps)):
        own = order[edges[j] : edges[j + 1]].tolist()
        count = quicksum(picks[position] for position in own)
        if np.isfinite(problem.high[j]) and own:
            model.addCons(count - (above[j] if above else 0) <= problem.high[j])
        if problem.low[j] > 0:
            model.addCons(count + (below[j] if below else 0) >= problem.low[j])
        if np.isfinite(problem.max_load[j]) and own:
            load = quicksum(float(problem.load[position]) * picks[position] for position in own)
            model.addCons(load - (overtime[j] if overtime else 0) <= problem.max_load[j])

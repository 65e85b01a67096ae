"""The plan as an integer program for SCIP, and its rows, which the search for rules to relax shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from copilot.assign.problem import Numbers, Positions, Problem
from copilot.assign.terms import Even, Terms


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
    even: Even | None = None,
    within: float = 0.0,
) -> Exact:
    """Solve the integer program with SCIP, from a known choice where there is one.

    Args:
        problem: Pairs and limits.
        terms: Coverage and minimums.
        seconds: When to stop with the best choice found.
        start: A choice that keeps every limit.
        first_only: Stop at the first choice that keeps every limit.
        even: How close the reps' sums of value have to stay.
        within: Stop as near to the bound as this, as a share of it.
    """
    model = quiet_model(seconds)
    model.setParam("limits/gap", within)
    if first_only:
        model.setParam("limits/solutions", 1)
    picks = [model.addVar(vtype="B", obj=value) for value in problem.value.tolist()]
    short: list[Any] = []
    if terms.shortfall_price is not None:
        short = [model.addVar(lb=0, ub=low, obj=-terms.shortfall_price) for low in problem.low.tolist()]
    add_rows(model, problem, picks, everyone=terms.everyone, below=short)
    lowest = None if even is None else add_evenness(model, problem, picks, even.held, even.most)
    model.setMaximize()
    if start is not None:
        guess = model.createSol()
        if even is not None:
            model.setSolVal(guess, lowest, float((even.held + problem.values(start)).min()))
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


def add_evenness(model: Any, problem: Problem, picks: Sequence[Any], held: Numbers, most: Any) -> Any:
    """Keep each rep's sum of values, with what is ``held`` (m), within ``most`` of the lowest; return the lowest."""
    from pyscipopt import quicksum

    lowest = model.addVar(lb=None)
    order = np.argsort(problem.rep, kind="stable")
    edges = np.searchsorted(problem.rep[order], np.arange(len(problem.reps) + 1))
    for j in range(len(problem.reps)):
        own = order[edges[j] : edges[j + 1]].tolist()
        above = quicksum(float(problem.value[pair]) * picks[pair] for pair in own) + float(held[j]) - lowest
        model.addCons(above >= 0)
        model.addCons(above - most <= 0)
    return lowest


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

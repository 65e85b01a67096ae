"""When no plan keeps every rule: the smallest set of rules to relax, with amounts (MATHS §4, elastic problem)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from copilot.assign.problem import Numbers, Positions, Problem
from copilot.assign.terms import Even, Terms
from copilot.assign.whole import add_evenness, add_rows, quiet_model
from copilot.errors import Infeasible

# Between sets of equal size and amount, serving an account over the limit beats not serving it; if one must be left
# out, the one worth least.
LEFT_OUT_COSTS = (1.01, 1.02)


def infeasible(problem: Problem, terms: Terms, *, seconds: float, proved: bool = True) -> Infeasible:
    """Return the error to raise, with one sentence and its ``relax``.

    Each entry of ``relax`` is a dict: ``rule`` (``max_accounts``, ``min_accounts`` or ``max_load`` of ``rep_id``, or
    ``one_rep`` of ``account_id``), its ``limit``, what it has to change ``to``, and the ``amount`` between. Applied
    together they make the problem feasible; no smaller number of rules does, and no smaller total of amounts among
    sets of that size (a load counts in mean loads, an account left out a little over 1), unless the search ran out of
    time: then the sentence does not call them the fewest.

    Args:
        problem: Pairs and limits that do not fit together.
        terms: Minimums count as rules only where they have no price, ``one_rep`` only where everyone must be placed.
        seconds: Time for the search.
        proved: Whether it is known that no plan exists, or only that none was found.
    """
    if terms.shortfall_price is not None:
        problem = replace(problem, low=np.zeros(len(problem.reps)))
    groups = _each(problem) if problem.loaded else _alike(problem)
    answer = _search(groups, terms, seconds)
    rules = [*_of_reps(problem, groups, answer), *_of_accounts(problem, groups, answer)]
    found = "No plan keeps every rule" if proved else "No plan that keeps every rule was found in the time given"
    how = "the fewest changes that make one possible" if answer.fewest else "changes that make one possible"
    return _error(found, how, rules)


def uneven(problem: Problem, terms: Terms, even: Even, *, seconds: float, proved: bool) -> Infeasible:
    """Return the error for a spread that cannot be kept, with the least one that can.

    Its one rule in ``relax`` is ``max_spread``, of no rep.
    """
    model = quiet_model(seconds)
    picks = [model.addVar(vtype="B") for _ in problem.value]
    short = [] if terms.shortfall_price is None else [model.addVar(ub=low) for low in problem.low.tolist()]
    add_rows(model, problem, picks, everyone=terms.everyone, below=short)
    most = model.addVar(obj=1.0)
    add_evenness(model, problem, picks, even.held, most)
    model.optimize()
    found = "No plan keeps" if proved else "No plan was found in the time given that keeps"
    found += f" the reps' sums of value within {even.most:.12g} of each other"
    if not model.getNSols():
        return Infeasible(f"{found}; leave max_spread out, or raise it.", [])
    least = float(np.ceil(model.getObjVal() * 1e6) / 1e6)
    how = "the least spread that can be kept" if model.getStatus() == "optimal" else "a spread that can be kept"
    rule = _entry("max_spread", even.most, least - even.most)
    return Infeasible(f"{found}; raise max_spread from {even.most:.12g} to {least:.12g}, {how}.", [rule])


def too_many_held(over: Sequence[tuple[Any, str, float, float]]) -> Infeasible:
    """Return the error for limits that pairs which must be in the plan exceed by themselves.

    Args:
        over: Rep, rule (``max_accounts`` or ``max_load``), its limit, and what the pinned pairs need.
    """
    rules = [_entry(rule, limit, needed - limit, rep_id=rep) for rep, rule, limit, needed in over]
    return _error("What must be in the plan breaks a rule", "the fewest changes that make room", rules)


@dataclass(frozen=True)
class _Groups:
    """Accounts that may stand for each other, as a problem with one row a group and its members' positions."""

    problem: Problem
    members: list[Positions]

    @property
    def size(self) -> Numbers:
        return np.array([len(group) for group in self.members], dtype="float64")


@dataclass(frozen=True)
class _Answer:
    """Shares of pairs, accounts left out by group, and by rep how far each limit gives way."""

    picks: Numbers
    left_out: Numbers
    above: Numbers
    below: Numbers
    fewest: bool


def _each(problem: Problem) -> _Groups:
    return _Groups(problem, [np.array([account]) for account in range(len(problem.accounts))])


def _alike(problem: Problem) -> _Groups:
    """Join accounts that have the same eligible reps: without loads only their number matters."""
    where: dict[bytes, list[int]] = {}
    for account in range(len(problem.accounts)):
        reps = problem.rep[problem.start[account] : problem.start[account + 1]]
        where.setdefault(reps.tobytes(), []).append(account)
    members = [np.array(group) for group in where.values()]
    rows = [np.arange(problem.start[group[0]], problem.start[group[0] + 1]) for group in members]
    taken = np.concatenate([np.arange(0), *rows])
    joined = replace(
        problem,
        accounts=pd.RangeIndex(len(members)),
        account=np.repeat(np.arange(len(members)), np.array([len(row) for row in rows], dtype="int64")),
        rep=problem.rep[taken],
        value=problem.value[taken],
        load=problem.load[taken],
        start=np.cumsum([0, *(len(row) for row in rows)]),
    )
    return _Groups(joined, members)


def _search(groups: _Groups, terms: Terms, seconds: float) -> _Answer:
    """Find with SCIP the fewest rules, then among them the smallest amounts."""
    from pyscipopt import quicksum
    from pyscipopt.scip import PY_SCIP_PARAMSETTING as EFFORT

    problem, size, model = groups.problem, groups.size, quiet_model(seconds)
    if not problem.loaded:
        # Few integers over a large flow: SCIP's own searches and cuts took four times as long as the answer.
        model.setPresolve(EFFORT.FAST)
        model.setHeuristics(EFFORT.FAST)
        model.setSeparating(EFFORT.OFF)
    eligible = np.bincount(problem.rep, weights=size[problem.account], minlength=len(problem.reps))
    load = np.bincount(problem.rep, weights=problem.load, minlength=len(problem.reps))
    # Without loads this is a flow: whole as soon as the amounts are.
    picks = [model.addVar(vtype="B" if problem.loaded else "C", lb=0, ub=most) for most in size[problem.account]]
    left_out = [model.addVar(vtype="I", lb=0, ub=most) for most in size] if terms.everyone else []
    above, raised = _giving(model, np.maximum(eligible - problem.high, 0), "I")
    below, lowered = _giving(model, problem.low, "I")
    overtime, extended = _giving(model, np.maximum(load - problem.max_load, 0), "C")
    add_rows(
        model,
        problem,
        picks,
        everyone=terms.everyone,
        below=below,
        above=above,
        overtime=overtime,
        left_out=left_out,
        size=size,
    )
    # Leaving everyone out and lowering every minimum to 0 always works: never end without an answer.
    _suggest(model, [*left_out, *below, *lowered], [*size[: len(left_out)], *problem.low, *(problem.low > 0)])

    rules = quicksum([*raised, *lowered, *extended, *left_out])
    model.setObjective(rules, "minimize")
    model.optimize()
    proved = model.getStatus() == "optimal"
    known = [model.getVal(variable) for variable in model.getVars()]
    fewest = round(model.getObjVal())

    model.freeTransform()
    model.addCons(rules <= fewest)
    unit = float(problem.load[problem.load > 0].mean()) if problem.load.any() else 1.0
    amounts = quicksum([*above, *below]) + quicksum(overtime) / unit
    lost = quicksum(cost * one for cost, one in zip(_left_out_costs(problem), left_out, strict=False))
    model.setObjective(amounts + lost, "minimize")
    _suggest(model, model.getVars(), known)
    model.optimize()

    def values(variables: Sequence[Any]) -> Numbers:
        return np.array([model.getVal(variable) for variable in variables])

    return _Answer(values(picks), values(left_out), values(above), values(below), proved)


def _left_out_costs(problem: Problem) -> Numbers:
    best = np.maximum.reduceat(problem.value, problem.start[:-1])
    low, high = LEFT_OUT_COSTS
    share: Numbers = (best - best.min(initial=np.inf)) / max(np.ptp(best) if best.size else 0.0, 1e-12)
    return low + (high - low) * share


def _giving(model: Any, most: Numbers, kind: str) -> tuple[list[Any], list[Any]]:
    """Add for each rep by how much a limit gives way, up to ``most``, and whether it does at all."""
    amounts = [model.addVar(vtype=kind, lb=0, ub=float(limit)) for limit in most]
    switches = [model.addVar(vtype="B") for _ in most]
    for amount, switch, limit in zip(amounts, switches, most, strict=True):
        model.addCons(amount <= float(limit) * switch)
    return amounts, switches


def _suggest(model: Any, variables: Sequence[Any], values: Sequence[float]) -> None:
    guess = model.createSol()
    for variable, number in zip(variables, values, strict=True):
        model.setSolVal(guess, variable, float(number))
    model.addSol(guess)


def _of_reps(problem: Problem, groups: _Groups, answer: _Answer) -> Iterator[dict[str, object]]:
    picks = np.round(answer.picks) if problem.loaded else answer.picks
    load = np.bincount(groups.problem.rep, weights=groups.problem.load * picks, minlength=len(problem.reps))
    # Rounded up, so that a sum of loads in another order still fits.
    over = np.where(load > problem.max_load * (1 + 1e-9), np.ceil((load - problem.max_load) * 1e6) / 1e6, 0)
    for rep, rep_id in enumerate(problem.reps.tolist()):
        for rule, limit, amount in (
            ("max_accounts", problem.high[rep], round(answer.above[rep])),
            ("min_accounts", problem.low[rep], -round(answer.below[rep])),
            ("max_load", problem.max_load[rep], float(over[rep])),
        ):
            if amount:
                yield _entry(rule, float(limit), amount, rep_id=rep_id)


def _of_accounts(problem: Problem, groups: _Groups, answer: _Answer) -> Iterator[dict[str, object]]:
    for members, number in zip(groups.members, answer.left_out, strict=False):
        for account in members[: round(number)]:
            yield _entry("one_rep", 1.0, -1, account_id=problem.accounts[account : account + 1].tolist()[0])


def _entry(
    rule: str, limit: float, change: float, *, rep_id: object = None, account_id: object = None
) -> dict[str, object]:
    return {
        "rule": rule,
        "rep_id": rep_id,
        "account_id": account_id,
        "limit": limit,
        "to": limit + change,
        "amount": float(abs(change)),
    }


def _error(found: str, how: str, rules: list[dict[str, object]]) -> Infeasible:
    more = f"; {len(rules) - 5} more are in relax" if len(rules) > 5 else ""
    return Infeasible(f"{found}; {how}: {'; '.join(_sentence(rule) for rule in rules[:5])}{more}.", rules)


def _sentence(rule: dict[str, object]) -> str:
    if rule["rule"] == "one_rep":
        return f"leave out account {rule['account_id']}"
    verb = "lower" if rule["rule"] == "min_accounts" else "raise"
    return f"{verb} {rule['rule']} of rep {rule['rep_id']} from {rule['limit']:.12g} to {rule['to']:.12g}"

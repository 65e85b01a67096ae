"""Assign accounts to reps so that the team's expected value is highest (CPOG §4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from copilot.assign import fairness, listing, relax, rounding, ties
from copilot.assign.listing import SAME
from copilot.assign.problem import OUT, Numbers, Positions, Problem, need, read
from copilot.assign.solve import solve_relaxation
from copilot.assign.terms import Even, Relaxed, Terms, bound
from copilot.assign.whole import solve_whole
from copilot.errors import BadInput

Method = Literal["lp", "mip"]
Coverage = Literal["best", "all"]


@dataclass(frozen=True, eq=False)
class Plan:
    """Who works on what, what that is worth, and what stood in the way.

    Attributes:
        assignments: One row an assigned account, best first: ``account_id``, ``rep_id``, ``value``, ``g_rank`` (over
            all reps), ``r_rank`` (within the rep), both from 1; equal values rank by account_id.
        objective: Sum of the chosen values; shortfalls are not taken off.
        bound: No plan that falls no shorter of the minimums has a higher sum.
        waiting: Accounts left out, best first: ``rank``, ``account_id``, ``best_rep_id``, ``best_value``, ``why``.
        binding: Limits the plan stands at or falls short of: ``rep_id``, ``rule`` (``min_accounts``,
            ``max_accounts``, ``max_load``), ``limit``, ``used``, ``shortfall`` (accounts missing to an elastic
            minimum), ``price`` (value gained per unit if the limit gave way by it, from the linear relaxation; at an
            unmet minimum what each missing account was charged).
        gap: (bound − objective) / the larger of the two in size; 0 means proved best.
        prices: Each rep's prices, ``rep_id``, ``max_price``, ``min_price``, ``load_price`` (≥ 0): what one more place,
            one account less in the minimum, or one more unit of load is worth, from the linear relaxation.
        shortfall_price: What an account below a minimum was charged; None where minimums were hard.
        spread: The highest less the lowest sum of values of a rep.
    """

    assignments: pd.DataFrame
    objective: float
    bound: float
    waiting: pd.DataFrame
    binding: pd.DataFrame
    gap: float
    prices: pd.DataFrame
    shortfall_price: float | None = None
    spread: float = 0.0


def assign(
    pairs: pd.DataFrame,
    reps: pd.DataFrame,
    *,
    method: Method = "lp",
    coverage: Coverage = "best",
    elastic: bool = True,
    shortfall_price: float | None = None,
    max_spread: float | None = None,
    seconds: float = 60.0,
    pins: pd.DataFrame | None = None,
    start: Plan | None = None,
) -> Plan:
    """Choose pairs so that the sum of their values is highest and every rep's limits hold (CPOG Eq. 2, 5, 6).

    Without loads the linear program is integral and both methods solve it; the plan is then exactly best. With loads
    (a generalised assignment problem) ``"lp"`` rounds its relaxation, keeping every capacity, and ``"mip"`` lets SCIP
    go on from there. The plan does not depend on the order of rows; ties go to the earlier account_id, then rep_id.

    Args:
        pairs: Eligible pairs, one row each: ``account_id``, ``rep_id``, ``value`` (a cost is a negative value) and,
            where reps have a ``max_load``, ``load`` (≥ 0).
        reps: ``rep_id``, ``min_accounts``, ``max_accounts`` (whole numbers; ``inf``: no maximum) and, optionally,
            ``max_load`` in the unit of ``load`` (``inf``: no limit).
        method: How to solve it when there are loads.
        coverage: ``"best"``: each account at most once; a pair of negative value is taken only where a minimum needs
            it, one of value 0 likewise. ``"all"``: each account in pairs exactly once.
        elastic: Whether a minimum may stay unmet, at ``shortfall_price`` an account; else minimums are hard.
        shortfall_price: In units of value; by default so high that minimums come before any value.
        max_spread: Quota fairness: no rep's sum of values may exceed another's by more. Where the best plan is not
            that even, SCIP searches for one that is: with ``"lp"`` to within 0.1 % of the bound, with ``"mip"`` to the
            end. Prices are those of the program without it.
        seconds: Limit on each SCIP search (not on the linear program); a plan cut short says so by its gap.
        pins: Pairs that must be in the plan, ``account_id``, ``rep_id``; each has to be among ``pairs``.
        start: The plan of a similar problem, whose prices shorten the search; they do not change its result.

    Raises:
        BadInput: The frames do not hold what is described above; or no pairs were given with coverage ``"all"``.
        Infeasible: No plan keeps the hard rules and the pins; ``.relax`` holds the smallest set of rules to relax, with
            amounts.
    """
    for name, given, known in (("method", method, Method), ("coverage", coverage, Coverage)):
        if given not in get_args(known):
            raise BadInput(f"There is no {name} {given!r}; choose from {', '.join(get_args(known))}.")
    if shortfall_price is not None and not (elastic and _is_amount(shortfall_price)):
        raise BadInput(
            f"shortfall_price is {shortfall_price}; give a number of at least 0, and only with elastic=True."
        )
    for name, number in (("seconds", seconds), ("max_spread", 0 if max_spread is None else max_spread)):
        if not _is_amount(number):
            raise BadInput(f"{name} is {number}; give a number of at least 0.")
    problem = read(pairs, reps)
    everyone = coverage == "all"
    if everyone and not len(problem.accounts):
        raise BadInput('No pairs were given, so coverage="all" has nobody to place; give pairs or use coverage="best".')
    pinned = _pinned(problem, pins)
    free = pinned == OUT
    rest = problem.rest(pinned) if not free.all() else problem
    terms = Terms.of(
        rest, everyone=everyone, elastic=elastic, shortfall_price=shortfall_price, far=max_spread is not None
    )
    relaxed = solve_relaxation(rest, terms, start=_known(rest, start))
    if relaxed is None:
        raise relax.infeasible(rest, terms, seconds=seconds)
    charged = terms.shortfall_price if shortfall_price is None else shortfall_price
    part, highest = _choose(rest, terms, relaxed, method, seconds)
    part = ties.settle(rest, part, everyone=everyone)
    if max_spread is not None:
        even = Even(max_spread, problem.values(pinned[~free]))
        part, proved = fairness.keep(rest, terms, even, part, seconds=seconds, whole=method == "mip")
        highest = min(highest, proved)
    highest = min(highest, bound(rest, terms, relaxed, part)) + fsum(problem.value[pinned[~free]])
    chosen = pinned.copy()
    chosen[free] = np.where(part == OUT, OUT, np.flatnonzero(free[problem.account])[part]) if free.any() else OUT
    objective = fsum(problem.value[chosen[chosen != OUT]])
    if highest <= objective + SAME * max(1.0, abs(objective)):
        highest = objective
    return Plan(
        assignments=listing.assignments(problem, chosen),
        objective=objective,
        bound=highest,
        waiting=listing.waiting(problem, chosen, even=max_spread is not None),
        binding=listing.binding(problem, charged, relaxed, chosen),
        gap=(highest - objective) / max(abs(highest), abs(objective)) if highest > objective else 0.0,
        prices=pd.DataFrame(
            {
                "rep_id": problem.reps,
                "max_price": relaxed.max_price,
                "min_price": relaxed.min_price,
                "load_price": relaxed.load_price,
            }
        ),
        shortfall_price=charged,
        spread=float(np.ptp(problem.values(chosen))) if len(problem.reps) else 0.0,
    )


def _is_amount(number: Any) -> bool:
    return isinstance(number, int | float | np.number) and bool(0 <= number < np.inf)


def _pinned(problem: Problem, pins: pd.DataFrame | None) -> Positions:
    """Return the pair each account is pinned to (n), −1 for the free ones."""
    pinned = np.full(len(problem.accounts), OUT, dtype="int64")
    if pins is None:
        return pinned
    need(pins, ("account_id", "rep_id"), "pins")
    if pins.empty:
        return pinned
    account, rep = problem.accounts.get_indexer(pins["account_id"]), problem.reps.get_indexer(pins["rep_id"])
    key = problem.account * len(problem.reps) + problem.rep
    wanted = account * len(problem.reps) + rep
    position = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
    unknown = (account < 0) | (rep < 0) | (key[position] != wanted if len(key) else True)
    if unknown.any():
        row = pins.iloc[int(np.flatnonzero(unknown)[0])]
        raise BadInput(
            f"Account {row['account_id']} cannot be pinned to rep {row['rep_id']}: that is not an eligible pair."
        )
    pinned[account] = position
    taken = pinned[pinned != OUT]
    if len(taken) < len(pins):
        raise BadInput("An account is pinned twice; pin each account to one rep.")
    over = [
        (problem.reps[rep], rule, float(limit[rep]), float(used[rep]))
        for rule, limit, used in (
            ("max_accounts", problem.high, problem.counts(taken)),
            ("max_load", problem.max_load, problem.loads(taken)),
        )
        for rep in np.flatnonzero(used > limit * (1 + SAME))
    ]
    if over:
        raise relax.too_many_held(over)
    return pinned


def _known(problem: Problem, start: Plan | None) -> Relaxed | None:
    """Return the prices of another plan for these reps; those it did not know begin at nothing."""
    if start is None:
        return None
    prices = start.prices.set_index("rep_id").reindex(problem.reps).fillna(0.0)
    return Relaxed(np.zeros(0), *(prices[name].to_numpy("float64") for name in prices))


def can_place_all(pairs: pd.DataFrame, reps: pd.DataFrame) -> bool:
    """Say by a maximum flow whether every account in ``pairs`` can have exactly one rep within ``max_accounts``.

    Minimums are not looked at. With loads the flow only counts: a rep takes as many accounts as the lightest of them
    fit into ``max_load``; False is then still certain, while True says only that counting does not rule it out.

    Args:
        pairs: As for :func:`assign`; the values play no part.
        reps: As for :func:`assign`.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    problem = read(pairs, reps)
    n, m = len(problem.accounts), len(problem.reps)
    if n == 0:
        return True
    room = np.minimum(np.minimum(problem.high, _lightest(problem)), n)
    source, sink = n + m, n + m + 1
    tails = np.concatenate([np.full(n, source), problem.account, n + np.arange(m)])
    heads = np.concatenate([np.arange(n), n + problem.rep, np.full(m, sink)])
    capacity = np.concatenate([np.ones(n + len(problem.rep)), room]).astype("int32")
    network = csr_array((capacity, (tails.astype("int32"), heads.astype("int32"))), shape=(n + m + 2, n + m + 2))
    return int(maximum_flow(network, source, sink).flow_value) == n


def _lightest(problem: Problem) -> Numbers:
    """How many accounts, lightest first, fit into each rep's load."""
    order = np.lexsort((problem.load, problem.rep))
    edges = np.searchsorted(problem.rep[order], np.arange(len(problem.reps) + 1))
    fit = np.full(len(problem.reps), np.inf)
    for rep in np.flatnonzero(np.isfinite(problem.max_load)):
        needed = np.cumsum(problem.load[order[edges[rep] : edges[rep + 1]]])
        fit[rep] = np.count_nonzero(needed <= problem.max_load[rep] * (1 + SAME))
    return fit


def _choose(
    problem: Problem, terms: Terms, relaxed: Relaxed, method: Method, seconds: float
) -> tuple[Positions, float]:
    """Return a choice that keeps the hard rules, and what SCIP proved about the best sum (inf: nothing)."""
    if not problem.loaded:
        return _taken(problem, relaxed), np.inf
    rounded = rounding.round_plan(problem, terms, relaxed)
    whole = not (terms.everyone and (rounded == OUT).any())
    whole &= terms.shortfall_price is not None or not problem.shortfall(rounded).any()
    if method == "lp" and whole:
        return rounded, np.inf
    exact = solve_whole(problem, terms, seconds=seconds, start=rounded if whole else None, first_only=method == "lp")
    if exact.chosen is None:
        raise relax.infeasible(problem, terms, seconds=seconds, proved=exact.status == "infeasible")
    if exact.status == "optimal":
        return exact.chosen, fsum(problem.value[exact.chosen[exact.chosen != OUT]])
    better = rounding.improve(problem, terms, relaxed, exact.chosen)
    return better, exact.bound + (terms.shortfall_price or 0.0) * float(problem.shortfall(better).sum())


def _taken(problem: Problem, relaxed: Relaxed) -> Positions:
    """Read the choice off an integral vertex."""
    taken = np.flatnonzero(relaxed.share > 0.5)
    chosen = np.full(len(problem.accounts), OUT, dtype="int64")
    chosen[problem.account[taken]] = taken
    return chosen

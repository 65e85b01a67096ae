"""Quota fairness: a plan in which no rep's sum of values exceeds another's by more than a bound (MATHS §4)."""

from __future__ import annotations

import numpy as np

from copilot.assign import relax
from copilot.assign.problem import OUT, Positions, Problem
from copilot.assign.terms import Even, Terms
from copilot.assign.whole import solve_whole

NEAR = 0.001  # of the bound: the search for an even plan stops there unless the very best is asked for
SLACK = 1e-9  # of the sums: rounding


def keep(
    problem: Problem, terms: Terms, even: Even, chosen: Positions, *, seconds: float, whole: bool
) -> tuple[Positions, float]:
    """Return a choice as even as asked, and what is proved about the best sum of such choices (inf: nothing new).

    Args:
        problem: Pairs and limits.
        terms: Coverage and minimums.
        even: The bound.
        chosen: The best choice that knows nothing of the bound: kept where it is even already.
        seconds: Time for the search.
        whole: Whether to search to the end.

    Raises:
        Infeasible: No such plan exists, or none was found; names a spread that can be kept.
    """
    if _is_even(problem, even, chosen):
        return chosen, np.inf
    start = _levelled(problem, terms, even, chosen)
    exact = solve_whole(problem, terms, seconds=seconds, start=start, even=even, within=0.0 if whole else NEAR)
    if exact.chosen is None:
        raise relax.uneven(problem, terms, even, seconds=seconds, proved=exact.status == "infeasible")
    return exact.chosen, exact.bound + (terms.shortfall_price or 0.0) * float(problem.shortfall(exact.chosen).sum())


def _is_even(problem: Problem, even: Even, chosen: Positions) -> bool:
    sums = even.held + problem.values(chosen)
    return not len(sums) or float(np.ptp(sums)) <= even.most + SLACK * float(np.abs(sums).max())


def _levelled(problem: Problem, terms: Terms, even: Even, chosen: Positions) -> Positions | None:
    """Take from the rep with most, the least account first, until the plan is even; None where that breaks a rule."""
    if terms.everyone or (terms.shortfall_price is None and problem.low.any()):
        return None
    chosen, sums = chosen.copy(), even.held + problem.values(chosen)
    taken = chosen[(chosen != OUT)]
    taken = taken[problem.value[taken] > 0]
    taken = taken[np.argsort(-problem.value[taken], kind="stable")]
    theirs = [taken[problem.rep[taken] == rep].tolist() for rep in range(len(sums))]
    while np.ptp(sums) > even.most:
        top = int(sums.argmax())
        if not theirs[top]:
            return None
        pair = theirs[top].pop()
        chosen[problem.account[pair]] = OUT
        sums[top] -= problem.value[pair]
    return chosen

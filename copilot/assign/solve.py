"""Solve the linear relaxation of a plan: by prices and exchanges where accounts count alike, else by its core."""

from __future__ import annotations

from typing import Literal

import numpy as np

from copilot.assign.auction import FEW_SHORT, STEPS, find_prices
from copilot.assign.compiled import fast
from copilot.assign.core import solve_core
from copilot.assign.exchange import exchange
from copilot.assign.greedy import same_everywhere, take_best
from copilot.assign.problem import Numbers, Problem
from copilot.assign.terms import Relaxed, Terms

# The exchange keeps a table of reps by reps; beyond this team the core is smaller.
MANY_REPS = 3_000
# Where the auction leaves more than this to do, something is unusual: the core takes over.
CIRCLES = 20_000
# Where the last step (in standard deviations) times the accounts is below this, few are left to the exchange, and a
# finer step costs more than they do.
FINE = 25


def solve_relaxation(problem: Problem, terms: Terms, *, start: Relaxed | None = None) -> Relaxed | None:
    """Solve the linear relaxation of CPOG Eq. 2, 5 and 6; None where no point keeps the hard rows.

    Without loads the answer is whole (a transportation problem) and its prices prove it best; see `terms.bound`.

    Args:
        problem: Pairs and limits.
        terms: Coverage and minimums.
        start: The answer to a similar problem with the same reps, whose prices shorten the search.
    """
    if problem.loaded or len(problem.reps) > MANY_REPS:
        return solve_core(problem, terms, start=start)
    answer = _by_exchange(problem, terms, start)
    return solve_core(problem, terms, start=start) if answer == "unfinished" else answer


def _by_exchange(problem: Problem, terms: Terms, start: Relaxed | None) -> Relaxed | Literal["unfinished"] | None:
    m, hard = len(problem.reps), terms.hard(problem)
    charge = hard if terms.shortfall_price is None else terms.shortfall_price
    out = -4 * problem.spread if terms.everyone else 0.0  # enough to bid for; the exchange counts the true loss
    best = take_best(problem, out) if same_everywhere(problem) else None
    # Minimums that only accounts of less than no value could fill are met faster by prices than one at a time.
    if best is not None and problem.shortfall(best[1]).sum() <= FEW_SHORT * len(problem.accounts):
        prices, chosen = best
    else:
        known = None if start is None else start.max_price - start.min_price
        steps = STEPS[: max(3, 1 + sum(step * len(problem.accounts) > FINE for step in STEPS))]
        prices, chosen = find_prices(problem, out, lowest=-charge, start=known, steps=steps)
    chosen, price, circles = fast(exchange, len(problem.rep))(
        problem.start,
        problem.account32,
        problem.rep32,
        problem.value,
        problem.low,
        problem.high,
        -hard if terms.everyone else 0.0,
        charge,
        chosen,
        prices,
        1e-11 * problem.spread + 1e-15 * max(charge, hard),
        CIRCLES,
    )
    if circles > CIRCLES:
        return "unfinished"
    left_out = terms.everyone and bool((chosen < 0).any())
    if left_out or (terms.shortfall_price is None and problem.shortfall(chosen).any()):
        return None
    share: Numbers = np.zeros(len(problem.rep))
    share[chosen[chosen >= 0]] = 1
    return Relaxed(share, np.maximum(price, 0), np.maximum(-price, 0), np.zeros(m))

"""What a plan must keep, the prices that its limits have, and the bound that prices prove."""

from __future__ import annotations

from dataclasses import dataclass

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
    def of(
        cls, problem: Problem, *, everyone: bool, elastic: bool, shortfall_price: float | None, far: bool = False
    ) -> Terms:
        """Price shortfalls so high that minimums come first, unless a lower price is given.

        A higher one would change no plan, only drown the values in its rounding. ``far``: see `hard`.
        """
        if not elastic:
            return cls(everyone, None)
        hard = cls.hard(problem, far=far)
        return cls(everyone, hard if shortfall_price is None else min(shortfall_price, hard))

    @staticmethod
    def hard(problem: Problem, *, far: bool = False) -> float:
        """Return a loss that no exchange of accounts is worth.

        Filling one place moves at most one account a rep and brings one in, each worth at most ``spread``. With loads,
        or where ``far`` says that another rule ties reps together, the accounts that have to make room are not so
        bounded.
        """
        moved = len(problem.accounts) if problem.loaded or far else len(problem.reps) + 2
        return 1 + moved * problem.spread


@dataclass(frozen=True)
class Even:
    """How far the highest sum of values of a rep may exceed the lowest, and what the reps hold by pins (m)."""

    most: float
    held: Numbers


@dataclass(frozen=True)
class Relaxed:
    """The linear program's answer: shares of pairs (p) and the prices of the reps' rows (m each, ≥ 0).

    A price is what the objective gains when the row gives way by one account, or by one unit of load.
    """

    share: Numbers
    max_price: Numbers
    min_price: Numbers
    load_price: Numbers


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
    if problem.loaded:
        profit -= problem.load * relaxed.load_price[problem.rep]
    return profit


def _dual_value(problem: Problem, terms: Terms, relaxed: Relaxed, min_price: Numbers) -> float:
    best = np.maximum.reduceat(reduced_profit(problem, relaxed, min_price), problem.start[:-1])
    if not terms.everyone:
        best = np.maximum(best, 0)
    rent = np.sum(relaxed.max_price * np.where(np.isfinite(problem.high), problem.high, 0))
    rent += np.sum(relaxed.load_price * np.where(np.isfinite(problem.max_load), problem.max_load, 0))
    return float(best.sum() + rent - np.sum(min_price * problem.low))

"""The linear program of a plan, solved on the few accounts that prices leave open, and certified on all pairs.

Prices settle most accounts: one rep is clearly best. SoPlex solves the program of the others (the core) with what is
left of the limits. Its duals price every pair: an account that would rather move, or a pair that is missed, joins the
core, until none does. Then the duals prove the whole plan best.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from copilot.assign.auction import find_prices, scale
from copilot.assign.compiled import fast
from copilot.assign.problem import OUT, Numbers, Positions, Problem
from copilot.assign.terms import Relaxed, Terms

Flags = NDArray[np.bool_]
# How close two choices must be for an account to count as open, in standard deviations of value.
OPEN = 0.004
# More open accounts than this would make the core as large as the program itself: number, and share of all.
MOST_OPEN = (2_000, 0.04)
# Prices for the core need not be finer than what counts as open.
STEPS = (0.3, 0.06, 0.012, 0.002)


def solve_core(problem: Problem, terms: Terms, *, start: Relaxed | None = None) -> Relaxed | None:
    """Solve the linear relaxation to a vertex of the core; None where no point keeps the hard rows.

    Without loads the vertex is whole. Arguments as for :func:`copilot.assign.solve.solve_relaxation`.
    """
    core = _Core(problem, terms)
    core.settle(start)
    joining = core.open_at_first()
    while core.let_in(joining):
        joining = core.solve()
    return core.answer()


class _Core:
    """The open accounts, their pairs as columns of a linear program, and everyone else's settled choice."""

    def __init__(self, problem: Problem, terms: Terms) -> None:
        from pyscipopt import LP
        from pyscipopt.scip import PY_SCIP_LPPARAM as SETTING

        self.problem, self.terms = problem, terms
        n, m = len(problem.accounts), len(problem.reps)
        self.limited = np.flatnonzero(np.isfinite(problem.max_load))
        self.out = -terms.hard(problem) if terms.everyone else 0.0
        self.charge = terms.hard(problem) if terms.shortfall_price is None else terms.shortfall_price
        self.tolerance = 1e-11 * problem.spread + 1e-15 * max(self.charge, -self.out)
        self.near = OPEN * scale(problem)
        self.price, self.load_price = np.zeros(m), np.zeros(m)
        self.chosen = np.full(n, OUT, dtype="int64")
        self.profit, self.lead = np.zeros(n), np.zeros(n)
        self.open, self.row = np.zeros(n, dtype=bool), np.full(n, -1)
        self.column = np.full(len(problem.rep), -1)
        self.left_out: list[int] = []
        self.rounds = 0
        self.lp = LP(sense="maximize")
        self.infinity = self.lp.infinity()
        for tolerance in (SETTING.DUALFEASTOL, SETTING.FEASTOL):
            self.lp.setRealParam(tolerance, 1e-9)
        self._add_rows(m + len(self.limited), -self.infinity, self.infinity)
        self.load_row = np.full(m, -1)
        self.load_row[self.limited] = m + np.arange(len(self.limited))
        self.short = np.flatnonzero(problem.low > 0)
        self._add_columns([[(int(j), 1.0)] for j in self.short], [-self.charge] * len(self.short))

    def settle(self, start: Relaxed | None) -> None:
        """Find prices and a choice by auction."""
        held = np.isfinite(self.problem.max_load)
        known = None if start is None else np.where(held, start.load_price, start.max_price - start.min_price)
        out = -4 * self.problem.spread if self.terms.everyone else 0.0
        prices, self.chosen = find_prices(self.problem, out, lowest=-self.charge, start=known, steps=STEPS)
        self.price, self.load_price = np.where(held, 0.0, prices), np.where(held, prices, 0.0)

    def open_at_first(self) -> Flags:
        """Say which accounts the prices leave open: two options are close, or the choice is not the best one."""
        self._price_pairs()
        joining = self.profit - self._settled_profit() > self.near
        # The auction knew one limit a rep: who stands at a rep over its other limit is not settled.
        crowded = self.problem.counts(self.chosen) > self.problem.high
        joining |= (self.chosen != OUT) & crowded[self.problem.rep[self.chosen]]
        close = np.flatnonzero((self.lead <= self.near) & ~joining)
        most = max(MOST_OPEN[0], int(MOST_OPEN[1] * len(self.open)))
        if len(close) > most:  # rather those that might as well have no rep
            close = close[np.argpartition(self.profit[close], most)[:most]]
        joining[close] = True
        return joining

    def let_in(self, joining: Flags) -> bool:
        """Let accounts and the pairs near their best into the core; say whether there is anything to solve."""
        new = np.flatnonzero(joining & ~self.open)
        self.open[new] = True
        self.row[new] = self.lp.nrows() + np.arange(len(new))
        self._add_rows(len(new), 1.0 if self.terms.everyone else -self.infinity, 1.0)
        if self.terms.everyone:
            self.left_out += range(self.lp.ncols(), self.lp.ncols() + len(new))
            self._add_columns([[(row, 1.0)] for row in self.row[new].tolist()], [self.out] * len(new))
        among, own = np.flatnonzero(self.open), self.chosen[new]
        near = self._run(near_best, self.price, self.load_price, among, self.profit[among] - self.near)
        pairs = np.concatenate([near[self.column[near] < 0], own[own != OUT]])
        pairs = np.unique(pairs[self.column[pairs] < 0])
        self.column[pairs] = self.lp.ncols() + np.arange(len(pairs))
        self._add_columns(self._entries(pairs), self.problem.value[pairs].tolist())
        self.near = max(self.near / 2, self.tolerance)
        return bool(len(new) or len(pairs) or not self.rounds)

    def _entries(self, pairs: Positions) -> list[list[tuple[int, float]]]:
        problem = self.problem
        rep = problem.rep[pairs]
        rows = zip(
            self.row[problem.account[pairs]].tolist(),
            rep.tolist(),
            self.load_row[rep].tolist(),
            problem.load[pairs].tolist(),
            strict=True,
        )
        return [
            [(row, 1.0), (j, 1.0), (load_row, load)] if load_row >= 0 and load > 0 else [(row, 1.0), (j, 1.0)]
            for row, j, load_row, load in rows
        ]

    def solve(self) -> Flags:
        """Solve the core and price all pairs; return who would rather move than keep the settled choice."""
        self._set_limits()
        self.lp.solve(dual=self.rounds == 0)
        self.rounds += 1
        dual = np.array(self.lp.getDual())
        m = len(self.problem.reps)
        self.price = dual[:m]
        self.load_price[self.limited] = np.maximum(dual[m : m + len(self.limited)], 0)
        self._price_pairs()
        gain = np.where(self.open, 0.0, self.profit - self._settled_profit())
        moving = np.flatnonzero(gain > self.tolerance)
        most = max(500, int(self.open.sum()))
        if len(moving) > most:
            moving = moving[np.argpartition(-gain[moving], most)[:most]]
        joining = np.zeros(len(self.open), dtype=bool)
        joining[moving] = True
        return joining

    def _set_limits(self) -> None:
        """Leave the core what the settled accounts do not use of each limit."""
        problem = self.problem
        settled = self.chosen[~self.open]
        count, load = problem.counts(settled), problem.loads(settled)
        low = np.where(problem.low > 0, problem.low - count, -self.infinity)
        high = np.where(np.isfinite(problem.high), problem.high - count, self.infinity)
        for j, (least, most) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
            self.lp.chgSide(j, least, most)
        for j in self.limited.tolist():
            self.lp.chgSide(int(self.load_row[j]), -self.infinity, float(problem.max_load[j] - load[j]))

    def answer(self) -> Relaxed | None:
        """Return the share of every pair and the prices, or None where something hard is not kept."""
        problem, primal = self.problem, np.array(self.lp.getPrimal())
        broken = [*self.left_out, *(range(len(self.short)) if self.terms.shortfall_price is None else [])]
        if broken and primal[broken].max() > 1e-7:
            return None
        share = np.zeros(len(problem.rep))
        settled = self.chosen[~self.open]
        share[settled[settled != OUT]] = 1
        inside = np.flatnonzero(self.column >= 0)
        share[inside] = primal[self.column[inside]]
        return Relaxed(
            share=share,
            max_price=np.where(np.isfinite(problem.high), np.maximum(self.price, 0), 0.0),
            min_price=np.maximum(-self.price, 0),
            load_price=self.load_price,
        )

    def _settled_profit(self) -> Numbers:
        """Return what each account earns by its settled choice at these prices (n)."""
        problem, has = self.problem, np.flatnonzero(self.chosen != OUT)
        pair = self.chosen[has]
        rep, profit = problem.rep[pair], np.full(len(self.chosen), self.out)
        profit[has] = problem.value[pair] - self.price[rep] - problem.load[pair] * self.load_price[rep]
        return profit

    def _price_pairs(self) -> None:
        self.profit, self.lead = self._run(price_pairs, self.price, self.load_price, self.out)

    def _run(self, loop: Any, *arguments: Any) -> Any:
        problem = self.problem
        return fast(loop, len(problem.rep))(problem.start, problem.rep32, problem.value, problem.load, *arguments)

    def _add_rows(self, number: int, least: float, most: float) -> None:
        if number:
            self.lp.addRows([[] for _ in range(number)], [least] * number, [most] * number)

    def _add_columns(self, entries: list[list[tuple[int, float]]], values: list[float]) -> None:
        if entries:
            number = len(entries)
            self.lp.addCols(entries, objs=values, lbs=[0.0] * number, ubs=[self.infinity] * number)


def price_pairs(
    start: Positions, rep: Positions, value: Numbers, load: Numbers, price: Numbers, load_price: Numbers, out: float
) -> tuple[Numbers, Numbers]:
    """Return each account's best profit at these prices, staying out included, and its lead over the second best."""
    n = len(start) - 1
    profit = np.empty(n)
    lead = np.empty(n)
    for i in range(n):
        best, second = out, -np.inf
        for e in range(start[i], start[i + 1]):
            j = rep[e]
            here = value[e] - price[j] - load[e] * load_price[j]
            if here > best:
                second = best
                best = here
            elif here > second:
                second = here
        profit[i] = best
        lead[i] = best - second
    return profit, lead


def near_best(
    start: Positions,
    rep: Positions,
    value: Numbers,
    load: Numbers,
    price: Numbers,
    load_price: Numbers,
    accounts: Positions,
    least: Numbers,
) -> Positions:
    """Return the pairs of these accounts whose profit at these prices is at least ``least`` (one an account)."""
    count = 0
    for k in range(len(accounts)):
        i = accounts[k]
        for e in range(start[i], start[i + 1]):
            j = rep[e]
            if value[e] - price[j] - load[e] * load_price[j] >= least[k]:
                count += 1
    found = np.empty(count, dtype=np.int64)
    count = 0
    for k in range(len(accounts)):
        i = accounts[k]
        for e in range(start[i], start[i + 1]):
            j = rep[e]
            if value[e] - price[j] - load[e] * load_price[j] >= least[k]:
                found[count] = e
                count += 1
    return found

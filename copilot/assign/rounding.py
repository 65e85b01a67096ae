"""Round a split plan to whole accounts: keep every capacity, then improve by shifts, replacements and swaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from copilot.assign.problem import OUT, Numbers, Positions, Problem
from copilot.assign.terms import Relaxed, Terms, reduced_profit

SWEEPS = 40
# Pairs whose reduced cost is below this share of the mean value may be tried. Measured on 1k and 5k accounts: beyond
# the first band a plan gains less than .003 %, so the wider ones are for small problems, where they gain up to 2 %.
BANDS = (0.05, 0.3, 1.0)
MANY = 5_000


def round_plan(problem: Problem, terms: Terms, relaxed: Relaxed) -> Positions:
    """Return a choice near the relaxation that keeps every maximum and load; minimums as far as it can.

    Whole accounts stay, split ones go where most of them lies and still fits; then local search over pairs whose
    reduced cost is small (accounts without a rep may go anywhere).
    """
    search = _Search(problem, terms)
    for position in np.argsort(-relaxed.share, kind="stable").tolist():
        if relaxed.share[position] <= 1e-9:
            break
        account = problem.account[position]
        if search.chosen[account] == OUT and search.fits(position):
            search.move(int(account), position)
    return _improve(search, relaxed)


def improve(problem: Problem, terms: Terms, relaxed: Relaxed, chosen: Positions) -> Positions:
    """Return a choice at least as good as ``chosen``, found by the same local search."""
    search = _Search(problem, terms)
    for account, position in enumerate(chosen.tolist()):
        if position != OUT:
            search.move(account, position)
    return _improve(search, relaxed)


def _improve(search: _Search, relaxed: Relaxed) -> Positions:
    problem = search.problem
    profit = reduced_profit(problem, relaxed, relaxed.min_price)
    loss = np.maximum.reduceat(profit, problem.start[:-1])[problem.account] - profit
    size = float(np.abs(problem.value).mean())
    for band in BANDS:
        if band > BANDS[0] and np.count_nonzero(loss <= band * size) > MANY:
            break
        for _ in range(SWEEPS):
            search.consider((loss <= band * size) | (search.chosen[problem.account] == OUT))
            if search.sweep() == 0:
                break
    return search.chosen


@dataclass
class _Move:
    """The best move found for one account: the pair it takes, and who makes room by going where."""

    gain: float
    position: int = OUT
    displaced: int = OUT
    displaced_to: int = OUT


class _Search:
    """A choice that always keeps the maximums and loads, and the moves from it to its neighbours."""

    def __init__(self, problem: Problem, terms: Terms) -> None:
        self.problem = problem
        self.price = terms.shortfall_price if terms.shortfall_price is not None else _hard_price(problem)
        # With coverage "all" nothing may make it worth while to leave an account out.
        self.without = -(self.price * (1 + problem.low.sum()) + _hard_price(problem)) if terms.everyone else 0.0
        self.chosen = np.full(len(problem.accounts), OUT, dtype="int64")
        self.place = np.full(len(problem.accounts), OUT, dtype="int64")
        self.count = np.zeros(len(problem.reps))
        self.used = np.zeros(len(problem.reps))
        self.slack = 1e-9 * (1 + np.where(np.isfinite(problem.max_load), problem.max_load, 0))

    def fits(self, position: int) -> bool:
        """Whether the pair's rep has room for one more account with this load."""
        rep = self.problem.rep[position]
        load = self.used[rep] + self.problem.load[position]
        return bool(self.count[rep] < self.problem.high[rep] and load <= self._most(rep))

    def move(self, account: int, position: int) -> None:
        """Put the account on this pair, or out (−1)."""
        old = self.chosen[account]
        if old != OUT:
            self.count[self.problem.rep[old]] -= 1
            self.used[self.problem.rep[old]] -= self.problem.load[old]
        self.chosen[account] = position
        self.place[account] = self.problem.rep[position] if position != OUT else OUT
        if position != OUT:
            self.count[self.problem.rep[position]] += 1
            self.used[self.problem.rep[position]] += self.problem.load[position]

    def consider(self, keep: NDArray[np.bool_]) -> None:
        """Restrict moves to these pairs; lay them out as one padded row an account."""
        positions = np.flatnonzero(keep)
        accounts = self.problem.account[positions]
        first = np.searchsorted(accounts, np.arange(len(self.problem.accounts)))
        column = np.arange(len(positions)) - first[accounts]
        shape = (len(self.problem.accounts), int(column.max(initial=0)) + 1)
        self.option = np.full(shape, OUT, dtype="int64")
        self.option[accounts, column] = positions

    def sweep(self) -> int:
        """Give every account its turn; return how many moved."""
        return sum(self.step(account) for account in range(len(self.problem.accounts)))

    def step(self, account: int) -> bool:
        """Make the account's best move if it gains anything."""
        best = self._best(account)
        if best.gain <= 1e-9 * (1 + abs(self.problem.spread)):
            return False
        if best.displaced != OUT:
            self.move(best.displaced, OUT)
        self.move(account, best.position)
        if best.displaced != OUT:
            self.move(best.displaced, best.displaced_to)
        return True

    def _best(self, account: int) -> _Move:
        old = int(self.chosen[account])
        home = int(self.place[account])
        worth = self._worth(old)
        left = self._leaving(home)
        best = _Move(self.without - worth - left)
        for position in self.option[account].tolist():
            if position in (OUT, old):
                continue
            rep = int(self.problem.rep[position])
            gain = self.problem.value[position] - worth
            if self.fits(position):
                shift = gain - left + self._joining(rep)
                if shift > best.gain:
                    best = _Move(shift, position)
            best = self._displace(account, position, rep, home, gain, left, best)
        return best

    def _displace(
        self, account: int, position: int, rep: int, home: int, gain: float, left: float, best: _Move
    ) -> _Move:
        """Let the account replace one of the rep's, which goes out, to the account's old place, or elsewhere."""
        problem, others = self.problem, np.flatnonzero(self.place == rep)
        theirs = self.chosen[others]
        load = self.used[rep] - problem.load[theirs] + problem.load[position]
        others = others[load <= self._most(rep)]
        if not others.size:
            return best
        theirs = self.chosen[others]
        base = gain - problem.value[theirs]
        top = int(np.argmax(base))
        if base[top] + self.without - left > best.gain:
            best = _Move(float(base[top] + self.without - left), position, int(others[top]), OUT)
        option = self.option[others]
        to = problem.rep[option]
        count, used, joining = self.count.copy(), self.used.copy(), self._joining_all()
        if home != OUT:
            count[home] -= 1
            used[home] -= problem.load[self.chosen[account]]
            joining[home] = left  # who comes in its stead takes the shortfall back
        room = (count[to] < problem.high[to]) & (used[to] + problem.load[option] <= (problem.max_load + self.slack)[to])
        room &= (option != OUT) & (to != rep)
        total = np.where(room, base[:, None] + problem.value[option] + joining[to] - left, -np.inf)
        row, column = np.unravel_index(int(np.argmax(total)), total.shape)
        if total[row, column] > best.gain:
            best = _Move(float(total[row, column]), position, int(others[row]), int(option[row, column]))
        return best

    def _worth(self, position: int) -> float:
        return self.without if position == OUT else float(self.problem.value[position])

    def _leaving(self, rep: int) -> float:
        """What it costs in shortfall when an account leaves this rep."""
        return self.price if rep != OUT and self.count[rep] <= self.problem.low[rep] else 0.0

    def _joining(self, rep: int) -> float:
        """What it saves in shortfall when an account joins this rep."""
        return self.price if self.count[rep] < self.problem.low[rep] else 0.0

    def _joining_all(self) -> Numbers:
        return np.where(self.count < self.problem.low, self.price, 0.0)

    def _most(self, rep: int) -> float:
        return float(self.problem.max_load[rep] + self.slack[rep])


def _hard_price(problem: Problem) -> float:
    return 1 + (len(problem.accounts) + 1) * problem.spread

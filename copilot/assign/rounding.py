"""Round a split plan to whole accounts: keep every capacity, then improve by shifts, replacements and swaps."""

from __future__ import annotations

import numpy as np

from copilot.assign.compiled import fast
from copilot.assign.problem import OUT, Numbers, Positions, Problem
from copilot.assign.terms import Relaxed, Terms, reduced_profit

SWEEPS = 40
# Pairs whose reduced cost is below this share of the mean value may be tried, then wider: each band starts from the
# plan of the one before.
BANDS = (0.02, 0.1, 0.3, 1.0)
SMALL = 20_000  # pairs up to which accounts without a rep may try all of theirs
MOST_STEPS = 2e7  # of the innermost loop in one sweep, as estimated, for the wider bands


def round_plan(problem: Problem, terms: Terms, relaxed: Relaxed) -> Positions:
    """Return a choice near the relaxation that keeps every maximum and load; minimums as far as it can.

    Whole accounts stay, split ones go where most of them lies and still fits; then local search over pairs whose
    reduced cost is small.
    """
    some = np.flatnonzero(relaxed.share > 1e-9)
    order = some[np.argsort(-relaxed.share[some], kind="stable")]
    chosen = fast(fill, len(problem.rep))(
        order, problem.account32, problem.rep32, problem.load, problem.high, _most(problem), len(problem.accounts)
    )
    return improve(problem, terms, relaxed, chosen)


def improve(problem: Problem, terms: Terms, relaxed: Relaxed, chosen: Positions) -> Positions:
    """Return a choice at least as good as ``chosen``, which keeps the maximums and loads, by local search."""
    if not len(problem.rep):  # everybody is pinned
        return chosen
    profit = reduced_profit(problem, relaxed, relaxed.min_price)
    best = np.maximum.reduceat(profit, problem.start[:-1])
    loss = (best if terms.everyone else np.maximum(best, 0))[problem.account] - profit
    size = float(np.abs(problem.value).mean())
    charge = _hard_price(problem) if terms.shortfall_price is None else terms.shortfall_price
    # With coverage "all" nothing may make it worth while to leave an account out.
    without = -(charge * (1 + problem.low.sum()) + _hard_price(problem)) if terms.everyone else 0.0
    for band in BANDS:
        near = loss <= band * size
        if terms.everyone or len(near) <= SMALL:  # who has no rep yet may go anywhere
            near |= chosen[problem.account] == OUT
        kept = np.bincount(problem.rep[near], minlength=len(problem.reps)).astype("float64")
        width = near.sum() / max(len(problem.accounts), 1)
        if band > BANDS[1] and float(kept[problem.rep[near]].sum()) * width > MOST_STEPS:
            break
        near[chosen[chosen != OUT]] = True
        pairs = np.flatnonzero(near)
        place = np.cumsum(near) - 1
        better = fast(search, len(problem.rep))(
            np.concatenate([[0], np.cumsum(np.bincount(problem.account[pairs], minlength=len(problem.accounts)))]),
            problem.rep32[pairs],
            problem.value[pairs],
            problem.load[pairs],
            problem.low,
            problem.high,
            _most(problem),
            charge,
            without,
            np.where(chosen == OUT, OUT, place[chosen]),
            1e-9 * (1 + problem.spread),
            SWEEPS,
        )
        chosen = np.where(better == OUT, OUT, pairs[better])
    return chosen


def fill(
    order: Positions, account: Positions, rep: Positions, load: Numbers, high: Numbers, most: Numbers, n: int
) -> Positions:
    """Take pairs in this order wherever the account is free and the rep has room; return the choice (n)."""
    count, used = np.zeros(len(high)), np.zeros(len(high))
    chosen = np.full(n, -1, dtype=np.int64)
    for e in order:
        j = rep[e]
        if chosen[account[e]] < 0 and count[j] < high[j] and used[j] + load[e] <= most[j]:
            chosen[account[e]] = e
            count[j] += 1
            used[j] += load[e]
    return chosen


def search(  # noqa: C901  (compiled as one loop; see `compiled`)
    start: Positions,
    rep: Positions,
    value: Numbers,
    load: Numbers,
    low: Numbers,
    high: Numbers,
    most: Numbers,
    charge: float,
    without: float,
    chosen: Positions,
    least_gain: float,
    sweeps: int,
) -> Positions:
    """Let each account in turn make its best move until none gains; return the new choice.

    A move takes the account to a rep with room, to nobody, or into the place of another, who leaves, or goes on to a
    rep with room or to the place that has become free. Arguments as in `Problem`, of the pairs that may be tried and
    those of the choice, and:

    Args:
        most: Highest load of each rep, with the slack of rounding (m).
        charge: What an account below a minimum costs.
        without: What an account earns without a rep.
        chosen: The choice to begin with (n), left as it is.
        least_gain: What counts as a gain.
        sweeps: Most rounds over all accounts.
    """
    n, m = len(start) - 1, len(high)
    chosen = chosen.copy()
    count, used = np.zeros(m), np.zeros(m)
    # who is with whom, as lists that are open at the end
    head = np.full(m, -1, dtype=np.int32)
    after = np.full(n, -1, dtype=np.int32)
    before = np.full(n, -1, dtype=np.int32)
    for i in range(n - 1, -1, -1):
        if chosen[i] >= 0:
            j = rep[chosen[i]]
            count[j] += 1
            used[j] += load[chosen[i]]
            after[i] = head[j]
            if head[j] >= 0:
                before[head[j]] = i
            head[j] = i
    for _ in range(sweeps):
        moved = 0
        for i in range(n):
            c = chosen[i]
            home = -1
            worth, leaving = without, 0.0
            if c >= 0:
                home = rep[c]
                worth = value[c]
                if count[home] <= low[home]:
                    leaving = charge
            best, to, other, other_to = least_gain, -1, -1, -1
            if c >= 0 and without - worth - leaving > best:
                best = without - worth - leaving
            found = best > least_gain
            for e in range(start[i], start[i + 1]):
                if e == c:
                    continue
                j = rep[e]
                gain = value[e] - worth - leaving
                if count[j] < high[j] and used[j] + load[e] <= most[j]:
                    shift = gain + (charge if count[j] < low[j] else 0.0)
                    if shift > best:
                        best, to, other, other_to, found = shift, e, -1, -1, True
                k = head[j]
                while k >= 0:
                    d = chosen[k]
                    if used[j] - load[d] + load[e] <= most[j]:
                        base = gain - value[d]
                        if base + without > best:
                            best, to, other, other_to, found = base + without, e, k, -1, True
                        for f in range(start[k], start[k + 1]):
                            q = rep[f]
                            if q == j:
                                continue
                            here, hours, total = count[q], used[q] + load[f], base + value[f]
                            if q == home:
                                here -= 1
                                hours -= load[c]
                                total += leaving
                            elif here < low[q]:
                                total += charge
                            if total > best and here < high[q] and hours <= most[q]:
                                best, to, other, other_to, found = total, e, k, f, True
                    k = after[k]
            if not found:
                continue
            moved += 1
            # the other makes room first, then the account comes, then the other takes its new place
            for turn in range(3):
                who = i if turn == 1 else other
                if who < 0:
                    continue
                new = to if turn == 1 else other_to
                old = chosen[who]
                if turn < 2 and old >= 0:
                    j = rep[old]
                    count[j] -= 1
                    used[j] -= load[old]
                    if before[who] >= 0:
                        after[before[who]] = after[who]
                    else:
                        head[j] = after[who]
                    if after[who] >= 0:
                        before[after[who]] = before[who]
                    chosen[who] = -1
                if turn > 0 and new >= 0:
                    j = rep[new]
                    count[j] += 1
                    used[j] += load[new]
                    before[who] = -1
                    after[who] = head[j]
                    if head[j] >= 0:
                        before[head[j]] = who
                    head[j] = who
                    chosen[who] = new
        if moved == 0:
            break
    return chosen


def _most(problem: Problem) -> Numbers:
    return np.where(np.isfinite(problem.max_load), problem.max_load * (1 + 1e-9) + 1e-9, np.inf)


def _hard_price(problem: Problem) -> float:
    return 1 + (len(problem.accounts) + 1) * problem.spread

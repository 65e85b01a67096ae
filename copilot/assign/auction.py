"""Prices of the reps' room by auction: accounts outbid each other until each has nearly its best pair (Bertsekas).

With steps from coarse to fine every round starts near its answer. What is left to do exactly is little: `exchange`
does it where accounts count alike, `core` where they take hours.
"""

from __future__ import annotations

from math import ceil, log

import numpy as np

from copilot.assign.compiled import fast
from copilot.assign.problem import OUT, Numbers, Positions, Problem

# In standard deviations of value; how many of them pay depends on the number of accounts.
STEPS = (0.3, 0.06, 0.012, 0.0024, 0.0005, 0.0001, 0.00002, 0.000004)
BACK = 1.5  # by how many steps prices fall before the next, finer round
SAMPLE = 25  # accounts a rep in the sample that the first prices of a large problem come from
MANY = 5_000  # accounts; with fewer, or fewer than twice the sample, there is nothing to gain
NOISE = 0.2  # how far a sample's prices may be too high, in standard deviations of value
FEW_SHORT = 0.02  # accounts missing to minimums, as a share of all, that the exchange fills as fast
LOWERINGS = (1, 2, 4)  # by how much prices of reps below their minimum are lowered in turn, likewise
FINER = 5.0  # from one step to the next


def find_prices(
    problem: Problem, out: float, *, lowest: float, start: Numbers | None = None, steps: tuple[float, ...] = STEPS
) -> tuple[Numbers, Positions]:
    """Return a price of each rep's room (per account; per unit of load where the load is limited) and a choice.

    The choice keeps the room; minimums are met as far as prices down to ``lowest`` attract accounts.

    Args:
        problem: Pairs and limits; of two limits on a rep the load counts.
        out: What an account earns without a rep.
        lowest: The least price, 0 or below.
        start: Prices that were right for a similar problem: then only the fine rounds are run.
        steps: How far bids go beyond indifference, in standard deviations of value, coarse to fine.
    """
    n, m = len(problem.accounts), len(problem.reps)
    held = np.isfinite(problem.max_load)
    weight = np.where(held[problem.rep], problem.load, 1.0) if problem.loaded else np.ones(len(problem.rep))
    room = np.where(held, problem.max_load, np.minimum(problem.high, n))
    least = np.where(held, 0.0, problem.low)
    eligible = np.bincount(problem.rep, minlength=m)
    seats = np.where(held, eligible, np.minimum(eligible, room)).astype("int64") + 1
    run, rep = fast(auction, len(problem.rep)), problem.rep32
    unit = scale(problem) / (float(weight.mean()) if weight.any() else 1.0)

    def bid(step: float, price: Numbers) -> tuple[Numbers, Positions]:
        found: tuple[Numbers, Positions] = run(
            problem.start, rep, problem.value, weight, room, least, seats, out, step, price, 100 * n + 100
        )
        return found

    price, chosen, fall = np.zeros(m), np.full(n, OUT, dtype="int64"), NOISE
    if start is not None:
        steps = steps[2:]
        fall = BACK * steps[0]  # far enough that limits which give way can show in the prices
    elif n >= max(2 * SAMPLE * m, MANY):
        start, _ = find_prices(_sample(problem, SAMPLE * m), out, lowest=lowest, steps=steps[:3])
        steps = steps[1:]
    if start is not None:
        price = np.where(least > 0, start - fall * unit, np.maximum(start - fall * unit, 0.0))
    # Exchanges pass each rep once at most: with steps this small next to the grid of the values none is left.
    enough = [k for k, step in enumerate(steps) if step * unit * (m + 1) < _grid(problem)]
    steps = steps[: enough[0] + 1] if enough else steps
    price, chosen = bid(steps[0] * unit, price)
    for lowering in (*LOWERINGS, np.inf):
        lacking = np.minimum(least, eligible) - problem.counts(chosen)
        short = (lacking > 0) & (price > lowest)
        if lacking[short].sum() <= FEW_SHORT * n:
            break
        price = np.where(short, np.maximum(np.minimum(price, 0) - lowering * unit, lowest), price)
        if lowering == np.inf:  # some minimums cannot be met: then their prices lie as far down as that costs
            first = -lowest / unit / FINER
            steps = (*(first / FINER**k for k in range(ceil(log(max(first / steps[0], 1), FINER)))), *steps)
        price, chosen = bid(steps[0] * unit, price)
    for step, previous in zip(steps[1:], steps[:-1], strict=True):
        back = price - BACK * previous * unit
        may_fall = (price < 0) | (problem.counts(chosen) < least)
        price = np.where(may_fall, np.maximum(back, lowest), np.maximum(back, 0))
        price, chosen = bid(step * unit, price)
    return price, chosen


def _sample(problem: Problem, size: int) -> Problem:
    """Return about ``size`` accounts, the same ones each time, with their share of every limit."""
    n = len(problem.accounts)
    kept = np.arange(n) * 2_654_435_761 % 2**32 < size / n * 2**32  # scattered, whatever order the accounts are in
    share = float(kept.mean())
    return problem.among(
        kept,
        low=np.floor(problem.low * share),
        high=np.ceil(problem.high * share),
        max_load=problem.max_load * share,
    )


def _grid(problem: Problem) -> float:
    """Return the least difference between values, by a sample: it decides only how fine to go."""
    some = np.unique(problem.value[:: max(1, len(problem.value) // 1_000)])
    return float(np.diff(some).min()) if len(some) > 1 else 0.0


def scale(problem: Problem) -> float:
    """Return by how much values differ, the yardstick of steps and of what is close."""
    return (float(problem.value.std()) if problem.value.size else 0.0) or problem.spread or 1.0


def auction(  # noqa: C901  (one loop: a call between its parts would cost as much as they do)
    start: Positions,
    rep: Positions,
    value: Numbers,
    weight: Numbers,
    room: Numbers,
    least: Numbers,
    seats: Positions,
    out: float,
    step: float,
    price: Numbers,
    turns: int,
) -> tuple[Numbers, Positions]:
    """Let accounts bid for room with their reps until nobody is outbid (Bertsekas' auction, prices only rise).

    Args:
        start: Where each account's pairs begin (n + 1).
        rep: Each pair's rep (p).
        value: Each pair's value (p).
        weight: Room each pair takes (p), 0 or more.
        room: Room of each rep (m).
        least: Room that each rep has at a price below 0 (m): what a minimum wants filled first.
        seats: Most accounts a rep can hold at once, and one more (m).
        out: What an account earns without a rep.
        step: How far a bid goes beyond indifference, in value per unit of room.
        price: Prices per unit of room to begin with (m; below 0 only where ``least`` is above 0); left as they are.
        turns: Most bids.

    Returns:
        Prices, and a choice within the room in which each account has, to within ``step``, its best pair.
    """
    n, m = len(start) - 1, len(room)
    price = price.copy()
    used = np.zeros(m)
    chosen = np.full(n, -1, dtype=np.int64)
    first = np.zeros(m + 1, dtype=np.int64)
    for j in range(m):
        first[j + 1] = first[j] + seats[j]
    # one heap a rep: the lowest bid, the first to be outbid, on top
    bid = np.empty(first[m])
    bidder = np.empty(first[m], dtype=np.int32)
    size = np.zeros(m, dtype=np.int64)
    queue = np.arange(n - 1, -1, -1)
    waiting = n
    while waiting > 0 and turns > 0:
        turns -= 1
        waiting -= 1
        i = queue[waiting]
        best, second, taken = out, -np.inf, -1
        for e in range(start[i], start[i + 1]):
            profit = value[e] - weight[e] * price[rep[e]]
            if profit > best:
                second = best
                best = profit
                taken = e
            elif profit > second:
                second = profit
        if taken < 0:
            continue
        j = rep[taken]
        offer = np.inf
        if weight[taken] > 0:
            offer = price[j] + (best - second) / weight[taken] + step
        base = first[j]
        c = size[j]
        size[j] += 1
        while c > 0:
            parent = (c - 1) // 2
            if bid[base + parent] <= offer:
                break
            bid[base + c] = bid[base + parent]
            bidder[base + c] = bidder[base + parent]
            c = parent
        bid[base + c] = offer
        bidder[base + c] = i
        chosen[i] = taken
        used[j] += weight[taken]
        while size[j] > 0 and used[j] > (room[j] if price[j] >= 0 else least[j]):
            if bid[base] == np.inf:  # takes no room: what is over is the rounding of a sum
                break
            if price[j] < 0 <= bid[base]:
                price[j] = 0.0
                continue
            price[j] = max(price[j], bid[base])
            loser = bidder[base]
            used[j] -= weight[chosen[loser]]
            chosen[loser] = -1
            queue[waiting] = loser
            waiting += 1
            size[j] -= 1
            last = size[j]
            key = bid[base + last]
            who = bidder[base + last]
            c = 0
            while 2 * c + 1 < last:
                child = 2 * c + 1
                if child + 1 < last and bid[base + child + 1] < bid[base + child]:
                    child += 1
                if bid[base + child] >= key:
                    break
                bid[base + c] = bid[base + child]
                bidder[base + c] = bidder[base + child]
                c = child
            bid[base + c] = key
            bidder[base + c] = who
    return price, chosen

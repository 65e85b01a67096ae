"""Between plans of equal worth take the same one every time: earlier accounts first, then earlier reps."""

from __future__ import annotations

import numpy as np

from copilot.assign.problem import OUT, Positions, Problem


def settle(problem: Problem, chosen: Positions, *, everyone: bool) -> Positions:
    """Return a choice of the same objective in which ties are broken by account_id, then rep_id.

    An account worth exactly 0 is left out unless a minimum needs it; of accounts worth the same to a rep the earlier
    get the places; an account worth the same to two reps goes to the earlier one where that has room.
    """
    chosen = chosen.copy()
    if not everyone:
        _drop_worthless(problem, chosen)
    while True:
        moved = not everyone and _earlier_accounts(problem, chosen)
        if not (_earlier_reps(problem, chosen) or moved):
            return chosen


def _drop_worthless(problem: Problem, chosen: Positions) -> None:
    count = problem.counts(chosen)
    taken = np.flatnonzero(chosen != OUT)
    for account in taken[problem.value[chosen[taken]] == 0][::-1]:
        rep = problem.rep[chosen[account]]
        if count[rep] > problem.low[rep]:
            chosen[account] = OUT
            count[rep] -= 1


def _earlier_accounts(problem: Problem, chosen: Positions) -> bool:
    """Give places to earlier accounts of equal value and load at the same rep that are left out."""
    held = chosen[problem.account] == np.arange(len(problem.account))
    open_pairs = np.flatnonzero(held | (chosen[problem.account] == OUT))
    keys = (problem.account, problem.load, problem.value, problem.rep)
    order = open_pairs[np.lexsort([key[open_pairs] for key in keys])]
    same = np.ones(len(order), dtype=bool)
    for key in keys[1:]:
        same[1:] &= np.diff(key[order]) == 0
    same[:1] = False
    edges = np.append(np.flatnonzero(~same), len(order))
    holding = np.add.reduceat(held[order].astype("int64"), edges[:-1]) if len(order) else np.zeros(0, dtype="int64")
    moved = False
    for number in np.flatnonzero((holding > 0) & (holding < np.diff(edges))):
        group = order[edges[number] : edges[number + 1]]
        holders = [pair for pair in group if chosen[problem.account[pair]] == pair]
        for pair in group:
            account = problem.account[pair]
            if holders and chosen[account] == OUT and account < problem.account[holders[-1]]:
                chosen[problem.account[holders.pop()]] = OUT
                chosen[account] = pair
                moved = True
    return moved


def _earlier_reps(problem: Problem, chosen: Positions) -> bool:
    """Move accounts to an earlier rep of equal value that has room, where the old rep can spare them."""
    current = chosen[problem.account]
    equal = (current != OUT) & (problem.value == problem.value[current]) & (problem.rep < problem.rep[current])
    count, used = problem.counts(chosen), problem.loads(chosen)
    moved = False
    for pair in np.flatnonzero(equal):
        account, rep = problem.account[pair], problem.rep[pair]
        old = chosen[account]
        from_rep, load = problem.rep[old], problem.load[pair]
        room = count[rep] < problem.high[rep] and used[rep] + load <= problem.max_load[rep]
        if rep < from_rep and room and count[from_rep] > problem.low[from_rep]:
            chosen[account] = pair
            count[rep], used[rep] = count[rep] + 1, used[rep] + load
            count[from_rep], used[from_rep] = count[from_rep] - 1, used[from_rep] - problem.load[old]
            moved = True
    return moved

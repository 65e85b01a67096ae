"""The literal Eq. 2, where an account is worth the same to every rep: take the best accounts that fit together.

Which accounts fit together is a transversal matroid, so going from the highest value down and keeping each account for
which the others can make room is exact. Reps that cannot be freed any more stay so, and the value at which they close
is the price of their places.
"""

from __future__ import annotations

import numpy as np

from copilot.assign.compiled import fast
from copilot.assign.problem import Numbers, Positions, Problem


def same_everywhere(problem: Problem) -> bool:
    """Say whether no value depends on the rep, as in CPOG Eq. 2 as printed."""
    if not len(problem.value):
        return False
    return bool((problem.value == np.repeat(problem.value[problem.start[:-1]], np.diff(problem.start))).all())


def take_best(problem: Problem, out: float) -> tuple[Numbers, Positions]:
    """Return the prices of the reps' places (m) and the choice (n) that is best but for unmet minimums.

    Minimums are filled first where a rep can be chosen freely; the exchange repairs what is left.
    """
    worth = problem.value[problem.start[:-1]]
    order = np.argsort(-worth, kind="stable")
    high = np.minimum(problem.high, len(worth))
    price, chosen = fast(greedy, len(problem.rep))(
        problem.start, problem.rep32, worth, order[worth[order] > out], problem.low, high, out
    )
    return price, chosen


def greedy(  # noqa: C901  (compiled as one loop; see `compiled`)
    start: Positions, rep: Positions, worth: Numbers, order: Positions, low: Numbers, high: Numbers, out: float
) -> tuple[Numbers, Positions]:
    """Place the accounts in ``order``, moving others along the shortest chain to a free place; see `take_best`."""
    n, m = len(start) - 1, len(high)
    chosen = np.full(n, -1, dtype=np.int64)
    price = np.zeros(m)
    closed = np.zeros(m, dtype=np.bool_)
    used = np.zeros(m)
    # moves[j, k]: how many accounts of rep j might go to rep k
    moves = np.zeros((m, m), dtype=np.int32)
    head = np.full(m, -1, dtype=np.int32)
    after = np.empty(n, dtype=np.int32)
    before = np.empty(n, dtype=np.int32)
    seen = np.full(m, -1, dtype=np.int64)
    came = np.empty(m, dtype=np.int64)
    queue = np.empty(m, dtype=np.int64)
    for t in range(len(order)):
        i = order[t]
        end, most, lacking = -1, 0.0, 0.0
        waiting = 0
        for e in range(start[i], start[i + 1]):
            j = rep[e]
            if closed[j]:
                continue
            free = high[j] - used[j]
            if free > 0 and (low[j] - used[j] > lacking or (lacking <= 0 and free > most)):
                lacking = max(low[j] - used[j], 0.0)
                most = free
                end = j
            seen[j] = t
            came[j] = -1
            queue[waiting] = j
            waiting += 1
        done = 0
        while done < waiting and end < 0:
            j = queue[done]
            done += 1
            for k in range(m):
                if moves[j, k] > 0 and seen[k] != t and not closed[k]:
                    seen[k] = t
                    came[k] = j
                    if used[k] < high[k]:
                        end = k
                        break
                    queue[waiting] = k
                    waiting += 1
        if end < 0:
            for s in range(waiting):
                closed[queue[s]] = True
                price[queue[s]] = worth[i] - out
            continue
        # from the free place back: each rep on the chain passes one account on
        used[end] += 1
        k = end
        while k >= 0:
            j = came[k]
            who, pair = i, -1
            if j >= 0:
                who = head[j]
                while pair < 0:
                    for e in range(start[who], start[who + 1]):
                        if rep[e] == k:
                            pair = e
                            break
                    if pair < 0:
                        who = after[who]
                for e in range(start[who], start[who + 1]):
                    moves[j, rep[e]] -= 1
                if before[who] >= 0:
                    after[before[who]] = after[who]
                else:
                    head[j] = after[who]
                if after[who] >= 0:
                    before[after[who]] = before[who]
            else:
                for e in range(start[i], start[i + 1]):
                    if rep[e] == k:
                        pair = e
            chosen[who] = pair
            for e in range(start[who], start[who + 1]):
                moves[k, rep[e]] += 1
            before[who] = -1
            after[who] = head[k]
            if head[k] >= 0:
                before[head[k]] = who
            head[k] = who
            k = j
    return price, chosen

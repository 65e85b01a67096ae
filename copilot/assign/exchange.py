"""Improve a choice by chains of moves until none pays, and return the prices that prove it (unit loads).

Every exchange is a circle in a small graph: its nodes are the reps and "nobody", its arcs the cheapest move of one
account from one node to another. A circle of negative cost is an improvement; where there is none, the distances to
"nobody" are prices of the reps' places at which no account would rather be elsewhere (linear programming duality).
Circles are found by Bellman and Ford's relaxations, starting from the auction's prices, so that few are left to do.
"""

from __future__ import annotations

import numpy as np

from copilot.assign.problem import Numbers, Positions


def exchange(  # noqa: C901  (compiled as one loop; see `compiled`)
    start: Positions,
    account: Positions,
    rep: Positions,
    value: Numbers,
    low: Numbers,
    high: Numbers,
    out: float,
    charge: float,
    chosen: Positions,
    price: Numbers,
    tolerance: float,
    most: int,
) -> tuple[Positions, Numbers, int]:
    """Return the best choice, its prices (m; negative where a minimum binds) and how many circles were turned.

    Args:
        start: Where each account's pairs begin (n + 1).
        account: Each pair's account (p).
        rep: Each pair's rep (p).
        value: Each pair's value (p).
        low: Least accounts of each rep (m); each one missing costs ``charge``.
        high: Most accounts of each rep (m), kept by ``chosen``.
        out: What an account earns without a rep.
        charge: What an account below a minimum costs.
        chosen: The choice to begin with (n), left as it is.
        price: Prices to begin with (m): any will do, good ones save time.
        tolerance: What counts as no improvement.
        most: How many circles to turn at most; more says "not finished" by returning ``most + 1``.
    """
    n, m = len(start) - 1, len(high)
    nobody = m
    chosen = chosen.copy()
    label = np.zeros(m + 1)
    label[:m] = price
    # who is where, as doubly linked lists
    head = np.full(m + 1, -1, dtype=np.int32)
    after = np.empty(n, dtype=np.int32)
    before = np.empty(n, dtype=np.int32)
    count = np.zeros(m + 1)
    for i in range(n - 1, -1, -1):
        a = nobody if chosen[i] < 0 else rep[chosen[i]]
        after[i] = head[a]
        before[i] = -1
        if head[a] >= 0:
            before[head[a]] = i
        head[a] = i
        count[a] += 1
    # cost[b, a]: the cheapest move of an account from a to b, and the pair it takes (for "nobody": the pair it leaves)
    cost = np.empty((m + 1, m + 1))
    pair = np.empty((m + 1, m + 1), dtype=np.int32)
    grow = np.empty(m)  # cost of one account more at a rep
    shrink = np.empty(m)  # cost of one account fewer
    parent = np.full(m + 1, -1, dtype=np.int64)
    queue = np.empty(m + 2, dtype=np.int64)
    queued = np.zeros(m + 1, dtype=np.bool_)
    first, length = 0, 0
    stale = np.arange(m + 1)
    stales = m + 1
    circle = np.empty(m + 1, dtype=np.int64)
    turned = 0
    while True:
        # the moves from nodes that changed, read anew
        for s in range(stales):
            a = stale[s]
            cost[:, a] = np.inf
            i = head[a]
            while i >= 0:
                worth = out if a == nobody else value[chosen[i]]
                for e in range(start[i], start[i + 1]):
                    b = rep[e]
                    if b != a and worth - value[e] < cost[b, a]:
                        cost[b, a] = worth - value[e]
                        pair[b, a] = e
                if a != nobody and worth - out < cost[nobody, a]:
                    cost[nobody, a] = worth - out
                    pair[nobody, a] = chosen[i]
                i = after[i]
            if a != nobody:
                grow[a] = np.inf
                if count[a] < high[a]:
                    grow[a] = -charge if count[a] < low[a] else 0.0
                shrink[a] = np.inf
                if count[a] > 0:
                    shrink[a] = 0.0 if count[a] > low[a] else charge
            if not queued[a]:
                queued[a] = True
                queue[(first + length) % (m + 2)] = a
                length += 1
        for s in range(stales):
            parent[stale[s]] = -1
        parent[nobody] = -1  # its arcs may run by ``shrink``, which changed elsewhere
        # and their labels: the least over all moves
        for s in range(stales):
            a = stale[s]
            for b in range(m + 1):
                if b == a:
                    continue
                step = cost[b, a]
                if b == nobody:
                    step = min(step, grow[a])
                elif a == nobody:
                    step = min(step, shrink[b])
                if step + label[b] < label[a] - tolerance and not queued[b]:
                    queued[b] = True
                    queue[(first + length) % (m + 2)] = b
                    length += 1
        stales = 0
        found = -1
        while length > 0 and found < 0:
            b = queue[first]
            first = (first + 1) % (m + 2)
            length -= 1
            queued[b] = False
            for a in range(m + 1):
                if a == b:
                    continue
                step = cost[b, a]
                if b == nobody:
                    step = min(step, grow[a])
                elif a == nobody:
                    step = min(step, shrink[b])
                if step + label[b] >= label[a] - tolerance:
                    continue
                c = b
                while c >= 0 and c != a:
                    c = parent[c]
                parent[a] = b
                label[a] = step + label[b]
                if c == a:
                    found = a
                    if not queued[b]:  # its other moves are still to be looked at
                        queued[b] = True
                        queue[(first + length) % (m + 2)] = b
                        length += 1
                if not queued[a]:
                    queued[a] = True
                    queue[(first + length) % (m + 2)] = a
                    length += 1
                if found >= 0:
                    break
        if found < 0:
            break
        turned += 1
        if turned > most:
            break
        # turn the circle: read all moves first, then make them
        c = found
        while True:
            circle[stales] = c
            stales += 1
            c = parent[c]
            if c == found:
                break
        for s in range(stales):
            a = circle[s]
            b = circle[s + 1] if s + 1 < stales else circle[0]
            stale[s] = a
            if (b == nobody and grow[a] <= cost[b, a]) or (a == nobody and shrink[b] <= cost[b, a]):
                continue
            e = pair[b, a]
            i = account[e]
            if before[i] >= 0:
                after[before[i]] = after[i]
            else:
                head[a] = after[i]
            if after[i] >= 0:
                before[after[i]] = before[i]
            before[i] = -1
            after[i] = head[b]
            if head[b] >= 0:
                before[head[b]] = i
            head[b] = i
            chosen[i] = e if b != nobody else -1
            count[a] -= 1
            count[b] += 1
    return chosen, label[:m] - label[nobody], turned

"""Improve a choice by chains of moves until none pays, and return the prices that prove it (unit loads).

Every exchange is a circle in a small graph: its nodes are the reps and "nobody", its arcs the cheapest move of one
account from one node to another. A circle of negative cost is an improvement; where there is none, the distances of
the nodes are prices of the reps' places at which no account would rather be elsewhere (linear programming duality).
Circles are found by Bellman and Ford's relaxations, starting from the auction's prices, so that few are left to do.
"""

from __future__ import annotations

import numpy as np

from copilot.assign.problem import Numbers, Positions

FREE = -1  # the "pair" of an arc that moves nobody: a rep takes one more, or gives one up
BLOCK = 64  # arcs that are compared before it is asked whether any of them pays


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
    label[:m] = -price
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
    # cost[a, b]: the cheapest move of an account from a to b, and the pair it takes (to "nobody": the pair it leaves).
    # Arcs to and from "nobody" also stand for a rep with room that takes one more, or gives one up: nobody moves.
    cost = np.full((m + 1, m + 1), np.inf)
    pair = np.empty((m + 1, m + 1), dtype=np.int32)
    # "nobody" may hold a large part of all accounts: the pairs of those it holds at first, by rep, and who came later
    wanting = np.zeros(m + 1, dtype=np.int64)
    for e in range(len(rep)):
        if chosen[account[e]] < 0:
            wanting[rep[e] + 1] += 1
    for b in range(m):
        wanting[b + 1] += wanting[b]
    wish = np.empty(wanting[m], dtype=np.int32)
    filled = wanting[:m].copy()
    for e in range(len(rep)):
        if chosen[account[e]] < 0:
            wish[filled[rep[e]]] = e
            filled[rep[e]] += 1
    came = np.empty(most + 1, dtype=np.int64)
    came_count = 0
    joins = np.empty(m)  # the cheapest account from "nobody" to each rep, and its pair
    joining = np.empty(m, dtype=np.int32)
    unknown = np.ones(m, dtype=np.bool_)
    parent = np.full(m + 1, -1, dtype=np.int64)
    queue = np.empty(m + 2, dtype=np.int64)
    queued = np.zeros(m + 1, dtype=np.bool_)
    first, length = 0, 0
    stale = np.ones(m + 1, dtype=np.bool_)
    circle = np.empty(m + 1, dtype=np.int64)
    turned = 0
    while True:
        # the moves from nodes that changed, read anew
        for a in range(m):
            if not stale[a]:
                continue
            move, taken = cost[a], pair[a]
            move[:] = np.inf
            i = head[a]
            while i >= 0:
                worth = value[chosen[i]]
                for e in range(start[i], start[i + 1]):
                    b = rep[e]
                    if worth - value[e] < move[b]:
                        move[b] = worth - value[e]
                        taken[b] = e
                if worth - out < move[nobody]:
                    move[nobody] = worth - out
                    taken[nobody] = chosen[i]
                i = after[i]
            move[a] = np.inf
            if count[a] < high[a]:
                grow = -charge if count[a] < low[a] else 0.0
                if grow <= move[nobody]:
                    move[nobody] = grow
                    taken[nobody] = FREE
        stale[nobody] = True  # its arcs may run by what a rep can give up, which changed elsewhere
        for b in range(m):
            if unknown[b]:
                unknown[b] = False
                joins[b] = np.inf
                for f in range(wanting[b], wanting[b + 1]):
                    e = wish[f]
                    if out - value[e] < joins[b] and chosen[account[e]] < 0:
                        joins[b] = out - value[e]
                        joining[b] = e
                for f in range(came_count):
                    for e in range(start[came[f]], start[came[f] + 1]):
                        if rep[e] == b and out - value[e] < joins[b] and chosen[came[f]] < 0:
                            joins[b] = out - value[e]
                            joining[b] = e
            shrink = (0.0 if count[b] > low[b] else charge) if count[b] > 0 else np.inf
            by_shrink = shrink <= joins[b]
            cost[nobody, b] = shrink if by_shrink else joins[b]
            pair[nobody, b] = FREE if by_shrink else joining[b]
        for a in range(m + 1):
            if parent[a] >= 0 and stale[parent[a]]:
                parent[a] = -1
        for a in range(m + 1):
            if stale[a] and not queued[a]:
                queued[a] = True
                queue[(first + length) % (m + 2)] = a
                length += 1
            stale[a] = False
        found = -1
        while length > 0 and found < 0:
            a = queue[first]
            first = (first + 1) % (m + 2)
            length -= 1
            queued[a] = False
            move, here = cost[a], label[a] + tolerance
            for begin in range(0, m + 1, BLOCK):
                some, known = move[begin : begin + BLOCK], label[begin : begin + BLOCK]
                paying = 0
                for k in range(len(some)):
                    paying += some[k] + here < known[k]
                if not paying:
                    continue
                for b in range(begin, begin + len(some)):
                    if move[b] + here >= label[b]:
                        continue
                    c = a
                    while c >= 0 and c != b:
                        c = parent[c]
                    parent[b] = a
                    label[b] = move[b] + label[a]
                    if not queued[b]:
                        queued[b] = True
                        queue[(first + length) % (m + 2)] = b
                        length += 1
                    if c == b:
                        found = b
                        break
                if found >= 0:
                    if not queued[a]:  # its other moves are still to be looked at
                        queued[a] = True
                        queue[(first + length) % (m + 2)] = a
                        length += 1
                    break
        if found < 0:
            break
        turned += 1
        if turned > most:
            break
        # turn the circle: read all moves first, then make them
        steps, b = 0, found
        while True:
            circle[steps] = b
            steps += 1
            b = parent[b]
            if b == found:
                break
        for s in range(steps):
            b, a = circle[s], circle[(s + 1) % steps]
            stale[a] = True
            e = pair[a, b]
            if e == FREE:
                continue
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
            if a == nobody:
                for f in range(start[i], start[i + 1]):
                    unknown[rep[f]] |= joining[rep[f]] == f
            elif b == nobody:
                came[came_count] = i
                came_count += 1
                for f in range(start[i], start[i + 1]):
                    unknown[rep[f]] = True
            count[a] -= 1
            count[b] += 1
    # A rep that nobody can join is tied to no other: it may have been left behind below what a shortfall costs.
    return chosen, np.maximum(label[nobody] - label[:m], -charge), turned

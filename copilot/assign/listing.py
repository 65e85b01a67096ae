"""The tables of a plan: who works on what, who waits and why, and which limits bind."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from copilot.assign.problem import OUT, Positions, Problem
from copilot.assign.terms import Relaxed

# A number this close to a limit, relatively, stands at it: what is left is arithmetic.
SAME = 1e-9


def assignments(problem: Problem, chosen: Positions) -> pd.DataFrame:
    """List who works on what, best first, with the ranks over all reps and within each."""
    taken = chosen[chosen != OUT]
    taken = taken[np.argsort(-problem.value[taken], kind="stable")]
    ranked = pd.DataFrame(
        {
            "account_id": problem.accounts[problem.account[taken]],
            "rep_id": problem.reps[problem.rep[taken]],
            "value": problem.value[taken],
            "g_rank": np.arange(1, len(taken) + 1),
        }
    )
    ranked["r_rank"] = ranked.groupby("rep_id").cumcount().to_numpy("int64") + 1
    return ranked


def waiting(problem: Problem, chosen: Positions, *, even: bool = False) -> pd.DataFrame:
    """Rank the accounts left out by the best value they would have had, and say why (``even``: sums had to be)."""
    left = np.flatnonzero(chosen == OUT)
    best = _best_pairs(problem)[left]
    best = best[np.argsort(-problem.value[best], kind="stable")]
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(best) + 1),
            "account_id": problem.accounts[problem.account[best]],
            "best_rep_id": problem.reps[problem.rep[best]],
            "best_value": problem.value[best],
            "why": pd.Series(_reasons(problem, chosen, problem.account[best], even), dtype="str"),
        }
    )


def _best_pairs(problem: Problem) -> Positions:
    """Return each account's pair of highest value, between equals that of the earlier rep (n)."""
    if not len(problem.rep):
        return np.zeros(0, dtype="int64")
    top = np.maximum.reduceat(problem.value, problem.start[:-1])
    is_top = np.flatnonzero(problem.value == np.repeat(top, np.diff(problem.start)))
    return is_top[np.searchsorted(is_top, problem.start[:-1])]


def _reasons(problem: Problem, chosen: Positions, accounts: Positions, even: bool) -> NDArray[np.object_]:
    """Say for each of these accounts which limit stood in the way at which of its reps."""
    pairs = np.flatnonzero(np.isin(problem.account, accounts) & (problem.value > 0))
    theirs = problem.rep[pairs]
    fits = problem.loads(chosen)[theirs] + problem.load[pairs] <= problem.max_load[theirs]
    full = (problem.counts(chosen) >= problem.high)[theirs]
    limit = np.where(full, "max_accounts", np.where(fits & even, "max_spread", "max_load")).tolist()
    told = np.full(len(problem.accounts), "worth nothing to any eligible rep", dtype=object)
    edges = np.flatnonzero(np.diff(problem.account[pairs], prepend=-1, append=len(problem.accounts)))
    names, reps = [str(name) for name in problem.reps], theirs.tolist()
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        told[problem.account[pairs[first]]] = "; ".join(
            f"{_named([names[reps[pair]] for pair in range(first, last) if limit[pair] == rule])} at {rule}"
            for rule in ("max_accounts", "max_load", "max_spread")
            if rule in limit[first:last]
        )
    return told[accounts]


def _named(reps: list[str], most: int = 3) -> str:
    more = f" and {len(reps) - most} more" if len(reps) > most else ""
    return ", ".join(reps[:most]) + more


def binding(problem: Problem, charged: float | None, relaxed: Relaxed, chosen: Positions) -> pd.DataFrame:
    """List the limits that the choice stands at or falls short of, and what each is worth."""
    count, load, short = problem.counts(chosen), problem.loads(chosen), problem.shortfall(chosen)
    min_price = np.where(short > 0, charged or 0.0, relaxed.min_price)
    none = np.zeros(len(problem.reps))
    tight_load = np.isfinite(problem.max_load)
    tight_load &= (load >= problem.max_load * (1 - SAME)) | (relaxed.load_price > 0)
    rules = (
        ("min_accounts", (problem.low > 0) & (count <= problem.low), problem.low, count, short, min_price),
        ("max_accounts", count >= problem.high, problem.high, count, none, relaxed.max_price),
        ("max_load", tight_load, problem.max_load, load, none, relaxed.load_price),
    )
    rows = [
        pd.DataFrame(
            {
                "rep_id": problem.reps[tight],
                "rule": pd.Series([rule] * int(tight.sum()), dtype="str"),
                "limit": limit[tight],
                "used": used[tight],
                "shortfall": lacking[tight],
                "price": price[tight],
            }
        )
        for rule, tight, limit, used, lacking, price in rules
    ]
    return pd.concat(rows, ignore_index=True).sort_values(["rep_id", "rule"], ignore_index=True)

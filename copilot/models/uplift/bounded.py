"""Which rows screen the learners: all of them, or where that would take minutes a fair part of the accounts.

The best of them are then fitted and judged on all rows.
"""

from __future__ import annotations

import numpy as np

from copilot.stats import Floats, Ints

CELLS = 1_000_000  # rows × encoded features that may screen
FEWEST, MOST = 10_000, 40_000  # rows that screen at least, where there are as many, and at most
LEAST_OF_ARM = 250  # rows of the smaller arm, where there are as many


def rows(arm: Floats, y: Floats, groups: Floats, columns: int, rng: np.random.Generator) -> Ints:
    """Return the positions of the rows that screen, ascending: whole accounts, drawn alike from all kinds of account.

    Accounts are ordered by their share of touches, then by their mean outcome, and every k-th is drawn (systematic
    sampling), so that the part holds touches and outcomes in the proportions of the whole.

    Args:
        arm: 0/1, (n,).
        y: Outcome, (n,).
        groups: The account of each row, (n,).
        columns: How many encoded features there are.
        rng: Orders accounts that are alike.
    """
    n = len(arm)
    wanted = min(n, max(FEWEST, min(MOST, CELLS // columns)))
    smaller = min(arm.sum(), n - arm.sum())
    wanted = max(wanted, min(n, int(np.ceil(LEAST_OF_ARM * n / max(smaller, 1)))))
    if wanted == n:
        return np.arange(n)
    account = np.unique(groups, return_inverse=True)[1]
    size = np.bincount(account)
    order = np.lexsort((rng.random(len(size)), np.bincount(account, y) / size, np.bincount(account, arm) / size))
    drawn = np.arange(rng.random() * n / wanted, len(size), n / wanted).astype(np.intp)
    return np.flatnonzero(np.isin(account, order[drawn]))

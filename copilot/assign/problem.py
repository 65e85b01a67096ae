"""The assignment problem as arrays: pairs and reps checked once, then indexed by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from copilot.errors import BadInput

Numbers = NDArray[np.float64]
Positions = NDArray[np.int64]
OUT = -1  # the position of an account that is left out
LARGEST = 1e12  # of a value or load: sums of larger ones lose what tells two plans apart


@dataclass(frozen=True)
class Problem:
    """Eligible pairs in the order of (account_id, rep_id), so that the order of the input cannot change a plan.

    ``accounts`` (n) and ``reps`` (m) hold the sorted ids; ``account``, ``rep``, ``value``, ``load`` one entry a pair;
    ``low``, ``high``, ``max_load`` one entry a rep (``inf``: no limit). The pairs of account i are
    ``start[i]:start[i + 1]``. A choice is an array of n positions of pairs, −1 for an account left out.
    """

    accounts: pd.Index
    reps: pd.Index
    account: Positions
    rep: Positions
    value: Numbers
    load: Numbers
    low: Numbers
    high: Numbers
    max_load: Numbers
    start: Positions

    @cached_property
    def loaded(self) -> bool:
        """Whether some rep's hours are limited: then the linear program may split accounts."""
        return bool(np.isfinite(self.max_load).any())

    @cached_property
    def rep32(self) -> NDArray[np.int32]:
        """Each pair's rep in half the memory, for loops that pass over all pairs."""
        return self.rep.astype("int32")

    @cached_property
    def account32(self) -> NDArray[np.int32]:
        """Each pair's account, likewise."""
        return self.account.astype("int32")

    @cached_property
    def spread(self) -> float:
        """The most that one account's place can change the objective."""
        return float(max(self.value.max(), 0) - min(self.value.min(), 0)) if self.value.size else 0.0

    def counts(self, chosen: Positions) -> Numbers:
        """Return how many accounts each rep gets (m)."""
        return np.bincount(self.rep[chosen[chosen >= 0]], minlength=len(self.reps)).astype("float64")

    def loads(self, chosen: Positions) -> Numbers:
        """Return the hours each rep gets (m)."""
        taken = chosen[chosen >= 0]
        return np.bincount(self.rep[taken], weights=self.load[taken], minlength=len(self.reps)).astype("float64")

    def values(self, chosen: Positions) -> Numbers:
        """Return the sum of values each rep gets (m)."""
        taken = chosen[chosen >= 0]
        return np.bincount(self.rep[taken], weights=self.value[taken], minlength=len(self.reps)).astype("float64")

    def shortfall(self, chosen: Positions) -> Numbers:
        """Return how many accounts each rep lacks to the minimum (m)."""
        return np.maximum(self.low - self.counts(chosen), 0)

    def rest(self, pinned: Positions) -> Problem:
        """Return the problem of the accounts that are not pinned, with what the pinned pairs leave of the limits."""
        taken = pinned[pinned != OUT]
        count = self.counts(taken)
        return self.among(
            pinned == OUT,
            low=np.maximum(self.low - count, 0),
            high=self.high - count,
            max_load=np.maximum(self.max_load - self.loads(taken), 0),
        )

    def among(self, kept: NDArray[np.bool_], *, low: Numbers, high: Numbers, max_load: Numbers) -> Problem:
        """Return the problem of some accounts (n flags) with other limits (m each)."""
        degree = np.diff(self.start)
        pairs, degree = np.repeat(kept, degree), degree[kept]
        return Problem(
            accounts=self.accounts[kept],
            reps=self.reps,
            account=np.repeat(np.arange(len(degree)), degree),
            rep=self.rep[pairs],
            value=self.value[pairs],
            load=self.load[pairs],
            low=low,
            high=high,
            max_load=max_load,
            start=np.concatenate([[0], np.cumsum(degree)]),
        )


def read(pairs: pd.DataFrame, reps: pd.DataFrame) -> Problem:
    """Check the two frames of :func:`copilot.assign.plan.assign` and turn them into arrays.

    Raises:
        BadInput: A column is missing, an id is empty or repeated, a value or load is not a finite number of at most
            ``LARGEST`` in size, a pair names an unknown rep, or a limit is negative, not whole, or below its minimum.
    """
    need(pairs, ("account_id", "rep_id", "value"), "pairs")
    need(reps, ("rep_id", "min_accounts", "max_accounts"), "reps")
    if "max_load" in reps.columns and "load" not in pairs.columns:
        raise BadInput("reps limits max_load, but pairs has no column load to count against it; add load or drop it.")
    rep_ids, _ = _sorted(reps["rep_id"], "reps")
    if reps["rep_id"].duplicated().any():
        raise BadInput(f"reps lists {_first(reps['rep_id'][reps['rep_id'].duplicated()])} more than once.")
    account_ids, account = _sorted(pairs["account_id"], "pairs")
    named, code = _sorted(pairs["rep_id"], "pairs")
    found = rep_ids.get_indexer(named)
    if (found < 0).any():
        raise BadInput(f"pairs names {_first(pd.Series(named[found < 0]))}, which reps does not list.")
    rep = found[code] if len(code) else code
    order = _by(account, rep, len(rep_ids))
    if order is not None:
        account, rep = account[order], rep[order]
    twice = np.flatnonzero((np.diff(account) == 0) & (np.diff(rep) == 0))
    if twice.size:
        raise BadInput(
            f"pairs lists account {account_ids[account[twice[0]]]} with rep {rep_ids[rep[twice[0]]]} "
            "more than once; keep one row for each pair."
        )
    limits = reps.set_index("rep_id").loc[rep_ids]
    low, high = _limit(limits, "min_accounts"), _limit(limits, "max_accounts")
    if (low > high).any():
        worst = int(np.flatnonzero(low > high)[0])
        raise BadInput(
            f"Rep {rep_ids[worst]} has min_accounts {low[worst]:.12g} above max_accounts {high[worst]:.12g}; "
            "lower one or raise the other."
        )
    return Problem(
        accounts=account_ids,
        reps=rep_ids,
        account=account,
        rep=rep,
        value=_ordered(_numbers(pairs, "value"), order),
        load=_ordered(_loads(pairs), order),
        low=low,
        high=high,
        max_load=_limit(limits, "max_load") if "max_load" in limits.columns else np.full(len(rep_ids), np.inf),
        start=np.searchsorted(account, np.arange(len(account_ids) + 1)).astype("int64"),
    )


def need(frame: Any, columns: Sequence[str], name: str) -> None:
    """Refuse what is not a frame with these columns, each once, and ids in every row."""
    if not isinstance(frame, pd.DataFrame):
        raise BadInput(f"{name} is no DataFrame; give one with the columns {', '.join(columns)}.")
    if not frame.columns.is_unique:
        raise BadInput(f"{name} has the column {frame.columns[frame.columns.duplicated()][0]} more than once.")
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise BadInput(f"{name} needs the columns {', '.join(columns)}; missing: {', '.join(missing)}.")
    for column in columns:
        if column in ("account_id", "rep_id") and frame[column].isna().any():
            raise BadInput(f"{int(frame[column].isna().sum())} rows of {name} have no {column}; fill or drop them.")


def _sorted(ids: pd.Series, name: str) -> tuple[pd.Index, Positions]:
    """Return the different ids in order, and the place of each row's id among them."""
    try:
        code, different = pd.factorize(ids)
        index = pd.Index(different)
        order = index.argsort()
    except TypeError as error:
        raise BadInput(f"The ids in {name} are not all text or all numbers; write all of them alike.") from error
    rank = np.empty(len(order), dtype="int64")
    rank[order] = np.arange(len(order))
    return index[order], rank[code] if len(code) else np.zeros(0, dtype="int64")


def _by(account: Positions, rep: Positions, reps: int) -> Positions | None:
    """Return the order by account, then rep; None where the rows stand in it already."""
    key = account * reps + rep
    if (key[1:] > key[:-1]).all():
        return None
    return np.argsort(key, kind="stable")


def _ordered(numbers: Numbers, order: Positions | None) -> Numbers:
    return numbers if order is None else numbers[order]


def _numbers(pairs: pd.DataFrame, column: str) -> Numbers:
    numbers = _real(pairs[column])
    bad = np.flatnonzero(~(np.abs(numbers) <= LARGEST))
    if bad.size:
        account, rep, first = (pairs[name].iloc[bad[0]] for name in ("account_id", "rep_id", column))
        what = f"a {column} beyond {LARGEST:g}" if np.isfinite(numbers[bad[0]]) else f"no finite number as {column}"
        raise BadInput(
            f"{bad.size} pairs have {what}, first account {account} with rep {rep} ({first}); "
            "mend them or drop the pairs."
        )
    return numbers


def _real(column: pd.Series) -> Numbers:
    """Return a column's numbers, missing where there is none: a date or a complex number is none either."""
    if column.dtype.kind in "mMc":
        return np.full(len(column), np.nan)
    numbers: Numbers = pd.to_numeric(column, errors="coerce").to_numpy("float64", na_value=np.nan)
    return numbers


def _loads(pairs: pd.DataFrame) -> Numbers:
    loads = _numbers(pairs, "load") if "load" in pairs.columns else np.zeros(len(pairs))
    if (loads < 0).any():
        raise BadInput(f"{int((loads < 0).sum())} pairs have a negative load; a load is 0 or more.")
    return loads


def _limit(reps: pd.DataFrame, column: str) -> Numbers:
    limits = _real(reps[column])
    whole = column != "max_load"
    bad = np.isnan(limits) | (limits < 0)
    if whole:
        bad |= np.isfinite(limits) & (limits != np.round(limits))
    if column == "min_accounts":
        bad |= np.isinf(limits)
    if bad.any():
        kind = "a whole number" if whole else "a number"
        without = "" if column == "min_accounts" else " (inf for no limit)"
        shown = reps[column].iloc[int(np.flatnonzero(bad)[0])]
        raise BadInput(f"Rep {reps.index[bad][0]} has {column} {shown}; give {kind} of at least 0{without}.")
    return limits


def _first(ids: pd.Series, most: int = 3) -> str:
    """Name the first few different ids, and how many more there are."""
    different = list(dict.fromkeys(ids))
    more = f" and {len(different) - most} more" if len(different) > most else ""
    return ", ".join(str(name) for name in different[:most]) + more

"""Folds for judging a model: other accounts, earlier, and with labels that were known in time (MATHS §1)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.data.labels.record import need
from copilot.errors import BadInput


@dataclass(frozen=True)
class Fold:
    """One split.

    Attributes:
        train: Positions of the rows to learn from.
        test: Positions of the rows to judge on.
        first_day: The first ``as_of`` of the test rows.
        last_day: Their last ``as_of``.
    """

    train: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]
    first_day: date
    last_day: date

    def told(self) -> str:
        """State the fold's sizes and dates."""
        return f"{len(self.train):,} rows judge {len(self.test):,} of {self.first_day} to {self.last_day}."


def folds(samples: pd.DataFrame, *, n: int = 5, embargo_days: int, periods: int = 1) -> list[Fold]:
    """Split samples by account and forward in time.

    The later half of the days is judged. With ``periods`` more than 1 it is cut into so many blocks, each judged by
    what came before it, so that later blocks learn from more. Within a block the accounts are dealt into ``n`` parts
    by a hash of their id, the same in every run; a part's rows are judged by rows of other accounts that ended
    ``embargo_days`` before the block and whose labels were known when it began.

    Args:
        samples: ``account_id`` and ``as_of``; ``known_at`` where there is one, which then binds besides the embargo.
        n: Parts of the accounts, at least 2.
        embargo_days: The label's horizon in days (``Labels.horizon_days``).
        periods: Blocks of time that are judged.

    Returns:
        Up to ``n * periods`` folds, by time and part. No row is judged twice; a part or block without rows to judge
        or to learn from is left out.

    Raises:
        BadInput: A column is missing or has empty cells, fewer than two parts or fewer accounts than parts, a negative
            embargo, or no block with known labels before it.
    """
    need(samples, ("account_id", "as_of"), "samples")
    columns = [name for name in ("account_id", "as_of", "known_at") if name in samples]
    empty = int(samples[columns].isna().any(axis=1).sum())
    if empty:
        raise BadInput(f"{empty} of {len(samples)} samples have no {' or '.join(columns)}; drop them before splitting.")
    accounts = samples["account_id"].nunique()
    if n < 2 or periods < 1 or embargo_days < 0:
        raise BadInput(
            "Folds take at least 2 parts, 1 period and an embargo of 0 days or more, "
            f"not {n}, {periods} and {embargo_days}."
        )
    if accounts < n:
        raise BadInput(
            f"The samples are of {accounts} accounts, too few for {n} folds; use fewer folds or more accounts."
        )
    as_of = pd.to_datetime(samples["as_of"]).reset_index(drop=True)
    ready = as_of + pd.Timedelta(days=embargo_days)
    if "known_at" in samples:
        known_at = pd.to_datetime(samples["known_at"]).reset_index(drop=True)
        ready = ready.where(ready >= known_at, known_at)
    part = _parts(samples["account_id"].reset_index(drop=True), n)
    found = []
    for first, until in _blocks(as_of, periods):
        block = (as_of >= first) & ((as_of < until) if until is not None else True)
        learned = (ready <= first) & (as_of < first)
        for k in range(n):
            train, test = np.flatnonzero(learned & (part != k)), np.flatnonzero(block & (part == k))
            if len(train) and len(test):
                days = as_of.iloc[test]
                found.append(Fold(train, test, days.min().date(), days.max().date()))
    if not found:
        raise BadInput(
            f"No label is known before the days to judge, {_spell(as_of)}, with an embargo of {embargo_days} days; "
            "use a longer history or a shorter embargo."
        )
    return found


def _parts(account: pd.Series, n: int) -> pd.Series:
    """Deal the accounts into ``n`` parts that differ by one account at most."""
    names = sorted(account.unique(), key=lambda name: hashlib.sha256(str(name).encode()).digest())
    return account.map({name: position % n for position, name in enumerate(names)})


def _blocks(as_of: pd.Series, periods: int) -> list[tuple[pd.Timestamp, pd.Timestamp | None]]:
    ordered = as_of.sort_values(ignore_index=True)
    size = len(ordered)
    starts = [ordered[size // 2 + (size - size // 2) * k // periods] for k in range(periods)]
    edges = list(dict.fromkeys(starts))  # days with many rows are not cut
    return list(zip(edges, [*edges[1:], None], strict=True))


def _spell(as_of: pd.Series) -> str:
    return f"the later half of {as_of.min().date()} to {as_of.max().date()}"

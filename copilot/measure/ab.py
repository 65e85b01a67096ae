"""A/B tests inside each rep's book: who is treated, whether the arms are alike, and what the treatment changed."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.balance import balance
from copilot.measure.columns import listed, need, plain
from copilot.measure.contrast import compliers, effect
from copilot.measure.ratios import rig

__all__ = ["assign", "balance", "compliers", "effect", "rig", "waves"]
TREATED, CONTROL = "treated", "control"


def assign(
    frame: pd.DataFrame,
    *,
    book: Hashable,
    strata: Sequence[str],
    share: float = 0.5,
    seed: int,
    account: Hashable = "account_id",
) -> pd.DataFrame:
    """Randomise accounts within each rep's book, evenly over the strata.

    Accounts stand in line by book, stratum and a hash of seed and account; the line is cut at even steps from a start
    that the seed gives. So the treated of every stratum of a book, of every book and of all differ from ``share`` of
    them by less than one; the same seed gives the same arms whatever the order of the rows, in any process.

    Args:
        frame: One row an account.
        book: The column of its rep.
        strata: Columns to be even over, as segment and region; a missing value is a value of its own.
        share: The share to treat, above 0 and below 1.
        seed: Any whole number; it is kept with the study.
        account: The column that names the account; the frame's index where there is no such column.

    Returns:
        A copy of the frame with ``arm``: "treated" or "control".

    Raises:
        BadInput: A column is missing, an account is there twice or has no name or no book, or the share is none.
    """
    names = listed(strata)
    whole = need(frame, [book, *names])
    if not isinstance(share, int | float) or not 0 < share < 1:
        raise BadInput(f"The share to treat lies above 0 and below 1, not at {share}.")
    if not isinstance(seed, int | np.integer):
        raise BadInput(f"The seed of the lot is a whole number, not {seed!r}.")
    who = (whole[account] if account in whole.columns else pd.Series(frame.index)).map(_word)
    if (who == "").any():
        raise BadInput(f"{account} is missing in some rows; every account needs a name to be assigned by.")
    if who.duplicated().any():
        raise BadInput(f"Account {who[who.duplicated()].iloc[0]} is there more than once; keep one row an account.")
    if whole[book].isna().any():
        raise BadInput(
            f"{book} is missing in {int(whole[book].isna().sum())} rows; assign only accounts that have one."
        )
    cell = ["\x1f".join(map(_word, row)) for row in whole[[book, *names]].itertuples(index=False)]
    line = pd.DataFrame(
        {
            "book": [_hash(seed, "book", _word(value)) for value in whole[book]],
            "cell": [_hash(seed, "stratum", value) for value in cell],
            "own": [_hash(seed, "account", value) for value in who],
        }
    ).sort_values(["book", "cell", "own"])
    start = int(_hash(seed, "start", ""), 16) / 2**128
    step = np.floor(np.arange(len(line) + 1) * share + start)
    treated = pd.Series(np.diff(step) > 0, index=line.index).sort_index()
    return frame.assign(arm=np.where(treated, TREATED, CONTROL))


def waves(reps: Sequence[str], count: int, *, seed: int) -> dict[str, int]:
    """Return in which of ``count`` steps each rep is let in, from 0: by lot, in groups that differ by at most one."""
    line = sorted(set(reps), key=lambda rep: _hash(seed, "wave", _word(rep)))
    return {rep: place * count // len(line) for place, rep in enumerate(line)}


def _word(value: Any) -> str:
    """Return a value as a word that does not depend on its type: 7, 7.0 and "7" are one account."""
    return "" if pd.isna(value) else str(plain(value)).strip()


def _hash(seed: int, kind: str, value: str) -> str:
    return hashlib.blake2b(f"{int(seed)}|{kind}|{value}".encode(), digest_size=16).hexdigest()

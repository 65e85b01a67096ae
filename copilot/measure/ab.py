"""A/B tests inside each rep's book: who is treated, whether the arms are alike, and what the treatment changed."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.balance import balance
from copilot.measure.coarsen import joined
from copilot.measure.columns import both_arms, clusters, codes, flags, need, numbers, plain
from copilot.measure.effect import Effect, student_limits
from copilot.measure.regression import Fit, fit
from copilot.stats import Ints

if TYPE_CHECKING:
    from copilot.measure.ratios import Ratios

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
    names = [strata] if isinstance(strata, str) else list(strata)
    whole = need(frame, [book, *names])
    if not 0 < share < 1:
        raise BadInput(f"The share to treat lies above 0 and below 1, not at {share}.")
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


def effect(
    frame: pd.DataFrame,
    *,
    outcome: Hashable,
    arm: Hashable,
    book: Hashable | None = None,
    strata: Sequence[str] = (),
    cluster: Hashable | None = None,
    looked: Hashable | None = None,
) -> Effect:
    """Return what the treatment changed, with an effect for every rep × stratum (MATHS §7).

    Args:
        frame: One row an account, or one a contract with ``cluster`` naming its account.
        outcome: A numeric column; rows without it are left out.
        arm: The treatment as assigned.
        book: The column of the rep.
        strata: What the assignment was even over.
        cluster: Rows that belong together, as the account of several contracts.
        looked: Whether the account's rep looked at the scores at least once. Books of reps who never did are left out,
            both arms of them: the rep, not the arm, decides, so the rest is still randomised, and the effect is that on
            the accounts of reps who looked.

    Raises:
        BadInput: An arm is empty, or no book and stratum has both arms.
    """
    return _fitted(frame, outcome, arm, book, strata, cluster, looked)[0].effect


def compliers(
    frame: pd.DataFrame,
    *,
    outcome: Hashable,
    arm: Hashable,
    looked: Hashable,
    book: Hashable | None = None,
    strata: Sequence[str] = (),
    cluster: Hashable | None = None,
) -> Effect:
    """Return the effect on the accounts that were looked at, with the assignment as instrument (CACE, Wald's ratio).

    It rests on this: whom the assignment did not make anyone look at, it did not change. ``looked`` says of each
    account whether somebody looked at it at least once. The error is the delta method's.

    Raises:
        BadInput: The assignment did not change who was looked at.
    """
    whole = need(frame, [looked])
    whole = whole.assign(**{"looked at": flags(whole, looked).astype(float)})
    gained, groups = _fitted(whole, outcome, arm, book, strata, cluster, None)
    kept = whole[pd.to_numeric(whole[outcome], errors="coerce").notna()]
    seen, _ = _fitted(kept, "looked at", arm, book, strata, cluster, None)
    rate = seen.effect.att
    if not rate > 0 or seen.effect.low <= 0:
        raise BadInput(
            f"Treated accounts were not looked at more often than controls ({rate:.1%}); nothing to divide by."
        )
    att = gained.effect.att / rate
    influence = (gained.influence - att * seen.influence) / rate
    sums = np.bincount(groups, influence)
    error = float(np.sqrt(sums @ sums * len(sums) / (len(sums) - 1)))
    df = gained.effect.df
    low, high, p = student_limits(att, error, df)
    found = Effect(att, se=error, p=p, se_corrected=error, p_corrected=p, df=df, low=low, high=high)
    found.n, found.clusters = gained.effect.n, gained.effect.clusters
    found.clusters_treated, found.clusters_control = gained.effect.clusters_treated, gained.effect.clusters_control
    return found


def _fitted(
    frame: pd.DataFrame,
    outcome: Hashable,
    arm: Hashable,
    book: Hashable | None,
    strata: Sequence[str],
    cluster: Hashable | None,
    looked: Hashable | None,
) -> tuple[Fit, Ints]:
    whole = need(frame, [outcome, arm, book, *strata, cluster, looked])
    kept = ~np.isnan(numbers(whole, outcome))
    if looked is not None:
        seen = flags(whole, looked)
        by = pd.Series(seen).groupby(codes(whole[book])).transform("max").to_numpy(bool) if book is not None else seen
        if not by.any():
            raise BadInput(
                f"No rep ever looked ({looked} is nowhere true), so there is nobody to measure an effect on."
            )
        kept &= by
    whole = whole[kept].reset_index(drop=True)
    y, treated = numbers(whole, outcome), flags(whole, arm)
    both_arms(treated, arm)
    cells = [codes(whole[name]) for name in ([book, *strata] if book is not None else list(strata))]
    absorbed = joined(cells) if cells else np.zeros(len(whole), dtype=np.intp)
    if not _mixed(absorbed, treated):
        raise BadInput("No rep's book has both treated and control accounts in one stratum; take fewer strata.")
    groups = clusters(whole, cluster)
    none = np.empty((len(whole), 0))
    found = fit(y, treated.astype(float), none, absorbed=absorbed, cluster=groups)
    return found, np.arange(len(y)) if groups is None else groups


def _mixed(cell: Ints, treated: np.ndarray) -> bool:
    share = np.bincount(cell, treated) / np.bincount(cell)
    return bool(((share > 0) & (share < 1)).any())


def _word(value: Any) -> str:
    """Return a value as a word that does not depend on its type: 7, 7.0 and "7" are one account."""
    return "" if pd.isna(value) else str(plain(value)).strip()


def _hash(seed: int, kind: str, value: str) -> str:
    return hashlib.blake2b(f"{int(seed)}|{kind}|{value}".encode(), digest_size=16).hexdigest()


def rig(
    frame: pd.DataFrame,
    *,
    bookings: Hashable,
    target: Hashable,
    arm: Hashable,
    book: Hashable | None = None,
    strata: Sequence[str] = (),
    cluster: Hashable | None = None,
) -> Ratios:
    """Return RIG of both arms and what was changed: ``copilot.measure.ratios.rig``, which says it all.

    Raises:
        BadInput: As there.
    """
    from copilot.measure import ratios

    return ratios.rig(frame, bookings=bookings, target=target, arm=arm, book=book, strata=strata, cluster=cluster)

"""What the treatment of an A/B test changed, with an effect for every rep × stratum (MATHS §7)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.coarsen import joined
from copilot.measure.columns import both_arms, clusters, codes, flags, listed, need, numbers
from copilot.measure.effect import Effect, student_limits
from copilot.measure.regression import Fit, fit
from copilot.stats import Ints


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
    names = listed(strata)
    whole = need(frame, [outcome, arm, book, *names, cluster, looked])
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
    cells = [codes(whole[name]) for name in ([book, *names] if book is not None else names)]
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

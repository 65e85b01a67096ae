"""Bookings over targets: RIG and Net Ratio (MATHS §7), as a mean of ratios and as a ratio of sums."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.columns import both_arms, clusters, flags, listed, need, numbers
from copilot.measure.contrast import effect
from copilot.measure.effect import Effect, student_limits
from copilot.stats import Floats, Interval

TINY = 0.01  # of the median target: below it one account's ratio can outweigh a hundred others


@dataclass(frozen=True)
class Ratios:
    """What both arms booked per unit of target.

    ``treated`` and ``control`` are means of ratios; ``difference`` is their effect, ``lift`` the same relative to the
    controls (treated / control − 1) with 95 % limits by the delta method. ``sum_treated``, ``sum_control`` and
    ``sum_lift`` are the ratio of sums, in which large accounts count more and a tiny target harms nothing. ``left_out``
    says how many rows either form did without, and ``note`` says so in words.
    """

    treated: float
    control: float
    difference: Effect
    lift: Interval
    sum_treated: float
    sum_control: float
    sum_lift: Interval
    left_out: dict[str, int]

    @property
    def note(self) -> str:
        """One sentence on what was left out; empty where nothing was."""
        parts = [f"{count:,} {reason}" for reason, count in self.left_out.items()]
        return f"Left out: {'; '.join(parts)}." if parts else ""


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
    """Return RIG, the mean over accounts of renewal bookings over renewal target, by arm, and what was changed.

    A target of 0 or less, or none, gives no ratio: the row is left out of both forms. A tiny one (below 1 % of the
    median) is left out of the mean of ratios and kept in the ratio of sums. Missing bookings are not known, not 0.

    Args:
        frame: One row an account; several rows of one, with ``cluster`` naming it.
        bookings: What was booked, in money.
        target: What was up for renewal, in the same money.
        arm: The treatment as assigned.
        book: The rep, and
        strata: what the assignment was even over: the difference is then taken within them.
        cluster: Rows that belong together.

    Raises:
        BadInput: A column is missing or no number, or an arm has no row with a target.
    """
    whole = need(frame, [bookings, target, arm, book, *listed(strata), cluster])
    treated = flags(whole, arm)
    both_arms(treated, arm)
    booked, due = numbers(whole, bookings), numbers(whole, target)
    known, aimed = ~np.isnan(booked), due > 0
    usable = known & aimed
    if not (usable & treated).any() or not (usable & ~treated).any():
        raise BadInput(
            f"One arm has no row with a {target} above 0 and known {bookings}; there is no ratio to compare."
        )
    tiny = usable & (due < TINY * float(np.median(due[usable])))
    good = usable & ~tiny
    if not (good & treated).any() or not (good & ~treated).any():
        good, tiny = usable, np.zeros_like(tiny)  # nothing but tiny targets in one arm: then they are what there is
    left_out = {
        f"without a {target} above 0": int((~aimed).sum()),
        f"with a target but no known {bookings}": int((aimed & ~known).sum()),
        "with a tiny target (below 1 % of the median; in the ratio of sums they count)": int(tiny.sum()),
    }
    ratio = np.full(len(due), np.nan)
    ratio[good] = booked[good] / due[good]
    rows = whole.assign(**{"ratio of the row": ratio})
    difference = effect(rows, outcome="ratio of the row", arm=arm, book=book, strata=strata, cluster=cluster)
    groups = clusters(whole, cluster)
    own = np.arange(len(due)) if groups is None else groups
    mean_t, mean_c = float(ratio[good & treated].mean()), float(ratio[good & ~treated].mean())
    centred = np.zeros(len(due))
    for arm_ in (treated, ~treated):
        centred[good & arm_] = (ratio[good & arm_] - ratio[good & arm_].mean()) / (good & arm_).sum()
    sums, parts = [], np.zeros(len(due))
    for arm_ in (treated, ~treated):
        side = usable & arm_
        level = float(booked[side].sum() / due[side].sum())
        parts[side] = (booked[side] - level * due[side]) / due[side].sum()
        sums.append(level)
    return Ratios(
        treated=mean_t,
        control=mean_c,
        difference=difference,
        lift=_lift(mean_t, mean_c, centred, treated, own, difference.df),
        sum_treated=sums[0],
        sum_control=sums[1],
        sum_lift=_lift(sums[0], sums[1], parts, treated, own, difference.df),
        left_out={reason: count for reason, count in left_out.items() if count},
    )


def net_ratio(
    frame: pd.DataFrame,
    *,
    renewal: Hashable,
    add_on: Hashable,
    target: Hashable,
    arm: Hashable,
    book: Hashable | None = None,
    strata: Sequence[str] = (),
    cluster: Hashable | None = None,
) -> Ratios:
    """Return the Net Ratio, (renewal + add-on bookings) / renewal target (000 Eq. 7); no add-on known counts as none.

    Give it only relevant booking opportunities: of accounts with a valid recommendation, in the period, followed up.

    Raises:
        BadInput: As ``rig``.
    """
    whole = need(frame, [renewal, add_on])
    both = numbers(whole, renewal) + np.nan_to_num(numbers(whole, add_on))
    rows = whole.assign(**{"net bookings": both})
    return rig(rows, bookings="net bookings", target=target, arm=arm, book=book, strata=strata, cluster=cluster)


def _lift(own: float, other: float, influence: Floats, treated: np.ndarray, groups: np.ndarray, df: float) -> Interval:
    """Return own / other − 1 with its limits; not known where the controls booked nothing."""
    if not other > 0:
        return Interval(np.nan, np.nan, np.nan)
    each = np.where(treated, influence / other, -influence * own / other**2)
    sums = np.bincount(groups, each)
    error = float(np.sqrt(sums @ sums * len(sums) / max(len(sums) - 1, 1)))
    low, high, _ = student_limits(own / other - 1, error, df)
    return Interval(own / other - 1, low, high)

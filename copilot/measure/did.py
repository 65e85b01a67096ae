"""Differences in differences: by group and time for staggered starts, and two-way fixed effects."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.columns import both_arms, clusters, codes, flags, need, numbers, plain
from copilot.measure.effect import Effect
from copilot.measure.panel import check_future, numbered, panel, switches_off
from copilot.measure.regression import dummies, fit
from copilot.measure.staggered import Staggered, by_cluster
from copilot.stats import Ints

Control = Literal["never", "notyet"]


def att_gt(
    frame: pd.DataFrame,
    *,
    unit: Hashable,
    time: Hashable,
    first_treated: Hashable,
    outcome: Hashable,
    control: Control = "never",
    cluster: Hashable | None = None,
    balanced: bool = True,
    until: date | None = None,
) -> pd.DataFrame:
    """Return ATT(g, t) of staggered starts (Callaway & Sant'Anna 2021, no covariates).

    Returns:
        ``group, time, att, se``: one row a start and period but the first, in the outcome's unit; rows with
        time < group are placebos. The errors are clustered by ``cluster``, else by unit.

    Raises:
        BadInput: As ``staggered``.
    """
    found = staggered(
        frame, unit=unit, time=time, first_treated=first_treated, outcome=outcome,
        control=control, cluster=cluster, balanced=balanced, until=until,
    )  # fmt: skip
    return found.frame[["group", "time", "att", "se"]]


def staggered(
    frame: pd.DataFrame,
    *,
    unit: Hashable,
    time: Hashable,
    first_treated: Hashable,
    outcome: Hashable,
    control: Control = "never",
    cluster: Hashable | None = None,
    balanced: bool = True,
    until: date | None = None,
) -> Staggered:
    """Estimate ATT(g, t), with what is needed to draw the cells together and to test the placebos.

    Args:
        frame: One row a unit and period.
        unit: Who is followed.
        time: The period, a number or a date.
        first_treated: Each unit's first treated period; nothing, 0 or infinity for never.
        outcome: A numeric column.
        control: ``never`` compares with units never treated, ``notyet`` also with those treated later.
        cluster: The level of assignment, for the errors; the unit by default.
        balanced: Leave out units that are not seen in every period (R ``did``); else each cell takes who was seen.
        until: The last day that has happened, where time is a date.

    Raises:
        BadInput: As ``panel``; or there is nobody to compare with, or nobody treated.
    """
    if control not in ("never", "notyet"):
        raise BadInput(f"The control is 'never' or 'notyet', not {control!r}.")
    data = panel(
        frame, unit=unit, time=time, first_treated=first_treated, outcome=outcome,
        cluster=cluster, balanced=balanced, until=until,
    )  # fmt: skip
    starts = np.unique(data.first[np.isfinite(data.first)])
    never = ~np.isfinite(data.first)
    if not len(starts):
        raise BadInput(f"No unit is treated within the periods; {first_treated} says when each one first was.")
    if control == "never" and not never.any():
        raise BadInput(f"There are no controls: every {unit} is treated at some time; use control='notyet'.")
    if int(data.cluster.max()) == 0:
        raise BadInput(f"All units lie in one cluster ({cluster}), so no error can be told; name a level with several.")
    n, rows, influences = len(data.first), [], []
    for g in starts:
        for column in range(1, len(data.periods)):
            t = data.periods[column]
            base = int(np.searchsorted(data.periods, g)) - 1 if t >= g else column - 1
            change = data.outcome[:, column] - data.outcome[:, base]
            later = max(t, data.periods[base])
            others = never if control == "never" else (data.first > later) & (data.first != g)
            own, other = ((part & ~np.isnan(change)) for part in (data.first == g, others))
            if not own.any() or not other.any():
                continue
            att = change[own].mean() - change[other].mean()
            influence = np.zeros(n)
            influence[own] = (change[own] - change[own].mean()) * n / own.sum()
            influence[other] = -(change[other] - change[other].mean()) * n / other.sum()
            sums = by_cluster(influence[:, None], data.cluster)[:, 0]
            se = float(np.sqrt(sums @ sums)) / n
            label = data.first_labels.get(float(g), g)
            # A single unit fits its own mean: its error cannot be told.
            rows.append((label, data.labels[column], att, se if own.sum() > 1 and se > 0 else np.nan, g, t))
            influences.append(influence)
    if not rows:
        raise BadInput(
            "There are no controls that were seen together with a treated unit; try balanced=False or 'never'."
        )
    table = pd.DataFrame(rows, columns=["group", "time", "att", "se", "_group", "_time"])
    return Staggered(table, np.column_stack(influences), data)


def two_way(
    frame: pd.DataFrame,
    *,
    unit: Hashable,
    time: Hashable,
    treated: Hashable,
    outcome: Hashable,
    weights: Hashable | None = None,
    cluster: Hashable | None,
    until: date | None = None,
) -> Effect:
    """Return the effect of ``treated`` with unit and time effects (two-way fixed effects).

    ``unit`` may name a group whose members change from period to period (a repeated cross-section): the group's own
    effect is then taken out. Rows without an outcome are left out.

    Args:
        frame: One row a unit and period, or several of a group.
        unit: Who, or which group, is followed.
        time: The period.
        treated: Whether the row is treated in that period: 0/1, booleans or words.
        outcome: A numeric column.
        weights: A column of analytic weights, such as those of a match; rows of weight 0 are left out.
        cluster: The level of assignment; None for independent rows.
        until: The last day that has happened, where time is a date.

    Returns:
        ``att, se, p`` and limits corrected for few clusters, in the outcome's unit; see ``Effect``.

    Raises:
        BadInput: There are no controls, nothing or everything is treated, treatment is switched off, a unit is there
            twice in a period of a panel, all rows lie in one cluster, or a date lies after ``until``.
    """
    given = need(frame, [unit, time, treated, outcome, weights, cluster])
    check_future(given[time], until)
    if given[unit].isna().any() or given[time].isna().any():
        raise BadInput(f"{unit} or {time} is missing in some rows; every row is a unit at a time.")
    y, arm = numbers(given, outcome), flags(given, treated)
    weight = np.ones(len(y)) if weights is None else numbers(given, weights)
    if np.isnan(weight).any() or (weight < 0).any():
        raise BadInput(f"{weights} holds missing or negative weights; give 0 or more to each row.")
    kept = ~np.isnan(y) & (weight > 0)
    given, y, arm, weight = given[kept].reset_index(drop=True), y[kept], arm[kept], weight[kept]
    if given.empty:
        raise BadInput(f"No row has both a known {outcome} and a weight above 0.")
    both_arms(arm, treated)
    names, moment = codes(given[unit]), _order(given[time])
    ever = np.bincount(names, arm) > 0
    if moment.max() == 0:
        raise BadInput(f"Differences need at least two periods; {time} holds only one.")
    _check_cells(given, names, moment, arm, (unit, time))
    off = switches_off(arm, names, moment)
    if off is not None:
        raise BadInput(
            f"{unit} {plain(given[unit][off])} is treated and then no longer at {time} {plain(given[time][off])}; "
            "a treatment here starts once and stays, so end the data before it stops."
        )
    large, small = (names, moment) if names.max() >= moment.max() else (moment, names)
    found = fit(
        y, arm.astype(float), dummies(small), weight=weight, absorbed=large,
        cluster=clusters(given, cluster), mark=ever[names],
    )  # fmt: skip
    return found.effect


def _order(time: pd.Series) -> Ints:
    return codes(numbered(time), sort=True)


def _check_cells(
    frame: pd.DataFrame, names: Ints, moment: Ints, arm: np.ndarray, called: tuple[Hashable, Hashable]
) -> None:
    """Refuse a panel with a few doubled rows, and cells that are both treated and not."""
    cell = names * (int(moment.max()) + 1) + moment
    _, where, size = np.unique(cell, return_inverse=True, return_counts=True)
    share = np.bincount(where, arm) / size
    if ((share > 0) & (share < 1)).any():
        row = frame.iloc[int(np.flatnonzero((share[where] > 0) & (share[where] < 1))[0])]
        raise BadInput(
            f"{called[0]} {plain(row[called[0]])} is both treated and not at {called[1]} {plain(row[called[1]])}; "
            "the treatment is one for a unit and period."
        )
    if 0 < (size > 1).mean() <= 0.5:  # most cells hold one row: this is a panel
        row = frame.iloc[int(np.flatnonzero(size[where] > 1)[0])]
        raise BadInput(
            f"{called[0]} {plain(row[called[0]])} is there more than once at {called[1]} {plain(row[called[1]])}; "
            "keep one row a unit and period."
        )

"""Differences in differences: by group and time for staggered starts, and two-way fixed effects."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.columns import both_arms, clusters, codes, flags, need, numbers, plain
from copilot.measure.effect import Effect, student_limits
from copilot.measure.panel import Panel, check_future, numbered, panel, switches_off
from copilot.measure.regression import dummies, fit
from copilot.stats import Floats, Ints

Control = Literal["never", "notyet"]
By = Literal["simple", "event", "group", "calendar"]


@dataclass(frozen=True)
class Staggered:
    """Callaway & Sant'Anna's (2021) ATT(g, t) and each unit's influence on them, (units, cells).

    ``frame`` has ``group, time, att, se``: every start g and period t but the first; t < g are placebos, each against
    the period before (R ``did``'s varying base); from g on, against the last period before g.
    """

    frame: pd.DataFrame
    influence: Floats = field(repr=False)
    panel: Panel = field(repr=False)

    def aggregate(self, by: By = "simple") -> tuple[Effect, pd.DataFrame]:
        """Draw the cells together: overall, and by event time, group or calendar time (as ``did::aggte``).

        Returns:
            The overall effect on the treated, and a frame ``key, att, se`` (empty for simple). The error counts that
            the groups' shares are estimated.

        Raises:
            BadInput: There is no cell after a start.
        """
        group, time = self._group, self._time
        after = np.flatnonzero(time >= group)
        if not len(after):
            raise BadInput("No group has a period after its start, so there is no effect to draw together.")
        if by == "simple":
            att, influence = self._mean(after)
            return self._effect(att, influence), pd.DataFrame(columns=["key", "att", "se"])
        key = {"event": self._event, "group": group, "calendar": time}[by]
        chosen = np.arange(len(key)) if by == "event" else after
        rows, parts = [], []
        for value in np.unique(key[chosen]):
            cells = chosen[key[chosen] == value]
            # Within a group every period counts alike; across groups each counts by its number of units.
            att, influence = self._even(cells) if by == "group" else self._mean(cells)
            rows.append((value, att, self._se(influence)))
            parts.append(influence)
        table = pd.DataFrame(rows, columns=["key", "att", "se"])
        whole = np.column_stack(parts)
        later = (table["key"] >= 0).to_numpy() if by == "event" else np.ones(len(table), bool)
        if by == "group":
            att, influence = self._weighted(table["att"].to_numpy(), whole, table["key"].to_numpy())
        else:
            att, influence = float(table["att"][later].mean()), whole[:, later].mean(axis=1)
        table["key"] = table["key"].astype(int) if by == "event" else [self._label(value) for value in table["key"]]
        return self._effect(att, influence), table

    def pretest(self) -> tuple[float, int, float]:
        """Return Wald's statistic, its degrees of freedom and the p of "all placebo cells are 0" (``did``'s pre-test).

        NaN, 0, NaN where no start has two periods before it.
        """
        cells = np.flatnonzero(self._time < self._group)
        statistic, rank = self._wald(cells)
        return statistic, rank, _chi2(statistic, rank)

    def placebo(self) -> float:
        """Return the p of the joint A/A over the event study's pre-periods, corrected for few clusters (Hotelling).

        NaN where there are no pre-periods, or fewer clusters than they need.
        """
        from scipy.stats import f

        before = np.unique(self._event[self._event < 0])
        cells = [np.flatnonzero(self._event == e) for e in before]
        if not cells:
            return np.nan
        drawn = [self._mean(part) for part in cells]
        att, influence = np.array([one[0] for one in drawn]), np.column_stack([one[1] for one in drawn])
        statistic, rank = _wald(att, self._sums(influence) / len(influence))
        count = int(self.panel.cluster.max()) + 1
        if not rank or count <= rank + 1:
            return np.nan
        return float(f.sf(statistic * (count - rank) / (rank * (count - 1)), rank, count - rank))

    @property
    def _group(self) -> Floats:
        found: Floats = self.frame["_group"].to_numpy()
        return found

    @property
    def _time(self) -> Floats:
        found: Floats = self.frame["_time"].to_numpy()
        return found

    @property
    def _event(self) -> Floats:
        """Periods since the first treated one, 0 being it; counted in periods of the panel."""
        start = np.searchsorted(self.panel.periods, self._group)
        event: Floats = (np.searchsorted(self.panel.periods, self._time) - start).astype(float)
        return event

    def _label(self, value: float) -> object:
        return self.panel.first_labels.get(value, value)

    def _share(self, groups: Floats) -> Floats:
        share: Floats = np.array([(self.panel.first == g).mean() for g in groups])
        return share

    def _mean(self, cells: Ints) -> tuple[float, Floats]:
        return self._weighted(self.frame["att"].to_numpy()[cells], self.influence[:, cells], self._group[cells])

    def _even(self, cells: Ints) -> tuple[float, Floats]:
        return float(self.frame["att"].to_numpy()[cells].mean()), self.influence[:, cells].mean(axis=1)

    def _weighted(self, att: Floats, influence: Floats, groups: Floats) -> tuple[float, Floats]:
        """Weigh by the groups' shares of units, whose own influence enters the error."""
        share = self._share(groups)
        member = (self.panel.first[:, None] == groups) - share
        total = share.sum()
        own = member / total - member.sum(axis=1, keepdims=True) * share / total**2
        return float(att @ share / total), influence @ (share / total) + own @ att

    def _sums(self, influence: Floats) -> Floats:
        return _by_cluster(influence, self.panel.cluster)

    def _se(self, influence: Floats) -> float:
        sums = self._sums(influence[:, None])[:, 0]
        return float(np.sqrt(sums @ sums)) / len(influence)

    def _effect(self, att: float, influence: Floats) -> Effect:
        se, own = self._se(influence), self.panel.cluster
        count = int(own.max()) + 1
        held = np.bincount(own, np.isfinite(self.panel.first)) > 0
        sums = self._sums(influence[:, None])[:, 0] / len(influence)
        fixed, df = _two_sample(sums, held, count)
        if held.sum() < 2 or count < 4:
            fixed = np.nan
        _, _, p = student_limits(att, se, count - 1)
        low, high, p_fixed = student_limits(att, fixed, df)
        found = Effect(att, se=se, p=p, se_corrected=fixed, p_corrected=p_fixed, df=df, low=low, high=high)
        found.n, found.clusters = len(influence), count
        found.clusters_treated, found.clusters_control = int(held.sum()), int((~held).sum())
        return found

    def _wald(self, cells: Ints) -> tuple[float, int]:
        if not len(cells):
            return np.nan, 0
        return _wald(self.frame["att"].to_numpy()[cells], self._sums(self.influence[:, cells]) / len(self.influence))


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
            sums = _by_cluster(influence[:, None], data.cluster)[:, 0]
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
    place: Ints = pd.factorize(numbered(time), sort=True)[0].astype(np.intp)
    return place


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


def _by_cluster(influence: Floats, cluster: Ints) -> Floats:
    if int(cluster.max()) + 1 == len(cluster):
        return influence
    sums: Floats = np.column_stack([np.bincount(cluster, column) for column in influence.T])
    return sums


def _two_sample(sums: Floats, treated: np.ndarray, count: int) -> tuple[float, float]:
    """Return a difference's error corrected arm by arm, and Welch's degrees of freedom."""
    parts = [sums[treated], sums[~treated]] if 1 < treated.sum() < count - 1 else [sums]
    spread = np.array([float(part @ part) * len(part) / (len(part) - 1) for part in parts])
    free = np.array([len(part) - 1 for part in parts])
    total = float(spread.sum())
    return float(np.sqrt(total)), total**2 / float((spread**2 / free).sum()) if total > 0 else np.nan


def _wald(att: Floats, sums: Floats) -> tuple[float, int]:
    cover = sums.T @ sums
    if not np.isfinite(cover).all() or not len(att):
        return np.nan, 0
    rank = int(np.linalg.matrix_rank(cover, hermitian=True))
    return float(att @ np.linalg.pinv(cover, hermitian=True) @ att), rank


def _chi2(statistic: float, rank: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(rank, statistic)) if rank else np.nan

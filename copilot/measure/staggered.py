"""Draw the effects of staggered starts together, and test their placebos (Callaway & Sant'Anna 2021)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.effect import Effect, student_limits
from copilot.measure.panel import Panel
from copilot.stats import Floats, Ints

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
        return by_cluster(influence, self.panel.cluster)

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


def by_cluster(influence: Floats, cluster: Ints) -> Floats:
    """Return the sums of each cluster's rows, (clusters, columns)."""
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

"""Coarsened exact matching (Iacus, King & Porro 2012): like with like, controls weighted to stand like the treated.

In stratum s a treated unit weighs 1 and a control (m_C / m_T) · (m_Tˢ / m_Cˢ); strata without both arms drop out. (The
paper's 1/w in its MAU formula is a misprint: strata weigh by their share of treated; MATHS §7.)
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure.coarsen import Cutpoints, coarse, joined, scaled, sturges_bins
from copilot.measure.columns import Flags, both_arms, clusters, codes, flags, is_numeric, listed, need, numbers
from copilot.measure.effect import Effect, student_limits
from copilot.measure.imbalance import imbalance
from copilot.measure.regression import dummies, fit
from copilot.stats import Floats, Interval, Ints

COVERAGE = 0.80  # of the treated, by the papers' rule


@dataclass(frozen=True)
class Match:
    """Who was matched with whom.

    ``matched`` counts the kept units by arm, ``total`` all of them; ``weights`` is a Series on the frame's index, 0 for
    who was not matched; ``strata`` likewise, −1 there. ``coverage`` is the share of the treated that was kept.
    ``l1_before`` and ``l1_after`` are on R's grid (``pretty`` on Scott's width); ``imbalance`` has further grids: one
    row each for ``scott``, ``matching`` and ``fine``, columns ``before`` and ``after``, from 0 (alike) to 1.
    ``bins`` says how many bins each numeric covariate was cut into, None for cutpoints that were given.
    """

    frame: pd.DataFrame = field(repr=False)
    treatment: Hashable
    covariates: tuple[str, ...]
    matched: dict[str, int]
    total: dict[str, int]
    weights: pd.Series = field(repr=False)
    strata: pd.Series = field(repr=False)
    imbalance: pd.DataFrame
    bins: dict[str, int | None]

    @property
    def coverage(self) -> float:
        """The share of the treated that found a control."""
        return self.matched["treated"] / self.total["treated"]

    @property
    def l1_before(self) -> float:
        """Imbalance of all units on R's grid, 0 to 1."""
        return float(self.imbalance.loc["scott", "before"])

    @property
    def l1_after(self) -> float:
        """Imbalance of the matched units with their weights, on the same grid."""
        return float(self.imbalance.loc["scott", "after"])

    def att(self, outcome: str, *, covariates: Sequence[str] = (), cluster: Hashable | None = None) -> Effect:
        """Return the effect on the matched treated: the weighted difference of means, in the outcome's unit.

        Args:
            outcome: A numeric column; rows without it are left out.
            covariates: Adjusted for by weighted regression (what coarsening left); categories become dummies.
            cluster: The level of assignment, as the rep; without it rows are independent.

        Raises:
            BadInput: Nothing was matched, the outcome is not known in both arms, or all rows lie in one cluster.
        """
        return self._fitted(outcome, covariates, cluster)[0]

    def rte(self, outcome: str, *, covariates: Sequence[str] = (), cluster: Hashable | None = None) -> Interval:
        """Return the relative treatment effect ATT / (E[Y(a)|a=1] − ATT) with its 95 % limits by the delta method.

        The limits are NaN where those of the effect are.

        Raises:
            BadInput: As ``att``; or the treated would have had nothing, so that no ratio exists.
        """
        effect, influence, y, treated, weight, groups = self._fitted(outcome, covariates, cluster)
        share = weight * treated / (weight @ treated)
        level = float(share @ y)
        base = level - effect.att
        if abs(base) < 1e-12 * max(abs(level), abs(effect.att), 1e-300):
            raise BadInput("Without the treatment the treated would have had 0, so a relative effect does not exist.")
        slope = share * (y - level)
        relative = (influence - effect.att / base * (slope - influence)) / base
        sums = np.bincount(groups, relative)
        error = float(np.sqrt(sums @ sums * len(sums) / (len(sums) - 1)))
        low, high, _ = student_limits(effect.att / base, error if effect.se_corrected > 0 else np.nan, effect.df)
        return Interval(effect.att / base, low, high)

    def _fitted(
        self, outcome: str, covariates: Sequence[str], cluster: Hashable | None
    ) -> tuple[Effect, Floats, Floats, Floats, Floats, Ints]:
        frame = need(self.frame, [outcome, *covariates, cluster])
        y, weight = numbers(frame, outcome), self.weights.to_numpy()
        kept = (weight > 0) & ~np.isnan(y)
        treated = flags(frame, self.treatment)
        if not (kept & treated).any() or not (kept & ~treated).any():
            raise BadInput(
                f"No treated unit with a known {outcome} has a matched control with one; "
                "match on fewer covariates or cut them more coarsely."
            )
        frame = frame[kept].reset_index(drop=True)
        groups = clusters(frame, cluster)
        parts = [np.ones((len(frame), 1)), *(_adjusting(frame[name]) for name in covariates)]
        y, weight, arm = y[kept], weight[kept], treated[kept].astype(float)
        found = fit(y, arm, np.hstack(parts), weight=weight, cluster=groups)
        return found.effect, found.influence, y, arm, weight, np.arange(len(y)) if groups is None else groups


def match(
    frame: pd.DataFrame, treatment: Hashable, covariates: Sequence[str], *, cutpoints: Cutpoints | None = None
) -> Match:
    """Match by coarsened exact matching, with the rules of R's ``cem`` as MatchIt runs it.

    Numbers are cut evenly from their smallest to their largest value into ⌈log₂ n + 1⌉ bins (Sturges), right-closed,
    the lowest included; anything else is matched exactly, and a missing value is a category of its own.

    Args:
        frame: One row a unit.
        treatment: Column of 0/1, booleans, or the words treated and control.
        covariates: Columns to match on.
        cutpoints: By covariate: a number of even bins, a list of cutpoints (values outside lie in two open bins), or
            for categories a list of lists to draw together.

    Raises:
        BadInput: A column is missing, an arm is empty, a covariate is never known, or nobody has a match.
    """
    names = listed(covariates)
    if not names:
        raise BadInput("Matching needs at least one covariate; name what decides who gets the treatment.")
    whole, index = need(frame, [treatment, *names]), frame.index
    given = dict(cutpoints or {})
    if unknown := [name for name in given if name not in names]:
        raise BadInput(
            f"Cutpoints are given for {unknown[0]}, which is not matched on; the covariates are {', '.join(names)}."
        )
    if treatment in names:
        raise BadInput(f"{treatment} is the treatment and cannot be matched on; take it out of the covariates.")
    treated = flags(whole, treatment)
    both_arms(treated, treatment)
    columns = [coarse(whole[name], given.get(name)) for name in names]
    strata = joined(columns)
    weight, kept = _weights(strata, treated)
    if not kept.any():
        raise BadInput(
            "No treated unit has a control that is like it; match on fewer covariates or cut them more coarsely."
        )
    return Match(
        frame=whole,
        treatment=treatment,
        covariates=tuple(names),
        matched={"treated": int((kept & treated).sum()), "control": int((kept & ~treated).sum())},
        total={"treated": int(treated.sum()), "control": int((~treated).sum())},
        weights=pd.Series(weight, index=index, name="weight"),
        strata=pd.Series(np.where(kept, strata, -1), index=index, name="stratum"),
        imbalance=imbalance(whole, names, strata, treated, weight),
        bins={name: _bins(whole[name], given.get(name)) for name in names if is_numeric(whole[name])},
    )


def match_to_coverage(
    frame: pd.DataFrame,
    treatment: Hashable,
    covariates: Sequence[str],
    *,
    coverage: float = COVERAGE,
    cutpoints: Cutpoints | None = None,
) -> Match:
    """Match, and coarsen step by step until at least ``coverage`` of the treated are kept.

    Each step halves the bins of the one numeric covariate that brings most coverage (of equals, the one that leaves the
    lower L1 on the fixed fine grid). Given cutpoints and categories are never touched. Where every free covariate is
    down to one bin the best that was found comes back; look at its ``coverage``.

    Raises:
        BadInput: As ``match``; or ``coverage`` is no share.
    """
    if not 0 < coverage <= 1:
        raise BadInput(f"The coverage wanted is a share above 0 and up to 1, not {coverage}.")
    whole, given = need(frame, [treatment, *covariates]), dict(cutpoints or {})
    free = {
        name: sturges_bins(scaled(whole[name])) for name in covariates if is_numeric(whole[name]) and name not in given
    }
    found = _try(frame, treatment, covariates, given | free)
    while (found is None or found.coverage < coverage) and any(bins > 1 for bins in free.values()):
        steps = []
        for name, bins in free.items():
            if bins > 1:
                tried = _try(frame, treatment, covariates, given | free | {name: bins // 2})
                gain = (tried.coverage, -float(tried.imbalance.loc["fine", "after"])) if tried else (0.0, 0.0)
                steps.append((gain, name, tried))
        _, name, found = max(steps, key=lambda step: step[:2])
        free[name] //= 2
    return found if found is not None else match(frame, treatment, covariates, cutpoints=given | free)


def _try(frame: pd.DataFrame, treatment: Hashable, covariates: Sequence[str], cutpoints: Cutpoints) -> Match | None:
    try:
        return match(frame, treatment, covariates, cutpoints=cutpoints)
    except BadInput as error:
        if "like it" in str(error):
            return None
        raise


def _weights(strata: Ints, treated: Flags) -> tuple[Floats, Flags]:
    cells = int(strata.max()) + 1
    own, other = (np.bincount(strata[arm], minlength=cells) for arm in (treated, ~treated))
    both = ((own > 0) & (other > 0))[strata]
    m_t, m_c = int((both & treated).sum()), int((both & ~treated).sum())
    ratio = own / np.maximum(other, 1) * (m_c / m_t if m_t else 0.0)
    weight: Floats = np.where(both, np.where(treated, 1.0, ratio[strata]), 0.0)
    return weight, both


def _bins(values: pd.Series, how: object) -> int | None:
    if how is None:
        return sturges_bins(scaled(values))
    return int(how) if isinstance(how, int | np.integer) else None


def _adjusting(values: pd.Series) -> Floats:
    """Return a covariate as columns of a regression; a missing number stands at the mean, and a column says so."""
    if not is_numeric(values):
        return dummies(codes(values))
    scale = scaled(values)
    gone = np.isnan(scale)
    filled = np.where(gone, 0.0 if gone.all() else float(np.nanmean(scale)), scale)
    return np.column_stack([filled, gone]) if gone.any() else filled[:, None]

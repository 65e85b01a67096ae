"""The three designs on plain frames: A/B inside the books, converters to steady use by CEM, and regions by DiD."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.measure import ab, cem, did, power
from copilot.measure.columns import flags
from copilot.measure.effect import Effect
from copilot.measure.event_study import event_study
from copilot.measure.ratios import rig
from copilot.measure.shock import Shock
from copilot.measure.verdict import Verdict, judge
from copilot.stats import NOT_KNOWN, Interval


@dataclass(frozen=True)
class Finding:
    """What one study found: the verdict first, then the effect, what it is relative to, and the tables behind it.

    ``lift`` is the effect relative to what the treated would have had. ``market_moved`` is how far the treated regions'
    market moved against the others', where that was asked and known. ``tables`` holds frames for the report:
    ``balance``, ``event`` (``key, att, se``), ``deciles`` (``decile, treated, control``), ``adoption`` and
    ``retention``, where the design has them.
    """

    verdict: Verdict
    effect: Effect
    lift: Interval
    outcome: str
    detectable: float
    placebo_p: float = math.nan
    coverage: float = math.nan
    l1: tuple[float, float] = (math.nan, math.nan)
    market_moved: float = math.nan
    notes: tuple[str, ...] = ()
    tables: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)


def experiment(
    rows: pd.DataFrame,
    *,
    outcome: str,
    strata: Sequence[str],
    smallest_effect: float,
    covariates: Sequence[str] = (),
    before: str | None = None,
) -> Finding:
    """Measure an A/B test inside the books.

    Args:
        rows: One row an account: ``account_id, book, arm``, the strata, ``target_usd`` and ``bookings_usd``; with
            ``looked`` (whether its rep looked at the scores at least once) the effect is that on those reps' books.
        outcome: The name of bookings / target, for the report.
        strata: What the arms are even over.
        smallest_effect: In the outcome's unit.
        covariates: For the table of balance.
        before: A column with the outcome of the time before, for the A/A test.

    Raises:
        BadInput: An arm is empty, or no account has a target.
    """
    looked = rows
    notes = []
    if "looked" in rows:
        seen = flags(rows, "looked")
        by = pd.Series(seen, index=rows.index).groupby(rows["book"]).transform("max")
        looked = rows[by]
        notes.append(
            f"{rows.loc[by, 'book'].nunique()} of {rows['book'].nunique()} reps looked at least once; "
            "books of the others are left out."
        )
        if looked.empty:
            raise BadInput("No rep has looked at the scores yet, so there is nobody to measure an effect on.")
    found = rig(looked, bookings="bookings_usd", target="target_usd", arm="arm", book="book", strata=strata)
    placebo_p = math.nan
    if before is not None and looked[before].notna().sum() >= 2:
        try:
            placebo_p = ab.effect(looked, outcome=before, arm="arm", book="book", strata=strata).p_corrected
        except BadInput:
            notes.append("The outcome of the time before is not known in both arms.")
    effect = found.difference
    verdict = judge(effect, smallest_effect=smallest_effect, within_books=True, placebo_p=placebo_p)
    scale = looked.assign(**{outcome: looked["bookings_usd"] / looked["target_usd"].where(looked["target_usd"] > 0)})
    tables = {"balance": ab.balance(looked, arm="arm", covariates=list(covariates))} if covariates else {}
    if "score" in looked and looked["score"].notna().sum() >= 100:
        tables["deciles"] = deciles(scale, outcome)
    notes += [note for note in (found.note,) if note]
    notes.append(
        f"Mean of ratios {found.treated:.3f} against {found.control:.3f}; ratio of sums {found.sum_treated:.3f} "
        f"against {found.sum_control:.3f} ({found.sum_lift.value:+.1%})."
    )
    return Finding(
        verdict, effect, found.lift, outcome, power.detectable(effect.se_corrected, effect.df),
        placebo_p=placebo_p, notes=tuple(notes), tables=tables,
    )  # fmt: skip


def steady_use(
    rows: pd.DataFrame, *, outcome: str, before: str, covariates: Sequence[str], smallest_effect: float
) -> Finding:
    """Measure what coming to use the copilot often changed, by CEM and weighted regression.

    Args:
        rows: One row an account: ``rep_id``, ``converted`` (1 for an infrequent user who became consistent, 0 for one
            who stayed infrequent; others must be left out), outcome, its value before, and the covariates.
        outcome: After the conversion.
        before: The same before: matched on, and the A/A test within the match.
        covariates: What decides who converts and what renewals bring.
        smallest_effect: In the outcome's unit.

    Raises:
        BadInput: As ``cem.match``.
    """
    known = rows.dropna(subset=[outcome])
    match = cem.match_to_coverage(known, "converted", list(covariates))
    effect = match.att(outcome, covariates=list(covariates), cluster="rep_id")
    lift = _or_unknown(match, outcome, covariates)
    placebo_p = math.nan
    if known[before].notna().sum() >= 2:
        placebo_p = match.att(before, covariates=list(covariates), cluster="rep_id").p_corrected
    verdict = judge(
        effect, smallest_effect=smallest_effect, within_books=False, placebo_p=placebo_p, coverage=match.coverage
    )
    notes = (
        f"Matched {match.matched['treated']} of {match.total['treated']} treated and {match.matched['control']} of "
        f"{match.total['control']} control accounts.",
    )
    return Finding(
        verdict, effect, lift, outcome, power.detectable(effect.se_corrected, effect.df),
        placebo_p=placebo_p, coverage=match.coverage, l1=(match.l1_before, match.l1_after), notes=notes,
        tables={"balance": ab.balance(known, arm="converted", covariates=list(covariates))},
    )  # fmt: skip


def regional(
    rows: pd.DataFrame,
    *,
    outcome: str,
    starts: pd.Timestamp,
    covariates: Sequence[str],
    smallest_effect: float,
    shock: Shock,
) -> Finding:
    """Measure a change in whole regions: match accounts, then compare how the outcome moved (000 §6.2).

    Args:
        rows: One row an account and period: ``account_id, rep_id, period, region_treated`` (0/1), the outcome and the
            covariates. Accounts need not renew in every period: the unit whose own level is taken out is the rep.
        outcome: The ratio.
        starts: The first treated period.
        covariates: To match on, known before the start.
        smallest_effect: In the outcome's unit.
        shock: How the regions' markets moved.

    Raises:
        BadInput: As ``cem.match`` and the regression.
    """
    known = rows.dropna(subset=[outcome]).reset_index(drop=True)
    after = known["period"] >= starts
    if not after.any() or after.all():
        raise BadInput(f"The study needs renewals before and after {starts:%Y-%m-%d}; choose other dates.")
    # Once for all: a unit stands with the same weight in every period, or the weights would move the outcome.
    once = known.drop_duplicates("account_id")
    match = cem.match_to_coverage(once, "region_treated", list(covariates))
    weight = match.weights.set_axis(once["account_id"].to_numpy())
    known["weight"] = known["account_id"].map(weight)
    known["now"] = (known["region_treated"].astype(bool) & (known["period"] >= starts)).astype(int)
    kept = known[known["weight"] > 0].reset_index(drop=True)
    # A rep works one region; its accounts of a period are rows of one group.
    effect = did.two_way(
        kept.assign(cell=kept["rep_id"]), unit="cell", time="period", treated="now", outcome=outcome,
        weights="weight", cluster="rep_id",
    )  # fmt: skip
    event, placebo_p = event_study(kept, outcome, starts)
    treated = kept[kept["now"] == 1]
    base = float(np.average(treated[outcome], weights=treated["weight"])) - effect.att
    lift = Interval(effect.att / base, effect.low / base, effect.high / base) if base > 0 else NOT_KNOWN
    verdict = judge(
        effect, smallest_effect=smallest_effect, within_books=False, placebo_p=placebo_p,
        coverage=match.coverage, shock=shock,
    )  # fmt: skip
    return Finding(
        verdict, effect, lift, outcome, power.detectable(effect.se_corrected, effect.df),
        placebo_p=placebo_p, coverage=match.coverage, l1=(match.l1_before, match.l1_after), market_moved=shock.moved,
        notes=("The relative effect takes what the treated would have had as known.",),
        tables={"event": event, "balance": ab.balance(once, arm="region_treated", covariates=list(covariates))},
    )  # fmt: skip


def deciles(rows: pd.DataFrame, outcome: str, score: str = "score") -> pd.DataFrame:
    """Return both arms' mean outcome in each tenth of the accounts by score, 1 being the highest.

    Args:
        rows: ``arm``, the outcome and the score.
        outcome: A numeric column.
        score: The predicted uplift, known before the start; read past the blanking, for it is about both arms.

    Returns:
        ``decile, treated, control, difference``.
    """
    known = rows.dropna(subset=[outcome, score])
    rank = known[score].rank(method="first", ascending=False)
    tenth = np.ceil(rank / len(known) * 10).astype(int)
    means = known.groupby([tenth.rename("decile"), "arm"])[outcome].mean().unstack()
    means = means.reindex(columns=["treated", "control"])
    return means.assign(difference=means["treated"] - means["control"]).reset_index()


def _or_unknown(match: cem.Match, outcome: str, covariates: Sequence[str]) -> Interval:
    try:
        return match.rte(outcome, covariates=list(covariates), cluster="rep_id")
    except BadInput:
        return NOT_KNOWN

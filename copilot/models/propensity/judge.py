"""The second stage and its figures: everything above the base learners is fitted on rows they have not seen.

Pooling, weights and calibration are fitted on the out-of-fold log-odds of four fifths of the accounts and judged on the
other fifth, in turn; the figures of the report are those of the judged rows. The model that is kept uses all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from copilot.models.propensity import components
from copilot.models.propensity.calibration import Calibration, expected_error, reliability
from copilot.models.propensity.held import Held
from copilot.models.propensity.learners import choose, log_losses
from copilot.models.propensity.linear import log_odds
from copilot.models.propensity.pooling import Pool
from copilot.models.propensity.tiers import cuts, lifts, tier
from copilot.stats import Floats, Interval, Ints, auc, auc_interval, mean_interval, standard_error

RESAMPLES = 300
Parts = list[tuple[Ints, Ints]]  # rows to learn from and to judge on


@dataclass(frozen=True)
class Second:
    """What was settled on the out-of-fold rows: the learners used, the way to the log-odds, pool, calibration, p."""

    used: tuple[str, ...]
    weights: Floats
    by_components: bool
    pool: Pool | None
    calibration: Calibration
    margin: Floats
    p: Floats
    report: dict[str, Any]


def settle(
    held: Held,
    y: Floats,
    named: npt.NDArray[Any],
    Z: Floats,
    region: npt.NDArray[Any] | None,
    column: str,
    names: tuple[str, ...],
    rng: np.random.Generator,
) -> Second:
    """Choose learners, weigh components, pool regions and calibrate, all on out-of-fold log-odds.

    Args:
        held: The out-of-fold predictions.
        y: The outcome of the held rows, both present.
        named: Their accounts.
        Z: Their standardised terms, for the regions' deviations.
        region: Their regions; None without pooling.
        column: What the region's column is called.
        names: The components.
        rng: Deals accounts into parts and resamples them.
    """
    parts = held.others()
    used, losses = choose(held.margins, y)
    direct: Floats = np.mean([held.margins[kind] for kind in used], axis=0)
    master = _master(held.chances, y, parts)
    by_components, compared = _compare(direct, master, y, named, names, rng)
    margin = master if by_components and master is not None else direct
    report: dict[str, Any] = {"learners": list(used), "learner_log_loss": losses} | compared
    weights = components.weigh(held.chances, y)
    if names:
        report["components"] = _by_component(held.chances, weights, y, named, names, rng)
    pool, pooled, report["pooling"] = _pool(margin, y, Z, region, column, parts)
    p = _calibrated(pooled, y, parts)
    calibration = Calibration.fit(pool.margin(region, margin, Z) if pool and region is not None else margin, y)
    report |= figures(y, p, pooled, held.part, named, rng)
    report |= _beyond(held.plain, pooled, y, named, report, rng)
    report |= {"calibration": calibration.method, "log_loss_uncalibrated": _loss(pooled, y)}
    return Second(used, weights, by_components, pool, calibration, pooled, p, report)


def figures(
    y: Floats, p: Floats, margin: Floats, part: Ints, named: npt.NDArray[Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Return the figures of out-of-fold probabilities; ``fit`` says what each is.

    The order is judged by the log-odds: the kept calibration does not change it, while five of them, one a part, would.
    The AUC is the mean over the parts: a part with many wins is judged by the others, which hold fewer, so that rows
    of two parts compare a little worse than rows of one model do.
    """
    table, at = reliability(y, p), cuts(margin)
    whole = auc_interval(y, margin, groups=named, rng=rng)
    moved = auc_within(y, margin, part) - whole.value
    found = Interval(*(min(1.0, edge + moved) for edge in (whole.value, whole.low, whole.high)))
    losses, share = log_losses(y, p), log_losses(y, np.full(len(y), y.mean()))
    # The learners were chosen by these very rows: the chances, calibrated on other accounts, have to be of use too.
    surer = mean_interval(share - losses, groups=named)
    skill = bool(found.low > 0.5 and surer.low > 0)
    limits = f"{found.low:.3f} to {found.high:.3f}"
    told = f"No measurable skill: the 95 % interval of the AUC, {limits}, does not lie above .5 (a guess)."
    if found.low > 0.5:
        told = f"No measurable skill: the AUC is {found.value:.3f} ({limits}), but the chances beat no plain share."
    return {
        "auc": found.as_dict(),
        "log_loss": float(losses.mean()),
        "log_loss_share": float(share.mean()),
        "brier": mean_interval((p - y) ** 2, groups=named).as_dict(),
        "brier_share": float(y.var()),
        "ece": expected_error(table),
        "reliability": table,
        "tiers": lifts(y, tier(margin, at), named, rng),
        "skill": skill,
        "note": None if skill else told,
    }


def _beyond(
    plain: Floats, margin: Floats, y: Floats, named: npt.NDArray[Any], report: dict[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Return what the model adds to the best plain column; without a sure gain there is no skill to show."""
    if not plain.any():
        return {}
    gain = paired_auc(y, margin, plain, named, rng)
    found = {"auc_plain": auc(y, plain), "gain_over_plain": gain.as_dict()}
    if not report["skill"] or gain.low > 0:
        return found
    limits = f"{gain.low:.3f} to {gain.high:.3f}"
    told = (
        f"No measurable skill beyond one plain column (size, tenure): the 95 % interval of the gain in AUC is {limits}."
    )
    return found | {"skill": False, "note": told}


def auc_within(y: Floats, score: Floats, part: Ints) -> float:
    """Return the AUC within parts of the accounts, weighted by the pairs that each compares."""
    areas, pairs = [], []
    for k in np.unique(part):
        inside = part == k
        ones = y[inside].sum()
        if 0 < ones < inside.sum():
            areas.append(auc(y[inside], score[inside]))
            pairs.append(float(ones * (inside.sum() - ones)))
    return float(np.average(areas, weights=pairs)) if areas else auc(y, score)


def paired_auc(y: Floats, a: Floats, b: Floats, named: npt.NDArray[Any], rng: np.random.Generator) -> Interval:
    """Return AUC(a) − AUC(b) with 95 % limits from resampled accounts."""
    account = np.unique(named, return_inverse=True)[1]
    members = np.split(np.argsort(account, kind="stable"), np.cumsum(np.bincount(account))[:-1])
    drawn = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        if 0 < y[rows].mean() < 1:
            drawn.append(auc(y[rows], a[rows]) - auc(y[rows], b[rows]))
    low, high = np.quantile(drawn, (0.025, 0.975)) if drawn else (np.nan, np.nan)
    return Interval(auc(y, a) - auc(y, b), float(low), float(high))


def _master(p: Floats, y: Floats, parts: Parts) -> Floats | None:
    """Return the master's log-odds, its weights fitted on other accounts; None without components."""
    if np.isnan(p).all():
        return None
    found = np.zeros(len(y))
    for learn, asked in parts:
        weights = components.weigh(p[learn], y[learn])
        found[asked] = log_odds(components.mixture(p[asked], weights, float(y[learn].mean())))
    return found


def _compare(
    direct: Floats, master: Floats | None, y: Floats, named: npt.NDArray[Any], names: tuple[str, ...],
    rng: np.random.Generator,
) -> tuple[bool, dict[str, Any]]:  # fmt: skip
    """Say which of the two orders better.

    A sum of chances cannot let one component's evidence add to another's. The direct model is kept where it is better
    at all: a standard error of the AUC can be a tenth of the skill of an APS.
    """
    if master is None:
        return False, {"predicts_with": "direct", "auc_direct": auc(y, direct)}
    gain = paired_auc(y, direct, master, named, rng)
    found = {"auc_direct": auc(y, direct), "auc_master": auc(y, master), "direct_minus_master": gain.as_dict()}
    by_components = bool(names) and gain.value <= 0
    return by_components, found | {"predicts_with": "master" if by_components else "direct"}


def _by_component(
    p: Floats, weights: Floats, y: Floats, named: npt.NDArray[Any], names: tuple[str, ...], rng: np.random.Generator
) -> dict[str, Any]:
    found = {}
    for k, name in enumerate(names):
        there = ~np.isnan(p[:, k])
        varied = bool(there.any()) and 0 < y[there].mean() < 1
        area = auc_interval(y[there], p[there, k], groups=named[there], rng=rng).as_dict() if varied else None
        found[name] = {"weight": float(weights[k]), "auc": area, "known_share": float(there.mean())}
    return found


def _pool(
    margin: Floats, y: Floats, Z: Floats, region: npt.NDArray[Any] | None, column: str, parts: Parts
) -> tuple[Pool | None, Floats, dict[str, Any] | None]:
    """Return the pool of all rows and its out-of-fold log-odds, unless one model for all is better by a standard error.

    The deviations shrink by themselves, so a doubt speaks for them. Terms of a region's own have to be better by a
    standard error than level and slope alone.
    """
    if region is None:
        return None, margin, None
    ways = {"one model": margin}
    for way, terms in (("level and slope", False), ("own terms", True)):
        ways[way] = np.zeros(len(y))
        for learn, asked in parts:
            learned = Pool.fit(column, region[learn], margin[learn], Z[learn], y[learn], terms=terms)
            ways[way][asked] = learned.margin(region[asked], margin[asked], Z[asked])
    losses = {way: log_losses(y, _calibrated(found, y, parts)) for way, found in ways.items()}
    kept = "level and slope" if not _better(losses, "one model", "level and slope") else "one model"
    if _better(losses, "own terms", "level and slope") and not _better(losses, "one model", "own terms"):
        kept = "own terms"
    pool = Pool.fit(column, region, margin, Z, y, terms=kept == "own terms")
    report = {
        "column": column,
        "kept": kept,
        "log_loss": {way: float(loss.mean()) for way, loss in losses.items()},
        "rows": dict(zip(pool.names, pool.rows, strict=True)),
        "variances": dict(pool.variances),
    }
    return None if kept == "one model" else pool, ways[kept], report


def _better(losses: dict[str, Floats], this: str, other: str) -> bool:
    """Say whether one way's loss is lower than the other's by more than a standard error of the difference."""
    gain = losses[other] - losses[this]
    return bool(gain.mean() > standard_error(gain))


def _calibrated(margin: Floats, y: Floats, parts: Parts) -> Floats:
    p = np.zeros(len(y))
    for learn, asked in parts:
        p[asked] = Calibration.fit(margin[learn], y[learn]).chance(margin[asked])
    return p


def _loss(margin: Floats, y: Floats) -> float:
    return float((np.logaddexp(0, margin) - y * margin).mean())

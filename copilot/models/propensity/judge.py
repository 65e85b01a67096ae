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
from copilot.models.propensity.learners import choose, log_loss, log_losses
from copilot.models.propensity.linear import log_odds
from copilot.models.propensity.pooling import Pool
from copilot.models.propensity.tiers import cuts, lifts, tier
from copilot.stats import Floats, Fold, Interval, auc, auc_interval, folds, mean_interval

RESAMPLES = 300


@dataclass(frozen=True)
class Second:
    """What was settled on the out-of-fold rows: the learners used, the way to the log-odds, pool, calibration, p."""

    used: tuple[str, ...]
    weights: Floats
    by_components: bool
    pool: Pool | None
    calibration: Calibration
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
    parts = folds(named, None, rng=rng)
    used, losses = choose(held.margins, y)
    direct: Floats = np.mean([held.margins[kind] for kind in used], axis=0)
    master = _master(held.parts, y, parts)
    by_components, compared = _compare(direct, master, y, named, names, rng)
    margin = master if by_components and master is not None else direct
    report: dict[str, Any] = {"learners": list(used), "learner_log_loss": losses} | compared
    weights = components.weigh(held.parts, y)
    if names:
        report["components"] = _by_component(held.parts, weights, y, named, names, rng)
    pool, pooled, report["pooling"] = _pool(margin, y, Z, region, column, parts)
    p = _calibrated(pooled, y, parts)
    calibration = Calibration.fit(pool.margin(region, margin, Z) if pool and region is not None else margin, y)
    report |= figures(y, p, named, rng) | {"calibration": calibration.method, "log_loss_uncalibrated": _loss(pooled, y)}
    return Second(used, weights, by_components, pool, calibration, p, report)


def figures(y: Floats, p: Floats, named: npt.NDArray[Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return the figures of out-of-fold probabilities; ``fit`` says what each is."""
    table, at = reliability(y, p), cuts(p)
    found = auc_interval(y, p, groups=named, rng=rng)
    skill = bool(found.low > 0.5)
    told = f"No measurable skill: the 95 % interval of the AUC, {found.low:.3f} to {found.high:.3f}, includes .5 (a guess)."
    return {
        "auc": found.as_dict(),
        "log_loss": log_loss(y, p),
        "log_loss_share": log_loss(y, np.full(len(y), y.mean())),
        "brier": mean_interval((p - y) ** 2, groups=named).as_dict(),
        "brier_share": float(y.var()),
        "ece": expected_error(table),
        "reliability": table,
        "tiers": lifts(y, tier(p, at), named, rng),
        "skill": skill,
        "note": None if skill else told,
    }


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


def _master(p: Floats, y: Floats, parts: list[Fold]) -> Floats | None:
    """Return the master's log-odds, its weights fitted on other accounts; None without components."""
    if np.isnan(p).all():
        return None
    found = np.zeros(len(y))
    for part in parts:
        weights = components.weigh(p[part.train], y[part.train])
        found[part.test] = log_odds(components.mixture(p[part.test], weights, float(y[part.train].mean())))
    return found


def _compare(
    direct: Floats, master: Floats | None, y: Floats, named: npt.NDArray[Any], names: tuple[str, ...],
    rng: np.random.Generator,
) -> tuple[bool, dict[str, Any]]:  # fmt: skip
    """Say which of the two orders better. A sum of chances cannot let one component's evidence add to another's, so
    the direct model is kept where it is better at all: a standard error of the AUC is a tenth of the skill of an APS."""
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
    margin: Floats, y: Floats, Z: Floats, region: npt.NDArray[Any] | None, column: str, parts: list[Fold]
) -> tuple[Pool | None, Floats, dict[str, Any] | None]:
    """Return the pool of all rows where it predicts other accounts better than one model for all, and its log-odds."""
    if region is None:
        return None, margin, None
    pooled = np.zeros(len(y))
    for part in parts:
        learned = Pool.fit(column, region[part.train], margin[part.train], Z[part.train], y[part.train])
        pooled[part.test] = learned.margin(region[part.test], margin[part.test], Z[part.test])
    losses = {way: log_losses(y, _calibrated(found, y, parts)) for way, found in (("one", margin), ("own", pooled))}
    better = float(losses["own"].mean()) < float(losses["one"].mean())
    pool = Pool.fit(column, region, margin, Z, y)
    report = {
        "column": column,
        "kept": better,
        "log_loss_pooled": float(losses["own"].mean()),
        "log_loss_one_model": float(losses["one"].mean()),
        "rows": dict(zip(pool.names, pool.rows, strict=True)),
        "variances": dict(pool.variances),
    }
    return (pool, pooled, report) if better else (None, margin, report)


def _calibrated(margin: Floats, y: Floats, parts: list[Fold]) -> Floats:
    p = np.zeros(len(y))
    for part in parts:
        p[part.test] = Calibration.fit(margin[part.train], y[part.train]).chance(margin[part.test])
    return p


def _loss(margin: Floats, y: Floats) -> float:
    return float((np.logaddexp(0, margin) - y * margin).mean())

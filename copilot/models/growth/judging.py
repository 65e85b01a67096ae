"""Judge growth out of fold: which target orders books best, how well signs are told, and whether it beats size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.models.growth.targets import SIGNS, TARGETS
from copilot.stats import Floats, Interval, Ints, auc, auc_interval, mean_interval, spearman

CAPTURED = 0.2
LEAST_IN_BOOK = 5
RESAMPLES = 300
BINS = 10
LIKELY = 9.21  # the 1 % point of a χ² with two degrees of freedom


def in_book(told: Floats, actual: Floats, book: npt.NDArray[Any]) -> float:
    """Return the mean Spearman correlation inside books, weighted by their accounts; one book gives the plain one."""
    total = weight = 0.0
    order = np.argsort(book, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(book[order])) + 1):
        found = spearman(told[rows], actual[rows]) if len(rows) >= LEAST_IN_BOOK else np.nan
        if np.isfinite(found):
            total, weight = total + len(rows) * found, weight + len(rows)
    return total / weight if weight else np.nan


def choose(judged: pd.DataFrame, actual: Floats, book: npt.NDArray[Any]) -> tuple[str, dict[str, Any], str]:
    """Return the target that orders books best, the figures of each, and the reason.

    The in-book Spearman correlation is taken fold by fold; within two standard errors of the best (of the paired
    differences over folds) the simplest target is used: with a few hundred rows chance decides between them. A target
    that tells most accounts of a fold the same number orders a handful of them and is of no use, however well it does.

    Args:
        judged: Out-of-fold predictions: ``fold``, ``churn`` and a change for each target.
        actual: (n,), the true change of each row of ``judged``.
        book: (n,), numbers of books.
    """
    by_fold = {name: [] for name in TARGETS}  # type: dict[str, list[float]]
    for rows in judged.groupby("fold").indices.values():
        for name in TARGETS:
            by_fold[name].append(in_book(judged[name].to_numpy()[rows], actual[rows], book[rows]))
    values = {name: np.nan_to_num(np.asarray(found)) for name, found in by_fold.items()}
    able = [name for name in TARGETS if _tells_apart(judged[name], judged["fold"])] or list(TARGETS)
    best = max(able, key=lambda name: float(values[name].mean()))
    figures: dict[str, Any] = {}
    for name in TARGETS:
        gap = values[best] - values[name]
        error = float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else 0.0
        risk = judged["churn"] if name == "hurdle" else -judged[name]
        figures[name] = {"spearman_in_book": float(values[name].mean()), "behind": float(gap.mean()), "se": error}
        figures[name] |= {"auc_churn": auc(actual < 0, risk), "capture_20": capture(risk.to_numpy(), actual < 0)}
        figures[name]["mae"] = float(np.abs(judged[name].to_numpy() - actual).mean())
    chosen = next(name for name in able if figures[name]["behind"] <= 2 * figures[name]["se"] or name == best)
    if chosen == best:
        return chosen, figures, f"The {chosen} target orders accounts best out of fold."
    return chosen, figures, f"The {chosen} target is the simplest within two standard errors of the {best} target."


def _tells_apart(told: pd.Series, fold: pd.Series) -> bool:
    """Whether fewer than half of the accounts of a typical fold are told one and the same number."""
    common = told.groupby(fold).agg(lambda values: values.value_counts(normalize=True).iloc[0])
    return bool(common.median() < 0.5)


def judge(
    judged: pd.DataFrame, actual: Floats, book: npt.NDArray[Any], groups: npt.NDArray[Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Return the figures of the chosen target.

    Args:
        judged: Out-of-fold ``delta``, ``churn``, ``up`` and ``by_size`` (the ordering that needs no model).
        actual: (n,), the true changes.
        book: (n,), numbers of books.
        groups: (n,), accounts; limits respect them.
        rng: Draws accounts.
    """
    report: dict[str, Any] = {"n_judged": len(judged)}
    delta, lost = judged["delta"].to_numpy(), actual < 0
    for sign, happened in (("churn", lost), ("up", actual > 0)):
        report[f"share_{sign}"] = happened.mean()
        varied = 0 < happened.mean() < 1
        told = auc_interval(happened, judged[sign], groups=groups, rng=rng).as_dict() if varied else None
        report[f"auc_{sign}"] = told
    report["capture_20"] = capture(judged["churn"].to_numpy(), lost) if lost.any() else None
    report["spearman"] = spearman(delta, actual)
    report["spearman_in_book"] = in_book(delta, actual, book)
    report["mae"] = mean_interval(np.abs(delta - actual), groups=groups).as_dict()
    report["mae_no_change"] = float(np.abs(actual).mean())
    if report["auc_churn"]:
        report["auc_size"] = auc(lost, judged["by_size"])
        report["gain_over_size"] = _gain(lost, judged, groups, rng)
    above_guess = report["auc_churn"] is not None and report["auc_churn"]["low"] > 0.5
    report["skill"] = bool(above_guess and report["gain_over_size"]["value"] > 0)
    report["note"] = _note(report)
    return report


def capture(risk: Floats, lost: npt.NDArray[np.bool_]) -> float:
    """Return the share of shrinking accounts among the fifth at the highest risk; NaN where none shrank."""
    top = pd.Series(risk).rank(method="first", ascending=False).to_numpy() <= CAPTURED * len(risk)
    return float(lost[top].sum() / lost.sum()) if lost.any() else np.nan


def toward(lost: npt.NDArray[np.bool_], sizes: Floats) -> float:
    """Return 1 where large accounts shrank more often in the past, else −1: the baseline needs no model."""
    return 1.0 if lost.any() and not lost.all() and auc(lost, sizes) >= 0.5 else -1.0


def calibration(chance: Floats, happened: npt.NDArray[np.bool_]) -> tuple[dict[str, Any], tuple[float, float]]:
    """Return how out-of-fold chances compare with what happened, and the map that mends them.

    Returns:
        ``slope`` and ``intercept`` of the logistic regression on the chance's log-odds (1 and 0 where calibrated),
        ``brier`` and that of the plain share, ``bins`` (mean chance, observed share and number in ten equal parts) and
        ``mended``; then the intercept and slope to apply, (0, 1) unless a likelihood-ratio test at 1 % asks for more.
    """
    odds = _odds(chance)
    intercept, slope, gain = _logistic(odds, happened.astype(float))
    mended = gain > LIKELY and slope > 0
    parts = [rows for rows in np.array_split(np.argsort(chance, kind="stable"), BINS) if len(rows)]
    report = {
        "slope": slope,
        "intercept": intercept,
        "brier": float(np.mean((chance - happened) ** 2)),
        "brier_of_share": float(happened.mean() * (1 - happened.mean())),
        "bins": [{"told": chance[rows].mean(), "seen": happened[rows].mean(), "n": len(rows)} for rows in parts],
        "mended": mended,
    }
    return report, (intercept, slope) if mended else (0.0, 1.0)


def mend(chance: Floats, by: tuple[float, float]) -> Floats:
    """Apply the map of ``calibration`` to chances."""
    if tuple(by) == (0.0, 1.0):
        return chance
    found: Floats = 1 / (1 + np.exp(-(by[0] + by[1] * _odds(chance))))
    return found


def _odds(chance: Floats) -> Floats:
    inner = np.clip(chance, 1e-6, 1 - 1e-6)
    found: Floats = np.log(inner / (1 - inner))
    return found


def _logistic(odds: Floats, happened: Floats) -> tuple[float, float, float]:
    """Return intercept, slope and twice the log-likelihood gained over (0, 1); a whisper of ridge keeps it finite."""
    design, beta = np.column_stack([np.ones(len(odds)), odds]), np.array([0.0, 1.0])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        curve = (design * (p * (1 - p))[:, None]).T @ design + 1e-3 * np.eye(2)
        step = np.linalg.solve(curve, design.T @ (happened - p) - 1e-3 * (beta - [0.0, 1.0]))
        beta = beta + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-8:
            break

    def loss(at: Floats) -> float:
        margin = np.where(happened > 0, 1, -1) * (design @ at)
        return float(np.logaddexp(0, -margin).sum())

    return float(beta[0]), float(beta[1]), 2 * (loss(np.array([0.0, 1.0])) - loss(beta))


def _note(report: Mapping[str, Any]) -> str | None:
    if report["auc_churn"] is None:
        return "No measurable skill: no account, or every account, shrank; the chance to shrink is the plain share."
    if report["skill"]:
        return None
    found = report["auc_churn"]
    interval = f"AUC {found['value']:.3f}, 95 % interval {found['low']:.3f} to {found['high']:.3f}"
    return (
        f"No measurable skill for shrinking accounts: {interval}; ordering by size alone has {report['auc_size']:.3f}."
    )


def _gain(
    lost: npt.NDArray[np.bool_], judged: pd.DataFrame, groups: npt.NDArray[Any], rng: np.random.Generator
) -> dict[str, float | None]:
    """Return the AUC gained over ordering by size, with 95 % limits from resampled accounts."""
    scores = [judged["churn"].to_numpy(), judged["by_size"].to_numpy()]
    orders = [np.argsort(score, kind="stable") for score in scores]
    starts = [
        np.flatnonzero(np.r_[True, np.diff(score[order]) > 0]) for score, order in zip(scores, orders, strict=True)
    ]
    account = np.unique(groups, return_inverse=True)[1]
    members = int(account.max()) + 1
    drawn = []
    for _ in range(RESAMPLES):
        weight = rng.multinomial(members, np.full(members, 1 / members))[account].astype(float)
        if 0 < (weight * lost).sum() < weight.sum():
            model, size = (
                _area(lost[order], weight[order], first) for order, first in zip(orders, starts, strict=True)
            )
            drawn.append(model - size)
    low, high = np.quantile(drawn, (0.025, 0.975)) if drawn else (np.nan, np.nan)
    return Interval(auc(lost, scores[0]) - auc(lost, scores[1]), float(low), float(high)).as_dict()


def _area(lost: npt.NDArray[np.bool_], weight: Floats, starts: Ints) -> float:
    """Return the weighted AUC of rows in the order of their score; rows between two ``starts`` are tied."""
    up, down = np.add.reduceat(weight * lost, starts), np.add.reduceat(weight * ~lost, starts)
    return float(up @ (np.cumsum(down) - down / 2)) / float(up.sum() * down.sum())


__all__ = ["SIGNS", "calibration", "capture", "choose", "in_book", "judge", "mend", "toward"]

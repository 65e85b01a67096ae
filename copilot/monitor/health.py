"""Say how a model fares: which inputs and scores have moved, whether its forecasts got worse, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any

import numpy as np
import pandas as pd

from copilot.data.feature_page import shown, window
from copilot.data.specs import FeatureSpec
from copilot.monitor.drift import psi
from copilot.sketch import numbers, numeric
from copilot.stats import Interval
from copilot.text.cells import Unit

# The least PSI that calls for a training: a fifth of a standard deviation, Cohen's small effect. Less of a shift, as
# between two months, changes few decisions.
FLOOR = 0.04
# Some feature always moves: an account's tenure grows with the calendar. Inputs count as moved once the features that
# did carry a tenth of what the model goes by.
LEAST_WEIGHT = 0.1
# A loss that matters: of AUC; of the error as a share of the card's; and chances off by so much on average.
LEAST_AUC, LEAST_ERROR, LEAST_GAP = 0.02, 0.05, 0.03
NORMAL_95 = 1.96
SURE = 2.58 / NORMAL_95  # alarms are on the 99 % level: a check judges several figures

Side = tuple[pd.DataFrame, pd.Series]  # inputs and scores of one day


@dataclass(frozen=True)
class Move:
    """How far one column moved: its PSI, the threshold, and both days in words."""

    name: str
    words: str
    psi: float
    threshold: float

    @property
    def beyond(self) -> bool:
        """Whether it passed its threshold."""
        return self.psi > self.threshold


@dataclass(frozen=True)
class Quality:
    """A model's figure on labels that were not known at its training, beside the one on its card; in the card's unit.

    ``now`` and ``gap`` have 95 % limits that respect accounts; ``worse`` is by more than matters and chance explains.
    ``guess`` is the simple guess's error on the same rows, ``gap`` what chances said less what came true.
    """

    what: str
    card: float
    now: Interval
    rows: int
    first: str
    last: str
    worse: bool
    guess: float | None = None
    gap: Interval | None = None

    @property
    def words(self) -> str:
        """Both figures in a sentence."""
        digits = 3 if self.now.value < 1 else 2
        value, low, high = (f"{number:.{digits}f}" for number in (self.now.value, self.now.low, self.now.high))
        more = "" if self.guess is None else f"; repeating the last value: {self.guess:.{digits}f}"
        if self.gap is not None:
            off, *ends = (100 * number for number in (self.gap.value, self.gap.low, self.gap.high))
            more = f"; its chances less what came true: {off:+.1f} points ({ends[0]:+.1f} to {ends[1]:+.1f})"
        return (
            f"{self.what} {value} (95 % interval {low} to {high}) against {self.card:.{digits}f} at training, on "
            f"{self.rows:,} labels of {self.first} to {self.last}{more}"
        )


@dataclass(frozen=True)
class Part:
    """One thing a model predicts, on the day of its training and today.

    Attributes:
        words: What it predicts.
        rows: Rows scored on either day.
        checked: How many inputs were compared.
        moved: The inputs beyond their thresholds, the worst first.
        weight: Which share of what the model goes by the moved ones carry (all inputs alike where it has no trees).
        gone: Inputs that the book no longer has.
        scores: The scores of all accounts.
        quality: On later labels; None where ``unknown`` says why not.
        unknown: What is not known, in a sentence, or empty.
    """

    words: str
    rows: tuple[int, int]
    checked: int
    moved: tuple[Move, ...]
    weight: float
    gone: tuple[str, ...]
    scores: Move
    quality: Quality | None
    unknown: str = ""


@dataclass(frozen=True)
class Health:
    """One model in use. ``note`` says why there is nothing to compare, where there is nothing."""

    model: str
    version: str
    since: str
    trained_as_of: str
    today: str
    parts: tuple[Part, ...] = ()
    note: str = ""

    @property
    def state(self) -> str:
        """One of: worse, scores moved, inputs moved, healthy, not compared."""
        if not self.parts:
            return "not compared"
        if any(part.quality is not None and part.quality.worse for part in self.parts):
            return "worse"
        if any(part.scores.beyond for part in self.parts):
            return "scores moved"
        moved = any(part.weight >= LEAST_WEIGHT or part.gone for part in self.parts)
        return "inputs moved" if moved else "healthy"

    @property
    def alarms(self) -> bool:
        """Whether something calls for a training."""
        return self.state not in ("healthy", "not compared")

    @property
    def verdict(self) -> str:
        """One sentence with what to do."""
        if not self.alarms:
            return f"{self.model}: {self.note or 'healthy'}"
        said = "its forecasts got worse" if self.state == "worse" else self.state
        return f"{self.model}: {said}; train a challenger: sales-copilot train --model {self.model} --challenger"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in JSON's types."""
        from dataclasses import asdict

        from copilot.models.registry import plain

        found: dict[str, Any] = plain(asdict(self))
        return found | {"alarms": self.alarms, "state": self.state, "verdict": self.verdict}


def compare(
    words: str,
    then: Side,
    now: Side,
    *,
    specs: Mapping[str, FeatureSpec],
    unit: Unit,
    season: Side | None = None,
    importance: Mapping[str, float] | None = None,
    quality: Quality | None = None,
    unknown: str = "",
) -> Part:
    """Compare the inputs and scores of two days.

    Args:
        words: What is predicted.
        then: The inputs on the day of training, one row a scored account, and what the model says of them.
        now: Today's; a column of ``then`` that it lacks counts as gone.
        specs: Labels and units by feature, where known.
        unit: Of the scores.
        season: Those of a year before, where the model learned from it: what has moved against the day of training
            alone is the season.
        importance: Each feature's share of what the model goes by; empty where that is not known.
        quality: On later labels.
        unknown: Why there is none.

    Raises:
        BadInput: Fewer than 10 rows on a day.
    """
    gone = tuple(str(name) for name in then[0].columns if name not in now[0].columns)
    names = [name for name in then[0].columns if name not in gone]
    found = _least(then[0][names], now[0][names], season[0][names] if season else None)
    moved = found[found["moved"]].sort_values("psi", ascending=False)
    moves = tuple(
        Move(
            name,
            f"{label(name, specs)}: {change(then[0][name], now[0][name], _unit(name, specs))}",
            float(value),
            float(limit),
        )
        for name, value, limit in moved[["feature", "psi", "threshold"]].itertuples(index=False)
    )
    weights = importance or dict.fromkeys(found["feature"], 1 / len(found))
    weight = float(sum(weights.get(move.name, 0.0) for move in moves))
    told = [side[1].to_frame("score") if side else None for side in (then, now, season)]
    least = _least(*told).iloc[0]
    score = Move("score", change(then[1], now[1], unit), float(least["psi"]), float(least["threshold"]))
    return Part(words, (len(then[0]), len(now[0])), len(found), moves, weight, gone, score, quality, unknown)


def _least(then: pd.DataFrame, now: pd.DataFrame, season: pd.DataFrame | None) -> pd.DataFrame:
    """Return the PSI against the day of training or, column by column, against the season where that is nearer."""
    found = psi(then, now, floor=FLOOR)
    if season is None:
        return found
    other = psi(season, now, floor=FLOOR)
    nearer = other["psi"] / other["threshold"] < found["psi"] / found["threshold"]
    return found.mask(nearer, other)


def quality_of(
    what: str,
    card: Interval,
    now: Interval,
    *,
    rows: int,
    days: pd.Series,
    guess: float | None = None,
    gap: Interval | None = None,
) -> Quality:
    """Judge a figure on later labels against the card's: with ``gap`` an AUC (more is better), else an error.

    Args:
        what: The figure's name.
        card: The card's figure with 95 % limits.
        now: The later one, likewise.
        rows: On how many labels.
        days: The labels' days.
        guess: The simple guess's error on the same rows.
        gap: Mean of the chances said less what came true, with 95 % limits.
    """
    loss = now.value - card.value if gap is None else card.value - now.value
    least = LEAST_ERROR * card.value if gap is None else LEAST_AUC
    doubt = SURE * hypot(*((one.high - one.low) / 2 for one in (card, now)))  # of the difference
    worse = loss > doubt and loss > least  # not where a limit is not known: NaN compares as False
    if gap is not None:
        worse |= abs(gap.value) > SURE * (gap.high - gap.low) / 2 and abs(gap.value) > LEAST_GAP
    first, last = (str(day)[:10] for day in (days.min(), days.max()))
    return Quality(what, card.value, now, rows, first, last, bool(worse), guess, gap)


def label(name: str, specs: Mapping[str, FeatureSpec]) -> str:
    """Return a feature in words with its window, as "minutes of use, last 3 months"."""
    spec = specs.get(name)
    if spec is None:
        return name.replace("_", " ")
    return spec.label + (f", {window(spec)}" if spec.window is not None else "")


def change(before: pd.Series, now: pd.Series, unit: Unit) -> str:
    """Say how a column moved: its missing share, its commonest value, its median or, where that stayed, its mean."""
    if not (numeric(before) or numeric(now)):
        return _text(before, now)
    values = [part[np.isfinite(part)] for part in (numbers(before), numbers(now))]
    lacks = [1 - len(known) / max(len(all_), 1) for known, all_ in zip(values, (before, now), strict=True)]
    if not all(map(len, values)) or abs(lacks[1] - lacks[0]) >= 0.05:
        return f"missing {lacks[0]:.0%} → {lacks[1]:.0%}"
    if unit == "flag":
        return " → ".join(f"{known.mean():.0%}" for known in values)
    ways: tuple[tuple[str, Callable[[Any], Any]], ...] = (
        ("median", np.median), ("mean", np.mean), ("lower tenth", lambda x: np.quantile(x, 0.1)),
        ("upper tenth", lambda x: np.quantile(x, 0.9)),
    )  # fmt: skip
    for name, figure in ways:
        old, new = (shown(float(figure(known)), unit) for known in values)
        if old != new:
            return f"{name} {old} → {new}"
    return "another shape around the same middle"


def _text(before: pd.Series, now: pd.Series) -> str:
    shares = [
        part.astype("object").map(str, na_action="ignore").value_counts() / max(len(part), 1) for part in (before, now)
    ]
    both = pd.concat(shares, axis=1, keys=["before", "now"]).fillna(0.0)
    if both.empty:
        return "nothing is known"
    most = (both["now"] - both["before"]).abs().idxmax()
    return f"{most} {both.loc[most, 'before']:.0%} → {both.loc[most, 'now']:.0%}"


def _unit(name: str, specs: Mapping[str, FeatureSpec]) -> Unit:
    return specs[name].unit if name in specs else "count"

"""From contributions to reasons: the strongest narrative of each family, ranked (MATHS §6; CrystalCandle, Figure 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from copilot.data.features import FeatureSpec
from copilot.explain.insights import PERCENTAGES, Insight, Part, insights, looks_the_same, tagged
from copilot.explain.places import NO_PLACES, Places
from copilot.explain.thresholds import Actionable, Thresholds

TOP = 5
COLUMNS = [
    "account_id",
    "about",
    "rank",
    "category",
    "ultra",
    "super",
    "insight",
    "label",
    "unit",
    "importance",
    "weight",
    "push",
    "current",
    "previous",
    "period",
    "since",
    "price",
    "dim_1",
    "by_1",
    "in_1",
    "dim_2",
    "by_2",
    "in_2",
    "place",
    "peers",
    "segment",
    "news",
    "current_feature",
    "previous_feature",
]
# Whether a rise of the prediction is good news; what a touch adds is neither.
GOOD = {"churn": -1, "upsell": 1}


@dataclass(frozen=True)
class Yardstick:
    """What one account's reasons are held against: taken from all accounts, before any is explained.

    Attributes:
        thresholds: Which insights may be shown.
        actionable: What a rep can act on counts for more.
        places: Where accounts stand in their segment.
        signs: For each model and feature: 1 where the model's contributions rise with the value, -1 where they fall,
            absent where they do neither.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    actionable: Actionable = field(default_factory=Actionable)
    places: Places = NO_PLACES
    signs: Mapping[tuple[str, str], int] = field(default_factory=dict)


def reasons(
    about: str,
    contributions: np.ndarray,
    features: pd.DataFrame,
    specs: list[FeatureSpec],
    *,
    top: int = TOP,
    told: list[Insight] | None = None,
    by: Yardstick | None = None,
) -> pd.DataFrame:
    """Return each account's strongest reasons, one a family, the strongest first.

    An insight's importance is the largest |contribution| of the features it shows, account by account. Of one family
    (ultra feature) the insight with the largest survives. What contributes less than the account's average insight is
    no reason.

    Args:
        about: What the contributions explain: churn, upsell, uplift or facts.
        contributions: ``(n, f)``, one column a spec, no bias; positive pushes the prediction up.
        features: ``(n, f)`` raw values indexed by account id, columns named as the specs.
        specs: The specs in the order of the columns.
        top: How many reasons an account keeps.
        told: The insights that the features allow, where the book's history rules some out; all of them unless given.
        by: Thresholds, weights, places and the model's directions; none unless given.

    Returns:
        ``COLUMNS``: rank is by weight, the importance times what being actionable adds; push is the sign of the sum of
        the shown features' contributions; current and previous are the newest value and the one it is compared with
        (null where it is told as a level); ``place`` is 1 to 3 from the top of the segment, -1 to -3 from its
        bottom, 0 elsewhere; ``news`` is 1 or -1 where the model and the feature's own direction agree that the change
        is for the better or the worse.
    """
    told, by = insights(specs) if told is None else told, by or Yardstick()
    column = {spec.name: place for place, spec in enumerate(specs)}
    chosen = [_Columns.of(one, about, contributions, features, column, by) for one in told]
    if not chosen or features.empty:
        return pd.DataFrame(columns=COLUMNS)
    importance = np.stack([one.importance for one in chosen], axis=1)
    importance[importance < importance.mean(axis=1, keepdims=True)] = 0.0
    importance = np.where(np.stack([one.shown for one in chosen], axis=1), importance, 0.0)
    importance = _best_of_family(importance, [one.ultra_name for one in told])
    weight = importance * [by.actionable.weight if tagged(one, by.actionable.tags) else 1.0 for one in told]
    order = np.argsort(-weight, axis=1, kind="stable")[:, :top]
    parts = []
    for rank in range(order.shape[1]):
        for position in np.unique(order[:, rank]):
            rows = np.flatnonzero((order[:, rank] == position) & (importance[:, position] > 0))
            if len(rows):
                found = chosen[position].rows(rows, about, features.index, by)
                parts.append(found.assign(rank=rank + 1, weight=weight[rows, position]))
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return found[COLUMNS].sort_values(["account_id", "rank"]).reset_index(drop=True)


def facts(
    features: pd.DataFrame,
    specs: list[FeatureSpec],
    *,
    top: int = TOP,
    told: list[Insight] | None = None,
    by: Yardstick | None = None,
) -> pd.DataFrame:
    """Return each account's largest changes, without any model: reasons whose importance is the relative change."""
    told = insights(specs) if told is None else told
    weights = np.zeros(features.shape)
    place = {spec.name: number for number, spec in enumerate(specs)}
    for one in told:
        if not one.previous:
            continue
        now, then = features[one.current].to_numpy(np.float64), features[one.previous].to_numpy(np.float64)
        largest = np.maximum(np.abs(now), np.abs(then))
        with np.errstate(invalid="ignore", divide="ignore"):
            weights[:, place[one.current]] = np.nan_to_num(np.where(largest > 0, (now - then) / largest, 0.0))
    return reasons("facts", weights, features, specs, top=top, told=told, by=by)


@dataclass(frozen=True)
class _Columns:
    """One insight for all accounts: its values, its importance and where it can be told."""

    insight: Insight
    current: np.ndarray
    previous: np.ndarray
    price: np.ndarray
    parts: dict[str, tuple[np.ndarray, np.ndarray]]  # dimension -> the chosen part's number (-1: none) and its count
    importance: np.ndarray
    push: np.ndarray
    shown: np.ndarray

    @classmethod
    def of(
        cls,
        insight: Insight,
        about: str,
        contributions: np.ndarray,
        features: pd.DataFrame,
        column: Mapping[str, int],
        by: Yardstick,
    ) -> _Columns:
        def values(name: str) -> np.ndarray:
            return features[name].to_numpy(np.float64) if name else np.full(len(features), np.nan)

        current, previous = values(insight.current), values(insight.previous)
        if insight.base:
            current, previous = _a_year_apart(values(insight.base.name), current, insight.spec)
        elif insight.spec.transform == "change" and insight.spec.unit in PERCENTAGES:
            current = current * (100 if insight.spec.unit == "percent" else 1)  # told in points
        changed = by.thresholds.changed(insight, about, current, previous) & _visible(insight, current, previous)
        previous = np.where(changed, previous, np.nan)
        # A flag is told only where it is set ("not in EMEA" helps nobody), a change only where there is one.
        tellable = changed if insight.base else (current != 0) | (insight.kind not in ("flag", "change"))
        # Only what the sentence shows counts: the value before where a change is told, the price where none is.
        shares = [
            np.where(told, contributions[:, column[name]], 0.0)
            for name, told in ((insight.current, True), (insight.previous, changed), (insight.price, ~changed))
            if name
        ]
        parts = {}
        for dimension in dict.fromkeys(part.dimension for part in insight.parts):
            parts[dimension] = number, _ = _strongest(insight.parts, dimension, contributions, features, column)
            own = np.stack([contributions[:, column[part.feature]] for part in insight.parts], axis=1)
            shares.append(np.where(number >= 0, own[np.arange(len(own)), number], 0.0))
        importance = np.abs(np.stack(shares)).max(axis=0)
        shown = tellable & by.thresholds.shown(insight, about, current, importance)
        push = np.sign(np.sum(shares, axis=0))
        return cls(insight, current, previous, values(insight.price), parts, importance, push, shown)

    def rows(self, rows: np.ndarray, about: str, accounts: pd.Index, by: Yardstick) -> pd.DataFrame:
        """Return the insight's rows for some accounts."""
        one = self.insight
        place, peers, segment = by.places.at(one.current, accounts[rows])
        unchanged = np.isnan(self.previous[rows])
        found = pd.DataFrame(
            {
                "account_id": accounts[rows],
                "about": about,
                "category": one.spec.category,
                "ultra": one.ultra_name,
                "super": one.super_name,
                "insight": one.kind,
                "label": one.told.label or one.told.super_name.replace("_", " "),
                "unit": "points" if one.spec.transform == "change" and one.spec.unit in PERCENTAGES else one.told.unit,
                "importance": self.importance[rows],
                "push": self.push[rows],
                "current": self.current[rows],
                "previous": self.previous[rows],
                "period": np.where(unchanged & one.since, "", one.period),
                "since": one.since & ~unchanged,
                "price": np.where(unchanged, self.price[rows], np.nan),
                # where a change is told, that is the news, and no place in the segment
                "place": np.where(unchanged & (one.kind != "change"), place, 0),
                "peers": peers,
                "segment": segment,
                "news": self._news(about, by)[rows],
                "current_feature": one.told.name,
                "previous_feature": np.where(unchanged, "", one.current if one.base else one.previous),
            }
        )
        for number in (1, 2):
            found = found.assign(**{f"dim_{number}": "", f"by_{number}": "", f"in_{number}": np.nan})
        filled = np.zeros(len(rows), int)
        for dimension, (chosen, count) in self.parts.items():
            known = chosen[rows] >= 0
            for number in (1, 2):
                here = known & (filled == number - 1)
                found.loc[here, f"dim_{number}"] = dimension
                found.loc[here, f"by_{number}"] = [one.parts[part].group for part in chosen[rows][here]]
                found.loc[here, f"in_{number}"] = count[rows][here]
            filled = filled + known
        return found

    def _news(self, about: str, by: Yardstick) -> np.ndarray:
        """Say where the change is for the better (1) or the worse (-1), and everything that could contradict agrees."""
        one = self.insight
        change = self.current if one.kind == "change" and not one.base else self.current - self.previous
        news: np.ndarray = np.nan_to_num(np.sign(change)) * one.sign
        if about == "facts":
            return news
        good = GOOD.get(about, 0)
        agrees = by.signs.get((about, one.current), 0) * good == one.sign
        return np.where(agrees & (self.push * good == news), news, 0.0) if good else np.zeros(len(news))


def _a_year_apart(now: np.ndarray, change: np.ndarray, spec: FeatureSpec) -> tuple[np.ndarray, np.ndarray]:
    """Return a percentage now and a year before, worked out of its relative change: y of (x - y) / |y|.

    NaN where the change is held back, or more than doubled what may have been below 0 (y would have two values).
    """
    low, high = spec.bounds
    exact = (now > 0) & (change > max(-1.0, -np.inf if low is None else low))
    exact &= change < (np.inf if high is None else high)
    exact &= (change <= 1) | ~(now < 0).any()
    return now, np.divide(now, 1 + change, where=exact, out=np.full(len(now), np.nan))


def _visible(insight: Insight, current: np.ndarray, previous: np.ndarray) -> np.ndarray:
    """Say where two values differ as they are shown: 0.11 % and 0.12 % both read 0.1 %."""
    differ: np.ndarray = np.isfinite(current) & np.isfinite(previous) & (current != previous)
    close = np.flatnonzero(differ & (np.abs(current - previous) < np.maximum(np.abs(current) / 10, 1.0)))
    differ[close] = [not looks_the_same(current[row], previous[row], insight.told.unit) for row in close]
    return differ


def _strongest(
    parts: tuple[Part, ...],
    dimension: str,
    contributions: np.ndarray,
    features: pd.DataFrame,
    column: Mapping[str, int],
) -> tuple[np.ndarray, np.ndarray]:
    """Return which part of a dimension to name, the strongest that counts any, and its count; -1 where none does."""
    places = [place for place, part in enumerate(parts) if part.dimension == dimension]
    counts = np.stack([features[parts[place].feature].to_numpy(np.float64) for place in places], axis=1)
    strength = np.stack([np.abs(contributions[:, column[parts[place].feature]]) for place in places], axis=1)
    counted = np.nan_to_num(counts) > 0
    # The larger count decides between equals, as where there is no model.
    order = np.where(counted, strength + 1e-12 * np.nan_to_num(counts), -1.0)
    best = order.argmax(axis=1)
    rows = np.arange(len(best))
    known = counted[rows, best]
    return np.where(known, np.asarray(places)[best], -1), np.where(known, counts[rows, best], np.nan)


def _best_of_family(importance: np.ndarray, families: list[str]) -> np.ndarray:
    kept = np.zeros_like(importance)
    for family in dict.fromkeys(families):
        columns = [number for number, other in enumerate(families) if other == family]
        best = np.argmax(importance[:, columns], axis=1)
        rows, chosen = np.arange(len(importance)), np.asarray(columns)[best]
        kept[rows, chosen] = importance[rows, chosen]
    return kept

"""What can be told of a feature: the type of its insight, and which features fill its blanks (CrystalCandle, Figure 8).

Four layers: feature (one window), super feature (the thing measured), ultra feature (family), category (heading).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from copilot.data.features import FeatureSpec
from copilot.text.cells import show

Kind = Literal["flag", "level", "quantity", "value change", "change", "count"]
PERCENTAGES = ("pct", "percent")  # metrics whose change is told in points
_SPLIT = re.compile(r"\s*(\w+)\s*=\s*'((?:[^']|'')*)'\s*")


@dataclass(frozen=True)
class Part:
    """One group of a count: the feature that counts it, the column it is grouped by and the group."""

    feature: str
    dimension: str
    group: str


@dataclass(frozen=True)
class Insight:
    """One narrative that can be made of a super feature, for all accounts.

    Attributes:
        kind: ``value change`` compares two windows, ``change`` is a feature that is a change itself (year on year).
        spec: The feature whose value is told.
        previous: The feature it is compared with; empty where there is none.
        period: The words for its window, as in "3 months"; empty for a level of today.
        since: Whether both are levels of a day, and the period lies between them.
        price: The feature that says what the quantity costs a year; empty where there is none.
        parts: The groups that a count falls into.
        base: Of a year-on-year change of a percentage, the percentage itself, so that the change is told in points.
    """

    kind: Kind
    spec: FeatureSpec
    previous: str = ""
    period: str = ""
    since: bool = False
    price: str = ""
    parts: tuple[Part, ...] = ()
    base: FeatureSpec | None = None

    @property
    def told(self) -> FeatureSpec:
        """The feature whose label and unit are told."""
        return self.base or self.spec

    @property
    def current(self) -> str:
        """The name of the feature whose value is told."""
        return self.spec.name

    @property
    def super_name(self) -> str:
        """The thing measured."""
        return self.spec.super_name or self.spec.name

    @property
    def ultra_name(self) -> str:
        """The family; a feature without one is a family of its own."""
        return self.spec.ultra_name or self.super_name

    @property
    def sign(self) -> int:
        """1 where more of it is good news, -1 where it is bad news, 0 where it is neither."""
        return {"higher is better": 1, "lower is better": -1}.get(self.spec.direction, 0)


def insights(specs: list[FeatureSpec], history_months: Mapping[str, float] | None = None) -> list[Insight]:
    """Return every narrative that the features allow, the fuller ones first.

    Args:
        specs: The features, as a model or the mart has them.
        history_months: How many months back each table of the book reaches. A window is not compared with one that
            begins before the first record, where nothing on record would read as nothing happened.

    Returns:
        A value change for each window with one of the same length before it, a level for each other window; a window
        in the past alone tells nothing, and a logarithm is not shown.
    """
    # A logarithm is no number that a person knows the size of.
    today = [spec for spec in specs if not spec.lag and not _is_past(spec) and spec.transform != "log1p"]
    found = [_insight(spec, specs, history_months or {}) for spec in today]
    return sorted(found, key=lambda one: not one.parts)


def feature_info(specs: list[FeatureSpec]) -> pd.DataFrame:
    """Return what is known of each feature: its layers and the blank it fills (CPOG, Tables 7 and 9).

    Returns:
        ``feature_name, super_name, ultra_name, category, expression, unit, insight_type, insight_item``; a feature
        that no narrative shows has an empty type and item.
    """
    kinds: dict[str, tuple[str, str]] = {}
    for one in insights(specs):
        for name, item in ((one.current, "current"), (one.previous, "previous"), (one.price, "price")):
            if name:
                kinds.setdefault(name, (one.kind, item))
    return pd.DataFrame(
        {
            "feature_name": [spec.name for spec in specs],
            "super_name": [spec.super_name or spec.name for spec in specs],
            "ultra_name": [spec.ultra_name or spec.super_name or spec.name for spec in specs],
            "category": [spec.category for spec in specs],
            "expression": [expression(spec) for spec in specs],
            "unit": [spec.unit for spec in specs],
            "insight_type": [kinds.get(spec.name, ("", ""))[0] for spec in specs],
            "insight_item": [kinds.get(spec.name, ("", ""))[1] for spec in specs],
        }
    )


def expression(spec: FeatureSpec) -> str:
    """Return a feature in words: what it measures and when (CPOG, Table 7)."""
    label, period = spec.label or spec.name.replace("_", " "), _period(spec)
    if not period:
        return f"{label} a year ago" if _is_past(spec) else label
    if spec.lag:
        lag = spec.grain if spec.lag == 1 else f"{spec.lag} {spec.grain}s"
        return f"{label} in the {period} before the last {lag}"
    return f"{label} in the last {period}"


def relative_change(current: float, previous: float, unit: str) -> tuple[float, str] | None:
    """Return how much a value changed, signed, and its unit: points for percentages, else a fraction (MATHS §6).

    Returns:
        None where no percentage can be told: nothing before, a change of sign, a value missing.
    """
    if not (np.isfinite(current) and np.isfinite(previous)):
        return None
    if unit in PERCENTAGES:
        return (current - previous) * (100 if unit == "percent" else 1), "points"
    if previous == 0 or current * previous < 0:
        return None
    return (current - previous) / abs(previous), "percent"


def looks_the_same(current: float, previous: float, unit: str) -> bool:
    """Whether two values read the same as they are shown: a change that cannot be seen is none."""
    return show(float(current), unit) == show(float(previous), unit)  # type: ignore[arg-type]


def _insight(spec: FeatureSpec, specs: list[FeatureSpec], history: Mapping[str, float]) -> Insight:
    period = _period(spec)
    if spec.unit == "flag":
        return Insight("flag", spec)
    if spec.transform in ("yoy", "change"):
        return Insight("change", spec, period=period, base=_percentage(spec, specs))
    before, since = _before(spec, specs, history), spec.window is None
    if since and before:
        period = "year"
    parts, price = _parts(spec, specs), _price(spec, specs)
    kind: Kind = "count" if parts else "value change" if before else "quantity" if price else "level"
    return Insight(kind, spec, before, period, bool(since and before), price, parts)


def _before(spec: FeatureSpec, specs: list[FeatureSpec], history: Mapping[str, float]) -> str:
    """Return the feature that measures the same just before, or a year before where the feature has no window."""
    if spec.window is None:
        name = f"{spec.name}_year_ago"
        return name if any(other.name == name for other in specs) and history.get(spec.table, np.inf) >= 12 else ""
    months = {"month": 1.0, "week": 7 / 30.4, "day": 1 / 30.4}[spec.grain]
    if 2 * spec.window * months > history.get(spec.table, np.inf):
        return ""
    for other in specs:
        if other.lag == other.window == spec.window and _measure(other) == _measure(spec):
            return other.name
    return ""


def _measure(spec: FeatureSpec) -> tuple[object, ...]:
    return spec.super_name, spec.table, spec.metric, spec.aggregate, spec.per, spec.where, spec.grain, spec.transform


def _percentage(spec: FeatureSpec, specs: list[FeatureSpec]) -> FeatureSpec | None:
    """Return the percentage whose year-on-year change the feature is; None where it is no percentage's."""
    alike = ("table", "metric", "aggregate", "per", "where", "grain", "window", "lag")
    for other in specs if spec.transform == "yoy" else ():
        plain = other.transform == "none" and other.unit in PERCENTAGES
        if plain and all(getattr(other, name) == getattr(spec, name) for name in alike):
            return other
    return None


def _parts(spec: FeatureSpec, specs: list[FeatureSpec]) -> tuple[Part, ...]:
    """Return the features that count the same over the same window, where one column has one value."""
    if spec.where or spec.aggregate not in ("sum", "count") or spec.transform != "none":
        return ()
    alike = ("table", "metric", "aggregate", "window", "lag", "grain", "transform", "unit")
    found = []
    for other in specs:
        split = _SPLIT.fullmatch(other.where)
        if split and all(getattr(other, name) == getattr(spec, name) for name in alike):
            found.append(Part(other.name, split[1], split[2].replace("''", "'")))
    return tuple(found)


def _price(spec: FeatureSpec, specs: list[FeatureSpec]) -> str:
    """Return the feature that says what a contracted quantity costs: the money of the same rows."""
    if spec.table != "contracts" or spec.metric != "quantity" or spec.aggregate != "sum":
        return ""
    rows = (spec.where, spec.window, spec.lag)
    for other in specs:
        money = (other.table, other.metric, other.aggregate) == ("contracts", "annual_usd", "sum")
        if money and (other.where, other.window, other.lag) == rows:
            return other.name
    return ""


def _is_past(spec: FeatureSpec) -> bool:
    return spec.window is None and spec.name.endswith("_year_ago")


def _period(spec: FeatureSpec) -> str:
    if spec.window is None:
        return ""
    return spec.grain if spec.window == 1 else f"{spec.window} {spec.grain}s"


def tagged(insight: Insight, tags: Collection[str]) -> bool:
    """Whether the insight's feature carries one of the tags."""
    return not set(tags).isdisjoint(insight.spec.tags)

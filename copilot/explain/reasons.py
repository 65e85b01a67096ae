"""From contributions to reasons: features drawn together as a person thinks, the strongest of each family (MATHS §6).

Four layers: feature (a window), super feature (the thing measured), ultra feature (the family), category (the heading).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.data.features import FeatureSpec

TOP = 5
# The pairs of windows that make a change, the steadier first; the last pair compares with a year ago.
PAIRS = (("_l3m", "_l6m_l3m", "3 months"), ("_l1m", "_l2m_l1m", "month"), ("_l12m", "_l24m_l12m", "12 months"))
COLUMNS = [
    "account_id",
    "about",
    "rank",
    "category",
    "ultra",
    "super",
    "label",
    "unit",
    "importance",
    "push",
    "current",
    "previous",
    "period",
    "current_feature",
    "previous_feature",
]


def reasons(
    about: str, contributions: np.ndarray, features: pd.DataFrame, specs: list[FeatureSpec], *, top: int = TOP
) -> pd.DataFrame:
    """Return each account's strongest reasons, one a family, the strongest first.

    Args:
        about: What the contributions explain: churn, upsell, uplift or facts.
        contributions: ``(n, f)``, one column a spec, no bias; positive pushes the prediction up.
        features: ``(n, f)`` raw values indexed by account id, columns named as the specs.
        specs: The specs in the order of the columns.
        top: How many reasons an account keeps.

    Returns:
        ``COLUMNS``: importance is the largest |contribution| among the super feature's windows, push its sum's sign,
        current and previous the newest value and the one it is compared with (null where there is none).
    """
    supers = list(dict.fromkeys(spec.super_name or spec.name for spec in specs))
    members = {name: [i for i, spec in enumerate(specs) if (spec.super_name or spec.name) == name] for name in supers}
    told = {name: _insight(name, [specs[i] for i in members[name]], features) for name in supers}
    importance = np.stack([np.abs(contributions[:, members[name]]).max(axis=1) for name in supers], axis=1)
    push = np.stack([contributions[:, members[name]].sum(axis=1) for name in supers], axis=1)
    for position, name in enumerate(supers):
        importance[~told[name].tellable, position] = 0.0
    importance = _best_of_family(importance, [specs[members[name][0]].ultra_name for name in supers])
    order = np.argsort(-importance, axis=1, kind="stable")[:, :top]
    parts = []
    for rank in range(order.shape[1]):
        for position in np.unique(order[:, rank]):
            rows = np.flatnonzero((order[:, rank] == position) & (importance[:, position] > 0))
            name = supers[position]
            first, insight = specs[members[name][0]], told[name]
            parts.append(
                pd.DataFrame(
                    {
                        "account_id": features.index[rows],
                        "about": about,
                        "rank": rank + 1,
                        "category": first.category,
                        "ultra": first.ultra_name,
                        "super": name,
                        "label": first.label,
                        "unit": first.unit,
                        "importance": importance[rows, position],
                        "push": np.sign(push[rows, position]),
                        "current": insight.current[rows],
                        "previous": np.nan if insight.previous is None else insight.previous[rows],
                        "period": insight.period,
                        "current_feature": insight.current_feature,
                        "previous_feature": insight.previous_feature,
                    }
                )
            )
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    return found[COLUMNS].sort_values(["account_id", "rank"]).reset_index(drop=True)


def facts(features: pd.DataFrame, specs: list[FeatureSpec], *, top: int = TOP) -> pd.DataFrame:
    """Return each account's largest changes, without any model: reasons whose importance is the relative change."""
    weights = np.zeros(features.shape)
    place = {spec.name: i for i, spec in enumerate(specs)}
    for name in {spec.super_name for spec in specs if spec.super_name}:
        pair = _pair(name, set(place))
        if pair is None:
            continue
        now, then = features[pair[0]].to_numpy(), features[pair[1]].to_numpy()
        largest = np.maximum(np.abs(now), np.abs(then))
        with np.errstate(invalid="ignore", divide="ignore"):
            weights[:, place[pair[0]]] = np.nan_to_num(np.where(largest > 0, (now - then) / largest, 0.0))
    return reasons("facts", weights, features, specs, top=top)


@dataclass(frozen=True)
class _Insight:
    """What is told of one super feature: the values of all accounts, and which accounts it can be told of."""

    current: np.ndarray
    previous: np.ndarray | None
    period: str
    current_feature: str
    previous_feature: str
    tellable: np.ndarray


def _insight(name: str, specs: list[FeatureSpec], features: pd.DataFrame) -> _Insight:
    """Choose what is told of one super feature: a change where two windows are there, else a level."""
    names = {spec.name for spec in specs}
    pair = _pair(name, names)
    current, previous, period = pair or (specs[0].name, None, _period(specs[0]))
    value = features[current].to_numpy()
    # A flag is told only where it is set: "not in EMEA" helps nobody.
    tellable = np.isfinite(value) & ((value != 0) | (specs[0].unit != "flag"))
    before = features[previous].to_numpy() if previous else None
    return _Insight(value, before, period, current, previous or "", tellable)


def _pair(name: str, names: set[str]) -> tuple[str, str, str] | None:
    for newer, older, period in PAIRS:
        if name + newer in names and name + older in names:
            return name + newer, name + older, period
    if name in names and f"{name}_year_ago" in names:
        return name, f"{name}_year_ago", "year"
    return None


def _period(spec: FeatureSpec) -> str:
    if spec.window is None:
        return ""
    return spec.grain if spec.window == 1 else f"{spec.window} {spec.grain}s"


def _best_of_family(importance: np.ndarray, families: list[str]) -> np.ndarray:
    kept = np.zeros_like(importance)
    for family in dict.fromkeys(families):
        columns = [i for i, other in enumerate(families) if other == family]
        best = np.argmax(importance[:, columns], axis=1)
        rows, chosen = np.arange(len(importance)), np.asarray(columns)[best]
        kept[rows, chosen] = importance[rows, chosen]
    return kept

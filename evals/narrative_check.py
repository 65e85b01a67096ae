"""Check narratives against the mart: read each sentence, find its features, and work every number out again.

Shares no code with what writes the sentences: it knows their English, the features' labels, units and windows, the
values of the mart and another program's contributions. What it cannot read is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from copilot.data.specs import FeatureSpec

PLACES = {
    f"{word}{end}": (n, end == "highest")
    for n, word in ((1, ""), (2, "second "), (3, "third "))
    for end in ("highest", "lowest")
}
PUSHES = {
    "points to churn": 1,
    "points away from churn": -1,
    "points to growth": 1,
    "points away from growth": -1,
    "a touch helps more": 1,
    "a touch helps less": -1,
}
ABOUT = {"churn": "churn", "growth": "upsell", "more": "uplift", "less": "uplift"}
_PERIOD = r"(?:\d+ )?(?:year|month|week|day)s?"
_SENTENCE = re.compile(
    rf"(?:It belongs to (?P<flag>.+?)"
    rf"|(?P<label>.+?)(?:"
    rf", the last (?P<change_over>{_PERIOD}): (?P<only>up|down) (?P<change>[^:]+?)(?P<capped> or more)?"
    rf"|: new over the last (?P<new_since>{_PERIOD}), from (?P<new_then>\S.*?) to (?P<new_now>\S.*?)"
    rf"(?: \(up (?P<new_by>[^)]+)\))?"
    rf"|: new, from (?P<fresh_then>\S.*?) to (?P<fresh_now>\S.*?)(?: \(up (?P<fresh_by>[^)]+)\))?"
    rf", the last (?P<fresh_over>{_PERIOD}) against the (?P=fresh_over) before"
    rf"| (?P<verb>rose|fell) from (?P<then>\S.*?) to (?P<now>\S.*?)(?: \((?P<way>up|down) (?P<by>[^)]+)\))?"
    rf"(?:, the last (?P<over>{_PERIOD}) against the (?P=over) before| over the last (?P<since>{_PERIOD})"
    rf"|, the last (?P<year>{_PERIOD}) against a year before)"
    rf"|: (?P<quantity>\S[^:]*?) for (?P<price>\S+) a year"
    rf"| over the last (?P<level_over>{_PERIOD}): (?P<level_then>\S[^:]*?)"
    rf"|: (?P<level>\S[^:]*?)"
    rf"))"
    rf"(?:, of them (?P<in_1>\S+) in (?P<by_1>.+?) \((?P<dim_1>\w+)\)"
    rf"(?: and (?P<in_2>\S+) in (?P<by_2>.+?) \((?P<dim_2>\w+)\))?)?"
    rf"(?:, (?P<place>(?:second |third )?(?:highest|lowest)) of the (?P<peers>[\d,]+) in segment (?P<segment>.+?))?"
    rf"(?: \((?P<push>{'|'.join(PUSHES)})\))?"
    rf"(?:; it could mean that (?P<outlook>.+?))?\."
)
_NUMBER = re.compile(r"(-?)(\$?)(\d{1,3}(?:,\d{3})*(?:\.\d+)?)(?: (%|points?|days?|months?|hours?))?")
_SIGNS = {"usd": ("$", ""), "percent": ("", "%"), "pct": ("", "%")} | {
    unit: ("", unit) for unit in ("points", "days", "months", "hours")
}


class UnsupportedError(Exception):
    """A sentence says what the mart does not."""


@dataclass(frozen=True)
class Mart:
    """What narratives are held against.

    Attributes:
        specs: The features.
        values: One row an account, indexed by its id.
        segment: Each account's segment.
        shares: By model, contributions ``(n, f)`` indexed and named as ``values``, of another program.
        outlooks: What a change could mean, by family and words, with 1 where that is good news and -1 where it is bad.
    """

    specs: list[FeatureSpec]
    values: pd.DataFrame
    segment: pd.Series
    shares: Mapping[str, pd.DataFrame]
    outlooks: Mapping[tuple[str, str], int]

    @cached_property
    def labels(self) -> dict[str, list[FeatureSpec]]:
        """The features by their label, in lower case."""
        found: dict[str, list[FeatureSpec]] = {}
        for spec in self.specs:
            found.setdefault((spec.label or spec.super_name.replace("_", " ")).lower(), []).append(spec)
        return found

    @cached_property
    def table(self) -> dict[str, dict[str, float]]:
        """The values by account and feature."""
        return {str(key): row for key, row in self.values.astype(float).to_dict("index").items()}

    @cached_property
    def peers(self) -> dict[tuple[str, str], np.ndarray]:
        """The known values by feature and segment, in rising order."""
        found = {}
        for name in self.values:
            known = self.values[name].astype(float).dropna()
            for segment, part in known.groupby(self.segment.reindex(known.index)):
                found[str(name), str(segment)] = np.sort(part.to_numpy())
        return found


def sentences(text: str) -> list[str]:
    """Split a narrative; a sentence ends at a full stop before a capital, or at the end."""
    return [part if part.endswith(".") else part + "." for part in re.split(r"\.\s+(?=[A-Z⟨])", text.strip())]


def faults(narratives: pd.DataFrame, mart: Mart) -> Iterator[tuple[str, str]]:
    """Yield ``(sentence, what is wrong)``.

    Args:
        narratives: ``account_id, about, category, text``.
        mart: What they are held against.
    """
    told: set[tuple[str, str, str]] = set()
    for row in narratives.itertuples():
        for sentence in sentences(str(row.text)):
            try:
                spec, _ = check(sentence, str(row.account_id), str(row.about), mart)
                _need(spec.category == row.category, f"stands under {row.category}, not {spec.category}")
                family = (str(row.account_id), str(row.about), spec.ultra_name or spec.super_name or spec.name)
                _need(family not in told, "a second narrative of its family")
                told.add(family)
            except UnsupportedError as fault:
                yield sentence, str(fault)


def check(sentence: str, account: str, about: str, mart: Mart) -> tuple[FeatureSpec, set[str]]:
    """Hold one sentence against the mart; return the feature it tells and the names of all whose values it shows.

    Raises:
        UnsupportedError: A number, a direction, a place or a meaning that the mart does not bear out.
    """
    found = _SENTENCE.fullmatch(sentence)
    if not found:
        raise UnsupportedError("cannot be read")
    said = {name: text for name, text in found.groupdict().items() if text is not None}
    specs = mart.labels.get((said.get("flag") or said["label"]).lower())
    if not specs:
        raise UnsupportedError("names no feature of the mart")
    wrong = []
    for spec in specs:
        try:
            return spec, _check(said, spec, account, about, mart)
        except UnsupportedError as fault:
            wrong.append(str(fault))
    raise UnsupportedError(" / ".join(dict.fromkeys(wrong)))


def _check(said: Mapping[str, str], spec: FeatureSpec, account: str, about: str, mart: Mart) -> set[str]:
    values, shown = mart.table[account], [spec.name]
    now, change = values[spec.name], 0.0
    _need(not spec.lag and not spec.name.endswith("_year_ago"), "tells the past as today")
    _need(np.isfinite(now), "tells a value that is not known")
    if "flag" in said:
        _need(spec.unit == "flag" and now == 1, "does not belong to it")
    elif "only" in said:
        change = _change(said, spec, now)
    elif "year" in said:
        year = _year(spec, said["year"], mart)
        change, shown = _on_year(said, spec, now, values[year]), [year]
    elif _pick(said, "then", "new_then", "fresh_then"):
        before = _before(said, spec, mart)
        shown.append(before)
        change = _moved_from(said, spec, now, values[before])
    else:
        text = _pick(said, "quantity", "level_then", "level")
        _number(text, now, spec.unit)
        _need(said.get("level_over", "") == (_window(spec) if "level_over" in said else ""), "another window")
        _need("level_over" in said or spec.window is None, "leaves out its window")
    if "price" in said:
        shown.append(_money(said["price"], spec, values, mart))
    for number in ("1", "2"):
        if f"in_{number}" in said:
            shown.append(_group(said[f"in_{number}"], said[f"by_{number}"], said[f"dim_{number}"], spec, values, mart))
    if "place" in said:
        _stands(said, spec, now, account, mart)
    if "push" in said:
        _need(ABOUT[said["push"].rsplit(" ", 1)[-1]] == about, "speaks of another model")
        total = sum(float(mart.shares[about].at[account, name]) for name in shown if name in mart.shares[about])
        _need(total * PUSHES[said["push"]] > 0, f"pushes the other way ({total:+.4g})")
    if "outlook" in said:
        good = mart.outlooks.get((spec.ultra_name or spec.super_name or spec.name, said["outlook"]), 0)
        kind = {"higher is better": 1, "lower is better": -1}.get(spec.direction, 0)
        _need(good != 0 and change * kind * good > 0, "a meaning that the change does not have")
        agrees = {
            "points to growth": 1,
            "points away from churn": 1,
            "points to churn": -1,
            "points away from growth": -1,
        }
        _need(about == "facts" or agrees.get(said.get("push", ""), 0) == good, "a meaning that the model contradicts")
    return {spec.name, *shown}


def _change(said: Mapping[str, str], spec: FeatureSpec, now: float) -> float:
    """Check a feature that is a change itself, and return it."""
    _need(spec.transform in ("yoy", "change") and _window(spec) == said["change_over"], "another window")
    _need((now > 0) == (said["only"] == "up") and now != 0, "wrong direction")
    points = spec.transform == "change" and spec.unit in ("pct", "percent")
    size = abs(now) * (100 if points and spec.unit == "percent" else 1)
    _number(said["change"], size, "points" if points else spec.unit)
    _need(("capped" in said) == (spec.transform == "yoy" and now >= 3), "held back and not told so, or the reverse")
    return now


def _moved_from(said: Mapping[str, str], spec: FeatureSpec, now: float, then: float) -> float:
    """Check a value against the one before it, and return its change."""
    change = now - then
    _number(_pick(said, "then", "new_then", "fresh_then"), then, spec.unit)
    _number(_pick(said, "now", "new_now", "fresh_now"), now, spec.unit)
    if "verb" in said:
        _need(then != 0 or now < then, "was nothing before, so it is new")
        _need(change != 0 and (change > 0) == (said["verb"] == "rose"), "wrong direction")
        _need("way" not in said or (said["way"] == "up") == (change > 0), "wrong direction")
    else:
        _need(then == 0 and now > 0, "is not new")
    if by := _pick(said, "by", "new_by", "fresh_by"):
        _moved(by, now, then, spec.unit)
    return change


def _on_year(said: Mapping[str, str], spec: FeatureSpec, now: float, relative: float) -> float:
    """Check a percentage against a year before, and return its change."""
    _need(-1 < relative < 3, "a year before that is not known")
    then = now / (1 + relative)
    _number(said["then"], then, spec.unit)
    _number(said["now"], now, spec.unit)
    _need((now > then) == (said["verb"] == "rose"), "wrong direction")
    _need((said.get("way") == "up") == (now > then) and now != then, "wrong direction, or no points")
    _moved(said["by"], now, then, spec.unit)
    return now - then


def _pick(said: Mapping[str, str], *names: str) -> str:
    return next((said[name] for name in names if name in said), "")


def _before(said: Mapping[str, str], spec: FeatureSpec, mart: Mart) -> str:
    """Return the feature that the sentence compares with, by its windows."""
    if period := _pick(said, "over", "fresh_over"):
        _need(_window(spec) == period, "another window")
        for other in mart.specs:
            alike = all(
                getattr(other, part) == getattr(spec, part)
                for part in ("table", "metric", "aggregate", "per", "where", "grain", "window", "transform", "label")
            )
            if alike and other.lag == spec.window:
                return other.name
        raise UnsupportedError("compares with a window the mart lacks")
    _need(_pick(said, "since", "new_since") == "year" and spec.window is None, "another window")
    _need(f"{spec.name}_year_ago" in mart.values, "compares with a day the mart lacks")
    return f"{spec.name}_year_ago"


def _year(spec: FeatureSpec, period: str, mart: Mart) -> str:
    """Return the feature that holds the relative change of a percentage on a year before."""
    _need(_window(spec) == period and spec.unit in ("pct", "percent"), "another window, or no percentage")
    for other in mart.specs:
        alike = all(
            getattr(other, part) == getattr(spec, part)
            for part in ("table", "metric", "aggregate", "per", "where", "grain", "window", "lag")
        )
        if alike and other.transform == "yoy":
            return other.name
    raise UnsupportedError("compares with a year the mart lacks")


def _window(spec: FeatureSpec) -> str:
    if spec.window is None:
        return ""
    return spec.grain if spec.window == 1 else f"{spec.window} {spec.grain}s"


def _money(text: str, spec: FeatureSpec, values: Mapping[str, float], mart: Mart) -> str:
    for other in mart.specs:
        rows = (other.where, other.window, other.lag) == (spec.where, spec.window, spec.lag)
        if rows and (other.table, other.metric, other.aggregate) == (spec.table, "annual_usd", "sum"):
            _number(text, values[other.name], "usd")
            return other.name
    raise UnsupportedError("a price that the mart lacks")


def _group(text: str, group: str, dimension: str, spec: FeatureSpec, values: Mapping[str, float], mart: Mart) -> str:
    where = re.compile(rf"\s*{re.escape(dimension)}\s*=\s*'{re.escape(group.replace(chr(39), chr(39) * 2))}'\s*")
    for other in mart.specs:
        alike = (other.table, other.metric, other.window, other.lag) == (spec.table, spec.metric, spec.window, spec.lag)
        if alike and where.fullmatch(other.where):
            _number(text, values[other.name], other.unit)
            return other.name
    raise UnsupportedError("a group that the mart lacks")


def _stands(said: Mapping[str, str], spec: FeatureSpec, now: float, account: str, mart: Mart) -> None:
    segment = str(mart.segment[account])
    _need(segment == said["segment"], "another segment")
    column = mart.peers[spec.name, segment]
    _number(said["peers"], len(column), "count")
    number, high = PLACES[said["place"]]
    ahead = int((column > now).sum() if high else (column < now).sum())
    _need(ahead == number - 1 and int((column == now).sum()) == 1, "another place")


def _moved(text: str, now: float, then: float, unit: str) -> None:
    """Check a size of change: points of a metric in percent, else a share of the size before."""
    if unit in ("pct", "percent"):
        _number(text, abs(now - then) * (100 if unit == "percent" else 1), "points")
        return
    _need(then != 0 and now * then >= 0, "a percentage of nothing, or across zero")
    _number(text, abs(now - then) / abs(then), "percent")


def _number(text: str, value: float, unit: str) -> None:
    """Check that a number, its sign, its unit and the unit's plural are what the value reads as."""
    found = _NUMBER.fullmatch(text)
    if not found:
        raise UnsupportedError(f"{text!r} is no number")
    minus, dollar, digits, word = found.groups()
    sign, named = _SIGNS.get(unit, ("", ""))
    word, singular = word or "", digits in ("1", "1.0")
    expected = named if named in ("", "%") or not singular else named[:-1]
    _need(dollar == sign and word == expected, f"{text!r} is in another unit than {unit}")
    if unit == "percent":
        value *= 100
    # Half of the last digit that the unit is given with; whole numbers are given whole.
    half = {"usd": 0.5 if abs(value) >= 99.995 else 0.005, "ratio": 0.0005}.get(unit, 0.05)
    told = float(digits.replace(",", "")) * (-1 if minus else 1)
    whole = unit in ("count", "days", "months") and abs(value - round(value)) < 1e-9
    _need(abs(told - value) <= (1e-9 if whole else half * (1 + 1e-6) + 1e-9), f"{text!r} is not {value:.6g}")


def _need(holds: object, otherwise: str) -> None:
    if not holds:
        raise UnsupportedError(otherwise)

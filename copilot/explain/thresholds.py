"""When an insight may be shown: thresholds for each feature and model (CPOG, Table 8), and a workspace's own file."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError, field_validator

from copilot.data.yaml_file import Strict, compose, fault, plain
from copilot.errors import BadInput
from copilot.explain.insights import Insight

FILE = "narratives.yaml"
FEWEST_CHANGES = 20  # accounts whose value changed; from fewer, no ordinary change can be told
MODELS = ("churn", "upsell", "uplift", "facts")
_RULE = re.compile(r"\s*(>=|<=|>|<)\s*([+-]?\d+(?:\.\d+)?)\s*")
_COMPARE: Mapping[str, Callable[[Any, float], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
Words = Annotated[str, Field(min_length=3, max_length=120, pattern=r"^[^<>{}\[\]|`*\n]+$")]


class Threshold(Strict):
    """One line of Table 8. ``feature`` is a feature, a super feature or ``*``; each rule reads as ``> 0``."""

    feature: str
    model: Literal["churn", "upsell", "uplift", "facts", "*"] = "*"
    value: str = ""
    change: str = ""
    importance: str = ""

    @field_validator("value", "change", "importance")
    @classmethod
    def _reads(cls, rule: str) -> str:
        if rule and not _RULE.fullmatch(rule):
            raise ValueError(f"is {rule[:40]!r}; write a sign and a number, as in '> 0'")
        return rule

    def covers(self, insight: Insight, about: str) -> bool:
        """Whether it speaks of this insight and model."""
        return self.model in ("*", about) and self.feature in ("*", insight.current, insight.super_name)


class Meanings(Strict):
    """What a family's change could mean, for the better and for the worse."""

    better: Words | None = None
    worse: Words | None = None


class Actionable(Strict):
    """How much more an insight counts that a rep can do something about, and by which tags it is known."""

    weight: float = Field(default=1.0, ge=1, le=10)
    tags: tuple[str, ...] = ()


class Rules(Strict):
    """What decides over narratives; ``prompts/narratives.yaml`` with a workspace's own file on top."""

    thresholds: tuple[Threshold, ...] = ()
    glossary: dict[str, Meanings] = Field(default_factory=dict)
    actionable: Actionable = Actionable()


def rules(workspace: Path | None = None) -> Rules:
    """Return the rules in force.

    Args:
        workspace: Its folder; a ``narratives.yaml`` in it may hold ``thresholds``, ``glossary`` and ``actionable``.

    Raises:
        BadInput: That file cannot be read or holds something else; says what.
    """
    from copilot.config import rooms_root

    own = _parts(rooms_root() / "prompts" / FILE, "The prompt file")
    ours = _checked({key: own[key] for key in ("glossary", "actionable") if key in own}, "The prompt file")
    file = workspace / FILE if workspace is not None else None
    if file is None or not file.is_file():
        return ours
    theirs = _checked(_parts(file, "The file of narratives"), "The file of narratives")
    return Rules(
        thresholds=theirs.thresholds,
        glossary=ours.glossary | theirs.glossary,
        actionable=theirs.actionable if "actionable" in theirs.model_fields_set else ours.actionable,
    )


def ordinary_change(insight: Insight, values: pd.DataFrame) -> float:
    """Return the median size of the feature's own changes over the accounts, in the feature's unit.

    It is what a change must reach to be told as one: below, the feature only does what it does everywhere.

    Returns:
        0 where nothing is compared or too few accounts changed.
    """
    if not insight.previous:
        return 0.0
    size = np.abs(values[insight.current].to_numpy(np.float64) - values[insight.previous].to_numpy(np.float64))
    size = size[np.isfinite(size) & (size > 0)]
    return float(np.median(size)) if len(size) >= FEWEST_CHANGES else 0.0


@dataclass(frozen=True)
class Thresholds:
    """Which insights may be shown: the workspace's lines, else each feature's ordinary change."""

    lines: tuple[Threshold, ...] = ()
    ordinary: Mapping[tuple[str, str], float] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: tuple[Threshold, ...], told: list[Insight], values: pd.DataFrame) -> Thresholds:
        """Take the ordinary changes from all accounts.

        Raises:
            BadInput: A line names a feature that the book does not have.
        """
        known = {"*", *(one.current for one in told), *(one.super_name for one in told)}
        if unknown := [line.feature for line in lines if line.feature not in known]:
            raise BadInput(
                f"The thresholds of {FILE} name the feature {unknown[0][:60]!r}, which no narrative of this book "
                "shows; correct or delete that line."
            )
        return cls(lines, {(one.current, one.previous): ordinary_change(one, values) for one in told})

    def changed(self, insight: Insight, about: str, current: np.ndarray, previous: np.ndarray) -> np.ndarray:
        """Say for which accounts the change is large enough to be told as one."""
        size = np.abs(current - previous)
        rule = self._rule(insight, about, "change")
        if rule:
            return _holds(rule, size)
        return np.asarray((size > 0) & (size >= self.ordinary.get((insight.current, insight.previous), 0.0)))

    def shown(self, insight: Insight, about: str, current: np.ndarray, importance: np.ndarray) -> np.ndarray:
        """Say for which accounts the insight may be shown at all, by its value and its importance."""
        fine: np.ndarray = np.isfinite(current)
        for name, values in (("value", current), ("importance", importance)):
            if rule := self._rule(insight, about, name):
                fine &= _holds(rule, values)
        return fine

    def table(self, told: list[Insight], abouts: tuple[str, ...] = MODELS) -> pd.DataFrame:
        """Return the thresholds in force as CPOG prints them (Table 8).

        Returns:
            ``feature_name, model, item, threshold``, one row for each rule.
        """
        rows = []
        for insight in told:
            for about in abouts:
                for item in ("value", "change", "importance"):
                    rule = self._rule(insight, about, item)
                    ordinary = self.ordinary.get((insight.current, insight.previous), 0.0)
                    if not rule and item == "change" and insight.previous:
                        rule = f">= {ordinary:g}" if ordinary else "> 0"
                    if rule:
                        rows.append((insight.current, about, item, rule))
        return pd.DataFrame(rows, columns=["feature_name", "model", "item", "threshold"], dtype="object")

    def _rule(self, insight: Insight, about: str, name: str) -> str:
        """Return the last line's rule that covers the insight; a later line overrules an earlier one."""
        said = [rule for line in self.lines if line.covers(insight, about) and (rule := str(getattr(line, name)))]
        return said[-1] if said else ""


def _holds(rule: str, values: np.ndarray) -> np.ndarray:
    sign, number = _RULE.fullmatch(rule).groups()  # type: ignore[union-attr]
    with np.errstate(invalid="ignore"):
        return np.asarray(_COMPARE[sign](values, float(number)))


def _parts(file: Path, what: str) -> dict[str, Any]:
    tree = compose(file, what)
    try:
        found = plain(tree)
    except ValueError as error:
        raise BadInput(f"{what} {file.name!r}: {error}; correct that line.") from None
    if found is not None and not isinstance(found, dict):
        raise BadInput(f"{what} {file.name!r} must hold the keys {', '.join(Rules.model_fields)}.")
    return found or {}


def _checked(parts: dict[str, Any], what: str) -> Rules:
    try:
        return Rules.model_validate(parts)
    except ValidationError as error:
        raise BadInput(f"{what} {FILE!r} cannot be used: {fault(error, Rules)}.") from None

"""Tell component scores in a rep's words: the level of each, the fact behind it, and one line of advice per pattern.

The texts are in ``prompts/propensity.yaml``. A level says what a component means for the sale, a fact what is seen at
the account; they mostly agree, and advice rests on a component only where they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from copilot.config import rooms_root
from copilot.errors import BadInput
from copilot.models.propensity.components import LEVELS
from copilot.stats import Floats

FILE = "propensity.yaml"
MISSING = "no data"
FIFTHS = (0.2, 0.4, 0.6, 0.8)
MIDDLE = 2

Case = Literal["new", "renewal", "add_on"]
Level = Literal["Low", "Medium low", "Medium", "Medium high", "High"]


class Told(BaseModel):
    """How one component is told: its title, the columns that may hold its fact, and five words, lowest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    facts: tuple[str, ...]
    words: tuple[str, str, str, str, str]
    unit: Literal["plain", "usd"] = "plain"
    zero: str = Field(default="", description="What a fact of 0 is called.")


class Rule(BaseModel):
    """One line of advice and the levels it is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cases: tuple[Case, ...]
    levels: Mapping[str, tuple[Level, ...]]
    say: str


class Texts(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["propensity"]
    version: int = Field(ge=1)
    components: Mapping[str, Told]
    advice: tuple[Rule, ...]

    @model_validator(mode="after")
    def _complete(self) -> Texts:
        for rule in self.advice:
            unknown = sorted(set(rule.levels) - set(self.components))
            if unknown:
                raise ValueError(f"advice {rule.say!r} speaks of {', '.join(unknown)}, which are no components")
        for case in ("new", "renewal", "add_on"):
            last = [rule for rule in self.advice if case in rule.cases][-1:]
            if not last or last[0].levels:
                raise ValueError(f"the last advice for {case!r} must fit every pattern: leave its levels empty")
        return self


@cache
def texts() -> Texts:
    """Return the texts, checked.

    Raises:
        BadInput: The file cannot be read, or a rule speaks of what is not there.
    """
    import yaml

    file = rooms_root() / "prompts" / FILE
    try:
        return Texts.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as fault:
        raise BadInput(f"The texts of {FILE} cannot be used: {' '.join(str(fault).split())[:300]}.") from None


def facts(X: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Settle, from training samples, the column of each component's fact and the edges of its fifths."""
    found = {}
    for name, told in texts().components.items():
        column = next((c for c in told.facts if c in X and X[c].notna().any()), None)
        if column is not None:
            edges = np.nanquantile(X[column].to_numpy(float), FIFTHS)
            found[name] = {"column": column, "edges": [float(edge) for edge in edges]}
    return found


def tell(levels: pd.DataFrame, X: pd.DataFrame, known: Mapping[str, Mapping[str, Any]], case: Case) -> pd.DataFrame:
    """Put component levels into words.

    Args:
        levels: One column a component, as a model's ``levels`` returns them.
        X: The features of the same rows.
        known: What ``facts`` returned for the model's training samples.
        case: Which advice to choose from.

    Returns:
        Indexed as ``levels``: for each component ``<name>_level`` ("no data" where missing) and ``<name>_words`` (None
        where the fact is not known), then ``advice``.
    """
    columns: dict[str, Any] = {}
    agreed = {}
    for name in levels.columns:
        told, fact = texts().components[name], known.get(name)
        words, fifth = _words(told, fact, X) if fact is not None else (np.full(len(X), None, object), None)
        columns[f"{name}_level"] = levels[name].fillna(MISSING).to_numpy(object)
        columns[f"{name}_words"] = words
        agreed[name] = _agreed(levels[name], fifth)
    columns["advice"] = _advice(agreed, case, len(levels))
    return pd.DataFrame(columns, index=levels.index)


def sentence(row: Mapping[str, Any]) -> str:
    """Return one row of ``tell`` as text: "Usage: High (highly engaged); White space: Medium ($2,000)"."""
    parts = []
    for name, told in texts().components.items():
        if f"{name}_level" in row:
            words = row[f"{name}_words"]
            known = f" ({words})" if isinstance(words, str) and row[f"{name}_level"] != MISSING else ""
            parts.append(f"{told.title}: {row[f'{name}_level']}{known}")
    return "; ".join(parts)


def _words(told: Told, fact: Mapping[str, Any], X: pd.DataFrame) -> tuple[Any, Floats]:
    """Return the words of each row's fact and its fifth, 0-4; a value that fills several fifths takes their middle."""
    values = X[fact["column"]].to_numpy(float) if fact["column"] in X else np.full(len(X), np.nan)
    edges = np.asarray(fact["edges"], float)
    low, high = np.searchsorted(edges, values, side="left"), np.searchsorted(edges, values, side="right")
    fifth = np.where(np.isnan(values), np.nan, (low + high) // 2)
    chosen = np.array(told.words, object)[np.nan_to_num(fifth).astype(int)]
    if any("{value}" in word for word in told.words):
        shown = [_shown(value, told.unit) for value in values]
        chosen = np.array([word.replace("{value}", text) for word, text in zip(chosen, shown, strict=True)], object)
    if told.zero:
        chosen = np.where(values == 0, told.zero, chosen)
    return np.where(np.isnan(values), None, chosen), fifth


def _agreed(levels: pd.Series, fifth: Floats | None) -> pd.Series:
    """Return the levels, "Medium" where the fact points the other way: advice to raise use must not meet high use."""
    if fifth is None:
        return levels
    place = levels.map({name: k for k, name in enumerate(LEVELS)}).to_numpy(float) - MIDDLE
    against = place * (np.where(np.isnan(fifth), MIDDLE, fifth) - MIDDLE) < 0
    return levels.mask(against, LEVELS[MIDDLE])


def _advice(levels: Mapping[str, pd.Series], case: Case, rows: int) -> Any:
    rules = [rule for rule in texts().advice if case in rule.cases]
    fits = []
    for rule in rules:
        fit = np.ones(rows, bool)
        for name, wanted in rule.levels.items():
            fit &= levels[name].isin(wanted).to_numpy() if name in levels else False
        fits.append(fit)
    return np.select(fits, [rule.say for rule in rules], "").astype(object)


def _shown(value: float, unit: str) -> str:
    if np.isnan(value):
        return ""
    text = f"{abs(value):,.0f}"
    return f"{'-' if value < 0 else ''}{'$' if unit == 'usd' else ''}{text}"

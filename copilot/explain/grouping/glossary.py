"""What the grouping knows before it reads a name: short forms, capitals, affixes, stretches of time, headings.

The product's own glossary is ``prompts/grouping.yaml``; a team adds to it with a file of the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from copilot.data.yaml_file import Strict, compose, fault, plain
from copilot.errors import BadInput

Kind = Literal["aggregate", "period", "change", "flag", "label"]
KINDS: tuple[Kind, ...] = ("aggregate", "period", "change", "flag", "label")
OTHER = "Other"  # the heading of what fits none
LONGEST_WORD = 80  # letters of an entry


class _Affixes(Strict):
    plain: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


class _File(Strict):
    expand: dict[str, str] = Field(default_factory=dict)
    acronyms: tuple[str, ...] = ()
    stands_for: dict[str, str] = Field(default_factory=dict)
    affixes: dict[Kind, _Affixes] = Field(default_factory=dict)
    time_units: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    leads: tuple[str, ...] = ()
    categories: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    measures: tuple[str, ...] = ()
    parts: dict[str, tuple[str, ...]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Glossary:
    """The words known beforehand, all in lower case but the capitals and the headings.

    Attributes:
        expand: Short form to what it stands for.
        acronyms: Lower case to how it is written.
        stands_for: Acronym to its words: it is read by them and still shown in capitals.
        plain: Affix to its kind, taken off wherever it stands at an edge.
        shared: Affix to its kind, taken off only where another name has the same rest.
        time_units: Word to the unit it means, as "mths" to "month".
        leads: Words that may stand before a number and a unit, as in "last 3 months".
        categories: Heading to phrases that describe it.
        measures: Words that say how something is measured, not what.
        parts: Part, a word or several, to the whole that it is of: "postal code" to "address".
        own_headings: The headings that the team's own file gives.
        team: The short forms that the team's own file explains; they win over what descriptions seem to say.
    """

    expand: Mapping[str, str]
    acronyms: Mapping[str, str]
    stands_for: Mapping[str, str]
    plain: Mapping[str, Kind]
    shared: Mapping[str, Kind]
    time_units: Mapping[str, str]
    leads: frozenset[str]
    categories: Mapping[str, tuple[str, ...]]
    measures: frozenset[str] = field(default_factory=frozenset)
    parts: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    own_headings: frozenset[str] = field(default_factory=frozenset)
    team: frozenset[str] = field(default_factory=frozenset)


@cache
def own_glossary() -> Glossary:
    """Return the product's own glossary."""
    from copilot.config import rooms_root

    return _made(_read(rooms_root() / "prompts" / "grouping.yaml"))


def glossary(team: Path | None = None) -> Glossary:
    """Return the product's own glossary with a team's file on top.

    Args:
        team: The team's file; one that does not exist adds nothing.

    Raises:
        BadInput: The team's file cannot be used; says where and why.
    """
    if team is None or not team.is_file():
        return own_glossary()
    return _made(_read(team), own_glossary())


def _read(file: Path) -> _File:
    what = "The glossary"
    try:
        read = plain(compose(file, what)) or {}
        if not isinstance(read, dict):
            raise ValueError("it must hold headings such as expand: and categories:")
        found = _File.model_validate(read)
        _check(found)
    except ValidationError as error:
        raise BadInput(f"{what} {file.name!r} cannot be used: {fault(error, _File)}.") from None
    except ValueError as error:
        raise BadInput(f"{what} {file.name!r} cannot be used: {error}.") from None
    return found


def _check(found: _File) -> None:
    """Refuse entries that are no words.

    Raises:
        ValueError: Says which.
    """
    short = [*found.expand, *found.stands_for]
    words = [*short, *found.expand.values(), *found.stands_for.values(), *found.acronyms, *found.categories]
    for word in words:
        if not word or len(word) > LONGEST_WORD or not all(sign.isalnum() or sign in " &-/'" for sign in word):
            raise ValueError(f"the entry {word[:LONGEST_WORD]!r} is no short word or phrase of letters and digits")
    for heading, phrases in found.categories.items():
        if not phrases:
            raise ValueError(f"the category {heading!r} has no phrase that describes it; give it one or several")


def _made(found: _File, below: Glossary | None = None) -> Glossary:
    """Return the file as a glossary, its entries on top of those ``below``."""

    def on_top(known: Mapping[str, str] | None, new: Mapping[str, str]) -> dict[str, str]:
        return {**(known or {}), **{word.lower(): meant for word, meant in new.items()}}

    affixes: dict[str, dict[str, Kind]] = {"plain": {}, "shared": {}}
    for kind in KINDS:
        listed = found.affixes.get(kind, _Affixes())
        affixes["plain"] |= {word.lower(): kind for word in listed.plain}
        affixes["shared"] |= {word.lower(): kind for word in listed.shared if word.lower() not in affixes["shared"]}
    units = {word.lower(): unit for unit, words in found.time_units.items() for word in words}
    parts = {tuple(part.lower().split()): whole.lower() for whole, listed in found.parts.items() for part in listed}
    return Glossary(
        expand=on_top(below.expand if below else None, {word: meant.lower() for word, meant in found.expand.items()}),
        acronyms=on_top(
            below.acronyms if below else None, {word: word for word in (*found.acronyms, *found.stands_for)}
        ),
        stands_for=on_top(below.stands_for if below else None, {w: m.lower() for w, m in found.stands_for.items()}),
        plain={**(below.plain if below else {}), **affixes["plain"]},
        shared={**(below.shared if below else {}), **affixes["shared"]},
        time_units=on_top(below.time_units if below else None, units),
        leads=frozenset(map(str.lower, found.leads)) | (below.leads if below else frozenset()),
        categories={**(below.categories if below else {}), **found.categories},
        measures=frozenset(map(str.lower, found.measures)) | (below.measures if below else frozenset()),
        parts={**(below.parts if below else {}), **parts},
        own_headings=frozenset(found.categories) if below else frozenset(),
        team=frozenset(map(str.lower, found.expand)) if below else frozenset(),
    )

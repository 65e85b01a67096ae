"""Feature definitions as YAML, in the words of ``FeatureSpec``: one definition becomes the specs of all its windows."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from copilot.data import specs as spec_words
from copilot.data.specs import Aggregate, Direction, FeatureSpec, Grain, Nulls, Transform, rate, windows
from copilot.data.yaml_file import Strict, compose, fault, line, plain
from copilot.errors import BadInput
from copilot.text.cells import Unit

if TYPE_CHECKING:
    from yaml.nodes import Node

WHAT = "The feature file"
MOST = 500  # definitions a file
LONGEST = 5000  # grains that a window may reach back
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def _one_line(text: str) -> str:
    found = " ".join(text.split())
    if _CONTROL.search(found):
        raise ValueError("holds a character that cannot be seen; write plain text")
    return found


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Words = Annotated[str, AfterValidator(_one_line), Field(max_length=80)]
Named = Annotated[Words, Field(min_length=1)]
Sentence = Annotated[str, AfterValidator(_one_line), Field(min_length=1, max_length=600)]
Listed = Annotated[tuple[Named, ...], BeforeValidator(_listed), Field(max_length=50)]


class Rate(Strict):
    """The rate that belongs to a volume: ``metric`` as a share of ``per``, over the same windows or its own."""

    name: Named
    per: Named
    label: Words = ""
    description: Annotated[str, AfterValidator(_one_line), Field(max_length=600)] = ""
    windows: Listed = ()


class Definition(Strict):
    """One definition; the fields of ``FeatureSpec`` and these.

    Attributes:
        windows: Several windows at once, as in ``[l3m, l6m_l3m]``; the name of each feature ends in its window.
        yoy: Windows of which the year-on-year change is made as well, held to [-1, 3].
        rate: The rate that goes before this volume.
    """

    name: Named
    table: Named
    metric: Annotated[str, Field(min_length=1, max_length=2000)]
    owner: Named
    description: Sentence
    aggregate: Aggregate = "sum"
    window: int | None = None
    lag: int = 0
    grain: Grain = "month"
    where: Annotated[str, Field(max_length=2000)] = ""
    entity: Listed = ("account_id",)
    unit: Unit = "count"
    label: Words = ""
    super_name: Words = ""
    ultra_name: Words = ""
    category: Words = ""
    per: Annotated[str, Field(max_length=2000)] = ""
    transform: Transform = "none"
    cap: tuple[float | None, float | None] | None = None
    nulls: Nulls | None = None
    direction: Direction = "neutral"
    tags: Listed = ()
    windows: Listed = ()
    yoy: Listed = ()
    rate: Rate | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Definition:
        if self.entity != ("account_id",):
            raise ValueError("has another entity than account_id, which the models do not know")
        if (self.windows or self.yoy) and (self.window is not None or self.lag):
            raise ValueError("has windows beside window or lag; write one of the two")
        return self

    def specs(self) -> list[FeatureSpec]:
        """Return its features: the rates first, then each window, then the year-on-year changes.

        Raises:
            BadInput: ``FeatureSpec`` refuses it, or a window's name says nothing.
        """
        specs = self._specs()
        far = next((spec for spec in specs if (spec.window or 0) + spec.lag > LONGEST), None)
        if far:
            raise BadInput(f"Feature {far.name!r} reaches more than {LONGEST} {far.grain}s back; shorten its window.")
        return specs

    def _specs(self) -> list[FeatureSpec]:
        own = self.model_dump(exclude={"windows", "yoy", "rate"})
        base = FeatureSpec(**own)
        base = replace(base, label=self.label or self.name.replace("_", " "), category=self.category or "Other")
        base = replace(base, ultra_name=self.ultra_name or base.label)
        found: list[FeatureSpec] = []
        if self.rate:
            share = rate(base, self.rate.per, name=self.rate.name, label=self.rate.label or f"{base.label}, as a share")
            share = replace(
                share, description=self.rate.description or f"{self.description} As a share of {share.per}."
            )
            found += windows(share, *(self.rate.windows or self.windows)) or [replace(share, super_name=share.name)]
        if not (self.windows or self.yoy):
            return [*found, replace(base, super_name=self.super_name or self.name)]
        found += windows(base, *self.windows)
        for spec in windows(base, *self.yoy):
            if spec.lag:
                raise BadInput(
                    f"Feature {self.name!r} asks for the yoy of a past window; write yoy: [l3m] or the like."
                )
            changed = spec_words.yoy(spec)
            found.append(
                replace(
                    changed,
                    label=f"{base.label} against a year before",
                    description=f"{self.description} Its change on the same months a year before, as a share.",
                )
            )
        return found


@dataclass(frozen=True)
class Read:
    """One definition as it stands in a file."""

    file: str
    line: int
    definition: Definition
    specs: tuple[FeatureSpec, ...]


def read_definitions(file: Path) -> list[Read]:
    """Read and check a file of one definition, or of several under ``features:``.

    Raises:
        BadInput: The file is no YAML, or a definition breaks the schema, leaves the portable SQL or has a name that
            stands there twice; one sentence with the file, the definition and its line.
    """
    tree = compose(file, WHAT)
    found = [_read(file, node, place) for place, node in enumerate(_nodes(tree, file), 1)]
    refuse_doubled(found)
    return found


def refuse_doubled(found: list[Read]) -> None:
    """Refuse two features of one name, wherever they stand.

    Raises:
        BadInput: Names the feature and both places.
    """
    seen: dict[str, Read] = {}
    for one in found:
        for spec in one.specs:
            other = seen.setdefault(spec.name.lower(), one)  # engines do not tell X from x
            if other is not one or [s.name.lower() for s in one.specs].count(spec.name.lower()) > 1:
                raise BadInput(
                    f"The feature {spec.name!r} stands twice, in line {other.line} of {other.file} and in line "
                    f"{one.line} of {one.file}; give one of them another name."
                )


def _nodes(tree: Node | None, file: Path) -> list[Node]:
    from yaml.nodes import MappingNode, SequenceNode

    several = None
    if isinstance(tree, MappingNode):
        keys = {str(key.value): value for key, value in tree.value}
        several = keys.get("features")
        if several is None:
            return [tree]
        if len(tree.value) > 1:
            raise BadInput(f"{WHAT} {file.name!r} has other keys beside features; put all definitions under features.")
    if not isinstance(several, SequenceNode) or not several.value:
        raise BadInput(
            f"{WHAT} {file.name!r} holds no definition; write `features:` and below it one `- name: …` for each."
        )
    if len(several.value) > MOST:
        raise BadInput(f"{WHAT} {file.name!r} holds {len(several.value)} definitions, more than {MOST}; split it.")
    return list(several.value)


def _read(file: Path, node: Node, place: int) -> Read:
    where = f"{WHAT} {file.name!r}, definition {place} in line {line(node)}"
    try:
        said = plain(node)
        if not isinstance(said, dict):
            raise ValueError("it is no definition with keys and values")
        if isinstance(said.get("name"), str):
            where = f"{WHAT} {file.name!r}, definition {said['name'][:60]!r} in line {line(node)}"
        definition = Definition.model_validate({key: value for key, value in said.items() if value is not None})
        return Read(file.name, line(node), definition, tuple(definition.specs()))
    except ValidationError as error:
        raise BadInput(f"{where}: {fault(error, Definition)}; correct it and add the file again.") from None
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None
    except (ValueError, RecursionError) as error:
        said_wrong = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadInput(f"{where}: {said_wrong}; correct it and add the file again.") from None

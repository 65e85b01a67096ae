"""A tool as the agent sees it: a plain function with its rights, its arguments' limits and its words for a model."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from copilot.access import Ctx, Role
from copilot.agent.replies import ABILITIES
from copilot.errors import RoleLacksTool, TryAgain
from copilot.text.cells import Record


@dataclass(frozen=True)
class Carried:
    """What came of an approved write: what to tell, and what takes it back, as plain data."""

    record: Record
    undo: Mapping[str, Any]


@dataclass(frozen=True)
class Write:
    """The two acts of a tool that writes. Its own function only says what would be done.

    Attributes:
        carry_out: ``f(ctx, **arguments)``, once a person has approved.
        undo: ``f(ctx, undo)`` takes it back.
    """

    carry_out: Callable[..., Carried]
    undo: Callable[[Ctx, Mapping[str, Any]], Record]


@dataclass(frozen=True)
class Tool:
    """One entry of the registry; ``write`` is there where it changes anything, never after others' words in a turn."""

    name: str
    description: str
    function: Callable[..., Record]
    arguments: type[BaseModel]
    roles: tuple[Role, ...]
    write: Write | None = None

    @property
    def writes(self) -> bool:
        """Whether it changes anything, so that its call only proposes."""
        return self.write is not None

    def __call__(self, ctx: Ctx, arguments: Mapping[str, Any]) -> Record:
        """Check the right and the arguments, then run; a tool that writes only says what it would do.

        Raises:
            RoleLacksTool: The asker's role may not use this tool.
            TryAgain: An argument is missing, unknown or out of its limits.
        """
        return self.function(ctx, **self.checked(ctx, arguments))

    def checked(self, ctx: Ctx, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments with defaults filled in, after checking the right and the limits.

        Raises:
            RoleLacksTool: The asker's role may not use this tool.
            TryAgain: An argument is missing, unknown or out of its limits.
        """
        if ctx.principal.role not in self.roles:
            raise RoleLacksTool(f"The role {ctx.principal.role} may not use {self.name}; {_listed(self.roles)} may.")
        try:
            found = self.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            raise TryAgain(self._refusal(dict(error.errors()[0]))) from None
        return {name: getattr(found, name) for name in type(found).model_fields}

    def _refusal(self, fault: Mapping[str, Any]) -> str:
        """Say what an argument may be; of a number or a list, also how much was given."""
        where = ".".join(str(part) for part in fault["loc"]) or "arguments"
        limits = self._limits(str(fault["loc"][0])) if fault["loc"] else {}
        able = ABILITIES.get(self.name, f"use {self.name}")
        lists = {"too_short": "minItems", "too_long": "maxItems"}
        if fault["type"] in lists and {"minItems", "maxItems"} <= set(limits):
            return f"To {able}, give {limits['minItems']} to {limits['maxItems']} {where}, not {len(fault['input'])}."
        if fault["type"] in ("greater_than_equal", "less_than_equal") and {"minimum", "maximum"} <= set(limits):
            return f"To {able}, give {where} from {limits['minimum']} to {limits['maximum']}, not {fault['input']}."
        return f"{self.name} cannot take {where}: {fault['msg']}."

    def _limits(self, argument: str) -> dict[str, Any]:
        """Return the schema of one argument, with or without None."""
        schema = self.arguments.model_json_schema()["properties"].get(argument, {})
        found: dict[str, Any] = next((part for part in schema.get("anyOf", ()) if part.get("type") != "null"), schema)
        return found


def tool(function: Callable[..., Record], *, roles: tuple[Role, ...], write: Write | None = None) -> Tool:
    """Make a tool of a documented function ``f(ctx, **arguments)``.

    Raises:
        TypeError: An argument has no description in the docstring's Args section.
    """
    text = inspect.getdoc(function) or ""
    summary, _, listed = text.partition("Args:")
    words = _descriptions(listed)
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        if name not in words:
            raise TypeError(f"The argument {name!r} of the tool {function.__name__} has no description.")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], Field(default=default, description=words[name]))
    arguments = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)
    return Tool(function.__name__, " ".join(summary.split()), function, arguments, roles, write)


def _descriptions(listed: str) -> dict[str, str]:
    """Read a google-style Args section: ``name: words``, continued on deeper lines."""
    found: dict[str, str] = {}
    name = ""
    for line in listed.splitlines():
        start = re.match(r"^ {4}(\w+): (.*)", line)
        if start:
            name = start[1]
            found[name] = start[2].strip()
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def _listed(words: Sequence[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)

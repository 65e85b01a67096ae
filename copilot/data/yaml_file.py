"""Small YAML files that people write by hand: read as plain texts, with lines to point at, and nothing clever."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from copilot.errors import BadInput

if TYPE_CHECKING:
    from yaml.nodes import Node

LARGEST_FILE = 1 << 20  # bytes
_NOTHING = ("", "~", "null")


class Strict(BaseModel):
    """A part of such a file; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def compose(file: Path, what: str) -> Node | None:
    """Return the file's tree, or None where it holds nothing.

    Args:
        file: The file; only its own name is told.
        what: How a refusal begins, as in "The feature file".

    Raises:
        BadInput: It cannot be read, is too long, is no YAML, or uses an alias; says in which line.
    """
    import yaml

    class Loader(yaml.BaseLoader):
        def compose_node(self, parent: Any, index: int) -> Any:
            if self.check_event(yaml.AliasEvent):  # a few aliases of aliases fill any memory
                raise yaml.MarkedYAMLError(problem="uses an alias", problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
            return super().compose_node(parent, index)

    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadInput(f"{what} {file.name!r} cannot be read ({error.strerror}); name an existing file.") from None
    if len(data) > LARGEST_FILE:
        raise BadInput(f"{what} {file.name!r} is longer than a mebibyte; split it.")
    try:
        tree: Node | None = yaml.compose(data.decode("utf-8-sig"), Loader)
    except UnicodeDecodeError:
        raise BadInput(f"{what} {file.name!r} is not encoded as UTF-8; save it as UTF-8.") from None
    except RecursionError:
        raise BadInput(f"{what} {file.name!r} is nested too deeply; write it flat.") from None
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = re.sub(r"\s+", " ", str(error.problem))
        said = problem if problem.startswith("uses ") else f"is no YAML ({problem})"
        raise BadInput(f"{what} {file.name!r} {said}{where}; correct that line.") from None
    except (yaml.YAMLError, ValueError):  # a character that YAML forbids
        raise BadInput(f"{what} {file.name!r} is not a text file; save it as UTF-8 text.") from None
    return tree


def plain(node: Node | None) -> Any:
    """Return dicts, lists, texts and None; every scalar is a text, so that YAML's "no" stays a word.

    Raises:
        ValueError: A key stands there twice or is no word; says in which line.
    """
    from yaml.nodes import MappingNode, ScalarNode, SequenceNode

    if isinstance(node, MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise ValueError(f"line {line(key)} names a key that is no word")
            if key.value in found:
                raise ValueError(f"line {line(key)} names {key.value[:60]!r} a second time")
            found[key.value] = plain(value)
        return found
    if isinstance(node, SequenceNode):
        return [plain(value) for value in node.value]
    if isinstance(node, ScalarNode):
        return None if node.style is None and node.value.lower() in _NOTHING else node.value
    return None


def line(node: Node) -> int:
    """Return the line where a part begins, as an editor counts."""
    return int(node.start_mark.line) + 1


def fault(error: ValidationError, model: type[BaseModel]) -> str:
    """Say in a few words what the first fault of a part is."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:80]
    if first["type"] == "extra_forbidden":
        known = _fields(model, first["loc"][:-1])
        return f"it has the key {str(first['loc'][-1])[:60]!r}, which is unknown{nearest(str(first['loc'][-1]), known)}"
    if first["type"] == "missing":
        return f"it lacks the key {place!r}"
    if first["type"] == "value_error":
        return f"{place or 'it'} {first['ctx']['error']}"
    return f"{place or 'it'} cannot be used: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _fields(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """Return the keys known at a place of the part."""
    for step in place:
        inner = model.model_fields.get(str(step))
        options = [inner.annotation, *getattr(inner.annotation, "__args__", ())] if inner else []
        model = next((one for one in options if isinstance(one, type) and issubclass(one, BaseModel)), model)
    return list(model.model_fields)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that was probably meant, in brackets, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else f" (known are {', '.join(names)})"

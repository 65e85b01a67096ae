"""Prompts and templates: text files with front matter, and blanks that code fills in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.errors import BadInput

# A blank is ``{question}``. ``{{t1.rows[0].name}}`` is a reference for the reader of the answer and stays as it stands.
BLANK = re.compile(r"(?<!\{)\{([a-z_]\w*)\}(?!\})")
NAME = re.compile(r"[a-z0-9_-]+(?:/[a-z0-9_-]+)*")
FILE = re.compile(r"---\n(?P<front>.*?)\n---\n(?P<body>.*)", re.DOTALL)
SUFFIX = ".md"


class Prompt(BaseModel):
    """One prompt file: its front matter and the text below it."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: str
    version: int = Field(ge=1, description="Raised with every change of the text.")
    inputs: tuple[str, ...] = Field(default=(), description="The blanks of the body.")
    model: dict[str, Any] = Field(default_factory=dict, description="Settings of the model, such as temperature.")
    output: dict[str, Any] | None = Field(default=None, description="JSON schema of the reply, where it must be JSON.")
    about: str = Field(default="", description="A word to whoever edits the file.")
    body: str

    def render(self, **values: object) -> str:
        """Fill in the blanks; what is filled in is not read for blanks again.

        Raises:
            BadInput: A blank is left open, or a value belongs to no blank.
        """
        missing = [name for name in self.inputs if name not in values]
        unknown = [name for name in values if name not in self.inputs]
        if missing or unknown:
            faults = [f"lacks {', '.join(missing)}"] if missing else []
            faults += [f"has no blank for {', '.join(unknown)}"] if unknown else []
            takes = ", ".join(self.inputs) or "nothing"
            raise BadInput(f"The prompt {self.name!r} {' and '.join(faults)}; it takes {takes}.")
        return BLANK.sub(lambda blank: str(values[blank[1]]), self.body)


def load(name: str, *, folder: Path | None = None) -> Prompt:
    """Read the prompt ``name`` ("narrate", or "agent/narrate" in a sub-folder) from the prompts folder.

    Args:
        name: The file's path below the folder, without its suffix.
        folder: Where prompts lie; this product's own folder by default.

    Raises:
        BadInput: There is no such prompt, or its front matter and its text do not fit together.
    """
    if folder is None:
        from copilot.config import rooms_root

        folder = rooms_root() / "prompts"
    file = folder / f"{name}{SUFFIX}"
    if not NAME.fullmatch(name) or not file.is_file():
        known = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(f"*{SUFFIX}"))
        raise BadInput(f"There is no prompt {name!r}; there are {', '.join(known) or 'none'}.")
    return _read(name, file)


def render(name: str, /, **values: object) -> str:
    """Load the prompt ``name`` and fill in its blanks.

    Raises:
        BadInput: There is no such prompt, a blank is left open, or a value belongs to no blank.
    """
    return load(name).render(**values)


def _read(name: str, file: Path) -> Prompt:
    import yaml

    try:
        parts = FILE.fullmatch(file.read_text(encoding="utf-8-sig"))
        front = yaml.safe_load(parts["front"]) if parts else None
    except (UnicodeDecodeError, yaml.YAMLError) as fault:
        raise BadInput(f"The prompt file {file.name} cannot be read: {_line(fault)}.") from fault
    if parts is None or not isinstance(front, dict) or "body" in front:
        raise BadInput(f"The prompt file {file.name} must begin with front matter between two lines of three dashes.")
    try:
        prompt = Prompt.model_validate({**front, "body": parts["body"].strip()})
    except ValidationError as fault:
        first = fault.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise BadInput(f"The front matter of {file.name} is wrong at {where}: {first['msg'].lower()}.") from fault
    blanks = set(BLANK.findall(prompt.body))
    if prompt.name != name:
        raise BadInput(f"The prompt file {file.name} calls itself {prompt.name!r}; it must be {name!r}.")
    if blanks != set(prompt.inputs):
        odd = ", ".join(sorted(blanks ^ set(prompt.inputs)))
        raise BadInput(f"The blanks and the inputs of {file.name} differ by {odd}; list each blank once under inputs.")
    return prompt


def _line(fault: Exception) -> str:
    return " ".join(str(fault).split())

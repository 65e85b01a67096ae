"""Scenarios that were tried out, kept as ``scenarios/S-1.json``, ``S-2.json`` … in the workspace until proposed."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from copilot.errors import BadInput

NAME = re.compile(r"S-([1-9]\d{0,8})")


@dataclass(frozen=True)
class Scenario:
    """A proposed change of owners, as data.

    Attributes:
        name: ``S-1`` …, unique in the workspace.
        username: Who tried it out; nobody else can read it by `load`.
        snapshot: The snapshot it speaks of.
        as_of: The book's own day, ISO.
        made_at: When, ISO with the time zone.
        arguments: The arguments of ``simulate_assignment`` that were given.
        moves: The accounts that change hands: ``account_id``, ``from_rep_id``, ``to_rep_id``.
        inverse: The moves that take these back.
    """

    name: str
    username: str
    snapshot: str
    as_of: str
    made_at: str
    arguments: dict[str, Any]
    moves: list[dict[str, Any]]
    inverse: list[dict[str, Any]]


def keep(workspace: Path, **facts: Any) -> Scenario:
    """Write a scenario under the next free name; two at the same moment get two names.

    Args:
        workspace: The workspace folder.
        facts: The fields of `Scenario` besides its name.

    Raises:
        BadInput: The workspace cannot be written to.
    """
    home = workspace / "scenarios"
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        taken = [int(found[1]) for file in home.iterdir() if (found := NAME.fullmatch(file.stem))]
        number = max(taken, default=0) + 1
        while True:
            made = Scenario(name=f"S-{number}", **facts)
            try:
                handle = os.open(home / f"{made.name}.json", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except FileExistsError:  # another process took it in this moment
                number += 1
                continue
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(made), file, indent=1)
            return made
    except OSError as error:
        raise BadInput(
            f"The scenario cannot be kept in {home} ({error.strerror}); check that it can be written."
        ) from None


def load(workspace: Path, name: str, username: str) -> Scenario:
    """Read a scenario back; somebody else's and a missing one read the same.

    Raises:
        BadInput: There is no such scenario of this person.
    """
    unknown = BadInput(
        f"There is no scenario {name[:20]!r} of yours; try one out first, for example by asking what if."
    )
    if not NAME.fullmatch(name):
        raise unknown
    try:
        found = Scenario(**json.loads((workspace / "scenarios" / f"{name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise unknown from None
    if found.username != username:
        raise unknown
    return found

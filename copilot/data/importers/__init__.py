"""Importers: each reads one kind of export into the draft of a book, or stops with one sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import cast

from copilot.access import Role
from copilot.data.importers import mapping as mapped
from copilot.data.importers import maven, ravenstack
from copilot.data.importers.read import spoken
from copilot.data.importers.rules import slug
from copilot.data.importers.touches import with_touches
from copilot.data.workspace import Draft
from copilot.errors import BadInput

IMPORTERS: dict[str, Callable[..., Draft]] = {maven.SOURCE: maven.read, ravenstack.SOURCE: ravenstack.read}
STANDING: tuple[tuple[str, Role], ...] = (("analyst", "analyst"), ("admin", "admin"))
RESERVED = ("analyst", "admin", "manager")
USERNAME_LENGTH = 40


def read(source: str, path: Path, *, today: date, mapping: Path | None = None) -> Draft:
    """Read an export, and the touches.csv beside it if there is one.

    Args:
        source: A key of ``IMPORTERS``, or "csv" for any export with a mapping (which maps its touches too).
        path: The folder that holds the export's CSV files.
        today: Events after this day are bad rows.
        mapping: The mapping file of a "csv" import.

    Raises:
        BadInput: No such source, or the export cannot be used; the text says what to do.
    """
    if source == mapped.SOURCE:
        if mapping is None:
            raise BadInput("An import from csv needs a mapping of its columns; name the file with --mapping FILE.")
        return mapped.read_mapped(Path(path), Path(mapping), today=today)
    if mapping is not None:
        raise BadInput(f"Only an import from csv takes a mapping; leave out --mapping, or write csv for {source!r}.")
    if source not in IMPORTERS:
        raise BadInput(
            f"There is no importer for {source!r}; the known ones are {spoken(sorted(IMPORTERS))}, and "
            f"{mapped.SOURCE} with a mapping."
        )
    return with_touches(IMPORTERS[source](Path(path), today=today), Path(path), today=today)


def users_of(draft: Draft) -> list[tuple[str, Role, str | None]]:
    """Return the users an import makes: ``(username, role, rep_id)``.

    One per rep and manager, by first name where that is unique, else first.last; always analyst and admin; and
    a manager without a team where the export has no reps.
    """
    reps = draft.tables.get("reps")
    standing: list[tuple[str, Role, str | None]] = [(name, role, None) for name, role in STANDING]
    if reps is None or reps.empty:
        return [*standing, ("manager", "manager", None)]
    firsts = Counter(_parts(name)[0] for name in reps["name"])
    taken, people = set(RESERVED), []
    for rep_id, name, role in reps[["rep_id", "name", "role"]].itertuples(index=False):
        username = next(one for one in _candidates(name, firsts) if one not in taken)
        taken.add(username)
        people.append((username, cast(Role, role), str(rep_id)))
    return [*people, *standing]


def _candidates(name: str, firsts: Counter[str]) -> Iterator[str]:
    """Yield usernames for a person, the best first; never ends."""
    parts = _parts(name)
    full = f"{parts[0]}.{parts[-1]}" if len(parts) > 1 else parts[0]
    if firsts[parts[0]] == 1:
        yield parts[0][:USERNAME_LENGTH]
    yield full[:USERNAME_LENGTH]
    number = 2
    while True:
        yield f"{full[: USERNAME_LENGTH - 6]}{number}"
        number += 1


def _parts(name: str) -> list[str]:
    """Return the words of a name in ASCII; a name that ASCII cannot write becomes "user"."""
    return [part for word in re.split(r"\s+", name) if (part := slug(word))] or ["user"]

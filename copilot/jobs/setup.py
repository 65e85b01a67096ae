"""Put a book into the workspace, simulated or imported, and make its users."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

from copilot.access import Role
from copilot.config import settings
from copilot.data.workspace import Draft, Workspace
from copilot.store.database import Store

Made = list[tuple[str, str, str | None]]


def make_demo(
    workspace: Workspace,
    preset: Literal["tiny", "demo", "bench"],
    seed: int,
    now: datetime,
    tell: Callable[[str], None],
) -> Made:
    """Simulate a book; the truth about its counterfactuals goes to ``truth/``, which nothing else here reads.

    Returns:
        ``(username, role, one-time password)``; no password for users who were there before.
    """
    from copilot.data.demo import DEMO_USERS, make

    draft, truth = make(preset, seed=seed, progress=tell)
    with workspace.writing():
        made = _write(workspace, draft, DEMO_USERS, now, tell)
        folder = workspace.root / "truth"
        folder.mkdir(exist_ok=True)
        for name, frame in truth.items():
            frame.to_parquet(folder / f"{name}.parquet", index=False)
    return made


def import_book(
    workspace: Workspace,
    source: str,
    path: Path,
    now: datetime,
    tell: Callable[[str], None],
    *,
    mapping: Path | None = None,
) -> Made:
    """Import an export; nothing in the workspace changes unless all of it could be read.

    The same export again changes nothing; a later one keeps what was known before beside what is known now.

    Returns:
        As ``make_demo``.

    Raises:
        BadInput: The source is unknown or the export cannot be used; says what was wrong and what to do.
    """
    from copilot.data.history import merge
    from copilot.data.importers import read, users_of

    draft = read(source, path, today=now.date(), mapping=mapping)
    tell("Writing the book")
    with workspace.writing():
        old = workspace.book() if workspace.current("book") else None
        draft = merge(old, draft, snapshot_date=draft.as_of)
        return _write(workspace, draft, users_of(draft), now, tell)


def _write(
    workspace: Workspace,
    draft: Draft,
    users: Iterable[tuple[str, Role, str | None]],
    now: datetime,
    tell: Callable[[str], None],
) -> Made:
    from copilot.data import quality

    with Store.open(settings().database_url or workspace.database) as store:
        book = workspace.write_book(draft, now)
        made: Made = [(name, role, store.add_user(name, role, rep_id)) for name, role, rep_id in users]
        store.audit("setup", "book", book.path.name, "", now)
    tell("Looking for faults in the data")
    quality.write(book)
    return made

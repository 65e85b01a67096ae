"""What the commands share: where the workspace lies, the clock, and how a next step is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from copilot.data.workspace import Workspace
    from copilot.store.database import Store

Folder = Annotated[
    Path,
    typer.Option(
        "--workspace", envvar="SALES_COPILOT_WORKSPACE", help="The folder that holds book, models and scores."
    ),
]
WORKSPACE = Path("workspace")


def clock() -> datetime:
    """Return now; the one place where commands read the time."""
    return datetime.now(UTC)


def opened_workspace(folder: Path) -> Workspace:
    """Return the workspace in ``folder``."""
    from copilot.data.workspace import Workspace

    return Workspace(folder)


def opened_store(place: Workspace) -> Store:
    """Open the database that is configured, or the workspace's own."""
    from copilot.config import settings
    from copilot.store.database import Store

    return Store.open(settings().database_url or place.database)


def elsewhere(workspace: Path) -> str:
    """Return what a next command needs besides, where the workspace is not the usual one."""
    return "" if workspace == WORKSPACE else f" --workspace {workspace}"

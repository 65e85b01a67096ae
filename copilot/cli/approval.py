"""``approve``, ``reject`` and ``undo``: what a person decides of what an answer proposed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli.shared import WORKSPACE, Folder, clock, elsewhere, opened_store, opened_workspace

if TYPE_CHECKING:
    from copilot.agent.approval import Verdict

Name = Annotated[str, typer.Argument(metavar="ID", help="Of the proposal, P-1 and so on, as the answer named it.")]
As = Annotated[str, typer.Option("--as", help="Whose proposal it is; trusted here, since you own the workspace.")]


def approve(proposal: Name, as_: As, workspace: Folder = WORKSPACE) -> None:
    """Carry out what an answer proposed."""
    if _settle(proposal, as_, workspace, "approve") == "approved":
        typer.echo(f"To take it back: sales-copilot undo {proposal.upper()} --as {as_}" + elsewhere(workspace))


def reject(proposal: Name, as_: As, workspace: Folder = WORKSPACE) -> None:
    """Let a proposal be; nothing is changed."""
    _settle(proposal, as_, workspace, "reject")


def undo(proposal: Name, as_: As, workspace: Folder = WORKSPACE) -> None:
    """Take back what was approved."""
    _settle(proposal, as_, workspace, "undo")


def _settle(name: str, user: str, workspace: Path, verdict: Verdict) -> str:
    import numpy as np

    from copilot import rooms
    from copilot.agent.approval import settle

    place = opened_workspace(workspace)
    place.book()
    with opened_store(place) as store:
        who = store.principal(user)
        found = settle(
            place, store, rooms.registry(), name, who, verdict, clock=clock, rng=np.random.default_rng()
        )  # fmt: skip
    typer.echo(found.text)
    return found.status

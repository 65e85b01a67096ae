"""``sales-copilot mcp``: the tools of a person's role for another program's language model."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from copilot.cli.shared import WORKSPACE, Folder, clock, elsewhere, opened_store, opened_workspace
from copilot.errors import BadInput

PATIENCE = 60.0  # seconds that a question waits for the embedded model to load


def mcp(
    as_: Annotated[
        str | None,
        typer.Option("--as", help="Over stdio: the user who asks; trusted here, since you own the workspace."),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Over HTTP on this machine, for tokens of `users --token NAME`.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="With --http; 0 takes a free one.")] = 7870,
    rung: Annotated[
        Literal["remote", "local", "rules"], typer.Option(help="The highest rung that the tool `ask` tries.")
    ] = "rules",
    workspace: Folder = WORKSPACE,
) -> None:
    """Serve the tools of a user's role over MCP, on stdin and stdout or with --http; changes wait for a person.

    Over stdio it trusts whoever owns the workspace folder: they may name any user by --as.
    """
    if http == (as_ is not None):
        raise BadInput("Name the user who asks with --as USER, or serve those who have a token with --http; not both.")
    import numpy as np

    from copilot import rooms
    from copilot.data.snapshot import open_snapshot
    from copilot.llm.service import opened
    from copilot.mcp.desk import Desk
    from copilot.mcp.limits import Budget, Taint
    from copilot.mcp.server import serve_http, serve_stdio

    place = opened_workspace(workspace)
    open_snapshot(place)
    with opened_store(place) as store, opened(rung, patience=PATIENCE) as ladder:
        desk = Desk(
            place, store, rooms.registry(), clock, np.random.default_rng, Budget(clock), Taint(clock), ladder, rung
        )  # fmt: skip
        if as_ is not None:
            serve_stdio(desk, as_)
            return

        def ready(address: str) -> None:
            make = "sales-copilot users --token NAME" + elsewhere(workspace)
            typer.echo(f"MCP answers at {address} (Ctrl-C ends it). A token: {make}", err=True)

        serve_http(desk, port, ready)

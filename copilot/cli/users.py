"""``sales-copilot users``: who may ask, their one-time passwords and the tokens of their programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli.shared import WORKSPACE, Folder, clock, opened_store, opened_workspace
from copilot.errors import BadInput

if TYPE_CHECKING:
    from copilot.store.database import Store


def users(
    reset: Annotated[str | None, typer.Option(help="Give this user a new one-time password and print it.")] = None,
    token: Annotated[
        str | None, typer.Option(help="Make this user a token for MCP over HTTP and print it once.")
    ] = None,
    revoke: Annotated[str | None, typer.Option(help="End all tokens of this user.")] = None,
    workspace: Folder = WORKSPACE,
) -> None:
    """List the users of the workspace, or give one a new password or a token."""
    if sum(name is not None for name in (reset, token, revoke)) > 1:
        raise BadInput("Give one of --reset, --token and --revoke at a time.")
    place = opened_workspace(workspace)
    place.book()
    with opened_store(place) as store:
        if reset is not None:
            from copilot.store.passwords import one_time_password

            password = one_time_password()
            store.set_password(reset, password, actor="setup")
            typer.echo(f"{reset}: {password}")
        elif token is not None:
            from copilot.store import tokens

            now = clock()
            typer.echo(f"{token}: {tokens.make(store, token, now)}")
            typer.echo(f"Shown only now; it holds until {now + tokens.LASTS:%Y-%m-%d}.", err=True)
        elif revoke is not None:
            from copilot.store import tokens

            typer.echo(f"Tokens of {revoke} that ended: {tokens.revoke(store, revoke, clock())}")
        else:
            _listed(store)


def _listed(store: Store) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("user", "role", "rep", "active")
    for user in store.users():
        table.add_row(user["username"], user["role"], user["rep_id"] or "", "yes" if user["active"] else "no")
    Console().print(table)

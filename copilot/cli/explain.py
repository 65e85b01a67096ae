"""``sales-copilot explain``: what drives the scores, over all accounts or for one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from copilot.cli.shared import WORKSPACE, Folder, opened_workspace


def explain(
    account: Annotated[list[str] | None, typer.Option(help="An id or a name; may be given several times.")] = None,
    about: Annotated[Literal["churn", "upsell", "uplift"] | None, typer.Option(help="Only this score.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write it as a page, with a waterfall for each account.")] = None,
    workspace: Folder = WORKSPACE,
) -> None:
    """Say what drives the scores this month, or one account's; whoever owns the workspace is trusted with all rows."""
    from copilot.access import EVERYTHING
    from copilot.data.snapshot import open_snapshot
    from copilot.errors import BadInput
    from copilot.explain import page

    snapshot = open_snapshot(opened_workspace(workspace))
    accounts, abouts = account or [], page.scored(snapshot, [about] if about else list(page.UNITS))
    for line in page.told(snapshot, EVERYTHING, abouts, accounts):
        typer.echo(line)
    if out is None:
        return
    try:
        out.write_text(page.page(snapshot, EVERYTHING, abouts, accounts), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{out} cannot be written ({error.strerror}); name another file with --out.") from None
    typer.echo(f"The page: {out}")

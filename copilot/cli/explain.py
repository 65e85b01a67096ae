"""``sales-copilot explain``: what drives the scores, over all accounts or for one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from copilot.cli.shared import WORKSPACE, Folder, opened_workspace


def explain(
    account: Annotated[list[str] | None, typer.Option(help="An id or a name; may be given several times.")] = None,
    about: Annotated[Literal["churn", "upsell", "uplift"] | None, typer.Option(help="Only this score.")] = None,
    quality: Annotated[bool, typer.Option(help="Judge the explanations instead; takes a minute.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the refits and random orders of --quality.")] = 7,
    out: Annotated[Path | None, typer.Option(help="Write it as a page, with a waterfall for each account.")] = None,
    workspace: Folder = WORKSPACE,
) -> None:
    """Say what drives the scores this month, or one account's; whoever owns the workspace is trusted with all rows."""
    if quality:
        _judged(workspace, seed)
        return
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


def _judged(workspace: Path, seed: int) -> None:
    """Print how good the explanations are."""
    import numpy as np

    from copilot.console import Spinner
    from copilot.jobs.explanation_quality import report

    with Spinner("Judging the explanations") as tell:
        found = report(opened_workspace(workspace), np.random.default_rng(seed), tell=tell)
    for about, judged in found.items():
        typer.echo(f"{about}\n{judged}")

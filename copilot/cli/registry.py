"""``sales-copilot registry``: the trained models' versions, their cards, promotion and roll-back."""

from __future__ import annotations

from typing import Annotated

import typer

from copilot.cli.shared import WORKSPACE, Folder, clock, elsewhere, opened_workspace
from copilot.console import interactive

app = typer.Typer(
    no_args_is_help=True, help="Versions of the trained models: which is in use, how good each is, promote, roll back."
)
Name = Annotated[str, typer.Argument(help="The model, as growth, uplift, engagement or propensity.")]


@app.command("list")
def registry_list(workspace: Folder = WORKSPACE) -> None:
    """List every version of every model, the newest first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from copilot.jobs.train import MODELS
    from copilot.models.versions import versions

    place = opened_workspace(workspace)
    place.book()
    table, found = Table("model", "version", "", "trained on", "how good"), 0
    for name in MODELS:
        for one in versions(place.models, name):
            found += 1
            book = f"{one.manifest.get('source', '')} as of {one.manifest.get('as_of', '?')}"
            summary = str(one.manifest.get("summary", ""))
            table.add_row(*map(Text, (name, one.version, one.state, book, summary)))
    if found:
        Console(width=None if interactive() else 200).print(table)
    else:
        typer.echo("No model is trained yet. Next: sales-copilot train" + elsewhere(workspace))


@app.command("show")
def registry_show(
    name: Name,
    version: Annotated[str | None, typer.Argument(help="One of its versions; by default the one in use.")] = None,
    workspace: Folder = WORKSPACE,
) -> None:
    """Read a model's card: what it is for, what it learned from, and how good it is."""
    from copilot.models.card import card
    from copilot.models.versions import chosen

    one = chosen(opened_workspace(workspace).models, name, version)
    text = card(name, one.version, one.manifest, state=one.state)
    if interactive():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        typer.echo(text)


@app.command("promote")
def registry_promote(
    name: Name,
    version: Annotated[str | None, typer.Argument(help="The version to use; by default the challenger.")] = None,
    workspace: Folder = WORKSPACE,
) -> None:
    """Use another version from the next score on."""
    from copilot.models.versions import promote

    place = opened_workspace(workspace)
    with place.writing():
        folder = promote(place.models, name, version, now=clock())
    typer.echo(f"{name}: {folder.name} is in use from now on. Next: sales-copilot score" + elsewhere(workspace))


@app.command("rollback")
def registry_rollback(name: Name, workspace: Folder = WORKSPACE) -> None:
    """Return to the version that was in use before."""
    from copilot.models.versions import roll_back

    place = opened_workspace(workspace)
    with place.writing():
        folder = roll_back(place.models, name, now=clock())
    typer.echo(f"{name}: back to {folder.name}. Next: sales-copilot score" + elsewhere(workspace))

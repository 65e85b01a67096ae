"""``sales-copilot features``: the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from copilot.cli.shared import WORKSPACE, Folder, elsewhere, opened_workspace
from copilot.console import Spinner, interactive, run_stages

app = typer.Typer(help="The catalogue of features: build and profile it, search it, read one, onboard your own.")


@app.callback(invoke_without_command=True)
def features_all(context: typer.Context, workspace: Folder = WORKSPACE) -> None:
    """Build the features as of the book's day, profile them, and write the catalogue as a page to read."""
    context.obj = workspace
    if context.invoked_subcommand is None:
        from copilot.jobs.features import stages

        run_stages(stages(opened_workspace(workspace)))


@app.command("search")
def features_search(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(help="A name, its beginning, or words for what it says.")],
    workspace: Folder = WORKSPACE,
) -> None:
    """Find features by words, the best first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from copilot.data.feature_page import shown
    from copilot.data.profile import bars
    from copilot.jobs.features import search

    found, profiles = search(opened_workspace(_given(context, workspace)), " ".join(words))
    if not found.hits:
        typer.echo(f"No feature fits; the closest words are {', '.join(found.closest)}.")
        return
    table = Table("feature", "label", "table", "nulls", "median", "12 months", "owner")
    for spec in (hit.spec for hit in found.hits):
        told = ("", "", "")
        if profile := profiles.get(spec.name):
            told = (f"{profile.null_share or 0:.0%}", shown(profile.median, spec.unit), bars(profile.monthly))
        table.add_row(*map(Text, (spec.name, spec.label, spec.table, *told, spec.owner)))
    # A terminal's width, or whatever the names need where the output goes into a file.
    Console(width=None if interactive() else 200).print(table)
    if not profiles:
        typer.echo("For nulls, medians and months: sales-copilot features" + elsewhere(_given(context, workspace)))


@app.command("show")
def features_show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The feature's name, as search lists it.")],
    workspace: Folder = WORKSPACE,
) -> None:
    """Read one feature: its definition, its values, where it comes from and which models use it."""
    from copilot.jobs.features import describe_feature

    with Spinner("Profiling") as tell:
        lines = describe_feature(opened_workspace(_given(context, workspace)), name, tell)
    for line in lines:
        typer.echo(line)


@app.command("add")
def features_add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A YAML file with one or several definitions.")],
    workspace: Folder = WORKSPACE,
) -> None:
    """Check a file of definitions, try it on the book, and take it into the catalogue."""
    from copilot.data.onboarding import add
    from copilot.jobs.features import added

    place = _given(context, workspace)
    with Spinner("Trying the file on the book"):
        taken = add(opened_workspace(place), file)
    for line in added(taken):
        typer.echo(line)
    typer.echo("The models get them with the next training: sales-copilot train" + elsewhere(place))


def _given(context: typer.Context, workspace: Path) -> Path:
    """Return the workspace, which may stand before the subcommand or behind it."""
    source = context.get_parameter_source("workspace")
    before: Path = context.obj
    return before if source is not None and source.name in ("DEFAULT", "ENVIRONMENT") else workspace

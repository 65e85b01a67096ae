"""``sales-copilot study``: create, start, stop, list and report on studies that prove what the copilot changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from copilot.cli.shared import WORKSPACE, Folder, clock, elsewhere, opened_store, opened_workspace

app = typer.Typer(
    no_args_is_help=True,
    help="Studies: prove what the copilot changes, with control accounts hidden while a test runs.",
)
Name = Annotated[str, typer.Argument(help="The study's name.")]


@app.command("create")
def study_create(
    file: Annotated[Path, typer.Argument(help="A YAML file: name, kind (ab, mau, did), starts, ends, outcome …")],
    workspace: Folder = WORKSPACE,
) -> None:
    """Write down a study, draw its arms, and say what it will be able to see. Nothing is hidden yet."""
    from copilot.jobs.study import create

    *told, following = create(opened_workspace(workspace), file, clock())
    _say([*told, following + elsewhere(workspace)])


@app.command("start")
def study_start(name: Name, workspace: Folder = WORKSPACE) -> None:
    """Start a study: from now on its control accounts' scores are hidden everywhere."""
    from copilot.jobs.study import start

    _say(start(opened_workspace(workspace), name, clock()))


@app.command("stop")
def study_stop(name: Name, workspace: Folder = WORKSPACE) -> None:
    """End a study for good and show its accounts again."""
    from copilot.jobs.study import stop

    _say(stop(opened_workspace(workspace), name, clock()))


@app.command("list")
def study_list(workspace: Folder = WORKSPACE) -> None:
    """List the studies of this workspace."""
    from copilot.data.hidden import held

    found = held(opened_workspace(workspace).root)
    for study in found:
        about = study.about
        typer.echo(f"{study.name:<24} {about['kind']:<4} {about['state']:<8} {about['starts']} to {study.ends}")
    if not found:
        typer.echo("There are no studies yet. Next: sales-copilot study create FILE" + elsewhere(workspace))


@app.command("report")
def study_report(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="Where the page goes; in the study's folder by default.")] = None,
    workspace: Folder = WORKSPACE,
) -> None:
    """Measure a study, say the verdict, and write the page with tables and plots."""
    from copilot.errors import BadInput
    from copilot.jobs.study import find
    from copilot.jobs.study_report import report

    place = opened_workspace(workspace)
    with opened_store(place) as store:
        found, text = report(place, name, store)
    file = out or find(place, name).folder / "report.html"
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{file} cannot be written ({error.strerror}); name another place with --out.") from None
    typer.echo(f"{found.verdict.word.capitalize()}.")
    _say(list(found.verdict.sentences))
    typer.echo(f"The page: {file}")


def _say(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)

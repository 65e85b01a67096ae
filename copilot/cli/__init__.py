"""The command line. Every command says what it did, or in one sentence what is wrong and what to do."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from copilot.cli import (
    approval,
    bandit,
    drift,
    explain,
    features,
    grouping,
    mcp,
    models,
    narrate,
    registry,
    study,
    users,
)
from copilot.cli.shared import WORKSPACE, Folder, clock, elsewhere, opened_store, opened_workspace
from copilot.console import Spinner, interactive, run_stages
from copilot.errors import CopilotError

if TYPE_CHECKING:
    from copilot.agent.events import Told
    from copilot.data.workspace import Workspace

app = typer.Typer(
    name="sales-copilot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Who to call, what a touch changes, and why: from your own CRM and usage data, on your own machine.",
)

app.add_typer(features.app, name="features")
app.add_typer(models.app, name="models")
app.add_typer(registry.app, name="registry")
app.command("group-features")(grouping.group_features)
app.add_typer(study.app, name="study")
app.command("approve")(approval.approve)
app.command("reject")(approval.reject)
app.command("undo")(approval.undo)
app.command("retrain")(bandit.retrain)
app.command("drift")(drift.drift)
app.command("explain")(explain.explain)
app.command("narrate")(narrate.narrate)
app.command("users")(users.users)
app.command("mcp")(mcp.mcp)

Preset = Literal["tiny", "demo", "bench"]
STOPPED = 130  # what typer makes of Ctrl-C
PATIENCE = 60.0  # seconds that a single question waits for the embedded model to load


def main() -> None:
    """Run one command; errors of ours end in one sentence and their own exit code."""
    # With more threads a library, small fits wait for each other: 40 s of training become four minutes.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        app()
    except CopilotError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == STOPPED:
            typer.echo("Stopped; the workspace is as it was after the last finished step.", err=True)
        raise


@app.command()
def demo(
    preset: Annotated[Preset, typer.Option(help="500, 5 000 or 200 000 accounts.")] = "demo",
    seed: Annotated[int, typer.Option(help="Another seed gives another book.")] = 7,
    workspace: Folder = WORKSPACE,
) -> None:
    """Simulate a book to try everything on, and make its users."""
    from copilot.jobs.setup import make_demo

    with Spinner("Simulating the book") as tell:
        users = make_demo(opened_workspace(workspace), preset, seed, clock(), tell)
    _made(workspace, users)


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help="Where the export comes from: maven, ravenstack or csv.")],
    path: Annotated[Path, typer.Argument(help="The folder with the export's files, or one file.")],
    mapping: Annotated[Path | None, typer.Option(help="For csv: the file that says which column is which.")] = None,
    workspace: Folder = WORKSPACE,
) -> None:
    """Read a CRM export into the workspace's book, and make its users."""
    from copilot.jobs.setup import import_book

    with Spinner(f"Reading {path}") as tell:
        users = import_book(opened_workspace(workspace), source, path, clock(), tell, mapping=mapping)
    _made(workspace, users)


@app.command()
def train(
    model: Annotated[str | None, typer.Option(help="One of: growth, uplift, engagement, propensity.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same models.")] = 7,
    challenger: Annotated[bool, typer.Option(help="Keep the models in use, and the new ones beside them.")] = False,
    workspace: Folder = WORKSPACE,
) -> None:
    """Train the models the book has data for, and say how good each one is."""
    import numpy as np

    from copilot.jobs.fits import processors
    from copilot.jobs.train import train as run

    with Spinner("Training") as tell:
        lines = run(
            opened_workspace(workspace),
            clock(),
            np.random.default_rng(seed),
            only=model,
            promote=not challenger,
            processes=processors(),
            tell=tell,
        )
    for line in lines:
        typer.echo(line)
    typer.echo("Next: sales-copilot score" + elsewhere(workspace))


@app.command()
def score(
    notes: Annotated[bool, typer.Option("--notes", help="Index the notes even where there are very many.")] = False,
    workspace: Folder = WORKSPACE,
) -> None:
    """Score every account, plan who works on what, and publish it all as one snapshot."""
    from copilot.agent.ask import router
    from copilot.jobs.score import score as run

    with Spinner("Scoring") as tell:
        lines = run(opened_workspace(workspace), clock(), tell=tell, all_notes=notes)
        tell("Learning to read questions (once on this machine)")
        router()
    for line in lines:
        typer.echo(line)
    typer.echo('Next: sales-copilot ask "Who should I call this week, and why?" --as USER' + elsewhere(workspace))


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="In your own words.")],
    as_: Annotated[str, typer.Option("--as", help="The user who asks; trusted here, since you own the workspace.")],
    thread: Annotated[str | None, typer.Option(help="Go on with this conversation.")] = None,
    rung: Annotated[Literal["remote", "local", "rules"], typer.Option(help="The highest rung to try.")] = "remote",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, sources included.")] = False,
    workspace: Folder = WORKSPACE,
) -> None:
    """Ask one question."""
    import numpy as np

    from copilot import rooms
    from copilot.agent.ask import stream
    from copilot.agent.events import Finished, Told
    from copilot.config import settings
    from copilot.llm.service import opened

    place = opened_workspace(workspace)
    place.book()
    with opened_store(place) as store, opened(rung, patience=PATIENCE) as ladder:
        told = stream(
            place, store, rooms.registry(), question, store.principal(as_),
            thread=thread, ladder=ladder, top=rung, clock=clock, rng=np.random.default_rng(),
        )  # fmt: skip
        begun = False
        for event in told:
            if isinstance(event, Told) and not json:
                _say(event, first=not begun)
                begun = True
            if isinstance(event, Finished):
                answer = event.answer
    if json:
        import dataclasses
        import json as encoder

        printed = {key: value for key, value in dataclasses.asdict(answer).items() if key != "exit_code"}
        typer.echo(encoder.dumps(printed, indent=2, ensure_ascii=False))
    else:
        foot = f"as of {answer.as_of} · {answer.rung} · {answer.thread}"
        typer.echo(("\n" if interactive() else "\n\n") + foot)
        if answer.approval:
            ending = f"{answer.approval['id']} --as {as_}" + elsewhere(workspace)
            typer.echo(f"To carry it out: sales-copilot approve {ending}\nTo let it be: sales-copilot reject {ending}")
        if rung != "rules" and not ladder.rungs and settings().model != "none":
            typer.echo("For a language model to word it: sales-copilot models install better", err=True)
    if answer.exit_code:
        sys.exit(answer.exit_code)


@app.command()
def chat(
    port: Annotated[int, typer.Option(min=1, max=65535, help="On this machine only.")] = 7860,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
    workspace: Folder = WORKSPACE,
) -> None:
    """Open the chat in the browser; Ctrl-C ends it."""
    place = opened_workspace(workspace)
    place.book()
    _serve(place, port, show=show)


@app.command()
def run(
    port: Annotated[int, typer.Option(min=1, max=65535, help="On this machine only.")] = 7860,
    preset: Annotated[
        Literal["tiny", "demo", "bench"], typer.Option(help="The demo book, where none is there.")
    ] = "demo",
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
    workspace: Folder = WORKSPACE,
) -> None:
    """Do everything that is missing (language model, demo book, training, scores), then open the chat."""
    from copilot.jobs.prepare import stages

    place = opened_workspace(workspace)
    run_stages(stages(place, clock, preset=preset))
    _serve(place, port, show=show)


@app.command()
def doctor(workspace: Folder = WORKSPACE) -> None:
    """Say what is there, what is missing and which command mends it."""
    from copilot.jobs.doctor import examine

    for finding in examine(opened_workspace(workspace)):
        typer.echo(
            f"{'ok  ' if finding.ok else 'miss'}  {finding.what}: {finding.state}"
            + (f"  -> {finding.mend}" if finding.mend else "")
        )


def _say(piece: Told, *, first: bool) -> None:
    """Print a piece of an answer as soon as it is there."""
    if interactive():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(piece.text), "")
    else:
        typer.echo(("" if first else " " if piece.goes_on else "\n\n") + piece.text, nl=False)


def _serve(place: Workspace, port: int, *, show: bool) -> None:
    """Run the chat until it is stopped."""
    import webbrowser

    from copilot.jobs.serve import serve

    def opened(url: str) -> None:
        typer.echo(f"The chat is at {url} (Ctrl-C ends it). A lost password: sales-copilot users --reset NAME")
        if show and interactive():
            webbrowser.open(url)

    typer.echo("Opening the chat, some 15 seconds.", err=True)
    serve(place, port, clock, opened)


def _made(workspace: Path, users: list[tuple[str, str, str | None]]) -> None:
    """Print what the book holds, the users and what to do next; passwords are shown this once."""
    from copilot.data.quality import told
    from copilot.data.workspace import Workspace

    book = Workspace(workspace).book()
    manifest = book.manifest
    typer.echo(
        f"Book from {manifest['source']}, as of {manifest['as_of']}: "
        + ", ".join(f"{n:,} {t}" for t, n in manifest["tables"].items())
        + "."
    )
    for sentence in [*manifest["notes"], *manifest["missing"].values(), *filter(None, [told(book)])]:
        typer.echo(f"- {sentence}")
    fresh = [user for user in users if user[2]]
    if fresh:
        typer.echo("Users and one-time passwords, shown only now:")
    for name, role, password in fresh:
        typer.echo(f"  {name:<24} {role:<8} {password}")
    if len(fresh) < len(users):
        typer.echo(f"{len(users) - len(fresh)} users were there before and keep their passwords.")
    typer.echo("Next: sales-copilot train" + elsewhere(workspace))

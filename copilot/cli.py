"""The command line. Every command says what it did, or in one sentence what is wrong and what to do."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from copilot.console import Spinner, interactive, run_stages
from copilot.errors import CopilotError

if TYPE_CHECKING:
    from copilot.agent.events import Told
    from copilot.data.workspace import Workspace
    from copilot.store.database import Store

app = typer.Typer(
    name="sales-copilot",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Who to call, what a touch changes, and why: from your own CRM and usage data, on your own machine.",
)

Preset = Literal["tiny", "demo", "bench"]
Folder = Annotated[
    Path,
    typer.Option(
        "--workspace", envvar="SALES_COPILOT_WORKSPACE", help="The folder that holds book, models and scores."
    ),
]
WORKSPACE = Path("workspace")
PATIENCE = 60.0  # seconds that a single question waits for the embedded model to load


def main() -> None:
    """Run one command; errors of ours end in one sentence and their own exit code."""
    try:
        app()
    except CopilotError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("Stopped; the workspace is as it was after the last finished step.", err=True)
        sys.exit(130)


@app.command()
def demo(
    preset: Annotated[Preset, typer.Option(help="500, 5 000 or 200 000 accounts.")] = "demo",
    seed: Annotated[int, typer.Option(help="Another seed gives another book.")] = 7,
    workspace: Folder = WORKSPACE,
) -> None:
    """Simulate a book to try everything on, and make its users."""
    from copilot.jobs.setup import make_demo

    with Spinner("Simulating the book") as tell:
        users = make_demo(_workspace(workspace), preset, seed, _now(), tell)
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
        users = import_book(_workspace(workspace), source, path, _now(), tell, mapping=mapping)
    _made(workspace, users)


@app.command()
def train(
    model: Annotated[str | None, typer.Option(help="Only this model: growth, uplift or engagement.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same models.")] = 7,
    workspace: Folder = WORKSPACE,
) -> None:
    """Train the models the book has data for, and say how good each one is."""
    import numpy as np

    from copilot.jobs.train import train as run

    with Spinner("Training") as tell:
        lines = run(_workspace(workspace), _now(), np.random.default_rng(seed), only=model, tell=tell)
    for line in lines:
        typer.echo(line)
    typer.echo("Next: sales-copilot score" + _elsewhere(workspace))


@app.command()
def score(workspace: Folder = WORKSPACE) -> None:
    """Score every account, plan who works on what, and publish it all as one snapshot."""
    from copilot.agent.ask import router
    from copilot.jobs.score import score as run

    with Spinner("Scoring") as tell:
        lines = run(_workspace(workspace), _now(), tell=tell)
        tell("Learning to read questions (once on this machine)")
        router()
    for line in lines:
        typer.echo(line)
    typer.echo('Next: sales-copilot ask "Who should I call this week, and why?" --as USER' + _elsewhere(workspace))


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

    place = _workspace(workspace)
    place.book()
    with _store(place) as store, opened(rung, patience=PATIENCE) as ladder:
        told = stream(
            place, store, rooms.registry(), question, store.principal(as_),
            thread=thread, ladder=ladder, top=rung, clock=_now, rng=np.random.default_rng(),
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
    place = _workspace(workspace)
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

    place = _workspace(workspace)
    run_stages(stages(place, _now, preset=preset))
    _serve(place, port, show=show)


features = typer.Typer(help="The catalogue of features: build and profile it, search it, read one, onboard your own.")
app.add_typer(features, name="features")


@features.callback(invoke_without_command=True)
def features_all(context: typer.Context, workspace: Folder = WORKSPACE) -> None:
    """Build the features as of the book's day, profile them, and write the catalogue as a page to read."""
    context.obj = workspace
    if context.invoked_subcommand is None:
        from copilot.jobs.features import stages

        run_stages(stages(_workspace(workspace)))


@features.command("search")
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

    found, profiles = search(_workspace(_given(context, workspace)), " ".join(words))
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
        typer.echo("For nulls, medians and months: sales-copilot features" + _elsewhere(_given(context, workspace)))


@features.command("show")
def features_show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The feature's name, as search lists it.")],
    workspace: Folder = WORKSPACE,
) -> None:
    """Read one feature: its definition, its values, where it comes from and which models use it."""
    from copilot.jobs.features import describe_feature

    with Spinner("Profiling") as tell:
        lines = describe_feature(_workspace(_given(context, workspace)), name, tell)
    for line in lines:
        typer.echo(line)


@features.command("add")
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
        taken = add(_workspace(place), file)
    for line in added(taken):
        typer.echo(line)
    typer.echo("The models get them with the next training: sales-copilot train" + _elsewhere(place))


def _given(context: typer.Context, workspace: Path) -> Path:
    """Return the workspace, which may stand before the subcommand or behind it."""
    source = context.get_parameter_source("workspace")
    before: Path = context.obj
    return before if source is not None and source.name in ("DEFAULT", "ENVIRONMENT") else workspace


models = typer.Typer(no_args_is_help=True, help="The embedded language model: which are there, and how to get one.")
app.add_typer(models, name="models")


@models.command("install")
def models_install(
    which: Annotated[
        str, typer.Argument(help="better (1.1 GB), small (98 MB), or the path of any .gguf file.")
    ] = "better",
) -> None:
    """Fetch a model, check it, and use it from now on; an interrupted download goes on where it stopped."""
    from copilot.llm.weights import Progress, install

    with Spinner(f"Fetching {which}") as tell:

        def progress(now: Progress) -> None:
            tell(f"{now.what}: {now.done / 1e6:,.0f} of {now.total / 1e6:,.0f} MB")

        path = install(which, progress)
    typer.echo(f"The copilot now uses {path}.")


@models.command("list")
def models_list() -> None:
    """List the models, which of them are here and which one is used."""
    from rich.console import Console
    from rich.table import Table

    from copilot.llm.weights import installed

    table = Table("", "name", "model", "size", "licence", "state")
    for one in installed():
        table.add_row(
            "*" if one.active else "", one.name, one.title, f"{one.size / 1e6:,.0f} MB", one.licence, one.state
        )
    Console().print(table)


@app.command()
def users(
    reset: Annotated[str | None, typer.Option(help="Give this user a new one-time password and print it.")] = None,
    workspace: Folder = WORKSPACE,
) -> None:
    """List the users of the workspace, or give one a new password."""
    from rich.console import Console
    from rich.table import Table

    place = _workspace(workspace)
    place.book()
    with _store(place) as store:
        if reset is not None:
            from copilot.store.passwords import one_time_password

            password = one_time_password()
            store.set_password(reset, password, actor="setup")
            typer.echo(f"{reset}: {password}")
            return
        table = Table("user", "role", "rep", "active")
        for user in store.users():
            table.add_row(user["username"], user["role"], user["rep_id"] or "", "yes" if user["active"] else "no")
    Console().print(table)


@app.command()
def doctor(workspace: Folder = WORKSPACE) -> None:
    """Say what is there, what is missing and which command mends it."""
    from copilot.jobs.doctor import examine

    for finding in examine(_workspace(workspace)):
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
    serve(place, port, _now, opened)


def _now() -> datetime:
    return datetime.now(UTC)


def _workspace(folder: Path) -> Workspace:
    from copilot.data.workspace import Workspace

    return Workspace(folder)


def _store(place: Workspace) -> Store:
    from copilot.config import settings
    from copilot.store.database import Store

    return Store.open(settings().database_url or place.database)


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
    typer.echo("Next: sales-copilot train" + _elsewhere(workspace))


def _elsewhere(workspace: Path) -> str:
    return "" if workspace == WORKSPACE else f" --workspace {workspace}"


if __name__ == "__main__":
    main()

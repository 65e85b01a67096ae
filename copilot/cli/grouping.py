"""``sales-copilot group-features``: raw feature names into families that a person would name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from copilot.cli.shared import WORKSPACE, Folder

PATIENCE = 60.0  # seconds that the embedded model gets to load


def group_features(
    names: Annotated[Path, typer.Argument(help="A CSV file with the column feature_name and, if known, description.")],
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write; a file to review lies beside it.")],
    rung: Annotated[
        Literal["remote", "local", "rules"],
        typer.Option(help="The highest language model that may settle doubtful headings and word names; rules: none."),
    ] = "rules",
    workspace: Folder = WORKSPACE,
) -> None:
    """Group raw feature names into super features, families and categories, each with one line of meaning.

    Words of your own go into the file grouping.yaml of the workspace.
    """
    from copilot.explain.grouping.glossary import glossary
    from copilot.jobs.grouping import completer, group_file
    from copilot.llm.service import opened

    words = glossary(workspace / "grouping.yaml")
    with _Bar() as tell, opened(rung, patience=PATIENCE) as ladder:
        done = group_file(names, out, glossary=words, complete=completer(ladder), tell=tell)
    for sentence in done.told:
        typer.echo(sentence)


class _Bar:
    """A bar on a terminal; silent where nobody watches."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("Taking the names apart", total=None)

    def __enter__(self) -> _Bar:
        self._bar.start()
        return self

    def __call__(self, what: str, done: int, total: int) -> None:
        self._bar.update(self._task, description=what, completed=done, total=total)

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

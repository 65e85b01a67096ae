"""``sales-copilot models``: the embedded language model."""

from __future__ import annotations

from typing import Annotated

import typer

from copilot.console import Spinner

app = typer.Typer(no_args_is_help=True, help="The embedded language model: which are there, and how to get one.")


@app.command("install")
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


@app.command("list")
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

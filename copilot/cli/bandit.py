"""``sales-copilot retrain``: learn from all reactions now, and say what other policies would have earned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli.shared import WORKSPACE, Folder, clock, elsewhere, opened_workspace
from copilot.console import Spinner, interactive

if TYPE_CHECKING:
    import pandas as pd


def retrain(
    feedback: Annotated[
        Path | None,
        typer.Option(help="More feedback: .csv or one JSON record a line, with decision_id, feedback and at."),
    ] = None,
    compare: Annotated[
        bool, typer.Option(help="Estimate what Algorithm 1, UCB and lots would have earned on the same alerts.")
    ] = False,
    workspace: Folder = WORKSPACE,
) -> None:
    """Learn from what reps did with the actions: the screens' reactions, the book's, and a file's."""
    import numpy as np

    from copilot.bandit import compare as others
    from copilot.jobs.feedback import catch_up, opened

    place = opened_workspace(workspace)
    book = place.book()
    with Spinner("Learning from feedback"), place.writing(), opened(place, book) as bandit:
        news = catch_up(bandit, place, clock(), file=feedback)
        policy = bandit.store.policy
        table = None
        if compare:
            table = others.compare(others.rewarded(bandit.store), policy, rng=np.random.default_rng(0))
    typer.echo(str(news))
    typer.echo(f"The bandit has learned {policy.seen:,} rewards; its {policy.active} model chooses.")
    if table is not None:
        _show(table)
    typer.echo("Next: sales-copilot score" + elsewhere(workspace))


def _show(table: pd.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    heads = ("policy", "estimator", "reward an alert", "95 % interval", "effective rows")
    shown = Table(*heads, title="Reward: +1 clicked, 0 no click, -1 dismissed")
    told = []
    for row in table.to_dict("records"):
        if row["refused"]:
            told.append(f"{row['policy']} cannot be valued. {row['refused']}")
            continue
        numbers = (f"{row['value']:+.3f}", f"{row['low']:+.3f} to {row['high']:+.3f}", f"{row['ess']:,.0f}")
        shown.add_row(*map(Text, (row["policy"], row["estimator"], *numbers)))
    if shown.row_count:
        Console(width=None if interactive() else 120).print(shown)
    for line in told:
        typer.echo(line)

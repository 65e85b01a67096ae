"""``sales-copilot drift``: is each model still healthy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.cli.shared import WORKSPACE, Folder, clock, elsewhere, opened_workspace
from copilot.console import Spinner

if TYPE_CHECKING:
    from copilot.monitor.health import Health, Move, Part

WORST = 5  # moved inputs told of each part


def drift(
    model: Annotated[str | None, typer.Option(help="One of: growth, uplift, engagement, propensity.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, all moved inputs included.")] = False,
    workspace: Folder = WORKSPACE,
) -> None:
    """Say whether the models in use are still healthy: inputs and scores since training, errors on later labels."""
    import numpy as np

    from copilot.jobs.drift import report

    with Spinner("Comparing with the day of training") as tell:
        found = report(opened_workspace(workspace), clock(), np.random.default_rng(0), only=model, tell=tell)
    if json:
        import json as encoder

        typer.echo(encoder.dumps({"models": [one.as_dict() for one in found]}, indent=2, ensure_ascii=False))
        return
    for one in found:
        for line in _lines(one, elsewhere(workspace)):
            typer.echo(line)


def _lines(one: Health, where: str) -> Iterator[str]:
    """Yield a model's verdict, then what it rests on."""
    yield one.verdict + (where if one.alarms else "")
    span = f", compared with {one.today}" if one.parts else ""
    yield f"  version {one.version}, in use since {one.since}; trained on the book as of {one.trained_as_of}{span}"
    for part in one.parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    yield f"  {part.words}: {_told(part.scores)}, {part.rows[0]:,} scored then and {part.rows[1]:,} now"
    if part.quality is not None:
        yield f"    {part.quality.words}{' – worse' if part.quality.worse else ''}"
    else:
        yield f"    not known yet: {part.unknown}" if part.unknown else "    no later labels"
    if part.gone:
        yield f"    gone from the book: {', '.join(part.gone)}"
    if not part.moved:
        yield f"    none of {part.checked} inputs moved beyond its threshold"
        return
    yield (
        f"    {len(part.moved)} of {part.checked} inputs moved beyond their thresholds, with {part.weight:.0%} of the "
        f"model's weight{'; the worst' if len(part.moved) > WORST else ''}:"
    )
    for move in part.moved[:WORST]:
        yield f"    - {_told(move)}"


def _told(move: Move) -> str:
    beyond = " – moved" if move.name == "score" and move.beyond else ""
    return f"{move.words} (PSI {move.psi:.3f}, threshold {move.threshold:.3f}){beyond}"

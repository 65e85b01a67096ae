"""From nothing to a workspace one can talk to: weights, demo book, models, scores; what is there already is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from copilot.config import settings
from copilot.data.workspace import Workspace
from copilot.errors import CopilotError
from copilot.llm import weights

Preset = Literal["tiny", "demo", "bench"]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Stage:
    """One thing to do.

    Attributes:
        title: What it does.
        seconds: How long it takes on a laptop with two processors; only for the time left.
        run: Does it; returns sentences worth reading.
    """

    title: str
    seconds: float
    run: Callable[[Tell], list[str]]


def stages(workspace: Workspace, clock: Callable[[], datetime], *, preset: Preset = "demo") -> list[Stage]:
    """Return what is missing, in order; nothing for a workspace that is ready."""
    found = []
    if settings().model is None and weights.active() is None:
        found.append(Stage("Fetching the language model (1.1 GB, kept for all workspaces)", 45, _weights))
    size = {"tiny": 0.3, "demo": 1.0, "bench": 30.0}[preset]
    fresh = workspace.current("book") is None
    if fresh:
        found.append(Stage("Simulating the demo book", 12 * size, lambda tell: _book(workspace, preset, clock, tell)))
    if fresh or _untrained(workspace):
        found.append(Stage("Training the models", 80 * size, lambda tell: _train(workspace, clock, tell)))
    if fresh or _unscored(workspace):
        found.append(Stage("Scoring every account", 50 * size, lambda tell: _score(workspace, clock, tell)))
    if not any((settings().cache / "router").glob("*.npz")):
        found.append(Stage("Learning to read questions (once on this machine)", 15, _router))
    return found


def _weights(tell: Tell) -> list[str]:
    """Fetch the better model, else the small one; without either the rules answer, and the sentence says so."""

    def progress(now: weights.Progress) -> None:
        tell(f"{now.what}, {now.done / 1e6:,.0f} of {now.total / 1e6:,.0f} MB")

    said: list[str] = []
    for name in ("better", "small"):
        try:
            weights.install(name, progress)
        except CopilotError as error:
            said.append(str(error))
        else:
            return said
    return [*said, "The copilot answers by rules until `sales-copilot models install better` has succeeded."]


def _book(workspace: Workspace, preset: Preset, clock: Callable[[], datetime], tell: Tell) -> list[str]:
    from copilot.jobs.setup import make_demo

    made = make_demo(workspace, preset, 7, clock(), tell)
    fresh = [f"  {name:<8} {role:<8} {password}" for name, role, password in made if password]
    return ["Users and one-time passwords, shown only now:", *fresh] if fresh else []


def _train(workspace: Workspace, clock: Callable[[], datetime], tell: Tell) -> list[str]:
    from copilot.jobs.fits import processors
    from copilot.jobs.train import train

    train(workspace, clock(), np.random.default_rng(7), processes=processors(), tell=tell)
    return []


def _score(workspace: Workspace, clock: Callable[[], datetime], tell: Tell) -> list[str]:
    from copilot.jobs.score import score

    score(workspace, clock(), tell=tell)
    return []


def _router(tell: Tell) -> list[str]:
    from copilot.agent.ask import router

    router()
    return []


def _untrained(workspace: Workspace) -> bool:
    """Whether nothing was ever trained on this book; a book that some model has no data for is left at that."""
    from copilot.jobs.train import MODELS, trained

    return all(trained(workspace, name) is None for name in MODELS) and _unscored(workspace)


def _unscored(workspace: Workspace) -> bool:
    from copilot.data.snapshot import open_snapshot

    try:
        open_snapshot(workspace)
    except CopilotError:
        return True
    return False

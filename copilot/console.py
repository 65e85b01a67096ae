"""What a terminal shows while something runs: what is being done, for how long, and how long is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, Task
    from rich.text import Text

    from copilot.jobs.prepare import Stage


LEAST_PACE = 0.5  # a stage that failed at once says nothing about how fast the next will be


class Spinner:
    """Shows a stage and its seconds on a terminal; silent where nobody watches. Call it with the next stage."""

    def __init__(self, first: str) -> None:
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        self._bar = _bar(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._task = self._bar.add_task(first, total=None)

    def __enter__(self) -> Spinner:
        self._bar.start()
        return self

    def __call__(self, stage: str) -> None:
        """Show what is being done now."""
        self._bar.update(self._task, description=stage)

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()


def run_stages(stages: Sequence[Stage], clock: Callable[[], float] = time.monotonic) -> None:
    """Run the stages one after the other, showing which, how far and how long all of them will still take.

    The time left rests on each stage's usual seconds, stretched by how long the finished ones took on this machine.
    """
    left = _Left([stage.seconds for stage in stages], clock)
    bar = _bar(*_columns(left))
    task = bar.add_task("", total=1.0)
    with bar:
        for number, stage in enumerate(stages, 1):
            left.begin(number - 1)
            title = f"{number}/{len(stages)} {stage.title}"
            if bar.disable:
                typer.echo(f"{title} (about {left.seconds():.0f} s for all that is left)", err=True)
            bar.update(task, description=title)
            said = stage.run(lambda now, title=title: bar.update(task, description=f"{title}: {now}"))  # type: ignore[misc]
            for sentence in said:
                (bar.console.print if not bar.disable else typer.echo)(sentence)


class _Left:
    """Estimates the seconds left."""

    def __init__(self, usual: Sequence[float], clock: Callable[[], float]) -> None:
        self._usual, self._clock = list(usual), clock
        self._at, self._began, self._first = 0, clock(), clock()

    def begin(self, at: int) -> None:
        self._at, self._began = at, self._clock()

    def seconds(self) -> float:
        before, now = sum(self._usual[: self._at]), self._clock()
        pace = max((self._began - self._first) / before, LEAST_PACE) if before else 1.0
        # A stage that takes longer than usual is told to be nearly done; nobody knows better.
        here = max(pace * self._usual[self._at] - (now - self._began), 0.1 * pace * self._usual[self._at])
        return here + pace * sum(self._usual[self._at + 1 :])

    def share(self) -> float:
        gone = self._clock() - self._first
        return gone / max(gone + self.seconds(), 1e-9)


def _columns(left: _Left) -> tuple[ProgressColumn, ...]:
    from rich.progress import ProgressColumn, SpinnerColumn, TextColumn
    from rich.progress_bar import ProgressBar
    from rich.text import Text as Line

    class Bar(ProgressColumn):
        def render(self, task: Task) -> ProgressBar:
            return ProgressBar(total=1.0, completed=left.share(), width=24)

    class Time(ProgressColumn):
        def render(self, task: Task) -> Text:
            seconds = int(left.seconds())
            return Line(f"{seconds // 60}:{seconds % 60:02} left", style="cyan")

    return SpinnerColumn(), Bar(), Time(), TextColumn("{task.description}")


def _bar(*columns: ProgressColumn) -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def interactive() -> bool:
    """Whether a person watches the output."""
    return sys.stdout.isatty()

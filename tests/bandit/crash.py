"""A writer of a bandit's folder that dies by kill -9 where it is told to; imports little, so that it dies soon.

python -m tests.bandit.crash FOLDER WHERE
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from copilot.bandit import logfile, posterior, saving
from copilot.bandit.compaction import compact
from copilot.bandit.feedback import ingest
from copilot.bandit.policy import Policy
from copilot.bandit.records import Asked
from copilot.bandit.store import Store

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=100)
ROOT = Path(__file__).resolve().parents[2]
WORDS = ("clicked", "dismissed", "no_click")
BATCHES = 6
UNSEEN = 20  # decisions that nobody was shown


def fresh() -> Policy:
    """A policy of two arms."""
    return Policy(["boost", "upsell"], 2, kind="linear", rng=np.random.default_rng(1))


def batch(k: int) -> list[dict[str, str]]:
    """The feedback on five decisions."""
    return [
        {"decision_id": f"d{k}-{i}", "feedback": WORDS[(k + i) % 3], "at": f"2026-07-02T0{i}:00:00Z"} for i in range(5)
    ]


def work(folder: Path, batches: range = range(BATCHES)) -> None:
    """Decide and learn, five decisions a batch."""
    with Store(folder, fresh) as store:
        for k in batches:
            for i in range(5):
                store.decide(f"d{k}-{i}", [k / 9, i / 5], NOW)
            ingest(store, batch(k), NOW)


def unseen(store: Store) -> None:
    """Decide what nobody is shown."""
    store.decide_all([Asked(f"u{i}", [i / 9, 0.0], about={"alerted": False}) for i in range(UNSEEN)], NOW)


def killed(folder: Path, where: str) -> None:
    """Run ``main`` in a process of its own and see it die."""
    run = subprocess.run([sys.executable, "-m", "tests.bandit.crash", str(folder), where], cwd=ROOT, check=False)
    assert run.returncode == -signal.SIGKILL


def dying(function: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Return ``function``, whose call number ``at`` kills the process instead."""
    calls = 0

    def call(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **options)

    return call


def main(folder: Path, where: str) -> None:
    """Decide and learn, or compact, and die."""
    if where.startswith("compaction"):
        with Store(folder, fresh) as store:
            if where == "compaction writes":
                logfile.LogFile._lines = dying_within(logfile.LogFile._lines, 15)  # type: ignore[method-assign]
            elif where == "compaction switches":
                os.replace = dying(os.replace, 2)  # the first one saves the state
            elif where == "compaction saves":
                os.replace = dying(os.replace, 3)
            compact(store, LATER)
        return
    if where == "update":
        posterior.Posterior.updated = dying(posterior.Posterior.updated, 13)  # type: ignore[method-assign]
    elif where == "switch":
        saving.os.replace = dying(os.replace, 3)  # type: ignore[attr-defined]
    elif where == "flush":
        os.fsync = dying(os.fsync, 20)
    work(folder)


def dying_within(lines: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Return ``lines``, which kills the process at line ``at`` of a rewriting."""

    def read(self: logfile.LogFile, start: int = 0) -> Any:
        for number, found in enumerate(lines(self, start)):
            if number == at and self.path.with_name(f".{self.path.name}.draft").exists():
                os.kill(os.getpid(), signal.SIGKILL)
            yield found

    return read


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

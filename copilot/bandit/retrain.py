"""Train the torso off the path: in a process of its own at the lowest priority, which hands back weights."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from copilot.bandit.history import Rows
from copilot.bandit.torso import Torso, pack, train, unpack
from copilot.bandit.view import Scaling, scaling
from copilot.stats import Floats

Trained = tuple[Scaling, Torso]
_JOB, _DONE = "job.npz", "done.npz"


def retrain(rows: Rows, weights: Floats, arms: int, seed: int) -> Trained:
    """Return the inputs' scaling and a torso trained on ``rows``; the same seed gives the same weights."""
    scale = scaling(rows.x)
    return scale, train(scale(rows.x), rows.arm, rows.reward, weights, arms, seed)


PATIENCE_S = 300.0  # that ``collect`` waits at most


class Retrainer:
    """At most one retraining at a time; a new one waits for its turn by being asked for again."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def running(self) -> bool:
        """Say whether a child is at work."""
        return self._child is not None and self._child.poll() is None

    def start(self, rows: Rows, weights: Floats, arms: int, seed: int) -> None:
        """Begin a retraining, unless one is under way or not yet collected."""
        if self._child is not None:
            return
        self._folder = tempfile.TemporaryDirectory(prefix="bandit-")
        folder = Path(self._folder.name)
        np.savez(folder / _JOB, x=rows.x, arm=rows.arm, reward=rows.reward, weights=weights, plan=[arms, seed])
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._child = subprocess.Popen(
            [sys.executable, "-m", "copilot.bandit.retrain", str(folder)], env=environment, stdin=subprocess.DEVNULL
        )

    def collect(self, *, wait: bool = False) -> Trained | None:
        """Return what a finished child trained, once; None while it works, where there is none, and where it failed."""
        if self._child is None or self._folder is None:
            return None
        if wait:
            with contextlib.suppress(subprocess.TimeoutExpired):  # a busy machine gives a child of low priority nothing
                self._child.wait(PATIENCE_S)
        if self._child.poll() is None:
            return None
        file = Path(self._folder.name) / _DONE
        try:
            if self._child.returncode or not file.is_file():
                return None
            with np.load(file, allow_pickle=False) as done:
                return Scaling(done["centre"], done["spread"]), unpack(done)
        finally:
            self.drop()

    def drop(self) -> None:
        """End a running child and forget its work."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        if self._folder is not None:
            self._folder.cleanup()
        self._child = self._folder = None


def main(folder: Path) -> None:
    """Do the job that lies in ``folder`` and leave the weights there, whole or not at all."""
    os.nice(19)
    with np.load(folder / _JOB, allow_pickle=False) as job:
        rows = Rows(job["x"], job["arm"], job["reward"], np.zeros(len(job["reward"]), bool))
        arms, seed = (int(number) for number in job["plan"])
        scale, torso = retrain(rows, job["weights"], arms, seed)
    draft = folder / "draft.npz"
    np.savez(draft, centre=scale.centre, spread=scale.scale, **pack(torso))
    os.replace(draft, folder / _DONE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

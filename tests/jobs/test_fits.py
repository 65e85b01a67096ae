"""Models trained side by side are those trained one after the other, and a dead process costs nothing but time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from copilot.data.workspace import Book, Workspace
from copilot.jobs import fits, samples, train
from copilot.jobs.samples import Samples
from tests.conftest import NOW


def bundles(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


def test_side_by_side_gives_the_same_models_to_the_byte(
    tiny: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why_not = train.why_not

    def quick_ones(book: Book, name: str, found: Samples | None = None) -> str | None:
        return "It takes long." if name in ("uplift", "propensity") else why_not(book, name, found)

    monkeypatch.setattr(train, "why_not", quick_ones)
    shutil.copytree(tiny.root / "book", tmp_path / "book")
    said: list[str] = []
    train.train(Workspace(tmp_path), NOW, np.random.default_rng(7), processes=2, tell=said.append)
    assert "Training growth, engagement" in said
    found, alone = bundles(tmp_path / "models"), bundles(tiny.root / "models")
    assert {name.split("/")[0] for name in found} == {"growth", "engagement"}
    assert found == {name: alone[name] for name in found}


def dies(*_: object) -> fits.Fitted:
    os._exit(9)


def test_a_model_whose_process_was_ended_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fits, "fit", dies)
    assert fits.side_by_side({"growth": (), "engagement": ()}, 2, str) == {}


def never_ends(*_: object) -> fits.Fitted:
    Path("pid").write_text(str(os.getpid()), encoding="utf-8")
    while True:
        time.sleep(1)


STARTS_A_FIT = """
if __name__ == "__main__":
    from copilot.jobs import fits
    from tests.jobs.test_fits import never_ends

    fits.fit = never_ends
    fits.side_by_side({"growth": ()}, 2, str)
"""


def test_a_fit_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "starts.py").write_text(STARTS_A_FIT, encoding="utf-8")
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "starts.py"], cwd=tmp_path, env=here)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(encoding="utf-8") != "")
    child = int((tmp_path / "pid").read_text(encoding="utf-8"))
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(child))


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("It did not come about in 30 seconds.")


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and that nobody waited for does not."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return found.strip()[:1] not in ("", "Z")


def test_a_model_that_cannot_learn_from_its_data_keeps_no_other_from_being_published(
    tiny: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why_not, read = train.why_not, samples.read

    def all_touched(book: Book, name: str) -> Samples:
        found = read(book, name)
        rows = found.rows.assign(treated=1) if name == "uplift" else found.rows
        return replace(found, labels=replace(found.labels, frame=rows))

    def unasked(book: Book, name: str, found: Samples | None = None) -> str | None:
        return None if name == "uplift" else "It takes long." if name == "propensity" else why_not(book, name, found)

    monkeypatch.setattr(train, "why_not", unasked)
    monkeypatch.setattr(samples, "read", all_touched)
    shutil.copytree(tiny.root / "book", tmp_path / "book")
    for processes in (1, 2):
        lines = train.train(Workspace(tmp_path), NOW, np.random.default_rng(7), processes=processes)
        assert [line for line in lines if line.startswith("uplift: left out. Only 0 rows")]
        assert {name.split("/")[0] for name in bundles(tmp_path / "models")} == {"growth", "engagement"}
        shutil.rmtree(tmp_path / "models")

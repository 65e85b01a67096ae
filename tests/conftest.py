"""The worlds that tests share: one tiny demo workspace, built once a run, and the real exports beside the project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the commands do, before NumPy starts its threads

import numpy as np

from copilot.data.workspace import Workspace

# Whatever lies on this machine: a test that wants an embedded model names it.
os.environ["SALES_COPILOT_MODEL"] = "none"

Run = Callable[..., tuple[int, str, str]]
NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def made(tmp_path_factory: pytest.TempPathFactory, name: str, fill: Callable[[Workspace], object]) -> Workspace:
    """Fill a workspace, train and score it: once a run, the other processes of the run copy what the first made."""
    own = tmp_path_factory.mktemp(name)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return trained(own, fill)
    shared = tmp_path_factory.getbasetemp().parent / f"made-{name}"
    with FileLock(f"{shared}.lock"):
        if not shared.is_dir():
            draft = shared.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            trained(draft, fill)
            draft.rename(shared)
    shutil.copytree(shared, own, symlinks=True, dirs_exist_ok=True)
    return Workspace(own)


def trained(root: Path, fill: Callable[[Workspace], object]) -> Workspace:
    """Fill a workspace, train and score it."""
    from copilot.jobs.score import score
    from copilot.jobs.train import train

    workspace = Workspace(root)
    fill(workspace)
    train(workspace, NOW, np.random.default_rng(7))
    score(workspace, NOW)
    return workspace


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command in this process and return its exit code, output and error text."""
    from copilot.cli import main

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["sales-copilot", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The demo book of 500 accounts, trained and scored. Tests read it and never write to it."""
    from copilot.jobs.setup import make_demo

    return made(tmp_path_factory, "tiny", lambda workspace: make_demo(workspace, "tiny", 7, NOW, str))


def real(name: str) -> Path:
    """Return the folder of a real data set, or skip and say so."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the real data set {name} is not beside the project (../shared/data/{name})")
    return folder


@pytest.fixture(scope="session")
def ravenstack(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A real SaaS export of 500 accounts whose labels are close to noise, imported, trained and scored."""
    from copilot.jobs.setup import import_book

    folder = real("ravenstack_saas")
    return made(tmp_path_factory, "ravenstack", lambda w: import_book(w, "ravenstack", folder, NOW, str))


@pytest.fixture(scope="session")
def maven(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A real CRM export of 8 800 deals without contracts, imported and scored."""
    from copilot.jobs.setup import import_book

    folder = real("maven_crm")
    return made(tmp_path_factory, "maven", lambda w: import_book(w, "maven", folder, NOW, str))

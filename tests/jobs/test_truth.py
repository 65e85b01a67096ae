"""The demo book's other futures are for tests and studies: nothing that trains or scores may read them."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import numpy as np

import copilot
from copilot.data.workspace import Workspace
from copilot.jobs.score import score
from copilot.jobs.train import train
from tests.conftest import NOW


def names_of_the_truth(source: str) -> list[str]:
    """List the texts and names of a module that say "truth"; docstrings may speak of it."""
    tree = ast.parse(source)
    spoken = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        said = [getattr(node, part, "") for part in ("id", "attr", "arg", "name")]
        if isinstance(node, ast.Constant) and id(node) not in spoken:
            said.append(node.value)
        found += [text for text in said if isinstance(text, str) and "truth" in text.lower()]
    return found


def test_only_the_demo_maker_and_the_setup_name_the_truth() -> None:
    root = Path(copilot.__file__).parent
    uses = {
        path.relative_to(root).as_posix(): names_of_the_truth(path.read_text(encoding="utf-8"))
        for path in root.rglob("*.py")
    }
    named = {name for name, found in uses.items() if found}
    assert "jobs/setup.py" in named  # the search finds what is there
    assert {name for name in named if not name.startswith("data/demo/")} == {"jobs/setup.py"}


def files(root: Path) -> dict[str, bytes]:
    """Everything that training and scoring wrote."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for kind in ("models", "snapshots", "mart")
        for path in sorted((root / kind).rglob("*"))
        if path.is_file()
    }


def test_models_and_scores_are_the_same_to_the_byte_when_the_truth_is_gone_or_garbage(
    tiny: Workspace, tmp_path: Path
) -> None:
    names = sorted(file.name for file in (tiny.root / "truth").iterdir())
    assert "renewals.parquet" in names
    shutil.copytree(tiny.root / "book", tmp_path / "book")
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "renewals.parquet").write_bytes(b"no parquet at all")  # the others are gone
    blind = Workspace(tmp_path)
    train(blind, NOW, np.random.default_rng(7))
    score(blind, NOW)
    honest, found = files(tiny.root), files(tmp_path)
    assert found.keys() == honest.keys()
    assert [name for name, content in found.items() if content != honest[name]] == []
    assert sum(name.startswith("models/") for name in found) > 10

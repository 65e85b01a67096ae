"""What holds for the whole tree: who may import whom, how soon a command answers, and what may be committed."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pathspec
import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"duckdb", "langgraph", "mcp", "pandas", "pandera", "pyscipopt", "sklearn", "sqlalchemy", "torch", "xgboost"}
FLOORS = "Imports point down, floor by floor"
NO_PERSON = "Data, models and plans know no language model, no screen and no user"
NO_ROOMS = "The library never imports tools, screens or evaluations"
# Of the developer's own machine: home folders, and the places where checkouts and scratch files lie.
MACHINE_PATH = re.compile(r"(?<![\w.\-~])/(?:work|root|farm|tmp|home/\w+|Users/\w+)/")


def committed() -> Iterator[Path]:
    """Yield the files that git would keep: all but those .gitignore names (git itself may be absent)."""
    ignored = pathspec.GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())

    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            name = path.relative_to(ROOT).as_posix()
            if path.name == ".git" or path.is_symlink() or ignored.match_file(name + "/" * path.is_dir()):
                continue
            if path.is_dir():
                yield from walk(path)
            else:
                yield path

    return walk(ROOT)


def loaded_after(code: str) -> set[str]:
    """Return the heavy packages a new interpreter has loaded after running ``code``."""
    report = "\nimport json, sys\nprint()\nprint(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    run = subprocess.run([sys.executable, "-c", code + report], cwd=ROOT, capture_output=True, text=True, check=True)
    return HEAVY & set(json.loads(run.stdout.splitlines()[-1]))


def test_importing_the_command_line_loads_no_heavy_package() -> None:
    assert loaded_after("import copilot.cli") == set()


def test_help_loads_no_heavy_package() -> None:
    asked = """
import sys
from copilot.cli import main
sys.argv = ["sales-copilot", "--help"]
try:
    main()
except SystemExit as done:
    assert not done.code, done.code
"""
    assert loaded_after(asked) == set()


def test_the_watch_on_heavy_packages_sees_one() -> None:
    assert loaded_after("import sqlalchemy") == {"sqlalchemy"}


def test_no_cuda_package_is_installed() -> None:
    names = {distribution.name for distribution in importlib.metadata.distributions()}
    assert [name for name in names if name.lower().startswith("nvidia")] == []


def test_no_committed_file_names_a_folder_of_one_machine() -> None:
    found = []
    for path in committed():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}:{n}" for n, line in enumerate(lines, 1) if MACHINE_PATH.search(line)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("open('{}work/main/x')", True),
        ("{}home/ana/book.csv", True),
        ("`{}tmp/x`", True),
        ("https://example.org{}work/x", False),
        ("dev{}tmp/x", False),
    ],
)
def test_a_path_of_one_machine_is_told_from_a_part_of_another(text: str, is_one: bool) -> None:
    assert bool(MACHINE_PATH.search(text.format("/"))) is is_one


def test_no_committed_file_exceeds_one_mebibyte() -> None:
    sizes = {str(path.relative_to(ROOT)): path.stat().st_size for path in committed()}
    assert "pyproject.toml" in sizes
    assert {name: size for name, size in sizes.items() if size > 2**20} == {}


def test_data_models_and_plans_take_a_scope_and_never_the_asker() -> None:
    taken = set()
    for part in ("data", "models", "assign", "bandit"):
        for path in (ROOT / "copilot" / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module == "copilot.access":
                    taken |= {(str(path.relative_to(ROOT)), name.name) for name in node.names}
    assert {(path, name) for path, name in taken if name in ("Principal", "Ctx", "*")} == set()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the library and its contracts, to plant violations in."""
    shutil.copytree(ROOT / "copilot", tmp_path / "copilot", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_the_tree_keeps_its_contracts(copy: Path) -> None:
    run = lint_imports(copy)
    assert run.returncode == 0, run.stdout
    assert "3 kept, 0 broken" in run.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("data/book.py", "import copilot.agent", FLOORS),
        ("access.py", "from copilot import store", FLOORS),
        ("brand_new.py", "", FLOORS),
        ("models/uplift/door.py", "import langgraph", NO_PERSON),
        ("data/book.py", "from copilot.store import tables", NO_PERSON),
        ("rooms.py", "from tools import REGISTRY", NO_ROOMS),
    ],
)
def test_a_planted_violation_breaks_its_contract(copy: Path, module: str, line: str, contract: str) -> None:
    with (copy / "copilot" / module).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    run = lint_imports(copy)
    assert run.returncode == 1
    assert re.search(re.escape(contract) + r"\s+BROKEN", run.stdout), run.stdout

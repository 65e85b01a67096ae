"""The wheel, built as a stranger builds it: from the sdist, into an environment that has never seen the repository."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import site
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import copilot

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


@dataclass(frozen=True)
class Installed:
    """The two archives, the bare environment's folder and a working folder that holds a decoy."""

    sdist: Path
    wheel: Path
    home: Path
    decoy: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the bare environment from the decoy's folder, with nothing of ours on the path."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SALES_COPILOT"))}
        command = [str(self.home / SCRIPTS / program), *arguments]
        return subprocess.run(command, cwd=self.decoy, env=clean, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build sdist → wheel and install the wheel in a bare environment."""
    folder = tmp_path_factory.mktemp("package")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(ROOT))
    (wheel,) = (folder / "dist").glob("*.whl")
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    home = folder / "bare"
    venv.create(home, symlinks=os.name != "nt")
    pip = [sys.executable, "-m", "pip", "--python", str(home / SCRIPTS / "python"), "--disable-pip-version-check"]
    call(*pip, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", str(wheel))
    # The dependencies are borrowed from the running environment. A folder that a .pth file names has its own .pth files
    # ignored, so the repository's editable install is not borrowed with them.
    (packages,) = home.glob("Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages")
    (packages / "borrowed.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    decoy = folder / "decoy"
    (decoy / "tools").mkdir(parents=True)
    (decoy / "tools" / "__init__.py").write_text("raise RuntimeError('the decoy was imported')\n", encoding="utf-8")
    return Installed(sdist, wheel, home, decoy)


def call(*command: str) -> None:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_wheel_holds_the_package_and_nothing_else_at_the_top(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        names = archive.namelist()
    dist_info = f"sales_copilot-{copilot.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"copilot", dist_info}
    assert {name.split("/")[2] for name in names if name.startswith("copilot/_rooms/")} == {"tools", "prompts", "ui"}
    assert f"{dist_info}/licenses/LICENSE" in names


def test_every_source_file_travels_in_both_archives(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        wheel = set(archive.namelist())
    with tarfile.open(installed.sdist) as archive:
        sdist = {name.partition("/")[2] for name in archive.getnames()}
    for part in ("copilot", "evals", "tools", "prompts", "ui", "tests"):
        files = [path for path in (ROOT / part).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        names = {path.relative_to(ROOT).as_posix() for path in files}
        assert names, part
        assert names - sdist == set()
        if part not in ("evals", "tests"):
            assert {name if part == "copilot" else f"copilot/_rooms/{name}" for name in names} - wheel == set()
    assert {"Makefile", "constraints.txt", "LICENSE", "README.md"} <= sdist


def test_the_installed_copilot_loads_its_own_tools_beside_a_decoy(installed: Installed) -> None:
    code = """
import json, sys
import copilot
from copilot.rooms import registry
names = sorted(registry())
print(json.dumps([copilot.__file__, sys.modules["tools"].__file__, names]))
"""
    run = installed.run("python", "-c", code)
    assert run.returncode == 0, run.stderr
    package, tools, names = json.loads(run.stdout)
    assert Path(package).is_relative_to(installed.home)
    assert Path(tools) == Path(package).parent / "_rooms" / "tools" / "__init__.py"
    assert "rank_accounts" in names


def test_the_decoy_would_be_imported_without_the_guard(installed: Installed) -> None:
    run = installed.run("python", "-c", "import tools")
    assert "the decoy was imported" in run.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"]])
def test_the_installed_command_answers_beside_a_decoy(installed: Installed, arguments: list[str]) -> None:
    run = installed.run("sales-copilot", *arguments)
    said = run.stdout + run.stderr
    # `doctor` finds no workspace there: 4 is its honest answer.
    assert run.returncode in ((0,) if arguments == ["--help"] else (0, 4)), said
    assert said.strip()
    assert "Traceback" not in said
    assert "decoy" not in said


def test_every_package_the_code_imports_is_declared() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        asked = tomllib.load(file)["project"]["dependencies"]
    declared = {normal(re.split(r"[\s<>=;\[]", requirement)[0]) for requirement in asked}
    owners = importlib.metadata.packages_distributions()
    missing = set()
    for path in [*(ROOT / "copilot").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]:
        for name in imports(path) - set(sys.stdlib_module_names) - {"copilot", "tools"}:
            if not declared & {normal(owner) for owner in owners.get(name, [name])}:
                missing.add((str(path.relative_to(ROOT)), name))
    assert missing == set()


def test_constraints_pin_everything_that_is_declared_and_nothing_of_cuda() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {normal(line.split("==")[0]) for line in lines if line and not line.startswith("#")}
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    on_linux = {normal(re.split(r"[\s<>=;\[]", one)[0]) for one in asked if "!= 'linux'" not in one}
    assert on_linux - pinned == set()
    assert [name for name in pinned if name == "xgboost" or name.startswith("nvidia") or "nccl" in name] == []


def imports(path: Path) -> set[str]:
    """Return the top-level names of all packages that ``path`` imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

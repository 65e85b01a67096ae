"""README's commands do what it says, run as written."""

import contextlib
import re
import shlex
from pathlib import Path

import pytest

from copilot.cli import main

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks() -> list[list[str]]:
    return [found.strip().splitlines() for found in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)]


def test_the_commands_without_a_browser_run_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = blocks()[1]
    assert lines[:2] == ["make setup", ". .venv/bin/activate"]  # this test runs inside what they make
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SALES_COPILOT_WORKSPACE", raising=False)
    for line in lines[2:]:
        monkeypatch.setattr("sys.argv", shlex.split(line))
        with contextlib.suppress(SystemExit):  # its code stands in the output below
            main()
    answer = capsys.readouterr().out
    assert re.search(r"^1\. .+\n   - ", answer, re.MULTILINE)
    assert "as of 2026-06-30 · rules" in answer


def test_every_command_that_readme_names_exists() -> None:
    from typer.main import get_command

    from copilot.cli import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    listed = README.split("## Commands")[1].split("\n## ")[0]
    named = set(re.findall(r"^\| `(.+?)` \|", listed, re.MULTILINE))
    assert set(", ".join(named).replace("`", "").split(", ")) == known


def test_every_tool_that_readme_names_exists() -> None:
    from copilot.rooms import registry

    asked = README.split("## What you can ask")[1].split("\n## ")[0]
    assert set(re.findall(r"\| `(\w+)` \|", asked)) == set(registry())

"""``sales-copilot study``: its commands one after the other, as a person types them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from copilot.data.workspace import Workspace
from tests.conftest import Run

FILE = """name: past-test
kind: ab
starts: 2025-07-01
ends: 2026-12-31
strata: segment
"""


@pytest.fixture
def run(run: Run, tiny: Workspace, tmp_path: Path) -> Run:
    """Run one subcommand of ``study`` on a copy of the tiny workspace."""
    copy = shutil.copytree(tiny.root, tmp_path / "w")
    return lambda *arguments: run("study", *arguments, "--workspace", copy)


def test_a_study_is_created_started_listed_reported_and_stopped(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(FILE, encoding="utf-8")
    assert "There are no studies yet" in run("list")[1]
    code, out, _ = run("create", str(file))
    assert code == 0
    assert "250 treated and 250 control accounts" in out
    assert f"Next: sales-copilot study start past-test --workspace {tmp_path / 'w'}" in out
    assert "planned" in run("list")[1]
    assert "250 controls hidden to 2026-12-31" in run("start", "past-test")[1]
    assert "running" in run("list")[1]
    page = tmp_path / "page.html"
    code, out, err = run("report", "past-test", "--out", str(page))
    assert (code, err) == (0, "")
    assert f"The page: {page}" in out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "shown again" in run("stop", "past-test")[1]
    assert "stopped" in run("list")[1]


def test_mistakes_cost_one_sentence_and_exit_code_2(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    for text, says in (
        ("", "must be keys and values"),
        ("name: [", "is no YAML"),
        ("name: a\nname: b\n", "second time"),
        (FILE + "colour: red\n", "colour"),
        (FILE.replace("ab", "abc"), "kind"),
    ):
        broken.write_text(text, encoding="utf-8")
        code, out, err = run("create", str(broken))
        assert (code, out) == (2, "")
        assert says in err
        assert err.count("\n") == 1
    for command in (
        ["create", str(tmp_path / "nowhere.yaml")],
        ["start", "none"],
        ["report", "none"],
        ["stop", "none"],
    ):
        code, out, err = run(*command)
        assert (code, out) == (2, "")
        assert err.count("\n") == 1
        assert "Traceback" not in err

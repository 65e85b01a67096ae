"""README's first command, run as written: from nothing to an answer in the browser, and again with the network off."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import newcomer

README = (newcomer.ROOT / "README.md").read_text(encoding="utf-8")
ENVIRONMENT = newcomer.ROOT / ".venv"


def commands() -> list[list[str]]:
    """Return the commands of README's first block, without their comments."""
    block = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert block is not None
    return [line.split("#")[0].split() for line in block[1].strip().splitlines()]


def weights() -> list[Path]:
    return list((Path.home() / ".cache" / "sales-copilot" / "models").glob("*.gguf"))


def test_readme_begins_with_the_two_commands() -> None:
    assert commands() == [["make", "run"], ["make", "test"]]
    assert "make test" in (newcomer.ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_make_run_opens_the_chat_and_the_network_can_be_off_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which("chromium") or not shutil.which("make") or not ENVIRONMENT.is_dir():
        assert os.environ.get("CI") != "true", "in CI Chromium, make and .venv must be there"
        pytest.skip("needs Chromium (make browser), make and the environment that make setup makes")
    monkeypatch.delenv("SALES_COPILOT_MODEL", raising=False)  # as a newcomer has it
    workspace = tmp_path / "workspace"
    with newcomer.running(commands()[0], workspace) as (url, said):
        assert url == "http://127.0.0.1:7860"
        assert "Simulating the demo book" in said
        assert re.search(r"about \d+ s for all that is left", said)
        password = newcomer.password_of(said, "ana")
    assert (workspace / "copilot.db").is_file()

    cut_off = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    cut_off = cut_off if not subprocess.run([*cut_off, "true"], capture_output=True).returncode else []
    script = [sys.executable, str(newcomer.ROOT / "tests" / "newcomer.py"), str(workspace), "--password", password]
    script += ["--tries", "5" if weights() else "1"]
    ended = subprocess.run([*cut_off, *script, "--", *commands()[0]], capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout.splitlines()[-1])
    names = re.findall(r"^\d+\t(.+?)\t", seen["book"], re.MULTILINE)
    answered = re.findall(r"^\d+\t(.+?)\t", seen["answer"], re.MULTILINE)
    assert len(answered) == 10
    assert answered == names[:10]
    assert seen["hosts"] == ["127.0.0.1"]
    print(
        f"first content {seen['first_seconds']} s after Enter, whole answer {seen['total_seconds']} s: {seen['foot']}"
    )
    wording = seen["answer"].split("Where these numbers come from")[0].rsplit("\n\n", 2)[-2:]
    if weights():
        assert "answered by the embedded model" in seen["foot"]
        assert any(name in "".join(wording) for name in answered)
    else:
        assert "answered by rules" in seen["foot"]
        assert "sales-copilot models install" in said

"""``sales-copilot drift``, as a person types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from copilot.data.workspace import Workspace
from tests.conftest import Run


@pytest.fixture
def copy(tiny: Workspace, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny.root, tmp_path / "w"))


def set_back(workspace: Path, day: str) -> None:
    """Have the models' manifests say that they were trained on an earlier day."""
    for file in (workspace / "models").glob("*/*/manifest.json"):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps(manifest | {"as_of": day}), encoding="utf-8")


def test_a_fresh_model_has_nothing_to_compare(run: Run, copy: Path) -> None:
    code, out, err = run("drift", "--workspace", copy)
    assert (code, err) == (0, "")
    assert "growth: trained on the newest data there are; nothing has come in since to compare" in out
    assert "uplift: not in use, for it showed no skill at its training" in out
    assert "trained on the book as of 2026-06-30" in out


def test_later_months_are_compared_in_words_and_the_doctor_tells_the_verdict(run: Run, copy: Path) -> None:
    set_back(copy, "2025-06-30")
    code, out, _ = run("drift", "--workspace", copy)
    assert code == 0
    assert "compared with 2026-06-30" in out
    assert "chance to shrink: median" in out
    assert "    - time as a customer: median " in out
    assert "mean error of next month's utilisation" in out
    told = [line for line in out.splitlines() if line.startswith("growth: ")]
    assert len(told) == 1
    assert "train a challenger: sales-copilot train --model growth --challenger --workspace" in told[0]
    doctor = next(line for line in run("doctor", "--workspace", copy)[1].splitlines() if "  drift: " in line)
    assert doctor.startswith("miss  drift: growth: ")
    assert doctor.endswith("-> sales-copilot train --model growth --challenger")


def test_json_is_one_object_with_every_moved_input(run: Run, copy: Path) -> None:
    set_back(copy, "2025-06-30")
    code, out, _ = run("drift", "--model", "growth", "--json", "--workspace", copy)
    assert code == 0
    [model] = json.loads(out)["models"]
    assert model["model"] == "growth"
    assert model["alarms"] is True
    [part] = model["parts"]
    assert len(part["moved"]) > 5
    assert {"name", "words", "psi", "threshold"} == set(part["moved"][0])
    assert all(one["psi"] > one["threshold"] for one in part["moved"])


def test_the_doctor_forgets_a_version_that_is_no_longer_in_use(run: Run, copy: Path) -> None:
    set_back(copy, "2025-06-30")
    run("drift", "--model", "growth", "--workspace", copy)
    home = copy / "models" / "growth"
    shutil.copytree(home / (home / "CURRENT").read_text(encoding="utf-8"), home / "next")
    (home / "CURRENT").write_text("next", encoding="utf-8")
    assert "drift: " not in run("doctor", "--workspace", copy)[1]


def test_what_is_not_set_up_says_what_to_run(run: Run, copy: Path, tmp_path: Path) -> None:
    code, out, err = run("drift", "--workspace", tmp_path / "nothing")
    assert (code, out) == (4, "")
    assert "sales-copilot demo" in err
    shutil.rmtree(copy / "snapshots")
    code, out, err = run("drift", "--workspace", copy)
    assert (code, out) == (4, "")
    assert "sales-copilot score" in err
    shutil.rmtree(copy / "models" / "growth")
    code, out, err = run("drift", "--model", "growth", "--workspace", copy)
    assert (code, out) == (4, "")
    assert "model growth is not trained" in err
    assert "sales-copilot train" in err


def test_an_unknown_model_names_those_there_are(run: Run, copy: Path) -> None:
    code, out, err = run("drift", "--model", "upsell", "--workspace", copy)
    assert (code, out) == (2, "")
    assert err == "There is no model 'upsell'; drift knows growth, uplift, engagement, propensity.\n"

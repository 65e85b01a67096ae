"""The dynamic import finds our own tools, whatever else is called ``tools`` on the machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot import config, rooms
from copilot.config import rooms_root
from copilot.errors import CopilotError, NotSetUp


def write_tools(folder: Path, owner: str) -> Path:
    """Write a package ``tools`` whose registry names its owner."""
    (folder / "tools").mkdir(parents=True)
    (folder / "tools" / "__init__.py").write_text(f"REGISTRY = {{'owner': {owner!r}}}\n", encoding="utf-8")
    (folder / "prompts").mkdir()
    return folder


@pytest.fixture
def fresh_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No package called ``tools`` is loaded before the test, and none of the test's own stays behind."""

    def loaded() -> dict[str, object]:
        return {name: module for name, module in sys.modules.items() if name.split(".")[0] == "tools"}

    before = loaded()
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in before:
        del sys.modules[name]
    yield
    for name in loaded():
        del sys.modules[name]
    sys.modules.update(before)  # type: ignore[arg-type]


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_imports: None) -> Path:
    """A root of our own with a small registry."""
    root = write_tools(tmp_path / "ours", "us")
    monkeypatch.setattr(rooms, "rooms_root", lambda: root)
    return root


def test_the_repository_offers_its_own_tools(fresh_imports: None) -> None:
    assert "rank_accounts" in rooms.registry()
    assert Path(str(sys.modules["tools"].__file__)).is_relative_to(rooms_root())


def test_ours_is_loaded_though_the_current_folder_holds_a_decoy(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_tools(tmp_path / "decoy", "them"))
    sys.path.insert(0, "")
    assert str(rooms.registry()["owner"]) == "us"


def test_ours_is_loaded_though_another_wheel_owns_the_name(ours: Path, tmp_path: Path) -> None:
    sys.path[:0] = [str(write_tools(tmp_path / "installed", "them")), str(ours)]
    assert str(rooms.registry()["owner"]) == "us"


def test_a_package_that_was_loaded_before_ours_is_named_and_left_alone(ours: Path, tmp_path: Path) -> None:
    decoy = write_tools(tmp_path / "decoy", "them")
    sys.path.insert(0, str(decoy))
    import tools

    with pytest.raises(CopilotError, match=r"Another package called 'tools' .*decoy") as caught:
        rooms.registry()
    assert str(ours) in str(caught.value)
    assert sys.modules["tools"] is tools


def test_a_folder_of_ours_without_its_init_is_not_taken_for_the_tools(ours: Path) -> None:
    (ours / "tools" / "__init__.py").unlink()
    sys.path[:] = [str(ours)]  # else the repository's own would be found behind it
    with pytest.raises(CopilotError, match="a folder without __init__"):
        rooms.registry()


def test_asking_twice_leaves_the_search_path_as_the_first_time(ours: Path) -> None:
    rooms.registry()
    once = list(sys.path)
    rooms.registry()
    assert sys.path == once
    assert sys.path.count(str(ours)) == 1


def test_the_folder_inside_the_wheel_wins_over_the_one_beside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "__file__", str(tmp_path / "copilot" / "config.py"))
    write_tools(tmp_path, "the repository")
    assert rooms_root() == tmp_path
    bundled = write_tools(tmp_path / "copilot" / "_rooms", "the wheel")
    assert rooms_root() == bundled


def test_an_incomplete_installation_says_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "__file__", str(tmp_path / "copilot" / "config.py"))
    (tmp_path / "tools").mkdir()  # another project's; its prompts are missing
    with pytest.raises(NotSetUp, match="install sales-copilot again"):
        rooms_root()

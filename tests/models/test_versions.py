from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from copilot.errors import BadInput, NotSetUp
from copilot.models import versions

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)


def fill(folder: Path) -> None:
    (folder / "manifest.json").write_text("{}", encoding="utf-8")


def states(root: Path) -> dict[str, str]:
    return {one.version: one.state for one in versions.versions(root, "growth")}


def test_publishing_switches_to_the_new_version_and_keeps_the_old(tmp_path: Path) -> None:
    assert versions.latest(tmp_path, "growth") is None
    first = versions.publish(tmp_path, "growth", "v1", fill)
    assert versions.latest(tmp_path, "growth") == first == tmp_path / "growth" / "v1"
    second = versions.publish(tmp_path, "growth", "v2", fill)
    assert versions.latest(tmp_path, "growth") == second
    assert first.is_dir()
    with pytest.raises(BadInput, match="has a version 'v2' already"):
        versions.publish(tmp_path, "growth", "v2", fill)


def test_a_write_that_fails_leaves_the_version_in_use_and_no_remains(tmp_path: Path) -> None:
    first = versions.publish(tmp_path, "growth", "v1", fill)

    def fails(folder: Path) -> None:
        fill(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        versions.publish(tmp_path, "growth", "v2", fails)
    assert versions.latest(tmp_path, "growth") == first
    assert states(tmp_path) == {"v1": "champion"}
    assert not list((tmp_path / "growth").glob(".*"))


def test_what_a_killed_writer_left_is_swept_by_the_next_and_never_used(tmp_path: Path) -> None:
    remains = tmp_path / "growth" / ".writing-v0"
    remains.mkdir(parents=True)
    fill(remains)
    assert versions.latest(tmp_path, "growth") is None
    assert states(tmp_path) == {}
    versions.publish(tmp_path, "growth", "v1", fill)
    assert not remains.exists()


def test_a_challenger_waits_until_it_is_promoted(tmp_path: Path) -> None:
    versions.publish(tmp_path, "growth", "v1", fill, promote=False)  # the first of all is used
    assert states(tmp_path) == {"v1": "champion"}
    versions.publish(tmp_path, "growth", "v2", fill, promote=False)
    versions.publish(tmp_path, "growth", "v3", fill, promote=False)
    assert states(tmp_path) == {"v3": "challenger", "v2": "", "v1": "champion"}
    assert versions.promote(tmp_path, "growth", now=NOW).name == "v3"
    assert states(tmp_path) == {"v3": "champion", "v2": "", "v1": ""}
    with pytest.raises(BadInput, match="no challenger"):
        versions.promote(tmp_path, "growth")
    with pytest.raises(BadInput, match="in use already"):
        versions.promote(tmp_path, "growth", "v3")
    with pytest.raises(BadInput, match=r"no version 'v9'; it has v1, v2, v3"):
        versions.promote(tmp_path, "growth", "v9")
    last = (tmp_path / "growth" / "history.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(last) == {"did": "promote", "version": "v3", "at": NOW.isoformat(), "used": ["v1", "v3"]}


def test_rolling_back_walks_through_what_was_in_use_before_and_stops_at_the_first(tmp_path: Path) -> None:
    for version in ("v1", "v2", "v3"):
        versions.publish(tmp_path, "growth", version, fill)
    assert versions.roll_back(tmp_path, "growth").name == "v2"
    assert states(tmp_path) == {"v3": "challenger", "v2": "champion", "v1": ""}
    assert versions.roll_back(tmp_path, "growth").name == "v1"
    with pytest.raises(BadInput, match="nothing to roll back to"):
        versions.roll_back(tmp_path, "growth")
    versions.promote(tmp_path, "growth", "v3")
    assert versions.roll_back(tmp_path, "growth").name == "v1"  # not v2: it was taken back


def test_a_promotion_cut_off_before_its_note_can_still_be_rolled_back(tmp_path: Path) -> None:
    versions.publish(tmp_path, "growth", "v1", fill)
    versions.publish(tmp_path, "growth", "v2", fill)
    history = tmp_path / "growth" / "history.jsonl"
    whole = history.read_text(encoding="utf-8").splitlines(keepends=True)
    history.write_text(whole[0] + whole[1][:9], encoding="utf-8")
    assert versions.roll_back(tmp_path, "growth").name == "v1"
    versions.promote(tmp_path, "growth", "v2")
    assert versions.roll_back(tmp_path, "growth").name == "v1"


def test_the_champion_is_in_use_since_it_was_crowned(tmp_path: Path) -> None:
    assert versions.since(tmp_path, "growth") is None
    later = NOW.replace(year=NOW.year + 1)
    versions.publish(tmp_path, "growth", "v1", fill, now=NOW)
    versions.publish(tmp_path, "growth", "v2", fill, promote=False, now=later)
    assert versions.since(tmp_path, "growth") == NOW.isoformat()
    versions.promote(tmp_path, "growth", now=later)
    assert versions.since(tmp_path, "growth") == later.isoformat()
    (tmp_path / "growth" / "CURRENT").write_text("v1", encoding="utf-8")  # switched, and killed before its note
    assert versions.since(tmp_path, "growth") is None


def test_old_versions_go_but_never_those_in_use_or_needed_to_roll_back(tmp_path: Path) -> None:
    versions.publish(tmp_path, "growth", "first", fill)
    for number in range(versions.KEEP + 5):
        versions.publish(tmp_path, "growth", f"c{number:02}", fill, promote=False)
    kept = states(tmp_path)
    assert len(kept) == versions.KEEP
    assert kept["first"] == "champion"
    assert kept[f"c{versions.KEEP + 4:02}"] == "challenger"
    assert "c00" not in kept


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match="sales-copilot train"):
        versions.promote(tmp_path, "growth", "v1")
    versions.publish(tmp_path, "growth", "v1", fill)
    with pytest.raises(NotSetUp, match=r"no model 'uplift'; there are growth"):
        versions.roll_back(tmp_path, "uplift")


@pytest.mark.parametrize("name", ["../escape", "a/b", "", ".hidden", "x" * 81, "CURRENT", "challenger"])
def test_a_name_cannot_leave_the_registry(tmp_path: Path, name: str) -> None:
    for given in ((name, "v1"), ("growth", name)):
        with pytest.raises(BadInput, match="cannot name"):
            versions.publish(tmp_path, *given, fill)
    versions.publish(tmp_path, "growth", "v1", fill)
    with pytest.raises(BadInput, match="cannot name"):
        versions.promote(tmp_path, "growth", name)
    (tmp_path / "growth" / "CURRENT").write_text(f"../{name}", encoding="utf-8")
    assert versions.latest(tmp_path, "growth") is None

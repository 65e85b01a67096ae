"""Gold sets: frozen once, checked at every opening."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.data.labels import GoldSet, freeze, growth, open_gold
from copilot.data.workspace import Book, Workspace
from copilot.errors import BadInput, NotSetUp
from tests.conftest import NOW

ROWS = pd.DataFrame(
    {
        "account_id": pd.Series(["a", "b", None], dtype="str"),
        "as_of": pd.to_datetime(["2024-01-01", "2024-02-01", None]).astype("datetime64[us]"),
        "label": pd.array([1, 0, None], dtype="Int64"),
        "delta_usd": [1.5, np.nan, -2.0],
    }
)


def frozen(workspace: Workspace, frame: pd.DataFrame = ROWS, now: datetime = NOW, **more: Any) -> GoldSet:
    options = {"owner": "noor", "note": "first", "spec": "1 a win"} | more
    return freeze(workspace, "aps", frame, now=now, **options)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def test_a_set_comes_back_as_it_was_frozen_and_says_what_it_is(workspace: Workspace) -> None:
    frozen(workspace)
    found = open_gold(workspace, "aps")
    pd.testing.assert_frame_equal(found.frame(), ROWS)
    told = {key: found.manifest[key] for key in ("owner", "note", "spec", "rows", "created", "book")}
    assert told == {
        "owner": "noor",
        "note": "first",
        "spec": "1 a win",
        "rows": 3,
        "created": "2026-07-01T06:00:00+00:00",
        "book": None,
    }
    assert found.manifest["columns"] == {name: str(dtype) for name, dtype in ROWS.dtypes.items()}
    assert sorted(path.name for path in found.path.iterdir()) == ["manifest.json", "rows.parquet"]
    assert found.path.parent == workspace.root / "mart" / "labels" / "aps"


def test_the_newest_version_opens_unless_another_is_asked_for(workspace: Workspace) -> None:
    first = frozen(workspace)
    second = frozen(workspace, ROWS.head(2), NOW + timedelta(seconds=1))
    assert open_gold(workspace, "aps").version == second.version
    assert len(open_gold(workspace, "aps", first.version).frame()) == 3


def test_a_version_is_never_written_again(workspace: Workspace) -> None:
    first = frozen(workspace)
    before = {path.name: path.read_bytes() for path in first.path.iterdir()}
    with pytest.raises(BadInput, match="never written again"):
        frozen(workspace)
    assert {path.name: path.read_bytes() for path in first.path.iterdir()} == before
    assert [path.name for path in first.path.parent.iterdir()] == [first.version]


def test_any_change_to_the_rows_or_the_manifest_is_noticed(workspace: Workspace) -> None:
    found = frozen(workspace)
    rows, manifest = found.path / "rows.parquet", found.path / "manifest.json"
    was = {path: path.read_bytes() for path in (rows, manifest)}

    def restored() -> None:
        for path, content in was.items():
            path.write_bytes(content)

    def changed(says: str = "was changed after it was frozen") -> None:
        with pytest.raises(BadInput, match=says):
            open_gold(workspace, "aps")
        with pytest.raises(BadInput, match=says):
            found.frame()
        restored()

    ROWS.assign(label=0).to_parquet(rows)
    changed()
    rows.write_bytes(was[rows][:-1])
    changed()
    manifest.write_text(json.dumps(found.manifest | {"owner": "otto"}), encoding="utf-8")
    changed()
    manifest.write_text("{", encoding="utf-8")
    changed("or is incomplete")
    manifest.write_text("[]", encoding="utf-8")
    changed("or is incomplete")
    rows.unlink()
    changed("or is incomplete")
    assert len(open_gold(workspace, "aps").frame()) == 3


def test_the_whole_of_another_version_put_in_its_place_is_noticed(workspace: Workspace) -> None:
    first, second = frozen(workspace), frozen(workspace, ROWS.head(1), NOW + timedelta(days=1))
    for name in ("rows.parquet", "manifest.json"):
        (first.path / name).write_bytes((second.path / name).read_bytes())
    with pytest.raises(BadInput, match="was changed"):
        open_gold(workspace, "aps", first.version)


def test_what_a_killed_writer_left_is_no_version_and_goes_away(workspace: Workspace) -> None:
    left_over = workspace.root / "mart" / "labels" / "aps" / ".writing-1"
    left_over.mkdir(parents=True)
    with pytest.raises(NotSetUp, match="no gold set 'aps'"):
        open_gold(workspace, "aps")
    frozen(workspace)
    assert not left_over.exists()


def test_a_set_names_the_book_it_was_made_from(demo_book: Book) -> None:
    workspace, labels = Workspace(demo_book.path.parents[1]), growth(demo_book)
    found = freeze(workspace, "growth", labels.frame, owner="noor", note="", spec=labels.spec, now=NOW)
    assert found.manifest["book"] == demo_book.path.name
    assert found.manifest["spec"].startswith("Change of an account's spend")
    pd.testing.assert_frame_equal(open_gold(workspace, "growth").frame(), labels.frame)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (ROWS.head(0), "no rows to freeze"),
        (ROWS[[]], "no rows to freeze"),
        (ROWS.assign(delta_usd=[1, np.inf, 2]), "delta_usd of 'aps' holds infinite numbers"),
        (pd.concat([ROWS, ROWS], axis=1), "columns of 'aps' must have names"),
        (ROWS.rename(columns={"label": 3}), "columns of 'aps' must have names"),
        (ROWS.assign(label=[1, "one", {}]), "cells that parquet cannot hold"),
    ],
)
def test_a_frame_that_cannot_be_kept_is_refused(workspace: Workspace, frame: pd.DataFrame, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        frozen(workspace, frame)
    assert not (workspace.root / "mart" / "labels").exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", ".hidden", "x" * 81])
def test_a_name_that_is_no_folder_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(BadInput, match="must be 1 to 80 letters"):
        freeze(workspace, name, ROWS, owner="noor", note="", now=NOW)
    with pytest.raises(BadInput, match="must be 1 to 80 letters"):
        open_gold(workspace, name)


def test_an_owner_and_a_time_zone_are_asked_for(workspace: Workspace) -> None:
    with pytest.raises(BadInput, match="needs an owner"):
        frozen(workspace, owner=" ")
    with pytest.raises(BadInput, match="no time zone"):
        frozen(workspace, now=NOW.astimezone(UTC).replace(tzinfo=None))


def test_a_set_or_version_that_is_not_there_is_named_with_those_that_are(workspace: Workspace) -> None:
    with pytest.raises(NotSetUp, match="there is none yet"):
        open_gold(workspace, "aps")
    version = frozen(workspace).version
    with pytest.raises(NotSetUp, match="there are aps"):
        open_gold(workspace, "ups")
    with pytest.raises(NotSetUp, match=f"no version '../x'; it has {version}"):
        open_gold(workspace, "aps", "../x")

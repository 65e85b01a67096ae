import errno
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from copilot.data.book import conform
from copilot.data.workspace import KEEP, Draft, Workspace
from copilot.errors import BadInput, NotSetUp

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def draft(name: str = "A", source: str = "test") -> Draft:
    accounts = pd.DataFrame({"account_id": ["a"], "name": [name], "known_ts": ["2020-01-01"]})
    return Draft(source, "USD", date(2026, 6, 30), {"accounts": conform("accounts", accounts)}, {}, {})


def test_an_empty_workspace_names_the_commands_that_fill_it(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match="sales-copilot demo"):
        Workspace(tmp_path).book()
    assert list(tmp_path.iterdir()) == []


def test_a_book_is_read_back_with_its_types(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.write_book(draft(), NOW)
    book = workspace.book()
    assert book.as_of == date(2026, 6, 30)
    pd.testing.assert_frame_equal(book.table("accounts"), draft().tables["accounts"])
    assert list(book.table("touches").columns)[:2] == ["touch_id", "account_id"]
    assert book.table("touches").empty


def test_a_writer_that_dies_leaves_the_old_version_and_the_next_one_sweeps_up(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.write_book(draft("old"), NOW)

    def dies(folder: Path) -> dict[str, Any]:
        (folder / "accounts.parquet").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workspace.publish("book", dies, NOW + timedelta(hours=1))
    assert list(workspace.book().table("accounts")["name"]) == ["old"]
    assert list((tmp_path / "book").glob(".writing-*"))
    workspace.write_book(draft("new"), NOW + timedelta(hours=2))
    assert list(workspace.book().table("accounts")["name"]) == ["new"]
    assert not list((tmp_path / "book").glob(".writing-*"))


def test_the_same_content_in_the_same_second_is_one_version(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.write_book(draft(), NOW).path == workspace.write_book(draft(), NOW).path


def test_old_versions_go_but_the_book_of_the_current_snapshot_stays(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    first = workspace.write_book(draft("0"), NOW)
    workspace.publish("snapshots", lambda folder: {"book": first.path.name}, NOW)
    for number in range(1, 2 * KEEP):
        workspace.write_book(draft(str(number)), NOW + timedelta(days=number))
    versions = [path for path in (tmp_path / "book").iterdir() if path.is_dir()]
    assert first.path in versions
    assert len(versions) == KEEP + 1


def test_a_second_writer_is_told_to_wait(tmp_path: Path) -> None:
    with (
        Workspace(tmp_path).writing(),
        pytest.raises(BadInput, match="try again"),
        Workspace(tmp_path).writing(wait=0.1),
    ):
        pass


def test_a_file_in_the_workspaces_place_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="not a folder"), Workspace(tmp_path / "file").writing():
        pass


def test_a_full_disk_is_one_clear_sentence_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)

    def fills_the_disk(folder: Path) -> dict[str, Any]:
        (folder / "accounts.parquet").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28] No space left on device")

    with pytest.raises(BadInput, match=r"\(No space left on device\)"), workspace.writing():
        workspace.publish("book", fills_the_disk, NOW)
    assert list((tmp_path / "book").iterdir()) == []


def test_rows_set_aside_hold_nothing_a_spreadsheet_would_run(tmp_path: Path) -> None:
    bad = pd.DataFrame({"line": [3], "name": ['=HYPERLINK("http://x")'], "fault": ["name is odd"]})
    fine = draft()
    found = Workspace(tmp_path).write_book(Draft("t", "USD", fine.as_of, fine.tables, {}, {"accounts": bad}), NOW)
    text = (found.path / "set_aside_accounts.csv").read_text()
    assert "'=HYPERLINK" in text
    assert found.manifest["set_aside"] == {"accounts": 1}


def test_the_digest_tells_books_apart_by_their_tables_alone(tmp_path: Path) -> None:
    same = [Workspace(tmp_path / name).write_book(draft(), NOW + timedelta(days=day)) for day, name in enumerate("ab")]
    other = Workspace(tmp_path / "c").write_book(draft("B"), NOW)
    assert same[0].digest() == same[1].digest() != other.digest()
    assert len(other.digest()) == 64

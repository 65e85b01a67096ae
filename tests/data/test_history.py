"""Importing again: nothing changes twice, nothing known before is lost, and today's readers see one row a key."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.data.book import TABLES, conform
from copilot.data.history import known_by, merge, spans, versions
from copilot.data.importers import read
from copilot.data.workspace import Book, Draft, Workspace
from copilot.errors import BadInput

NOW = datetime(2026, 7, 1, tzinfo=UTC)
START = date(2026, 1, 1)


def day(number: int) -> date:
    return START + timedelta(days=number)


def draft(number: int, rows: dict[str, tuple[Any, int]], **more: pd.DataFrame) -> Draft:
    """An export of the day ``number``: ``id: (region, day known)``."""
    accounts = pd.DataFrame(
        {
            "account_id": list(rows),
            "name": [name.upper() for name in rows],
            "region": pd.Series([region for region, _ in rows.values()], dtype="str"),
            "known_ts": [pd.Timestamp(day(known)) for _, known in rows.values()],
        }
    )
    return Draft("test", "USD", day(number), {"accounts": conform("accounts", accounts), **more}, {}, {})


def versions_of(rows: list[tuple[str, Any, int]]) -> pd.DataFrame:
    frames = [draft(0, {one: (region, known)}).tables["accounts"] for one, region, known in rows]
    return pd.concat(frames, ignore_index=True)


class Desk:
    """A workspace into which exports are imported one after the other."""

    def __init__(self, root: Path) -> None:
        self.workspace, self.hours = Workspace(root), 0
        self.book: Book | None = None

    def take(self, export: Draft, snapshot: date | None = None) -> Book:
        self.hours += 1
        merged = merge(self.book, export, snapshot_date=snapshot or export.as_of)
        self.book = self.workspace.write_book(merged, NOW + timedelta(hours=self.hours))
        return self.book


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def regions(table: pd.DataFrame) -> dict[str, Any]:
    return {one: None if pd.isna(region) else region for one, region in table[["account_id", "region"]].to_numpy()}


def known(table: pd.DataFrame) -> dict[str, date]:
    return {one: at.date() for one, at in zip(table["account_id"], table["known_ts"], strict=True)}


def parquets(book: Book) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(book.path.glob("*.parquet"))}


def test_the_first_import_is_the_export_itself() -> None:
    export = draft(0, {"b": ("EMEA", 0), "a": (None, 0)})
    merged = merge(None, export, snapshot_date=day(0))
    assert merged.tables.keys() == {"accounts"}
    pd.testing.assert_frame_equal(merged.tables["accounts"], export.tables["accounts"])


def test_the_same_export_twice_leaves_the_tables_byte_for_byte(desk: Desk) -> None:
    export = draft(5, {"b": ("EMEA", 0), "a": (None, 3)})
    first = parquets(desk.take(export))
    again = desk.take(export)
    assert parquets(again) == first
    assert again.manifest["notes"] == [
        "The export holds nothing that the book of 2026-01-06 did not; it stays as it was."
    ]


def test_a_changed_row_is_known_from_the_snapshot_and_its_older_version_stays(desk: Desk) -> None:
    desk.take(draft(0, {"a": ("EMEA", 0), "b": ("APAC", 0)}))
    book = desk.take(draft(30, {"a": ("AMER", 0), "b": ("APAC", 0), "c": ("EMEA", 20)}))
    assert regions(book.table("accounts")) == {"a": "AMER", "b": "APAC", "c": "EMEA"}
    assert known(book.table("accounts")) == {"a": day(30), "b": day(0), "c": day(20)}
    assert regions(known_by(book, "accounts", day(29))) == {"a": "EMEA", "b": "APAC", "c": "EMEA"}
    assert regions(known_by(book, "accounts", day(19))) == {"a": "EMEA", "b": "APAC"}
    assert regions(known_by(book, "accounts", day(30))) == {"a": "AMER", "b": "APAC", "c": "EMEA"}
    assert known_by(book, "accounts", day(-1)).empty
    assert len(versions(book, "accounts")) == 4
    assert "1 new rows and 1 changed ones" in book.manifest["notes"][0]


def test_a_version_counts_from_its_day_until_the_next_ones(desk: Desk) -> None:
    desk.take(draft(0, {"a": ("EMEA", 0), "b": ("APAC", 2)}))
    desk.take(draft(10, {"a": ("AMER", 0), "b": ("APAC", 0)}))
    book = desk.take(draft(20, {"a": (None, 0), "b": ("EMEA", 0)}))
    rows = spans(book, "accounts")
    assert len(rows) == len(versions(book, "accounts")) == 5
    for number in (-1, 0, 1, 2, 9, 10, 19, 20, 99):
        over = pd.Timestamp(day(number + 1))
        counts = rows[(rows["known_ts"] < over) & (rows["until_ts"].isna() | (rows["until_ts"] >= over))]
        assert regions(counts) == regions(known_by(book, "accounts", day(number))), number


def test_what_is_told_during_a_day_is_known_when_it_ends(desk: Desk) -> None:
    export = draft(5, {"a": ("EMEA", 3)})
    noon = export.tables["accounts"].assign(known_ts=pd.Timestamp(day(3)) + pd.Timedelta(hours=12))
    book = desk.take(replace(export, tables={"accounts": noon.astype({"known_ts": "datetime64[us]"})}))
    assert known_by(book, "accounts", day(2)).empty
    assert regions(known_by(book, "accounts", day(3))) == {"a": "EMEA"}


def test_a_date_that_the_export_gives_the_change_goes_before_the_snapshot(desk: Desk) -> None:
    desk.take(draft(0, {"a": ("EMEA", 0)}))
    book = desk.take(draft(30, {"a": ("AMER", 12)}))
    assert known(book.table("accounts")) == {"a": day(12)}
    assert regions(known_by(book, "accounts", day(11))) == {"a": "EMEA"}
    assert regions(known_by(book, "accounts", day(12))) == {"a": "AMER"}


def test_a_value_that_comes_and_goes_again_is_a_change_both_times(desk: Desk) -> None:
    for number, region in ((0, "EMEA"), (10, None), (20, "EMEA")):
        book = desk.take(draft(number, {"a": (region, 0)}))
    seen = [regions(known_by(book, "accounts", day(number)))["a"] for number in (9, 10, 19, 20)]
    assert seen == ["EMEA", None, None, "EMEA"]


def test_a_later_known_date_alone_is_no_change(desk: Desk) -> None:
    before = parquets(desk.take(draft(0, {"a": ("EMEA", 0)})))
    assert parquets(desk.take(draft(30, {"a": ("EMEA", 30)}))) == before


def test_a_correction_on_the_same_day_leaves_no_version(desk: Desk) -> None:
    desk.take(draft(7, {"a": ("EMEA", 7)}))
    book = desk.take(draft(7, {"a": ("AMER", 7)}))
    assert regions(book.table("accounts")) == {"a": "AMER"}
    assert not book.has("accounts_history")


def test_rows_and_tables_that_the_export_no_longer_holds_stay(desk: Desk) -> None:
    note = pd.DataFrame({"note_id": ["n"], "account_id": ["a"], "body": ["hello"], "known_ts": ["2026-01-01"]})
    desk.take(draft(0, {"a": ("EMEA", 0), "b": ("APAC", 0)}, notes=conform("notes", note)))
    later = replace(draft(9, {"b": ("APAC", 0), "c": (None, 9)}), missing={"notes": "No notes.", "touches": "None."})
    book = desk.take(later)
    assert list(book.table("accounts")["account_id"]) == ["a", "b", "c"]
    assert list(book.table("notes")["body"]) == ["hello"]
    assert book.manifest["missing"] == {"touches": "None."}
    assert "2 rows that the export no longer holds stay" in book.manifest["notes"][0]


def test_the_export_of_another_source_begins_a_new_book(desk: Desk) -> None:
    desk.take(draft(0, {"a": ("EMEA", 0)}))
    book = desk.take(replace(draft(-400, {"z": ("APAC", -400)}), source="other", currency="EUR"))
    assert regions(book.table("accounts")) == {"z": "APAC"}
    assert not book.has("accounts_history")


def test_an_older_export_or_another_currency_stops_and_names_a_remedy(desk: Desk) -> None:
    desk.take(draft(9, {"a": ("EMEA", 0)}))
    with pytest.raises(BadInput, match="speaks of 2026-01-09, but the book already of 2026-01-10; import exports in"):
        desk.take(draft(8, {"a": ("EMEA", 0)}))
    with pytest.raises(BadInput, match="amounts are in EUR, the book's in USD; name another folder"):
        desk.take(replace(draft(10, {"a": ("EMEA", 0)}), currency="EUR"))


def test_versions_from_the_crms_own_field_history_are_kept(desk: Desk) -> None:
    past = versions_of([("a", "APAC", 0), ("a", "AMER", 4), ("gone", "EMEA", 1), ("a", "LATE", 40)])
    book = desk.take(draft(30, {"a": ("EMEA", 8)}, accounts_history=past))
    seen = [regions(known_by(book, "accounts", day(number))).get("a") for number in (0, 3, 4, 7, 8, 30)]
    assert seen == ["APAC", "APAC", "AMER", "AMER", "EMEA", "EMEA"]
    assert len(book.table("accounts_history")) == 2  # of a row that is there, and before its newest version
    before = parquets(book)
    assert parquets(desk.take(draft(30, {"a": ("EMEA", 8)}, accounts_history=past))) == before


def test_field_history_shows_a_change_that_was_taken_back_between_two_exports(desk: Desk) -> None:
    desk.take(draft(0, {"a": ("EMEA", 0)}))
    past = versions_of([("a", "EMEA", 0), ("a", "AMER", 10)])
    book = desk.take(draft(30, {"a": ("EMEA", 20)}, accounts_history=past))
    assert [regions(known_by(book, "accounts", day(n)))["a"] for n in (9, 10, 19, 20)] == [
        "EMEA",
        "AMER",
        "AMER",
        "EMEA",
    ]


def test_keys_of_several_columns_and_missing_numbers_are_compared_rightly(desk: Desk) -> None:
    def usage(pct: list[float | None]) -> pd.DataFrame:
        rows = {"account_id": ["a", "a", "b"], "product": ["p", "q", "p"], "utilization_pct": pct}
        return conform("usage_monthly", pd.DataFrame({**rows, "event_ts": "2025-12-01", "known_ts": "2026-01-01"}))

    desk.take(draft(0, {"a": (None, 0)}, usage_monthly=usage([1.0, None, 3.0])))
    book = desk.take(draft(9, {"a": (None, 0)}, usage_monthly=usage([1.0, 2.0, None])))
    now = book.table("usage_monthly")
    assert [None if pd.isna(pct) else pct for pct in now["utilization_pct"]] == [1.0, 2.0, None]
    assert list(now["known_ts"].dt.date) == [day(0), day(9), day(9)]
    then = known_by(book, "usage_monthly", day(8))["utilization_pct"]
    assert [None if pd.isna(pct) else pct for pct in then] == [1.0, None, 3.0]
    assert dict(now.dtypes) == dict(conform("usage_monthly", now).dtypes)


def test_a_real_shape_of_export_imported_again_changes_nothing_then_only_what_changed(
    make_export, desk, tmp_path
) -> None:
    export = make_export("ravenstack", tmp_path / "export")
    today = date(2026, 11, 23)
    first = parquets(desk.take(read("ravenstack", export.write(), today=today)))
    assert parquets(desk.take(read("ravenstack", export.write(), today=today))) == first
    export.set("accounts", 4, "plan_tier", "Platinum")
    book = desk.take(read("ravenstack", export.write(), today=today))
    assert {name for name, data in parquets(book).items() if first.get(name) != data} == {
        "accounts.parquet", "accounts_history.parquet",
    }  # fmt: skip
    assert list(book.table("accounts_history")["account_id"]) == ["A-2"]
    for name in TABLES:
        assert not book.table(name).duplicated(list(TABLES[name].key)).any()


# --- Any sequence of exports ---------------------------------------------------------------------------------------

EXPORT = st.dictionaries(
    st.sampled_from("abcde"), st.tuples(st.sampled_from(["EMEA", "APAC", None]), st.integers(0, 9)), min_size=1
)


def exports_of(contents: list[dict[str, tuple[Any, int]]]) -> list[Draft]:
    """Ten days lie between exports; a row is known within the ten days up to its export's day."""
    return [
        draft(10 * at, {one: (region, 10 * at - back) for one, (region, back) in rows.items()})
        for at, rows in enumerate(contents)
    ]


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(EXPORT, min_size=2, max_size=3))
def test_merging_the_same_export_again_is_nothing(contents: list[dict[str, tuple[Any, int]]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        desk = Desk(Path(root))
        for export in exports_of(contents):
            once = parquets(desk.take(export))
            assert parquets(desk.take(export)) == once


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(EXPORT, min_size=2, max_size=3))
def test_a_build_as_of_an_earlier_import_reads_what_the_book_held_then(
    contents: list[dict[str, tuple[Any, int]]],
) -> None:
    with tempfile.TemporaryDirectory() as root:
        desk, held = Desk(Path(root)), []
        for export in exports_of(contents):
            held.append((export.as_of, desk.take(export).table("accounts")))
        assert desk.book is not None
        for when, then in held:
            pd.testing.assert_frame_equal(known_by(desk.book, "accounts", when), then)
        now = desk.book.table("accounts")
        assert now["account_id"].is_unique
        told: dict[str, Any] = {}  # the last word of the exports themselves
        for rows in contents:
            told |= {one: region for one, (region, _) in rows.items()}
        assert regions(now) == told

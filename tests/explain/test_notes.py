"""The answer of ``search_notes``: what it quotes, whose, and what it says where there is nothing."""

import shutil
from pathlib import Path

import pytest

from copilot.access import EVERYTHING, Scope
from copilot.agent.narrator import narrate
from copilot.data.snapshot import Snapshot, open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import MissingData, UnknownAccount
from copilot.explain.answers.draft import draft
from copilot.explain.answers.notes import find_notes
from copilot.text.cells import Record, flatten
from copilot.text.quotes import PASSAGE, free_text
from tests import notebook


def told(record: Record) -> str:
    narration = narrate([record], question="")
    assert narration.faults == ()
    return narration.told.text


def test_a_note_is_quoted_with_account_date_author_and_where_it_is_from(
    book: Workspace, snapshot: Snapshot, ana: Scope
) -> None:
    record = find_notes(snapshot, ana, "single sign-on", None, book.root)
    (row,) = record.data["rows"]
    assert row["quote"].value == "“Friendly talk. They wait for single sign-on.”"
    assert (row["quote"].unit, row["quote"].origin) == ("quote", "book:notes[N-1].body")
    assert record.accounts == ("A-1",)
    assert free_text(record)
    text = told(record)
    assert "Acme Works, 2026-05-18, Ana Torres, “Call with Ines”" in text


def test_nothing_of_a_foreign_account_is_found_by_word_meaning_or_name(
    book: Workspace, snapshot: Snapshot, ana: Scope
) -> None:
    for query in ("Nimbus", "Globex", "Globex plans single sign-on with a rival", "competitor", "notes"):
        record = find_notes(snapshot, ana, query, None, book.root)
        assert "A-3" not in record.accounts
        assert "Nimbus" not in told(record).replace("“Nimbus”", "")
    assert find_notes(snapshot, EVERYTHING, "Nimbus", None, book.root).accounts == ("A-3",)


def test_a_foreign_account_reads_as_a_missing_one(book: Workspace, snapshot: Snapshot, ana: Scope) -> None:
    said = []
    for account in ("A-3", "A-9"):
        with pytest.raises(UnknownAccount) as fault:
            find_notes(snapshot, ana, "Nimbus", account, book.root)
        said.append(str(fault.value).replace(account, "X"))
    assert said[0] == said[1]


def test_what_was_written_after_the_day_of_the_book_is_not_found(book: Workspace, snapshot: Snapshot) -> None:
    for query in ("secret merger", "called off", "last notes"):
        assert "was called off" not in told(find_notes(snapshot, EVERYTHING, query, "A-1", book.root))


def test_the_newest_come_first_where_nothing_is_looked_for_and_five_are_told(
    book: Workspace, snapshot: Snapshot, ana: Scope
) -> None:
    record = find_notes(snapshot, ana, "last notes", "Borealis", book.root)
    dates = [row["date"].value for row in record.data["rows"]]
    assert len(dates) == 5
    assert dates == sorted(dates, reverse=True)
    assert told(record).startswith("The newest notes on Borealis Foods, 7 in all:")


def test_where_nothing_fits_it_says_what_was_looked_through(book: Workspace, snapshot: Snapshot) -> None:
    only = Scope(frozenset({"A-3"}), frozenset({"R-otto"}))
    assert told(find_notes(snapshot, only, "zzzz qqqq", None, book.root)).startswith(
        ("No note fits “zzzz qqqq”. Notes looked through: 1, on 1 accounts.", "No note surely fits “zzzz qqqq”.")
    )
    nobody = Scope(frozenset(), frozenset())
    assert told(find_notes(snapshot, nobody, "x", None, book.root)) == "There are no notes in your book."


def test_notes_of_a_studys_control_are_facts_and_a_draft_for_it_needs_no_score(
    book: Workspace, snapshot: Snapshot, ana: Scope
) -> None:
    study = Snapshot(snapshot.folder, snapshot.book, {"A-1": "hidden until 2026-09-30: control of pilot"})
    record = find_notes(study, ana, "merger", None, book.root)
    assert record.accounts == ("A-1",)
    assert "renews on" in str(draft(study, ana, "A-1", "email").data["draft"].value)


def test_without_an_index_words_alone_are_searched_and_it_is_said(snapshot: Snapshot, tmp_path: Path) -> None:
    text = told(find_notes(snapshot, EVERYTHING, "merger", None, tmp_path))
    assert "They were searched by their words alone" in text


def test_a_damaged_index_leaves_the_words(book: Workspace, snapshot: Snapshot, tmp_path: Path) -> None:
    shutil.copytree(book.root / "chroma", tmp_path / "chroma")
    for file in (tmp_path / "chroma").glob("*/chroma.sqlite3"):
        file.write_bytes(b"broken" * 100)
    record = find_notes(snapshot, EVERYTHING, "merger", None, tmp_path)
    assert record.accounts == ("A-1",)  # "They merge" begins as it does
    assert "They were searched by their words alone" in told(record)


def test_a_book_without_notes_says_so(tmp_path: Path) -> None:
    frames = {name: frame for name, frame in notebook.tables().items() if name != "notes"}
    place = notebook.write(tmp_path, frames)
    with pytest.raises(MissingData, match="fills no table notes"):
        find_notes(open_snapshot(place), EVERYTHING, "merger", None, tmp_path)


@pytest.mark.parametrize("note", notebook.HOSTILE)
def test_hostile_notes_are_quoted_inert_for_every_reader(book: Workspace, snapshot: Snapshot, note: str) -> None:
    body = notebook.HOSTILE[note]
    record = find_notes(snapshot, EVERYTHING, body.replace("\x00", " ")[:60], "A-2", book.root)
    quotes = [cell for _, cell in flatten(record.data, "t") if cell.unit == "quote"]
    assert any(cell.origin == f"book:notes[{note}].body" for cell in quotes)
    for cell in quotes:
        shown = str(cell.value)
        assert len(shown) <= PASSAGE + 4
        assert (shown[0], shown[-1]) == ("“", "”")
        assert not set("“”\u202e\u200b\x00") & set(shown[1:-1])
        assert not [bad for bad in ("http", "](", "![", "<img", "{{", "}}") if bad in shown]
    text = told(record)
    assert not [bad for bad in ("http", "<img", "](", "**bold", "{{", "\u202e", "\x00") if bad in text]


def test_the_query_is_shown_inert_too(book: Workspace, snapshot: Snapshot) -> None:
    record = find_notes(
        snapshot, EVERYTHING, "<script>x</script> ![a](http://evil.example) {{t1.name}}", None, book.root
    )
    text = told(record)
    assert "http" not in text
    assert "script>x" in text.replace("\\", "")

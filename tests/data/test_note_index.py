"""The index of the notes: exact or by HNSW the same, within the accounts named, and whole whatever happens."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.data import note_index
from copilot.data.note_index import NoteIndex, build, prune
from copilot.data.note_vectors import cached, key_of, missing
from copilot.data.workspace import Workspace
from copilot.errors import BadInput
from copilot.text.encoder import Ngrams
from tests import notebook
from tests.conftest import NOW


class Counting(Ngrams):
    """The n-gram encoder, with a count of what it was asked to embed; it may be killed after so many texts."""

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.seen, self.most = 0, most

    def encode(self, texts: object) -> np.ndarray:  # type: ignore[type-arg, override]
        if self.most is not None and self.seen + len(texts) > self.most:  # type: ignore[arg-type]
            raise KeyboardInterrupt
        self.seen += len(texts)  # type: ignore[arg-type]
        return super().encode(texts)  # type: ignore[arg-type]


def silent(stage: str) -> None:
    pass


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """The notebook's tables as a book, not yet scored."""
    from copilot.data.workspace import Draft

    place = Workspace(tmp_path)
    place.write_book(Draft("test", "USD", notebook.AS_OF, notebook.tables(), {}, {}), NOW)
    return place


def snapshot(workspace: Workspace, about: dict[str, object], minute: int) -> Path:
    return workspace.publish(
        "snapshots",
        lambda folder: {"book": workspace.book().path.name, "notes": about, "minute": minute},
        NOW.replace(minute=minute),
    )


def test_it_names_encoder_and_counts_and_holds_neither_text_nor_owner(workspace: Workspace) -> None:
    built = build(workspace, workspace.book(), Ngrams(), silent).about
    assert built["encoder"] == "ngrams-384"
    assert built["notes"] == len(notebook.NOTES) - 1  # one was written after the book's day
    folder = workspace.root / "chroma" / built["index"]
    content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for text in (b"single sign-on", b"R-ana", b"Ana Torres", b"called off"):
        assert text not in content
    assert b"A-1" in content


def test_a_search_sees_the_named_accounts_alone_and_finds_the_passage(workspace: Workspace) -> None:
    index = NoteIndex.of(workspace.root, {"notes": build(workspace, workspace.book(), Ngrams(), silent).about})
    assert index is not None
    query = Ngrams().encode(["single sign-on"])
    everybody, mine = index.nearest(query, None, 10), index.nearest(query, {"A-1", "A-2"}, 10)
    assert "N-4" in everybody
    assert "N-4" not in mine
    assert "N-5" not in everybody
    assert mine["N-1"][0] == 2  # its title, its first sentence, this one
    assert index.nearest(query, set(), 10) == {}


def test_hnsw_above_the_limit_agrees_with_comparing_all(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    index = NoteIndex.of(workspace.root, {"notes": build(workspace, workspace.book(), Ngrams(), silent).about})
    assert index is not None
    query = Ngrams().encode(["single sign-on", "merger"])
    for scope in (None, {"A-1", "A-2"}):
        exact = index.nearest(query, scope, 10)
        monkeypatch.setattr(note_index, "EXACT", 0)
        found = index.nearest(query, scope, 10)
        monkeypatch.undo()
        assert found.keys() == exact.keys()
        for note, (_, cosine) in exact.items():
            assert found[note][1] == pytest.approx(cosine, abs=1e-5)


def test_many_accounts_are_asked_for_in_parts(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(note_index, "IDS", 1)
    monkeypatch.setattr(note_index, "BATCH", 4)
    index = NoteIndex.of(workspace.root, {"notes": build(workspace, workspace.book(), Ngrams(), silent).about})
    assert index is not None
    note_index._rows.cache_clear()
    found = index.nearest(Ngrams().encode(["merger"]), {"A-1", "A-2"}, 10)
    note_index._rows.cache_clear()
    assert len(found) == len([note for note in notebook.NOTES if note[1] != "A-3"]) - 1


def test_the_same_notes_are_written_once_and_a_new_one_alone_is_embedded(workspace: Workspace) -> None:
    first, second = Counting(), Counting()
    one = build(workspace, workspace.book(), first, silent).about
    assert build(workspace, workspace.book(), second, silent).about == one
    assert second.seen == 0
    frames = notebook.tables()
    frames["notes"].loc[0, "body"] = "Something entirely new."
    from copilot.data.workspace import Draft

    workspace.write_book(Draft("test", "USD", notebook.AS_OF, frames, {}, {}), NOW.replace(hour=7))
    other = build(workspace, workspace.book(), second, silent).about
    assert other["index"] != one["index"]
    assert second.seen == 1


def test_another_encoder_makes_another_index_and_uses_no_old_vector(workspace: Workspace) -> None:
    class Other(Counting):
        @property
        def name(self) -> str:
            return "other"

    one = build(workspace, workspace.book(), Counting(), silent).about
    other = Other()
    assert build(workspace, workspace.book(), other, silent).about["index"] != one["index"]
    assert other.seen > 10


def test_indexes_go_with_the_last_snapshot_that_names_them(workspace: Workspace) -> None:
    about = build(workspace, workspace.book(), Ngrams(), silent).about
    old = snapshot(workspace, about, 1)
    new = snapshot(workspace, {"index": "elsewhere", "encoder": "x", "passages": 1}, 2)
    prune(workspace)
    assert NoteIndex.of(workspace.root, {"notes": about}) is not None
    shutil.rmtree(old)
    prune(workspace)
    assert new.is_dir()
    assert NoteIndex.of(workspace.root, {"notes": about}) is None


def test_a_damaged_index_is_said_when_read_and_made_anew_by_the_next_night(workspace: Workspace) -> None:
    about = build(workspace, workspace.book(), Ngrams(), silent).about
    folder = workspace.root / "chroma" / about["index"]
    whole = {path.name for path in folder.iterdir()}
    (folder / "chroma.sqlite3").write_bytes(b"broken" * 100)
    note_index._rows.cache_clear()
    index = NoteIndex.of(workspace.root, {"notes": about})
    assert index is not None
    with pytest.raises(BadInput, match="index of the notes cannot be read"):
        index.nearest(Ngrams().encode(["merger"]), None, 10)
    assert build(workspace, workspace.book(), Ngrams(), silent).about == about
    assert {path.name for path in folder.iterdir()} >= {"chroma.sqlite3"} <= whole
    note_index._rows.cache_clear()
    assert "N-2" in index.nearest(Ngrams().encode(["merger"]), None, 10)


def test_a_killed_night_leaves_no_index_and_goes_on_where_it_was(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from copilot.data import note_vectors

    monkeypatch.setattr(note_vectors, "AT_ONCE", 2)
    monkeypatch.setattr(note_vectors, "WRITTEN_EVERY", 4)
    with pytest.raises(KeyboardInterrupt):
        build(workspace, workspace.book(), Counting(most=7), silent)
    assert list((workspace.root / "chroma").glob("*")) == []
    (workspace.root / "chroma").mkdir(exist_ok=True)
    (workspace.root / "chroma" / ".writing-1-x").mkdir()  # of one that was killed while it wrote
    texts = {part for note in _known(workspace) for part in note_index.said(note)}
    again = Counting()
    built = build(workspace, workspace.book(), again, silent).about
    assert again.seen == len(texts) - 4
    assert [path.name for path in (workspace.root / "chroma").iterdir()] == [built["index"]]


def test_too_many_new_sentences_for_a_night_are_left_and_said_and_done_when_asked(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(note_index, "MOST_NEW", 3)
    told = build(workspace, workspace.book(), Ngrams(), silent)
    assert told.about == {}
    assert "score --notes" in told.reason
    assert build(workspace, workspace.book(), Ngrams(), silent, all_of_them=True).about["passages"] > 3
    assert build(workspace, workspace.book(), Ngrams(), silent).about["passages"] > 3  # nothing is new any more


def test_a_broken_cache_is_made_anew_and_forgets_what_is_gone(workspace: Workspace) -> None:
    file = workspace.root / "mart" / "note_vectors.npz"
    cached(workspace, Ngrams(), ["one", "two"], silent)
    assert missing(workspace, Ngrams(), ["one", "two", "three"]) == 1
    cached(workspace, Ngrams(), ["two"], silent)
    assert key_of("one") not in str(np.load(file)["keys"])
    file.write_bytes(b"broken")
    assert cached(workspace, Ngrams(), ["two", "two"], silent).shape == (2, 384)


def test_a_book_without_notes_has_no_index(workspace: Workspace) -> None:
    frames = notebook.tables()
    frames["notes"] = frames["notes"].iloc[:0]
    from copilot.data.workspace import Draft

    workspace.write_book(Draft("test", "USD", notebook.AS_OF, frames, {}, {}), NOW.replace(hour=8))
    assert build(workspace, workspace.book(), Ngrams(), silent).about == {}


def _known(workspace: Workspace) -> list[object]:
    frame = note_index.known_notes(workspace.book().table("notes"), pd.Timestamp(notebook.AS_OF))
    return list(frame.itertuples())

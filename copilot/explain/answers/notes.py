"""Answer "what do the notes say about …": marked quotations of the notes that fit, with account, date and author."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.data.note_index import EXACT, NoteIndex, known_notes, said
from copilot.data.note_search import Hit, Nearest, search, telling
from copilot.errors import BadInput, MissingData
from copilot.explain.answers.common import as_of_cell, cell, resolve, say
from copilot.text.cells import Cell, Record, Say
from copilot.text.encoder import Encoder, Ngrams
from copilot.text.quotes import SHORT, around, inert, quote, quoted

MOST = 5  # notes that are quoted
MOST_UNSURE = 3  # where none surely fits


def find_notes(
    snapshot: SnapshotReader,
    scope: Scope,
    query: str,
    account: str | None,
    workspace: Path,
    *,
    english: Callable[[str], str] = lambda text: text,
    german: Callable[[str], Sequence[str]] = lambda word: (),
) -> Record:
    """Return the notes of the accounts in scope that fit the words, the best first.

    Notes are facts, which a running study does not hide; one that was not yet known on the snapshot's day is not found.

    Args:
        snapshot: Names the book that holds the notes, and their index.
        scope: Whose notes may be seen.
        query: What to look for; without a telling word the newest notes come.
        account: Its id or name; all in scope without it.
        workspace: Holds the index.
        english: Puts German words into English.
        german: The German words that an English one stands for.

    Raises:
        MissingData: The book has no notes.
        UnknownAccount: No such account in scope.
    """
    lacking(snapshot)
    found = None if account is None else resolve(account, snapshot, scope)
    notes = known_notes(snapshot.table("notes", scope), snapshot.as_of)
    notes = notes if found is None else notes[notes["account_id"] == found]
    accounts = scope.account_ids if found is None else {found}
    index = NoteIndex.of(workspace, snapshot.manifest)
    near = {} if index is None or notes.empty else _nearest(index, notes, accounts, [query, english(query)])
    hits = search(notes, query, near, english=english, german=german)
    known = snapshot.table("accounts", scope)
    names = dict(zip(known["account_id"], known["name"], strict=True))
    fitting, others = [hit for hit in hits if hit.sure], [hit for hit in hits if not hit.sure]
    shown = fitting[:MOST] + others[: max(0, min(MOST_UNSURE, MOST - len(fitting)))]
    rows = [_row(hit, names, place) for place, hit in enumerate(shown, start=1)]
    origin = f"snapshot {snapshot.id}:notes in scope"
    data: dict[str, Any] = {
        "as_of": as_of_cell(snapshot),
        "query": cell(quoted(query, SHORT), "text", "question", "words asked for"),
        "looked": cell(len(notes), "count", origin, "notes looked through"),
        "accounts": cell(notes["account_id"].nunique(), "count", origin, "accounts with notes"),
        "found": cell(len(fitting), "count", origin, "notes found"),
        "more": cell(max(0, len(fitting) - MOST), "count", origin, "further notes"),
        "rows": rows,
    }
    if found is not None:
        data["account_id"] = cell(found, "text", f"book:accounts[{found}].account_id", "account")
        data["name"] = cell(names[found], "text", f"book:accounts[{found}].name", "account")
    told = [_line(row, f"rows[{place}]") for place, row in enumerate(rows)]
    lines = [say(_lead(query, hits, notes, found)), *told[: len(fitting)]]
    if len(fitting) > MOST and telling(query):
        lines.append(_aside("notes_more"))
    if fitting and told[len(fitting) :]:
        lines.append(_aside("notes_others"))
    lines += told[len(fitting) :]
    if not near and len(notes) and telling(query):
        lines.append(_aside("notes_by_words"))
    spoken = dict.fromkeys([found] if found else [str(hit.note.account_id) for hit in shown])
    return Record("search_notes", data, tuple(lines), {}, tuple(spoken))


def lacking(snapshot: SnapshotReader) -> None:
    """Stop where the book has no table of notes.

    Raises:
        MissingData: Says so, as the import did.
    """
    manifest = snapshot.manifest["book_manifest"]
    if "notes" not in manifest["tables"]:
        raise MissingData(manifest["missing"].get("notes", "This book has no table notes, so none can be searched."))


def quotation(note: Any, place: int, parts: Sequence[str]) -> Cell:
    """Return the passage ``place`` of a note's ``parts`` with what stands around it; a title stands apart."""
    body = parts[_titled(note) :]
    return quote(around(body, max(0, place - _titled(note))), f"book:notes[{note.note_id}].body", "note")


def _titled(note: Any) -> int:
    return int(isinstance(note.title, str) and bool(note.title))


def _nearest(index: NoteIndex, notes: pd.DataFrame, accounts: Any, queries: Sequence[str]) -> Nearest:
    """Return how near each note is in meaning; nothing where the index was made by another encoder than is here."""
    embedder = Encoder.find() or Ngrams()
    if embedder.name != index.encoder:
        return {}
    in_scope = index.passages
    if in_scope > EXACT:
        in_scope = sum(len(said(note)) for note in notes.itertuples())
    with suppress(BadInput):  # a damaged index: the words are still there, and the answer says so
        return index.nearest(embedder.encode(list(dict.fromkeys(queries))), accounts, in_scope)
    return {}


def _row(hit: Hit, names: Mapping[str, str], rank: int) -> dict[str, Cell]:
    note = hit.note
    origin = f"book:notes[{note.note_id}]"
    row = {
        "rank": cell(rank, "count", "copilot", "rank"),
        "account_id": cell(note.account_id, "text", f"book:accounts[{note.account_id}].account_id", "account"),
        "name": cell(
            names.get(note.account_id, note.account_id), "text", f"book:accounts[{note.account_id}].name", "account"
        ),
        "date": cell(note.event_ts if not pd.isna(note.event_ts) else note.known_ts, "date", origin, "day of the note"),
        "quote": quotation(note, hit.place, hit.parts),
    }
    if isinstance(note.author, str) and note.author:
        row["author"] = cell(inert(note.author, SHORT), "text", f"{origin}.author", "author")
    if _titled(note):
        row["title"] = quote(quoted(note.title, SHORT), f"{origin}.title", "title of the note")
    return row


def _lead(query: str, hits: Sequence[Hit], notes: pd.DataFrame, account: str | None) -> str:
    """Return the key of the sentence that says what was found and, where nothing was, in what."""
    if notes.empty:
        kind = "no_notes"
    elif not telling(query):
        kind = "newest"
    elif not hits:
        kind = "none"
    else:
        kind = "found" if hits[0].sure else "unsure"
    return f"notes_{kind}" + ("_on" if account else "")


def _line(row: dict[str, Cell], path: str) -> Say:
    return _aside("note" + "".join(f"_{name}" for name in ("author", "title") if name in row), path)


def _aside(key: str, path: str = "") -> Say:
    """Return a sentence that no model words again."""
    return replace(say(key, path), verbatim=True)

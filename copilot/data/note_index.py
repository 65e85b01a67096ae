"""The index of the notes: vectors of their sentences in Chroma, one folder a content, written by the nightly score.

``chroma/<key>`` is whole or absent, never changed, and goes with the last snapshot that names it. It holds ids, vectors
and account ids: no text, which stays in the book, and no owner, who may change. A search names the accounts it may see.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from copilot.data.note_vectors import cached, missing
from copilot.data.workspace import Book, Workspace, read_manifest
from copilot.errors import BadInput
from copilot.text.quotes import passages

if TYPE_CHECKING:
    from copilot.text.encoder import Embedder, Floats

NAME = "notes"  # Chroma takes names of 3 to 512 letters
EXACT = 10_000  # passages in scope that are all compared; HNSW misses near-duplicates, and below this nothing is gained
NEAREST = 200  # passages that HNSW gives above it
SEARCHED = 400  # neighbours that HNSW looks at
MOST_NEW = 50_000  # passages embedded in a night without being asked, some ten minutes
BATCH = 5000  # rows a call: SQLite takes no more at once
IDS = 1000  # account ids a query

Place = tuple[str, int]  # a note's id and the number of its passage


@dataclass(frozen=True)
class Built:
    """What the snapshot's manifest says of the index; ``reason`` says why there is none."""

    about: dict[str, Any]
    reason: str = ""


def known_notes(notes: pd.DataFrame, as_of: Any) -> pd.DataFrame:
    """Return the notes that were known on the day ``as_of``."""
    return notes[notes["known_ts"] < pd.Timestamp(as_of) + pd.Timedelta(days=1)]


def said(note: Any) -> list[str]:
    """Return the passages of a row of the table ``notes``: its title first where it has one, then the body's."""
    title = [note.title] if isinstance(note.title, str) and note.title else []
    return [*title, *passages(note.body)]


def build(
    workspace: Workspace, book: Book, embedder: Embedder, tell: Callable[[str], None], *, all_of_them: bool = False
) -> Built:
    """Write the index of a book's notes unless it is there; the caller holds the writer lock.

    Args:
        workspace: Holds the cache of vectors and the folder ``chroma``.
        book: Whose notes are indexed, as far as they are known on its day.
        embedder: The sentence encoder, which the manifest names.
        tell: Hears how far it is.
        all_of_them: Also where that takes long.
    """
    notes = known_notes(book.table("notes"), book.as_of)
    rows = [(note, place, text) for note in notes.itertuples() for place, text in enumerate(said(note))]
    texts = [text for _, _, text in rows]
    if not all_of_them and (new := missing(workspace, embedder, texts)) > MOST_NEW:
        return Built(
            {},
            f"Notes are searched by their words alone: {new:,} sentences are too many for a night; "
            "run `sales-copilot score --notes` once to have them searched by meaning too.",
        )
    key = _key(embedder.name, rows)
    about = {"index": key, "encoder": embedder.name, "notes": len(notes), "passages": len(rows)}
    home = workspace.root / "chroma"
    for left_over in home.glob(".writing-*"):  # by a writer that was killed
        shutil.rmtree(left_over)
    if not rows or _is_whole(home / key, len(rows)):
        return Built(about if rows else {})
    shutil.rmtree(home / key, ignore_errors=True)
    vectors = cached(workspace, embedder, texts, tell)
    tell("Writing the index of the notes")
    draft = home / f".writing-{os.getpid()}-{key}"
    draft.mkdir(parents=True)
    _write(draft, rows, vectors)
    draft.rename(home / key)
    return Built(about)


def prune(workspace: Workspace) -> None:
    """Remove the indexes that no snapshot names any more; the caller holds the writer lock."""
    named = set()
    for folder in (workspace.root / "snapshots").glob("*/manifest.json"):
        named.add(read_manifest(folder.parent).get("notes", {}).get("index"))
    for folder in (workspace.root / "chroma").glob("*/"):
        if folder.name not in named:
            shutil.rmtree(folder)


class NoteIndex:
    """One index, read only: its folder, the encoder its vectors are of and how many passages it has."""

    def __init__(self, folder: Path, encoder: str, passages: int) -> None:
        self.folder, self.encoder, self.passages = folder, encoder, passages

    @classmethod
    def of(cls, workspace: Path, manifest: dict[str, Any]) -> NoteIndex | None:
        """Return the index that a snapshot's manifest names, or None where there is none."""
        about = manifest.get("notes", {})
        folder = workspace / "chroma" / about.get("index", "none")
        return cls(folder, about["encoder"], about["passages"]) if (folder / "chroma.sqlite3").is_file() else None

    def nearest(self, queries: Floats, accounts: Collection[str] | None, in_scope: int) -> dict[str, tuple[int, float]]:
        """Return by note the passage nearest to any of the queries and its cosine.

        Args:
            queries: Unit vectors, shape (q, width).
            accounts: Whose notes may be seen; None for all of them.
            in_scope: How many passages these have: up to ``EXACT`` all of them are compared.

        Raises:
            BadInput: The index cannot be read.
        """
        wanted = None if accounts is None else tuple(sorted(accounts))
        best: dict[str, tuple[int, float]] = {}
        for (note, place), cosine in self._cosines(queries, wanted, exact=in_scope <= EXACT):
            if note not in best or cosine > best[note][1]:
                best[note] = place, float(cosine)
        return best

    def _cosines(
        self, queries: Floats, accounts: tuple[str, ...] | None, *, exact: bool
    ) -> Iterable[tuple[Place, float]]:
        if not exact:
            return _neighbours(self.folder, queries, accounts)
        places, vectors = _rows(self.folder, accounts)
        return zip(places, (vectors @ queries.T).max(axis=1), strict=True) if places else ()


@lru_cache(maxsize=4)
def _rows(folder: Path, accounts: tuple[str, ...] | None) -> tuple[list[Place], Floats]:
    """Return the places of all passages of these accounts and their vectors, shape (n, width)."""
    places, parts = [], []
    with _opened(folder) as collection:
        for where in _wheres(accounts):
            offset = 0
            wanted = {"where": where, "include": ["metadatas", "embeddings"], "limit": BATCH}
            while (got := collection.get(**wanted, offset=offset))["ids"]:
                places += [(str(one["note_id"]), int(one["place"])) for one in got["metadatas"]]
                parts.append(np.asarray(got["embeddings"], dtype="float32"))
                offset += BATCH
    return places, np.concatenate(parts) if parts else np.zeros((0, 1), dtype="float32")


def _neighbours(folder: Path, queries: Floats, accounts: tuple[str, ...] | None) -> Iterator[tuple[Place, float]]:
    """Yield the passages that HNSW finds nearest, with their cosines."""
    with _opened(folder) as collection:
        for where in _wheres(accounts):
            got = collection.query(
                query_embeddings=list(queries), n_results=NEAREST, where=where, include=["metadatas", "distances"]
            )
            for own, distances in zip(got["metadatas"], got["distances"], strict=True):
                for one, distance in zip(own, distances, strict=True):
                    yield (str(one["note_id"]), int(one["place"])), 1 - float(distance)


def _wheres(accounts: tuple[str, ...] | None) -> Iterator[dict[str, Any] | None]:
    if accounts is None:
        yield None
    for first in range(0, len(accounts or ()), IDS):
        yield {"account_id": {"$in": list((accounts or ())[first : first + IDS])}}


@contextmanager
def _opened(folder: Path) -> Iterator[Any]:
    """Open an index to be read, and close it again.

    Raises:
        BadInput: It cannot be read.
    """
    try:
        with _client(folder) as client:
            yield client.get_collection(NAME, embedding_function=None)
    except Exception as fault:  # Chroma lets through whatever its parts raise
        raise BadInput(f"The index of the notes cannot be read ({fault}); run `sales-copilot score`.") from fault


def _client(folder: Path) -> Any:
    import chromadb  # three seconds
    from chromadb.config import Settings

    return chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))


def _is_whole(folder: Path, passages: int) -> bool:
    """Whether an index is there and can be read."""
    try:
        return folder.is_dir() and len(_rows(folder, None)[0]) == passages
    except BadInput:
        return False


def _write(folder: Path, rows: Sequence[tuple[Any, int, str]], vectors: Floats) -> None:
    with _client(folder) as client:
        collection = client.create_collection(
            NAME,
            embedding_function=None,  # the default one would be downloaded
            configuration={"hnsw": {"space": "cosine", "ef_search": SEARCHED}},
        )
        for first in range(0, len(rows), BATCH):
            part = rows[first : first + BATCH]
            collection.add(
                ids=[f"{note.note_id}#{place}" for note, place, _ in part],
                embeddings=vectors[first : first + BATCH],
                metadatas=[
                    {"note_id": str(note.note_id), "account_id": str(note.account_id), "place": place}
                    for note, place, _ in part
                ],
            )


def _key(encoder: str, rows: Sequence[tuple[Any, int, str]]) -> str:
    """Return what tells this content from another: ids, accounts and texts, in order, and the encoder."""
    whole = hashlib.blake2b(encoder.encode(), digest_size=12)
    for note, place, text in rows:
        whole.update(f"\0{note.note_id}\0{note.account_id}\0{place}\0{text}".encode("utf-8", "replace"))
    return whole.hexdigest()

"""Read one nightly snapshot and the book it was made from, through the asker's scope."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from copilot.access import Scope
from copilot.data.hidden import blanked, hidden
from copilot.data.workspace import Book, Workspace, read_manifest
from copilot.errors import NotSetUp


class Snapshot:
    """One pinned snapshot; frames are read once and kept. See ``copilot.access.SnapshotReader``.

    While a study runs, the scores of its control accounts are blank here, and here alone: whatever reads for a person
    reads through this. ``hidden`` says by account until when and why.
    """

    def __init__(self, folder: Path, book: Book, hidden: Mapping[str, str] | None = None) -> None:
        self.folder, self.book, self.hidden = folder, book, dict(hidden or {})
        self._kept: dict[Path, pd.DataFrame] = {}
        self._shown: dict[str, pd.DataFrame] = {}

    @property
    def id(self) -> str:
        """The snapshot's own name."""
        return self.folder.name

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was scored, by which models, what was left out and why."""
        return read_manifest(self.folder) | {"book_manifest": self.book.manifest}

    @property
    def as_of(self) -> date:
        """The book's own date; every answer speaks of this day."""
        return self.book.as_of

    def scores(self, name: str, scope: Scope) -> pd.DataFrame:
        """Return the snapshot's frame ``name`` restricted to ``scope``; empty when it was not made."""
        if name not in self._shown:
            self._shown[name] = blanked(name, self._read(self.folder / f"{name}.parquet"), self.hidden)
        frame = self._shown[name]
        return scope.accounts(frame) if "account_id" in frame else frame

    def table(self, name: str, scope: Scope) -> pd.DataFrame:
        """Return the book's table ``name`` restricted to ``scope``; empty when the book lacks it."""
        frame = self._read(self.book.file(name)) if self.book.has(name) else self.book.table(name)
        if name == "opportunities":
            return scope.deals(frame)
        if name == "opportunity_lines":
            return frame[frame["opportunity_id"].isin(self.table("opportunities", scope)["opportunity_id"])]
        if name == "feedback":
            own = self.table("recommendations", scope)["recommendation_id"]
            return frame[frame["recommendation_id"].isin(own)]
        if name == "reps":
            return frame if scope.rep_ids is None else frame[frame["rep_id"].isin(scope.rep_ids)]
        return scope.accounts(frame) if "account_id" in frame else frame

    def _read(self, file: Path) -> pd.DataFrame:
        if file not in self._kept:
            self._kept[file] = pd.read_parquet(file) if file.is_file() else pd.DataFrame()
        return self._kept[file]


def open_snapshot(workspace: Workspace) -> Snapshot:
    """Pin the current snapshot.

    Raises:
        NotSetUp: There is no book, no snapshot, or the snapshot speaks of another source than the book does now.
        BadInput: The files of a running study cannot be read, so that nobody could say what to hide.
    """
    book = workspace.book()
    folder = workspace.current("snapshots")
    if folder is None:
        raise NotSetUp("There are no scores yet: run `sales-copilot train`, then `sales-copilot score`.")
    pinned = workspace.root / "book" / read_manifest(folder)["book"]
    made_from = Book(pinned, read_manifest(pinned)) if pinned.is_dir() else None
    if made_from is None or made_from.manifest["source"] != book.manifest["source"]:
        raise NotSetUp(
            "The book has changed since the last scores: run `sales-copilot train`, then `sales-copilot score`."
        )
    return Snapshot(folder, made_from, hidden(workspace.root, made_from.as_of))

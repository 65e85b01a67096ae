"""The workspace folder: versioned books and snapshots, each behind a CURRENT file that is switched in one step."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from copilot.data.book import TABLES, conform
from copilot.errors import BadInput, NotSetUp

Kind = Literal["book", "snapshots"]
KEEP = 5  # versions kept of each kind, the current one included


@dataclass(frozen=True)
class Draft:
    """A book before it is written: what the demo maker and every importer return.

    ``tables`` holds only tables that exist. ``missing`` says, table by table, what its absence rules out.
    ``set_aside`` holds the rows that were not taken, as read, with their ``line`` and ``fault``.
    """

    source: str
    currency: str
    as_of: date
    tables: dict[str, pd.DataFrame]
    missing: dict[str, str]
    set_aside: dict[str, pd.DataFrame]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Book:
    """One version of the book on disk. Batch steps read it whole; people read it through a scope."""

    path: Path
    manifest: dict[str, Any]

    @property
    def as_of(self) -> date:
        """The last day the data speak of; "today" for every answer."""
        return date.fromisoformat(self.manifest["as_of"])

    def has(self, name: str) -> bool:
        """Say whether this book holds the table ``name``."""
        return name in self.manifest["tables"]

    def file(self, name: str) -> Path:
        """Return the parquet file of the table ``name``."""
        return self.path / f"{name}.parquet"

    def digest(self) -> str:
        """Return the SHA-256 of all its tables, which tells one book from another; two seconds a gigabyte."""
        whole = hashlib.sha256()
        for file in sorted(self.path.glob("*.parquet")):
            with file.open("rb") as content:
                whole.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
        return whole.hexdigest()

    def table(self, name: str) -> pd.DataFrame:
        """Return all rows of ``name``; no rows, with the right columns, when the book lacks it."""
        if not self.has(name):
            return conform(name, pd.DataFrame(columns=list(TABLES[name].columns)))
        return pd.read_parquet(self.file(name))


class Workspace:
    """Paths and the one writer lock of a workspace folder; creates nothing until something is written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.models = root / "models"
        self.database = root / "copilot.db"

    @contextmanager
    def writing(self, wait: float = 5) -> Iterator[None]:
        """Hold the writer lock; a second writer waits so many seconds and is then told to try again.

        Raises:
            BadInput: Another process writes, the folder cannot be made, or its disk is full or fails.
        """
        import filelock

        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.root / "write.lock", timeout=wait):
                yield
        except filelock.Timeout:
            raise BadInput(f"Another command is writing to {self.root}; try again when it has finished.") from None
        except (FileExistsError, NotADirectoryError):
            raise BadInput(f"{self.root} is not a folder; name another with --workspace.") from None
        except PermissionError:
            raise BadInput(f"{self.root} cannot be written to; name another folder with --workspace.") from None
        except OSError as error:  # a full or read-only disk, a broken one
            why = os.strerror(error.errno) if error.errno else str(error)
            raise BadInput(
                f"{error.filename or self.root} cannot be read or written ({why}); "
                "mend that, or name another folder with --workspace."
            ) from None

    def current(self, kind: Kind) -> Path | None:
        """Return the folder that CURRENT names, or None before the first."""
        pointer = self.root / kind / "CURRENT"
        try:
            folder = self.root / kind / pointer.read_text(encoding="utf-8").strip()
        except OSError:
            return None
        return folder if (folder / "manifest.json").is_file() else None

    def publish(self, kind: Kind, fill: Callable[[Path], dict[str, Any]], now: datetime) -> Path:
        """Write a new version and switch to it; until the switch, readers see the old one.

        Args:
            kind: Which family of versions.
            fill: Writes the files into the folder it is given and returns the manifest.
            now: The moment that names the version.
        """
        home = self.root / kind
        home.mkdir(parents=True, exist_ok=True)
        for left_over in home.glob(".writing-*"):  # by a writer that was killed; we hold the lock
            shutil.rmtree(left_over)
        draft = home / f".writing-{os.getpid()}"
        draft.mkdir()
        try:
            manifest = fill(draft)
            (draft / "manifest.json").write_text(json.dumps(manifest, indent=1, default=str), encoding="utf-8")
        except Exception:
            shutil.rmtree(draft, ignore_errors=True)  # on a full disk it would stand in its own way
            raise
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        final = home / f"{stamp}-{_digest(draft)}"
        if final.exists():  # the same second and the same content
            shutil.rmtree(draft)
        else:
            draft.rename(final)
        _switch(home / "CURRENT", final.name)
        _prune(home, {final.name, *self._pinned()})
        return final

    def _pinned(self) -> set[str]:
        """Name the book that the current snapshot was made from; it is read until the next score."""
        snapshot = self.current("snapshots")
        return {read_manifest(snapshot)["book"]} if snapshot else set()

    def book(self) -> Book:
        """Return the current book.

        Raises:
            NotSetUp: There is none; the text names the commands that make one.
        """
        folder = self.current("book")
        if folder is None:
            raise NotSetUp(
                f"There is no book in {self.root}: run `sales-copilot demo`, or `sales-copilot import SOURCE PATH`."
            )
        return Book(folder, read_manifest(folder))

    def write_book(self, draft: Draft, now: datetime) -> Book:
        """Write ``draft`` as the current book."""

        def fill(folder: Path) -> dict[str, Any]:
            for name, frame in draft.tables.items():
                frame.to_parquet(folder / f"{name}.parquet", index=False)
            for name, rows in draft.set_aside.items():
                rows.map(_inert).to_csv(folder / f"set_aside_{name}.csv", index=False)
            return {
                "source": draft.source,
                "currency": draft.currency,
                "as_of": draft.as_of.isoformat(),
                "tables": {name: len(frame) for name, frame in draft.tables.items()},
                "missing": draft.missing,
                "set_aside": {name: len(rows) for name, rows in draft.set_aside.items()},
                "notes": list(draft.notes),
            }

        folder = self.publish("book", fill, now)
        return Book(folder, read_manifest(folder))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of one version."""
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        with file.open("rb") as content:
            digest.update(file.name.encode() + hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:8]


def _inert(value: Any) -> Any:
    """Return a cell that no spreadsheet runs: set-aside rows hold text from outside as it came."""
    return f"'{value}" if isinstance(value, str) and value.lstrip()[:1] in ("=", "+", "-", "@") else value


def _switch(pointer: Path, target: str) -> None:
    fresh = pointer.with_suffix(f".{os.getpid()}")
    fresh.write_text(target, encoding="utf-8")
    os.replace(fresh, pointer)


def _prune(home: Path, kept: set[str]) -> None:
    versions = sorted((p for p in home.iterdir() if p.is_dir() and p.name not in kept), key=lambda p: p.stat().st_mtime)
    for old in versions[: max(len(versions) - KEEP + 1, 0)]:
        shutil.rmtree(old)

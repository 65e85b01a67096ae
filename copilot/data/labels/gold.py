"""Gold sets: labels frozen under a name and version, so that two models are judged on the same rows (002).

A set lies in ``mart/labels/<name>/<version>/`` of the workspace: ``rows.parquet`` and ``manifest.json`` with a hash
over both. It is written beside and renamed in one step, and never written again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from copilot.data.workspace import Workspace
from copilot.errors import BadInput, NotSetUp

ROWS, MANIFEST = "rows.parquet", "manifest.json"
FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


@dataclass(frozen=True)
class GoldSet:
    """One frozen version; ``manifest`` says what the rows are, of which book, by whom and when."""

    path: Path
    name: str
    version: str
    manifest: dict[str, Any]

    def frame(self) -> pd.DataFrame:
        """Return the rows as they were frozen.

        Raises:
            BadInput: They, or their manifest, were changed since.
        """
        return pd.read_parquet(BytesIO(_checked(self.path)[0]))


def freeze(
    workspace: Workspace,
    name: str,
    frame: pd.DataFrame,
    *,
    owner: str,
    note: str,
    now: datetime,
    spec: str = "",
) -> GoldSet:
    """Write a new version of a gold set; takes the workspace's writer lock.

    Args:
        workspace: Where it is kept; the version of its current book is noted.
        name: Letters, digits, ``-`` and ``_``.
        frame: The rows, with or without index; the index is not kept.
        owner: Who answers for it.
        note: Why it was made.
        now: The moment that names the version; with a time zone.
        spec: What the label means (``Labels.spec``).

    Raises:
        BadInput: The name cannot be a folder's, the owner is empty, the clock has no time zone, the frame is empty, has
            doubled or unnamed columns, infinite numbers or cells that parquet cannot hold, or this version is there.
    """
    with workspace.writing():
        return _write(workspace, name, frame, owner, note, now, spec)


def freeze_once(
    workspace: Workspace,
    name: str,
    frame: pd.DataFrame,
    *,
    owner: str,
    note: str,
    now: datetime,
    spec: str = "",
) -> GoldSet:
    """Freeze as ``freeze`` does, unless the newest version holds the same rows with the same meaning; then return it.

    The caller holds the writer lock.
    """
    _named(name)
    newest = max((path for path in _home(workspace, name).glob("*") if not path.name.startswith(".")), default=None)
    if newest is not None:
        try:
            rows, manifest = _checked(newest)
        except BadInput:  # damaged; what is frozen now is a version of its own
            rows, manifest = b"", {}
        if rows == _parquet(name, frame) and manifest["spec"] == spec:
            return GoldSet(newest, name, newest.name, manifest)
    return _write(workspace, name, frame, owner, note, now, spec)


def _write(
    workspace: Workspace, name: str, frame: pd.DataFrame, owner: str, note: str, now: datetime, spec: str
) -> GoldSet:
    _named(name)
    if not owner.strip():
        raise BadInput(f"The gold set {name!r} needs an owner: say who answers for its labels.")
    if now.tzinfo is None:
        raise BadInput("The moment of freezing has no time zone; give it one, as in datetime.now(UTC).")
    rows = _parquet(name, frame)
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    book = workspace.current("book")
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "spec": spec,
        "note": note,
        "owner": owner.strip(),
        "created": now.astimezone(UTC).isoformat(),
        "book": book.name if book else None,
        "rows": len(frame),
        "columns": {str(column): str(dtype) for column, dtype in frame.dtypes.items()},
    }
    manifest["sha256"] = _digest(rows, manifest)
    version = f"{stamp}-{manifest['sha256'][:8]}"
    home = _home(workspace, name)
    home.mkdir(parents=True, exist_ok=True)
    for left_over in home.glob(".writing-*"):  # by a writer that was killed; we hold the lock
        shutil.rmtree(left_over)
    final = home / version
    if final.exists():
        raise BadInput(f"The gold set {name!r} has the version {version} already; it is never written again.")
    draft = home / f".writing-{os.getpid()}"
    draft.mkdir()
    try:
        (draft / ROWS).write_bytes(rows)
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        draft.rename(final)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return GoldSet(final, name, version, manifest)


def open_gold(workspace: Workspace, name: str, version: str | None = None) -> GoldSet:
    """Return a version of a gold set, by default the newest, after checking that nobody changed it.

    Raises:
        NotSetUp: There is no such set or version; the text names those there are.
        BadInput: Its rows or manifest were changed since it was frozen, or cannot be read.
    """
    _named(name)
    home = _home(workspace, name)
    versions = sorted(path.name for path in home.glob("*") if path.is_dir() and not path.name.startswith("."))
    if not versions:
        others = sorted(path.name for path in home.parent.glob("*") if path.is_dir())
        there = f"there are {', '.join(others)}" if others else "there is none yet"
        raise NotSetUp(f"There is no gold set {name!r} in {workspace.root}; {there}. Make one with freeze().")
    if version is not None and version not in versions:
        raise NotSetUp(f"The gold set {name!r} has no version {version!r}; it has {', '.join(versions)}.")
    chosen = version or versions[-1]
    _, manifest = _checked(home / chosen)
    return GoldSet(home / chosen, name, chosen, manifest)


def _home(workspace: Workspace, name: str) -> Path:
    return workspace.root / "mart" / "labels" / name


def _named(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(f"The name {name!r} of a gold set must be 1 to 80 letters, digits, '-' and '_'.")


def _parquet(name: str, frame: pd.DataFrame) -> bytes:
    import pyarrow as pa

    if frame.empty:
        raise BadInput(f"There are no rows to freeze as {name!r}.")
    columns = list(frame.columns)
    if len(set(columns)) < len(columns) or not all(isinstance(column, str) and column for column in columns):
        raise BadInput(f"The columns of {name!r} must have names, each its own: {', '.join(map(str, columns))}.")
    numbers = frame.select_dtypes("number", exclude=["timedelta", "complex"])
    endless = [column for column in numbers if np.isinf(numbers[column].to_numpy("float64", na_value=np.nan)).any()]
    if endless:
        raise BadInput(f"The column {', '.join(endless)} of {name!r} holds infinite numbers; mend or drop those rows.")
    out = BytesIO()
    try:
        frame.to_parquet(out, index=False)
    except (pa.ArrowException, ValueError, TypeError):
        raise BadInput(f"{name!r} has cells that parquet cannot hold; use one plain type a column.") from None
    return out.getvalue()


def _checked(folder: Path) -> tuple[bytes, dict[str, Any]]:
    changed = f"The gold set {folder.parent.name!r}, version {folder.name}, was changed after it was frozen"
    try:
        rows = (folder / ROWS).read_bytes()
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        same = manifest["sha256"] == _digest(rows, manifest) and folder.name.endswith(manifest["sha256"][:8])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{changed} or is incomplete; restore the folder or use another version.") from None
    if not same:
        raise BadInput(f"{changed}; restore it or use another version.")
    return rows, manifest


def _digest(rows: bytes, manifest: dict[str, Any]) -> str:
    told = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(rows + json.dumps(told, sort_keys=True).encode()).hexdigest()

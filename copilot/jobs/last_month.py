"""What drove the scores in an earlier month: carried from snapshot to snapshot, since only the newest few are kept."""

from __future__ import annotations

from datetime import date

import pandas as pd

from copilot.data.workspace import Workspace, read_manifest

FILE = "drivers_before"
COLUMNS = ["about", "ultra", "share", "as_of"]


def drivers_before(workspace: Workspace, source: str, as_of: date) -> pd.DataFrame:
    """Return the drivers of the newest snapshot of an earlier month than ``as_of``.

    Args:
        workspace: Whose current snapshot is the one before the one being made.
        source: Of the book; a snapshot of another source tells nothing of this one.
        as_of: The day being scored.

    Returns:
        ``COLUMNS``: score, family, its share and the day it was told of; no rows where there is no such snapshot.
    """
    none = pd.DataFrame({name: pd.Series(dtype="float64" if name == "share" else "str") for name in COLUMNS})
    folder = workspace.current("snapshots")
    if folder is None:
        return none
    told = read_manifest(folder)
    book = workspace.root / "book" / told["book"]
    if not book.is_dir() or read_manifest(book)["source"] != source:
        return none
    day = date.fromisoformat(str(told["as_of"])[:10])
    earlier = (day.year, day.month) < (as_of.year, as_of.month)
    file = folder / ("drivers.parquet" if earlier else f"{FILE}.parquet")
    if not file.is_file():
        return none
    frame = pd.read_parquet(file)
    return (frame.assign(as_of=day.isoformat()) if earlier else frame)[COLUMNS]

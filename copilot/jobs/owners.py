"""Give accounts other owners: the one change of the book besides an import, and only by an approved proposal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from copilot.data import quality
from copilot.data.history import merge
from copilot.data.workspace import Book, Draft, Workspace
from copilot.errors import TryAgain

Moves = Sequence[dict[str, Any]]  # account_id, from_rep_id, to_rep_id


def check(book: Book, moves: Moves) -> None:
    """Make sure that each account still has the owner it is to leave, and that who takes it is a rep of the book.

    Raises:
        TryAgain: The book has changed since the moves were worked out.
    """
    accounts = book.table("accounts").set_index("account_id")["owner_rep_id"]
    reps = {None, *book.table("reps")["rep_id"]}  # the way back may lead to nobody
    for move in moves:
        if move["account_id"] not in accounts.index or move["to_rep_id"] not in reps:
            raise TryAgain("An account or a rep of this scenario is no longer in the book; try it out once more.")
        now = accounts[move["account_id"]]
        if (None if pd.isna(now) else now) != move["from_rep_id"]:
            raise TryAgain("Accounts of this scenario have another owner by now; try it out once more.")


def hand_over(workspace: Workspace, moves: Moves, now: datetime) -> Book:
    """Write the next version of the book, in which the accounts of ``moves`` have their new owners.

    The owners of before stay in its history, known until the book's own day; readers go on with the pinned book until
    the next score.

    Args:
        workspace: Where the book lies; its writer lock is taken.
        moves: ``account_id, from_rep_id, to_rep_id`` each.
        now: The moment.

    Raises:
        TryAgain: See ``check``.
        BadInput: Another command is writing.
    """
    with workspace.writing():
        book = workspace.book()
        check(book, moves)
        accounts = book.table("accounts")
        fresh = {move["account_id"]: move["to_rep_id"] for move in moves}
        moved = accounts["account_id"].isin(fresh)
        owners = accounts["account_id"].map(fresh).astype(accounts["owner_rep_id"].dtype)
        changed = accounts.assign(owner_rep_id=accounts["owner_rep_id"].where(~moved, owners))
        about = book.manifest
        draft = Draft(
            about["source"], about["currency"], book.as_of, {"accounts": changed}, about["missing"], _set_aside(book)
        )
        merged = merge(book, draft, snapshot_date=book.as_of)
        said = f"{len(moves):,} accounts got another owner by an approved proposal on {now:%Y-%m-%d}."
        written = workspace.write_book(replace(merged, notes=(*about["notes"], said)), now)
        quality.write(written)
        return written


def _set_aside(book: Book) -> dict[str, pd.DataFrame]:
    """Return the rows that imports set aside, as they lie beside the book."""
    files = {name: book.path / f"set_aside_{name}.csv" for name in book.manifest["set_aside"]}
    return {
        name: pd.read_csv(file, dtype=str, keep_default_na=False) if file.is_file() else pd.DataFrame()
        for name, file in files.items()
    }

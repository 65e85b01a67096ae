"""Which accounts' scores a running study hides, and how: a control account that is seen is no control any more.

A study lies in ``studies/<name>/``: ``study.json`` with its state and dates, and ``assignment.parquet`` with
``account_id, arm, visible_from, book, score``, one row an account. What cannot be read stops the reader, so that
nothing is shown by mistake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from copilot.errors import BadInput

# What stands in the book about an account; every other column of the scored accounts, also one yet to come, is a score.
FACTS = (
    "account_id", "name", "segment", "region", "industry", "owner_rep_id", "owner", "spend_usd", "seats",
    "renewal_date", "days_to_renewal", "last_touch",
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """A study as it lies in the workspace."""

    folder: Path
    about: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name, also that of its folder."""
        return self.folder.name

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return bool(self.about["state"] == "running")

    @property
    def ends(self) -> date:
        """Its last day."""
        return date.fromisoformat(self.about["ends"])

    def assignment(self) -> pd.DataFrame:
        """Return ``account_id, arm, visible_from``: whose scores are shown, and from which day on.

        Beside them stand ``book`` (the rep) and ``score`` (the predicted uplift) as they were when it was written down.

        Raises:
            BadInput: The file cannot be read.
        """
        try:
            frame = pd.read_parquet(self.folder / "assignment.parquet")
            return frame[["account_id", "arm", "visible_from", "book", "score"]]
        except (OSError, KeyError, ValueError):
            raise BadInput(
                f"The assignment of the study {self.name} cannot be read, so nobody can say which scores to hide; put "
                f"{self.folder / 'assignment.parquet'} back, or end it with `sales-copilot study stop {self.name}`."
            ) from None


def held(root: Path) -> list[Held]:
    """Return the studies of a workspace by name.

    Raises:
        BadInput: A study's file cannot be read.
    """
    found = []
    for folder in sorted((root / "studies").glob("*/")):
        file = folder / "study.json"
        if not file.exists():
            continue
        try:
            about = json.loads(file.read_text(encoding="utf-8"))
            study = Held(folder, about)
            _ = study.running, study.ends, date.fromisoformat(about["starts"]), about["kind"]
        except (OSError, ValueError, KeyError, TypeError):
            raise BadInput(
                f"The study file {folder.name}/study.json cannot be read, so nobody can say which scores to hide; "
                "put it back, or remove its folder to end the study."
            ) from None
        found.append(study)
    return found


def hidden(root: Path, today: date) -> dict[str, str]:
    """Return what is said instead of the scores, by account: those that a running study hides on a day of the book.

    A control is hidden to the study's last day; a treated account whose rep's turn comes later, until then.

    Raises:
        BadInput: As ``held`` and ``Held.assignment``.
    """
    said: dict[str, str] = {}
    for study in held(root):
        if not study.running or study.about["kind"] != "ab" or today > study.ends:
            continue
        rows = study.assignment()
        control = rows["arm"] != "treated"
        for account in rows.loc[control, "account_id"]:
            said[account] = f"hidden until {study.ends}: control of {study.name}"
        reached = pd.Timestamp(max(today, date.fromisoformat(study.about["starts"])))  # the first step never waits
        later = rows[~control & (pd.to_datetime(rows["visible_from"]) > reached)]
        for account, start in zip(later["account_id"], pd.to_datetime(later["visible_from"]), strict=True):
            said[account] = f"hidden until {start:%Y-%m-%d}: {study.name} has not reached its rep yet"
    return said


def blanked(name: str, frame: pd.DataFrame, said: Mapping[str, str]) -> pd.DataFrame:
    """Return a frame of scores without those of hidden accounts.

    ``accounts`` keeps their rows with the facts alone and says why in ``hidden``; of any other frame their rows go.
    """
    if "account_id" not in frame:
        return frame
    if name != "accounts":
        return frame[~frame["account_id"].isin(list(said))] if said else frame
    why = frame["account_id"].map(said).astype("object")
    shown = frame.assign(hidden=why.where(why.notna(), None))
    if said:
        scores = [column for column in frame.columns if column not in FACTS]
        gone = why.notna()
        for column in scores:
            values = shown[column]
            values = values.astype("float64") if values.dtype.kind in "iub" else values
            shown[column] = values.mask(gone, None if values.dtype.kind == "O" else pd.NA)
    return shown

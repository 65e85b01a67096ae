"""Who is asking and what they may see: Principal, Scope and the context handed to every tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Role = Literal["rep", "manager", "analyst", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Principal:
    """An authenticated person. ``rep_id`` ties reps and managers to the book's own table of reps."""

    username: str
    role: Role
    rep_id: str | None = None


@dataclass(frozen=True)
class Scope:
    """The rows one person may read.

    ``account_ids`` and ``rep_ids`` of None mean every row; an empty set means none.
    Accounts are visible by owner; deals by the deal's own rep.
    """

    account_ids: frozenset[str] | None
    rep_ids: frozenset[str] | None

    def accounts(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Keep the rows of ``frame`` (with ``account_id``) whose account is in scope."""
        if self.account_ids is None:
            return frame
        return frame[frame["account_id"].isin(self.account_ids)]

    def deals(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Keep the deals (rows with ``rep_id`` and ``account_id``) that are in scope."""
        if self.rep_ids is None:
            return frame
        own = frame["rep_id"].isin(self.rep_ids)
        if self.account_ids:
            own |= frame["rep_id"].isna() & frame["account_id"].isin(self.account_ids)
        return frame[own]


EVERYTHING = Scope(account_ids=None, rep_ids=None)
NOTHING = Scope(account_ids=frozenset(), rep_ids=frozenset())


class SnapshotReader(Protocol):
    """What tools read: one pinned nightly snapshot and the book it was made from."""

    @property
    def id(self) -> str:
        """The snapshot's own name."""

    @property
    def manifest(self) -> dict[str, Any]:
        """What was scored, by which models, what was left out and why; ``book_manifest`` is the book's."""

    @property
    def as_of(self) -> date:
        """The book's own date; every answer speaks of this day."""

    def scores(self, name: str, scope: Scope) -> pd.DataFrame:
        """Return the snapshot's frame ``name`` restricted to ``scope``; empty when it was not made."""

    def table(self, name: str, scope: Scope) -> pd.DataFrame:
        """Return the book's table ``name`` restricted to ``scope``; empty when the book lacks it."""


class EventLog(Protocol):
    """What a write that was approved may append to; events never change."""

    def log_event(self, username: str, kind: str, subject: str, data: Mapping[str, Any], now: datetime) -> int:
        """Append one event and return its number."""

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return all events of one kind in their order: ``id, at, username, kind, subject, data``."""


@dataclass(frozen=True)
class Ctx:
    """What a tool gets besides its arguments; hidden from any language model.

    ``events`` is there only while a write that a person approved is carried out.
    """

    workspace: Path
    principal: Principal
    scope: Scope
    snapshot: SnapshotReader
    clock: Callable[[], datetime]
    rng: np.random.Generator
    events: EventLog | None = None

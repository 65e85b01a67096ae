"""Writes that wait for a person: kept as data, so that they outlive the process that proposed them.

A proposal belongs to who asked for it. It goes from ``waiting`` to ``rejected``, or over ``running`` to ``approved``
and from there, over ``running`` again, to ``undone``; each step is one compare-and-set with a link of the audit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from copilot.errors import BadInput
from copilot.store.database import Store, append_link, moment_of

Status = Literal["waiting", "running", "approved", "rejected", "undone"]
LASTS = timedelta(days=1)
STUCK = timedelta(minutes=5)  # after so long whoever was carrying it out has died
_NAME = re.compile(r"[Pp]-([1-9]\d{0,8})")


@dataclass(frozen=True)
class Proposal:
    """One proposal.

    Attributes:
        number: ``P-<number>`` names it.
        username: Who asked for it; nobody else can read, approve or undo it.
        made_at: When.
        expires_at: From then on it can no longer be approved.
        snapshot: The snapshot it speaks of.
        calls: What is to be done: ``name`` of the tool and ``arguments``, one dict a call.
        digest: SHA-256 of calls, person and snapshot.
        summary: What it would do, in words.
        status: Where it stands; an expired one is still ``waiting``.
        settled_at: When it came there.
        undo: What takes each call back, once it is approved.
        outcome: What came of it, in words.
    """

    number: int
    username: str
    made_at: datetime
    expires_at: datetime
    snapshot: str
    calls: list[dict[str, Any]]
    digest: str
    summary: str
    status: Status
    settled_at: datetime | None
    undo: list[dict[str, Any]]
    outcome: str

    @property
    def name(self) -> str:
        """How people call it."""
        return f"P-{self.number}"

    @property
    def until(self) -> str:
        """When it expires, as people read it."""
        return f"{self.expires_at:%Y-%m-%d %H:%M} UTC"

    @property
    def intact(self) -> bool:
        """Whether calls, person and snapshot are those that were proposed."""
        return self.digest == _digest(self.username, self.snapshot, self.calls)


def propose(
    store: Store, username: str, calls: Sequence[Mapping[str, Any]], summary: str, snapshot: str, now: datetime
) -> Proposal:
    """Keep a proposal for a day."""
    from copilot.store.tables import clean_json, proposals, transaction

    plain = clean_json(calls)
    at = moment_of(now)
    row: dict[str, Any] = {
        "username": username, "made_at": at, "expires_at": at + LASTS, "snapshot": snapshot, "calls": plain,
        "digest": _digest(username, snapshot, plain), "summary": summary, "status": "waiting", "settled_at": None,
        "undo": [], "outcome": "",
    }  # fmt: skip
    with transaction(store.engine, writes=True) as connection:
        key: Any = connection.execute(proposals.insert().values(**row)).inserted_primary_key
        made = Proposal(number=int(key[0]), **row)
        append_link(connection, username, "propose", made.name, made.digest, at)
    return made


def find(store: Store, name: str, username: str) -> Proposal:
    """Return the user's own proposal of this name.

    Raises:
        BadInput: There is none; somebody else's and a missing one read the same.
    """
    from copilot.store.tables import proposals, transaction

    asked = _NAME.fullmatch(name.strip())
    with transaction(store.engine, writes=False) as connection:
        own = (proposals.c.id == int(asked[1] if asked else 0)) & (proposals.c.username == username)
        row = connection.execute(proposals.select().where(own)).mappings().first()
    if row is None:
        raise BadInput(f"There is no proposal {name[:20]!r} of yours; an answer that waits for approval names its own.")
    values = dict(row)
    return Proposal(number=values.pop("id"), **values)


def advance(
    store: Store,
    proposal: Proposal,
    status: Status,
    now: datetime,
    *,
    undo: Sequence[Mapping[str, Any]] | None = None,
    outcome: str | None = None,
) -> bool:
    """Move a proposal on from where it was read; say whether it still stood there.

    Args:
        store: copilot.db.
        proposal: As it was read.
        status: Where it goes.
        now: When.
        undo: What takes its calls back; as it was unless told.
        outcome: What came of it; as it was unless told.
    """
    import sqlalchemy as sa

    from copilot.store.tables import proposals, transaction

    at = moment_of(now)
    values: dict[str, Any] = {"status": status, "settled_at": at}
    values |= {} if undo is None else {"undo": [dict(one) for one in undo]}
    values |= {} if outcome is None else {"outcome": outcome}
    same = (proposals.c.id == proposal.number) & (proposals.c.status == proposal.status)
    if proposal.settled_at is not None:
        same &= proposals.c.settled_at == proposal.settled_at
    else:
        same &= proposals.c.settled_at.is_(sa.null())
    with transaction(store.engine, writes=True) as connection:
        if connection.execute(proposals.update().where(same).values(**values)).rowcount != 1:
            return False
        append_link(connection, proposal.username, status, proposal.name, proposal.digest, at)
    return True


def _digest(username: str, snapshot: str, calls: Sequence[Mapping[str, Any]]) -> str:
    return hashlib.sha256(json.dumps([username, snapshot, list(calls)], sort_keys=True).encode()).hexdigest()

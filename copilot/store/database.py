"""The store: users, conversations, feedback events and the audit chain of one workspace."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from copilot.access import ROLES, Principal, Role
from copilot.errors import BadInput
from copilot.store import passwords

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_NAME = re.compile(r"[a-z0-9._-]{1,40}")
_THREAD = re.compile(r"t-[0-9a-f]{10}")
_ID = re.compile(r"[\w.:/@+-]{1,200}")  # what the audit takes: ids, never sentences
_LINKED = ("at", "actor", "action", "subject", "digest")
_DIGEST = re.compile(r"[0-9a-f]{0,128}")


@dataclass(frozen=True)
class Turn:
    """One question with its answer, as ``ask --json`` prints it and the log keeps it.

    ``asked_at`` is an instant with its time zone, ``as_of`` the book's own day, ``snapshot`` the pinned snapshot's
    id, ``accounts`` the account ids the answer was about, in order.
    """

    thread: str
    username: str
    asked_at: datetime
    question: str
    answer: str
    rung: str
    snapshot: str | None = None
    as_of: date | None = None
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[str, Any] = field(default_factory=dict)
    clarify: dict[str, Any] | None = None
    refused: str | None = None
    approval: dict[str, Any] | None = None
    timings_ms: dict[str, Any] = field(default_factory=dict)
    accounts: list[str] = field(default_factory=list)


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Store:
    """copilot.db, open. Safe to share between threads; several processes may open the same file."""

    engine: Engine
    clock: Callable[[], datetime]

    @classmethod
    def open(cls, url_or_path: str | Path, *, clock: Callable[[], datetime] = utc_now) -> Self:
        """Open the database, making its file and tables when they are missing.

        Args:
            url_or_path: A file, or a URL as ``postgresql://user:password@host/name``.
            clock: Tells when users were made; everything else is told its moment.

        Raises:
            BadInput: It cannot be reached, is no database, or was written by a newer version.
        """
        from copilot.store.tables import connect

        return cls(connect(url_or_path), clock)

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        """Use as ``with Store.open(path) as store``."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close."""
        self.close()

    # Users

    def add_user(
        self, username: str, role: Role, rep_id: str | None = None, *, actor: str = "setup", restore: bool = False
    ) -> str | None:
        """Make a user, or bring an existing one's role and ``rep_id`` up to date; the audit notes either.

        Args:
            username: 1–40 of a–z, 0–9, dot, underscore and hyphen.
            role: One of ``ROLES``.
            rep_id: The person's row in the book's table of reps.
            actor: Who makes the user.
            restore: Let a removed user in again, with a new password; else an import would undo removals.

        Returns:
            The one-time password, which is nowhere kept, or None where the user keeps the old one.

        Raises:
            BadInput: The name or the role is not of the form above.
        """
        from copilot.store.tables import users

        if not _NAME.fullmatch(username):
            raise BadInput(f"The user name {username[:60]!r} must be 1 to 40 of a-z, 0-9, dot, underscore and hyphen.")
        if role not in ROLES:
            raise BadInput(f"There is no role {role!r}; the roles are {', '.join(ROLES)}.")
        values: dict[str, Any] = {"role": role, "rep_id": rep_id}
        with self._writing() as connection:
            _last_link(connection)  # held, so that two processes cannot both find the user missing
            found = connection.execute(users.select().where(users.c.username == username)).mappings().first()
            admits = found is None or (restore and not found["active"])
            if not admits and found and (role, rep_id) == (found["role"], found["rep_id"]):
                return None
            password = passwords.one_time_password() if admits else None
            if password:
                values |= {"password_hash": passwords.hash_password(password), "active": True}
            now = self.clock()
            if found is None:
                connection.execute(users.insert().values(username=username, created_at=now, **values))
            else:
                connection.execute(users.update().where(users.c.username == username).values(**values))
            action = "update_user" if found else "add_user"
            append_link(connection, actor, action, username, _sha(json.dumps([role, rep_id])), now)
        return password

    def set_password(self, username: str, password: str, *, actor: str | None = None) -> None:
        """Give an existing user a new password of 8 to 200 characters; ``actor`` is the user unless told.

        Raises:
            BadInput: There is no such user, or the password is too short or too long.
        """
        from copilot.store.tables import sessions, tokens, users

        self.principal(username)
        stored = passwords.hash_password(password)
        with self._writing() as connection:
            for held in (sessions, tokens):  # of whoever knew the old one
                connection.execute(held.delete().where(held.c.username == username))
            connection.execute(users.update().where(users.c.username == username).values(password_hash=stored))
            append_link(connection, actor or username, "set_password", username, "", self.clock())

    def check_password(self, username: str, password: str) -> Principal | None:
        """Return the user whose password this is, else None, after the same work whether or not the user exists."""
        from copilot.store.tables import users

        found = self._user(username)
        stored = found["password_hash"] if found else None
        if not passwords.matches(password, stored) or not found or not stored:
            return None
        if passwords.outdated(stored):
            fresh = passwords.hash_password(password)
            with self._writing() as connection:
                same = (users.c.username == username) & (users.c.password_hash == stored)
                connection.execute(users.update().where(same).values(password_hash=fresh))
        return Principal(found["username"], found["role"], found["rep_id"])

    def principal(self, username: str) -> Principal:
        """Return an active user.

        Raises:
            BadInput: There is none of this name.
        """
        found = self._user(username)
        if found is None:
            raise BadInput(f"There is no user {username[:60]!r}; `sales-copilot users` lists them.")
        return Principal(found["username"], found["role"], found["rep_id"])

    def users(self) -> list[dict[str, Any]]:
        """Return all users by name: ``username, role, rep_id, created_at, active``."""
        from copilot.store.tables import users

        columns = [users.c[name] for name in ("username", "role", "rep_id", "created_at", "active")]
        with self._reading() as connection:
            found = connection.execute(users.select().with_only_columns(*columns).order_by(users.c.username))
            return [dict(row) for row in found.mappings()]

    def remove_user(self, username: str, *, actor: str = "setup") -> None:
        """Shut a user out and delete password and conversations for good; the name stays taken.

        Raises:
            BadInput: There is no such user.
        """
        from copilot.store.tables import forget_deleted, proposals, sessions, threads, tokens, users

        self.principal(username)
        with self._writing() as connection:
            for own in (sessions, tokens, threads, proposals):  # turns go with their threads
                connection.execute(own.delete().where(own.c.username == username))
            gone = users.update().where(users.c.username == username).values(active=False, password_hash=None)
            connection.execute(gone)
            append_link(connection, actor, "remove_user", username, "", self.clock())
        forget_deleted(self.engine)

    # Conversations

    def new_thread(self, username: str, now: datetime) -> str:
        """Begin a conversation of this user and return its id, ``t-`` and ten characters.

        Raises:
            BadInput: There is no such user.
        """
        from copilot.store.tables import threads

        self.principal(username)
        thread = f"t-{secrets.token_hex(5)}"
        with self._writing() as connection:
            connection.execute(threads.insert().values(thread=thread, username=username, created_at=moment_of(now)))
        return thread

    def log_turn(self, turn: Turn) -> int:
        """Keep one turn of a conversation and return its number.

        Texts lose what databases refuse (NUL, half surrogate pairs) and are cut at 20 000 characters.

        Raises:
            BadInput: The thread is not one of this user's, or ``asked_at`` lacks its time zone.
        """
        from copilot.store.tables import turns

        values = vars(turn) | {"asked_at": moment_of(turn.asked_at)}
        del values["username"]  # the thread has it
        with self._writing() as connection:
            _check_owner(connection, turn.thread, turn.username)
            return _number(connection.execute(turns.insert().values(**values)).inserted_primary_key)

    def turns(self, thread: str, username: str, limit: int = 20) -> list[Turn]:
        """Return the last ``limit`` turns of the user's own conversation, oldest first.

        Raises:
            BadInput: The thread is not one of this user's, whether or not it exists.
        """
        return [turn for _, turn in self.numbered_turns(thread, username, limit)]

    def numbered_turns(self, thread: str, username: str, limit: int = 20) -> list[tuple[int, Turn]]:
        """Return the last ``limit`` turns of the user's own conversation with their numbers, oldest first.

        Raises:
            BadInput: The thread is not one of this user's, whether or not it exists.
        """
        from copilot.store.tables import turns

        with self._reading() as connection:
            _check_owner(connection, thread, username)
            newest = turns.select().where(turns.c.thread == thread).order_by(turns.c.id.desc()).limit(max(limit, 0))
            rows = [dict(row) for row in connection.execute(newest).mappings()]
        return [(row.pop("id"), Turn(username=username, **row)) for row in reversed(rows)]

    def threads(self, username: str, limit: int = 30) -> list[tuple[str, datetime, str]]:
        """Return the user's own conversations as ``(thread, begun at, first question)``, the newest first.

        A conversation without a stored turn is left out.
        """
        import sqlalchemy as sa

        from copilot.store.tables import threads, turns

        first = sa.select(turns.c.thread, sa.func.min(turns.c.id).label("id")).group_by(turns.c.thread).subquery()
        chosen = (
            sa.select(threads.c.thread, threads.c.created_at, turns.c.question)
            .join(first, first.c.thread == threads.c.thread)
            .join(turns, turns.c.id == first.c.id)
            .where(threads.c.username == username)
            .order_by(turns.c.id.desc())
            .limit(max(limit, 0))
        )
        with self._reading() as connection:
            return [(row.thread, row.created_at, row.question) for row in connection.execute(chosen)]

    def questions(self) -> list[tuple[str, datetime]]:
        """Return ``(rep_id, asked at)`` of every stored question that a person tied to the book asked."""
        import sqlalchemy as sa

        from copilot.store.tables import threads, turns, users

        asked = (
            sa.select(users.c.rep_id, turns.c.asked_at)
            .join(threads, threads.c.username == users.c.username)
            .join(turns, turns.c.thread == threads.c.thread)
            .where(users.c.rep_id.is_not(None))
        )
        with self._reading() as connection:
            return [(row.rep_id, row.asked_at) for row in connection.execute(asked)]

    # Events and the audit

    def log_event(self, username: str, kind: str, subject: str, data: Mapping[str, Any], now: datetime) -> int:
        """Append one event, for instance feedback on an account, and return its number; events never change.

        Raises:
            BadInput: ``username`` or ``kind`` is not a short name, or ``now`` lacks its time zone.
        """
        from copilot.store.tables import events

        for name in (username, kind):
            if not _NAME.fullmatch(name):
                raise BadInput(
                    f"An event needs short names of a-z, 0-9, dot, underscore and hyphen, not {name[:60]!r}."
                )
        row = {"at": moment_of(now), "username": username, "kind": kind, "subject": subject, "data": data}
        with self._writing() as connection:
            return _number(connection.execute(events.insert().values(**row)).inserted_primary_key)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return all events of one kind in their order: ``id, at, username, kind, subject, data``."""
        from copilot.store.tables import events

        with self._reading() as connection:
            found = connection.execute(events.select().where(events.c.kind == kind).order_by(events.c.id))
            return [dict(row) for row in found.mappings()]

    def audit(self, actor: str, action: str, subject: str, digest: str, now: datetime) -> str:
        """Append one link to the audit chain and return its hash.

        Args:
            actor: Who did it, a user name or the name of a batch step.
            action: What was done, for instance ``import`` or ``train``.
            subject: The id of what it was done to.
            digest: A hash of the content in hex digits, or nothing.
            now: When.

        Raises:
            BadInput: One of them is more than an id or a hash: content belongs in tables that can be deleted.
        """
        with self._writing() as connection:
            return append_link(connection, actor, action, subject, digest, now)

    def verify_audit(self) -> bool:
        """Say whether no link of the audit chain was changed, moved or taken out, the newest ones included.

        Someone who may write to the database and knows this code can forge a whole new chain; compare the newest
        hash with a copy kept elsewhere where that matters.
        """
        from copilot.store.tables import audit

        with self._reading() as connection:
            newest = _last_link(connection)
            last = (0, "")
            for row in connection.execute(audit.select().order_by(audit.c.link)).mappings():
                number, found = row["link"], row["hash"]
                if (number, found) != (last[0] + 1, _link_hash(last, {k: row[k] for k in _LINKED})):
                    return False
                last = (number, found)
        return last == newest

    def _reading(self) -> AbstractContextManager[Connection]:
        from copilot.store.tables import transaction

        return transaction(self.engine, writes=False)

    def _writing(self) -> AbstractContextManager[Connection]:
        from copilot.store.tables import transaction

        return transaction(self.engine, writes=True)

    def _user(self, username: str) -> dict[str, Any] | None:
        from copilot.store.tables import users

        if not _NAME.fullmatch(username):
            return None
        with self._reading() as connection:
            chosen = users.select().where((users.c.username == username) & users.c.active)
            found = connection.execute(chosen).mappings().first()
            return dict(found) if found else None


def _check_owner(connection: Connection, thread: str, username: str) -> None:
    from copilot.store.tables import threads

    own = (threads.c.thread == thread) & (threads.c.username == username)
    named = _THREAD.fullmatch(thread) and _NAME.fullmatch(username)
    if not named or connection.execute(threads.select().where(own)).first() is None:
        # The same text for a foreign and a missing thread: nobody learns which ones exist.
        raise BadInput(f"There is no conversation {thread[:60]!r} of yours.")


def _last_link(connection: Connection) -> tuple[int, str]:
    """Read the chain's newest number and hash, locking them until the transaction ends (SQLite already does)."""
    from copilot.store.tables import meta

    newest = meta.select().where(meta.c.key == "audit_head").with_for_update()
    number, _, found = str(connection.execute(newest).mappings().one()["value"]).partition(" ")
    return int(number), found


def append_link(connection: Connection, actor: str, action: str, subject: str, digest: str, now: datetime) -> str:
    """Append one link to the audit chain within a transaction that writes; see ``Store.audit``."""
    from copilot.store.tables import audit, meta

    for name, value in {"actor": actor, "action": action, "subject": subject}.items():
        if not _ID.fullmatch(value):
            raise BadInput(f"The audit takes ids only, and its {name} {value[:60]!r} is none; name it without spaces.")
    if not _DIGEST.fullmatch(digest):
        raise BadInput(f"The audit takes hashes in hex digits, and {digest[:60]!r} is none.")
    last = _last_link(connection)
    values = dict(zip(_LINKED, (moment_of(now), actor, action, subject, digest), strict=True))
    number, fresh = last[0] + 1, _link_hash(last, values)
    connection.execute(audit.insert().values(link=number, hash=fresh, **values))
    connection.execute(meta.update().where(meta.c.key == "audit_head").values(value=f"{number} {fresh}"))
    return fresh


def _link_hash(last: tuple[int, str], values: Mapping[str, Any]) -> str:
    moment = values["at"].astimezone(UTC).isoformat()
    return _sha(json.dumps([*last, moment, *(values[name] for name in _LINKED[1:])]))


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def moment_of(now: datetime) -> datetime:
    """Return a moment in UTC.

    Raises:
        BadInput: It lacks its time zone.
    """
    if now.tzinfo is None:
        raise BadInput(f"The moment {now.isoformat()} lacks a time zone; give it in UTC.")
    return now.astimezone(UTC)


def _number(key: Any) -> int:
    return int(key[0])

"""Logged-in browsers: a random token the browser keeps, of which the store keeps only the hash.

A session ends by logging out, after 12 hours without a request, after 7 days at the latest, and with its user: removing
the user or setting a new password deletes the rows (``Store.remove_user``, ``Store.set_password``).
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from copilot.access import Principal
from copilot.errors import BadInput
from copilot.store.database import Store

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
_SEEN_EVERY = timedelta(minutes=1)  # one page asks for dozens of files: not each of them is a write
_TOKEN_LENGTHS = range(40, 65)


def begin(store: Store, username: str, now: datetime) -> str:
    """Begin a session of an active user and return its token, 43 random characters; it is nowhere kept.

    Raises:
        BadInput: There is no such user, or ``now`` lacks its time zone.
    """
    from copilot.store.tables import sessions, transaction

    _check(now)
    store.principal(username)
    token = secrets.token_urlsafe(32)
    with transaction(store.engine, writes=True) as connection:
        connection.execute(sessions.delete().where(sessions.c.expires_at <= now))
        row = {"username": username, "created_at": now, "seen_at": now, "expires_at": now + IDLE}
        connection.execute(sessions.insert().values(digest=_digest(token), **row))
    return token


def resume(store: Store, token: str | None, now: datetime) -> Principal | None:
    """Return whose session this is, as the store knows them at this moment; None for any that does not hold.

    Raises:
        BadInput: ``now`` lacks its time zone, or the database is gone.
    """
    from copilot.store.tables import sessions, transaction, users

    _check(now)
    if not token or len(token) not in _TOKEN_LENGTHS:
        return None
    own = sessions.c.digest == _digest(token)
    found = sessions.join(users, users.c.username == sessions.c.username).select().where(own & users.c.active)
    columns = (users.c.username, users.c.role, users.c.rep_id, sessions.c.created_at, sessions.c.seen_at)
    with transaction(store.engine, writes=False) as connection:
        row = connection.execute(found.with_only_columns(*columns, sessions.c.expires_at)).mappings().first()
    if row is None or row["expires_at"] <= now:
        return None
    if now - row["seen_at"] >= _SEEN_EVERY:
        until = min(now + IDLE, row["created_at"] + LONGEST)
        with transaction(store.engine, writes=True) as connection:
            connection.execute(sessions.update().where(own).values(seen_at=now, expires_at=until))
    return Principal(row["username"], row["role"], row["rep_id"])


def end(store: Store, token: str | None) -> None:
    """End a session; one that is unknown or over stays so."""
    from copilot.store.tables import sessions, transaction

    if token:
        with transaction(store.engine, writes=True) as connection:
            connection.execute(sessions.delete().where(sessions.c.digest == _digest(token)))


def _digest(token: str) -> str:
    # A plain hash will do: the token has 256 bits of chance, so there is nothing to guess or to slow down.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _check(now: datetime) -> None:
    if now.tzinfo is None:
        raise BadInput(f"The moment {now.isoformat()} lacks a time zone; give it in UTC.")

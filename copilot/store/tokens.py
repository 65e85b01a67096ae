"""Bearer tokens of programs that act for a person: shown once, of which the store keeps only the hash.

A token ends after 90 days, by ``revoke``, and with its user: removing the user or setting a new password deletes the
rows (``Store.remove_user``, ``Store.set_password``).
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from copilot.access import Principal
from copilot.store.database import Store, append_link, moment_of

LASTS = timedelta(days=90)
_USED_EVERY = timedelta(minutes=1)  # not each call is a write
_TOKEN_LENGTHS = range(40, 65)


def make(store: Store, username: str, now: datetime, *, lasts: timedelta = LASTS, actor: str = "setup") -> str:
    """Return a new token of an active user, 43 random characters; it is nowhere kept, and the audit notes its hash.

    Raises:
        BadInput: There is no such user, or ``now`` lacks its time zone.
    """
    from copilot.store.tables import tokens, transaction

    at = moment_of(now)
    store.principal(username)
    token = secrets.token_urlsafe(32)
    with transaction(store.engine, writes=True) as connection:
        connection.execute(tokens.delete().where(tokens.c.expires_at <= at))
        row = {"username": username, "created_at": at, "expires_at": at + lasts}
        connection.execute(tokens.insert().values(digest=digest(token), **row))
        append_link(connection, actor, "make_token", username, digest(token), at)
    return token


def holder(store: Store, token: str, now: datetime) -> Principal | None:
    """Return whose token this is, as the store knows them at this moment; None for any that does not hold.

    Raises:
        BadInput: ``now`` lacks its time zone, or the database is gone.
    """
    from copilot.store.tables import tokens, transaction, users

    at = moment_of(now)
    if len(token) not in _TOKEN_LENGTHS:
        return None
    own = tokens.c.digest == digest(token)
    found = tokens.join(users, users.c.username == tokens.c.username).select().where(own & users.c.active)
    columns = (users.c.username, users.c.role, users.c.rep_id, tokens.c.used_at, tokens.c.expires_at)
    with transaction(store.engine, writes=False) as connection:
        row = connection.execute(found.with_only_columns(*columns)).mappings().first()
    if row is None or row["expires_at"] <= at:
        return None
    if row["used_at"] is None or at - row["used_at"] >= _USED_EVERY:
        with transaction(store.engine, writes=True) as connection:
            connection.execute(tokens.update().where(own).values(used_at=at))
    return Principal(row["username"], row["role"], row["rep_id"])


def revoke(store: Store, username: str, now: datetime, *, actor: str = "setup") -> int:
    """End all tokens of a user and return how many there were; the audit notes it.

    Raises:
        BadInput: There is no such user, or ``now`` lacks its time zone.
    """
    from copilot.store.tables import tokens, transaction

    at = moment_of(now)
    store.principal(username)
    with transaction(store.engine, writes=True) as connection:
        ended = connection.execute(tokens.delete().where(tokens.c.username == username)).rowcount
        append_link(connection, actor, "revoke_tokens", username, "", at)
    return ended


def digest(token: str) -> str:
    """Return the SHA-256 that stands for a token."""
    # A plain hash will do: the token has 256 bits of chance, so there is nothing to guess or to slow down.
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()

"""The tables of copilot.db, and the connection to them: SQLite in a private file, or PostgreSQL by URL."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc

from copilot.errors import BadInput

SCHEMA_VERSION = 1
LONGEST_TEXT = 20_000  # characters kept of any one text
BUSY_SECONDS = 10
MAKING = 0x5A1E5  # the number of the lock that whoever makes the tables holds


def clean_text(text: str) -> str:
    """Return ``text`` as every database takes it: no NUL, no half surrogate pair, at most 20 000 characters."""
    whole = text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole if len(whole) <= LONGEST_TEXT else whole[: LONGEST_TEXT - 1] + "…"


def clean_json(value: Any) -> Any:
    """Return ``value`` as plain JSON: texts cleaned, dates as ISO, NaN and infinity (no JSON) as null."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, date):  # a datetime is one too, and pandas' NaT, which differs from itself
        return value.isoformat() if value == value else None
    if isinstance(value, Mapping):
        return {clean_text(str(key)): clean_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean_json(inner) for inner in value]
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        return clean_json(value.tolist())
    return clean_text(str(value))


class CleanText(sa.types.TypeDecorator[str]):
    """Text people or models wrote."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Clean on the way in."""
        return None if value is None else clean_text(value)


class CleanJson(sa.types.TypeDecorator[Any]):
    """Nested values; None is NULL, not JSON's null."""

    impl = sa.JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """Clean on the way in."""
        return clean_json(value)


class Moment(sa.types.TypeDecorator[datetime]):
    """An instant in UTC; SQLite forgets time zones, so they are put back on reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Turn into UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Say that it is UTC."""
        if value is None or value.tzinfo is not None:
            return None if value is None else value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


metadata = sa.MetaData()

meta = sa.Table(  # the schema's version and the audit chain's newest link
    "meta", metadata,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)  # fmt: skip

users = sa.Table(
    "users", metadata,
    sa.Column("username", sa.String(40), primary_key=True),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("rep_id", CleanText),
    sa.Column("password_hash", sa.Text),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
)  # fmt: skip

threads = sa.Table(
    "threads", metadata,
    sa.Column("thread", sa.String(40), primary_key=True),
    sa.Column("username", sa.ForeignKey(users.c.username), nullable=False, index=True),
    sa.Column("created_at", Moment, nullable=False),
)  # fmt: skip

turns = sa.Table(
    "turns", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("thread", sa.ForeignKey(threads.c.thread, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("asked_at", Moment, nullable=False),
    sa.Column("question", CleanText, nullable=False),
    sa.Column("answer", CleanText, nullable=False),
    sa.Column("rung", sa.Text, nullable=False),
    sa.Column("snapshot", sa.Text),
    sa.Column("as_of", sa.Date),
    sa.Column("tool_calls", CleanJson, nullable=False),
    sa.Column("sources", CleanJson, nullable=False),
    sa.Column("clarify", CleanJson),
    sa.Column("refused", CleanText),
    sa.Column("approval", CleanJson),
    sa.Column("timings_ms", CleanJson, nullable=False),
    sa.Column("accounts", CleanJson, nullable=False),
)  # fmt: skip

events = sa.Table(
    "events", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", Moment, nullable=False),
    sa.Column("username", sa.String(40), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False, index=True),
    sa.Column("subject", CleanText, nullable=False),
    sa.Column("data", CleanJson, nullable=False),
)  # fmt: skip

sessions = sa.Table(  # who is logged in to the screens; the browser alone has the token itself
    "sessions", metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("username", sa.ForeignKey(users.c.username), nullable=False, index=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
)  # fmt: skip

tokens = sa.Table(  # of programs that act for a person; they alone have the token itself
    "tokens", metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("username", sa.ForeignKey(users.c.username), nullable=False, index=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
    sa.Column("expires_at", Moment, nullable=False),
)  # fmt: skip

proposals = sa.Table(  # writes that wait for a person's approval, and what became of them
    "proposals", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("username", sa.ForeignKey(users.c.username), nullable=False, index=True),
    sa.Column("made_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("snapshot", sa.Text, nullable=False),
    sa.Column("calls", CleanJson, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("summary", CleanText, nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("settled_at", Moment),
    sa.Column("undo", CleanJson, nullable=False),
    sa.Column("outcome", CleanText, nullable=False),
)  # fmt: skip

audit = sa.Table(
    "audit", metadata,
    sa.Column("link", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)  # fmt: skip


def connect(url_or_path: str | Path) -> sa.Engine:
    """Return an engine whose tables exist.

    Args:
        url_or_path: A file (made with mode 0600 when missing), ``sqlite:///FILE`` or ``postgresql://…``.

    Raises:
        BadInput: It cannot be reached, is no database, or was written by a newer version.
    """
    url = _url(url_or_path)
    if url.get_backend_name() == "sqlite":
        engine = _sqlite(url)
    else:
        try:
            engine = sa.create_engine(url, pool_pre_ping=True)
        except ModuleNotFoundError as missing:
            raise BadInput(
                f"PostgreSQL needs the Python package {missing.name}: pip install 'sales-copilot[postgresql]'."
            ) from None
    try:
        _prepare(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextlib.contextmanager
def transaction(engine: sa.Engine, *, writes: bool) -> Iterator[sa.Connection]:
    """Run one transaction; on any error nothing of it stays.

    Raises:
        BadInput: The database is gone, full, locked for 10 s, or no database.
    """
    try:
        with engine.execution_options(writes=writes).begin() as connection:
            yield connection
    except exc.DBAPIError as error:
        # Only what the surroundings cause; a broken rule of ours (IntegrityError …) is a bug and travels up as it is.
        if type(error) not in (exc.OperationalError, exc.DatabaseError):
            raise
        reason = str(error.orig).strip().splitlines()[0]
        raise BadInput(
            f"The database {_name(engine.url)} cannot be used ({reason}); "
            "check that it can be reached and written, and that sales-copilot made it."
        ) from None


def forget_deleted(engine: sa.Engine) -> None:
    """Empty SQLite's write-ahead file, which still holds pages as they were before a deletion."""
    if engine.url.get_backend_name() != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _url(given: str | Path) -> sa.URL:
    if isinstance(given, Path) or "://" not in given:
        return sa.URL.create("sqlite", database=str(given))
    try:
        url = sa.make_url(given)
    except (exc.ArgumentError, ValueError):
        raise BadInput("The database URL cannot be read; write it as postgresql://user:password@host/name.") from None
    if url.drivername == "postgres":  # what hosting services print
        url = url.set(drivername="postgresql")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise BadInput(f"The database {_name(url)} is of no known kind; use a file, sqlite:///FILE or postgresql://….")
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _name(url: sa.URL) -> str:
    return url.database or "" if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database in (None, "", ":memory:"):
        raise BadInput("The database needs a file that stays, for instance workspace/copilot.db.")
    file = Path(str(url.database)).expanduser().absolute()
    if file.is_dir():
        raise BadInput(f"{file} is a folder; name a file for the database.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Only a missing file is opened here: closing a handle would drop this process's SQLite locks on the file.
        if not file.exists():
            with contextlib.suppress(FileExistsError):  # another process made it in the same moment
                os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        file.chmod(0o600)
    except OSError as error:
        raise BadInput(f"The database {file} cannot be opened ({error.strerror}); name another place.") from None
    engine = sa.create_engine(url.set(database=str(file)), connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver starts no transaction by itself: _begin does
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    # A writer takes its turn at the start: one that began by reading may fail at once, without waiting for the other.
    immediate = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _prepare(engine: sa.Engine) -> None:
    with transaction(engine, writes=False) as connection:
        found = _version(connection)
        # A new table alone is no new schema: older versions open the database as before and do not see it.
        whole = set(sa.inspect(connection).get_table_names()).issuperset(metadata.tables)
    if found is None or (found == SCHEMA_VERSION and not whole):
        with transaction(engine, writes=True) as connection:
            if engine.url.get_backend_name() == "postgresql":  # IF NOT EXISTS does not hold between two makers there
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MAKING)))
            metadata.create_all(connection)
            found = _version(connection)
            if found is None:  # else another process was faster
                start = [{"key": "schema_version", "value": str(SCHEMA_VERSION)}, {"key": "audit_head", "value": "0 "}]
                connection.execute(meta.insert(), start)
                found = SCHEMA_VERSION
    if found > SCHEMA_VERSION:
        raise BadInput(
            f"The database {_name(engine.url)} has schema {found} and this version of sales-copilot reads up to "
            f"{SCHEMA_VERSION}; update sales-copilot."
        )


def _version(connection: sa.Connection) -> int | None:
    if not sa.inspect(connection).has_table("meta"):
        return None
    found = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "schema_version"))
    return None if found is None else int(found)

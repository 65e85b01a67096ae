"""copilot.db keeps users, conversations, events and the audit, safely and for good."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from copilot.access import Principal
from copilot.errors import BadInput
from copilot.store import passwords
from copilot.store.database import Store, Turn

NOW = datetime(2026, 3, 9, 8, 30, 15, 250, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "copilot.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path, clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests about other things than hashing need no 46 MiB a user."""
    from argon2 import PasswordHasher

    light = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: light)


pytestmark = pytest.mark.usefixtures("cheap_hashes")


def turn(thread: str, username: str = "ana", **changes: Any) -> Turn:
    values: dict[str, Any] = {"asked_at": NOW, "question": "Who?", "answer": "Acme.", "rung": "rules"}
    return Turn(thread, username, **(values | changes))


def plain(path: Path, statement: str) -> list[Any]:
    """Run one statement past the store."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


# The file


def test_the_file_and_its_companions_are_for_the_owner_only(path: Path) -> None:
    before = os.umask(0)
    try:
        with Store.open(path) as store:
            store.add_user("ana", "rep")
            files = sorted(path.parent.iterdir())
            assert [f.name for f in files] == ["copilot.db", "copilot.db-shm", "copilot.db-wal"]
            assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    finally:
        os.umask(before)


def test_a_file_others_could_read_is_closed_to_them_on_opening(path: Path) -> None:
    Store.open(path).close()
    path.chmod(0o644)
    Store.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_connections_keep_references_and_overwrite_what_is_deleted(store: Store) -> None:
    with store.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "secure_delete", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 10_000}


def test_what_was_stored_is_there_after_reopening_also_by_url(path: Path) -> None:
    with Store.open(path) as store:
        password = store.add_user("ana", "rep", "R-1")
        assert password is not None
    with Store.open(f"sqlite:///{path}") as store:
        assert store.check_password("ana", password) == Principal("ana", "rep", "R-1")


def test_a_newer_schema_is_refused_in_one_sentence_and_left_alone(path: Path) -> None:
    Store.open(path).close()
    plain(path, "UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    with pytest.raises(BadInput, match=r"has schema 99 .* reads up to 1; update sales-copilot\.$"):
        Store.open(path)
    assert plain(path, "SELECT value FROM meta WHERE key = 'schema_version'") == [("99",)]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("sqlite://", "needs a file"),
        (":memory:", "needs a file"),
        ("mysql://u:hush@h/db", "of no known kind"),
        ("://", "cannot be read"),
        ("postgresql://u:hush@h:port/db", "cannot be read"),
        ("postgresql://u:hush@localhost:1/db", "PostgreSQL needs|cannot be used"),
        ("postgres://u:hush@localhost:1/db", "PostgreSQL needs|cannot be used"),
    ],
)
def test_a_place_that_is_no_database_is_named_without_its_password(place: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        Store.open(place)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_a_text_file_and_a_file_as_folder_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, however long one reads " * 100)
    with pytest.raises(BadInput, match="not a database"):
        Store.open(text)
    with pytest.raises(BadInput, match="is a folder"):
        Store.open(tmp_path)
    with pytest.raises(BadInput, match="cannot be opened"):
        Store.open(text / "copilot.db")


def test_every_table_can_be_made_on_postgresql() -> None:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    from copilot.store.tables import metadata

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    made = "".join(str(CreateTable(t).compile(dialect=dialect)) for t in metadata.sorted_tables)
    assert made.count("TIMESTAMP WITH TIME ZONE") == 14
    assert "ON DELETE CASCADE" in made


# Users


def test_a_new_user_gets_a_readable_one_time_password_that_is_not_kept(store: Store, path: Path) -> None:
    password = store.add_user("ana", "rep", "R-1")
    assert password is not None
    assert len(password) == 14
    assert not set(password) & set("0oO1lIi ")
    kept = plain(path, "SELECT password_hash FROM users")[0][0]
    assert kept.startswith("$argon2id$")
    assert password not in kept
    assert store.check_password("ana", password) == Principal("ana", "rep", "R-1")
    assert store.add_user("otto", "rep") != password


def test_adding_a_user_again_keeps_the_password_and_updates_the_rest(store: Store) -> None:
    password = store.add_user("mia", "rep", "R-2")
    assert password is not None
    assert store.add_user("mia", "manager", "R-9") is None
    assert store.check_password("mia", password) == Principal("mia", "manager", "R-9")


@pytest.mark.parametrize("name", ["", "Ana", "a b", "x" * 41, "ana\n", "ana\0", "ä", "a/b", "\ud800"])
def test_user_names_outside_the_rules_are_refused_and_never_found(store: Store, name: str) -> None:
    store.add_user("ana", "rep")
    with pytest.raises(BadInput, match="1 to 40 of a-z"):
        store.add_user(name, "rep")
    with pytest.raises(BadInput, match="There is no user"):
        store.principal(name)
    assert store.check_password(name, "x") is None


def test_an_unknown_role_is_refused_with_the_list_of_roles(store: Store) -> None:
    with pytest.raises(BadInput, match="rep, manager, analyst, admin"):
        store.add_user("ana", "boss")  # type: ignore[arg-type]
    assert store.users() == []


def test_an_unknown_user_is_refused_without_naming_others(store: Store) -> None:
    store.add_user("ana", "rep")
    with pytest.raises(BadInput) as caught:
        store.principal("anna")
    assert str(caught.value) == "There is no user 'anna'; `sales-copilot users` lists them."


def test_only_the_right_password_opens(store: Store) -> None:
    first = store.add_user("ana", "rep")
    assert first is not None
    store.set_password("ana", "Grüße an alle")
    assert store.check_password("ana", "Grüße an alle") == Principal("ana", "rep")
    for wrong in (first, "", "grüße an alle", "Grüße an alle ", "\ud800", "x" * 1_000_000):
        assert store.check_password("ana", wrong) is None


def test_an_umlaut_typed_as_two_characters_is_the_same_password(store: Store) -> None:
    store.add_user("ana", "rep")
    store.set_password("ana", "Gr\u00fc\u00dfe an alle")
    assert store.check_password("ana", "Gru\u0308\u00dfe an alle") is not None


@pytest.mark.parametrize("password", ["", "seven77", "x" * 201])
def test_too_short_and_too_long_passwords_are_refused(store: Store, password: str) -> None:
    store.add_user("ana", "rep")
    with pytest.raises(BadInput, match=f"this one has {len(password)}"):
        store.set_password("ana", password)


def test_an_unknown_user_costs_one_hash_check_as_a_known_one_does(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from argon2 import PasswordHasher

    checked: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            checked.append(str(hash).rsplit("$", 2)[0])
            return super().verify(hash, password)

    counting = Counting(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: counting)
    passwords._decoy.cache_clear()
    for name in ("ana", "removed"):
        store.add_user(name, "rep")
    store.remove_user("removed")
    for name in ("ana", "removed", "nobody", "NO BODY"):
        assert store.check_password(name, "a wrong password") is None
    passwords._decoy.cache_clear()
    assert len(checked) == 4
    assert len(set(checked)) == 1  # the same algorithm and parameters


def test_the_real_hashes_use_argon2id_with_at_least_the_least_advised_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the light hasher
    hashed = passwords.hash_password("long enough")
    assert hashed.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert passwords.matches("long enough", hashed)
    assert not passwords.outdated(hashed)


def test_a_hash_with_old_parameters_is_renewed_at_the_next_login(store: Store, path: Path) -> None:
    from argon2 import PasswordHasher

    store.add_user("ana", "rep")
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash("long enough")
    plain(path, f"UPDATE users SET password_hash = '{old}'")
    assert store.check_password("ana", "wrong one") is None
    assert plain(path, "SELECT password_hash FROM users") == [(old,)]
    for _ in range(2):
        assert store.check_password("ana", "long enough") is not None
    assert "$m=8,t=1,p=1$" in plain(path, "SELECT password_hash FROM users")[0][0]


def test_users_are_listed_by_name_without_secrets(store: Store) -> None:
    store.add_user("mia", "manager", "R-2")
    store.add_user("ada", "admin")
    store.remove_user("mia")
    assert store.users() == [
        {"username": "ada", "role": "admin", "rep_id": None, "created_at": NOW, "active": True},
        {"username": "mia", "role": "manager", "rep_id": "R-2", "created_at": NOW, "active": False},
    ]


def test_a_removed_user_is_out_and_an_import_does_not_let_them_in_again(store: Store) -> None:
    first = store.add_user("ana", "rep", "R-1")
    assert first is not None
    store.remove_user("ana")
    assert store.add_user("ana", "rep", "R-1") is None
    assert store.add_user("ana", "manager", "R-1") is None
    assert store.check_password("ana", first) is None
    for act in (store.principal, store.remove_user, lambda name: store.new_thread(name, NOW)):
        with pytest.raises(BadInput, match="There is no user 'ana'"):
            act("ana")
    second = store.add_user("ana", "rep", "R-1", restore=True)
    assert second is not None
    assert store.check_password("ana", first) is None
    assert store.check_password("ana", second) == Principal("ana", "rep", "R-1")


def test_removing_a_user_leaves_no_trace_of_their_conversations_in_the_files(store: Store, path: Path) -> None:
    store.add_user("ana", "rep")
    store.add_user("otto", "rep")
    mine, other = store.new_thread("ana", NOW), store.new_thread("otto", NOW)
    store.log_turn(turn(mine, question="ana-secret " * 1500, sources={"t1": {"shown": "ana-secret"}}))
    store.log_turn(turn(other, "otto", question="otto-stays"))

    def traces(marker: bytes) -> int:
        return sum(file.read_bytes().count(marker) for file in path.parent.iterdir())

    assert traces(b"ana-secret") > 1000
    store.remove_user("ana")
    assert traces(b"ana-secret") == 0
    assert [t.question for t in store.turns(other, "otto")] == ["otto-stays"]
    assert traces(b"otto-stays") > 0


# Conversations


def test_a_turn_comes_back_as_it_was_logged(store: Store) -> None:
    store.add_user("ana", "rep")
    thread = store.new_thread("ana", NOW)
    logged = turn(
        thread,
        question="Wer schrumpft? 📉 'DROP TABLE turns;--",
        answer="Größe: {{t1.rows[0].x}}",
        snapshot="20260309T083000Z-ab12",
        as_of=date(2026, 3, 8),
        tool_calls=[{"name": "rank_accounts", "arguments": {"limit": 5, "segment": "SMB"}, "ok": True}],
        sources={"t1.rows[0].x": {"value": 0.25, "shown": "25 %", "unit": "percent", "origin": "churn"}},
        clarify={"question": "Which?", "readings": ["a", "b"]},
        refused="Outside sales.",
        approval={"id": "P-1", "summary": "s", "expires": "2026-03-10"},
        timings_ms={"first": 3.5, "total": 12},
        accounts=["A-2", "A-1"],
    )
    assert store.log_turn(logged) == 1
    assert store.turns(thread, "ana") == [logged]


def test_what_is_left_out_of_a_turn_comes_back_empty(store: Store, path: Path) -> None:
    store.add_user("ana", "rep")
    thread = store.new_thread("ana", NOW)
    store.log_turn(turn(thread))
    assert store.turns(thread, "ana") == [turn(thread)]
    assert plain(path, "SELECT clarify IS NULL, approval IS NULL, refused IS NULL FROM turns") == [(1, 1, 1)]


def test_the_last_turns_come_oldest_first_and_threads_do_not_mix(store: Store) -> None:
    store.add_user("ana", "rep")
    one, two = store.new_thread("ana", NOW), store.new_thread("ana", NOW)
    assert one != two
    for number in range(25):
        store.log_turn(turn(one, question=str(number)))
    store.log_turn(turn(two, question="else"))
    assert [t.question for t in store.turns(one, "ana")] == [str(n) for n in range(5, 25)]
    assert [t.question for t in store.turns(one, "ana", limit=2)] == ["23", "24"]
    assert store.turns(one, "ana", limit=0) == store.turns(one, "ana", limit=-1) == []
    assert [t.question for t in store.turns(two, "ana")] == ["else"]


def test_questions_are_counted_for_who_is_tied_to_the_book(store: Store) -> None:
    for name, rep in (("ana", "R-1"), ("otto", "R-2"), ("noor", None)):
        store.add_user(name, "rep" if rep else "analyst", rep)
        for day in range(2 if name == "ana" else 1):
            at = NOW + timedelta(days=day)
            store.log_turn(turn(store.new_thread(name, at), name, asked_at=at))
    assert sorted(store.questions()) == [("R-1", NOW), ("R-1", NOW + timedelta(days=1)), ("R-2", NOW)]
    store.remove_user("ana")
    assert store.questions() == [("R-2", NOW)]


def test_anothers_thread_reads_exactly_as_one_that_does_not_exist(store: Store) -> None:
    for name in ("ana", "otto"):
        store.add_user(name, "rep")
    thread = store.new_thread("otto", NOW)
    store.log_turn(turn(thread, "otto"))
    for asked in (thread, "t-0000000000", "t-1", "", "\0\ud800"):
        expected = f"There is no conversation {asked!r} of yours."
        with pytest.raises(BadInput) as read:
            store.turns(asked, "ana")
        with pytest.raises(BadInput) as written:
            store.log_turn(turn(asked))
        assert str(read.value) == str(written.value) == expected
    assert len(store.turns(thread, "otto")) == 1


def test_hostile_texts_are_cleaned_and_cut(store: Store) -> None:
    store.add_user("ana", "rep")
    thread = store.new_thread("ana", NOW)
    nasty = "a\0b\ud83d\udcc9c\ud800d"  # NUL, a pair in two halves, a lone half
    calls = [{"name": "search_notes", "arguments": {"query\0": nasty, "limit": np.int64(3)}, "ok": None}]
    values = {"value": np.float64("nan"), "day": date(2026, 1, 2), "inf": float("inf"), "flag": np.bool_(True)}
    store.log_turn(turn(thread, question=nasty, answer="ä" * 1_000_000, tool_calls=calls, sources={"c": values}))
    kept = store.turns(thread, "ana")[0]
    assert kept.question == "ab📉c\ufffdd"
    assert kept.answer == "ä" * 19_999 + "…"
    assert kept.tool_calls == [{"name": "search_notes", "arguments": {"query": "ab📉c\ufffdd", "limit": 3}, "ok": None}]
    assert kept.sources == {"c": {"value": None, "day": "2026-01-02", "inf": None, "flag": True}}


def test_moments_are_kept_as_instants_and_need_a_time_zone(store: Store) -> None:
    store.add_user("ana", "rep")
    thread = store.new_thread("ana", NOW)
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    store.log_turn(turn(thread, asked_at=berlin))
    kept = store.turns(thread, "ana")[0].asked_at
    assert kept == NOW
    assert kept.utcoffset() == timedelta(0)
    with pytest.raises(BadInput, match="lacks a time zone"):
        store.log_turn(turn(thread, asked_at=NOW.replace(tzinfo=None)))


# Events and the audit


def test_events_come_back_by_kind_in_their_order(store: Store) -> None:
    assert store.log_event("ana", "feedback", "A-1", {"feedback": "accepted"}, NOW) == 1
    store.log_event("ana", "opened", "A-1", {}, NOW)
    store.log_event("mia", "feedback", "A-2", {"feedback": "snoozed", "reason": "a\0b"}, NOW)
    assert store.events("nothing") == []
    assert store.events("feedback") == [
        {"id": 1, "at": NOW, "username": "ana", "kind": "feedback", "subject": "A-1", "data": {"feedback": "accepted"}},
        {"id": 3, "at": NOW, "username": "mia", "kind": "feedback", "subject": "A-2",
         "data": {"feedback": "snoozed", "reason": "ab"}},
    ]  # fmt: skip
    with pytest.raises(BadInput, match="short names"):
        store.log_event("ana", "two words", "A-1", {}, NOW)


def test_each_audit_link_hashes_the_one_before(store: Store) -> None:
    def expected(number: int, before: str, *row: str) -> str:
        return hashlib.sha256(
            json.dumps([number, before, "2026-03-09T08:30:15.000250+00:00", *row]).encode()
        ).hexdigest()

    one = store.audit("ada", "import", "book/1", "ab12", NOW)
    two = store.audit("score", "score", "snapshots/1", "", NOW)
    assert one == expected(0, "", "ada", "import", "book/1", "ab12")
    assert two == expected(1, one, "score", "score", "snapshots/1", "")
    assert store.verify_audit()


def test_an_empty_chain_is_whole(store: Store) -> None:
    assert store.verify_audit()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET subject = 'book/9' WHERE link = 2",
        "UPDATE audit SET actor = 'eve' WHERE link = 1",
        "UPDATE audit SET at = '2020-01-01 00:00:00.000000' WHERE link = 3",
        "UPDATE audit SET digest = '00' WHERE link = 3",
        "DELETE FROM audit WHERE link = 1",
        "DELETE FROM audit WHERE link = 2",
        "DELETE FROM audit WHERE link = 3",
        "DELETE FROM audit",
        "UPDATE audit SET link = link + 10",
    ],
)
def test_the_audit_notices_a_changed_or_missing_link(store: Store, path: Path, tampering: str) -> None:
    for number in range(3):
        store.audit("ada", "train", f"models/{number}", "ff", NOW)
    assert store.verify_audit()
    plain(path, tampering)
    assert not store.verify_audit()


def test_the_audit_takes_ids_and_hashes_only(store: Store) -> None:
    for row in (("ada", "import", "Acme said no", ""), ("", "import", "book", ""), ("ada", "train", "m", "not hex")):
        with pytest.raises(BadInput, match="The audit takes"):
            store.audit(*row, NOW)
    with pytest.raises(BadInput, match="time zone"):
        store.audit("ada", "train", "m", "", NOW.replace(tzinfo=None))
    assert store.verify_audit()


def test_changes_of_users_are_audited_once_each(store: Store, path: Path) -> None:
    store.add_user("ana", "rep", "R-1", actor="ada")
    store.add_user("ana", "rep", "R-1", actor="ada")  # changes nothing
    store.add_user("ana", "manager", "R-1", actor="ada")
    store.set_password("ana", "long enough")
    store.remove_user("ana", actor="ada")
    assert plain(path, "SELECT actor, action, subject FROM audit ORDER BY link") == [
        ("ada", "add_user", "ana"),
        ("ada", "update_user", "ana"),
        ("ana", "set_password", "ana"),
        ("ada", "remove_user", "ana"),
    ]
    assert store.verify_audit()


def test_a_refused_change_leaves_nothing_behind(store: Store, path: Path) -> None:
    with pytest.raises(BadInput, match="The audit takes ids only"):
        store.add_user("ana", "rep", actor="not an id")
    assert store.users() == []
    assert plain(path, "SELECT count(*) FROM audit") == [(0,)]


# Several writers

WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from copilot.store.database import Store, Turn
path, name = sys.argv[1:]
now = datetime(2026, 3, 9, tzinfo=UTC)
sys.stdin.readline()  # both start at once, on a file that does not exist yet
with Store.open(path) as store:
    store.add_user(name, "rep")
    thread = store.new_thread(name, now)
    def write(number):
        store.log_turn(Turn(thread, name, now, str(number), "answer " * 200, "rules"))
        store.audit(name, "ask", thread, "", now)
        return len(store.turns(thread, name, limit=3))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(100)))
print(thread)
"""


def test_two_processes_with_four_threads_each_never_find_the_database_locked(path: Path) -> None:
    names = ("ana", "otto")
    root = Path(__file__).parents[2]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name],
            cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in names
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    ended = [writer.communicate(timeout=120) for writer in writers]
    assert [error for _, error in ended] == ["", ""]
    with Store.open(path) as store:
        for name, (thread, _) in zip(names, ended, strict=True):
            questions = [t.question for t in store.turns(thread.strip(), name, limit=500)]
            assert sorted(questions, key=int) == [str(n) for n in range(100)]
        assert store.verify_audit()
    assert plain(path, "SELECT count(*) FROM audit") == [(202,)]

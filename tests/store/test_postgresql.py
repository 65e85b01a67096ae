"""The store's own tests once more, on a PostgreSQL server that this module starts and stops."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from copilot.store import sessions
from copilot.store.database import Store
from copilot.store.tables import metadata
from tests.store.test_proposals import (  # noqa: F401  # collected here, on this module's ``store``
    test_arguments_changed_behind_our_back_are_seen,
    test_it_is_intact_after_the_database,
    test_of_many_that_settle_at_once_one_does,
    test_removing_a_user_removes_what_they_proposed,
    test_what_was_proposed_is_found_by_its_owner_alone,
)
from tests.store.test_store import (  # noqa: F401
    NOW,
    cheap_hashes,
    test_a_removed_user_is_out_and_an_import_does_not_let_them_in_again,
    test_a_turn_comes_back_as_it_was_logged,
    test_adding_a_user_again_keeps_the_password_and_updates_the_rest,
    test_an_empty_chain_is_whole,
    test_anothers_thread_reads_exactly_as_one_that_does_not_exist,
    test_each_audit_link_hashes_the_one_before,
    test_events_come_back_by_kind_in_their_order,
    test_hostile_texts_are_cleaned_and_cut,
    test_moments_are_kept_as_instants_and_need_a_time_zone,
    test_only_the_right_password_opens,
    test_questions_are_counted_for_who_is_tied_to_the_book,
    test_the_audit_takes_ids_and_hashes_only,
    test_the_last_turns_come_oldest_first_and_threads_do_not_mix,
    test_users_are_listed_by_name_without_secrets,
)

pytestmark = pytest.mark.usefixtures("cheap_hashes")
PEOPLE = ("ana", "otto")  # whom the tests of proposals expect


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server of its own in a new folder, reached by a socket there; without one the tests are skipped, not in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    binaries = found[-1].parent if found else Path(shutil.which("initdb") or "/nowhere/initdb").parent
    if not (binaries / "initdb").exists():
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is missing; `make postgresql` installs it.")
        pytest.skip("PostgreSQL is not installed; `make postgresql` installs it.")
    home = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has some hundred letters
    # The server refuses to run as root.
    whose = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if whose:
        shutil.chown(home, "postgres")

    def run(*command: str) -> None:
        subprocess.run([*whose, *command], check=True, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    data = str(home / "data")
    run(str(binaries / "initdb"), "-D", data, "-U", "copilot", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-k {home} -c listen_addresses='' -c fsync=off -c timezone=America/New_York"
    run(str(binaries / "pg_ctl"), "-D", data, "-o", options, "-l", str(home / "log"), "-w", "start")
    yield f"postgresql://copilot@/postgres?host={home}"
    run(str(binaries / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(home)


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """The same server with nothing in it."""
    yield server
    engine = sa.create_engine(server.replace("postgresql:", "postgresql+psycopg:"))
    metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def store(url: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    """The store on the server."""
    with Store.open(url, clock=lambda: NOW) as opened:
        if request.function.__module__.endswith("test_proposals"):
            for name in PEOPLE:
                opened.add_user(name, "rep")
        yield opened


def test_a_session_holds_and_ends_with_its_user(store: Store) -> None:
    store.add_user("ana", "rep", "R-ana")
    token = sessions.begin(store, "ana", NOW)
    found = sessions.resume(store, token, NOW)
    assert found is not None
    assert found.rep_id == "R-ana"
    store.remove_user("ana")
    assert sessions.resume(store, token, NOW) is None


def test_four_threads_of_two_stores_write_one_unbroken_chain(url: str) -> None:
    with Store.open(url, clock=lambda: NOW) as one, Store.open(url, clock=lambda: NOW) as other:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: (one, other)[n % 2].audit("setup", "train", f"m-{n}", "", NOW), range(40)))
        assert one.verify_audit()
        with one.engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM audit")) == 40
        with one.engine.begin() as connection:
            connection.execute(sa.text("UPDATE audit SET subject = 'm-x' WHERE link = 7"))
        assert not other.verify_audit()


def test_two_processes_may_make_the_tables_at_the_same_moment(url: str) -> None:
    def opened(_: int) -> int:
        with Store.open(url, clock=lambda: NOW) as store:
            return len(store.users())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, range(4))) == [0] * 4


def test_a_newer_schema_is_refused_without_the_password(url: str) -> None:
    from copilot.errors import BadInput

    with Store.open(url, clock=lambda: NOW) as store, store.engine.begin() as connection:
        connection.execute(sa.text("UPDATE meta SET value = '99' WHERE key = 'schema_version'"))
    with pytest.raises(BadInput, match="schema 99"):
        Store.open(url.replace("copilot@", "copilot:hush@"))

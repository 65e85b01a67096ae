"""Proposals are data: one owner, one way through their states, each step once and with its link in the audit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from copilot.errors import BadInput
from copilot.store.database import Store
from copilot.store.proposals import LASTS, Proposal, advance, find, propose

NOW = datetime(2026, 7, 1, 8, tzinfo=UTC)
CALL = {"name": "record_feedback", "arguments": {"account": "A-1", "feedback": "done", "reason": "met\x00 today"}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "copilot.db", clock=lambda: NOW) as opened:
        for name in ("ana", "otto"):
            opened.add_user(name, "rep")
        yield opened


def made(store: Store) -> Proposal:
    return propose(store, "ana", [CALL], "Acme is done.", "S", NOW)


def test_what_was_proposed_is_found_by_its_owner_alone(store: Store) -> None:
    kept = made(store)
    assert kept.name == "P-1"
    assert kept.expires_at == NOW + LASTS
    found = find(store, " p-1", "ana")
    assert (found.calls[0]["arguments"]["account"], found.status, found.summary) == ("A-1", "waiting", "Acme is done.")
    said = []
    for name, user in (("P-1", "otto"), ("P-2", "ana"), ("P-1; --", "ana"), ("P-999999999", "ana"), ("", "ana")):
        with pytest.raises(BadInput) as refused:
            find(store, name, user)
        said.append(str(refused.value).replace(repr(name), "X"))
    assert len(set(said)) == 1


def test_arguments_changed_behind_our_back_are_seen(store: Store) -> None:
    kept = made(store)
    assert kept.intact
    assert not replace(kept, username="otto").intact
    assert not replace(kept, snapshot="T").intact
    other = {"name": CALL["name"], "arguments": {"account": "A-2"}}
    assert not replace(kept, calls=[other]).intact


def test_it_is_intact_after_the_database(store: Store) -> None:
    """Also where a text had to be cleaned on its way in."""
    made(store)
    assert find(store, "P-1", "ana").intact


def test_of_many_that_settle_at_once_one_does(store: Store) -> None:
    kept = made(store)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: advance(store, kept, "running", NOW), range(8)))
    assert sorted(done) == [False] * 7 + [True]
    assert not advance(store, kept, "rejected", NOW)
    running = find(store, "P-1", "ana")
    assert advance(store, running, "approved", NOW + timedelta(seconds=1), undo=[{"event": 3}], outcome="Noted.")
    assert not advance(store, running, "waiting", NOW)
    found = find(store, "P-1", "ana")
    assert (found.status, found.undo, found.outcome) == ("approved", [{"event": 3}], "Noted.")
    assert store.verify_audit()


def test_removing_a_user_removes_what_they_proposed(store: Store) -> None:
    made(store)
    store.remove_user("ana")
    with pytest.raises(BadInput):
        find(store, "P-1", "ana")

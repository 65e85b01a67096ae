"""What compaction lets go nothing reads again: values, joins and what was learned are the same before and after."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from copilot.bandit.compaction import KEPT, compact
from copilot.bandit.compare import rewarded
from copilot.bandit.feedback import ingest
from copilot.bandit.records import Asked
from copilot.bandit.store import Store
from tests.bandit.crash import LATER, NOW, UNSEEN, fresh, killed, unseen, work


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty decisions with their rewards, a snoozed one, an alert without a word, a shown one, and unseen ones."""
    work(tmp_path / "b")
    with Store(tmp_path / "b", fresh) as store:
        unseen(store)
        store.decide_all([Asked(name, [0.1, 0.2], about={"alerted": name == "alert"}) for name in NAMED], NOW)
        ingest(store, [{"decision_id": "snoozed", "feedback": "snoozed", "at": "2026-07-02T00:00:00Z"}], NOW)
        store.show(["shown"], NOW)
    return tmp_path / "b"


NAMED = ("snoozed", "alert", "shown")


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with Store(folder, fresh) as found:
        yield found


def test_only_old_decisions_that_nobody_saw_or_answered_are_let_go(store: Store) -> None:
    before, size, values = set(store.status), store.decisions.end, rewarded(store)
    store.decide_all([Asked("young", [0.0, 0.0], about={"alerted": False})], LATER)
    assert compact(store, NOW + KEPT) == 0
    assert compact(store, LATER, keep={"u0"}) == UNSEEN - 1
    assert set(store.status) == before - {f"u{i}" for i in range(1, UNSEEN)} | {"young"}
    assert store.decisions.end < size
    assert rewarded(store).equals(values)
    assert [record["id"] for _, record in store.decisions.read()] == list(store.status)
    assert all(store.decisions.record(known.position)["id"] == name for name, known in store.status.items())


def test_a_log_is_not_rewritten_for_little(store: Store) -> None:
    most = {f"u{i}" for i in range(15)}
    assert compact(store, LATER, keep=most) == 0  # 5 of 53
    assert compact(store, LATER, keep=most - {"u0"}) == 6


def test_late_feedback_joins_what_was_kept_and_is_set_aside_where_it_was_not(store: Store) -> None:
    compact(store, LATER)
    at = LATER.isoformat()
    events = [{"decision_id": name, "feedback": "accepted", "at": at} for name in (*NAMED, "u3")]
    found = ingest(store, events, LATER)
    assert (found.learned, dict(found.aside)) == (3, {"unknown": 1})


def test_what_was_learned_is_learned_again_from_a_compacted_log(folder: Path) -> None:
    with Store(folder, fresh) as store:
        compact(store, LATER)
        expected = store.policy.scores([0.3, 0.3])[0]
    (folder / "state.npz").unlink()
    with Store(folder, fresh) as store:
        assert store.policy.seen == 30
        assert store.policy.scores([0.3, 0.3])[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("where", ["writes", "switches", "saves"])
def test_killed_in_the_middle_it_has_let_go_of_all_or_none(where: str, folder: Path) -> None:
    with Store(folder, fresh) as store:
        before, values = list(store.status), rewarded(store)
    killed(folder, f"compaction {where}")
    assert (folder / ".decisions.log.draft").exists() == (where != "saves")
    with Store(folder, fresh) as store:
        gone = {f"u{i}" for i in range(UNSEEN)} if where == "saves" else set()
        assert list(store.status) == [name for name in before if name not in gone]
        assert rewarded(store).equals(values)
        assert store.policy.seen == 30
        assert not list(folder.glob(".*.draft"))
        assert compact(store, LATER + timedelta(days=1)) == UNSEEN - len(gone)

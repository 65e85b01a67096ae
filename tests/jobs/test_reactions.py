"""Which reactions of a rep still count when a week is planned."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from copilot.access import EVERYTHING
from copilot.data.snapshot import Snapshot, open_snapshot
from copilot.data.workspace import Workspace
from copilot.jobs.feedback import EVENT
from copilot.jobs.reactions import answered, note, take_back
from copilot.store.database import Store
from tests.conftest import NOW

BEGAN = datetime(2026, 6, 30, tzinfo=UTC)  # the day on which the tiny book's worklists begin


@pytest.fixture
def store(tiny: Workspace, tmp_path: Path) -> Iterator[Store]:
    with Store.open(shutil.copy(tiny.database, tmp_path / "copilot.db")) as opened:
        yield opened


@pytest.fixture
def snapshot(tiny: Workspace) -> Snapshot:
    return open_snapshot(tiny)


def worked_on(snapshot: Snapshot) -> list[str]:
    plan = snapshot.scores("plan", EVERYTHING)
    return list(plan.loc[plan["rep_id"] == "R-ana", "account_id"])


def test_the_last_word_on_the_action_shown_counts_and_having_opened_it_is_none(
    store: Store, snapshot: Snapshot
) -> None:
    ana, (one, two, three, *_) = store.principal("ana"), worked_on(snapshot)
    assert answered(store, snapshot, EVERYTHING) == {}
    for account, word in ((one, "dismissed"), (two, "snoozed"), (two, "opened"), (three, "done"), (one, "accepted")):
        last = note(store, snapshot, EVERYTHING, ana, account, word, NOW)
    assert answered(store, snapshot, EVERYTHING) == {one: "accepted", two: "snoozed", three: "done"}
    take_back(store, ana, one, last, NOW)
    assert answered(store, snapshot, EVERYTHING) == {one: "dismissed", two: "snoozed", three: "done"}


def test_of_an_earlier_nights_action_done_counts_since_the_list_began_and_no_other_word(
    store: Store, snapshot: Snapshot
) -> None:
    one, two, three, *_ = worked_on(snapshot)
    day = timedelta(days=1)
    for account, word, at in (
        (one, "done", BEGAN + day),
        (two, "dismissed", BEGAN + day),
        (three, "done", BEGAN - day),
    ):
        store.log_event("ana", EVENT, account, {"decision_id": f"{account}@before", "feedback": word}, at)
    assert answered(store, snapshot, EVERYTHING) == {one: "done"}

"""The folder that outlives a crash: killed anywhere, it comes back whole; one writer at a time."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from copilot.bandit.feedback import ingest
from copilot.bandit.logfile import LogFile
from copilot.bandit.policy import Policy
from copilot.bandit.store import Store
from copilot.errors import BadInput

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
WORDS = ("clicked", "dismissed", "no_click")


def fresh() -> Policy:
    return Policy(["boost", "prevent", "upsell"], 2, kind="linear", rng=np.random.default_rng(1))


def batch(k: int) -> list[dict[str, str]]:
    return [
        {"decision_id": f"d{k}-{i}", "feedback": WORDS[(k + i) % 3], "at": f"2026-07-02T0{i}:00:00Z"} for i in range(5)
    ]


def work(folder: Path, batches: range) -> None:
    """Decide and learn, five decisions a batch."""
    with Store(folder, fresh) as store:
        for k in batches:
            for i in range(5):
                store.decide(f"d{k}-{i}", [k / 9, i / 5], NOW)
            ingest(store, batch(k), NOW)


CHILD = """
import os, sys
from pathlib import Path
from copilot.bandit import posterior, saving
from tests.bandit.test_store import work
folder, where, calls = Path(sys.argv[1]), sys.argv[2], 0

def dying(function, at):
    def call(*args, **options):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), 9)
        return function(*args, **options)
    return call

if where == "update":
    posterior.Posterior.updated = dying(posterior.Posterior.updated, 13)
elif where == "switch":
    saving.os.replace = dying(os.replace, 3)
elif where == "flush":
    os.fsync = dying(os.fsync, 20)
work(folder, range(6))
"""


@pytest.mark.parametrize("where", ["update", "switch", "flush"])
def test_killed_anywhere_it_loses_nothing_and_counts_nothing_twice(where: str, tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path / "b"), where], cwd=ROOT, check=False)
    assert run.returncode == -signal.SIGKILL
    said = [record for _, record in LogFile(tmp_path / "b" / "feedback.log").read()]
    with Store(tmp_path / "b", fresh) as store:
        assert store.policy.seen == len(said) > 0
        assert len({record["id"] for record in said}) == len(said)
        # What it knows is what one uninterrupted pass over the logs teaches.
        made = {record["id"]: record for _, record in store.decisions.read()}
        clean = fresh()
        for record in said:
            one = made[record["id"]]
            reward = {"DEEP_LINK_CLICKED": 1.0, "NOTIFICATION_DISMISSED": -1.0, "NO_CLICK": 0.0}[record["feedback"]]
            clean.update(one["x"], one["arm"], reward)
        assert store.policy.scores([0.3, 0.3])[0] == pytest.approx(clean.scores([0.3, 0.3])[0], abs=1e-12)
        # The sender knows nothing of the crash and sends all again: only what is missing counts.
        for k in range(6):
            for i in range(5):
                store.decide(f"d{k}-{i}", [k / 9, i / 5], NOW)
            ingest(store, batch(k), NOW)
        assert store.policy.seen == 30
    with Store(tmp_path / "b", fresh) as store:
        assert store.policy.seen == 30
        assert {known.feedback for known in store.status.values()} == {
            "DEEP_LINK_CLICKED",
            "NOTIFICATION_DISMISSED",
            "NO_CLICK",
        }


def test_a_line_torn_by_a_crash_is_taken_away_and_the_rest_read(tmp_path: Path) -> None:
    work(tmp_path, range(1))
    with (tmp_path / "decisions.log").open("ab") as file:
        file.write(b'1234abcd {"id":"half')
    with Store(tmp_path, fresh) as store:
        assert len(store.status) == 5
        store.decide("next", [0.0, 0.0], NOW)
    with Store(tmp_path, fresh) as store:
        assert set(store.status) >= {"next", "d0-0"}


def test_a_line_changed_in_the_middle_is_noticed(tmp_path: Path) -> None:
    work(tmp_path, range(1))
    text = (tmp_path / "feedback.log").read_bytes()
    (tmp_path / "feedback.log").write_bytes(text.replace(b"DISMISSED", b"dismissed", 1))
    with pytest.raises(BadInput, match=r"feedback.log is damaged at byte"):
        Store(tmp_path, fresh)


def test_a_second_writer_is_told_to_wait(tmp_path: Path) -> None:
    with Store(tmp_path, fresh), pytest.raises(BadInput, match="Another process"):
        Store(tmp_path, fresh, wait=0.05)
    Store(tmp_path, fresh, wait=0.05).close()


def test_each_decision_is_logged_with_its_propensity_and_asked_again_stays_the_same(tmp_path: Path) -> None:
    with Store(tmp_path, fresh) as store:
        first = store.decide("r1", [0.1, 0.2], NOW, suggested="upsell", about={"account_id": "A1"})
        assert store.decide("r1", [9.0, 9.0], NOW) == first
        [(_, record)] = list(store.decisions.read())
    assert record["propensity"] == first.propensity > 0
    assert (record["arm"], record["suggested"], record["x"]) == (first.arm, "upsell", [0.1, 0.2])
    assert record["about"] == {"account_id": "A1"}


def test_a_moment_without_a_zone_or_an_empty_id_is_refused(tmp_path: Path) -> None:
    with Store(tmp_path, fresh) as store:
        with pytest.raises(BadInput, match="no time zone"):
            store.decide("r1", [0.1, 0.2], NOW.replace(tzinfo=None))
        with pytest.raises(BadInput, match="needs an id"):
            store.decide("", [0.1, 0.2], NOW)
        assert store.decisions.end == 0

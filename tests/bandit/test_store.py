"""The folder that outlives a crash: killed anywhere, it comes back whole; one writer at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.bandit.feedback import ingest
from copilot.bandit.logfile import LogFile
from copilot.bandit.store import Store
from copilot.errors import BadInput
from tests.bandit.crash import BATCHES, NOW, batch, fresh, killed, work


@pytest.mark.parametrize("where", ["update", "switch", "flush"])
def test_killed_anywhere_it_loses_nothing_and_counts_nothing_twice(where: str, tmp_path: Path) -> None:
    killed(tmp_path / "b", where)
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
        for k in range(BATCHES):
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


@pytest.mark.parametrize("name", ["decisions.log", "feedback.log"])
@pytest.mark.parametrize("harm", ["a whole line", "half a line", "all lines", "the file", "a byte of the last line"])
def test_a_log_that_once_was_longer_is_refused_as_it_is_and_read_again_when_restored(
    name: str, harm: str, tmp_path: Path
) -> None:
    work(tmp_path, range(1))
    log = tmp_path / name
    whole = log.read_bytes()
    lines = whole.splitlines(keepends=True)
    log.write_bytes({
        "a whole line": b"".join(lines[:-1]),
        "half a line": whole[:-40],
        "all lines": b"",
        "the file": b"",
        "a byte of the last line": whole[:-3] + b"!" + whole[-2:],
    }[harm])  # fmt: skip
    if harm == "the file":
        log.unlink()
    left = log.read_bytes() if log.exists() else None
    with pytest.raises(BadInput, match=rf"{name} is damaged.*restore it from a backup, or move the folder"):
        Store(tmp_path, fresh)
    assert (log.read_bytes() if log.exists() else None) == left  # what is left of it may be mended by hand
    log.write_bytes(whole)
    with Store(tmp_path, fresh) as store:
        assert store.policy.seen == len(store.status) == 5


def test_a_damaged_state_is_learned_anew_when_it_was_moved_away(tmp_path: Path) -> None:
    work(tmp_path, range(2))
    with Store(tmp_path, fresh) as store:
        expected = store.policy.scores([0.3, 0.3])[0]
    state = tmp_path / "state.npz"
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(BadInput, match=r"state.npz is damaged.*move it away"):
        Store(tmp_path, fresh)
    state.rename(tmp_path / "state.bad")
    with Store(tmp_path, fresh) as store:
        assert store.policy.seen == 10
        assert store.policy.scores([0.3, 0.3])[0] == pytest.approx(expected, abs=1e-12)


def test_without_its_state_a_log_that_lost_decisions_is_refused(tmp_path: Path) -> None:
    work(tmp_path, range(1))
    (tmp_path / "state.npz").unlink()
    (tmp_path / "decisions.log").unlink()
    with pytest.raises(BadInput, match=r"lacks a decision"):
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

"""Feedback late, twice, astray or unreadable: each event joins its decision once or is kept and counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.bandit.feedback import expire, ingest
from copilot.bandit.policy import Policy
from copilot.bandit.store import Store
from copilot.errors import BadInput

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def fresh() -> Policy:
    return Policy(["boost", "prevent", "upsell"], 2, kind="linear", rng=np.random.default_rng(1))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "bandit", fresh) as found:
        for i in range(4):
            found.decide(f"r{i}", [i / 4, 1.0], NOW)
        yield found


def event(name: str, feedback: str, day: int = 1, **more: Any) -> dict[str, Any]:
    return {"decision_id": name, "feedback": feedback, "at": (NOW + day * DAY).isoformat(), **more}


def rewards(store: Store) -> list[float]:
    return store.policy._history.rows().reward.tolist()


def test_the_words_of_the_papers_and_of_the_product_reward_alike(store: Store) -> None:
    found = ingest(
        store, [event("r0", "DEEP_LINK_CLICKED"), event("r1", "opened"), event("r2", "Dismissed")], NOW + DAY
    )
    assert (found.learned, found.noted, dict(found.aside)) == (3, 0, {})
    assert rewards(store) == [1.0, 1.0, -1.0]


def test_a_decision_is_rewarded_once(store: Store) -> None:
    ingest(store, [event("r0", "accepted")], NOW + DAY)
    found = ingest(store, [event("r0", "accepted"), event("r0", "opened", 2), event("r0", "dismissed", 3)], NOW + DAY)
    assert (found.learned, dict(found.aside)) == (0, {"duplicate": 3})
    assert rewards(store) == [1.0]
    assert sum(1 for _ in store.aside.read()) == 3


def test_snoozed_and_done_are_noted_and_reward_nothing(store: Store) -> None:
    found = ingest(store, [event("r0", "snoozed"), event("r1", "done")], NOW + DAY)
    assert (found.learned, found.noted) == (0, 2)
    assert rewards(store) == []


def test_silence_counts_as_no_click_after_the_time_out_and_a_snooze_begins_it_anew(store: Store) -> None:
    ingest(store, [event("r0", "snoozed", 5), event("r1", "clicked")], NOW + 5 * DAY)
    assert expire(store, NOW + 6 * DAY, after=7 * DAY) == 0
    assert expire(store, NOW + 8 * DAY, after=7 * DAY) == 2
    assert store.status["r0"].feedback is None
    assert expire(store, NOW + 12 * DAY, after=7 * DAY) == 1
    assert rewards(store) == [1.0, 0.0, 0.0, 0.0]


def test_a_click_after_the_time_out_joins_its_decision_and_replaces_the_silence(store: Store) -> None:
    expire(store, NOW + 8 * DAY)
    found = ingest(store, [event("r1", "clicked", 20)], NOW + 20 * DAY)
    assert (found.learned, found.aside) == (1, {})
    assert sorted(rewards(store)) == [0.0, 0.0, 0.0, 1.0]
    assert store.policy.seen == 4


def test_an_unknown_decision_waits_aside_until_it_is_known(store: Store) -> None:
    early = event("later", "clicked")
    assert dict(ingest(store, [early], NOW + DAY).aside) == {"unknown": 1}
    assert dict(ingest(store, [early], NOW + DAY).aside) == {"duplicate": 1}
    store.decide("later", [0.0, 0.0], NOW + DAY)
    assert ingest(store, [], NOW + 2 * DAY).learned == 1
    assert ingest(store, [], NOW + 2 * DAY).learned == 0
    store.close()
    with Store(store.folder, fresh) as again:
        assert again.status["later"].feedback == "DEEP_LINK_CLICKED"
        assert ingest(again, [], NOW + 3 * DAY).learned == 0
        assert again.policy.seen == 1


@pytest.mark.parametrize(
    "bad",
    [
        {"feedback": "clicked"},
        {"decision_id": "r0", "feedback": "liked"},
        {"decision_id": "r0", "feedback": None},
        {"decision_id": "r0", "feedback": "clicked", "at": "yesterday"},
        {"decision_id": None, "feedback": "clicked", "at": float("nan")},
        {"decision_id": ["r0"], "feedback": {"a": 1}, "at": 7},
    ],
)
def test_what_cannot_be_read_is_kept_word_for_word(store: Store, bad: dict[str, Any]) -> None:
    found = ingest(store, [bad, event("r1", "clicked")], NOW + DAY)
    assert (found.learned, dict(found.aside)) == (1, {"unreadable": 1})
    [(_, kept)] = list(store.aside.read())
    assert set(kept["event"]) == set(bad)


def test_a_frame_and_both_kinds_of_file_are_read(store: Store, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"recommendation_id": ["r0"], "feedback": ["dismissed"], "event_ts": [pd.Timestamp("2026-07-02")]}
    )
    assert ingest(store, frame, NOW + DAY).learned == 1
    (tmp_path / "f.csv").write_text("decision_id,feedback,at\nr1,clicked,2026-07-02\n", encoding="utf-8")
    assert ingest(store, tmp_path / "f.csv", NOW + DAY).learned == 1
    lines = [json.dumps(event("r2", "clicked")), "no json", "[]", ""]
    (tmp_path / "f.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = ingest(store, tmp_path / "f.jsonl", NOW + DAY)
    assert (found.learned, dict(found.aside)) == (1, {"unreadable": 2})
    assert str(found) == "1 learned, 0 noted, kept aside: 2 unreadable."


def test_a_file_that_cannot_be_read_changes_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_bytes(b"\xff\xfe\x00broken")
    for name in ("none.csv", "none.jsonl", "f.jsonl"):
        with pytest.raises(BadInput, match="cannot be read as feedback"):
            ingest(store, tmp_path / name, NOW)
    with pytest.raises(BadInput, match="comes as records"):
        ingest(store, ["r0"], NOW)  # type: ignore[list-item]
    assert store.feedback.end == 0


def test_no_event_is_lost_whatever_the_order_of_the_batches(store: Store) -> None:
    events = [event(f"r{i % 6}", word, i) for i, word in enumerate(["clicked", "snoozed", "junk", "dismissed"] * 5)]
    total = {"learned": 0, "noted": 0, "aside": 0}
    for part in (events[13:], events[:5], events[5:13]):
        found = ingest(store, part, NOW + 9 * DAY)
        total = {
            "learned": total["learned"] + found.learned,
            "noted": total["noted"] + found.noted,
            "aside": total["aside"] + sum(found.aside.values()),
        }
    assert sum(total.values()) == len(events)
    assert total["learned"] == store.policy.seen

"""The nightly draw of actions: Algorithm 1 first, honest chances, each reaction once, and nothing lost in a crash."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.access import Principal
from copilot.agent.scope import scope_of
from copilot.bandit.compare import compare, rewarded
from copilot.bandit.contexts import ACTIONS
from copilot.bandit.lead import FLOOR, LEAD_REWARDS, chances
from copilot.bandit.policy import Policy
from copilot.data.book import conform
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Draft, Workspace
from copilot.errors import TryAgain
from copilot.jobs.bandit import COLUMNS, Tonight, tonight
from copilot.jobs.feedback import CaughtUp, catch_up, folder, opened
from copilot.jobs.reactions import note
from copilot.jobs.score import score
from copilot.store.database import Store as Database

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ROOT = Path(__file__).resolve().parents[2]
N = 60  # accounts; every third belongs to the second rep, and a touch would harm the last one
TOLD = 12  # of the book's own alerts; the first eight have feedback


def book_of(root: Path, *, history: bool) -> Workspace:
    """Write a book of accounts and two reps, with earlier alerts and feedback where ``history``."""
    stamp = {"event_ts": "2026-01-01", "known_ts": "2026-01-01"}
    names = [f"A{k:02}" for k in range(N)]
    tables = {
        "accounts": pd.DataFrame({"account_id": names, "name": names, "segment": "SMB", **stamp})
        .assign(owner_rep_id=[f"R{1 + (k % 3 == 2)}" for k in range(N)]),
        "reps": pd.DataFrame({"rep_id": ["R1", "R2"], "name": ["Ana", "Otto"], "role": "rep", **stamp}),
    }  # fmt: skip
    if history:
        made = [f"old{k}" for k in range(TOLD)]
        day = {"event_ts": "2026-05-01", "known_ts": "2026-05-01"}
        tables["recommendations"] = pd.DataFrame(
            {"recommendation_id": made, "account_id": names[:TOLD], "rep_id": "R1", "action": ACTIONS[0], **day}
        )
        tables["feedback"] = pd.DataFrame(
            {"recommendation_id": made[:8], "feedback": ["accepted", "dismissed"] * 4}
            | {"event_ts": "2026-05-03", "known_ts": "2026-05-03"}
        )
    workspace = Workspace(root)
    frames = {name: conform(name, frame) for name, frame in tables.items()}
    workspace.write_book(Draft("test", "USD", date(2026, 6, 30), frames, {}, {}), NOW)
    return workspace


def scored() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the accounts as ``score`` hands them on, the last one without an action, and the worklists."""
    frame = pd.DataFrame(
        {
            "owner_rep_id": [f"R{1 + (k % 3 == 2)}" for k in range(N)],
            "action": [ACTIONS[k % 3] for k in range(N - 1)] + [None],
            "uplift_usd": np.linspace(-50, 500, N),
            "growth_usd": np.nan,
            "engagement_change": np.linspace(-9, 9, N),
        },
        index=pd.Index([f"A{k:02}" for k in range(N)], name="account_id"),
    )
    return frame, pd.DataFrame({"account_id": frame.index[:20]})


def night(workspace: Workspace, now: datetime, *, of: str = "R1") -> Tonight:
    """Draw the actions and publish them, as ``score`` does; ``of`` owns the first account."""
    with workspace.writing():
        accounts, plan = scored()
        accounts.loc["A00", "owner_rep_id"] = of
        found = tonight(workspace, workspace.book(), accounts, plan, now)

        def fill(place: Path) -> dict[str, object]:
            found.actions.to_parquet(place / "actions.parquet")
            return {"book": workspace.book().path.name, "bandit": found.about}

        workspace.publish("snapshots", fill, now)
    return found


def caught(workspace: Workspace, now: datetime, file: Path | None = None) -> CaughtUp:
    with workspace.writing(), opened(workspace, workspace.book()) as bandit:
        return catch_up(bandit, workspace, now, file=file)


@pytest.fixture
def cold(tmp_path: Path) -> Workspace:
    """A book without recommendations and feedback."""
    return book_of(tmp_path / "w", history=False)


def test_reactions_to_alerts_older_than_a_policy_remembers_are_left_in_the_book(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.jobs.feedback.KEPT", TOLD - 3)
    found = caught(book_of(tmp_path / "w", history=True), NOW)
    assert (found.learned, found.aside.total()) == (8 - 3, 0)


def test_without_feedback_actions_are_algorithm_1s_but_for_the_floor_and_it_says_so(cold: Workspace) -> None:
    found = night(cold, NOW)
    actions = found.actions
    assert tuple(actions) == COLUMNS
    same = actions["action"] == actions["heuristic_action"]
    assert actions["propensity"][same].to_numpy() == pytest.approx(1 - FLOOR * 2 / 3)
    assert actions["propensity"][~same].to_numpy() == pytest.approx(FLOOR / 3)
    assert same.mean() > 0.85
    assert "Algorithm 1's own choice" in found.said[0]
    assert "nobody has reacted" in found.said[0]


def test_where_algorithm_1_would_not_touch_no_action_is_drawn(cold: Workspace) -> None:
    assert set(night(cold, NOW).actions["account_id"]) == {f"A{k:02}" for k in range(N - 1)}


def test_actions_are_drawn_with_the_chances_that_are_logged() -> None:
    rng = np.random.default_rng(3)
    policy = Policy(ACTIONS, 2, kind="linear", rng=rng, epsilon=FLOOR)
    for k in range(LEAD_REWARDS // 2):
        policy.update(rng.normal(size=2), ACTIONS[k % 3], float(k % 3 == 0), suggested=ACTIONS[1])
    [odds] = chances(policy, [[0.2, -0.1]], [ACTIONS[1]])
    drawn = [policy.draw(odds) for _ in range(6_000)]
    assert all(one.propensity == odds[ACTIONS.index(str(one.arm))] for one in drawn)
    share = [np.mean([one.arm == arm for one in drawn]) for arm in ACTIONS]
    assert share == pytest.approx(odds, abs=0.025)
    # Half of Algorithm 1's hundred rewards are in: half of the choice is still its own.
    assert odds[1] > 0.5 * (1 - FLOOR * 2 / 3)
    assert odds.min() >= FLOOR / 3 - 1e-12


def test_a_decision_stands_the_next_night_and_is_drawn_anew_after_its_time_out(cold: Workspace) -> None:
    first, second, later = (night(cold, NOW + days * DAY).actions for days in (0, 1, 8))
    assert second["decision_id"].tolist() == first["decision_id"].tolist()
    assert second["action"].tolist() == first["action"].tolist()
    assert not set(later["decision_id"]) & set(first["decision_id"])


def test_only_alerts_that_were_shown_count_as_not_clicked(cold: Workspace) -> None:
    night(cold, NOW)
    assert caught(cold, NOW + 6 * DAY).silent == 0
    assert caught(cold, NOW + 8 * DAY).silent == 20
    assert caught(cold, NOW + 9 * DAY).silent == 0


def test_silence_on_an_alert_counts_although_another_took_its_place(cold: Workspace) -> None:
    first = night(cold, NOW).actions["decision_id"]
    second = night(cold, NOW + 2 * DAY, of="R2").actions["decision_id"]
    assert (first != second).tolist() == [True] + [False] * (N - 2)
    assert caught(cold, NOW + 8 * DAY).silent == 20  # the second decision on A00 is younger
    assert caught(cold, NOW + 10 * DAY).silent == 1


def test_after_a_night_without_the_bandit_its_last_alerts_still_count_and_stand(cold: Workspace) -> None:
    first = night(cold, NOW).actions
    cold.publish("snapshots", lambda place: {"book": cold.book().path.name}, NOW + DAY)  # the bandit's folder failed
    assert night(cold, NOW + 2 * DAY).actions["decision_id"].tolist() == first["decision_id"].tolist()
    cold.publish("snapshots", lambda place: {"book": cold.book().path.name}, NOW + 3 * DAY)
    assert caught(cold, NOW + 8 * DAY).silent == 20


def test_nights_long_ago_leave_the_log_but_for_what_was_shown_or_answered(cold: Workspace) -> None:
    first, second, third = (night(cold, NOW + days * DAY).actions for days in (0, 100, 101))
    with cold.writing(), opened(cold, cold.book()) as bandit:
        kept = set(bandit.store.status)
        log = rewarded(bandit.store)
    assert kept == set(first["decision_id"][first["alerted"]]) | set(second["decision_id"]) | set(third["decision_id"])
    assert len(log) == 20  # the silences on what was shown in the first night


def test_the_books_own_reactions_are_learned_once_however_often_it_runs(tmp_path: Path) -> None:
    workspace = book_of(tmp_path / "w", history=True)
    first = caught(workspace, NOW)
    assert (first.learned, first.silent) == (8, TOLD - 8)
    again = night(workspace, NOW + DAY)
    assert again.about["rewards"] == night(workspace, NOW + 2 * DAY).about["rewards"] == TOLD
    assert (again.about["clicked"], again.about["dismissed"], again.about["no_click"]) == (4, 4, TOLD - 8)
    assert set(again.about["aside"].values()) == {0}


def test_late_doubled_and_unknown_events_of_a_file_are_kept_aside_and_counted(cold: Workspace, tmp_path: Path) -> None:
    decision = night(cold, NOW).actions["decision_id"]
    assert caught(cold, NOW + 8 * DAY).silent == 20
    file = tmp_path / "events.jsonl"
    told = {"decision_id": decision[0], "feedback": "accepted", "at": "2026-07-09T07:00:00Z"}
    events = [told, told, {**told, "feedback": "dismissed"}, {**told, "decision_id": "nobody's"}, {"what": 1}]
    file.write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    found = caught(cold, NOW + 9 * DAY, file)
    assert found.learned == 1  # the late click takes the place of the silence
    assert found.aside == {"duplicate": 2, "unknown": 1, "unreadable": 1}
    with cold.writing(), opened(cold, cold.book()) as bandit:
        assert bandit.store.status[decision[0]].feedback == "DEEP_LINK_CLICKED"
        assert bandit.store.policy.seen == 20


def test_a_rep_reacts_on_own_accounts_only_and_foreign_and_missing_read_alike(cold: Workspace) -> None:
    night(cold, NOW)
    ana, otto = Principal("ana", "rep", "R1"), Principal("otto", "rep", "R2")
    mia, noor = Principal("mia", "manager", "R1"), Principal("noor", "analyst")
    with Database.open(cold.database) as database:
        snapshot = open_snapshot(cold)
        note(database, snapshot, scope_of(ana, snapshot.book), ana, "A00", "accepted", NOW)
        said = set()
        for who, account in ((otto, "A00"), (otto, "nowhere"), (mia, "A00"), (noor, "A00"), (otto, f"A{N - 1}")):
            with pytest.raises(TryAgain) as refused:
                note(database, snapshot, scope_of(who, snapshot.book), who, account, "accepted", NOW)
            said.add(str(refused.value))
        assert len(said) == 1
        with pytest.raises(TryAgain, match="no reaction 'exploded'"):
            note(database, snapshot, scope_of(ana, snapshot.book), ana, "A00", "exploded", NOW)
        number = note(database, snapshot, scope_of(ana, snapshot.book), ana, "A01", "opened", NOW)
        assert note(database, snapshot, scope_of(ana, snapshot.book), ana, "A01", "opened", NOW + DAY) == number
        assert len(database.events("feedback")) == 2


def test_a_reaction_on_the_screen_is_learned_once(cold: Workspace) -> None:
    night(cold, NOW)
    with Database.open(cold.database) as database:
        for account, word in (("A00", "accepted"), ("A00", "done"), ("A01", "dismissed"), ("A03", "snoozed")):
            snapshot, ana = open_snapshot(cold), Principal("ana", "rep", "R1")
            note(database, snapshot, scope_of(ana, snapshot.book), ana, account, word, NOW)
    first, second = caught(cold, NOW + DAY), caught(cold, NOW + DAY)
    assert (first.learned, first.noted) == (2, 2)
    assert (second.learned, second.noted, sum(second.aside.values())) == (0, 0, 0)
    # The snooze begins the time-out anew for its own alert only; the two that were answered are not silent.
    assert caught(cold, NOW + 7 * DAY).silent == 20 - 2


CHILD = """
import os, sys
from pathlib import Path
import pandas as pd
from copilot.bandit import posterior
from copilot.data.workspace import Workspace
from copilot.jobs.bandit import tonight
from tests.bandit.crash import NOW, dying

posterior.Posterior.updated = dying(posterior.Posterior.updated, 5)
workspace = Workspace(Path(sys.argv[1]))
with workspace.writing():
    tonight(workspace, workspace.book(), pd.DataFrame(), pd.DataFrame(), NOW)
"""


def test_killed_in_mid_update_the_next_night_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    workspace = book_of(tmp_path / "w", history=True)
    run = subprocess.run([sys.executable, "-c", CHILD, str(workspace.root)], cwd=ROOT, check=False)
    assert run.returncode == -signal.SIGKILL
    assert workspace.current("snapshots") is None
    found = night(workspace, NOW + DAY)
    assert found.about["rewards"] == TOLD
    assert (found.about["clicked"], found.about["dismissed"], found.about["no_click"]) == (4, 4, TOLD - 8)
    whole = night(book_of(tmp_path / "v", history=True), NOW + DAY)
    expected = [name for name in COLUMNS if name.startswith("expected_")]
    assert found.actions[expected].to_numpy() == pytest.approx(whole.actions[expected].to_numpy(), abs=1e-9)


HARMS: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("decisions.log", lambda whole: whole[: len(whole) // 2], "restore it from a backup"),
    ("decisions.log", lambda whole: b"garbage\n" + whole[9:], "restore it from a backup"),
    ("feedback.log", lambda whole: b"", "restore it from a backup"),
    ("aside.log", lambda whole: b"\0" * len(whole), "restore it from a backup"),
    ("encoder.json", lambda whole: b"{}", "restore it"),
    ("state.npz", lambda whole: whole[: len(whole) // 2], "move it away, and the next run learns it anew"),
]


def test_on_a_damaged_folder_score_says_so_leaves_it_and_takes_algorithm_1s_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = scored()[0]["action"]
    monkeypatch.setattr("copilot.jobs.score.choose", lambda frame: first)  # the book holds nothing to choose by
    workspace, events = book_of(tmp_path / "w", history=True), tmp_path / "events.jsonl"
    events.write_text(json.dumps({"decision_id": "nobody's", "feedback": "accepted"}), encoding="utf-8")
    caught(workspace, NOW, events)
    home = folder(workspace, workspace.book())
    for day, (name, harm, says) in enumerate(HARMS):
        whole = (home / name).read_bytes()
        (home / name).write_bytes(harm(whole))
        left = {path: path.read_bytes() for path in home.iterdir()}
        [told] = [line for line in score(workspace, NOW + day * DAY) if line.startswith("Left out: actions.")]
        assert re.search(rf"{name} .*is damaged.*{says}", told), told
        assert told.endswith("Until then the actions are Algorithm 1's own choice.")
        assert "\n" not in told
        snapshot = workspace.current("snapshots")
        assert snapshot is not None
        accounts = pd.read_parquet(snapshot / "accounts.parquet").set_index("account_id")
        assert accounts["action"].dropna().to_dict() == first.dropna().to_dict()
        assert {path: path.read_bytes() for path in home.iterdir()} == left
        if name != "state.npz":
            (home / name).write_bytes(whole)
    (home / "state.npz").unlink()
    told = score(workspace, NOW + 9 * DAY)[2]
    assert told.startswith("Actions: drawn from what 8 reactions and 4 silences teach")


def test_other_policies_are_not_valued_on_a_thin_log(cold: Workspace) -> None:
    night(cold, NOW)
    with cold.writing(), opened(cold, cold.book()) as bandit:
        found = compare(rewarded(bandit.store), bandit.store.policy, rng=np.random.default_rng(0))
    assert set(found["policy"]) >= {"Algorithm 1 alone", "UCB", "lots"}
    assert (found["refused"].str.len() > 10).all()
    assert found["value"].isna().all()

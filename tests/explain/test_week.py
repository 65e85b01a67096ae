"""The week's plan on the tiny book: its figures against the scores themselves, and what it says where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from copilot.access import EVERYTHING, NOTHING, Scope
from copilot.agent.narrator import narrate
from copilot.config import settings
from copilot.data.hidden import hidden
from copilot.data.snapshot import Snapshot, open_snapshot
from copilot.data.workspace import Workspace
from copilot.explain.answers.week import plan_week, working_days
from copilot.jobs import study
from copilot.text.cells import Record
from tests.conftest import NOW

Change = Callable[[pd.DataFrame], object]


def told(record: Record) -> str:
    narration = narrate([record], question="")
    assert narration.faults == ()
    return narration.told.text


def of(rep: str, snapshot: Snapshot) -> Scope:
    accounts = snapshot.table("accounts", EVERYTHING)
    return Scope(frozenset(accounts.loc[accounts["owner_rep_id"] == rep, "account_id"]), frozenset({rep}))


@pytest.fixture
def ana(tiny: Workspace) -> tuple[Snapshot, Scope]:
    snapshot = open_snapshot(tiny)
    return snapshot, of("R-ana", snapshot)


@pytest.fixture
def changed(tiny: Workspace, tmp_path: Path) -> Callable[[Change], tuple[Snapshot, Scope]]:
    """Open a copy of the tiny snapshot whose frame ``accounts`` was changed."""

    def make(change: Change) -> tuple[Snapshot, Scope]:
        workspace = Workspace(Path(shutil.copytree(tiny.root, tmp_path / "w", symlinks=True)))
        folder = workspace.current("snapshots")
        assert folder is not None
        frame = pd.read_parquet(folder / "accounts.parquet").set_index("account_id", drop=False)
        change(frame)
        frame.to_parquet(folder / "accounts.parquet", index=False)
        snapshot = open_snapshot(workspace)
        return snapshot, of("R-ana", snapshot)

    return make


def listed(snapshot: Snapshot, scope: Scope) -> pd.DataFrame:
    frame = snapshot.scores("accounts", scope)
    return frame[frame["worklist_rank"].notna()].set_index("account_id", drop=False)


def ids(record: Record) -> list[str]:
    return [row["account_id"].value for row in record.data["rows"]]


def test_the_week_holds_worklist_accounts_within_the_hours_with_the_sums_of_their_scores(
    ana: tuple[Snapshot, Scope],
) -> None:
    record, frame = plan_week(*ana, 10), listed(*ana)
    mine = frame.loc[ids(record)]
    hours = mine["action"].map(lambda action: getattr(settings(), f"hours_{action}")).sum()
    assert record.data["used"].value == hours <= 10
    assert record.data["priority"].value == pytest.approx(mine["priority"].sum())
    assert record.data["planned"].value + record.data["left_over"].value == len(frame)
    assert [row["priority"].value for row in record.data["rows"]] == sorted(mine["priority"], reverse=True)
    assert record.accounts == tuple(ids(record))
    text = told(record)
    assert text.startswith("From 2026-07-01 to 2026-07-07 these ")
    assert "The hours are assumed, not measured: 1 hour to boost engagement" in text


def test_without_hours_it_takes_those_of_the_settings_and_says_so(
    ana: tuple[Snapshot, Scope], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_COPILOT_WEEK_HOURS", "6")
    monkeypatch.setenv("SALES_COPILOT_HOURS_PREVENT_CHURN", "3.5")
    settings.cache_clear()
    try:
        record = plan_week(*ana)
        assert ids(record) == ids(plan_week(*ana, 6))
        assert "of the 6 hours there are" in told(record)
        assert "3.5 hours to prevent churn" in told(record)
    finally:
        settings.cache_clear()


@pytest.mark.parametrize("hours", [1.0, 3.5, 7.25, 10.0, 39.0])
def test_another_hour_is_worth_what_the_week_with_it_is_worth_more(ana: tuple[Snapshot, Scope], hours: float) -> None:
    record, longer = plan_week(*ana, hours), plan_week(*ana, hours + 1)
    told(record)
    if not record.data["left"]:
        assert "The whole worklist fits" in told(record)
        assert "more" not in record.data
        return
    more = record.data["more"]
    assert more["priority"].value == pytest.approx(longer.data["priority"].value - record.data["priority"].value)
    names = {row["account_id"].value: row["name"].value for row in [*record.data["rows"], *longer.data["rows"]]}
    comes, goes = set(ids(longer)) - set(ids(record)), set(ids(record)) - set(ids(longer))
    for cell, accounts in ((more["comes"], comes), (more["goes"], goes)):
        assert set((cell.value or "").split(", ")) - {""} == {names[account] for account in accounts}


def test_what_renews_within_the_week_stands_first_and_before_that_day(
    changed: Callable[[Change], tuple[Snapshot, Scope]],
) -> None:
    chosen: list[str] = []

    def renew(frame: pd.DataFrame) -> None:
        mine = frame[(frame["owner_rep_id"] == "R-ana") & frame["worklist_rank"].notna()]
        chosen[:] = mine.sort_values("worklist_rank")["account_id"].iloc[[2, 5, 24]]
        frame.loc[chosen, "renewal_date"] = pd.to_datetime(["2026-07-03", "2026-07-02", "2026-07-05"])

    snapshot, scope = changed(renew)
    record = plan_week(snapshot, scope, 20)
    assert ids(record)[:2] == [chosen[1], chosen[0]]
    days = {row["account_id"].value: row["day"].value for row in record.data["rows"]}
    assert days[chosen[1]][4:] <= "2026-07-02"
    assert days[chosen[0]][4:] <= "2026-07-03"
    assert chosen[2] not in ids(record)
    name = listed(snapshot, scope).loc[chosen[2], "name"]
    assert f"{name} renews on 2026-07-05: next week is too late for it." in told(record)


def test_the_week_is_the_five_working_days_that_follow() -> None:
    assert working_days(date(2026, 6, 30)) == [date(2026, 7, day) for day in (1, 2, 3, 6, 7)]
    assert working_days(date(2026, 7, 3)) == [date(2026, 7, day) for day in (6, 7, 8, 9, 10)]
    assert working_days(date(2026, 7, 5)) == working_days(date(2026, 7, 3))


def test_known_money_is_added_up_and_a_dearer_account_without_room_is_named(
    changed: Callable[[Change], tuple[Snapshot, Scope]],
) -> None:
    def estimate(frame: pd.DataFrame) -> None:
        frame["uplift_usd"] = frame["worklist_rank"] * 1000  # the least of the list adds the most

    snapshot, scope = changed(estimate)
    record, frame = plan_week(snapshot, scope, 4), listed(snapshot, scope)
    assert record.data["uplift_usd"].value == pytest.approx(frame.loc[ids(record), "uplift_usd"].sum())
    last = frame.loc[frame["worklist_rank"].idxmax()]
    text = told(record)
    assert f"What the touches add is expected to be ${record.data['uplift_usd'].value:,.0f}." in text
    assert f"Of these a touch adds the most at {last['name']}: ${last['uplift_usd']:,.0f}" in text
    longer = plan_week(snapshot, scope, 5).data["uplift_usd"].value
    assert record.data["more"]["uplift_usd"].value == pytest.approx(longer - record.data["uplift_usd"].value)


def test_what_the_rep_has_answered_needs_no_hours(ana: tuple[Snapshot, Scope]) -> None:
    first = ids(plan_week(*ana, 10))
    said = {first[0]: "done", first[1]: "dismissed", first[2]: "snoozed", "A-999999": "done"}
    record = plan_week(*ana, 10, said)
    assert not set(first[:3]) & set(ids(record))
    assert told(record).count("Left out is 1 account that you called ") == 3
    everything = dict.fromkeys(listed(*ana)["account_id"], "done")
    text = told(plan_week(*ana, 10, everything))
    assert text.startswith("You have answered everything on your worklist")
    assert f"Left out are {len(everything)} accounts that you called done." in text


def test_where_nothing_can_be_planned_one_sentence_says_why(
    ana: tuple[Snapshot, Scope], changed: Callable[[Change], tuple[Snapshot, Scope]], maven: Workspace
) -> None:
    assert told(plan_week(ana[0], NOTHING)) == "You own no account in this book, so there is no week to plan."
    assert told(plan_week(*ana, 0.25)).startswith("No action of your worklist fits into 0.25 hours.")
    no_scores = told(plan_week(open_snapshot(maven), EVERYTHING))
    assert no_scores.startswith("There is no worklist to plan a week from. ")

    def rest(frame: pd.DataFrame) -> None:
        frame["worklist_rank"] = float("nan")

    assert told(plan_week(*changed(rest))).startswith("Your worklist is empty now")


def test_a_control_of_a_running_study_is_on_no_plan_and_counted(tiny: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(Path(shutil.copytree(tiny.root, tmp_path / "w", symlinks=True)))
    file = tmp_path / "study.yaml"
    file.write_text("name: summer-test\nkind: ab\nstarts: 2026-07-01\nends: 2026-12-31\n", encoding="utf-8")
    study.create(workspace, file, NOW)
    study.start(workspace, "summer-test", NOW)
    out = set(hidden(workspace.root, workspace.book().as_of))
    snapshot = open_snapshot(workspace)
    scope = of("R-ana", snapshot)
    record = plan_week(snapshot, scope, 40)
    text = told(record)
    spoken: set[Any] = {*ids(record), *(part["account_id"].value for part in record.data["left"])}
    assert out & scope.account_ids  # type: ignore[operator]
    assert not out & spoken
    assert "the scores are hidden until 2026-12-31: control of summer-test." in text

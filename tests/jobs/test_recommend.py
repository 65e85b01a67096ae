"""Worklists: what a running study hides takes no place, and its place goes to the rep's next account."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from copilot.data.hidden import hidden
from copilot.data.workspace import Book, Workspace
from copilot.jobs import study
from copilot.jobs.recommend import worklists
from tests.conftest import NOW

SPEC = "name: summer-test\nkind: ab\nstarts: 2026-07-01\nends: 2026-12-31\n"
DAY = pd.Timedelta(days=1)


@pytest.fixture
def workspace(tiny: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the tiny workspace, whose last snapshot's worklists began on the book's own day."""
    return Workspace(Path(shutil.copytree(tiny.root, tmp_path / "w")))


def scored(workspace: Workspace) -> pd.DataFrame:
    """Accounts as the nightly score lays them before the plan, everyone with something to do."""
    accounts = workspace.book().table("accounts").set_index("account_id")
    priority = pd.Series(range(1, len(accounts) + 1), index=accounts.index, dtype=float)
    return accounts.assign(priority=priority, action="prevent_churn")


def begin(workspace: Workspace, spec: str = SPEC) -> set[str]:
    file = workspace.root / "spec.yaml"
    file.write_text(spec, encoding="utf-8")
    study.create(workspace, file, NOW)
    study.start(workspace, "summer-test", NOW)
    return set(hidden(workspace.root, workspace.book().as_of))


def later(book: Book, days: int) -> Book:
    """The same book so many days on."""
    as_of = (pd.Timestamp(book.as_of) + days * DAY).date().isoformat()
    return Book(book.path, book.manifest | {"as_of": as_of})


def keep(workspace: Workspace, plan: pd.DataFrame) -> None:
    folder = workspace.current("snapshots")
    assert folder is not None
    plan.to_parquet(folder / "plan.parquet", index=False)


def test_a_new_cycle_fills_every_place_without_a_control(workspace: Workspace) -> None:
    accounts, out = scored(workspace), begin(workspace)
    book = later(workspace.book(), 40)  # nobody rests any more
    plan, _ = worklists(accounts, book, workspace)
    assert out
    assert not out & set(plan["account_id"])
    places = book.table("reps").set_index("rep_id")["max_accounts"].fillna(25)
    shown = accounts[~accounts.index.isin(out)]
    for rep, mine in plan.groupby("rep_id"):
        best = shown[shown["owner_rep_id"] == rep].nlargest(int(places[rep]), "priority").index
        assert set(mine["account_id"]) == set(best)


def test_within_a_cycle_the_others_stay_and_the_place_goes_to_the_next(workspace: Workspace) -> None:
    accounts, book = scored(workspace), later(workspace.book(), 40)
    before, _ = worklists(accounts, book, workspace)
    keep(workspace, before)
    out, tomorrow = begin(workspace), later(book, 1)
    after, _ = worklists(accounts, tomorrow, workspace)
    listed, gone = set(before["account_id"]), set(before["account_id"]) & out
    new = set(after["account_id"]) - listed
    assert gone
    assert listed - out <= set(after["account_id"])
    assert not out & set(after["account_id"])
    spare = accounts[~accounts.index.isin(listed | out)].groupby("owner_rep_id").size()
    lost = before[before["account_id"].isin(gone)].groupby("rep_id").size()
    assert len(new) == sum(min(count, spare.get(rep, 0)) for rep, count in lost.items())
    assert len(new) > 0
    dates = after.set_index("account_id")["recommended_on"]
    assert (dates[list(new)] == pd.Timestamp(tomorrow.as_of)).all()
    # Those who came later do not prolong the cycle: fourteen days after it began, its lists rest.
    keep(workspace, after)
    again, _ = worklists(accounts, later(book, 13), workspace)
    assert set(again["account_id"]) == set(after["account_id"])
    fresh, _ = worklists(accounts, later(book, 14), workspace)
    assert not set(fresh["account_id"]) & set(after["account_id"])


def test_a_rep_whom_a_study_reaches_in_mid_cycle_gets_a_list_that_day(workspace: Workspace) -> None:
    accounts, book = scored(workspace), later(workspace.book(), 40)
    keep(workspace, worklists(accounts, book, workspace)[0])
    begin(workspace, SPEC + "waves: 2\nwave_days: 45\n")  # the second step is on 15 August
    waiting, _ = worklists(accounts, later(book, 1), workspace)
    keep(workspace, waiting)
    second = set(accounts["owner_rep_id"]) - set(waiting["rep_id"])
    assert second
    reached, _ = worklists(accounts, later(book, 6), workspace)
    assert second <= set(reached["rep_id"])
    assert set(waiting["account_id"]) <= set(reached["account_id"])


def test_without_a_study_a_list_is_kept_as_it_is(workspace: Workspace) -> None:
    accounts, book = scored(workspace), later(workspace.book(), 40)
    before, _ = worklists(accounts, book, workspace)
    keep(workspace, before)
    after, _ = worklists(accounts, later(book, 5), workspace)
    pd.testing.assert_frame_equal(after, before, check_dtype=False)

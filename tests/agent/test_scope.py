from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from copilot.access import EVERYTHING, NOTHING, Principal
from copilot.agent.scope import scope_of
from copilot.data.book import conform
from copilot.data.snapshot import Snapshot, open_snapshot
from copilot.data.workspace import Draft, Workspace
from copilot.errors import NotSetUp

NOW = datetime(2026, 7, 1, tzinfo=UTC)
LATE = {"known_ts": "2026-01-01"}


def world(root: Path, source: str = "test", owners: tuple[str | None, ...] = ("r1", "r2", None)) -> Workspace:
    """Three accounts: r1's, r2's and nobody's; r1 has a deal on nobody's, r2 one on r1's and one without account."""
    frames = {
        "accounts": pd.DataFrame(
            {"account_id": ["a1", "a2", "a3"], "name": ["A1", "A2", "A3"], "owner_rep_id": owners, **LATE}
        ),
        "reps": pd.DataFrame(
            {
                "rep_id": ["r1", "r2", "m1"],
                "name": ["R1", "R2", "M1"],
                "role": ["rep", "rep", "manager"],
                "manager_id": ["m1", "m2", None],
                **LATE,
            }
        ),
        "opportunities": pd.DataFrame(
            {
                "opportunity_id": ["o1", "o2", "o3"],
                "account_id": ["a3", "a1", None],
                "rep_id": ["r1", "r2", "r2"],
                "stage": "s",
                "status": "open",
                **LATE,
            }
        ),
        "opportunity_lines": pd.DataFrame({"opportunity_id": ["o1", "o2", "o3"], "product": "p", **LATE}),
        "notes": pd.DataFrame({"note_id": ["n1", "n2"], "account_id": ["a1", "a2"], "body": "x", **LATE}),
        "recommendations": pd.DataFrame(
            {
                "recommendation_id": ["x1", "x2"],
                "account_id": ["a1", "a2"],
                "rep_id": ["r1", "r2"],
                "action": "call",
                **LATE,
            }
        ),
        "feedback": pd.DataFrame({"recommendation_id": ["x1", "x2"], "feedback": "done", **LATE}),
    }
    workspace = Workspace(root)
    book = workspace.write_book(
        Draft(source, "USD", date(2026, 6, 30), {n: conform(n, f) for n, f in frames.items()}, {}, {}), NOW
    )

    def fill(folder: Path) -> dict[str, object]:
        pd.DataFrame({"account_id": ["a1", "a2", "a3"], "priority": [1.0, 2.0, 3.0]}).to_parquet(
            folder / "accounts.parquet"
        )
        return {"book": book.path.name, "models": {}, "skipped": {}}

    workspace.publish("snapshots", fill, NOW)
    return workspace


def seen(snapshot: Snapshot, principal: Principal) -> dict[str, list[str]]:
    scope = scope_of(principal, snapshot.book)
    tables = {
        "accounts": "account_id",
        "opportunities": "opportunity_id",
        "opportunity_lines": "opportunity_id",
        "notes": "note_id",
        "feedback": "recommendation_id",
        "reps": "rep_id",
    }
    found = {name: list(snapshot.table(name, scope)[key]) for name, key in tables.items()}
    return found | {"scores": list(snapshot.scores("accounts", scope)["account_id"])}


def test_a_rep_sees_own_accounts_and_own_deals_only(tmp_path: Path) -> None:
    found = seen(open_snapshot(world(tmp_path)), Principal("u", "rep", "r1"))
    assert found == {
        "accounts": ["a1", "a3"],
        "opportunities": ["o1"],
        "opportunity_lines": ["o1"],
        "notes": ["n1"],
        "feedback": ["x1"],
        "reps": ["r1"],
        "scores": ["a1", "a3"],
    }


def test_a_deal_without_an_account_belongs_to_its_rep(tmp_path: Path) -> None:
    found = seen(open_snapshot(world(tmp_path)), Principal("u", "rep", "r2"))
    assert found["opportunities"] == ["o2", "o3"]
    assert found["accounts"] == ["a2"]  # a deal on an owned account does not open the account


def test_a_manager_sees_the_teams_rows(tmp_path: Path) -> None:
    found = seen(open_snapshot(world(tmp_path)), Principal("u", "manager", "m1"))
    assert found["accounts"] == ["a1", "a3"]
    assert found["reps"] == ["r1", "m1"]


def test_an_analyst_sees_all_an_admin_and_a_stranger_nothing(tmp_path: Path) -> None:
    book = open_snapshot(world(tmp_path)).book
    assert scope_of(Principal("u", "analyst"), book) == EVERYTHING
    assert scope_of(Principal("u", "admin"), book) == NOTHING
    assert scope_of(Principal("u", "manager"), book) == NOTHING
    for stranger in (Principal("u", "rep"), Principal("u", "rep", "r9")):
        found = seen(open_snapshot(world(tmp_path)), stranger)
        assert not any(found.values())


def test_a_turn_keeps_its_snapshot_while_a_new_one_is_published(tmp_path: Path) -> None:
    workspace = world(tmp_path)
    pinned = open_snapshot(workspace)
    workspace.publish("snapshots", lambda folder: {"book": pinned.book.path.name, "models": {}, "skipped": {}}, NOW)
    assert len(pinned.scores("accounts", EVERYTHING)) == 3
    assert open_snapshot(workspace).id != pinned.id


def test_scores_of_another_source_are_not_served(tmp_path: Path) -> None:
    workspace = world(tmp_path)
    accounts = conform("accounts", pd.DataFrame({"account_id": ["z"], "name": ["Z"], **LATE}))
    workspace.write_book(Draft("other", "USD", date(2026, 6, 30), {"accounts": accounts}, {}, {}), NOW)
    with pytest.raises(NotSetUp, match="book has changed"):
        open_snapshot(workspace)

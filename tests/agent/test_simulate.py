"""The tool simulate_assignment as a manager meets it: the difference, its cells, refusals, and unseen phrasings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from copilot.access import Ctx, Principal
from copilot.agent.clause import Clause, pointed
from copilot.agent.mentions import Marked
from copilot.agent.narrator import narrate
from copilot.agent.scope import scope_of
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import RoleLacksTool, TryAgain, UnknownAccount
from copilot.store import scenarios
from copilot.text.cells import Record
from tests.conftest import NOW

MIA = Principal("mia", "manager", "R-mia")


def _ctx(tiny: Workspace, folder: Path, who: Principal = MIA) -> Ctx:
    snapshot = open_snapshot(tiny)
    return Ctx(folder, who, scope_of(who, snapshot.book), snapshot, lambda: NOW, np.random.default_rng(0))


def _ask(ctx: Ctx, **arguments: Any) -> Record:
    from copilot.rooms import registry

    found: Record = registry()["simulate_assignment"](ctx, arguments)
    return found


def test_the_difference_is_told_with_sources_and_kept_with_the_way_back(tiny: Workspace, tmp_path: Path) -> None:
    record = _ask(_ctx(tiny, tmp_path), without_rep="Ana")
    told = narrate([record], question="What if Ana is away in June?")
    assert told.faults == ()
    assert "Ana Torres: accounts worked on" in told.told.text
    data = record.data
    assert data["gain_value"].value == pytest.approx(data["value_after"].value - data["value_before"].value)
    assert all(row["from_rep"].value == "Ana Torres" and row["account_id"].origin for row in data["rows"])
    kept = scenarios.load(tmp_path, "S-1", "mia")
    assert record.accounts[-1] == data["scenario"].value == "S-1"
    assert len(kept.moves) == data["moved"].value
    assert [move["to_rep_id"] for move in kept.inverse] == [move["from_rep_id"] for move in kept.moves]
    assert _ask(_ctx(tiny, tmp_path), max_accounts=18).data["scenario"].value == "S-2"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"max_accounts": 18},
        {"region": "EMEA", "move_count": 4, "from_rep": "Mateo", "to_rep": "ana torres"},
        {"move_count": 3},
        {"midpoint_days": 30},
        {"keep_owner_bonus": 0},
        {"from_rep": "Ana", "to_rep": "Nina"},
        {"min_accounts": 60},
        {"min_accounts": 60, "max_accounts": 90},
        {"segment": "smb", "max_accounts": 0},
    ],
)
def test_every_kind_of_wish_is_told_without_a_fault(tiny: Workspace, tmp_path: Path, arguments: dict[str, Any]) -> None:
    record = _ask(_ctx(tiny, tmp_path), **arguments)
    assert narrate([record], question="").faults == ()
    if "move_count" in arguments:
        assert record.data["moved"].value == arguments["move_count"]


def test_a_minimum_beyond_the_places_says_who_would_have_to_take_how_many(tiny: Workspace, tmp_path: Path) -> None:
    told = narrate([_ask(_ctx(tiny, tmp_path), min_accounts=60)], question="").told.text
    assert "Ana Torres would have to take 60 accounts: 35 beyond the limit of 25." in told
    assert not (tmp_path / "scenarios").exists()


def test_another_teams_rep_and_nobody_read_the_same_and_a_rep_has_no_right(tiny: Workspace, tmp_path: Path) -> None:
    ctx = _ctx(tiny, tmp_path)
    said = []
    for name in ("Otto", "Nobody"):
        with pytest.raises(TryAgain) as caught:
            _ask(ctx, without_rep=name)
        said.append(str(caught.value).replace(name, "X"))
    assert said[0] == said[1]
    foreign = open_snapshot(tiny).book.table("accounts")
    foreign = foreign[~foreign["account_id"].isin(ctx.scope.account_ids or ())]["account_id"].iloc[0]
    with pytest.raises(UnknownAccount):
        _ask(ctx, accounts=[foreign], to_rep="Ana")
    for who in (Principal("ana", "rep", "R-ana"), Principal("noor", "analyst"), Principal("ada", "admin")):
        with pytest.raises(RoleLacksTool):
            _ask(_ctx(tiny, tmp_path, who))
    with pytest.raises(TryAgain, match="are the same"):
        _ask(ctx, from_rep="Ana", to_rep="Ana Torres", move_count=1)


def test_a_scenario_among_what_was_spoken_of_is_never_taken_for_an_account() -> None:
    clause = Clause(Marked("the last one"), "the last one", NOW.date(), ("A-1", "A-2", "S-1"))
    assert pointed(clause) == ["A-2"]


# Written after the rules and not tuned on.
@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("If Ben is off for six weeks, who works his accounts?", {"without_rep": "Ben"}),
        ("Suppose I shift 7 customers from Otto to Ana", {"from_rep": "Otto", "to_rep": "Ana", "move_count": 7}),
        ("What would no more than 28 accounts per head cost us?", {"max_accounts": 28}),
        ("Let Ben have six of Otto's accounts", {"from_rep": "Otto", "to_rep": "Ben", "move_count": 6}),
        ("Could Otto stand in for Ana?", {"without_rep": "Ana", "to_rep": "Otto"}),
        ("what if no one had fewer than 12 customers", {"min_accounts": 12}),
        ("Try a 45 day midpoint", {"midpoint_days": 45}),
        ("Move two APAC accounts off Ben", {"region": "APAC", "from_rep": "Ben", "move_count": 2}),
        ("Was wäre mit vier Kunden von Otto zu Ben?", {"from_rep": "Otto", "to_rep": "Ben", "move_count": 4}),
        ("What if we lose Otto?", {"without_rep": "Otto"}),
    ],
)  # fmt: skip
def test_unseen_phrasings_fill_the_arguments(slots: Any, text: str, arguments: dict[str, Any]) -> None:
    assert slots("simulate_assignment", text) == [arguments]

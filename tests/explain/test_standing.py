"""Places in a ranking and actions against the expected change, on rows made by hand and on the tiny book."""

from typing import Any

import pytest

from copilot.access import EVERYTHING
from copilot.agent.narrator import narrate
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.explain.answers.against import against
from copilot.explain.answers.common import ACTIONS
from copilot.explain.answers.ranking import rank
from copilot.explain.answers.standing import standing
from copilot.text.cells import Cell, Record


def row(rank: int, action: str, growth: float | None, use: float, **other: Any) -> dict[str, Any]:
    values = {"rank": rank, "action": ACTIONS[action], "growth_usd": growth, "engagement_change": use, **other}
    return {name: Cell(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([row(4, "promote_upsell", -500.0, 20.0)], {"use": "4"}),
        ([row(4, "promote_upsell", 0.0, 20.0), row(6, "promote_upsell", -1.0, 9.0)], {"use": "4, 6"}),
        ([row(5, "promote_upsell", -500.0, -20.0, heuristic_action=ACTIONS["boost_engagement"])], {"learned": "5"}),
        ([row(5, "prevent_churn", 90.0, 1.0, heuristic_action=ACTIONS["promote_upsell"])], {"learned": "5"}),
        ([row(5, "promote_upsell", -500.0, 20.0, uplift_usd=70.0)], {}),
        ([row(5, "promote_upsell", 500.0, 20.0), row(6, "prevent_churn", -90.0, 1.0)], {}),
        ([row(5, "promote_upsell", None, 20.0), row(6, "boost_engagement", -90.0, -4.0)], {}),
    ],
)
def test_an_action_against_the_change_beside_it_is_told_with_what_it_rests_on(
    rows: list[dict[str, Any]], found: dict[str, str]
) -> None:
    cells, lines = against(rows)
    assert {kind: cell.value for kind, cell in cells.items()} == found
    assert len(lines) == len(found)
    assert all(line.below for line in lines)


def told(record: Record) -> str:
    narration = narrate([record], question="")
    assert narration.faults == ()
    return narration.told.text


def test_under_a_table_every_upsell_beside_a_fall_below_the_told_rows_is_named(tiny: Workspace) -> None:
    record = rank(open_snapshot(tiny), EVERYTHING, limit=50)
    wrong = [
        str(row["rank"].value)
        for row in record.data["rows"][3:]
        if row["action"].value == ACTIONS["promote_upsell"] and row["growth_usd"].value <= 0
    ]
    assert len(wrong) > 1
    named = ", ".join(cell.value for cell in record.data["against"].values()).split(", ")
    assert set(wrong) <= set(named)
    text = told(record)
    assert text.index("| --- |") < text.index("an upsell although")


def test_a_place_is_told_beside_the_first_with_both_rows_and_no_others(tiny: Workspace) -> None:
    record = rank(open_snapshot(tiny), EVERYTHING, limit=50)
    first, asked = record.data["rows"][0], record.data["rows"][11]
    name = asked["name"].value
    narrow = standing(record, {asked["account_id"].value: name})
    text = told(narrow)
    assert [row["rank"].value for row in narrow.data["rows"]] == [1, 12]
    assert text.startswith(f"{name} is at place 12, with priority {asked['priority'].shown}.")
    assert f"At place 1 is {first['name'].value}, with priority {first['priority'].shown}." in text
    assert "a list shows 10 unless more are asked for" in text
    assert narrow.accounts == (asked["account_id"].value,)


def test_two_places_are_told_by_what_the_ranking_goes_by(tiny: Workspace) -> None:
    record = rank(open_snapshot(tiny), EVERYTHING, sort_by="churn", limit=50)
    low, high = record.data["rows"][7], record.data["rows"][2]
    narrow = standing(record, {part["account_id"].value: part["name"].value for part in (low, high)}, "churn")
    text = told(narrow)
    assert [part["rank"].value for part in narrow.data["rows"]] == [3, 8]
    assert f"{low['name'].value} is at place 8, with churn probability {low['churn_probability'].shown}." in text
    assert "At place 1" not in text


def test_an_account_without_a_place_is_said_to_have_none(tiny: Workspace) -> None:
    snapshot = open_snapshot(tiny)
    frame = snapshot.scores("accounts", EVERYTHING)
    unranked = frame[frame["priority"].isna()].iloc[0]
    some = rank(snapshot, EVERYTHING, limit=50)
    assert f"{unranked['name']} is not among the accounts ranked here" in told(
        standing(some, {unranked["account_id"]: unranked["name"]})
    )
    every = rank(snapshot, EVERYTHING, renewal_within_days=10, limit=50)
    assert every.data["considered"].value == len(every.data["rows"])
    assert f"{unranked['name']} is not ranked here" in told(standing(every, {unranked["account_id"]: unranked["name"]}))

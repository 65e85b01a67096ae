"""Scenarios of a team: what moves, what is worked on, and that so many moves are chosen as well as trying all would."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from copilot.assign.scenario import Outcome, Wish, play
from copilot.errors import BadInput, Infeasible

REPS = pd.DataFrame({"rep_id": ["ana", "ben", "cem"], "max_accounts": [2, 2, 3], "region": ["EMEA"] * 3})
VALUES = {"ana": [90.0, 80, 70, 60, 50], "ben": [65.0, 30, 20], "cem": [40.0, 10]}


def _team(values: dict[str, list[float]] | None = None) -> pd.DataFrame:
    rows = [(f"{rep}{k}", rep, value) for rep, own in (values or VALUES).items() for k, value in enumerate(own)]
    frame = pd.DataFrame(rows, columns=["account_id", "owner_rep_id", "value"])
    return frame.assign(value_today=frame["value"], region="EMEA", movable=True)


def _worked(found: Outcome, when: str) -> float:
    return float(found.accounts.loc[found.accounts[when].notna(), "value"].sum())


def _best_lists(frame: pd.DataFrame, owner: pd.Series, reps: pd.DataFrame = REPS) -> float:
    """What the reps' lists are worth under these owners: each takes the best of the own."""
    places = reps.set_index("rep_id")["max_accounts"]
    by = frame.assign(owner=owner).groupby("owner")["value"]
    return float(sum(own.nlargest(places[rep]).sum() for rep, own in by))


def test_today_is_what_each_rep_would_work_on_and_staying_is_worth_the_bonus() -> None:
    team, reps = _team(), REPS.assign(max_accounts=2)
    found = play(team, reps, Wish(keep_owner_bonus=100))
    assert _worked(found, "before") == _best_lists(team, team["owner_rep_id"], reps) == 315
    assert found.moves.empty
    # Ana's 70 beats cem's 10 by more than the bonus, her 60 beats ben's 30, her 50 beats cem's 40 by just 10.
    moved = play(team, reps, Wish(keep_owner_bonus=10.5))
    assert moved.moves["account_id"].tolist() == ["ana2", "ana3"]
    assert _worked(moved, "after") == 90 + 80 + 70 + 60 + 65 + 40
    assert play(team, reps, Wish(keep_owner_bonus=9.5)).moves["account_id"].tolist() == ["ana2", "ana3", "ana4"]


def test_only_the_accounts_of_who_is_away_change_hands_and_they_are_not_kept() -> None:
    found = play(_team(), REPS, Wish(without="ana"))
    assert set(found.moves["from_rep_id"]) == {"ana"}
    assert "ana" not in set(found.accounts["after"].dropna())
    assert _worked(found, "after") == 90 + 80 + 70 + 60 + 65  # and ben's or cem's own after them
    only = play(_team(), REPS, Wish(without="ana", taker="cem"))
    assert set(only.moves["to_rep_id"]) == {"cem"}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_so_many_moves_to_a_taker_are_the_best_of_all_ways_to_move_so_many(number: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    team = _team({rep: rng.uniform(1, 99, 5).round(1).tolist() for rep in ("ana", "ben", "cem")})
    found = play(team, REPS, Wish(move_count=number, giver="ana", taker="ben", keep_owner_bonus=0))
    assert len(found.moves) == number
    assert set(found.moves["to_rep_id"]) == {"ben"}
    tries = []
    for gone in combinations(team.loc[team["owner_rep_id"] == "ana", "account_id"], number):
        tries.append(_best_lists(team, team["owner_rep_id"].mask(team["account_id"].isin(gone), "ben")))
    assert _worked(found, "after") == pytest.approx(max(tries), abs=1e-9)


def test_named_accounts_and_a_whole_book_go_over_worked_on_or_not() -> None:
    named = play(_team(), REPS, Wish(accounts=("ana0", "ana4"), taker="ben"))
    assert dict(zip(named.moves["account_id"], named.moves["to_rep_id"], strict=True)) == {"ana0": "ben", "ana4": "ben"}
    assert named.accounts.loc["ana4", "after"] is None  # ben has 90 and 65 to do
    whole = play(_team(), REPS, Wish(giver="ana", taker="ben"))
    assert len(whole.moves) == 5
    with pytest.raises(BadInput, match="ben0 belongs to ben, not to ana"):
        play(_team(), REPS, Wish(accounts=("ben0",), giver="ana", taker="cem"))


def test_a_limit_says_what_it_brings_by_itself() -> None:
    found = play(_team(), REPS, Wish(max_accounts=1, keep_owner_bonus=10))
    assert found.accounts["after"].notna().sum() == 3
    assert found.rule_value is not None
    free = play(_team(), REPS, Wish(keep_owner_bonus=10))
    assert found.rule_value == pytest.approx(_worked(found, "after") - _worked(free, "after"))
    assert play(_team(), REPS, Wish(without="ana", max_accounts=1)).rule_value is None


def test_what_cannot_be_kept_names_rules_and_amounts() -> None:
    with pytest.raises(Infeasible) as caught:
        play(_team(), REPS, Wish(min_accounts=4))
    assert {(rule["rep_id"], rule["amount"]) for rule in caught.value.relax} == {
        ("ana", 2.0),
        ("ben", 2.0),
        ("cem", 1.0),
    }
    with pytest.raises(Infeasible) as caught:
        play(_team(), REPS, Wish(min_accounts=4, max_accounts=9))  # twelve places to fill with ten accounts
    assert sum(rule["amount"] for rule in caught.value.relax) == 2  # type: ignore[misc]
    assert {rule["rule"] for rule in caught.value.relax} == {"min_accounts"}
    with pytest.raises(BadInput, match="Only 5 accounts"):
        play(_team(), REPS, Wish(move_count=6, giver="ana", taker="ben"))


def test_reps_keep_to_their_region_unless_a_taker_is_named() -> None:
    reps = REPS.assign(region=["EMEA", "EMEA", "NA"])
    team = _team()
    team["region"] = team["owner_rep_id"].map(reps.set_index("rep_id")["region"])
    assert "cem" not in set(play(team, reps, Wish(without="ana")).moves["to_rep_id"])
    assert set(play(team, reps, Wish(without="ana", taker="cem")).moves["to_rep_id"]) == {"cem"}

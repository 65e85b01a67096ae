"""What an infeasible plan asks for: enough, and (by trying every smaller set) no more than needed."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.assign import relax
from copilot.assign.plan import assign
from copilot.assign.problem import read
from copilot.assign.terms import Terms
from copilot.errors import Infeasible

World = tuple[pd.DataFrame, pd.DataFrame]
Rule = tuple[str, str]


def _applied(pairs: pd.DataFrame, reps: pd.DataFrame, changes: list[dict[str, Any]]) -> World:
    reps = reps.astype({name: float for name in reps.columns if name != "rep_id"})
    for change in changes:
        if change["rule"] == "one_rep":
            pairs = pairs[pairs["account_id"] != change["account_id"]]
        else:
            own = reps["rep_id"] == change["rep_id"]
            assert (reps.loc[own, change["rule"]] == change["limit"]).all()
            reps.loc[own, change["rule"]] = change["to"]
    return pairs, reps


def _feasible(highs: Any, pairs: pd.DataFrame, reps: pd.DataFrame, coverage: str, elastic: bool) -> bool:
    if pairs.empty:
        return elastic or not reps["min_accounts"].any()
    return highs(pairs, reps, coverage=coverage, minimums=not elastic) is not None


def _wide_open(pairs: pd.DataFrame, reps: pd.DataFrame, rules: tuple[Rule, ...]) -> World:
    """Give these rules up altogether."""
    given_up = {"max_accounts": 1000.0, "min_accounts": 0.0, "max_load": 1000.0, "one_rep": 0.0}
    limits = reps.set_index("rep_id")
    changes = [
        {
            "rule": rule,
            "rep_id": who,
            "account_id": who,
            "limit": limits[rule].get(who) if rule in limits else 1.0,
            "to": given_up[rule],
        }
        for rule, who in rules
    ]
    return _applied(pairs, reps, changes)


def _rules(pairs: pd.DataFrame, reps: pd.DataFrame, coverage: str, elastic: bool) -> list[Rule]:
    names = ["max_accounts", *(["max_load"] if "max_load" in reps else []), *([] if elastic else ["min_accounts"])]
    of_reps = [(name, rep) for name in names for rep in reps["rep_id"]]
    return of_reps + ([("one_rep", who) for who in pairs["account_id"].unique()] if coverage == "all" else [])


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize(("coverage", "elastic"), [("all", True), ("all", False), ("best", False)])
@given(data=st.data())
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_changes_are_enough_and_no_smaller_set_is(
    data: st.DataObject, highs: Any, worlds: Any, loaded: bool, coverage: Any, elastic: bool
) -> None:
    pairs, reps = data.draw(worlds(loaded=loaded, accounts=5, reps=2))
    if _feasible(highs, pairs, reps, coverage, elastic):
        return
    with pytest.raises(Infeasible) as caught:
        assign(pairs, reps, coverage=coverage, elastic=elastic)
    changes: list[dict[str, Any]] = caught.value.relax
    assert _feasible(highs, *_applied(pairs, reps, changes), coverage, elastic)
    for fewer in range(len(changes)):
        for rules in combinations(_rules(pairs, reps, coverage, elastic), fewer):
            assert not _feasible(highs, *_wide_open(pairs, reps, rules), coverage, elastic)
    for change in changes:  # nor is less of any of them
        if change["rule"] != "one_rep":
            less = {**change, "to": change["to"] + (0.25 if change["rule"] == "min_accounts" else -0.25)}
            others = [other for other in changes if other is not change]
            assert not _feasible(highs, *_applied(pairs, reps, [*others, less]), coverage, elastic)


def _pairs(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["account_id", "rep_id", "value", "load"][: len(rows[0])])


def _caught(pairs: pd.DataFrame, reps: dict[str, Any], **options: Any) -> Infeasible:
    with pytest.raises(Infeasible) as caught:
        assign(pairs, pd.DataFrame(reps), **options)
    return caught.value


def test_a_territory_too_big_for_its_rep_asks_for_one_higher_maximum() -> None:
    # Six accounts only r1 may take, but r1 has four places; r2 and r3 have room that does not help.
    pairs = _pairs(
        *((f"a{i}", "r1", 1.0) for i in range(6)), *((f"b{i}", r, 1.0) for i in range(6) for r in ("r2", "r3"))
    )
    error = _caught(pairs, {"rep_id": ["r1", "r2", "r3"], "min_accounts": 0, "max_accounts": 4}, coverage="all")
    assert error.relax == [
        {"rule": "max_accounts", "rep_id": "r1", "account_id": None, "limit": 4.0, "to": 6.0, "amount": 2.0}
    ]
    assert str(error) == (
        "No plan keeps every rule; the fewest changes that make one possible: raise max_accounts of rep r1 from 4 to 6."
    )


def test_a_minimum_nobody_can_fill_asks_to_be_lowered() -> None:
    error = _caught(_pairs(("a", "r1", 1)), {"rep_id": ["r1"], "min_accounts": 3, "max_accounts": 5}, elastic=False)
    assert error.relax == [
        {"rule": "min_accounts", "rep_id": "r1", "account_id": None, "limit": 3.0, "to": 1.0, "amount": 2.0}
    ]


def test_hours_that_do_not_suffice_ask_for_exactly_what_is_missing() -> None:
    pairs = _pairs(("a", "r1", 1, 2.5), ("b", "r1", 1, 3.2))
    reps: dict[str, Any] = {"rep_id": ["r1"], "min_accounts": 0, "max_accounts": 9, "max_load": 5.0}
    error = _caught(pairs, reps, coverage="all")
    assert error.relax[0]["rule"] == "max_load"
    assert error.relax[0]["to"] == pytest.approx(5.7, abs=1e-5)
    reps["max_load"] = error.relax[0]["to"]
    assert len(assign(pairs, pd.DataFrame(reps), coverage="all").assignments) == 2


def test_an_account_that_alone_stands_against_two_limits_is_left_out_and_it_is_the_least_valued() -> None:
    # One place and too few hours: serving both takes two changes, leaving one out takes one.
    pairs = _pairs(("a", "r1", 9, 3.0), ("b", "r1", 2, 3.0))
    reps = {"rep_id": ["r1"], "min_accounts": 0, "max_accounts": 1, "max_load": 3.0}
    error = _caught(pairs, reps, coverage="all")
    assert error.relax == [
        {"rule": "one_rep", "rep_id": None, "account_id": "b", "limit": 1.0, "to": 0.0, "amount": 1.0}
    ]
    assert str(error).endswith(": leave out account b.")


def test_many_changes_are_counted_in_the_sentence_and_listed_in_full() -> None:
    pairs = _pairs(*((f"a{i}{k}", f"r{i}", 1.0) for i in range(7) for k in range(2)))
    reps = {"rep_id": [f"r{i}" for i in range(7)], "min_accounts": 0, "max_accounts": 1}
    error = _caught(pairs, reps, coverage="all")
    assert len(error.relax) == 7
    assert str(error).endswith("; 2 more are in relax.")


def test_out_of_time_there_is_still_a_set_that_works_but_it_is_not_called_the_fewest() -> None:
    pairs = _pairs(*((f"a{i}", "r1", 1.0) for i in range(4)))
    reps = pd.DataFrame({"rep_id": ["r1"], "min_accounts": [1], "max_accounts": [2]})
    error = relax.infeasible(read(pairs, reps), Terms(everyone=True, shortfall_price=None), seconds=0, proved=False)
    assert "was found in the time given; changes that make one possible" in str(error)
    relaxed = _applied(pairs, reps, error.relax)
    assert relaxed[0].empty or assign(*relaxed, coverage="all", elastic=False)

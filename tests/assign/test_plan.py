"""The plan against an independent solver (HiGHS), and its ranks, reasons and refusals on worlds known by heart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.assign.plan import Plan, assign, can_place_all
from copilot.errors import BadInput, Infeasible

FEW = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def _pairs(*rows: tuple[Any, ...]) -> pd.DataFrame:
    columns = ["account_id", "rep_id", "value", "load"][: len(rows[0])]
    return pd.DataFrame(rows, columns=columns)


def _reps(**limits: tuple[float, ...]) -> pd.DataFrame:
    """One rep a keyword: (min_accounts, max_accounts[, max_load])."""
    columns = ["min_accounts", "max_accounts", "max_load"][: len(next(iter(limits.values())))]
    frame = pd.DataFrame(list(limits.values()), columns=columns)
    frame.insert(0, "rep_id", list(limits))
    return frame


def _charge(pairs: pd.DataFrame, reps: pd.DataFrame) -> float:
    """A charge for a shortfall that no exchange of accounts is worth."""
    spread = max(pairs["value"].max(), 0) - min(pairs["value"].min(), 0)
    return float(1 + (len(reps) + pairs["account_id"].nunique() + 2) * spread)


def _shortfall_if_kept(plan: Plan, pairs: pd.DataFrame, reps: pd.DataFrame, coverage: str, elastic: bool) -> float:
    """Check every rule of the plan from its assignments alone and return the accounts missing to minimums."""
    taken = plan.assignments.merge(pairs, on=["account_id", "rep_id"], suffixes=("", "_given"))
    assert len(taken) == len(plan.assignments)
    assert taken["account_id"].is_unique
    assert (taken["value"] == taken["value_given"]).all()
    assert taken["value"].sum() == pytest.approx(plan.objective, abs=1e-9)
    limits = reps.set_index("rep_id")
    count = taken.groupby("rep_id").size().reindex(limits.index, fill_value=0)
    assert (count <= limits["max_accounts"]).all()
    if "max_load" in limits:
        load = taken.groupby("rep_id")["load"].sum().reindex(limits.index, fill_value=0.0)
        assert (load <= limits["max_load"] + 1e-7).all()
    if coverage == "all":
        assert taken["account_id"].nunique() == pairs["account_id"].nunique()
    waiting = set(plan.waiting["account_id"])
    assert waiting == set(pairs["account_id"]) - set(taken["account_id"])
    short = float((limits["min_accounts"] - count).clip(lower=0).sum())
    assert short == plan.binding["shortfall"].sum()
    assert elastic or short == 0
    return short


@pytest.mark.parametrize("coverage", ["best", "all"])
@pytest.mark.parametrize("elastic", [True, False])
@pytest.mark.parametrize(("loaded", "method"), [(False, "lp"), (True, "mip"), (True, "lp")])
@given(data=st.data())
@FEW
def test_the_plan_is_as_good_as_an_independent_solver_says(
    data: st.DataObject, highs: Any, worlds: Any, coverage: Any, elastic: bool, loaded: bool, method: Any
) -> None:
    pairs, reps = data.draw(worlds(loaded=loaded))
    price = _charge(pairs, reps) if elastic else None
    best = highs(pairs, reps, coverage=coverage, price=price)
    options = {"method": method, "coverage": coverage, "elastic": elastic, "shortfall_price": price}
    if best is None:
        with pytest.raises(Infeasible):
            assign(pairs, reps, **options)
        return
    plan = assign(pairs, reps, **options)
    short = _shortfall_if_kept(plan, pairs, reps, coverage, elastic)
    assert plan.objective <= plan.bound
    if loaded and method == "lp":
        assert short > best.short or plan.objective <= best.value + 1e-6 <= plan.bound + 2e-6
    else:
        assert short == pytest.approx(best.short)
        assert plan.objective == pytest.approx(best.value, abs=1e-6)
        assert plan.gap == 0


@given(data=st.data())
@FEW
def test_by_default_minimums_come_before_any_value(data: st.DataObject, highs: Any, worlds: Any) -> None:
    pairs, reps = data.draw(worlds())
    fewest = highs(pairs.assign(value=0.0), reps, price=1.0)
    assert assign(pairs, reps).binding["shortfall"].sum() == pytest.approx(fewest.short)


@given(data=st.data())
@FEW
def test_the_order_of_rows_does_not_change_the_plan(data: st.DataObject, worlds: Any) -> None:
    pairs, reps = data.draw(worlds())
    plan = assign(pairs, reps)
    again = assign(pairs.sample(frac=1, random_state=data.draw(st.integers(0, 99))), reps.iloc[::-1])
    pd.testing.assert_frame_equal(plan.assignments, again.assignments)
    pd.testing.assert_frame_equal(plan.waiting, again.waiting)
    pd.testing.assert_frame_equal(plan.binding, again.binding)


@given(data=st.data())
@FEW
def test_the_flow_test_agrees_with_the_solver_on_whether_all_can_be_placed(
    data: st.DataObject, highs: Any, worlds: Any
) -> None:
    pairs, reps = data.draw(worlds())
    assert can_place_all(pairs, reps) == (highs(pairs, reps, coverage="all", minimums=False) is not None)


@given(data=st.data())
@FEW
def test_with_loads_a_no_of_the_flow_test_is_certain(data: st.DataObject, highs: Any, worlds: Any) -> None:
    pairs, reps = data.draw(worlds(loaded=True))
    if highs(pairs, reps, coverage="all", minimums=False) is not None:
        assert can_place_all(pairs, reps)


def test_with_loads_the_flow_test_counts_the_lightest_accounts() -> None:
    pairs = _pairs(("a", "r", 1, 4), ("b", "r", 1, 5), ("c", "r", 1, 9))
    assert not can_place_all(pairs, _reps(r=(0, 9, 17)))
    assert can_place_all(pairs, _reps(r=(0, 9, 18)))
    assert not can_place_all(pairs, _reps(r=(0, 2, 18)))


def test_a_medium_book_is_solved_to_a_proved_optimum(highs: Any) -> None:
    rng = np.random.default_rng(7)
    n, m = 150, 8
    eligible = rng.random((n, m)) < 0.4
    eligible[np.arange(n), rng.integers(0, m, n)] = True
    account, rep = np.nonzero(eligible)
    pairs = pd.DataFrame({"account_id": account, "rep_id": rep, "value": rng.gamma(2, 20, len(account)).round(2)})
    reps = pd.DataFrame({"rep_id": np.arange(m), "min_accounts": 5, "max_accounts": rng.integers(8, 16, m)})
    plan = assign(pairs, reps)
    best = highs(pairs, reps)
    assert plan.objective == pytest.approx(best.value, rel=1e-9)
    assert plan.bound == plan.objective
    assert plan.assignments["account_id"].dtype == pairs["account_id"].dtype


def test_ranks_run_over_all_reps_and_within_each_and_ties_go_by_account() -> None:
    pairs = _pairs(("d", "r1", 5), ("a", "r2", 9), ("c", "r1", 5), ("b", "r1", 7))
    plan = assign(pairs, _reps(r1=(0, 3), r2=(0, 3)))
    expected = pd.DataFrame(
        {
            "account_id": ["a", "b", "c", "d"],
            "rep_id": ["r2", "r1", "r1", "r1"],
            "value": [9.0, 7.0, 5.0, 5.0],
            "g_rank": [1, 2, 3, 4],
            "r_rank": [1, 1, 2, 3],
        }
    )
    pd.testing.assert_frame_equal(plan.assignments, expected)


def test_who_is_left_out_is_ranked_and_told_why() -> None:
    pairs = _pairs(
        ("a", "r1", 9), ("b", "r1", 4), ("b", "r2", 3), ("c", "r1", 6), ("c", "r2", 0), ("d", "r2", 8), ("e", "r1", -1)
    )
    plan = assign(pairs, _reps(r1=(0, 1), r2=(0, 1)))
    assert plan.waiting["account_id"].tolist() == ["c", "b", "e"]
    assert plan.waiting["rank"].tolist() == [1, 2, 3]
    assert plan.waiting["best_rep_id"].tolist() == ["r1", "r1", "r1"]
    assert plan.waiting["best_value"].tolist() == [6, 4, -1]
    assert plan.waiting["why"].tolist() == [
        "r1 at max_accounts",
        "r1, r2 at max_accounts",
        "worth nothing to any eligible rep",
    ]


def test_an_account_that_does_not_fit_the_hours_left_is_told_so() -> None:
    pairs = _pairs(("a", "r1", 9, 4), ("b", "r1", 8, 3), ("b", "r2", 1, 1), ("c", "r2", 5, 1))
    plan = assign(pairs, _reps(r1=(0, 5, 6), r2=(0, 1, 9)), method="mip")
    assert plan.assignments["account_id"].tolist() == ["a", "c"]
    assert plan.waiting["why"].tolist() == ["r2 at max_accounts; r1 at max_load"]


def test_a_maximum_that_binds_names_what_one_more_place_would_gain() -> None:
    pairs = _pairs(("a", "r1", 9), ("b", "r1", 4), ("c", "r1", 1), ("d", "r2", 8))
    plan = assign(pairs, _reps(r1=(0, 1), r2=(0, 5)))
    row = plan.binding.iloc[0]
    assert len(plan.binding) == 1
    assert (row["rep_id"], row["rule"], row["limit"], row["used"]) == ("r1", "max_accounts", 1, 1)
    # The price of a place lies between what one more place gains (4) and what one fewer loses (9).
    assert 4 <= row["price"] <= 9


def test_a_minimum_forces_a_harmful_pair_and_says_what_it_costs() -> None:
    pairs = _pairs(("a", "r1", 5), ("b", "r1", -2), ("c", "r1", -7))
    free = assign(pairs, _reps(r1=(0, 3)))
    assert free.assignments["account_id"].tolist() == ["a"]
    forced = assign(pairs, _reps(r1=(2, 3)))
    assert forced.assignments["account_id"].tolist() == ["a", "b"]
    assert forced.objective == 3
    row = forced.binding.iloc[0]
    assert (row["rule"], row["limit"], row["used"], row["shortfall"]) == ("min_accounts", 2, 2, 0)
    # One less in the minimum gains 2, one more costs 7.
    assert 2 <= row["price"] <= 7


def test_an_unmet_minimum_is_listed_with_its_shortfall_and_its_charge() -> None:
    pairs = _pairs(("a", "r1", 5), ("b", "r2", -2))
    plan = assign(pairs, _reps(r1=(3, 9), r2=(1, 9)), shortfall_price=1.5)
    assert plan.assignments["account_id"].tolist() == ["a"]
    assert plan.binding.to_dict("records") == [
        {"rep_id": "r1", "rule": "min_accounts", "limit": 3, "used": 1, "shortfall": 2, "price": 1.5},
        {"rep_id": "r2", "rule": "min_accounts", "limit": 1, "used": 0, "shortfall": 1, "price": 1.5},
    ]
    assert plan.shortfall_price == 1.5
    assert plan.objective == plan.bound == 5
    with pytest.raises(Infeasible):
        assign(pairs, _reps(r1=(3, 9), r2=(1, 9)), elastic=False)


def test_a_price_beyond_any_exchange_does_not_drown_the_values() -> None:
    pairs = _pairs(*((f"a{i}", rep, 0.1 * i) for i in range(9) for rep in ("r1", "r2")))
    plan = assign(pairs, _reps(r1=(7, 9), r2=(7, 9)), shortfall_price=1e15)
    assert plan.gap == 0
    assert plan.objective == pytest.approx(3.6)
    assert plan.shortfall_price == plan.binding["price"].max() == 1e15


def test_a_pair_worth_nothing_is_taken_only_where_a_minimum_or_coverage_needs_it() -> None:
    pairs = _pairs(("a", "r1", 0), ("b", "r1", 0), ("c", "r1", 2))
    assert assign(pairs, _reps(r1=(0, 9))).assignments["account_id"].tolist() == ["c"]
    assert assign(pairs, _reps(r1=(2, 9))).assignments["account_id"].tolist() == ["c", "a"]
    assert len(assign(pairs, _reps(r1=(0, 9)), coverage="all").assignments) == 3


def test_a_limit_of_infinity_is_no_limit() -> None:
    pairs = _pairs(*((f"a{i}", "r1", 1.0 + i, 2.0) for i in range(12)))
    plan = assign(pairs, _reps(r1=(0, np.inf, np.inf)))
    assert len(plan.assignments) == 12
    assert plan.binding.empty


def test_a_split_relaxation_is_rounded_within_the_hours_and_bounded_from_above() -> None:
    # Nine hours, most value an hour first: "a" and three quarters of "b" give the bound; whole, "b" and "c" are best.
    pairs = _pairs(("a", "r1", 60, 6), ("b", "r1", 39, 4), ("c", "r1", 45, 5))
    plan = assign(pairs, _reps(r1=(0, 9, 9)))
    assert plan.objective == 60
    assert plan.bound == pytest.approx(60 + 0.75 * 39)
    assert plan.gap == pytest.approx((plan.bound - 60) / plan.bound)
    exact = assign(pairs, _reps(r1=(0, 9, 9)), method="mip")
    assert exact.objective == exact.bound == 84
    assert exact.gap == 0
    row = exact.binding.iloc[0]
    assert (row["rule"], row["limit"], row["used"]) == ("max_load", 9, 9)
    assert row["price"] == pytest.approx(39 / 4)


def test_no_pairs_give_an_empty_plan_but_cannot_cover_everyone() -> None:
    pairs = pd.DataFrame(columns=["account_id", "rep_id", "value"])
    reps = _reps(r1=(2, 3))
    plan = assign(pairs, reps)
    assert plan.assignments.empty
    assert plan.waiting.empty
    assert plan.objective == plan.bound == plan.gap == 0
    assert plan.binding["shortfall"].tolist() == [2]
    assert list(plan.assignments.columns) == ["account_id", "rep_id", "value", "g_rank", "r_rank"]
    assert can_place_all(pairs, reps)
    with pytest.raises(BadInput, match="nobody to place"):
        assign(pairs, reps, coverage="all")
    with pytest.raises(Infeasible, match="lower min_accounts of rep r1 from 2 to 0"):
        assign(pairs, reps, elastic=False)


def test_nobody_to_work_gives_an_empty_plan() -> None:
    empty = pd.DataFrame(columns=["rep_id", "min_accounts", "max_accounts"])
    plan = assign(pd.DataFrame(columns=["account_id", "rep_id", "value"]), empty)
    assert plan.binding.empty
    with pytest.raises(BadInput, match="which reps does not list"):
        assign(_pairs(("a", "r1", 1)), empty)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"method": "guess"}, "choose from lp, mip"),
        ({"coverage": "some"}, "choose from best, all"),
        ({"shortfall_price": -1}, "at least 0"),
        ({"shortfall_price": "much"}, "at least 0"),
        ({"shortfall_price": 5, "elastic": False}, "only with elastic=True"),
        ({"seconds": "long"}, "seconds is long"),
        ({"pins": [("a", "r1")]}, "pins is no DataFrame"),
        ({"pins": pd.DataFrame({"account_id": ["a"]})}, "missing: rep_id"),
    ],
)
def test_unknown_options_are_refused_in_words(options: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        assign(_pairs(("a", "r1", 1)), _reps(r1=(0, 1)), **options)


def test_the_inputs_are_left_as_they_were() -> None:
    pairs, reps = _pairs(("b", "r1", 1), ("a", "r1", 2)), _reps(r1=(0, 1))
    before = pairs.copy(), reps.copy()
    assign(pairs, reps)
    pd.testing.assert_frame_equal(pairs, before[0])
    pd.testing.assert_frame_equal(reps, before[1])

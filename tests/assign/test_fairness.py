"""Quota fairness: the best even plan against trying every plan, and the sentence where none is even enough."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.assign.plan import assign
from copilot.assign.scenario import Wish, play
from copilot.assign.whatif import Base, Change
from copilot.errors import BadInput, Infeasible

PRICE = 1000.0  # of a missing account: above any exchange in these worlds


def _pairs(*rows: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["account_id", "rep_id", "value"])


def _reps(*rows: tuple[str, int, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["rep_id", "min_accounts", "max_accounts"])


# Free, r1 would work on a and b (12 + 9) and r2 on c (2).
PAIRS = _pairs(("a", "r1", 12), ("b", "r1", 9), ("b", "r2", 7), ("c", "r2", 2))
REPS = _reps(("r1", 0, 2), ("r2", 0, 2))


def _tried(
    pairs: pd.DataFrame, reps: pd.DataFrame, coverage: str, elastic: bool, most: float
) -> tuple[float | None, float]:
    """Try every plan: the best worth of the even ones (None: none) and the least spread of those that keep the rest."""
    ids, low, high = reps["rep_id"].tolist(), reps["min_accounts"].to_numpy(), reps["max_accounts"].to_numpy()
    rooms = reps["max_load"].to_numpy() if "max_load" in reps else np.full(len(ids), np.inf)
    options = []
    for _, own in pairs.groupby("account_id"):
        loads = own["load"] if "load" in own else own["value"] * 0
        taken = [
            (ids.index(rep), value, load) for rep, value, load in zip(own["rep_id"], own["value"], loads, strict=True)
        ]
        options.append(taken if coverage == "all" else [*taken, None])
    best, least = None, np.inf
    for way in product(*options):
        count, total, load = np.zeros(len(ids)), np.zeros(len(ids)), np.zeros(len(ids))
        for rep, value, hours in filter(None, way):
            count[rep], total[rep], load[rep] = count[rep] + 1, total[rep] + value, load[rep] + hours
        short = np.maximum(low - count, 0).sum()
        if (count > high).any() or (load > rooms + 1e-9).any() or (short and not elastic):
            continue
        least = min(least, float(np.ptp(total)))
        if np.ptp(total) <= most + 1e-9:
            worth = float(total.sum() - PRICE * short)
            best = worth if best is None else max(best, worth)
    return best, least


@pytest.mark.parametrize("coverage", ["best", "all"])
@pytest.mark.parametrize("elastic", [True, False])
@pytest.mark.parametrize("loaded", [True, False])
@given(data=st.data())
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_even_plan_is_the_best_of_all_even_plans(
    data: st.DataObject, worlds: Any, coverage: Any, elastic: bool, loaded: bool
) -> None:
    pairs, reps = data.draw(worlds(loaded=loaded, accounts=5, reps=3))
    most = float(data.draw(st.integers(0, 6)))
    options = {"coverage": coverage, "elastic": elastic, "shortfall_price": PRICE if elastic else None}
    best, least = _tried(pairs, reps, coverage, elastic, most)
    if best is None:
        with pytest.raises(Infeasible) as caught:
            assign(pairs, reps, method="mip", max_spread=most, **options)
        if np.isfinite(least):  # it is the spread alone that cannot be kept
            (rule,) = caught.value.relax
            assert rule["rule"] == "max_spread"
            assert rule["to"] == pytest.approx(least, abs=1e-5)
        return
    plan = assign(pairs, reps, method="mip", max_spread=most, **options)
    short = plan.binding["shortfall"].sum()
    assert plan.objective - PRICE * short == pytest.approx(best, abs=1e-6)
    assert plan.gap == pytest.approx(0, abs=1e-9)
    sums = plan.assignments.groupby("rep_id")["value"].sum().reindex(reps["rep_id"], fill_value=0.0)
    assert plan.spread == pytest.approx(np.ptp(sums), abs=1e-9)
    assert plan.spread <= most + 1e-6


def test_a_bound_that_the_best_plan_keeps_changes_nothing() -> None:
    free = assign(PAIRS, REPS)
    assert free.spread == 19
    pd.testing.assert_frame_equal(assign(PAIRS, REPS, max_spread=19).assignments, free.assignments)


def test_pinned_accounts_count_and_a_spread_beyond_reach_says_what_can_be_kept() -> None:
    pins = _pairs(("a", "r1", 0)).drop(columns="value")
    even = assign(PAIRS, REPS, max_spread=5, pins=pins)
    assert even.objective == even.bound == 21
    assert even.spread == 3
    with pytest.raises(Infeasible, match=r"within 1 of each other; raise max_spread from 1 to 3, the least") as caught:
        assign(PAIRS, REPS, max_spread=1, pins=pins)
    assert caught.value.relax[0]["amount"] == 2
    with pytest.raises(BadInput, match="max_spread is -1"):
        assign(PAIRS, REPS, max_spread=-1)


def test_an_even_plan_is_found_near_the_bound_and_its_bound_holds() -> None:
    rng = np.random.default_rng(7)
    account, rep = np.nonzero(rng.random((60, 5)) < 0.5)
    pairs = pd.DataFrame({"account_id": account, "rep_id": rep, "value": rng.gamma(2, 20, len(account)) * (1 + rep)})
    reps = pd.DataFrame({"rep_id": np.arange(5), "min_accounts": 3, "max_accounts": 9})
    free = assign(pairs, reps)
    plan = assign(pairs, reps, max_spread=free.spread / 4)
    assert plan.spread <= free.spread / 4 + 1e-6
    assert plan.objective <= plan.bound <= free.objective
    assert 0 <= plan.gap <= 0.001


def test_an_account_left_out_to_keep_the_reps_even_is_told_so() -> None:
    plan = assign(
        _pairs(("a", "r1", 12), ("b", "r1", 9), ("c", "r2", 10)), _reps(("r1", 0, 2), ("r2", 0, 2)), max_spread=5
    )
    assert plan.objective == 22
    assert plan.waiting["why"].tolist() == ["r1 at max_spread"]


def test_what_ifs_and_scenarios_reach_it() -> None:
    base = Base.of(PAIRS, REPS)
    found = base.what_if(Change(max_spread=5))
    assert found.plan.spread == 3
    assert found.gain == -2
    assert found.moves["account_id"].tolist() == ["b"]
    accounts = pd.DataFrame(
        {
            "account_id": ["a", "b", "c"],
            "owner_rep_id": ["r1", "r1", "r2"],
            "value": [12.0, 9.0, 2.0],
            "value_today": [12.0, 9.0, 2.0],
            "region": None,
            "movable": True,
        }
    )
    team = pd.DataFrame({"rep_id": ["r1", "r2"], "max_accounts": [2, 2], "region": None})
    moved = play(accounts, team, Wish(keep_owner_bonus=1.0, max_spread=5.0)).moves
    assert moved.values.tolist() == [["b", "r1", "r2"]]

"""What a change does to a plan on a small team known by heart, and that the way back leads back."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.assign.plan import assign
from copilot.assign.whatif import Base, Change, apply, undo
from copilot.errors import BadInput, Infeasible

PAIRS = pd.DataFrame(
    [("a", "r1", 9.0), ("a", "r2", 7.0), ("b", "r1", 6.0), ("b", "r2", 5.0), ("c", "r1", 4.0), ("d", "r2", 3.0)],
    columns=["account_id", "rep_id", "value"],
)
REPS = pd.DataFrame({"rep_id": ["r1", "r2"], "min_accounts": 0, "max_accounts": [2, 2]})


@pytest.fixture
def base() -> Base:
    return Base.of(PAIRS, REPS)


def _places(plan: Any) -> dict[str, str]:
    return dict(zip(plan.assignments["account_id"], plan.assignments["rep_id"], strict=True))


def test_an_absent_rep_moves_their_accounts_and_costs_what_is_lost(base: Base) -> None:
    # Best: a and c with r1 (13), b and d with r2 (8); or a, b with r1 and d with r2: 18.
    assert base.plan.objective == 21
    gone = base.what_if(Change(without=("r2",)))
    assert _places(gone.plan) == {"a": "r1", "b": "r1"}
    assert gone.gain == 15 - 21
    assert gone.moves[["account_id", "from_rep_id", "to_rep_id", "gain"]].fillna("-").values.tolist() == [
        ["b", "r2", "r1", 1.0],
        ["d", "r2", "-", -3.0],
        ["c", "r1", "-", -4.0],
    ]
    assert gone.loads.set_index("rep_id").loc["r2", ["accounts_before", "accounts_after"]].tolist() == [2, 0]


def test_one_more_place_names_who_gets_it_and_the_price_said_so(base: Base) -> None:
    tight = Base.of(PAIRS, REPS.assign(max_accounts=1))
    price = tight.plan.prices.set_index("rep_id").loc["r1", "max_price"]
    more = tight.what_if(Change(limits={"r1": {"max_accounts": 2}}))
    assert more.gain == 4  # c joins
    assert more.gain <= price <= 9
    assert set(more.binding["rep_id"]) == {"r1", "r2"}
    assert list(more.places.columns) == ["rep_id", "one_more_place", "one_more_hour"]


def test_a_pin_and_a_ban_are_kept_and_cost_at_least_nothing(base: Base) -> None:
    pinned = base.what_if(Change(pins=(("a", "r2"),)))
    assert _places(pinned.plan)["a"] == "r2"
    assert pinned.gain <= 0
    assert pinned.plan.gap == 0
    banned = base.what_if(Change(forbidden=(("a", "r1"),)))
    assert _places(banned.plan)["a"] == "r2"
    assert banned.plan.objective == pinned.plan.objective


def test_so_many_accounts_go_over_and_nobody_else_moves(base: Base) -> None:
    moved = base.what_if(Change(move=(1, "r1", "r2"), limits={"r2": {"max_accounts": 3}}))
    assert moved.moves[["account_id", "from_rep_id", "to_rep_id"]].values.tolist() == [["a", "r1", "r2"]]
    assert moved.gain == -2
    with pytest.raises(BadInput, match="of which rep r2 may take 1; 2 cannot move"):
        base.what_if(Change(move=(2, "r1", "r2")))
    with pytest.raises(Infeasible, match="make room: raise max_accounts of rep r2 from 0 to 1") as caught:
        base.what_if(Change(move=(1, "r1", "r2"), everyone={"max_accounts": 0}))
    assert [(rule["rep_id"], rule["amount"]) for rule in caught.value.relax] == [("r2", 1.0)]


def test_a_new_rep_and_other_values_come_as_frames(base: Base) -> None:
    new = pd.DataFrame({"rep_id": ["r3"], "min_accounts": [0], "max_accounts": [1]})
    pairs = pd.concat([PAIRS, pd.DataFrame({"account_id": ["d"], "rep_id": ["r3"], "value": [8.0]})])
    grown = base.what_if(Change(added=new, pairs=pairs))
    assert grown.gain == 5
    assert grown.loads.set_index("rep_id").loc["r3", "accounts_after"] == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (Change(without=("r9",)), "no rep r9 in the plan"),
        (Change(without=("r1", "r2")), "nobody is left"),
        (Change(limits={"r1": {"seats": 3}}), "no limit 'seats'"),
        (Change(limits={"r1": {"max_accounts": -1}}), "max_accounts -1"),
        (Change(pins=(("d", "r1"),)), "d cannot be pinned to rep r1"),
        (Change(pins=(("a", "r1"), ("a", "r2"))), "pinned twice"),
        (Change(move=(0, "r1", "r2")), "0 accounts cannot move"),
        (Change(move=(1.5, "r1", "r2")), "1.5 accounts cannot move"),  # type: ignore[arg-type]
        (Change(everyone={"max_accounts": "many"}), "max_accounts is 'many'"),  # type: ignore[dict-item]
        (Change(forbidden=(("a", "r9"),)), "a with r9 cannot be forbidden"),
        (Change(pins=("a",)), "'a' is no pair"),  # type: ignore[arg-type]
        (Change(pairs=PAIRS[["account_id"]]), "missing: rep_id, value"),
    ],
)
def test_a_change_that_means_nothing_is_refused(base: Base, change: Change, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        base.what_if(change)


def test_the_moves_taken_back_restore_the_owners_and_refuse_when_out_of_date(base: Base) -> None:
    difference = base.what_if(Change(without=("r2",)))
    owners = base.plan.assignments.set_index("account_id")["rep_id"]
    after = apply(owners, difference.moves)
    assert after["b"] == "r1"
    assert pd.isna(after["d"])
    back = apply(after, undo(difference.moves))
    pd.testing.assert_series_equal(back.sort_index(), owners.sort_index(), check_names=False)
    with pytest.raises(BadInput, match="no longer with"):
        apply(after, difference.moves)


def test_starting_from_a_plan_changes_no_result() -> None:
    rng = np.random.default_rng(3)
    account, rep = np.nonzero(rng.random((60, 6)) < 0.6)
    pairs = pd.DataFrame({"account_id": account, "rep_id": rep, "value": rng.gamma(2, 10, len(account))})
    reps = pd.DataFrame({"rep_id": np.arange(6), "min_accounts": 3, "max_accounts": 8})
    base = Base.of(pairs, reps)
    for most in (4, 9, 12):
        warm = base.what_if(Change(everyone={"max_accounts": most})).plan
        cold = assign(pairs, reps.assign(max_accounts=most))
        assert warm.objective == pytest.approx(cold.objective, rel=1e-12)
        assert warm.gap == 0


@pytest.mark.parametrize("coverage", ["best", "all"])
@pytest.mark.parametrize("elastic", [True, False])
@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.filterwarnings("error")
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_all_wishes_at_once_are_planned_as_trying_every_plan_would(
    data: st.DataObject, worlds: Any, coverage: Any, elastic: bool, loaded: bool
) -> None:
    pairs, reps = data.draw(worlds(loaded=loaded, accounts=5, reps=3))
    price = 1000.0 if elastic else None
    options = {"method": "mip", "coverage": coverage, "elastic": elastic, "shortfall_price": price}
    base = Base(pairs, reps, assign(pairs, reps.assign(min_accounts=0)), options)
    known = list(zip(pairs["account_id"], pairs["rep_id"], strict=True))
    pins = data.draw(st.lists(st.sampled_from(known), max_size=2, unique_by=lambda pair: pair[0]))
    forbidden = data.draw(st.lists(st.sampled_from([pair for pair in known if pair not in pins] or known), max_size=2))
    forbidden = [pair for pair in forbidden if pair not in pins]
    least = data.draw(st.integers(0, 2))
    limits = {"min_accounts": least, "max_accounts": least + data.draw(st.integers(0, 3))}
    change = Change(everyone=limits, pins=tuple(pins), forbidden=tuple(forbidden))
    left = pairs[~pd.Series(known, index=pairs.index).isin(forbidden)]
    best = _tried(left, reps.assign(**limits), coverage, price, dict(pins))
    if coverage == "all" and left.empty:
        return  # nobody to place: refused elsewhere
    if best is None:
        with pytest.raises(Infeasible):
            base.what_if(change)
        return
    found = base.what_if(change).plan
    taken = dict(zip(found.assignments["account_id"], found.assignments["rep_id"], strict=True))
    assert pins == [] or dict(pins).items() <= taken.items()
    assert not set(taken.items()) & set(forbidden)
    short = sum(max(0, least - list(taken.values()).count(rep)) for rep in reps["rep_id"])
    assert found.objective - (price or 0.0) * short == pytest.approx(best, abs=1e-6)


def _tried(
    pairs: pd.DataFrame, reps: pd.DataFrame, coverage: str, price: float | None, pins: dict[str, str]
) -> float | None:
    """Try every plan; return the best worth less the charges for shortfalls, None where no plan keeps the rules."""
    rows = {key: (row.value, getattr(row, "load", 0.0)) for key, row in _by_pair(pairs)}
    choices = []
    for account in pairs["account_id"].unique():
        own: list[str | None] = list(pairs.loc[pairs["account_id"] == account, "rep_id"])
        choices.append([pins[account]] if account in pins else own + ([None] if coverage == "best" else []))
    accounts, best = pairs["account_id"].unique(), None
    for way in product(*choices):
        worth, used = 0.0, dict.fromkeys(reps["rep_id"], 0)
        hours = dict.fromkeys(reps["rep_id"], 0.0)
        for account, rep in zip(accounts, way, strict=True):
            if rep is not None:
                value, load = rows[account, rep]
                worth, used[rep], hours[rep] = worth + value, used[rep] + 1, hours[rep] + load
        short = sum(max(0, row.min_accounts - used[row.rep_id]) for row in reps.itertuples())
        fits = all(
            used[row.rep_id] <= row.max_accounts and hours[row.rep_id] <= getattr(row, "max_load", np.inf) + 1e-9
            for row in reps.itertuples()
        )
        if fits and (price is not None or short == 0):
            worth -= (price or 0.0) * short
            best = worth if best is None else max(best, worth)
    return best


def _by_pair(pairs: pd.DataFrame) -> list[tuple[tuple[str, str], Any]]:
    return [((row.account_id, row.rep_id), row) for row in pairs.itertuples()]

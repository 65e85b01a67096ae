"""Weeks: the best choice within the hours, against every other choice and against a solver; what is due comes first."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from copilot.assign.week import DAYS, HOURS_A_DAY, fill
from copilot.errors import BadInput


def book(rng: np.random.Generator, size: int, *, due: float = 0.4) -> pd.DataFrame:
    """Accounts of random values and hours, some of them due on a day of the week."""
    last = rng.integers(0, DAYS, size).astype(float)
    return pd.DataFrame(
        {
            "account_id": [f"A-{n:03d}" for n in range(size)],
            "value": rng.uniform(0.1, 100, size).round(3),
            "hours": rng.choice([0.25, 0.75, 1.0, 1.5, 2.0, 6.0], size),
            "last_day": np.where(rng.uniform(size=size) < due, last, np.nan),
        }
    )


def fits(chosen: pd.DataFrame, hours: float) -> bool:
    """Whether what is due by each day can be worked off by its end, at most HOURS_A_DAY a day."""
    last = chosen["last_day"].fillna(DAYS - 1)
    return all(
        chosen.loc[last <= day, "hours"].sum() <= min(hours, HOURS_A_DAY * (day + 1)) + 1e-9 for day in range(DAYS)
    )


@pytest.mark.parametrize("seed", range(25))
def test_no_other_choice_within_the_hours_is_worth_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    accounts, hours = book(rng, 9), float(rng.integers(1, 90)) / 4
    week = fill(accounts, hours)
    every = (accounts.loc[list(some)] for n in range(10) for some in combinations(accounts.index, n))
    assert week.value == pytest.approx(max(some["value"].sum() for some in every if fits(some, hours)))
    assert fits(accounts[accounts["account_id"].isin(week.chosen["account_id"])], hours)


@pytest.mark.parametrize("seed", range(6))
def test_large_books_are_solved_as_an_integer_program_solves_them(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    accounts, hours = book(rng, 120), float(rng.integers(8, 160)) / 4
    size, last = accounts["hours"].to_numpy(), accounts["last_day"].fillna(DAYS - 1).to_numpy()
    rows = np.array([np.where(last <= day, size, 0) for day in range(DAYS)])
    limits = [min(hours, HOURS_A_DAY * (day + 1)) for day in range(DAYS)]
    best = milp(
        -accounts["value"].to_numpy(),
        constraints=LinearConstraint(rows, ub=limits),
        integrality=np.ones(len(accounts)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0},
    )
    assert best.success
    assert fill(accounts, hours).value == pytest.approx(-best.fun, rel=1e-9)


def test_what_runs_out_first_stands_first_and_never_after_its_day() -> None:
    for seed in range(20):
        accounts = book(np.random.default_rng(seed), 25)
        week = fill(accounts, 14)
        chosen = week.chosen.merge(accounts[["account_id", "last_day"]], on="account_id")
        last = chosen["last_day"].fillna(DAYS - 1)
        assert (chosen["day"] <= last).all()
        assert chosen["day"].is_monotonic_increasing
        keys = list(zip(last, -chosen["value"], strict=True))
        assert keys == sorted(keys)
        assert set(week.chosen["account_id"]) | set(week.left["account_id"]) == set(accounts["account_id"])
        assert week.left["value"].is_monotonic_decreasing


def test_the_hours_are_spread_over_the_week() -> None:
    accounts = pd.DataFrame(
        {"account_id": list("abcdefghij"), "value": range(10, 0, -1), "hours": 1.0, "last_day": np.nan}
    )
    assert list(fill(accounts, 10).chosen["day"]) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert list(fill(accounts, 5).chosen["day"]) == [0, 1, 2, 3, 4]


def test_what_is_due_on_the_first_day_takes_more_than_its_share_of_that_day() -> None:
    accounts = pd.DataFrame(
        {"account_id": list("abcd"), "value": [1.0, 2, 3, 9], "hours": 2.0, "last_day": [0, 0, 0, np.nan]}
    )
    chosen = fill(accounts, 8).chosen
    assert list(chosen["account_id"]) == ["c", "b", "a", "d"]
    assert list(chosen["day"]) == [0, 0, 0, 3]


def test_a_day_holds_no_more_than_its_hours_of_what_is_due_on_it() -> None:
    accounts = pd.DataFrame({"account_id": list("abc"), "value": [1.0, 2, 3], "hours": 4.0, "last_day": [0.0, 0, 0]})
    week = fill(accounts, 40)
    assert list(week.chosen["account_id"]) == ["c", "b"]
    assert list(week.left["account_id"]) == ["a"]


def test_an_action_counts_in_begun_quarters_of_an_hour_and_a_week_in_whole_ones() -> None:
    accounts = pd.DataFrame({"account_id": ["a", "b"], "value": [2.0, 1.0], "hours": [0.3, 0.3], "last_day": np.nan})
    assert fill(accounts, 0.99).hours == 0.5
    assert len(fill(accounts, 0.99).chosen) == 1
    assert len(fill(accounts, 1.0).chosen) == 2
    assert fill(accounts, 0.2).chosen.empty


def test_the_order_of_the_rows_changes_nothing_and_of_equals_the_first_id_goes() -> None:
    accounts = book(np.random.default_rng(3), 30).assign(value=lambda rows: rows["value"].round(-1) + 10)
    one, other = (fill(rows, 9).chosen for rows in (accounts, accounts.sample(frac=1, random_state=1)))
    pd.testing.assert_frame_equal(one, other)
    same = pd.DataFrame({"account_id": list("cab"), "value": 5.0, "hours": 1.0, "last_day": np.nan})
    assert list(fill(same, 2).chosen["account_id"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("column", "wrong"), [("value", 0.0), ("value", np.nan), ("hours", 0.0), ("hours", np.inf), ("account_id", "A-001")]
)
def test_a_book_that_means_nothing_is_refused(column: str, wrong: object) -> None:
    accounts = book(np.random.default_rng(0), 4)
    accounts.loc[0, column] = wrong
    with pytest.raises(BadInput, match="each account once, with a value and hours above 0"):
        fill(accounts, 5)
    with pytest.raises(BadInput, match="missing: hours"):
        fill(accounts.drop(columns="hours"), 5)

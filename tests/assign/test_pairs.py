"""Which pairs exist and what they are worth, on accounts and reps known by heart."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from copilot.assign.pairs import Rules, build
from copilot.errors import BadInput

ACCOUNTS = pd.DataFrame(
    {
        "account_id": ["a", "b", "c"],
        "value": [10.0, 20.0, 30.0],
        "territory": ["EMEA", "NA", None],
        "language": ["de", "en", "en"],
        "owner_rep_id": ["r1", None, "r2"],
        "uplift_usd": [5.0, 50.0, None],
        "engagement_change": [9.0, 1.0, 9.0],
        "hours": [2.0, 4.0, 6.0],
    }
)
REPS = pd.DataFrame(
    {"rep_id": ["r1", "r2"], "territory": ["EMEA, NA", "APAC"], "language": ["en", None], "speed": [2.0, 1.0]}
)


def _pairs(rules: Rules, accounts: pd.DataFrame = ACCOUNTS, **options: Any) -> dict[tuple[str, str], float]:
    found = build(accounts, REPS, rules, **options).pairs
    return {(row.account_id, row.rep_id): row.value for row in found.itertuples()}


def test_territories_must_match_and_an_empty_cell_fits_all() -> None:
    assert set(_pairs(Rules(must_match=("territory",)))) == {("a", "r1"), ("b", "r1"), ("c", "r1"), ("c", "r2")}


def test_a_missing_skill_costs_a_share_and_today_s_owner_earns_the_bonus() -> None:
    pairs = _pairs(Rules(discounts=(("language", 0.5),), keep_owner_bonus=3.0))
    assert pairs == {
        ("a", "r1"): 10 * 0.5 + 3,
        ("a", "r2"): 10.0,
        ("b", "r1"): 20.0,
        ("b", "r2"): 20.0,
        ("c", "r1"): 30.0,
        ("c", "r2"): 30.0 + 3,
    }


def test_thresholds_rest_and_no_fit_are_told() -> None:
    accounts = ACCOUNTS.assign(recommended_on=pd.to_datetime([None, "2026-06-20", None]))
    out = build(accounts, REPS, Rules(min_uplift_usd=4.0), today=date(2026, 7, 1)).out
    assert out.to_dict("records") == [
        {"account_id": "b", "why": "resting"},
        {"account_id": "c", "why": "below the uplift threshold"},
    ]
    lone = ACCOUNTS.assign(territory="LATAM", engagement_change=[9.0, 1.0, 9.0])
    out = build(lone, REPS, Rules(must_match=("territory",), min_engagement=1.0)).out
    assert out["why"].tolist() == ["no rep fits", "below the engagement threshold", "no rep fits"]


def test_the_cooldown_covers_the_last_fourteen_days_and_not_today() -> None:
    accounts = ACCOUNTS.assign(recommended_on=pd.to_datetime(["2026-07-01", "2026-06-17", "2026-06-16"]))
    assert {account for account, _ in _pairs(Rules(), accounts, today=date(2026, 7, 1))} == {"a", "c"}


def test_hours_become_loads_by_the_rep_s_speed() -> None:
    load = build(ACCOUNTS, REPS, Rules()).pairs["load"].tolist()
    assert load == [1.0, 2.0, 2.0, 4.0, 3.0, 6.0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: build(ACCOUNTS.drop(columns="value"), REPS, Rules()), "missing: value"),
        (lambda: build(ACCOUNTS, REPS, Rules(must_match=("segment",))), "missing: segment"),
        (lambda: build(pd.concat([ACCOUNTS, ACCOUNTS]), REPS, Rules()), "lists a more than once"),
        (lambda: build(ACCOUNTS.assign(hours=-1.0), REPS, Rules()), "hours of 0 or more"),
        (lambda: build(ACCOUNTS, REPS.assign(speed=0.0), Rules()), "speed must be a number above 0"),
        (lambda: build(ACCOUNTS.assign(recommended_on=pd.NaT), REPS, Rules()), "give today="),
        (lambda: build(ACCOUNTS.assign(value=["x", 1, 2]), REPS, Rules()), "'x' as value"),
        (lambda: build(ACCOUNTS.assign(uplift_usd="x"), REPS, Rules(min_uplift_usd=1.0)), "'x' as uplift_usd"),
        (lambda: build(ACCOUNTS.assign(account_id=None), REPS, Rules()), "3 rows of accounts have no account_id"),
        (
            lambda: build(ACCOUNTS.assign(recommended_on="soon"), REPS, Rules(), today=date(2026, 7, 1)),
            "'soon' as recommended_on",
        ),
        (lambda: Rules(discounts=(("skill", 1.5),)), "from 0 to 1"),
        (lambda: Rules(keep_owner_bonus=-1), "at least 0"),
        (lambda: Rules(cooldown_days=-1), "at least 0"),
    ],
)
def test_what_cannot_be_used_is_refused(make: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        make()

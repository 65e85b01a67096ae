"""Tables 1 and 2 as the paper prints them, and k by backtest where the right k is known."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from copilot.assign.plan import assign
from copilot.assign.tables import tables
from copilot.errors import BadInput

ACCOUNTS = pd.DataFrame(
    {
        "account_id": ["101", "102", "103"],
        "action": ["promote_upsell", "boost_engagement", None],
        "uplift_usd": [5000.0, 2000.0, -1000.0],
        "engagement_change": [15.0, 30.0, 5.0],
    }
)


def _plan(first: str = "101") -> object:
    pairs = pd.DataFrame({"account_id": [first, "102", "103"], "rep_id": ["R1", "R1", "R2"], "value": [9.0, 8.0, 7.0]})
    return assign(pairs, pd.DataFrame({"rep_id": ["R1", "R2"], "min_accounts": 0, "max_accounts": 5}))


def test_the_tables_of_the_paper_come_out_as_frames_and_csv(tmp_path: Path) -> None:
    made = tables(_plan(), ACCOUNTS)  # type: ignore[arg-type]
    assert made.details.values.tolist() == [["101", "R1", 1, 1], ["102", "R1", 2, 2], ["103", "R2", 3, 1]]
    details, actions = made.write(tmp_path)
    assert details.read_text().splitlines()[:2] == ["Account ID,Rep ID,gRank,rRank", "101,R1,1,1"]
    assert actions.read_text().splitlines() == [
        "Account ID,Action,U_i,E_i",
        "101,Promote Upsell,5000.0,15.0",
        "102,Boost Engagement,2000.0,30.0",
        "103,,-1000.0,5.0",
    ]


def test_an_id_like_a_formula_is_no_formula_in_the_file(tmp_path: Path) -> None:
    made = tables(_plan("=1+1"), ACCOUNTS.replace("101", "=1+1"))  # type: ignore[arg-type]
    assert "'=1+1" in made.write(tmp_path)[0].read_text()


def test_tables_need_every_account_of_the_plan_once() -> None:
    for accounts in (ACCOUNTS.drop(columns="action"), ACCOUNTS.head(2), pd.concat([ACCOUNTS, ACCOUNTS])):
        with pytest.raises(BadInput):
            tables(_plan(), accounts)  # type: ignore[arg-type]

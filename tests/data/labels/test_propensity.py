"""Who buys (APS) and who buys more (UPS)."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.data.labels.propensity import _next_win, aps, ups
from copilot.errors import BadInput
from tests.data.labels.conftest import MakeBook


def deal(created: str | None, closed: str | None, status: str, **more: Any) -> dict[str, Any]:
    return {"created_date": created, "close_date": closed, "status": status, **more}


LOST = deal("2024-01-05", "2024-02-10", "lost", opportunity_id="lost")


def the_lost(found: pd.DataFrame) -> dict[str, Any]:
    rows = found[found["opportunity_id"] == "lost"].assign(known_at=lambda f: f["known_at"].astype(str))
    return rows[["label", "flipped", "known_at"]].to_dict("records")[0] if len(rows) else {}


@pytest.mark.parametrize(
    ("win", "expected"),
    [
        ("2025-02-10", {"label": 1, "flipped": True, "known_at": "2025-02-10"}),  # 12 months to the day
        ("2025-02-11", {"label": 0, "flipped": False, "known_at": "2025-02-10"}),
        ("2024-02-10", {"label": 1, "flipped": True, "known_at": "2024-02-10"}),
        ("2024-02-09", {"label": 0, "flipped": False, "known_at": "2025-02-10"}),  # a win before is no later try
    ],
)
def test_a_lost_deal_counts_as_won_when_a_win_follows_within_12_months(
    make_book: MakeBook, win: str, expected: dict[str, Any]
) -> None:
    book = make_book(accounts=[{"account_id": "a"}], opportunities=[LOST, deal("2024-02-01", win, "won")])
    assert the_lost(aps(book).frame) == expected


def test_a_lost_deal_is_censored_until_it_is_12_months_old_or_a_win_followed(make_book: MakeBook) -> None:
    won_later = deal("2024-06-01", "2024-09-01", "won")
    young = aps(make_book("2025-02-09", opportunities=[LOST]))
    assert (len(young.frame), young.censored) == (0, 1)
    assert len(aps(make_book("2025-02-10", opportunities=[LOST])).frame) == 1
    assert len(aps(make_book("2024-09-01", opportunities=[LOST, won_later])).frame) == 2


def test_a_win_that_was_recorded_late_flips_only_from_then_on(make_book: MakeBook) -> None:
    late = deal("2024-06-01", "2024-09-01", "won", known_ts="2025-05-01")
    assert the_lost(aps(make_book("2025-04-30", opportunities=[LOST, late])).frame)["label"] == 0
    found = the_lost(aps(make_book("2025-05-01", opportunities=[LOST, late])).frame)
    assert found == {"label": 1, "flipped": True, "known_at": "2025-05-01"}


def test_another_accounts_win_flips_nothing(make_book: MakeBook) -> None:
    other = deal("2024-02-20", "2024-05-01", "won", account_id="b")
    assert the_lost(aps(make_book(opportunities=[LOST, other])).frame)["label"] == 0


def test_features_look_back_from_the_day_before_creation_and_the_region_is_the_accounts(make_book: MakeBook) -> None:
    accounts = [{"account_id": "a", "region": "EMEA"}]
    found = aps(make_book(accounts=accounts, opportunities=[deal("2024-03-01", "2024-04-01", "won")])).frame
    assert list(found["as_of"].astype(str)) == ["2024-02-29"]
    assert list(found["region"]) == ["EMEA"]


@pytest.mark.parametrize(
    ("created", "year_ends", "season"),
    [
        ("2024-06-30", 12, "mid_year"),
        ("2024-07-01", 12, "year_end"),
        ("2024-07-01", 6, "mid_year"),
        ("2024-01-31", 6, "year_end"),
    ],
)
def test_the_season_is_the_half_of_the_teams_year_a_deal_is_created_in(
    make_book: MakeBook, created: str, year_ends: int, season: str
) -> None:
    book = make_book(opportunities=[deal(created, "2024-12-01", "won")])
    assert list(aps(book, year_ends=year_ends).frame["season"]) == [season]


def test_deals_that_cannot_be_placed_are_left_out_and_counted(make_book: MakeBook) -> None:
    book = make_book(
        opportunities=[
            deal("2024-01-01", "2024-02-01", "won", account_id=None),
            deal(None, "2024-02-01", "won"),
            deal("2024-01-01", None, "won"),
            deal("2024-03-01", "2024-02-01", "won"),
            deal("2024-01-01", "2024-02-01", "won", amount_usd=float("inf")),
            deal("2024-01-01", "2024-02-01", "won", known_ts="2026-07-01"),
            deal("2024-01-01", "2027-02-01", "won", known_ts="2024-01-01"),
            deal("2024-01-01", "2024-02-01", "won", kind="renewal"),
            deal("2024-01-01", None, "open"),
            deal("2024-01-01", "2024-02-01", "won", kind=None),
        ]
    )
    found = aps(book)
    assert len(found.frame) == 1
    assert found.censored == 1  # the open one
    assert sum(found.left_out.values()) == 7
    assert len(found.left_out) == 7


def test_a_month_that_is_none_is_refused(make_book: MakeBook) -> None:
    with pytest.raises(BadInput, match="cannot end in month 13"):
        aps(make_book(), year_ends=13)


def test_a_book_without_deals_has_no_labels(make_book: MakeBook) -> None:
    for book in (make_book(), make_book(opportunities=[], contracts=[], opportunity_lines=[])):
        assert aps(book).frame.empty
        assert ups(book, case="add_on").frame.empty
        assert ups(book, case="renewal").frame.empty


DEAL = st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.sampled_from(["won", "lost", "open"]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(DEAL, max_size=12))
def test_flips_agree_with_a_look_at_every_pair_of_deals(drawn: list[tuple[str, int, str]]) -> None:
    days = [pd.Timestamp("2023-01-31") + pd.DateOffset(months=months) for _, months, _ in drawn]
    deals = pd.DataFrame(drawn, columns=["account_id", "months", "status"]).astype(
        {"account_id": "str", "status": "str"}
    )
    deals = deals.assign(region="x", close_date=pd.Series(days, dtype="datetime64[us]"))
    found = _next_win(deals.assign(known_at=deals["close_date"]))
    for row, (account, _, status) in enumerate(drawn):
        wins = [
            days[other]
            for other, (who, _, how) in enumerate(drawn)
            if (who, how) == (account, "won") and days[row] <= days[other] <= days[row] + pd.DateOffset(months=12)
        ]
        expected = min(wins, default=None) if status == "lost" else None
        assert (found[row] == expected) if expected is not None else pd.isna(found[row])


def add_on(make_book: MakeBook, status: str, terms: list[dict[str, Any]], as_of: str, quantity: float = 2) -> Any:
    deals = [deal("2024-04-10", "2024-05-01", status, kind="add_on", opportunity_id="o")]
    lines = [{"opportunity_id": "o", "product": "p", "quantity": quantity, "event_ts": "2024-05-01"}]
    lines = [line | {"known_ts": line["event_ts"]} for line in lines]
    return ups(make_book(as_of, opportunities=deals, opportunity_lines=lines, contracts=terms), case="add_on")


RUNS: dict[str, Any] = {"start_date": "2024-01-01", "end_date": "2025-01-01", "rtcd": "2025-01-01"}
RENEWED: dict[str, Any] = {"start_date": "2025-01-01", "end_date": "2026-01-01", "rtcd": "2026-01-01"}


def test_a_won_add_on_counts_when_the_product_is_renewed(make_book: MakeBook) -> None:
    kept = add_on(make_book, "won", [RUNS, RENEWED], "2026-06-30").frame
    assert kept[["product", "label"]].values.tolist() == [["p", 1]]
    assert list(kept["as_of"].astype(str)) == ["2024-04-09"]
    assert list(kept["known_at"].astype(str)) == ["2025-01-31"]
    assert list(add_on(make_book, "won", [RUNS], "2026-06-30").frame["label"]) == [0]  # sold, but the contract ended


def test_a_won_add_on_is_censored_until_its_renewal_has_settled(make_book: MakeBook) -> None:
    found = add_on(make_book, "won", [RUNS, RENEWED], "2025-01-30")
    assert (len(found.frame), found.censored) == (0, 1)


def test_a_won_add_on_waits_until_the_renewed_contract_was_recorded(make_book: MakeBook) -> None:
    late = RENEWED | {"known_ts": "2025-06-15"}
    found = add_on(make_book, "won", [RUNS, late], "2026-06-30").frame
    assert list(found["known_at"].astype(str)) == ["2025-06-15"]


def test_a_won_add_on_without_renewal_date_is_judged_after_12_months_and_30_days(make_book: MakeBook) -> None:
    found = add_on(make_book, "won", [{"start_date": "2024-01-01"}], "2026-06-30").frame
    assert list(found["label"]) == [1]
    assert list(found["known_at"].astype(str)) == ["2025-05-31"]


def test_a_lost_add_on_is_known_at_once_and_an_open_one_never(make_book: MakeBook) -> None:
    lost = add_on(make_book, "lost", [RUNS], "2024-05-01").frame
    assert list(lost["label"]) == [0]
    assert list(lost["known_at"].astype(str)) == ["2024-05-01"]
    assert add_on(make_book, "open", [RUNS], "2026-06-30").censored == 1


def test_without_contracts_nobody_can_say_whether_a_won_add_on_went_on(make_book: MakeBook) -> None:
    assert add_on(make_book, "won", [], "2026-06-30").censored == 1


def test_a_won_add_on_of_nothing_sold_nothing(make_book: MakeBook) -> None:
    assert list(add_on(make_book, "won", [RUNS, RENEWED], "2026-06-30", quantity=0).frame["label"]) == [0]


def test_a_renewal_counts_when_more_of_the_product_was_bought(make_book: MakeBook) -> None:
    rows = [
        *[RUNS | {"product": p, "quantity": 2.0} for p in ("more", "same", "less", "gone")],
        *[
            RENEWED | {"product": p, "quantity": q}
            for p, q in (("more", 3.0), ("same", 2.0), ("less", 1.0), ("new", 4.0))
        ],
    ]
    found = ups(make_book("2025-12-01", contracts=rows), case="renewal").frame
    assert found.set_index("product")["label"].to_dict() == {"more": 1, "same": 0, "less": 0, "gone": 0}

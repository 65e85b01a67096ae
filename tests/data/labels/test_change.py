"""Growth and churn over a renewal."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.data import labels
from tests.data.labels.conftest import MakeBook

RENEWAL = "2025-03-01"


def term(start: str, end: str, product: str, quantity: float | None, usd: float, **more: Any) -> dict[str, Any]:
    keys = {"start_date": start, "end_date": end, "rtcd": end, "product": product}
    return {**keys, "quantity": quantity, "annual_usd": usd, **more}


def old(product: str, quantity: float | None, usd: float, **more: Any) -> dict[str, Any]:
    return term("2024-03-01", RENEWAL, product, quantity, usd, **more)


def new(product: str, quantity: float | None, usd: float, **more: Any) -> dict[str, Any]:
    return term(RENEWAL, "2026-03-01", product, quantity, usd, **more)


# 001 Fig. 1: one recruiter licence more, two job licences fewer, and less spend in all.
FIGURE_1 = [old("recruiter", 3, 300), old("jobs", 4, 800), new("recruiter", 4, 400), new("jobs", 2, 400)]


def test_one_account_can_grow_in_a_product_and_shrink_in_all(make_book: MakeBook) -> None:
    book = make_book("2025-12-31", contracts=FIGURE_1)
    overall = labels.growth(book).frame
    assert list(overall["delta_usd"]) == [-300]
    assert list(overall["outcome"]) == ["churn"]
    products = labels.growth(book, by="product").frame.set_index("product")
    assert products["delta_quantity"].to_dict() == {"recruiter": 1, "jobs": -2}
    assert products["outcome"].to_dict() == {"recruiter": "upsell", "jobs": "churn"}


def test_a_product_new_at_the_renewal_has_base_0(make_book: MakeBook) -> None:
    book = make_book("2025-12-31", contracts=[old("jobs", 1, 100), new("jobs", 1, 100), new("learning", 5, 50)])
    found = labels.growth(book, by="product").frame.set_index("product")
    assert found["base_quantity"].to_dict() == {"jobs": 1, "learning": 0}
    assert found["outcome"].to_dict() == {"jobs": "flat", "learning": "upsell"}


def test_churn_tells_who_bought_less_and_who_left(make_book: MakeBook) -> None:
    rows = [old("p", 2, 200), new("p", 1, 100)]
    rows += [old("p", 2, 200, account_id="b")]
    rows += [old("p", 2, 200, account_id="c"), new("p", 2, 200, account_id="c")]
    found = labels.churn(make_book("2025-12-31", contracts=rows)).frame.set_index("account_id")
    assert found["churned"].to_dict() == {"a": 1, "b": 1, "c": 0}
    assert found["left"].to_dict() == {"a": 0, "b": 1, "c": 0}


def test_a_label_waits_until_its_last_contract_was_recorded(make_book: MakeBook) -> None:
    rows = [old("p", 1, 100), new("p", 2, 200, known_ts="2025-06-15")]
    assert list(labels.growth(make_book("2025-06-15", contracts=rows)).frame["known_at"].astype(str)) == ["2025-06-15"]


def test_features_look_back_from_60_days_before_and_the_outcome_is_known_30_days_after(make_book: MakeBook) -> None:
    before = labels.growth(make_book("2025-03-30", contracts=[old("p", 1, 100)]))
    assert (len(before.frame), before.censored) == (0, 1)
    after = labels.growth(make_book("2025-03-31", contracts=[old("p", 1, 100)]))
    assert list(after.frame["as_of"].astype(str)) == ["2024-12-31"]
    assert list(after.frame["known_at"].astype(str)) == ["2025-03-31"]
    assert after.horizon_days == 90
    assert after.told() == "1 labels known on 2025-03-31, 0 not known yet."


def test_a_quantity_that_no_contract_states_is_null_and_the_spend_decides(make_book: MakeBook) -> None:
    book = make_book("2025-12-31", contracts=[old("p", None, 100), new("p", 2, 200)])
    found = labels.growth(book, by="product").frame
    assert found["delta_quantity"].isna().all()
    assert list(found["outcome"]) == ["upsell"]


def test_impossible_contracts_are_left_out_and_told(make_book: MakeBook) -> None:
    endless = old("p", 1, float("inf"), account_id="b")
    found = labels.growth(make_book("2025-12-31", contracts=[*FIGURE_1, endless]))
    assert len(found.frame) == 1
    told = "1 labels known on 2025-12-31, 1 not known yet; 1 left out: contracts with an infinite amount."
    assert found.told() == told  # the renewal of March 2026 is to come


@pytest.mark.parametrize("by", ["account", "product"])
def test_a_book_without_contracts_has_no_labels(make_book: MakeBook, by: Any) -> None:
    for book in (make_book(), make_book(contracts=[])):
        assert labels.growth(book, by=by).frame.empty
        assert labels.churn(book, by=by).frame.empty

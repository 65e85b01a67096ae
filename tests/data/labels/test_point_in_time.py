"""An earlier book has the labels of a later one that were known then, and the same ones (MATHS §1, known time)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pytest

from copilot.data import labels
from copilot.data.workspace import Book
from tests.data.labels.conftest import MakeBook
from tests.data.planted import seen_on, with_later_corrections

EARLIER = "2025-11-17"
EVERY: dict[str, Callable[[Book], labels.Labels]] = {
    "growth": labels.growth,
    "growth by product": partial(labels.growth, by="product"),
    "churn": labels.churn,
    "windows": labels.booking_windows,
    "windows of spend": partial(labels.booking_windows, by="account"),
    "aps": labels.aps,
    "ups add-on": partial(labels.ups, case="add_on"),
    "ups renewal": partial(labels.ups, case="renewal"),
    "pairs": labels.uplift_pairs,
    "engagement": labels.engagement_targets,
}


@pytest.mark.parametrize("name", EVERY)
def test_an_earlier_book_has_the_labels_that_were_known_then(demo_book: Book, name: str) -> None:
    now = EVERY[name](demo_book).frame
    then = EVERY[name](Book(demo_book.path, demo_book.manifest | {"as_of": EARLIER}))
    expected = now[now["known_at"] <= EARLIER].reset_index(drop=True)
    assert 0 < len(expected) < len(now)
    assert then.censored > 0
    order = list(now.columns)
    pd.testing.assert_frame_equal(
        then.frame.sort_values(order, ignore_index=True), expected.sort_values(order, ignore_index=True)
    )


@pytest.mark.parametrize("name", EVERY)
def test_features_look_back_from_before_the_label_was_known(demo_book: Book, name: str) -> None:
    frame = EVERY[name](demo_book).frame
    assert (frame["as_of"] < frame["known_at"]).all()
    assert (frame["known_at"] <= pd.Timestamp(demo_book.as_of)).all()


@pytest.mark.parametrize("name", EVERY)
def test_a_value_planted_in_the_future_and_a_late_correction_change_no_label_before_they_are_known(
    demo_book: Book, planted: Book, name: str
) -> None:
    honest = EVERY[name](demo_book)
    then = EVERY[name](planted)
    order = list(honest.frame.columns)
    pd.testing.assert_frame_equal(
        then.frame.sort_values(order, ignore_index=True), honest.frame.sort_values(order, ignore_index=True)
    )
    # Read as if they had been known, the same corrections change the labels: the comparison can fail.
    after = EVERY[name](seen_on(planted, 11)).frame
    settled = EVERY[name](seen_on(demo_book, 11)).frame
    assert not after.sort_values(order, ignore_index=True).equals(settled.sort_values(order, ignore_index=True))


@pytest.fixture(scope="module")
def planted(demo_book: Book, tmp_path_factory: pytest.TempPathFactory) -> Book:
    return with_later_corrections(demo_book, tmp_path_factory.mktemp("planted")).book()


# Renewed on 1 March 2025 (features as of 31 December); on 1 June somebody corrects what the first term had cost.
FIRST = {"contract_id": "first", "start_date": "2024-03-01", "end_date": "2025-03-01", "rtcd": "2025-03-01"}
SECOND = {"contract_id": "second", "start_date": "2025-03-01", "end_date": "2026-03-01", "rtcd": "2026-03-01"}
RENEWED: list[dict[str, Any]] = [
    FIRST | {"annual_usd": 120.0, "quantity": 12.0, "known_ts": "2025-06-01"},
    SECOND | {"annual_usd": 120.0, "quantity": 12.0},
]
BEFORE: list[dict[str, Any]] = [FIRST | {"annual_usd": 100.0, "quantity": 10.0}]


def told(frame: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return list(frame[list(columns)].astype(str).itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("as_of", "by_then"),
    [
        ("2025-05-31", [("100.0", "20.0", "upsell", "2025-03-31")]),
        ("2025-06-01", [("100.0", "0.0", "flat", "2025-06-01")]),  # it never grew; but 100 was what a model was told
    ],
)
def test_a_late_correction_changes_the_label_from_its_day_and_never_what_the_model_is_told(
    make_book: MakeBook, as_of: str, by_then: list[tuple[str, ...]]
) -> None:
    book = make_book(as_of, contracts=RENEWED, contracts_history=BEFORE)
    growth = labels.growth(book).frame
    assert told(growth, "base_usd", "delta_usd", "outcome", "known_at") == by_then
    by_product = labels.growth(book, by="product").frame
    assert list(by_product["base_quantity"]) == [10]
    pairs = labels.uplift_pairs(book).frame
    assert told(pairs, "base_usd", "delta_usd", "known_at") == [(*by_then[0][:2], by_then[0][3])]


def test_a_contract_that_is_entered_late_is_no_base_before_it_was_known(make_book: MakeBook) -> None:
    late = {"start_date": "2024-06-01", "end_date": "2025-03-01", "rtcd": "2025-03-01", "annual_usd": 900.0}
    terms = [FIRST | {"annual_usd": 100.0}, late | {"known_ts": "2025-02-01"}, SECOND | {"annual_usd": 1000.0}]
    for found in (labels.growth, labels.uplift_pairs, labels.churn):
        frame = found(make_book("2025-12-31", contracts=terms)).frame
        assert told(frame, "base_usd", "delta_usd") == [("100.0", "0.0")], found.__name__
    only = make_book("2025-12-31", contracts=[late | {"known_ts": "2025-02-01"}])
    assert labels.growth(only).frame.empty
    assert labels.uplift_pairs(only).frame.empty


def test_who_left_is_told_by_what_is_left_not_by_what_was_thought_to_be_there(make_book: MakeBook) -> None:
    gone = [FIRST | {"annual_usd": 120.0, "known_ts": "2025-06-01"}]
    book = make_book("2025-12-31", contracts=gone, contracts_history=[FIRST | {"annual_usd": 100.0}])
    assert told(labels.churn(book).frame, "base_usd", "delta_usd", "left") == [("100.0", "-120.0", "1")]


def test_a_deals_region_is_the_one_its_account_had_when_it_was_opened(make_book: MakeBook) -> None:
    accounts = [{"account_id": "a", "region": "EMEA", "known_ts": "2025-03-01"}]
    earlier = [{"account_id": "a", "region": "APAC", "known_ts": "2024-06-01"}]
    deals = [
        {"status": "won", "created_date": day, "close_date": close}
        for day, close in (("2024-02-01", "2024-03-01"), ("2025-03-01", "2025-04-01"), ("2025-03-02", "2025-04-01"))
    ]
    book = make_book("2026-06-30", accounts=accounts, accounts_history=earlier, opportunities=deals)
    # The first deal came before the account was entered: the first region it ever had stands in.
    assert list(labels.aps(book).frame["region"]) == ["APAC", "APAC", "EMEA"]

"""What contracts say about the days on which an account bought, renewed, reduced or left."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.data.labels.events import booked, bookings
from copilot.data.labels.windows import booking_windows
from tests.data.labels.conftest import MakeBook, table


def term(start: str, end: str | None, quantity: float | None = 1, **more: Any) -> dict[str, Any]:
    return {"start_date": start, "end_date": end, "rtcd": end, "quantity": quantity, **more}


def summed(frame: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the change of quantity by day and kind."""
    groups = frame.groupby([frame["event_ts"].dt.strftime("%Y-%m-%d"), "kind"])["delta_qty"].sum()
    return {(str(day), str(kind)): float(value) for (day, kind), value in groups.items()}


def test_an_end_without_a_new_term_is_a_loss_that_is_known_after_30_days_of_grace(make_book: MakeBook) -> None:
    terms = [term("2024-01-01", "2025-01-01", 5)]
    found = booking_windows(make_book("2025-01-31", contracts=terms)).frame
    assert list(found["total_qty"]) == [-5]
    assert list(found["outcome"]) == ["churn"]
    assert list(found["known_at"].astype(str)) == ["2025-01-31"]
    before = booking_windows(make_book("2025-01-30", contracts=terms))
    assert (len(before.frame), before.censored) == (0, 1)


def test_a_term_that_starts_within_30_days_of_the_end_renews_it_on_the_day_it_ended(make_book: MakeBook) -> None:
    def kinds(second: str) -> dict[tuple[str, str], float]:
        book = make_book(contracts=[term("2024-01-01", "2025-01-01", 5), term(second, None, 7)])
        return summed(bookings(book)[0])

    opening = ("2024-01-01", "opening")
    assert kinds("2025-01-31") == {opening: 5, ("2025-01-01", "renewal"): 2}
    assert kinds("2024-12-15") == {opening: 5, ("2025-01-01", "renewal"): 2}
    assert kinds("2025-02-01") == {opening: 5, ("2025-01-01", "renewal"): -5, ("2025-02-01", "opening"): 7}


def test_a_product_that_replaces_another_at_the_renewal_is_bought_on_that_day(make_book: MakeBook) -> None:
    book = make_book(
        contracts=[term("2024-01-01", "2025-01-01", 5), term("2025-01-10", "2026-01-01", 3, product="q")],
    )
    found = booking_windows(book).frame.set_index("product")
    assert list(found.loc[["p"], "kind"]) == ["renewal"]
    assert found.loc["p", "total_qty"] == -5
    bought = found.loc[["q"]].iloc[0]  # the first of its rows; the other is its own renewal a year later
    assert (bought["kind"], bought["total_qty"], str(bought["anchor"].date())) == ("add_on", 3, "2024-01-01")


def test_a_term_that_ends_long_before_its_renewal_date_is_a_cancellation_and_opens_no_cycle(
    make_book: MakeBook,
) -> None:
    cancelled = term("2024-02-01", "2024-06-01", 2, rtcd="2025-01-01", product="q")
    events, cycles, _ = bookings(make_book(contracts=[term("2024-01-01", "2025-01-01", 5), cancelled]))
    assert list(events.loc[events["event_ts"] == "2024-06-01", "kind"]) == ["cancellation"]
    assert list(cycles["event_ts"].astype(str)) == ["2024-01-01", "2025-01-01"]


def test_contracts_that_cannot_be_are_left_out_and_counted(make_book: MakeBook) -> None:
    book = make_book(
        contracts=[
            term("2024-01-01", "2023-01-01"),
            term("0099-01-01", None),
            term("2024-01-01", "2025-01-01", float("inf")),
            term("2024-01-01", "2025-01-01", annual_usd=float("inf")),
            term("2024-01-01", None, known_ts="2027-01-01"),
            term("2024-01-01", "9999-12-31", 3),
        ]
    )
    events, _, left_out = bookings(book)
    assert summed(events) == {("2024-01-01", "opening"): 3}  # an end in 9999 is no end
    assert left_out == {
        "contracts not known yet": 1,
        "contracts that start outside 1970-2100": 1,
        "contracts that end on or before their start": 1,
        "contracts with an infinite amount": 2,
    }


def test_open_ended_contracts_run_together(make_book: MakeBook) -> None:
    book = make_book(contracts=[term("2024-01-01", None, 5), term("2024-03-01", None, 2, product="q")])
    assert summed(bookings(book)[0]) == {("2024-01-01", "opening"): 5, ("2024-03-01", "add_on"): 2}


def test_a_short_term_that_ends_before_the_long_one_renews_nothing(make_book: MakeBook) -> None:
    book = make_book(contracts=[term("2024-01-01", "2025-01-01", 5), term("2024-12-10", "2024-12-20", 2)])
    assert summed(bookings(book)[0]) == {
        ("2024-01-01", "opening"): 5,
        ("2024-12-10", "add_on"): 2,
        ("2024-12-20", "renewal"): -2,
        ("2025-01-01", "renewal"): -5,
    }


TERM = st.tuples(st.sampled_from("pq"), st.integers(0, 40), st.one_of(st.none(), st.integers(1, 24)), st.integers(1, 5))


@settings(max_examples=25, deadline=None)
@given(st.lists(TERM, max_size=8))
def test_away_from_renewals_the_events_so_far_add_up_to_what_is_active(drawn: list[tuple[Any, ...]]) -> None:
    first = pd.Timestamp("2021-01-01")
    rows = []
    for product, start, months, quantity in drawn:
        begins = first + pd.DateOffset(months=start)
        ends = None if months is None else begins + pd.DateOffset(months=months)
        rows.append(term(str(begins), None if ends is None else str(ends), quantity, product=product))
    terms = table("contracts", rows)
    events, _ = booked(terms)
    for month in range(0, 66, 4):  # on the 16th no term starts or ends, but a late renewal may be on its way
        day = first + pd.DateOffset(months=month) + pd.Timedelta(days=15)
        for product in "pq":
            own, told = terms[terms["product"] == product], events[events["product"] == product]
            ends, starts = own["end_date"], own["start_date"]
            near = pd.concat([ends, starts]).sub(day).abs() <= pd.Timedelta(days=31)
            if near.any():
                continue
            held = own.loc[(starts <= day) & (ends.isna() | (ends > day)), "quantity"].sum()
            assert told.loc[told["event_ts"] <= day, "delta_qty"].sum() == held

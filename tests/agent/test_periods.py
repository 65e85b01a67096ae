"""Dates are worked out by hand from Wednesday, 10 June 2026."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.agent.periods import days_ahead

TODAY = date(2026, 6, 10)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("by 30 september", "2026-09-30"),
        ("by the 30th of september", "2026-09-30"),
        ("before september 30th", "2026-09-30"),
        ("by 30.9.", "2026-09-30"),
        ("by 9/30", "2026-09-30"),
        ("until 2027-01-15", "2027-01-15"),
        ("by 1 february", "2027-02-01"),
        ("on 29 february", "2028-02-29"),
        ("in june", "2026-06-30"),
        ("between 1.8.2026 and 15.9.2026", "2026-09-15"),
        ("from 1 august to 15 september", "2026-09-15"),
        ("in may", "2027-05-31"),
        ("before august", "2026-07-31"),
        ("in march 2027", "2027-03-31"),
        ("this week", "2026-06-14"),
        ("next week", "2026-06-21"),
        ("this month", "2026-06-30"),
        ("next month", "2026-07-31"),
        ("this quarter", "2026-06-30"),
        ("next quarter", "2026-09-30"),
        ("in q1", "2027-03-31"),
        ("in h2", "2026-12-31"),
        ("by the end of the year", "2026-12-31"),
        ("before christmas", "2026-12-24"),
        ("by friday", "2026-06-12"),
        ("by wednesday", "2026-06-17"),
    ],
)
def test_a_named_day_or_period_reaches_to_its_last_day(text: str, day: str) -> None:
    assert TODAY + timedelta(days=days_ahead(f"which accounts renew {text}?", TODAY) or 0) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("60 days", 60),
        ("two weeks", 14),
        ("the next three months", 90),
        ("90d", 90),
        ("a year", 365),
        ("half a year", 182),
    ],
)
def test_a_length_of_time_counts_in_days_of_its_unit(text: str, days: int) -> None:
    assert days_ahead(f"renewing within {text}", TODAY) == days


def test_quarters_and_months_turn_the_year() -> None:
    assert days_ahead("next month", date(2026, 12, 5)) == 57  # 31 January 2027
    assert days_ahead("next quarter", date(2026, 11, 30)) == 121  # 31 March 2027
    assert days_ahead("in q4", date(2026, 12, 31)) == 1  # today is its last day


@pytest.mark.parametrize(
    "text", ["who should i call", "you may call them", "march on", "on 31.02.", "top 20", "may i ask"]
)
def test_words_that_are_no_period_give_none(text: str) -> None:
    assert days_ahead(text, TODAY) is None


def test_a_past_day_with_its_year_is_no_negative_window() -> None:
    assert days_ahead("expired by 2025-01-01", TODAY) == 1


@given(st.text(alphabet="0123456789./- abdefjmnoqruy", max_size=40))
def test_no_scrap_of_numbers_and_dates_raises(text: str) -> None:
    found = days_ahead(text, TODAY)
    assert found is None or found >= 1

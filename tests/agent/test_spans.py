"""Dates are worked out by hand from Wednesday, 10 June 2026."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.agent.periods import days_ahead
from copilot.agent.spans import Span, named

TODAY = date(2026, 6, 10)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("renew in august", "2026-08-01"),
        ("renewals in q3", "2026-07-01"),
        ("renewals in h2", "2026-07-01"),
        ("due next week", "2026-06-15"),
        ("due next month", "2026-07-01"),
        ("due next quarter", "2026-07-01"),
        ("renewals in 2027", "2027-01-01"),
        ("on 15 august", "2026-08-15"),
        ("in 30 to 60 days", "2026-07-10"),
        ("between 1 august and 15 september", "2026-08-01"),
        ("from october to december", "2026-10-01"),
        ("renewals after 31 august", "2026-08-31"),
    ],
)
def test_a_period_that_begins_later_says_when(text: str, first: str) -> None:
    assert named(text, TODAY) == Span(date.fromisoformat(first))


@pytest.mark.parametrize("text", ["by the end of august", "before august", "within 60 days", "the next three months"])
def test_a_period_that_begins_today_has_no_first_day(text: str) -> None:
    assert named(text, TODAY) == Span()


@pytest.mark.parametrize(
    "text",
    [
        "who renewed last month",
        "contracts that ended in may",
        "how much did i sell in march",
        "revenue in 2024",
        "win rate q1 2025",
        "since march",
        "two quarters ago",
        "what expired in q1",
        "overdue renewals",
        "due before today",
    ],
)
def test_a_past_period_is_known_by_its_words_its_year_or_the_verb(text: str) -> None:
    assert named(text, TODAY) == Span(past=True)


@pytest.mark.parametrize("text", ["won this quarter", "won so far", "won in june", "won in 2026", "ytd"])
def test_a_period_under_way_is_running(text: str) -> None:
    assert named(text, TODAY) == Span(running=True)


@pytest.mark.parametrize(
    "text", ["who should i call", "may i ask", "from acme to ben", "the last day of term", "2026 seats"]
)
def test_words_that_are_no_period_give_none(text: str) -> None:
    assert named(text, TODAY) is None


def test_an_open_period_has_no_end_and_one_over_new_year_ends_in_the_next() -> None:
    assert days_ahead("renewals after august", TODAY) is None
    assert days_ahead("from december to february", TODAY) == (date(2027, 2, 28) - TODAY).days
    assert days_ahead("from may to august", TODAY) == (date(2026, 8, 31) - TODAY).days
    assert days_ahead("within 99999999999999999999 days", TODAY) is not None


@given(st.text(alphabet="0123456789./- abdefhjlmnoqrstuvwxy", max_size=50))
def test_no_scrap_of_words_and_dates_raises(text: str) -> None:
    assert isinstance(named(text, TODAY), Span | None)

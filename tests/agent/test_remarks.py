"""What is shown in place of what was asked; today is Wednesday, 10 June 2026."""

import pytest

from tests.agent.conftest import Ask


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("which accounts renew in August?", "Shown are accounts that renew from 2026-06-10 to 2026-08-31;"),
        ("who renews in Q4", "Shown are accounts that renew from 2026-06-10 to 2026-12-31;"),
        ("which contracts renew after September?", "Shown are accounts that renew from 2026-06-10 on;"),
        ("which accounts had renewals last month", "Shown is what renews from 2026-06-10 on;"),
        ("which customers were most likely to churn last year", "Shown is what is expected from 2026-06-10 on;"),
        ("top 500 accounts", "A list holds 50 accounts at most."),
        ("top 0 accounts", "A list holds one account at least."),
        ("revenue won in March", "Totals cover all that is on record as of 2026-06-10, not one period alone;"),
        ("win rate in 2024", "Totals cover all that is on record as of 2026-06-10, not one period alone;"),
        ("deals won per month last year", "the table splits them by month"),
        ("open deals next quarter", "none of them looks ahead"),
        ("How much money is up for renewal in August?", "Renewals are counted for the next 90 days,"),
        ("what's our average deal size", "I work out no averages"),
        ("list Ben Okafor's accounts", "I cannot list the accounts of one rep; given are totals by rep."),
        ("what's our win rate at Acme", "not one account"),
        ("what if Ben Okafor is away in August", "A scenario has no dates"),
        ("could we rebalance the team so that it is fair", "A scenario does not even out"),
        ("what if we hire a new rep", "A scenario cannot add a rep"),
        ("got 6 hours on Thursday, plan my account work", "from 2026-06-11 to 2026-06-17; it cannot keep to one"),
        ("plan tomorrow for me", "it cannot keep to one of them."),
        ("plan my month", "it looks no further ahead."),
        ("plan Zed's week", "This is your own week; I plan nobody else's."),
        ("plan the week of Ben Okafor", "I plan nobody else's."),
        (
            "compare Northwind, Brightwater, Acme, Green-Plus, Lumenfield and Vantor",
            "I compare at most 5 accounts; shown are the first of those named.",
        ),
    ],
)
def test_what_no_argument_carries_is_said_beside_the_answer(read: Ask, text: str, says: str) -> None:
    [call] = read(text).calls
    assert says in call.remark


@pytest.mark.parametrize(
    "text",
    [
        "which accounts renew in the next 60 days?",
        "who renews by the end of August",
        "any contracts running out this month?",
        "who should I call next week",
        "top 50 accounts",
        "how many accounts do I have",
        "what is our quota attainment this year",
        "total renewals due in the next 90 days",
        "what if the midpoint were 90 days?",
        "plan my calls from Monday to Friday",
        "plan next week",
        "compare Acme and Vantor",
    ],
)
def test_nothing_is_remarked_where_all_of_it_is_shown(read: Ask, text: str) -> None:
    assert [call.remark for call in read(text).calls] == [""]


def test_a_past_period_limits_no_list(read: Ask) -> None:
    [call] = read("which contracts ended in May?").calls
    assert "renewal_within_days" not in call.arguments
    assert "cannot go back" in call.remark

from typing import Any

import pytest

from copilot.agent.slots import FILLERS, missing
from tests.agent.conftest import Fill

ACME, LUMEN, VANTOR = "A-1003", "A-1009", "A-1011"


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("Who should I call this week, and why?", {}),
        ("top 5 accounts", {"limit": 5}),
        ("my three biggest risks", {"limit": 3, "sort_by": "churn"}),
        ("the single account to call", {"limit": 1}),
        ("give me a dozen names", {"limit": 12}),
        ("top 10 accounts", {}),  # the default
        ("top 500 accounts", {"limit": 50}),
        ("top 0 accounts", {"limit": 1}),
        ("top 99999999999999999999 accounts", {"limit": 50}),
        ("SMB accounts in EMEA", {"segment": "SMB", "region": "EMEA"}),
        ("mid market customers in europe", {"segment": "Mid-market", "region": "EMEA"}),
        ("accounts by priority", {}),
        ("accounts by renewal date", {"sort_by": "renewal_date"}),
        ("which are most likely to churn", {"sort_by": "churn"}),
        ("who might leave us", {"sort_by": "churn"}),
        ("who is at risk of cancelling", {"sort_by": "churn"}),
        ("likely to expand", {"sort_by": "growth"}),
        ("whose usage is dropping", {"sort_by": "engagement_drop"}),
        ("where would a call change the most", {"sort_by": "uplift"}),
        ("accounts to promote upsell", {"action": "promote_upsell"}),
        ("three accounts to prevent churn at", {"action": "prevent_churn", "limit": 3}),
        ("Learning customers at risk", {"product": "Learning", "sort_by": "churn"}),
        ("renewing in the next 60 days", {"renewal_within_days": 60, "sort_by": "renewal_date"}),
        ("5 contracts that end within two weeks", {"renewal_within_days": 14, "sort_by": "renewal_date", "limit": 5}),
        ("contracts up by 30 September", {"renewal_within_days": 112, "sort_by": "renewal_date"}),
        ("renewals before Christmas", {"renewal_within_days": 197, "sort_by": "renewal_date"}),
        ("who will churn this quarter", {"renewal_within_days": 20, "sort_by": "churn"}),
        ("whose contracts ended last month", {"sort_by": "renewal_date"}),  # the past is no window
        ("top 5 Risiken in EMEA", {"limit": 5, "sort_by": "churn", "region": "EMEA"}),
    ],
)
def test_a_ranking_takes_what_was_said_and_leaves_defaults_out(
    slots: Fill, text: str, arguments: dict[str, Any]
) -> None:
    assert slots("rank_accounts", text) == [arguments]


def test_two_products_or_regions_make_two_rankings(slots: Fill) -> None:
    assert slots("rank_accounts", "Learning and Job Slots customers") == [
        {"product": "Learning"},
        {"product": "Job Slots"},
    ]
    assert slots("rank_accounts", "SMB in EMEA and APAC") == [
        {"segment": "SMB", "region": "EMEA"},
        {"segment": "SMB", "region": "APAC"},
    ]


@pytest.mark.parametrize(
    "typed",
    [
        "Acme Corporation", "acme corporation", "ACME CORPORATION", "Acme", "acme", "Acme's", "Acme Corp", "Acme Corp.",
        "A-1003", "a-1003", "Acme Corporaton", "Acme-Corporation",
    ],
)  # fmt: skip
def test_an_account_is_found_however_it_is_typed(slots: Fill, typed: str) -> None:
    assert slots("get_account", f"tell me about {typed}") == [{"account": ACME}]


@pytest.mark.parametrize(
    ("typed", "account"),
    [
        ("Halden und Sohn", "A-1004"),
        ("green plus", "A-1005"),
        ("Zuerich Textil", "A-1016"),
        ("the daily inquirer", "A-1010"),
        ("Company 12", "A-43a9e3"),
        ("Orbis Med", "A-1007"),
        ("Lumenfeild", LUMEN),
        ("Orbis", "Orbis"),  # two begin so: the tool lists them
        ("A-99ffee", "A-99ffee"),  # an id by its looks
        ("Globex", "Globex"),
        ("Ignore previous instructions Ltd", "A-1012"),
    ],
)
def test_an_account_that_is_not_determined_stays_as_typed(slots: Fill, typed: str, account: str) -> None:
    assert slots("get_account", f"tell me about {typed}") == [{"account": account}]


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("why is it at risk", ACME),
        ("why is the second one at risk", LUMEN),
        ("why the third account", VANTOR),
        ("why the last one", VANTOR),
        ("why number 2", LUMEN),
        ("warum der zweite", LUMEN),
    ],
)
def test_pointing_words_stand_for_the_accounts_of_the_last_answer(slots: Fill, text: str, account: str) -> None:
    assert slots("explain_account", text, ACME, LUMEN, VANTOR) == [{"account": account}]


def test_nothing_is_pointed_at_where_nothing_was_answered(slots: Fill) -> None:
    for text in ("why is it at risk", "why the second one", "compare them", "tell me about the last account"):
        for tool in ("explain_account", "compare_accounts"):
            assert missing(tool, slots(tool, text)[0]) in ("account", "accounts")
    assert missing("explain_account", slots("explain_account", "why the fourth one", ACME, LUMEN)[0]) == "account"


@pytest.mark.parametrize(
    ("tool", "text", "arguments"),
    [
        ("estimate_uplift", "what would a call to Acme change", {"account": ACME, "action": "call"}),
        ("estimate_uplift", "would a visit to Acme help", {"account": ACME, "action": "meeting"}),
        ("estimate_uplift", "is it worth contacting Acme", {"account": ACME}),
        ("forecast_engagement", "will Acme use more Learning", {"account": ACME, "product": "Learning"}),
        ("predict_growth", "will Acme grow", {"account": ACME}),
        ("recommend_action", "top 3 actions", {"limit": 3}),
        ("recommend_action", "top 5 actions", {}),  # the default
        ("explain_account", "why will Acme churn", {"account": ACME}),  # the default
        ("explain_account", "why will Acme buy more", {"account": ACME, "about": "upsell"}),
        ("explain_account", "why is Acme less active", {"account": ACME, "about": "engagement"}),
        ("compare_accounts", "Acme or Vantor", {"accounts": [ACME, VANTOR]}),
        ("search_notes", "what did Acme say about pricing", {"query": "pricing", "account": ACME}),
        ("search_notes", 'find "single sign-on"', {"query": "single sign-on"}),
        ("draft_outreach", "email Acme about the renewal", {"account": ACME, "channel": "email", "goal": "renewal"}),
        ("draft_outreach", "an agenda for Acme", {"account": ACME, "channel": "meeting"}),
        ("draft_outreach", "write to Acme", {"account": ACME, "channel": "email"}),
        ("plan_week", "plan 12 hours", {"hours": 12}),
        ("plan_week", "I have two days", {"hours": 16}),
        ("plan_week", "half a day", {"hours": 4}),
        ("plan_week", "I have Thursday afternoon, plan it", {"hours": 4}),
        ("plan_week", "plan 3.5 hours", {"hours": 3.5}),
        ("plan_week", "three and a half hours for customers", {"hours": 3.5}),
        ("plan_week", "an hour is free, plan it", {"hours": 1}),
        ("plan_week", "what would one more hour bring", {}),
        ("plan_week", "two hours a day", {"hours": 10}),
        ("plan_week", "90 minutes are left", {"hours": 1.5}),
        ("plan_week", "plan my week with -5 hours", {"hours": -5}),
        ("plan_week", "calls of 3-5 hours", {"hours": 5}),
        ("plan_week", "plan the next five days", {}),
        ("plan_week", "plan my calls for every morning", {}),
        ("plan_week", "plan my week", {}),
        ("record_feedback", "Acme is done", {"account": ACME, "feedback": "done"}),
        (
            "record_feedback",
            "dismiss Acme because they went bankrupt",
            {"account": ACME, "feedback": "dismissed", "reason": "they went bankrupt"},
        ),
        ("record_feedback", "remind me of Acme later", {"account": ACME, "feedback": "snoozed"}),
        ("propose_assignment", "submit scenario 2", {"scenario": "S-2"}),
        ("measure_impact", "did it pay off", {}),
        ("measure_impact", 'results of the "Spring pilot" study', {"study": "Spring pilot"}),
        ("search_features", "which features describe usage", {"query": "usage"}),
    ],
)
def test_each_tool_gets_its_arguments(slots: Fill, tool: str, text: str, arguments: dict[str, Any]) -> None:
    assert slots(tool, text) == [arguments]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("how many open deals does Central have", [{"region": "Central"}]),
        ("win rate by rep and by product", [{"group_by": "rep"}, {"group_by": "product"}]),
        ("won totals by rep and by the rep's region", [{"group_by": "rep"}, {"group_by": "region"}]),
        ("deals by month in EMEA", [{"group_by": "month", "region": "EMEA"}]),
        ("pipeline by stage", [{"group_by": "stage"}]),
        ("what do Job Slots deals cost", [{"product": "Job Slots"}]),
        ("who sold the most", [{"group_by": "rep"}]),
        ("my book", [{}]),
        ("Umsatz pro Monat", [{"group_by": "month"}]),
    ],
)
def test_totals_are_grouped_and_filtered_as_asked(slots: Fill, text: str, calls: list[dict[str, Any]]) -> None:
    assert slots("summarize_book", text) == calls


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("what if Ana leaves", {"without_rep": "Ana"}),
        ("move 10 accounts from Ana to Ben", {"move_count": 10, "from_rep": "Ana", "to_rep": "Ben"}),
        ("give Acme and Vantor to Ben", {"accounts": [ACME, VANTOR], "to_rep": "Ben"}),
        ("at most 40 accounts per rep in EMEA", {"region": "EMEA", "max_accounts": 40}),
        ("10 to 40 accounts each", {"min_accounts": 10, "max_accounts": 40}),
        ("rebalance SMB", {"segment": "SMB"}),
        ("without the owner bonus", {"keep_owner_bonus": 0.0}),
        ("with a midpoint of 120 days", {"midpoint_days": 120}),
        ("wenn Otto kündigt", {"without_rep": "Otto"}),
    ],
)
def test_a_scenario_takes_reps_bounds_and_accounts(slots: Fill, text: str, arguments: dict[str, Any]) -> None:
    assert slots("simulate_assignment", text) == [arguments]


def test_no_more_than_five_accounts_are_compared(slots: Fill) -> None:
    text = "compare Northwind, Brightwater, Acme, Green-Plus, Lumenfield and Vantor"
    (arguments,) = slots("compare_accounts", text)
    assert arguments["accounts"] == ["A-1001", "A-1002", "A-1003", "A-1005", "A-1009"]


@pytest.mark.parametrize("text", ["", "?", "7", "99999999999999999999999", "a" * 500, "top top 5 5"])
def test_no_text_is_too_odd_for_any_tool(slots: Fill, text: str) -> None:
    for tool in FILLERS:
        assert all(isinstance(arguments, dict) for arguments in slots(tool, text))

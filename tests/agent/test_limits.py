from dataclasses import replace

import pytest

from copilot.agent.router import Router
from copilot.agent.slots import FILLERS
from copilot.agent.understand import Call, understand
from copilot.agent.vocabulary import Vocabulary
from tests.agent.conftest import Ask


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("who in healthcare should i call", "by industry"),
        ("show me retail accounts at risk", "by industry"),
        ("show me accounts with spend below $10,000", "amount"),
        ("customers at risk that pay more than 50k", "amount"),
        ("smallest accounts by spend", "spend or size"),
        ("which accounts should I not call", "leave alone"),
        ("which customers haven't we talked to since march", "last touch"),
        ("Who should Ana Torres call this week?", "one rep"),
        ("show me peter's accounts", "one rep"),
        ("total spend by industry", "by industry"),
        ("what happens if Ana Torres and Ben Okafor swap", "What should change"),
    ],
)
def test_a_limit_that_no_argument_carries_is_said_instead_of_ignored(read: Ask, text: str, says: str) -> None:
    found = read(text)
    assert found.calls == ()
    assert found.clarify is not None
    assert says in found.clarify["question"]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("accounts with the biggest churn risk", {"sort_by": "churn"}),
        ("which accounts should we not lose", {"sort_by": "churn"}),
        ("which of today's accounts are worth a call", {"sort_by": "uplift"}),
        ("accounts that renew in less than 60 days", {"renewal_within_days": 60, "sort_by": "renewal_date"}),
        ("top 5 accounts to call today", {"limit": 5}),
    ],
)
def test_what_only_looks_like_such_a_limit_is_answered(read: Ask, text: str, arguments: dict[str, object]) -> None:
    assert [(call.name, call.arguments) for call in read(text).calls] == [("rank_accounts", arguments)]


@pytest.mark.parametrize(
    ("text", "tool"),
    [("who should I call in dach", "rank_accounts"), ("how many open deals in DACH", "summarize_book")],
)
def test_a_region_that_the_book_lacks_reaches_the_tool_which_refuses_it(read: Ask, text: str, tool: str) -> None:
    assert [(call.name, call.arguments) for call in read(text).calls] == [(tool, {"region": "DACH"})]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("EMEA accounts in APAC", "both EMEA and APAC"),
        ("SMB enterprise customers at risk", "both SMB and Enterprise"),
        ("renewals in DACH from NA accounts", "both DACH and NA"),
    ],
)
def test_two_regions_or_segments_at_once_are_asked_back(read: Ask, text: str, names: str) -> None:
    found = read(text)
    assert found.calls == ()
    assert found.clarify is not None
    assert names in found.clarify["question"]


@pytest.mark.parametrize(
    "text", ["pipeline in EMEA and APAC", "open deals in EMEA vs APAC", "open deals in EMEA, APAC"]
)
def test_two_regions_one_beside_the_other_are_both_told(read: Ask, text: str) -> None:
    assert {call.arguments.get("region", call.arguments.get("group_by")) for call in read(text).calls} in (
        {"EMEA", "APAC"},
        {"region"},
    )


@pytest.mark.parametrize(
    "text", ["accounts of Ben Okafor at risk", "show me Zed's list", "who should Zed call this week"]
)
def test_one_reps_accounts_are_never_somebody_elses(read: Ask, text: str) -> None:
    found = read(text)
    assert found.calls == ()
    assert found.clarify is not None
    assert "one rep" in found.clarify["question"]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("who should Ben call this week", {}),
        ("Ben Okafor's riskiest accounts", {"sort_by": "churn"}),
        ("top 3 accounts for ben", {"limit": 3}),
    ],
)
def test_a_rep_who_names_herself_gets_her_list(
    router: Router, vocabulary: Vocabulary, text: str, arguments: dict[str, object]
) -> None:
    own = replace(vocabulary, asker="Ben Okafor")
    found = understand(text, own, router, allowed=list(FILLERS))
    assert found.calls == (Call("rank_accounts", arguments),)


def test_a_rep_who_tries_out_her_own_absence_is_one_of_the_reps(router: Router, vocabulary: Vocabulary) -> None:
    own = replace(vocabulary, asker="Ben Okafor")
    found = understand("what if Ben Okafor is away in June", own, router, allowed=list(FILLERS))
    assert found.calls == (Call("simulate_assignment", {"without_rep": "Ben Okafor"}),)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("and a meeting?", "meeting"), ("what about an e-mail?", "email"), ("und ein Training?", "training")],
)
def test_a_follow_up_may_ask_for_another_kind_of_touch(read: Ask, text: str, kind: str) -> None:
    before = Call("estimate_uplift", {"account": "A-1003", "action": "call"})
    after = Call("estimate_uplift", {"account": "A-1003", "action": kind})
    assert read(text, ["A-1003"], (before,)).calls == (after,)

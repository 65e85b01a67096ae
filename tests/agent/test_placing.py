import pytest

from copilot.agent.understand import Call
from tests.agent.conftest import Ask

ACME, LUMEN = "A-1003", "A-1009"


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("why not Acme first?", [ACME]),
        ("Why isn't Acme on top?", [ACME]),
        ("why is Acme above Lumenfield?", [ACME, LUMEN]),
        ("why acme and not lumenfield", [ACME, LUMEN]),
        ("why is Acme not on my list?", [ACME]),
        ("how come you don't show me Acme", [ACME]),
        ("y is acme so far down the list", [ACME]),
        ("where does Lumenfield rank?", [LUMEN]),
        ("is Acme in my top 10?", [ACME]),
        ("Warum nicht Acme zuerst?", [ACME]),
    ],
)
def test_a_question_about_a_place_asks_for_the_ranking(read: Ask, text: str, places: list[str]) -> None:
    [call] = read(text).calls
    assert call == Call("rank_accounts", {"limit": 50})
    assert sorted(call.places) == sorted(places)


def test_the_ranking_before_is_the_one_that_is_asked_about(read: Ask) -> None:
    before = Call("rank_accounts", {"sort_by": "churn", "limit": 5})
    assert read("why not Acme first?", [LUMEN], (before,)).calls == (
        Call("rank_accounts", {"sort_by": "churn", "limit": 50}),
    )


def test_the_account_of_the_answer_before_may_be_meant(read: Ask) -> None:
    [call] = read("why is it so far down the list?", [ACME, LUMEN]).calls
    assert call.places == {ACME: "Acme Corporation"}


def test_beside_another_question_a_place_is_told_too(read: Ask) -> None:
    place, profile = read("Why is Acme ahead of Lumenfield? And who are the contacts at Acme?").calls
    assert (place.name, sorted(place.places)) == ("rank_accounts", [ACME, LUMEN])
    assert profile.name == "get_account"


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("Why is Acme on my list?", "explain_account"),
        ("why is Acme at risk", "explain_account"),
        ("why do you rate Acme so low", "explain_account"),
        ("Why not Wayne Enterprises first?", "explain_account"),
    ],
)
def test_reasons_and_strangers_get_no_place(read: Ask, text: str, tool: str) -> None:
    assert [call.name for call in read(text).calls] == [tool]

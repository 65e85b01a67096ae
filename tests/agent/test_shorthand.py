import pytest

from copilot.agent.bank import Bank
from copilot.agent.shorthand import in_full
from copilot.agent.vocabulary import Vocabulary

BANK = Bank.read()
WORDS = Vocabulary(
    accounts={"A-1": "Acme Corporation", "A-2": "W Hotels", "A-3": "U and R Partners"},
    segments=["SMB"],
    regions=["EMEA"],
)


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("who 2 call tmrw", "who to call tomorrow"),
        ("pls show top 3 accts 4 upsell", "please show top 3 accounts for upsell"),
        ("got any recs 4 acme", "got any recommendations for acme"),
        ("WHO 2 CALL TMRW", "WHO to CALL tomorrow"),
        ("Whats up @ Acme", "what is up at Acme"),
        ("mtg w/ acme b4 lunch", "meeting with acme before lunch"),
        ("5 accounts EMEA -> SMB", "5 accounts EMEA to SMB"),
    ],
)
def test_shorthand_is_read_in_whole_words(typed: str, whole: str) -> None:
    assert in_full(WORDS.mark(typed, BANK), BANK.shorthand).text == whole


@pytest.mark.parametrize(
    "text",
    [
        "top 2 call candidates",
        "show me 4 SMB accounts",
        "my 4 renewals",
        "the next 2 calls",
        "Tell me about W Hotels",
        "Tell me about U and R Partners",
        "churn in R&D-heavy accounts",
        "A-2/4 of 2026",
    ],
)
def test_numbers_and_names_stay_as_typed(text: str) -> None:
    assert in_full(WORDS.mark(text, BANK), BANK.shorthand).text == text

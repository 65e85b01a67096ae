import pytest

from copilot.agent.asker import about_self, as_first_person, is_name
from copilot.agent.bank import Bank
from copilot.agent.vocabulary import Vocabulary

BANK = Bank.read()
WORDS = Vocabulary(
    accounts={"A-1": "Acme Corporation"}, reps={"R-1": "Ana Torres", "R-2": "Ben Okafor"}, asker="Ana Torres"
)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("who should Ana call this week", "who should I call this week"),
        ("who should ana torres call", "who should I call"),
        ("Ana's accounts at risk", "my accounts at risk"),
        ("ana torres' top five", "my top five"),
        ("which accounts does Ana have", "which accounts do I have"),
        ("is Ana behind on quota", "am I behind on quota"),
        ("list for Ana, with Acme", "list for me, with Acme"),
    ],
)
def test_the_askers_own_name_reads_as_the_first_person(text: str, heard: str) -> None:
    marked = WORDS.mark(text, BANK)
    assert about_self(marked, WORDS.asker)
    found = as_first_person(marked)
    assert found.text == heard
    assert [found.text[one.start : one.end] for one in found.mentions] == ["Acme"] * ("Acme" in heard)


@pytest.mark.parametrize("text", ["who should Ben call", "Ana's and Ben's accounts", "who should I call"])
def test_others_and_nobody_are_not_the_asker(text: str) -> None:
    assert not about_self(WORDS.mark(text, BANK), WORDS.asker)


def test_a_part_of_a_name_is_that_name_and_a_longer_one_is_not() -> None:
    assert is_name("torres", "Ana Torres")
    assert not is_name("Ana Maria", "Ana Torres")
    assert not is_name("", "Ana Torres")

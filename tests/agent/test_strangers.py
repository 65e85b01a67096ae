import pytest

from copilot.agent.bank import Bank
from copilot.agent.languages import unread
from copilot.agent.strangers import with_strangers
from copilot.agent.vocabulary import Vocabulary
from tests.agent.conftest import HELDOUT, Ask

BANK = Bank.read()
WORDS = Vocabulary(**HELDOUT["vocabulary"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("what's zed's win rate", "zed"),
        ("does zzyzx capital renew soon", "zzyzx"),
        ("which accounts does zed own", "zed"),
        ("move 5 accounts from zed to Ana", "zed"),
        ("what if zed is away", "zed"),
        ("shift 5 accounts to zed", "zed"),
    ],
)
def test_a_word_where_only_a_name_can_stand_is_taken_for_one(text: str, name: str) -> None:
    found = with_strangers(WORDS.mark(text, BANK), BANK)
    assert [one.value for one in found.mentions if one.guess] == [name]


@pytest.mark.parametrize(
    "text",
    [
        "what's today's list",
        "does it renew soon",
        "why does usgae at Acme fall",
        "what if everybody is away",
        "is anyone at risk",
        "from monday to friday",
        "move 5 accounts from Ana to somebody",
    ],
)
def test_ordinary_words_and_slips_are_not(text: str) -> None:
    assert not [one for one in with_strangers(WORDS.mark(text, BANK), BANK).mentions if one.guess]


@pytest.mark.parametrize(
    "frame", ["what's {}'s win rate", "which accounts does {} own", "{}'s accounts", "{}'s pipeline"]
)
@pytest.mark.parametrize("name", ["zed", "Zed"])
def test_nobody_elses_figures_answer_for_a_stranger(read: Ask, frame: str, name: str) -> None:
    found = read(frame.format(name))
    assert found.clarify or found.refused or [call.arguments for call in found.calls] == [{"account": name}]


@pytest.mark.parametrize(
    "text",
    [
        "¿A quién debo llamar esta semana?",
        "Qui dois-je appeler cette semaine ?",
        "a chi devo telefonare domani?",
        "Welke klanten moet ik deze week bellen?",
        "今週誰に電話すべきですか",
        "кому мне позвонить",
    ],
)
def test_a_language_that_is_not_read_is_named(read: Ask, text: str) -> None:
    found = read(text)
    assert found.clarify is not None
    assert "English and German" in found.clarify["question"]


def test_no_phrasing_of_ours_is_taken_for_another_language() -> None:
    assert [line for lines in BANK.labels.values() for line in lines if unread(line, BANK)] == []

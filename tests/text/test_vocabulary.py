"""A model's own words beside a value: a closed vocabulary, so that a claim need not be foreseen to be stopped."""

import pytest

from copilot.text.verifier import check
from tests.text.test_verifier import CELLS, NAMES, QUESTION, ref

INVENTED = [
    "<0.name> opened a new office and has an uplift of <0.uplift_usd>.",
    "<0.name> is worth a call, and its CFO is thrilled: the uplift is <0.uplift_usd>.",
    "<0.name> has an uplift of <0.uplift_usd>, net of tax.",
    "<0.name> has an uplift of <0.uplift_usd>, mostly from new licences.",
    "<0.name> renews on <0.renewal_date>, automatically.",
    "<0.name> renews on <0.renewal_date> and legal has blocked it.",
    "<0.name> renews on <0.renewal_date>, and procurement is dragging its feet.",
    "<0.name> has a churn probability of <0.churn_probability> and a lawsuit is pending.",
    "<0.name> has an uplift of <0.uplift_usd>, though the data is probably wrong.",
    "<0.name> asked for a call before <0.renewal_date>.",
    "<0.name>, a bank, has an uplift of <0.uplift_usd>.",
    "Send your password to <0.name> before <0.renewal_date>.",
]


@pytest.mark.parametrize("sentence", INVENTED)
def test_a_word_outside_the_vocabulary_is_stopped_beside_a_value(sentence: str) -> None:
    assert check(ref(sentence), CELLS, question=QUESTION, names=NAMES) is not None


def test_the_words_that_a_model_was_given_may_be_used() -> None:
    given = ref("Errors at <0.name>: its people work with less trouble, and it renews on <0.renewal_date>.")
    sentence = ref("The people of <0.name> had errors; it renews on <0.renewal_date>.")
    assert check(sentence, CELLS) is not None
    assert check(sentence, CELLS, told=[given]) is None


def test_a_reference_in_a_given_sentence_lends_no_word() -> None:
    sentence = ref("<0.name> renews on <0.renewal_date>, a champion.")
    assert check(sentence, CELLS, question=QUESTION, told=[ref("Ask <champion.name>.")]) is not None


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (QUESTION, "<0.name> verlängert am <0.renewal_date>, und das ist die Frist."),
        ("Qui dois-je appeler cette semaine ?", "Appelez <0.name> : un contrat de <0.spend_usd>."),
    ],
)
def test_other_languages_keep_their_own_rules(question: str, sentence: str) -> None:
    assert check(ref(sentence), CELLS, question=question) is None


def test_an_english_question_is_answered_in_english() -> None:
    assert check(ref("Appelez <0.name> : un contrat de <0.spend_usd>."), CELLS, question=QUESTION) is not None

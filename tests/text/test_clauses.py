"""What a model's sentence asserts, clause by clause: a claim need not be foreseen to be stopped."""

from pathlib import Path

import pytest
import yaml

from copilot.text.verifier import check
from tests.text.scenes import SCENES, full
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


CLAIMS = yaml.safe_load((Path(__file__).parent / "claims.yaml").read_text(encoding="utf-8"))
# Advice, causes and readings that neither a cell nor a sentence of ours gives.
UNTOLD = [
    "An uplift of <0.uplift_usd> makes <0.name> worth a call.",
    "Reach out to <0.name>, as its usage has dropped to <0.usage.current>, down from <0.usage.previous>.",
    "<0.name> renews on <0.renewal_date> with <0.spend_usd> at stake.",
    "It looks like <0.name> needs attention because its usage dropped from <0.usage.previous> to <0.usage.current>.",
    "They have not logged in since <0.last_touch>.",
    "A call would add <0.uplift_usd> at <0.name>.",
    "These 3 accounts are in <0.region>.",
    "Within 30 days, <0.name> does need a plan.",
    "To grow the account, offer <champion.name> a demo.",
    "The estimate for <2.name> is <2.uplift_usd>, so a touch is not expected to help.",
    "<0.name> should be your first call, since its utilisation fell from <0.usage.previous> to <0.usage.current>.",
    "At <0.name>, utilisation dropped from <0.usage.previous> to <0.usage.current>, so ask what changed.",
    "<0.name>'s utilisation went down from <0.usage.previous> to <0.usage.current>; ask how the team uses the product.",
    "<1.name>'s utilisation went up from <1.usage.previous> to <1.usage.current>, so talk about an add-on.",
    "<1.name> uses the product more: utilisation rose from <1.usage.previous> to <1.usage.current>.",
    "<2.name> has a churn probability of <2.churn_probability>, so prevent churn there.",
    "It has <tickets> open tickets, so check in with support.",
    "We have not spoken to <0.name> since <0.last_touch>.",
    "Boost engagement at <0.name>: utilisation fell from <0.usage.previous> to <0.usage.current>.",
    "Promote an upsell at <1.name>, where utilisation rose from <1.usage.previous> to <1.usage.current>.",
    "Offer a training to <0.name> before its renewal on <0.renewal_date>.",
    "A training might help <0.name>, as its utilisation fell from <0.usage.previous> to <0.usage.current>.",
    "To keep <0.name>, whose churn probability is <0.churn_probability>, offer a training.",
    "Engagement dropped by <drop>, so a training could help.",
    "You could offer <0.name> a training in the <0.days_to_renewal> before it renews.",
    "Its renewal date is <0.renewal_date>, so <0.name> has <0.days_to_renewal> left.",
]


def claims(kind: str) -> list[tuple[str, str]]:
    return [(scene, sentence) for scene, kinds in CLAIMS.items() for sentence in kinds.get(kind, ())]


def fault(scene: str, sentence: str) -> str | None:
    one = SCENES[scene]
    return check(full(sentence), one.cells, question=one.question, names=NAMES, told=one.told)


@pytest.mark.parametrize(("scene", "sentence"), claims("unsupported"))
def test_a_claim_of_ordinary_words_is_stopped_where_no_cell_bears_it_out(scene: str, sentence: str) -> None:
    assert fault(scene, sentence) is not None


@pytest.mark.parametrize(("scene", "sentence"), claims("supported"))
def test_an_honest_paraphrase_passes(scene: str, sentence: str) -> None:
    assert fault(scene, sentence) is None


@pytest.mark.parametrize("scene", SCENES)
def test_our_own_sentences_pass_word_for_word(scene: str) -> None:
    one = SCENES[scene]
    faults = [check(told, one.cells, question=one.question, names=NAMES, told=one.told) for told in one.told]
    assert faults == [None] * len(one.told)


@pytest.mark.parametrize("sentence", UNTOLD)
def test_advice_and_causes_that_nothing_gives_are_stopped(sentence: str) -> None:
    assert check(ref(sentence), CELLS, question=QUESTION, names=NAMES) is not None


def test_advice_and_its_reason_pass_where_our_own_sentence_gives_them() -> None:
    told = ref("<0.name> – boost engagement: utilisation fell from <0.usage.previous> to <0.usage.current>.")
    for sentence in (
        "Boost engagement at <0.name>: utilisation fell from <0.usage.previous> to <0.usage.current>.",
        "Reach out to <0.name>, as its usage fell from <0.usage.previous> to <0.usage.current>.",
        "Call <0.name>, because its usage has dropped to <0.usage.current>, down from <0.usage.previous>.",
    ):
        assert check(ref(sentence), CELLS, question=QUESTION, names=NAMES, told=[told]) is None, sentence
    spent = "Call <0.name>, because its spend rose from <0.spend_previous> to <0.spend_usd>."
    assert check(ref(spent), CELLS, question=QUESTION, names=NAMES, told=[told]) is not None
    assert check(ref("Call <0.name>."), CELLS, question="What is its spend?", names=NAMES) is not None


def test_a_cause_passes_where_the_explanation_points_that_way() -> None:
    because = "<name> has a churn probability of <churn_probability>, because <{0}.label> {1} (<{0}.meaning>)."
    assert fault("explain", because.format("why0", "rose from <why0.previous> to <why0.current>")) is None
    assert fault("explain", because.format("why2", "was <why2.current> over the last <why2.period>")) is not None


@pytest.mark.parametrize("sentence", INVENTED)
def test_a_word_outside_the_vocabulary_is_stopped_beside_a_value(sentence: str) -> None:
    assert check(ref(sentence), CELLS, question=QUESTION, names=NAMES) is not None


def test_the_words_that_a_model_was_given_may_be_used_in_their_order() -> None:
    given = ref("Errors at <0.name>: its people work with less trouble, and it renews on <0.renewal_date>.")
    sentence = ref("Its people work with less trouble, and <0.name> renews on <0.renewal_date>.")
    assert check(sentence, CELLS) is not None
    assert check(sentence, CELLS, told=[given]) is None
    assert check(ref("The people of <0.name> had errors; it renews on <0.renewal_date>."), CELLS, told=[given])


def test_a_reference_in_a_given_sentence_lends_no_word() -> None:
    sentence = ref("<0.name> renews on <0.renewal_date>, a champion.")
    assert check(sentence, CELLS, question=QUESTION, told=[ref("Ask <champion.name>.")]) is not None


def test_german_has_its_own_words_and_other_languages_none() -> None:
    said = "<0.name> verlängert am <0.renewal_date>, und die Nutzung von <0.name> fiel von <0.usage.previous> auf"
    german = ref(said + " <0.usage.current>.")
    assert check(german, CELLS, question=QUESTION) is None
    assert check(german.replace("und die", "weil die"), CELLS, question=QUESTION) is not None
    assert check(ref("<0.name> ist ein Kunde, der mit dem Support hadert, Ausgaben <0.spend_usd>."), CELLS) is not None
    asked = "Qui dois-je appeler cette semaine ?"
    assert check(ref("Appelez <0.name> : un contrat de <0.spend_usd>."), CELLS, question=asked) is not None


def test_an_english_question_is_answered_in_english() -> None:
    assert check(ref("Appelez <0.name> : un contrat de <0.spend_usd>."), CELLS, question=QUESTION) is not None

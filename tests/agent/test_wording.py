"""A model's words: released sentence by sentence, and only what the cells bear out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from copilot.agent.events import Told
from copilot.agent.narrator import narrate
from copilot.agent.wording import FEWEST, MOST, MOST_SENTENCES, Facts, words
from copilot.text.cells import Cell, Record, Say, references

NAMES = ("Acme", "Globex", "Initech")
ACCOUNTS = [
    {
        "name": Cell(name, "text", "book", "account"),
        "account_id": Cell(f"A-{place}", "text", "book", "account"),
        "uplift_usd": Cell(1000.0 + place, "usd", "book", "uplift"),
        "renewal_date": Cell(date(2026, 8, place), "date", "book", "renewal"),
        "usage_previous": Cell(80.0, "points", "book", "usage"),
        "usage_current": Cell(60.0 - place, "points", "book", "usage"),
    }
    for place, name in enumerate(NAMES, start=1)
]
SAYS = [
    Say(line.replace("#", f"rows[{place}]"))
    for place in range(3)
    for line in (
        "{{#.name}}: a touch is expected to change its spend by {{#.uplift_usd}}.",
        "It renews on {{#.renewal_date}}.",
        "Usage fell from {{#.usage_previous}} to {{#.usage_current}}.",
    )
]
FACTS = Facts.of([narrate([Record("rank_accounts", {"rows": ACCOUNTS}, tuple(SAYS))], question="")])
GOOD = "Start with {{name_1}}, which renews on {{renewal_date_1}}."
ALSO = "For {{name_2}} a touch is expected to change its spend by {{uplift_usd_2}}."
THIRD = "{{name_3}} renews on {{renewal_date_3}}."


def spoken(
    *pieces: str, facts: Facts = FACTS, question: str = "Who should I call first?", by: str = "remote"
) -> list[tuple[Told, str | None]]:
    return list(words(pieces, facts, question=question, names=["Foreign Corp", *NAMES], by=by))


def texts(*pieces: str, facts: Facts = FACTS) -> list[str]:
    return [told.text for told, _ in spoken(*pieces, facts=facts)]


# --- Facts ---


def test_facts_are_the_leading_sentences_two_a_row_at_most() -> None:
    assert len(FACTS.sentences) == 6
    line = "{{name_#}}: a touch is expected to change its spend by {{uplift_usd_#}}. It renews on {{renewal_date_#}}."
    assert FACTS.lines() == [line.replace("#", place) for place in "123"]
    assert not any(name in line for name in NAMES for line in FACTS.lines())


def test_facts_of_several_answers_share_the_room() -> None:
    record = Record("rank_accounts", {"rows": ACCOUNTS}, tuple(SAYS))
    several = Facts.of([narrate([record], question="", first=number) for number in (1, 2, 3)])
    assert len(several.sentences) <= MOST
    assert {path[:2] for path in several.names} == {"t1", "t2", "t3"}


def test_one_sentence_is_not_worth_summing_up() -> None:
    assert FACTS.worth_wording
    assert not Facts(FACTS.sentences[: FEWEST - 1], FACTS.cells).worth_wording


def test_short_names_are_each_of_one_cell_and_lead_back_to_it() -> None:
    assert len(set(FACTS.names.values())) == len(FACTS.names)
    for path, name in FACTS.names.items():
        assert FACTS.in_full("{{" + name + "}}") == "{{" + path + "}}"
    assert FACTS.in_full("{{invented_1}}") == "{{invented_1}}"


def test_names_given_once_stay_when_facts_are_added() -> None:
    later = narrate([Record("x", {"rows": ACCOUNTS}, tuple(SAYS))], question="", first=2)
    both = Facts.merged([FACTS, Facts.of([later])])
    assert {path: both.names[path] for path in FACTS.names} == FACTS.names
    assert both.names["t2.rows[0].name"] == "name_4"
    assert "{{name_4}}" in Facts.of([later]).lines(both.names)[0]


# --- Released one by one ---


def test_each_sentence_is_released_as_soon_as_the_next_begins() -> None:
    heard: list[str] = []

    def pieces() -> Iterator[str]:
        for piece in (GOOD[:12], GOOD[12:], " ", ALSO[:4], ALSO[4:] + " ", "T"):
            heard.append(piece)
            yield piece

    said = words(pieces(), FACTS, question="", names=NAMES, by="remote")
    assert next(said)[0].text.startswith("Start with Acme")
    assert heard[-1] == ALSO[:4]
    assert next(said)[0].text.startswith("For Globex")
    assert heard[-1] == "T"
    assert list(said) == []


def test_a_sentence_that_was_cut_off_at_the_end_is_left_out() -> None:
    assert texts(f"{GOOD} {ALSO[:-1]}") == texts(GOOD)
    assert len(texts(f"{GOOD} {ALSO}")) == 2


def test_what_was_released_stays_when_the_reply_dies() -> None:
    def pieces() -> Iterator[str]:
        yield GOOD + " " + ALSO
        raise RuntimeError("died")

    said = words(pieces(), FACTS, question="", names=NAMES, by="remote")
    assert next(said)[0].by == "remote"
    with pytest.raises(RuntimeError):
        next(said)


@pytest.mark.parametrize("seed", range(25))
def test_how_the_reply_is_cut_into_pieces_changes_nothing(seed: int) -> None:
    reply = f"- **{GOOD}**\n- {ALSO}\n\n3. {THIRD} {{{{name_1}}}} is doing well. Usage rose to {{{{usage_current_1}}}}."
    rng = np.random.default_rng(seed)
    cuts = [0, *sorted(rng.choice(len(reply), size=rng.integers(1, 60), replace=False).tolist()), len(reply)]
    pieces = [reply[start:stop] for start, stop in pairwise(cuts)]
    assert spoken(*pieces) == spoken(reply)
    assert len(spoken(reply)) >= 3


def test_values_stand_where_the_references_stood_with_their_sources() -> None:
    [(told, fault)] = spoken(GOOD)
    assert (told.text, told.by, fault) == ("Start with Acme, which renews on 2026-08-01.", "remote", None)
    assert told.form == "Start with {{t1.rows[0].name}}, which renews on {{t1.rows[0].renewal_date}}."
    assert [cell["shown"] for cell in told.sources.values()] == ["Acme", "2026-08-01"]


def test_list_marks_and_bold_are_taken_off_and_sentences_go_on_in_one_paragraph() -> None:
    said = spoken(f"1. **{GOOD}**\n2) {ALSO}\n\n* {THIRD}")
    assert [told.goes_on for told, _ in said] == [False, True, True]
    assert not re.search(r"[*\n]|^\d", " ".join(told.text for told, _ in said))
    assert [fault for _, fault in said] == [None, None, None]


# --- What fails gives way ---

USAGE = "Usage of {{#.name}} fell from {{#.usage_previous}} to {{#.usage_current}}.".replace("#", "rows[0]")
# The same facts, with a whole sentence on usage that names its account.
WIDE = Facts.of(
    [
        narrate(
            [
                Record(
                    "x",
                    {"rows": ACCOUNTS[:2]},
                    (
                        Say("{{rows[0].name}} renews on {{rows[0].renewal_date}}."),
                        Say(USAGE),
                        Say("{{rows[1].name}}: a touch is expected to change its spend by {{rows[1].uplift_usd}}."),
                        Say("{{rows[1].name}} renews on {{rows[1].renewal_date}}."),
                    ),
                )
            ],
            question="",
        )
    ]
)
LEAD = "{{name_2}} renews on {{renewal_date_2}}."
REJECTED = {
    "a number": "{{name_1}} renews on {{renewal_date_1}} and has 5 seats.",
    "a number word": "{{name_1}} renews on {{renewal_date_1}} with twenty seats.",
    "a date": "{{name_1}} renews in March, on {{renewal_date_1}}.",
    "money": "{{name_1}} gains $1,000 by {{renewal_date_1}}.",
    "the wrong direction": "Usage of {{name_1}} rose from {{usage_previous_1}} to {{usage_current_1}}.",
    "another account's value": "{{name_1}} renews on {{renewal_date_2}}.",
    "the wrong metric": "{{name_1}} has a churn probability of {{uplift_usd_1}}.",
    "a foreign name": "Foreign Corp is like {{name_1}}, which renews on {{renewal_date_1}}.",
    "a name nobody knows": "{{name_1}} and Umbrella renew on {{renewal_date_1}}.",
    "an invented reference": "{{name_1}} renews on {{renewal_date_1}} with {{seats_1}}.",
    "a cause": "{{name_1}} renews on {{renewal_date_1}} due to neglect.",
    "a judgement": "{{name_1}} is doing well and renews on {{renewal_date_1}}.",
    "a link": "{{name_1}} renews on {{renewal_date_1}}, see https://evil.example.",
    "a Markdown link": "[{{name_1}}](//evil.example) renews on {{renewal_date_1}}.",
    "HTML": "<b>{{name_1}}</b> renews on {{renewal_date_1}}.",
    "an image": "![x](x.png) {{name_1}} renews on {{renewal_date_1}}.",
}


def test_the_good_sentences_on_the_wide_facts_would_pass() -> None:
    """Each rejected sentence differs by one fault from one that stands; else it would prove nothing."""
    for stands in (
        "{{name_1}} renews on {{renewal_date_1}}.",
        "Usage of {{name_1}} fell from {{usage_previous_1}} to {{usage_current_1}}.",
        "Call {{name_1}}, which renews on {{renewal_date_1}}.",
    ):
        assert [fault for _, fault in spoken(stands, facts=WIDE)] == [None], stands


@pytest.mark.parametrize("kind", REJECTED)
def test_a_sentence_that_says_what_no_cell_does_gives_way_to_the_nearest_template(kind: str) -> None:
    [(good, _), (told, fault)] = spoken(LEAD + " " + REJECTED[kind], facts=WIDE)
    assert good.by == "remote"
    assert fault
    assert told.by == "rules"
    assert told.form in WIDE.sentences
    assert set(references(told.form)) & set(references(WIDE.in_full(REJECTED[kind])))


@pytest.mark.parametrize("kind", REJECTED)
def test_where_nothing_verifies_nothing_is_shown(kind: str) -> None:
    assert spoken(REJECTED[kind], facts=WIDE) == []
    assert spoken(REJECTED[kind] + " " + REJECTED[kind], facts=WIDE) == []


def test_templates_in_place_of_failures_wait_for_a_sentence_that_stands() -> None:
    said = spoken("{{name_1}} is doing well until {{renewal_date_1}}. " + LEAD, facts=WIDE)
    assert [(told.by, told.goes_on) for told, _ in said] == [("rules", False), ("remote", True)]
    assert said[0][0].text == "Acme renews on 2026-08-01."


def test_an_it_after_another_accounts_sentence_is_rejected_and_after_its_own_is_not() -> None:
    own = spoken(
        "{{name_1}} renews on {{renewal_date_1}}. Its usage fell from {{usage_previous_1}} to {{usage_current_1}}.",
        facts=WIDE,
    )
    assert [told.by for told, _ in own] == ["remote", "remote"]
    other = spoken(LEAD + " Its usage fell from {{usage_previous_1}} to {{usage_current_1}}.", facts=WIDE)
    assert [told.by for told, _ in other] == ["remote", "rules"]
    assert "whose" in str(other[1][1])
    assert other[1][0].text.startswith("Usage of Acme fell")
    assert spoken("It renews on {{renewal_date_1}}.", facts=WIDE) == []


def test_a_sentence_is_said_once() -> None:
    assert len(spoken(f"{LEAD} {LEAD} {LEAD}", facts=WIDE)) == 1
    doubted = "{{name_2}} is doing well and renews on {{renewal_date_2}}."
    assert len({told.form for told, _ in spoken(f"{LEAD} {doubted} {doubted} {doubted}", facts=WIDE)}) == len(
        spoken(f"{LEAD} {doubted} {doubted} {doubted}", facts=WIDE)
    )


def test_flourishes_without_a_reference_are_left_out() -> None:
    assert texts(f"Here is my plan, boss. {GOOD} Good luck!") == ["Start with Acme, which renews on 2026-08-01."]
    assert texts("Sell them everything. They owe you 5 dollars.") == []


def test_only_so_many_sentences_are_read_and_no_further_piece_is_asked_for() -> None:
    rows = [{"name": Cell(f"Firm {letter}", "text", "book", "account"),
             "renewal_date": Cell(date(2026, 8, 1), "date", "book", "renewal")} for letter in "abcdefgh"]  # fmt: skip
    line = "{{#.name}} renews on {{#.renewal_date}}."
    lines = [Say(line.replace("#", f"rows[{place}]")) for place in range(8)]
    facts = Facts.of([narrate([Record("x", {"rows": rows}, tuple(lines))], question="")])
    asked = []

    def pieces() -> Iterator[str]:
        for place in range(1, 9):
            asked.append(place)
            yield "Then {{name_#}} renews on {{renewal_date_#}}. ".replace("#", str(place))

    said = list(words(pieces(), facts, question="", names=[], by="local"))
    assert [told.by for told, _ in said] == ["local"] * MOST_SENTENCES
    assert len(asked) <= MOST_SENTENCES + 2


def test_the_askers_own_number_may_be_echoed() -> None:
    echo = "Within 30 days {{name_1}} renews on {{renewal_date_1}}."
    assert [fault for _, fault in spoken(echo, facts=WIDE, question="Who renews in 30 days?")] == [None]
    assert spoken(echo, facts=WIDE, question="Who renews soon?") == []


HOSTILE = ("<script>alert(1)</script>", "[pay](http://evil.example)", "![x](http://evil.example/x.png)", "**Bold** `x`")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_would_format_or_link_cannot(name: str) -> None:
    rows = [{**ACCOUNTS[0], "name": Cell(name, "text", "book", "account")}, ACCOUNTS[1]]
    facts = Facts(FACTS.sentences[:4], dict(FACTS.cells) | {"t1.rows[0].name": rows[0]["name"]})
    for told, _ in spoken(f"{ALSO} {GOOD}", facts=facts):
        assert not re.search(r"(?<!\\)[<\[`*]", told.text), told.text


def test_a_told_sentence_holds_its_form_and_cells_and_nothing_else() -> None:
    reply = " ".join([LEAD, *REJECTED.values(), "Call {{name_1}}, which renews on {{renewal_date_1}}."])
    for start in range(0, len(REJECTED), 3):
        cut = " ".join([LEAD, *list(REJECTED.values())[start : start + 3]])
        for said in (cut, reply):
            for told, _ in spoken(said, facts=WIDE):
                expected = told.form
                for path, cell in told.sources.items():
                    assert cell["shown"] == WIDE.cells[path].shown
                    expected = expected.replace("{{" + path + "}}", WIDE.cells[path].shown)
                assert told.text == expected
                assert not re.search(r"\d|Umbrella|Foreign", re.sub(r"\{\{.*?\}\}", "", told.form))


def test_a_failing_sentence_that_shares_no_cell_with_any_template_is_left_out() -> None:
    assert len(spoken(LEAD + " There are {{seats_1}}.", facts=WIDE)) == 1


def test_another_account_of_the_book_may_not_be_named_in_small_letters() -> None:
    said = "In the table, {{name_1}} renews on {{renewal_date_1}}."
    assert [fault for _, fault in words_of(said, [])] == [None]
    assert words_of(said, ["The Table"]) == []


def words_of(said: str, names: list[str]) -> list[tuple[Told, str | None]]:
    return list(words([said], WIDE, question="", names=names, by="remote"))

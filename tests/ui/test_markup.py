"""Whatever people, books and models wrote comes out of Markdown as the text it was."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ui import markup

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "![a](http://evil.example/a.png)",
    "**bold** _it_ ~~x~~ `code`",
    "# heading",
    "a | b | c",
    "</abbr><script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "=cmd|' /C calc'!A0",
    "http://evil.example www.evil.example a@evil.example",
    "$$x$$ \\(y\\)",
    "&lt;b&gt; &#60;",
    "1. one",
    "{{t1.rows[0].name}}",
]
SPEND = {"value": 5000, "shown": "$5,000", "unit": "usd", "origin": "book:contracts[A-1].spend_usd"}


def rendered(markdown: str) -> str:
    """Render with another implementation of Markdown, HTML and bare links allowed, as a browser would see it."""
    return str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


def text_of(page: str) -> str:
    """Return the text a browser shows; tags gone, entities decoded."""
    return html.unescape(re.sub(r"<[^>]*>", "", page)).strip()


def cell(shown: str, **more: Any) -> dict[str, Any]:
    return {"value": shown, "shown": shown, "unit": "text", "origin": "book:accounts[A-1].name", **more}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_value_is_shown_as_its_own_characters(text: str) -> None:
    page = rendered(markup.told("Call {{t1.name}} now.", {"t1.name": cell(text)}))
    assert text_of(page) == f"Call {text} now."
    assert set(re.findall(r"<(\w+)", page)) == {"p", "abbr"}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1))
def test_any_value_survives_markdown_unchanged(text: str) -> None:
    shown = " ".join(text.split())
    page = rendered("x" + markup.plain(text) + "x")
    assert html.unescape(page) == f"<p>x{shown}x</p>\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_question_is_shown_as_it_was_typed(text: str) -> None:
    page = rendered(markup.question(f"{text}\n{text}"))
    assert text_of(page.replace("<br>", "\n")) == f"{text}\n{text}"
    assert set(re.findall(r"<(\w+)", page)) == {"p", "br"}


@pytest.mark.parametrize("text", [text for text in HOSTILE if "bold" not in text and "{{" not in text])
def test_prose_of_a_model_makes_no_link_no_image_and_no_tag(text: str) -> None:
    page = rendered(markup.prose("So: " + text))
    assert not re.search(r"<(?!/?(?:p|em|strong|code|s)>)", page)
    assert "http://evil" not in markup.prose(text)
    assert "www.evil" not in markup.prose(text)
    assert "@" not in markup.prose(text)


def test_prose_keeps_lists_tables_and_emphasis() -> None:
    page = rendered(markup.prose("- **one**\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"))
    assert "<li><strong>one</strong></li>" in page.replace("\n", "")
    assert page.count("<td>") == 2


def test_a_value_carries_its_origin_and_unit_as_a_title() -> None:
    told = markup.told("It pays {{t1.spend_usd}}.", {"t1.spend_usd": SPEND})
    (title,) = re.findall(r'title="([^"]*)"', told)
    assert html.unescape(title) == "book:contracts[A-1].spend_usd · usd"
    assert text_of(told) == "It pays $5,000."


def test_a_hostile_origin_cannot_leave_its_title() -> None:
    page = rendered(markup.told("{{a.b}}", {"a.b": cell("x", origin='"><img src=x onerror=alert(1)>')}))
    assert set(re.findall(r"<(\w+)", page)) == {"p", "abbr"}


def test_values_in_a_table_stay_in_their_column() -> None:
    form = "| Name | Spend |\n| --- | --- |\n| {{t1.rows[0].name}} | {{t1.rows[0].spend_usd}} |"
    page = rendered(markup.told(form, {"t1.rows[0].name": cell("A | B"), "t1.rows[0].spend_usd": SPEND}))
    assert [text_of(found) for found in re.findall(r"<td>(.*?)</td>", page)] == ["A | B", "$5,000"]


def test_a_places_number_opens_a_list_item_and_a_value_elsewhere_does_not() -> None:
    sources = {"t1.rank": cell("1", unit="count"), "t1.name": cell("Acme")}
    assert "<li>" in rendered(markup.told("{{t1.rank}}. {{t1.name}}", sources))
    assert "<li>" in rendered(markup.told("So:\n\n{{t1.rank}}. {{t1.name}}", sources))
    assert "<li>" not in rendered(markup.told("{{t1.name}}", {"t1.name": cell("1. one")}))
    assert markup.told("Place {{t1.rank}}. Good.", sources).count("<abbr") == 1


def test_a_reference_to_nothing_says_so_instead_of_showing_itself() -> None:
    assert markup.told("{{t9.x}}", {}) == "not known"


def test_the_copilots_own_sentences_claim_no_source() -> None:
    assert markup.told("{{t1.text}}", {"t1.text": cell("Hello, <b>.", origin="copilot")}) == "Hello, &lt;b&gt;."


def test_the_list_of_sources_names_each_value_once_and_where_it_is_from() -> None:
    table = markup.sources_table(
        {
            "t1.rows[1].why[0].current": cell("12", origin="snapshot 20260701T000000Z-ab12cd34:reasons[A-1].current"),
            "t2.rows[1].why[0].current": cell("12", origin="snapshot 20260701T000000Z-ab12cd34:reasons[A-1].current"),
            "t1.spend_usd": SPEND,
            "t1.rows[0].rank": cell("1", unit="count", origin="method: place in this list"),
            "t1.rows[0].name": cell("Acme"),
            "t1.rows[0].why[1].previous": cell("9", origin="book:usage"),
            "t1.text": cell("Hello", origin="copilot"),
        }
    )
    cells = [text_of(found) for found in re.findall(r"<td>(.*?)</td>", table)]
    assert cells == [
        *("12", "row 2, reason 1: current", "scores: reasons[A-1].current"),
        *("$5,000", "spend", "book:contracts[A-1].spend_usd"),
        *("Acme", "Acme: name", "book:accounts[A-1].name"),
        *("9", "Acme, reason 2: previous", "book:usage"),
    ]


def test_an_answer_without_sources_has_no_list() -> None:
    assert markup.sources_table({"t1.text": cell("Hello", origin="copilot")}) == ""

"""The ranked book is a table of what the record holds, and nothing in it runs."""

from __future__ import annotations

import re
from typing import Any

from copilot.text.cells import Cell, Record
from ui import book


def record(*rows: dict[str, Cell], **data: Any) -> Record:
    return Record("rank_accounts", {"rows": list(rows), **data})


def row(name: str = "Acme", **cells: Cell) -> dict[str, Cell]:
    return {"rank": Cell(1, "count"), "name": Cell(name, "text", "book:accounts[A-1].name"), **cells}


def heads(table: str) -> list[str]:
    return re.findall(r"<th [^>]*>(.*?)</th>", table)


def test_a_row_shows_place_account_action_value_and_renewal() -> None:
    table = book.table(
        record(
            row(
                action=Cell("prevent churn"),
                uplift_usd=Cell(1482.0, "usd", "snapshot s:uplift[A-1]"),
                spend_usd=Cell(9.0, "usd"),
                renewal_date=Cell("2026-11-11", "date"),
            ),
            as_of=Cell("2026-06-30", "date"),
        )
    )
    assert heads(table) == ["#", "Account", "What to do", "A touch adds", "Renews"]
    assert "$1,482" in table
    assert 'title="snapshot s:uplift[A-1] · usd"' in table
    assert "sc-churn" in table
    assert "1 account, as of 2026-06-30" in table


def test_without_uplift_the_value_is_the_next_best_thing_known() -> None:
    plain = row(spend_usd=Cell(100.0, "usd"), uplift_usd=Cell(None, "usd"), growth_usd=Cell(None, "usd"))
    assert heads(book.table(record(plain))) == ["#", "Account", "Annual spend"]


def test_a_row_without_a_value_shows_a_dash_in_its_place() -> None:
    table = book.table(record(row(growth_usd=Cell(5.0, "usd")), row("Beta", growth_usd=Cell(None, "usd"))))
    assert table.count("–") == 1


def test_an_account_named_like_markup_or_a_formula_is_only_text() -> None:
    name = "<img src=x onerror=alert(1)>\"' =1+1"
    made = record(row(name, action=Cell("<b>")))
    assert book.names(made) == [name]
    table = book.table(made)
    assert "<img" not in table
    assert "<b>" not in table
    assert "&lt;img src=x onerror=alert(1)&gt;&quot;&#x27; =1+1" in table


def test_an_empty_book_and_a_missing_one_are_sentences() -> None:
    assert "There is no account in your book." in book.table(record())
    assert "Run &lt;score&gt; first." in book.notice("Run <score> first.")


def test_accounts_that_a_study_hides_are_counted_under_the_table_and_in_its_place() -> None:
    def told(count: int) -> dict[str, Cell]:
        return {"accounts": Cell(count, "count"), "why": Cell("hidden until 2026-12-31: control of <b>autumn")}

    table = book.table(record(row(), hidden=[told(1200)]))
    assert "1 account. For 1,200 accounts the scores are hidden until 2026-12-31: control of &lt;b&gt;autumn." in table
    assert "For 1 account the scores are hidden" in book.table(record(hidden=[told(1)]))
    assert "scores" not in book.table(record(row(), hidden=[]))


def test_only_who_may_answer_gets_the_buttons_and_only_where_there_is_an_action() -> None:
    found = record(row("Acme", action=Cell("prevent churn")), row("Beta", action=Cell(None, "text")))
    assert "data-feedback" not in book.table(found)
    told = re.findall(r'data-row="(\d)" data-feedback="(\w+)"', book.table(found, answers=True))
    assert told == [("0", word) for word in ("accepted", "done", "snoozed", "dismissed")]


def test_the_accounts_ids_stay_in_the_tables_order_and_out_of_the_page() -> None:
    found = record(row("Acme", account_id=Cell("A-7", "text")), row("Beta"))
    assert book.accounts(found) == ["A-7", ""]
    assert "A-7" not in book.table(found, answers=True)

"""The ranked book beside the chat: what ``rank_accounts`` returns, as a small table whose rows can be clicked.

A rep's own rows also hold buttons by which to say what became of an action; each button names its row and a word.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from copilot.text.cells import Cell, Record
from ui.texts import texts

# Column of the record, its short heading here.
SHOWN = (("rank", "#"), ("name", "Account"), ("action", "What to do"), ("value", "Value"), ("renewal_date", "Renews"))
# What "value" is: the first of these that the record holds.
VALUES = (("uplift_usd", "A touch adds"), ("growth_usd", "Expected change"), ("spend_usd", "Annual spend"),
          ("list_price_usd", "Open deals"))  # fmt: skip


def names(record: Record) -> list[str]:
    """Return the accounts' names in the table's order."""
    return [row["name"].shown for row in _rows(record)]


def accounts(record: Record) -> list[str]:
    """Return the accounts' ids in the table's order; an empty one where the row has none."""
    return [str(row["account_id"].value) if "account_id" in row else "" for row in _rows(record)]


def actions(record: Record) -> list[str]:
    """Return what the table says to do about each account, in its order; an empty text where it says nothing."""
    return [str(row["action"].value) if "action" in row and row["action"].known else "" for row in _rows(record)]


def table(record: Record, *, answers: bool = False) -> str:
    """Return the book as HTML; each row holds a button with its place, counted from 0.

    Args:
        record: What ``rank_accounts`` returned.
        answers: Whether the reader may say what became of the actions.
    """
    rows = _rows(record)
    if not rows:
        return notice(" ".join(_hidden(record)) or "There is no account in your book.")
    value = next((pair for pair in VALUES if any(pair[0] in row and row[pair[0]].known for row in rows)), VALUES[-1])
    columns = [
        (value if key == "value" else (key, head))
        for key, head in SHOWN
        if key == "value" or any(key in row and row[key].known for row in rows)
    ]
    head = "".join(f'<th scope="col" class="sc-{key}">{html.escape(title)}</th>' for key, title in columns)
    body = "".join(_row(place, row, columns, answers=answers) for place, row in enumerate(rows))
    as_of = record.data.get("as_of")
    foot = _count(len(rows)) + (f", as of {as_of.shown}" if isinstance(as_of, Cell) else "")
    foot = " ".join([f"{foot}.", *_hidden(record), "Click a row to ask about it."])
    return (
        f'<div class="sc-book"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f'<p class="sc-note">{html.escape(foot)}</p>'
    )


def notice(sentence: str) -> str:
    """Return a sentence in place of the table."""
    return f'<p class="sc-empty">{html.escape(sentence)}</p>'


def _rows(record: Record) -> Sequence[Mapping[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = record.data.get("rows", ())
    return rows


def _hidden(record: Record) -> list[str]:
    """Return how many accounts are not ranked because a running study hides their scores, and until when."""
    told: Sequence[Mapping[str, Cell]] = record.data.get("hidden", ())
    return [f"For {_count(one['accounts'].value)} the scores are {one['why'].shown}." for one in told]


def _count(number: Any) -> str:
    return f"{number:,} account{'' if number == 1 else 's'}"


def _row(place: int, row: Mapping[str, Any], columns: Sequence[tuple[str, str]], *, answers: bool) -> str:
    cells = []
    for key, _ in columns:
        cell = row.get(key)
        shown = html.escape(cell.shown) if isinstance(cell, Cell) and cell.known else "–"
        title = html.escape(f"{cell.origin} · {cell.unit}") if isinstance(cell, Cell) else ""
        if key == "name":
            shown = f'<button type="button" data-row="{place}">{shown}</button>'
        if key == "action":
            shown = (
                f'<span class="sc-chip sc-{_kind(str(row["action"].value))}">{shown}</span>' if shown != "–" else "–"
            )
            shown += _buttons(place) if answers and row["action"].known else ""
        cells.append(f'<td class="sc-{key}" title="{title}">{shown}</td>')
    return f'<tr data-row="{place}">{"".join(cells)}</tr>'


def _buttons(place: int) -> str:
    """Return one small button for each thing a rep may say of an action."""
    made = (
        f'<button type="button" data-row="{place}" data-feedback="{word}" title="{html.escape(label)}" '
        f'aria-label="{html.escape(label)}">{html.escape(mark)}</button>'
        for word, (mark, label) in texts()["feedback"].items()
    )
    return f'<span class="sc-said">{"".join(made)}</span>'


def _kind(action: str) -> str:
    return next((kind for kind in ("churn", "upsell", "engagement") if kind in action), "other")

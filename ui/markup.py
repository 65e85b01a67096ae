"""Text made harmless for the chat: what people, books and models wrote stays text, and each value shows its source.

The browser's sanitizer is a second wall, not the first: nothing reaches it that is not escaped here.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from copilot.text.cells import REFERENCE

# Entities are text to Markdown, so none of these can open emphasis, code, a link, a table cell or a heading.
_MARKS = {mark: f"&#{ord(mark)};" for mark in "\\`*_~|[]()!#<>&\"'$@{}:=+-."}
_MARKDOWN = re.compile("|".join(re.escape(mark) for mark in _MARKS))
_OPENING = re.compile(r"(?:\A|\n)\s*(?:- )?\Z")  # a sentence begins here
_SOURCE = re.compile(r"\bsnapshot \S+?:")


def plain(text: object) -> str:
    """Escape a value so that Markdown and HTML show exactly its characters, in one line."""
    return _MARKDOWN.sub(lambda found: _MARKS[found[0]], " ".join(str(text).split()))


def question(text: str) -> str:
    """Escape what somebody typed, keeping its lines."""
    return "<br>".join(plain(line) for line in text.splitlines())


def prose(text: str) -> str:
    """Escape a template's or a model's sentence: lists, tables and emphasis stay; HTML, links and images do not."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "[]$@":
        text = text.replace(mark, _MARKS[mark])
    # Also bare addresses, which Markdown would turn into links.
    return re.sub(r"(?i)(\w)(:)(?=//)|\b(www)(\.)", lambda m: (m[1] or m[3]) + _MARKS[m[2] or m[4]], text)


def hint(cell: Mapping[str, Any]) -> str:
    """Say where a value is from and in which unit."""
    return f"{cell.get('origin') or 'not stated'} · {cell.get('unit') or 'text'}"


def told(form: str, sources: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a piece of the answer as Markdown whose values carry their origin as a title.

    Args:
        form: The piece in reference form (``Told.form``); ``{{t1.rows[0].name}}`` points at a cell.
        sources: The cells, path to ``{value, shown, unit, origin}``.
    """
    parts, end = [], 0
    for found in REFERENCE.finditer(form):
        before = form[: found.start()]
        value = _value(sources.get(found[1]), place=_is_place(form, found), opens=bool(_OPENING.search(before)))
        parts += [prose(form[end : found.start()]), value]
        end = found.end()
    return "".join([*parts, prose(form[end:])])


def stored(answer: str) -> str:
    """Return a stored answer as Markdown; its values stand in it as plain text."""
    return prose(answer)


def sources_table(sources: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table behind "Where these numbers come from" as HTML; the same value of one source once."""
    rows = dict.fromkeys(
        (str(cell.get("shown", "")), _what(path, sources), source_words(str(cell["origin"])))
        for path, cell in sources.items()
        if cell.get("origin") not in (None, "", "copilot") and not path.endswith(".rank")  # a place says it itself
    )
    return table(("Value", "What it is", "Source"), rows) if rows else ""


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a small HTML table of escaped texts, in one line so that Markdown leaves it alone."""
    head = "".join(f"<th>{_cell(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{_cell(text)}</td>" for text in row) + "</tr>" for row in rows)
    return f'<div class="sc-scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def source_words(origin: str) -> str:
    """Shorten ``snapshot 20261123T…-bd2e:growth[A-1].x`` to ``scores: growth[A-1].x``; the snapshot is named below."""
    return _SOURCE.sub("scores: ", origin)


def _is_place(form: str, found: re.Match[str]) -> bool:
    """Whether a reference is the number of a list's item: ``{{t1.rows[0].rank}}. …`` at the start of a line."""
    return form[: found.start()].endswith(("", "\n")[found.start() > 0]) and form[found.end() :].startswith(". ")


def _value(cell: Mapping[str, Any] | None, *, place: bool, opens: bool) -> str:
    if cell is None:
        return "not known"
    text, origin = str(cell.get("shown", "")), cell.get("origin")
    shown = plain(text[:1].upper() + text[1:] if opens else text)
    if place and shown.isdigit():
        return shown
    # The copilot's own sentences and places in a list have no source that anybody could look up.
    if origin in (None, "", "copilot"):
        return prose(str(cell.get("shown", "")))
    kind = "" if cell.get("unit") in (None, "text", "quote") else ' class="sc-n"'
    return f'<abbr{kind} title="{plain(hint(cell))}">{shown}</abbr>'


def _what(path: str, sources: Mapping[str, Mapping[str, Any]]) -> str:
    """Turn ``t1.rows[0].why[1].current`` into ``Acme, reason 2: current``, or ``row 1, …`` where it has no name."""
    steps = path.split(".")
    where = []
    for depth, (name, number) in enumerate(map(_indexed, steps[:-1]), start=1):
        if name in _PLACES:
            named = sources.get(".".join([*steps[:depth], "name"]))
            where.append(str(named.get("shown")) if named else f"{_PLACES[name]} {int(number) + 1}")
    words = steps[-1].removesuffix("_usd").replace("_", " ")
    return f"{', '.join(where)}: {words}" if where else words


_PLACES = {"rows": "row", "why": "reason", "contacts": "contact", "contracts": "contract", "reasons": "reason"}


def _indexed(step: str) -> tuple[str, str]:
    found = re.fullmatch(r"(\w+)\[(\d+)\]", step)
    return (found[1], found[2]) if found else (step, "0")


def _cell(text: str) -> str:
    return plain(text) if text else html.escape("–")

"""Put an answer together from records: template sentences and tables by reference, values filled in by code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from copilot.agent.events import Told
from copilot.text import verifier
from copilot.text.cells import Cell, Record, Say, fill, flatten, prefix, references

_MARKDOWN = re.compile(r"([\\`*\[\]<>|~])")


_LOWER_BULLET = re.compile(r"^ +- [a-z]", re.MULTILINE)  # a label that begins a sentence


@dataclass(frozen=True)
class Narration:
    """What the records say in our own words, and the faults of sentences that were left out."""

    told: Told
    sentences: tuple[str, ...]  # in reference form, as told, without those that stand as they are
    cells: Mapping[str, Cell]
    faults: tuple[str, ...]


def narrate(records: Sequence[Record], *, question: str, focus: Sequence[str] = (), first: int = 1) -> Narration:
    """Tell the records in order, each sentence only after it verifies.

    Args:
        records: What the tools returned.
        question: The asker's words; numbers in them may be echoed.
        focus: Topics asked about; other topics are left out where a record has any of these.
        first: The first record's number in references: ``t1`` unless told.
    """
    cells: dict[str, Cell] = {}
    blocks: list[str] = []
    sentences: list[str] = []
    faults: list[str] = []
    for number, record in enumerate(records, start=first):
        name = f"t{number}"
        own = dict(flatten(record.data, name))
        cells |= own
        kept: list[tuple[Say, str]] = []
        headless = False
        for line in _focused(record.say, focus):
            headless = headless and line.detail
            if headless:
                continue  # "It renews on …" without the sentence that says who
            sentence = prefix(line.text, name)
            fault = verifier.check(sentence, _spoken(own, sentence), question=question, template=True)
            if fault is None:
                kept.append((line, sentence))
            else:
                faults.append(f"{sentence}: {fault}")
                headless = not line.detail
        sentences += [sentence for line, sentence in kept if not line.verbatim]
        table = _table(record, name, focus)
        blocks += _paragraphs([pair for pair in kept if not pair[0].below])
        blocks += [table] if table else []
        blocks += _paragraphs([pair for pair in kept if pair[0].below])
    return Narration(told("\n\n".join(blocks), cells), tuple(sentences), cells, tuple(faults))


def told(form: str, cells: Mapping[str, Cell], *, by: str = "rules", goes_on: bool = False) -> Told:
    """Fill values into a piece of the answer; the book's own text can neither format nor link."""
    used = {path: cells[path] for path in dict.fromkeys(references(form))}
    text = fill(form, {path: _escaped(cell) for path, cell in used.items()})
    text = _LOWER_BULLET.sub(lambda found: found[0].upper(), text)
    return Told(form, _capital(text), {path: source(cell) for path, cell in used.items()}, by, goes_on)


def source(cell: Cell) -> dict[str, Any]:
    """Return what stands behind a number, ready for JSON."""
    value = cell.value if cell.value is None or isinstance(cell.value, bool | int | float | str) else str(cell.value)
    return {"value": value, "shown": cell.shown, "unit": cell.unit, "origin": cell.origin}


def _focused(lines: Sequence[Say], focus: Sequence[str]) -> list[Say]:
    wanted = set(focus) & {line.topic for line in lines}
    return [line for line in lines if not wanted or not line.topic or line.topic in wanted]


def _spoken(cells: Mapping[str, Cell], sentence: str) -> dict[str, Cell]:
    """Return the sentence's cells with a word in place of what is not known: a template may say so."""
    found = {path: cells[path] for path in references(sentence) if path in cells}
    return {
        path: cell if cell.value is not None else Cell("not known", "text", cell.origin, cell.metric)
        for path, cell in found.items()
    }


def _paragraphs(lines: Sequence[tuple[Say, str]]) -> list[str]:
    blocks: list[str] = []
    for line, sentence in lines:
        text = _capital(sentence)
        if line.detail and blocks:
            blocks[-1] += f"\n   - {text}"
        else:
            blocks.append(text)
    return blocks


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _table(record: Record, name: str, focus: Sequence[str]) -> str:
    rows = record.data.get("rows", [])
    wanted = set(focus) & {column.topic for column in record.columns.values()}
    columns = {key: c for key, c in record.columns.items() if not wanted or not c.topic or c.topic in wanted}
    if not rows or not columns:
        return ""
    grid = [[column.heading for column in columns.values()]]
    for place, row in enumerate(rows):
        shown = [
            "{{" + f"{name}.rows[{place}].{key}" + "}}" if key in row and row[key].value is not None else ""
            for key in columns
        ]
        if any(shown[1:]) or record.sideways:  # a group that has nothing of what was asked about
            grid.append(shown)
    if record.sideways:
        grid = [list(line) for line in zip(*grid, strict=True)]
    head, *body = ["| " + " | ".join(line) + " |" for line in grid]
    return "\n".join([head, "|" + " --- |" * len(grid[0]), *body])


def _escaped(cell: Cell) -> Cell:
    """Keep a book's text from acting as Markdown or HTML in an answer."""
    if isinstance(cell.value, str):
        return Cell(_MARKDOWN.sub(r"\\\1", " ".join(cell.value.split())), "text", cell.origin, cell.metric)
    return cell

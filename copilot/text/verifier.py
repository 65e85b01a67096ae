"""The verifier: a sentence may be shown only where each of its claims rests on a cell it refers to (DESIGN, The agent).

It reads reference form and decides by word tables, English and German; other languages fail. It errs towards a fault: a
false alarm costs a template sentence, a missed one costs trust. Advice and causes pass only where the answer gives them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from functools import reduce

from copilot.text import clauses, grounds, owners, prose, values
from copilot.text import words as w
from copilot.text.cells import REFERENCE, Cell
from copilot.text.claim import Claim, Ref, fold, split_sentences

__all__ = ["check", "split_sentences"]


def check(
    sentence: str,
    cells: Mapping[str, Cell],
    *,
    question: str = "",
    names: Collection[str] = (),
    told: Collection[str] = (),
    template: bool = False,
) -> str | None:
    """Return None where the sentence may be shown, else what is wrong with it in one phrase.

    Args:
        sentence: Reference form, as ``Usage fell from {{t1.previous}} to {{t1.current}}.``
        cells: Every cell the answer may use, by path. An account's name and id carry the metric ``account``.
        question: What was asked; its dates and names may be echoed, and its numbers with the word they counted.
        names: All account names of the asker's book; one that is in no cell and was not asked about is a fault.
        told: Our own sentences that a model was given to word, each row's together; it may say them again, whole or in
            runs of their words, of the same row.
        template: The words are our own (``prompts/``): only what the cells contradict is a fault, not what they
            leave open ("the largest first"). Never for a model's words.
    """
    paths = [found[1] for found in REFERENCE.finditer(sentence)]
    for path in paths:
        if fault := _unusable(path, cells.get(path)):
            return fault
    kinds = {unicodedata.category(letter) for letter in sentence if letter not in " \xa0"}
    if w.MARK in sentence or kinds.intersection(w.HIDDEN):
        return "a hidden letter or a number sign"
    cased = fold(REFERENCE.sub(w.MARK, sentence))
    places = [place for place, letter in enumerate(cased) if letter == w.MARK]
    refs = tuple(Ref(path, cells[path], place) for path, place in zip(paths, places, strict=True))
    if sentence[:1].upper() + sentence[1:] in {one[:1].upper() + one[1:] for one in told}:
        template = True  # word for word our own
    claim = Claim(cased.lower(), cased, refs, cells, fold(question).lower(), names, template, told)
    rules: tuple[Callable[[Claim], str | None], ...] = (
        _letters,
        _numbers,
        values.ranges,
        values.metrics,
        values.directions,
        values.orders,
        values.extremes,
        owners.of_account,
    )
    if not template:
        rules += (
            owners.shared,
            owners.of_one_entry,
            owners.of_its_own_name,
            owners.of_a_contact,
            _dates,
            _levels,
            _negations,
            values.kinds,
            values.general,
            owners.known_names,
            owners.new_names,
            _judgements,
            *prose.RULES,
            grounds.meanings,
            grounds.causes,
            grounds.unnamed,
            clauses.unsupported,
        )
    return next((fault for rule in rules if (fault := rule(claim))), None)


# --- Rules on letters, numbers and words: each returns a fault or None ---


def _unusable(path: str, cell: Cell | None) -> str | None:
    if cell is None:
        return f"there is no cell {path}"
    if not cell.known:
        return f"the cell {path} holds no value"
    if isinstance(cell.value, str) and w.MARKED_VALUE.search(cell.value):
        return f"the cell {path} holds a link or markup"
    return None


def _letters(s: Claim) -> str | None:
    """Links, markup, letters that only look like ours, words glued to a reference."""
    if len(s.text) > 1000:
        return "a sentence of more than 1000 letters"
    for table, fault in (
        (w.STRANGE, "the character"),
        (w.MARKUP, "a link, markup or letters set apart:"),
        (w.GLUED, "glued:"),
    ):
        if found := table.search(s.text):
            return f"{fault} {found[0]!r}"
    if (unit := w.UNIT_AFTER.search(s.text)) and s.at(unit.start()).amount is not None:
        return f"a unit outside its cell: {unit[0]!r}"
    return None


def _numbers(s: Claim) -> str | None:
    rest = w.PRONOUN.sub(lambda found: " " * len(found[0]), s.text)
    unsaid = [
        found[0] for table in (w.NUMBER, w.NUMBER_WORD) for found in table.finditer(rest) if not _echoed(found, s)
    ]
    unsaid += [found[0] for found in w.ROMAN.finditer(s.cased) if found[0].lower() not in s.question.split()]
    pieces = re.sub(r"(?<=[a-z])[^a-z§ ]+(?=[a-z])", "", w.NUMBER_WORD.sub(" ", rest))  # "fi-ve"
    unsaid += w.NUMBER_WORD.findall(pieces)
    if unsaid:
        return f"the number {unsaid[0]!r} comes from no cell"
    if sign := re.search(r"[%$€£]", w.NUMBER.sub("", rest)):
        return f"the sign {sign[0]!r} outside a cell"
    return None


def _echoed(found: re.Match[str], s: Claim) -> bool:
    """Whether the asker said this number, and of the same thing: "30 days" does not cover "a churn of 30"."""

    def counted(text: str, end: int) -> set[str]:
        return set(re.findall(r"[a-z]{4,}", re.split(r"[.;:!?§]", text[end : end + 40])[0])[:2])

    own = counted(s.text, found.end())
    for said in found.re.finditer(s.question):
        theirs = counted(s.question, said.end())
        alike = own & theirs or not (own or theirs) or (found.re is w.NUMBER and len(found[0]) > 3)
        if said[0].replace(" ", "") == found[0].replace(" ", "") and alike:
            return True
    return False


def _dates(s: Claim) -> str | None:
    """Months, days and spans must be the asker's; "next month" is advice unless something is due then."""
    tables = [(w.MONTH, s.text), (w.CASED_MONTH, s.cased), (w.PERIOD, s.text)]
    tables += [(w.SOON, _without_forecast_span(s))] if w.DUE.search(s.text) else []
    said = (found[0] for table, text in tables for found in table.finditer(text) if found[0].lower() not in s.question)
    return next((f"the time {word!r} comes from no cell" for word in said), None)


def _without_forecast_span(s: Claim) -> str:
    """Blot out "next month" right behind a forecast, or behind what one in the same sentence is for."""
    forecasts = {ref.at for ref in s.amounts if w.FORECAST.search(ref.described)}
    if not forecasts:
        return s.text
    behind = forecasts | {ref.at for ref in s.refs if ref.amount is None}
    spans = (found for found in re.finditer(r"§ (next month)\b", s.text) if found.start() in behind)
    return reduce(
        lambda text, found: text[: found.start(1)] + "x" * len(found[1]) + text[found.end(1) :], spans, s.text
    )


def _levels(s: Claim) -> str | None:
    """High, nearly, riskiest: a judgement that no cell holds."""
    found = w.LEVEL.search(s.text) or w.OTHER_BEST.search(w.HIGHEST.sub("", w.LOWEST.sub("", s.text)))
    return f"no cell says {found[0]!r}" if found else None


def _judgements(s: Claim) -> str | None:
    """Doing well, at risk, because: nothing that a table of numbers says."""
    if found := w.JUDGED.search(s.text):
        return f"no cell says {found[0]!r}"
    return "no cell holds a cause" if w.BECAUSE.search(s.text) else None


def _negations(s: Claim) -> str | None:
    start = 0
    for clause in w.CLAUSE.split(s.text):
        inside = any(start <= ref.at <= start + len(clause) and ref.cell.metric != "account" for ref in s.refs)
        if inside and w.NOT_SO.search(clause) and not w.STILL.search(clause):
            return "a negation beside a value"
        start += len(clause) + 1
    return None

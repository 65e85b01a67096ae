"""A model's words for an answer: by reference, sentence by sentence, each released only after it verifies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from copilot.agent.events import Told
from copilot.agent.narrator import Narration, told
from copilot.text.cells import REFERENCE, Cell, references
from copilot.text.verifier import check, split_sentences

FEWEST = 2  # template sentences; fewer need no summing up
MOST = 6  # facts that are handed to a model: its time grows with them
A_ROW = 2  # of them about any one row of a table
_ENDED = re.compile(r"[.!?:…][\"')\]»”]*$")
MOST_SENTENCES = 4  # of its reply


@dataclass(frozen=True)
class Facts:
    """What a model may word: template sentences, and the cells they refer to under short names.

    Attributes:
        sentences: In reference form, the most important first.
        cells: Every cell of the answer, by its path, but for free text of others.
    """

    sentences: tuple[str, ...]
    cells: Mapping[str, Cell]

    @classmethod
    def of(cls, narrations: Sequence[Narration]) -> Facts:
        """Collect the leading sentences of what was told; every narration gets its share."""
        share = max(1, MOST // max(len(narrations), 1))
        sentences = [sentence for narration in narrations for sentence in _leading(narration.sentences)[:share]]
        cells = {
            path: cell for narration in narrations for path, cell in narration.cells.items() if cell.unit != "quote"
        }
        return cls(tuple(sentences[:MOST]), cells)

    @classmethod
    def merged(cls, several: Sequence[Facts]) -> Facts:
        """Put facts one after another: what the first ones call a cell stays its name when more are added."""
        sentences = tuple(sentence for one in several for sentence in one.sentences)
        return cls(sentences, {path: cell for one in several for path, cell in one.cells.items()})

    @property
    def worth_wording(self) -> bool:
        """Whether there is enough to sum up."""
        return len(self.sentences) >= FEWEST

    @cached_property
    def names(self) -> Mapping[str, str]:
        """A short name for each cell referred to: ``t1.rows[1].uplift_usd`` is ``uplift_usd_2``.

        Where the number of the row is free it is taken, so that a model which counts along stays with one account.
        """
        found: dict[str, str] = {}
        for path in dict.fromkeys(path for sentence in self.sentences for path in references(sentence)):
            last = path.rsplit(".", 1)[-1].split("[")[0]
            row = re.search(r"\.rows\[(\d+)\]", path)
            number = int(row[1]) + 1 if row else 1
            while f"{last}_{number}" in found.values():
                number += 1
            found[path] = f"{last}_{number}"
        return found

    def lines(self, names: Mapping[str, str] | None = None) -> list[str]:
        """Return the sentences with the short names in their references; what belongs to one row on one line.

        Args:
            names: Those of the facts that these were merged into; their own unless given.
        """
        names = names or self.names
        found: list[str] = []
        row = frozenset[str]()
        for sentence in self.sentences:
            line = REFERENCE.sub(lambda ref: "{{" + names[ref[1]] + "}}", _plain(sentence))
            if found and "[" in "".join(_rows(sentence)) and _rows(sentence) == row:
                found[-1] += " " + _capital(line)
            else:
                found.append(_capital(line))
            row = _rows(sentence)
        return found

    def in_full(self, sentence: str) -> str:
        """Return a model's sentence with the paths back in place of the short names; an unknown one stays."""
        paths = {name: path for path, name in self.names.items()}
        return REFERENCE.sub(lambda found: "{{" + paths.get(found[1], found[1]) + "}}", sentence)


def words(
    pieces: Iterable[str], facts: Facts, *, question: str, names: Collection[str], by: str
) -> Iterator[tuple[Told, str | None]]:
    """Release a model's sentences as they are finished; one that fails gives way to the template it is nearest to.

    Args:
        pieces: The reply as it comes.
        facts: What it may say.
        question: The asker's words; numbers in them may be echoed.
        names: All account names of the asker's book; a sentence may use none of them but by reference.
        by: Whose words they are.

    Yields:
        A piece of the answer and what was wrong with the model's own sentence, if it was replaced. Replaced sentences
        wait for a sentence that stands, so that a reply with none of these says nothing.
    """
    held: list[tuple[Told, str | None]] = []
    ours = [_plain(line) for line in facts.sentences]
    used: set[str] = set()
    begun, subject = False, frozenset[str]()
    for number, sentence in enumerate(_sentences(pieces)):
        if number == MOST_SENTENCES:
            return
        form = facts.in_full(sentence)
        if not references(form):
            continue  # an opening or a closing flourish carries nothing
        fault = check(form, facts.cells, question=question, names=names, told=ours)
        fault = fault or _adrift(form, facts.cells, subject)
        if fault is not None:
            form = _nearest(form, facts, used) or ""
        if not form or form in used:
            continue
        used.add(form)
        subject = _rows(form)
        goes_on = begun or bool(held)
        held.append((told(_capital(form), facts.cells, by="rules" if fault else by, goes_on=goes_on), fault))
        if fault is None or begun:
            yield from held
            held, begun = [], True


def _leading(sentences: Sequence[str]) -> list[str]:
    """Return the sentences without those that come third or later about a row of a table with several rows."""
    several = len({row for sentence in sentences for row in _rows(sentence) if "[" in row}) > 1
    told: Counter[frozenset[str]] = Counter()
    kept = []
    for sentence in sentences:
        rows = _rows(sentence)
        told[rows] += 1
        if not several or "[" not in "".join(rows) or told[rows] <= A_ROW:
            kept.append(sentence)
    return kept


def _sentences(pieces: Iterable[str]) -> Iterator[str]:
    """Yield each sentence as soon as the next one begins."""
    text = ""
    for piece in pieces:
        text += piece
        # An open reference may hold a stop; the last sentence may still be growing.
        whole = text if text.count("{{") == text.count("}}") else text[: text.rfind("{{")]
        found = split_sentences(_plain(whole))
        if len(found) > 1:
            yield from found[:-1]
            text = found[-1] + (" " if whole[-1:].isspace() else "") + text[len(whole) :]
    yield from (one for one in split_sentences(_plain(text)) if _ENDED.search(one))  # else cut off at its length


def _plain(text: str) -> str:
    """Return text without list marks, bold marks and line ends."""
    text = re.sub(r"(?m)^\s*(?:[-*•]|\{\{[\w.\[\]]*rank\}\}\.|\d+[.)])\s+", "", text.replace("**", ""))
    return re.sub(r"\s*\n+\s*", " ", text)


def _nearest(form: str, facts: Facts, used: set[str]) -> str | None:
    """Return the unused template sentence that shares most references with ``form`` and says whom it speaks of."""
    said = set(references(form))
    whole = [line for line in facts.sentences if _plain(line) not in used and not _adrift(line, facts.cells)]
    shared = {line: len(said & set(references(line))) for line in whole}
    best = max(shared, key=lambda line: shared[line], default=None)
    return _plain(best) if best and shared[best] else None


def _adrift(form: str, cells: Mapping[str, Cell], subject: frozenset[str] = frozenset()) -> str | None:
    """Return a fault where a sentence names no account and does not go on about the one row spoken of before it."""
    if any(cells[path].metric == "account" for path in references(form) if path in cells):
        return None
    rows = _rows(form)
    return None if not any("[" in row for row in rows) or rows == subject else "it does not say whose values these are"


def _rows(form: str) -> frozenset[str]:
    """Return the rows, or whole records, that a sentence's references belong to."""
    return frozenset(re.match(r"t\d+(?:\.rows\[\d+\])?", path)[0] for path in references(form))  # type: ignore[index]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]

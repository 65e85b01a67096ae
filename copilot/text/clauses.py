"""What a model's sentence asserts, clause by clause: a claim need not be foreseen to be stopped.

A clause that holds a value may say how the value stands and no more; one that holds none must be our own words about
the same row, an order of going through the accounts, advice that the answer gives, or bare of any statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from copilot.text import clause_words as c
from copilot.text import words as w
from copilot.text.cells import Cell
from copilot.text.claim import Claim, Ref, families_in, fold, whole
from copilot.text.ours import Ours, row

TOKEN = re.compile(r"[a-z]+|[§@#]")
_CHECKED = (  # held against the cells by rules of their own
    *(table for table, _ in w.DIRECTIONS),
    *(w.ABOVE, w.BELOW, w.SAME, w.HIGHEST, w.LOWEST, w.FIRST, w.NUMBER_WORD, w.MONTH),
)
_PROVED = (*_CHECKED[:-2], w.THAN)  # a clause without a value may say these of the values beside it
_NAMING = ("reason", "metric", "label", "feature", "outcome", "words asked for")  # texts that say what is measured


@dataclass(frozen=True)
class Clause:
    """A stretch of a sentence: its text, where it begins, and the references in it."""

    text: str
    start: int
    refs: tuple[Ref, ...]

    @property
    def valued(self) -> bool:
        """Whether it holds a reference to more than an account."""
        return any(ref.cell.metric != "account" for ref in self.refs)


def unsupported(s: Claim) -> str | None:
    """Return the first word of a clause that neither the cells nor our own sentences bear out."""
    if not s.refs:
        return None
    text = marked(s)
    ours = Ours(s)
    if s.is_german:
        return next((f"no cell says {word!r}" for word in _unheard(s, text, c.GERMAN | ours.words)), None)
    for clause in clauses_of(s, text):
        if fault := _misjoined(clause):
            return fault
        allowed = _allowed(s, clause, ours)
        if allowed is None:
            return f"no cell says {' '.join(clause.text.split())!r}"
        if word := next(_left(s, clause, ours, allowed), None):
            return f"no cell says {word!r}"
    return None


def _misjoined(clause: Clause) -> str | None:
    """A region is nobody's but the account's, and what would be is no fact."""
    if c.ADVISED.search(clause.text):
        return None
    texts = [ref for ref in clause.refs if ref.amount is None]
    says = set(TOKEN.findall(clause.text)) & c.IS
    if (
        says
        and not set("@#") & set(clause.text)
        and len(texts) == len(clause.refs) > 1
        and texts[0].cell.metric in c.OF_AN_ACCOUNT
    ):
        return f"{texts[1].path} is told of {texts[0].path}"
    would = c.WOULD.search(clause.text)
    later = [ref for ref in clause.refs if would and ref.at > clause.start + would.start() and ref.amount is not None]
    if later and not (_is_estimate(later[0]) or later[0].is_time or "after" in later[0].described):
        return f"{later[0].path} is a fact, not what would be"
    return None


def clauses_of(s: Claim, text: str) -> Iterator[Clause]:
    """Cut a sentence into clauses; one whose value follows after a comma, colon or bracket takes it in."""
    cuts = [0, *(end for found in c.CLAUSE.finditer(text) for end in found.span()), len(text)]
    parts = [(start, text[start:stop]) for start, stop in pairwise(cuts)]
    held: tuple[int, str] | None = None
    for start, part in parts:
        joint = part.strip() in (",", ":", "(", ";", "–")
        if held and (joint or ("§" not in held[1] and held[1][-1:] in (",", ":", "(") and c.TAKES_IN.match(part))):
            held = (held[0], held[1] + part)
            continue
        if held:
            yield _clause(s, *held)
        held = (start, part)
    if held:
        yield _clause(s, *held)


def _clause(s: Claim, start: int, text: str) -> Clause:
    return Clause(text, start, tuple(ref for ref in s.refs if start <= ref.at < start + len(text)))


def _allowed(s: Claim, clause: Clause, ours: Ours) -> frozenset[str] | None:
    """Return the words a clause may use; None where it may not be said at all."""
    plain = " ".join(TOKEN.findall(clause.text))
    described = frozenset(word for ref in s.refs for word in words_in(f"{ref.described} {naming(ref)}"))
    if any(ref.cell.metric == "action" for ref in s.refs):
        described |= {"recommended"}
    if w.NUMBER.search(s.text):  # the asker's own, or else it would have been stopped
        described |= c.SPANS
    if len(ours.accounts) > 1 or any("total" in ref.path for ref in s.refs):
        described |= {"accounts"}
    if c.ADVISED.search(clause.text):
        licensed = c.ATTENTION | _acts(ours) if may_advise(s, ours) else frozenset()
        asked = frozenset(words_in(s.question)) if licensed else frozenset()
        words = c.FUNCTION | c.IS | c.ORDERING | licensed | ours.words | asked | described
        return words | c.BEARING | c.ESTIMATE if clause.valued else words
    if clause.valued:
        words = c.FUNCTION | c.IS | c.BEARING | described
        if any(_is_estimate(ref) for ref in s.refs):
            words |= c.ESTIMATE
        if any(ref.families & {"uplift", "growth"} or "touch" in naming(ref) for ref in s.refs):
            words |= c.TOUCH
        if any("touch" in ref.described for ref in clause.refs):
            words |= c.SPOKEN
        return words
    if c.FRAMED.fullmatch(plain) or ours.said(tokens_of(s, clause)):
        return frozenset(plain.split())
    says = set(plain.split()) & c.IS or _claims(s, clause)
    if says and not any(table.search(clause.text) for table in _PROVED):
        return None
    return c.FUNCTION | c.IS | c.ESTIMATE | described


def _acts(ours: Ours) -> frozenset[str]:
    """Return the words for actions that our own sentences have, in any form: exploring, explore."""
    ends = re.compile(r"(?:ing|ed|e|s)$")
    said = {ends.sub("", word) for word in ours.words}
    return frozenset(word for word in c.ACTION if ends.sub("", word) in said)


def _left(s: Claim, clause: Clause, ours: Ours, allowed: frozenset[str]) -> Iterator[str]:
    """Yield the words of a clause that are not allowed, in no run of our own, and held against no cell elsewhere."""
    runs = ours.runs(clause.refs)
    tokens = [(found, _path_or_word(s, clause, found)) for found in TOKEN.finditer(clause.text)]
    covered = set()
    for at in range(len(tokens) - 2):
        if tuple(token for _, token in tokens[at : at + 3]) in runs:
            covered |= set(range(at, at + 3))
    rest = clause.text
    for at in covered:
        found = tokens[at][0]
        rest = rest[: found.start()] + " " * len(found[0]) + rest[found.end() :]
    yield from _unheard(s, rest, allowed)


def _unheard(s: Claim, text: str, allowed: frozenset[str]) -> Iterator[str]:
    for table in _CHECKED:
        text = table.sub(" ", text)
    text = c.PHRASES.sub(" ", text)
    if w.THAN.search(s.text):
        text = w.MORE.sub(" ", w.LESS.sub(" ", text))
    if any(w.FORECAST.search(ref.described) for ref in s.refs):
        text = c.NEXT_MONTH.sub(" ", text)
    for name in _families(s):
        text = w.METRICS[name].sub(" ", text)
    for word in TOKEN.findall(text):
        forms = {word} if word in c.MANY else {word, word.removesuffix("s"), word.removesuffix("es")}
        if word not in "§@#" and not forms & allowed:
            yield word


def _families(s: Claim) -> set[str]:
    """Return the metrics that the values of a sentence may be called, or be changes of."""
    return {name for ref in s.refs for name in names_of(ref)}


def names_of(ref: Ref) -> frozenset[str]:
    """Return the metrics of our table that a value may be called."""
    found = ref.families | families_in(naming(ref))
    return found | ({"spend"} if found & {"uplift", "growth"} else set())


def _is_estimate(ref: Ref) -> bool:
    found = ref.families & {"uplift", "growth", "churn", "probability", "chance to stay or grow"}
    return bool(found or w.FORECAST.search(ref.described) or "propensity" in ref.described)


def naming(ref: Ref) -> str:
    """Return what a reference measures; of a label its own text."""
    return fold(str(ref.cell.value)).lower() if ref.cell.metric in _NAMING else ref.described


def _claims(s: Claim, clause: Clause) -> bool:
    """Whether a verb hides in a metric's name: churns, renews, spends."""
    return bool(re.search(r"\b(?:churn|renew|spend|grow|expire|use)(?:s|ed|ing)?\b(?<!renewal)", clause.text))


def may_advise(s: Claim, ours: Ours) -> bool:
    """Whether the answer ranks or recommends, or advice was asked for."""
    places = {f"{one}.{name}" for one in ours.rows for name in ("rank", "action")}
    return bool(places & set(s.cells) or "recommend" in ours.words or c.ASKED.search(s.question))


def marked(s: Claim) -> str:
    """Return the text with ``@`` for an account, ``#`` for a name written out and ``§`` for a value."""
    text = s.text
    for name in {fold(cell.value).lower() for path, cell in s.cells.items() if _is_name(s, path, cell)}:
        for found in whole(name, text):
            text = text[: found.start()] + "#" + " " * (len(name) - 1) + text[found.end() :]
    letters = list(text)
    for ref in s.refs:
        letters[ref.at] = "@" if ref.cell.metric == "account" else w.MARK
    return "".join(letters)


def _is_name(s: Claim, path: str, cell: Cell) -> bool:
    """Whether a cell holds a name that may be written out: of a row spoken of, or asked about."""
    if not isinstance(cell.value, str) or not cell.value[:1].isupper():
        return False
    near = any(row(path) == row(ref.path) for ref in s.refs)
    return cell.metric == "account" or near or fold(cell.value).lower() in s.question


def tokens_of(s: Claim, clause: Clause) -> list[str]:
    """Return a clause as words and, for its references, their paths."""
    return [_path_or_word(s, clause, found) for found in TOKEN.finditer(clause.text)]


def _path_or_word(s: Claim, clause: Clause, found: re.Match[str]) -> str:
    return s.at(clause.start + found.start()).path if found[0] in "§@" else found[0]


def words_in(text: str) -> list[str]:
    """Return the words of a text in small ASCII letters."""
    return re.findall("[a-z]+", fold(text).lower())

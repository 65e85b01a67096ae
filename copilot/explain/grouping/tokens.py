"""Take names apart: snake_case, camelCase, letters from digits, and words that were written as one."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby

from copilot.explain.grouping.glossary import Glossary

MOST_LETTERS = 300  # of a name that are read; what follows still tells names apart, never what they mean
MOST_TOKENS = 40
COMMON_WORDS = 20_000  # of the encoder's vocabulary, which lists the most frequent words first
LONG, LONGER = 4, 5  # letters from which a common word is a part of another one: beside a known part, or alone
USUAL = 2_000  # most frequent words, which are parts also with three letters
LINKS = frozenset("as at by id in no of off on or to up".split())  # that join or end a compound: createdby
FLAGS = ("is", "on")  # that begin a compound of words: isactive, onholdtime
SHORTEST = 5  # letters of a word that may be a compound
MOST_PARTS = 7
MOSTLY = 0.6  # of a compound's letters that lie in long parts, where no part of it is known otherwise
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Token:
    """One word of a name, in lower case.

    Attributes:
        text: The word.
        glued: Whether nothing but its kind parts it from the one before.
        subject: Whether it says what the name is about, though it is an affix elsewhere and would be read as one.
    """

    text: str
    glued: bool = False
    subject: bool = False

    @property
    def number(self) -> bool:
        """Whether it is made of digits."""
        return self.text.isdecimal()


def tokenise(name: str) -> tuple[Token, ...]:
    """Return a name's words; none where it has neither letters nor digits.

    ``avgSessionsL3M`` gives avg, sessions, l, 3, m.
    """
    out: list[Token] = []
    for chunk in _chunks(unicodedata.normalize("NFKC", name[:MOST_LETTERS])):
        out.extend(Token(piece.lower(), glued=place > 0) for place, piece in enumerate(_pieces(chunk)))
    return tuple(out[:MOST_TOKENS])


def _chunks(text: str) -> list[str]:
    """Return the runs of letters, digits and the marks that some scripts set on letters."""
    runs = groupby(text, lambda sign: sign.isalnum() or unicodedata.category(sign).startswith("M"))
    chunks = ["".join(run) for inside, run in runs if inside]
    return [chunk for chunk in chunks if any(sign.isalnum() for sign in chunk)]


def _pieces(chunk: str) -> list[str]:
    """Cut where digits meet letters, where a small letter meets a capital, and before the last of several capitals."""
    cuts = [0]
    for at in range(1, len(chunk)):
        before, here = chunk[at - 1], chunk[at]
        after = chunk[at + 1 : at + 2]
        rises = here.isupper() and (before.islower() or (before.isupper() and after.islower() and after != "s"))
        if before.isdecimal() != here.isdecimal() or rises:
            cuts.append(at)
    return [chunk[start:end] for start, end in zip(cuts, [*cuts[1:], len(chunk)], strict=True)]


def split_compounds(
    names: Mapping[str, tuple[Token, ...]], descriptions: Iterable[str], glossary: Glossary
) -> dict[str, tuple[Token, ...]]:
    """Return the names with words cut that were written as one, as LIVINGAREA or TOTMOU.

    A word is cut only where every part is known: a word of three letters or more that stands alone in another name
    or in a description or in the glossary, a part that recurs beside several others, or a longer common word of the
    language. A word that the language or a description knows as a whole stays whole.
    """
    told = {word.lower() for text in descriptions for word in _WORD.findall(text)}
    counts: dict[str, int] = defaultdict(int)
    for tokens in names.values():
        for token in {token.text for token in tokens if not token.number}:
            counts[token] += 1
    language = common_words()
    whole = told | language.keys() | glossary.plain.keys() | glossary.acronyms.keys() | _explained(glossary)
    known = {*counts, *glossary.expand, *glossary.plain, *glossary.shared, *glossary.acronyms, *glossary.measures}
    known = {word for word in known if len(word) >= 3}
    known |= {word for word in told if len(word) >= LONG} | _recurring(counts, known, whole)
    cuts = {
        word: _told_not(word, known, language)
        or _cut(word, known - {word}, language)
        or _spoken(word, known - {word}, glossary)
        or (word,)
        for word in sorted(counts)
        if len(word) >= SHORTEST and word not in whole
    }

    def parted(tokens: Sequence[Token]) -> tuple[Token, ...]:
        out: list[Token] = []
        for token in tokens:
            parts = [part for piece in cuts.get(token.text, (token.text,)) for part in cuts.get(piece, (piece,))]
            out += [replace(token, text=parts[0]), *(Token(part, glued=True) for part in parts[1:])]
        return tuple(out)

    return {name: parted(tokens) for name, tokens in names.items()}


def _explained(glossary: Glossary) -> set[str]:
    """Return the short forms of a glossary and the words that it explains anything with."""
    phrases = [*glossary.expand, *glossary.expand.values(), *glossary.stands_for.values(), *glossary.measures]
    phrases += [text for texts in glossary.categories.values() for text in texts]
    phrases += [" ".join(part) for part in glossary.parts]
    return {word.lower() for phrase in phrases for word in _WORD.findall(phrase)}


def _recurring(words: Collection[str], known: Collection[str], whole: Collection[str]) -> set[str]:
    """Return what is left of several words without a known beginning or end, as "ovr" of datovr and vceovr."""
    beside: dict[str, set[str]] = defaultdict(set)
    for word in words:
        if len(word) < SHORTEST + 1 or word in whole:
            continue
        for at in range(3, len(word) - 2):
            head, tail = word[:at], word[at:]
            if head in known:
                beside[tail].add(head)
            if tail in known:
                beside[head].add(tail)
    return {part for part, others in beside.items() if len(others) >= 2}


def _cut(word: str, known: Collection[str], language: Mapping[str, int]) -> tuple[str, ...]:
    """Return up to three parts of a word, as few as possible, then the most familiar ones; none where none fit."""

    def cost(part: str, _start: int) -> float | None:
        if part in known:
            return 1.0 if part in language else 1.1  # "ecode" recurs, yet "state" and "code" are words
        return 1 + math.log(2 + language[part]) / 100 if len(part) >= LONG and part in language else None

    parts = _cheapest(word, cost)
    sure = any(part in known for part in parts) or all(len(part) >= LONGER for part in parts)
    return parts if sure and 1 < len(parts) <= 3 else ()


def _told_not(word: str, known: Collection[str], language: Mapping[str, int]) -> tuple[str, ...]:
    """Return the words of an opt-out, as "do not fax"; none for other words."""
    rest = word.removeprefix("donot")
    if rest == word or len(rest) < 3:
        return ()
    return "do", "not", *((rest,) if rest in known else _cut(rest, known, language) or (rest,))


def _spoken(word: str, known: Collection[str], glossary: Glossary) -> tuple[str, ...]:
    """Return the words that a compound is made of throughout, as "number of staff"; none otherwise."""
    language = common_words()

    def cost(part: str, start: int) -> float | None:
        if part in (LINKS if start else FLAGS):
            return 1.1
        if part in glossary.acronyms and len(part) >= 3:
            return 1.1
        usual = len(part) >= LONG or (len(part) == 3 and language.get(part, USUAL) < USUAL)
        return 1 + math.log(2 + language[part]) / 20 if usual and part in language else None

    parts = _cheapest(word, cost)
    long = sum(len(part) for part in parts if len(part) >= LONG or part in glossary.acronyms)
    return parts if 1 < len(parts) <= MOST_PARTS and long >= MOSTLY * len(word) else ()


def _cheapest(word: str, cost: Callable[[str, int], float | None]) -> tuple[str, ...]:
    """Return the parts of two letters or more whose costs sum to the least; none where no parts fill the word."""
    best: list[tuple[float, tuple[str, ...]] | None] = [(0.0, ())] + [None] * len(word)
    for end in range(2, len(word) + 1):
        for start in range(max(0, end - 20), end - 1):
            before, own = best[start], cost(word[start:end], start)
            if before is None or own is None:
                continue
            found = (before[0] + own, (*before[1], word[start:end]))
            here = best[end]
            if here is None or found < here:
                best[end] = found
    last = best[len(word)]
    return last[1] if last else ()


@cache
def common_words() -> dict[str, int]:
    """Return the language's most frequent words with their rank, as the sentence encoder lists them."""
    import importlib.util
    from pathlib import Path

    from copilot.text.encoder import PACKAGE

    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or []) if found else []:
        file = Path(place) / "model" / "tokenizer.json"
        if file.is_file():
            vocabulary: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
            ranked = sorted(vocabulary, key=lambda word: vocabulary[word])
            words = [word for word in ranked if len(word) >= 3 and word.isascii() and word.isalpha()]
            return {word: rank for rank, word in enumerate(words[:COMMON_WORDS])}
    return {}

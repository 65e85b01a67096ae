"""Search in notes: by words, so that a name or a rare word is always found, and by meaning where there are vectors."""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from copilot.data.feature_search import stem
from copilot.data.note_index import said

SAME, BEGINS, SLIP = 1.0, 0.8, 0.5  # what a word counts that a note has, begins with, or has with a slip
ROW = 0.5  # more for all the words one after the other, as asked
SHORT = 0.8  # an abbreviation that a note writes out
ENOUGH = 0.5  # share of the words' weight from which a note fits by them alone
NEAR = 0.45  # cosine from which a note fits by meaning alone
FAR = 0.25  # cosine up to which it says nothing
UNSURE = 5  # notes that do not surely fit and are given all the same, the nearest
KEPT = 0.4  # of the best score; what falls behind is not told
SHORTEST = 4  # letters from which a word may be the beginning of another, or have a slip
# Words that say nothing of what is looked for.
IDLE = frozenset(
    "a an and any are about as at be been by can did do does for from had has have he her his how i if in is it its me "
    "my no not of on or our out she so that the their them there they this to up us was we were what when where which "
    "who whom why will with would you your anything something anybody anyone somebody someone note notes noted mention "
    "mentions mentioned say says said tell told talk talked last latest newest recent recently customer customers "
    "client clients account accounts "
    "aber als am an auch auf aus bei bin das dass dem den der des die ein eine einem einen einer er es fuer haben hat "
    "ich ihr im in ist kein keine mich mir mit nach nicht oder sich sie sind ueber um und uns unser unsere von vom war "
    "was wegen wenn wer wie wir wird wo zu zum zur etwas jemand notiz notizen letzte letzten neueste neuesten kunde "
    "kunden gesagt".split()
)
_WORD = re.compile(r"[^\W_]+")

Numbers = np.ndarray[Any, Any]
Nearest = Mapping[str, tuple[int, float]]  # by note: the passage nearest in meaning, and its cosine


@dataclass(frozen=True)
class Hit:
    """A note that fits.

    Attributes:
        note: The row of the table ``notes``.
        parts: Its title, where it has one, and its passages.
        place: Which of them fits best.
        score: The higher, the better it fits.
        sure: Whether it fits; else it is only the nearest there is.
    """

    note: Any
    parts: tuple[str, ...]
    place: int
    score: float
    sure: bool = True


def words_of(text: str) -> list[str]:
    """Return the words of a text without case and accents, "ä" as "ae"."""
    lowered = text.casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    plain = unicodedata.normalize("NFKD", lowered)
    return _WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))


def telling(query: str) -> list[str]:
    """Return the words of a query that say what is looked for, each once."""
    return list(dict.fromkeys(word for word in words_of(query) if word not in IDLE))


def search(
    notes: pd.DataFrame,
    query: str,
    nearest: Nearest,
    *,
    english: Callable[[str], str] = lambda text: text,
    german: Callable[[str], Sequence[str]] = lambda word: (),
) -> list[Hit]:
    """Return the notes that fit a query, the best first and of equals the newest; all, newest first, for no words.

    Where none has all the words the nearest of the others come behind them, as not sure: the thing may have another
    name there.

    Args:
        notes: Rows of the table that the asker may see and that were known; nothing else is looked at.
        query: What is looked for.
        nearest: By note, how near it is in meaning; empty goes by words alone.
        english: Puts a German query into English.
        german: The German words, or beginnings of words, that an English one stands for.
    """
    rows = list(notes.itertuples())
    if not telling(query):
        return sorted(map(_as_it_is, rows), key=lambda hit: _date(hit.note), reverse=True)
    texts = [words_of(f"{row.title if isinstance(row.title, str) else ''}\n{row.body}") for row in rows]
    asked: list[list[tuple[str, ...]]] = [
        [(word, *german(word)) for word in telling(query)],
        [(word,) for word in telling(english(query))],
    ]
    by_words = np.maximum(_shares(texts, asked), SHORT * _initials(texts, query))
    by_words += ROW * _in_a_row(texts, [words_of(query), words_of(english(query))])
    cosines = np.array([nearest.get(row.note_id, (0, 0.0))[1] for row in rows])
    scores = by_words + np.clip(2 * (cosines - FAR) / (1 - FAR), 0, 2)
    sure = (by_words >= ENOUGH) | (cosines >= NEAR)
    fits = sure & (scores >= KEPT * max(scores[sure], default=0.0))
    # A note that has all the words leaves nothing to be guessed at.
    others = np.flatnonzero(~fits & (scores > 0) & (by_words.max(initial=0) < 1))
    others = others[np.argsort(-scores[others], kind="stable")][:UNSURE]
    stems = {stem(word) for several in asked for words in several for word in words}
    chosen = [*np.flatnonzero(fits), *others]
    hits = [_hit(rows[at], float(scores[at]), stems, nearest, bool(fits[at])) for at in chosen]
    return sorted(hits, key=lambda hit: (hit.sure, round(hit.score, 3), _date(hit.note)), reverse=True)


def _shares(texts: Sequence[Sequence[str]], queries: Sequence[Sequence[Sequence[str]]]) -> Numbers:
    """Return for each text the share of a query's words that it has, rare ones weighing more; of the better query.

    Args:
        texts: The words of each.
        queries: For each wording its words, each with others that may stand in its place.
    """
    sets = [set(text) | {stem(word) for word in text} for text in texts]
    every = set().union(*sets)
    best = np.zeros(len(texts))
    for number, words in enumerate(queries):
        if words in queries[:number]:
            continue
        total, found = 0.0, np.zeros(len(texts))
        for several in words:
            forms = _forms(several, every)
            own = np.array([max((forms[word] for word in having & forms.keys()), default=0.0) for having in sets])
            rarity = math.log(1 + (len(texts) + 1) / (np.count_nonzero(own) + 1))
            total += rarity
            found += rarity * own
        best = np.maximum(best, found / (total or 1))
    return best


def _in_a_row(texts: Sequence[Sequence[str]], queries: Sequence[Sequence[str]]) -> Numbers:
    """Return 1 for a text that has all the words of a query one after the other, else 0; one word is no row."""
    rows = [f" {' '.join(words)} " for words in queries if len(words) > 1]
    joined = [f" {' '.join(text)} " for text in texts]
    return np.array([float(any(row in text for row in rows)) for text in joined])


def _initials(texts: Sequence[Sequence[str]], query: str) -> Numbers:
    """Return 1 for a text that writes out an abbreviation of the query (SSO: single sign-on), else 0."""
    short = {word.lower() for word in re.findall(r"(?<!\w)[A-Z]{3,5}(?!\w)", query)}
    if not short:
        return np.zeros(len(texts))
    joined = ["".join(word[0] for word in text) for text in texts]
    return np.array([float(any(one in letters for one in short)) for letters in joined])


def _forms(several: Sequence[str], every: set[str]) -> dict[str, float]:
    """Return the words of the notes that stand for one asked word, with what each counts."""
    forms: dict[str, float] = {}
    for word in several:
        for own in {word, stem(word)} & every:
            forms[own] = SAME
        if len(word) >= SHORTEST:
            forms |= {other: BEGINS for other in every if other.startswith(stem(word)) and other not in forms}
    if not forms and len(several[0]) > SHORTEST:
        forms = dict.fromkeys(difflib.get_close_matches(several[0], every, n=3, cutoff=0.8), SLIP)
    return forms


def _hit(row: Any, score: float, asked: set[str], nearest: Nearest, sure: bool) -> Hit:
    """Point at the passage that has most of the asked words; where none has any, at the nearest in meaning."""
    parts = said(row)
    counts = [len(asked & {stem(word) for word in words_of(part)}) for part in parts]
    near = nearest.get(row.note_id, (0, 0.0))[0]
    place = counts.index(max(counts)) if max(counts) > counts[near if near < len(counts) else 0] else near
    return Hit(row, tuple(parts), place, score, sure)


def _as_it_is(row: Any) -> Hit:
    parts = said(row)
    return Hit(row, tuple(parts), min(1, len(parts) - 1), 0.0)


def _date(note: Any) -> tuple[pd.Timestamp, str]:
    stamp = note.event_ts if not pd.isna(note.event_ts) else note.known_ts
    return stamp, str(note.note_id)

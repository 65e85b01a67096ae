"""Find features by words: names, prefixes, labels, tags, descriptions, and by meaning with the sentence encoder.

Words are matched as BM25F does (Robertson & Zaragoza 2009): a word of a name or label counts more than one of a
description, a rare word more than a common one. A word that no feature has is read as a prefix, then as a slip of the
pen. Meaning is the cosine of sentence vectors, so that "staff turnover" finds people who left.
"""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from copilot.data.specs import FeatureSpec

if TYPE_CHECKING:
    from copilot.text.encoder import Floats

Vectors = Callable[[Sequence[str]], "Floats"]
MOST_LETTERS = 200  # of a query that are read
SATURATION = 1.2  # k1 of BM25
TELLING = 2.0  # the weight of a field from which its words are offered, and slips of the pen are read as them
PREFIX, SLIP = 0.7, 0.6  # what a beginning, or a word one slip away, counts against the word itself
NEAREST = 0.45  # the cosine from which meaning alone finds a feature: MiniLM's unrelated phrases stay below
MEANING = 0.6  # what the best meaning counts against the best words
KEPT = 0.3  # of the best score; what is below has matched a side word only
NEXT_WINDOW = 0.8  # a further window of the same thing gives way to other things found
CLOSEST = 5
_WORD = re.compile(r"[^\W_]+")
# Words of every question about features; they tell none from another.
_EMPTY = frozenset(
    "a about all an and any are as at by can column columns describe describes describing do does feature features "
    "field fields find for from give have how in is it list make many measure measures me much of on or related search "
    "show some that the their there to us variable variables we what which with".split()
)


@dataclass(frozen=True)
class Hit:
    """One feature found; scores of one search compare, those of two searches do not."""

    spec: FeatureSpec
    score: float


@dataclass(frozen=True)
class Found:
    """What a search gave: the features, the best first; where there are none, the closest words of the catalogue."""

    hits: tuple[Hit, ...]
    closest: tuple[str, ...] = ()


class FeatureIndex:
    """An index over a catalogue; made in milliseconds for a hundred features, in under a second for thousands."""

    def __init__(self, specs: Sequence[FeatureSpec], vectors: Vectors | None = None) -> None:
        """Index ``specs``.

        Args:
            specs: The catalogue.
            vectors: Turns texts into unit vectors (as ``Embedder.encode``); None goes by words alone.
        """
        self.specs, self._vectors = list(specs), vectors
        self._posts: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self._words: dict[str, str] = {}  # the telling words as written -> stem
        for place, spec in enumerate(self.specs):
            counts: dict[str, float] = defaultdict(float)
            for text, weight in _fields(spec):
                for word in _split(text):
                    counts[stem(word)] += weight
                    if weight >= TELLING:
                        self._words[word] = stem(word)
            for key, count in counts.items():
                self._posts[key].append((place, count * (SATURATION + 1) / (count + SATURATION)))

    def search(self, query: str, limit: int = 10) -> Found:
        """Return at most ``limit`` features that fit the words, the best first.

        Args:
            query: A name, a prefix or words in any order; never raises on any text.
            limit: How many are wanted.
        """
        query = unicodedata.normalize("NFKC", query)[:MOST_LETTERS]
        words = [word for word in _split(query) if word not in _EMPTY]
        scores = self._by_words(words) + self._by_name(query)
        meaning = self._by_meaning(" ".join(words)) if words else np.zeros(len(self.specs))
        scores += np.where((scores > 0) | (meaning >= NEAREST), MEANING * np.clip((meaning - 0.3) / 0.5, 0, 1), 0)
        hits = self._ranked(scores, limit)
        return Found(hits, () if hits else self._closest(words))

    def _by_words(self, words: list[str]) -> np.ndarray:
        """Return each feature's share of what all the words could give it."""
        scores, most = np.zeros(len(self.specs)), 0.0
        for word in dict.fromkeys(words):
            matches = self._matches(word)
            rarity = max((self._rarity(key) for key in matches), default=math.log(1 + len(self.specs)))
            most += rarity * (SATURATION + 1)
            best = np.zeros(len(self.specs))
            for key, weight in matches.items():
                for place, count in self._posts[key]:
                    best[place] = max(best[place], weight * count * self._rarity(key))
            scores += best
        return scores / most if most else scores

    def _matches(self, word: str) -> dict[str, float]:
        """Return the known stems that a word may stand for, with what each counts."""
        key = stem(word)
        found = {key: 1.0} if key in self._posts else {}
        if len(key) >= 3:
            found |= {other: PREFIX for other in self._posts if other != key and other.startswith(key)}
        if not found and len(key) >= 4:
            near = difflib.get_close_matches(word, list(self._words), n=2, cutoff=0.8)
            found = {self._words[other]: SLIP for other in near}
        return found

    def _rarity(self, key: str) -> float:
        having = len(self._posts[key])
        return math.log(1 + (len(self.specs) - having + 0.5) / (having + 0.5))

    def _by_name(self, query: str) -> np.ndarray:
        """Return what whole names give: the feature's own most, then all windows of one thing, then a beginning."""
        asked = "_".join(_split(query))
        spoken = " ".join(_split(query))
        scores = np.zeros(len(self.specs))
        if not asked:
            return scores
        for place, spec in enumerate(self.specs):
            name = spec.name.lower()
            if name == asked:
                scores[place] = 3.0
            elif (spec.super_name or spec.name).lower() == asked:
                scores[place] = 2.0
            elif spoken in (" ".join(_split(spec.label)), " ".join(_split(spec.ultra_name))):
                scores[place] = 1.0
            elif len(asked) >= 3 and name.startswith(asked):
                scores[place] = 0.5
        return scores

    def _by_meaning(self, query: str) -> np.ndarray:
        if self._vectors is None or not self.specs:
            return np.zeros(len(self.specs))
        texts, rows = self._meanings
        cosines = texts @ self._vectors([query])[0]
        return np.asarray(cosines[rows], dtype="float64")

    @cached_property
    def _meanings(self) -> tuple[Floats, np.ndarray]:
        """The vectors of the different texts, and which of them each feature has: windows of one thing share it."""
        assert self._vectors is not None
        texts = [meaning(spec) for spec in self.specs]
        different = list(dict.fromkeys(texts))
        place = {text: number for number, text in enumerate(different)}
        return self._vectors(different), np.array([place[text] for text in texts])

    def _ranked(self, scores: np.ndarray, limit: int) -> tuple[Hit, ...]:
        if not len(scores) or scores.max() <= 0:
            return ()
        seen: dict[str, int] = defaultdict(int)
        hits = []
        for place in np.argsort(-scores, kind="stable"):
            if scores[place] < KEPT * scores.max():
                break
            spec = self.specs[place]
            hits.append(Hit(spec, float(scores[place]) * NEXT_WINDOW ** seen[spec.super_name]))
            seen[spec.super_name] += 1
        return tuple(sorted(hits, key=lambda hit: -hit.score)[:limit])

    def _closest(self, words: list[str]) -> tuple[str, ...]:
        """Return words of the catalogue that look like the asked ones, then its families."""
        near = [
            other for word in words for other in difflib.get_close_matches(word, list(self._words), n=3, cutoff=0.6)
        ]
        families = (spec.ultra_name for spec in self.specs if spec.ultra_name)
        return tuple(dict.fromkeys([*near, *families]))[:CLOSEST]


def meaning(spec: FeatureSpec) -> str:
    """Return the text whose vector stands for a feature's meaning."""
    return ", ".join(filter(None, (spec.label, *spec.tags, spec.ultra_name)))


def stem(word: str) -> str:
    """Return a word without the endings that English hangs on it, and with -ise as -ize; crude, but alike for all."""
    word = re.sub(r"is(?=(?:e|ed|es|er|ers|ing|ation|ations)$)", "iz", word)
    for ending in ("ations", "ation", "ings", "ing", "ers", "ies", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word.removesuffix(ending)
    return word


def _split(text: str) -> list[str]:
    lowered = unicodedata.normalize("NFKD", text.lower())
    return _WORD.findall("".join(letter for letter in lowered if not unicodedata.combining(letter)))


def _fields(spec: FeatureSpec) -> Iterator[tuple[str, float]]:
    yield spec.name, 3.0
    yield spec.label, 3.0
    yield spec.ultra_name, 2.0
    yield " ".join(spec.tags), 2.0
    yield spec.category, 1.0
    yield spec.description, 1.0
    yield spec.owner, 1.0
    yield spec.table, 1.0
    yield " ".join(sorted(spec.columns)), 0.5
    yield spec.unit, 0.5
    if spec.window:
        yield f"{spec.window} {spec.grain}s", 0.5

"""How likely it is that two super features belong together, in a family or under a category: measured and weighed."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from copilot.text.encoder import Embedder, Ngrams

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = npt.NDArray[np.float32]
# Weights of the evidence, "" the intercept: fitted on the open halves of three public dictionaries and on four more
# that are not in the repository (those of things on two further ones as well: no other holds many), two writers each,
# every dictionary counting the same, and rounded.
# `python -m evals.bench.grouping --fit` fits them anew and says how a dictionary that was left out fares.
FAMILY = {"": -5.4, "standing": 1.3, "words of the name": 1.5, "all words": 1.9, "one thing": 3.0, "two things": -3.0}
CATEGORY = {"": -2.85, "meaning": 5.6, "all words": 2.0, "headings": 0.65}
RARE = 3  # power of a word's rarity in a family; in a category it is 1
MEASURE = 0.3  # what a word of measure counts against another word
ALIKE = 0.3  # cosine of letters from which two words count as partly the same
ROWS = 500  # of likeness in spelling that are held at once: few words are alike
MOST_SHARED = 3  # super features with one and the same description; of more than these it tells nothing apart
SPREAD, SURE_FROM = 0.3, 20  # of likeness in meaning about its mean, and how many pairs weigh as much as this guess
LEAST, MOST = -3.0, 6.0  # spreads that likeness in meaning counts for
_WORD = re.compile(r"[^\W_]+")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n|\s+\(")
_EMPTY = frozenset(
    "a about all an and any are as at be been by did do does for from had has have how if in is it its last mean "
    "number of on or over per range than that the their this to total was were what when which who will with within "
    "yes no average count sum month months day days year years".split()
)


@dataclass(frozen=True)
class Super:
    """A super feature, as families are made of it.

    Attributes:
        phrase: Its words.
        whole: The same, a part told as its whole: "billing address" for "billing city".
        base: What is left of its words without what varies over other names as well.
        description: Of one of its names.
        thing: That it tells a part of, where others tell the same parts of other things; else empty.
    """

    phrase: str
    whole: str
    base: tuple[str, ...]
    description: str
    thing: str = ""


def likely(supers: Sequence[Super], embedder: Embedder, measures: Collection[str]) -> Floats:
    """Return how likely each two super features are of one family, shape (n, n), 0–1 with ones on the diagonal.

    Args:
        supers: The super features; their order changes nothing but the order of rows.
        embedder: Turns texts into unit vectors.
        measures: Words that say how something is measured.
    """
    return _weighed(FAMILY, family_evidence(supers, embedder, measures), len(supers))


def likely_category(supers: Sequence[Super], scores: Floats, embedder: Embedder, measures: Collection[str]) -> Floats:
    """Return how likely each two super features are under one category, as ``likely``.

    Args:
        scores: Likeness of each super feature to each heading of the glossary, shape (n, headings).
    """
    return _weighed(CATEGORY, category_evidence(supers, scores, embedder, measures), len(supers))


def _weighed(weights: Mapping[str, float], evidence: Iterator[tuple[str, Floats]], size: int) -> Floats:
    score = np.full((size, size), weights[""], dtype=np.float32)
    for name, values in evidence:
        score += np.float32(weights[name]) * values
    out = np.round(1 / (1 + np.exp(-score)), 4).astype(np.float32)
    np.fill_diagonal(out, 1.0)
    return out


def family_evidence(
    supers: Sequence[Super], embedder: Embedder, measures: Collection[str]
) -> Iterator[tuple[str, Floats]]:
    """Yield what speaks for one family, each kind with its values for each two super features, shape (n, n).

    In meaning, what counts is how a pair stands out among all pairs of the two: a list about one thing is alike
    throughout.
    """
    texts = texts_of(supers)
    yield "standing", _standing(_by_meaning(texts, embedder) + _by_meaning(texts, Ngrams()))
    yield "words of the name", _by_words([one.whole for one in supers], measures, RARE)
    yield "all words", _by_words(texts, measures, RARE)
    same, other = _by_thing([one.thing for one in supers])
    yield "one thing", same
    yield "two things", other


def category_evidence(
    supers: Sequence[Super], scores: Floats, embedder: Embedder, measures: Collection[str]
) -> Iterator[tuple[str, Floats]]:
    """Yield what speaks for one category, as ``family_evidence``."""
    texts = texts_of(supers)
    yield "meaning", _by_meaning(texts, embedder)
    yield "all words", _by_words(texts, measures, 1)
    yield "headings", _cosine(scores - scores.mean(axis=0))


def texts_of(supers: Sequence[Super]) -> list[str]:
    """Return what is read of each: its words, and the first sentence of a description that few others have as well."""
    shared = Counter(one.description for one in supers)
    return [
        f"{one.whole}. {_SENTENCE.split(one.description)[0]}"
        if one.description and shared[one.description] <= MOST_SHARED
        else one.whole
        for one in supers
    ]


def _by_meaning(texts: Sequence[str], embedder: Embedder) -> Floats:
    """Return the cosine of the texts' vectors, taken from their mean: what all of a list say tells none apart."""
    distinct = sorted(set(texts))
    place = {text: at for at, text in enumerate(distinct)}
    vectors = embedder.encode(distinct)[[place[text] for text in texts]]
    # With two or three names the mean is the names themselves.
    centred = vectors - vectors.mean(axis=0) * min(1.0, len(distinct) / 20)
    return _cosine(centred)


def _by_thing(things: Sequence[str]) -> tuple[Floats, Floats]:
    """Return 1 for parts of one thing, and 1 for parts of two; 0 in both where either is a part of none."""
    inside = np.array([thing != "" for thing in things], dtype=np.float32)
    both, same = np.outer(inside, inside), _equal(things)
    return both * same, both * (1 - same)


def _equal(texts: Sequence[str]) -> Floats:
    number = {text: place for place, text in enumerate(sorted(set(texts)))}
    own = np.array([number[text] for text in texts])
    return np.asarray(own[:, None] == own, dtype=np.float32)


def _standing(likeness: Floats) -> Floats:
    """Return likeness, whose mean is about 0, in units of its spread over the pairs of the one and of the other."""
    others = np.square(likeness).sum(axis=1) - np.square(likeness.diagonal())
    spread = np.sqrt((others + SURE_FROM * SPREAD**2) / (len(likeness) - 1 + SURE_FROM))
    return np.asarray(np.clip(likeness * (0.5 / spread[:, None] + 0.5 / spread), LEAST, MOST), dtype=np.float32)


def _by_words(texts: Sequence[str], measures: Collection[str], power: int) -> Floats:
    """Return the cosine of the texts' words, each weighed by how rare it is (tf-idf) and by whether it is a measure.

    Words that are spelled alike, as "overdue" and "ovrdue", count as partly the same (Sidorov et al. 2014).
    """
    bags = [{stem(word) for word in _WORD.findall(text.lower()) if word not in _EMPTY} for text in texts]
    counts: dict[str, int] = defaultdict(int)
    for word in chain.from_iterable(bags):
        counts[word] += 1
    light = {stem(word) for word in measures}
    words = sorted(counts)
    place = {word: at for at, word in enumerate(words)}
    out = np.zeros((len(texts), max(len(place), 1)), dtype=np.float32)
    for row, bag in enumerate(bags):
        for word in bag:
            rarity = math.log(1 + len(texts) / counts[word])
            out[row, place[word]] = rarity**power * (MEASURE if word in light else 1.0)
    shared = (out @ _spelling(words) if words else out) @ out.T
    lengths = np.sqrt(np.maximum(shared.diagonal(), 1e-12))
    return np.asarray(shared / lengths[:, None] / lengths, dtype=np.float32)


def _spelling(words: Sequence[str]) -> csr_array:
    """Return how alike words are spelled, shape (n, n): 1 for the same, nothing below ``ALIKE``."""
    from scipy.sparse import csr_array, vstack

    vectors = Ngrams().encode(words)
    rows = []
    for start in range(0, len(words), ROWS):
        near = (vectors[start : start + ROWS] @ vectors.T - ALIKE) / (1 - ALIKE)
        near[range(len(near)), range(start, start + len(near))] = 1.0
        rows.append(csr_array(np.maximum(near, 0.0)))
    return vstack(rows, format="csr")


def _cosine(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-6)
    return np.asarray(unit @ unit.T, dtype=np.float32)


def stem(word: str) -> str:
    """Return a word without the endings of plural and participle, as far as words then meet."""
    for ending in ("ies", "ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word

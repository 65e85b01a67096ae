"""How likely it is that two super features belong to one family: measured and weighed."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from copilot.text.encoder import Embedder

Floats = npt.NDArray[np.float32]
# Fitted on the pairs of the open halves of three public dictionaries, each counting the same, and rounded;
# `python -m evals.bench grouping --fit` fits them anew and says how a dictionary that was left out fares.
INTERCEPT = -5.0
WEIGHTS = {"same base": 0.3, "words of the name": 1.0, "all words": 4.0, "meaning": 4.6}
MEASURE = 0.3  # what a word of measure counts against another word
MOST_SHARED = 3  # super features with one and the same description; of more than these it tells nothing apart
_WORD = re.compile(r"[^\W_]+")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n|\s+\(")
_EMPTY = frozenset(
    "a about all an and any are as at be been by did do does for from had has have how if in is it its last mean "
    "number of on or over per range than that the their this to total was were what when which who will with within "
    "yes no average count sum month months day days year years".split()
)


@dataclass(frozen=True)
class Super:
    """A super feature, as families are made of it: its words, what its names share, and one description."""

    phrase: str
    base: tuple[str, ...]
    description: str


def likelihood(supers: Sequence[Super], embedder: Embedder, measures: Collection[str]) -> Floats:
    """Return how likely each two super features belong together, shape (n, n), 0–1 with ones on the diagonal.

    Args:
        supers: The super features; their order changes nothing but the order of rows.
        embedder: Turns texts into unit vectors.
        measures: Words that say how something is measured.
    """
    score = np.full((len(supers), len(supers)), INTERCEPT, dtype=np.float32)
    for name, values in evidence(supers, embedder, measures):
        score += WEIGHTS[name] * values
    out = np.round(1 / (1 + np.exp(-score)), 4).astype(np.float32)
    np.fill_diagonal(out, 1.0)
    return out


def evidence(supers: Sequence[Super], embedder: Embedder, measures: Collection[str]) -> Iterator[tuple[str, Floats]]:
    """Yield what speaks for belonging together, each kind with its values for each two super features, shape (n, n)."""
    texts = texts_of(supers)
    bases = {base: place for place, base in enumerate(sorted({one.base for one in supers}))}
    codes = np.array([bases[one.base] for one in supers])
    yield "same base", (codes[:, None] == codes[None, :]).astype(np.float32)
    yield "words of the name", _by_words([one.phrase for one in supers], measures)
    yield "all words", _by_words(texts, measures)
    yield "meaning", _by_meaning(texts, embedder)


def texts_of(supers: Sequence[Super]) -> list[str]:
    """Return what is read of each: its words, and the first sentence of a description that few others have as well."""
    shared = Counter(one.description for one in supers)
    return [
        f"{one.phrase}. {_SENTENCE.split(one.description)[0]}"
        if one.description and shared[one.description] <= MOST_SHARED
        else one.phrase
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


def _by_words(texts: Sequence[str], measures: Collection[str]) -> Floats:
    """Return the cosine of the texts' words, each weighed by how rare it is (tf-idf) and by whether it is a measure."""
    bags = [{stem(word) for word in _WORD.findall(text.lower()) if word not in _EMPTY} for text in texts]
    counts: dict[str, int] = defaultdict(int)
    for bag in bags:
        for word in bag:
            counts[word] += 1
    light = {stem(word) for word in measures}
    place = {word: at for at, word in enumerate(sorted(counts))}
    out = np.zeros((len(texts), max(len(place), 1)), dtype=np.float32)
    for row, bag in enumerate(bags):
        for word in bag:
            out[row, place[word]] = math.log(1 + len(texts) / counts[word]) * (MEASURE if word in light else 1.0)
    return _cosine(out)


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

"""How likely it is that two features belong to one family: five measured likenesses, weighed by logistic regression."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from copilot.text.encoder import Embedder

Floats = npt.NDArray[np.float32]
_WORD = re.compile(r"[^\W_]+")
_EMPTY = frozenset(
    "a about all an and any are as at be been by did do does for from had has have how if in is it its last mean number "
    "of on or over per range than that the their this to total was were what when which who will with within yes no "
    "average count sum month months day days year years".split()
)


@dataclass(frozen=True)
class Super:
    """A super feature, as families are made of it: its words, what its names share, and one description."""

    phrase: str
    base: tuple[str, ...]
    description: str


def measures(supers: Sequence[Super], embedder: Embedder) -> list[Floats]:
    """Return five matrices (n, n) of likeness: same base, words of the name, of the description, meaning of both.

    Where one of two features has no description, the likeness of their names stands in for that of descriptions.
    """
    phrases = [one.phrase for one in supers]
    told = [one.description or one.phrase for one in supers]
    described = np.array([bool(one.description) for one in supers])
    both = described[:, None] & described[None, :]
    bases = {base: place for place, base in enumerate(sorted({one.base for one in supers}))}
    codes = np.array([bases[one.base] for one in supers])
    same = (codes[:, None] == codes[None, :]).astype(np.float32)
    name_words, name_meaning = _by_words(phrases), _by_meaning(phrases, embedder)
    told_words = np.where(both, _by_words(told), name_words)
    told_meaning = np.where(both, _by_meaning(told, embedder), name_meaning)
    return [same, name_words, told_words, name_meaning, told_meaning]


def _by_meaning(texts: Sequence[str], embedder: Embedder) -> Floats:
    distinct = sorted(set(texts))
    place = {text: at for at, text in enumerate(distinct)}
    vectors = embedder.encode(distinct)[[place[text] for text in texts]]
    return np.round(vectors @ vectors.T, 4).astype(np.float32)


def _by_words(texts: Sequence[str]) -> Floats:
    """Return the cosine of the texts' words, each weighed by how rare it is (tf-idf)."""
    bags = [{stem(word) for word in _WORD.findall(text.lower()) if word not in _EMPTY} for text in texts]
    counts: dict[str, int] = defaultdict(int)
    for bag in bags:
        for word in bag:
            counts[word] += 1
    place = {word: at for at, word in enumerate(sorted(counts))}
    out = np.zeros((len(texts), max(len(place), 1)), dtype=np.float32)
    for row, bag in enumerate(bags):
        for word in bag:
            out[row, place[word]] = math.log(1 + len(texts) / counts[word])
    lengths = np.linalg.norm(out, axis=1, keepdims=True)
    out = np.divide(out, lengths, out=np.zeros_like(out), where=lengths > 0)
    return np.round(out @ out.T, 4).astype(np.float32)


def stem(word: str) -> str:
    """Return a word without the endings of plural and participle, as far as words then meet."""
    for ending in ("ies", "ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word

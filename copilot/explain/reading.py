"""How hard a text reads: the Flesch–Kincaid grade, in school years (Kincaid et al. 1975)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
_VOWELS = re.compile(r"[aeiouy]+")


def grade(texts: Iterable[str]) -> float:
    """Return .39 · words per sentence + 11.8 · syllables per word − 15.59 over all texts; English only.

    Numbers are read as figures and count as no words.

    Returns:
        School years; NaN without a word.
    """
    sentences = [part for text in texts for part in _SENTENCE.split(text) if _WORD.search(part)]
    words = [word for part in sentences for word in _WORD.findall(part)]
    if not words:
        return float("nan")
    spoken = sum(syllables(word) for word in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * spoken / len(words) - 15.59


def syllables(word: str) -> int:
    """Return about how many syllables an English word has: its groups of vowels, without a silent e or ed."""
    word = word.lower()
    found = len(_VOWELS.findall(word))
    silent = re.search(r"[^aeiouyl]e$|[^aeiouytd]ed$|[^aeiouysxz]es$", word)
    return max(found - bool(silent), 1)

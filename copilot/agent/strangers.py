"""Strangers: words in small letters where only a name can stand ("zed's win rate"), though the book has none such."""

from __future__ import annotations

import re

from copilot.agent.bank import Bank
from copilot.agent.mentions import Marked, Mention

WORD = r"(?P<{0}>[^\W\d_]{{3,}}(?: [^\W\d_]{{3,}}){{0,2}})"
PLACES = (
    r"(?<![\w}'’])(?P<a>[^\W\d_]{3,})(?=['’]s\b)",
    r"\b(?:does|did)\s+" + WORD.format("b"),
    r"^\W*(?:(?:when|why|how)\s+)?(?:is|has|will|was)\s+" + WORD.format("c"),
    r"\bif\s+(?P<d>[^\W\d_]{3,})(?=\s+(?:is|was|goes|went|leaves|left|quits?|gets|takes)\b)",
    r"\b(?:from|without)\s+(?P<e>[^\W\d_]{3,})(?=\s+(?:to|onto)\b|\W*$)",
    r"\b(?:mov|shift|transfer|giv|hand|reassign|send|pass)(?=\w*\b[^.?!]*\s(?:to|onto)\s+(?P<f>[^\W\d_]{3,})\W*$)",
)
PLACE = re.compile("|".join(PLACES), re.I)
# No names, though no phrasing of ours may hold them.
PRONOUNS = frozenset(
    "somebody someone anybody anyone everybody everyone nobody everything anything something nothing there here "
    "who that it "
    "this he she they we you one let what where when how why today tomorrow yesterday week month quarter year".split()
)


def with_strangers(marked: Marked, bank: Bank) -> Marked:
    """Return the question with such words marked as guesses, so that nobody else's figures answer for them."""
    text, found = marked.text, []
    told = any(one.kind == "account" for one in marked.mentions)
    for hit in PLACE.finditer(text):
        if told and hit.lastgroup in ("b", "c"):
            continue  # "why does usage at Acme fall" says whom it is about
        start = hit.start(hit.lastgroup or 0)
        words = _unknown(hit[hit.lastgroup or 0], bank)
        end = start + len(words)
        if words and not any(start < one.end and one.start < end for one in marked.mentions):
            found.append(Mention("account", words, start, end, known=False, guess=True))
    return Marked(text, tuple(sorted((*marked.mentions, *found), key=lambda one: one.start)))


def _unknown(words: str, bank: Bank) -> str:
    """Return the leading words that neither language knows, not even with a slip mended."""
    kept = []
    for word in words.split(" "):
        if bank.ordinary(word) or bank.english(word) != word.lower() or word.lower() in PRONOUNS:
            break
        kept.append(word)
    return " ".join(kept)

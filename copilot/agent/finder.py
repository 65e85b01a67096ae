"""The finder: marks where one question mentions ids and names of the book, or what looks like somebody's name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from copilot.agent.bank import WORD, Bank, fold
from copilot.agent.mentions import Kind, Marked, Mention
from copilot.agent.names import JOINING, Hit

if TYPE_CHECKING:
    from copilot.agent.vocabulary import Vocabulary

ID_LIKE = re.compile(r"(?<![\w-])(?:[A-Za-z]{1,4}-(?=[0-9A-Fa-f]*\d)[0-9A-Fa-f]{4,}|00[0-9A-Za-z]{13,16})(?![\w-])")
NUMBERED = re.compile(
    r"\b(?:account|acct|customer|client|kunde|konto)\s*(?:no\.?|number|nr\.?|id)?\s*#?(\d{3,})\b", re.I
)
SCENARIO = re.compile(r"\b(?:scenario|szenario)\s+(?:no\.?\s*|#\s*)?s?-?(\d{1,4})\b|\bs-(\d{1,4})\b(?!-)", re.I)
TYPED_ID = re.compile(r"[^\W_][\w./#-]*[^\W_]")
LEGAL = frozenset("ltd limited inc incorporated corp corporation co company gmbh ag kg se plc llc sa bv group".split())
# After one of these a small "green" is the colour, not Green-Plus.
DETERMINERS = frozenset("the a an my our your this that these those no more any some every all each".split())
# Not after one of these and "that": "the odds that acme stays".
CLAUSES = frozenset(
    "odds chance chances probability likelihood likely sure think expect know say says said hope fear risk".split()
)
# A German noun has a capital too: there, only a word after one of these is taken for an unknown name.
GERMAN_BEFORE = frozenset("bei von fuer mit an ueber um".split())
BEFORE_TIME = re.compile(r"\b(?:this|next|last|in|by|until|since|during|im|bis|seit|diese\w|nächste\w)\s+$", re.I)
TIER_NOUNS = re.compile(r"\W*(plan|product|subscription|licen|seat|usage|tier|abo|produkt)", re.I)


class _Hit(NamedTuple):
    """Names of one kind that agree with ``length`` words of the question."""

    length: int
    whole: bool
    kind: Kind
    values: tuple[str, ...]


class Finder:
    """Fills ``found`` with the mentions of one question; each step only looks at words no earlier one took."""

    def __init__(self, vocabulary: Vocabulary, text: str, bank: Bank) -> None:
        self.vocabulary, self.text, self.bank = vocabulary, text, bank
        self.found: list[Mention] = []
        # The s of "Acme's" is no word of its own.
        spans = [span for span in WORD.finditer(text) if span[0] != "s" or text[max(0, span.start() - 1)] not in "'’"]
        self.spans = [span.span() for span in spans]
        self.typed = [span[0] for span in spans]
        self.words = [fold(word) for word in self.typed]
        self.shouting = text.upper() == text and sum(map(str.isalpha, text)) > 3
        self.german = bank.german(text)

    def marked(self) -> Marked:
        """Return the question with ids marked first, then the longest names, then slips, then unknown names."""
        self._ids()
        self._names()
        self._slips()
        self._unknown()
        return Marked(self.text, tuple(sorted(self.found, key=lambda mention: mention.start)))

    def _ids(self) -> None:
        """Mark ids of the book in any case, ids by their looks, scenarios and studies."""
        for span in TYPED_ID.finditer(self.text):
            key = self.vocabulary.ids.get(fold(span[0]))
            if key and (not key.isdigit() or len(key) >= 4):
                self._take("account", key, *span.span())
        for span in NUMBERED.finditer(self.text):
            self._take("account", span[1], *span.span(1), known=span[1] in self.vocabulary.ids)
        for span in ID_LIKE.finditer(self.text):
            self._take("account", span[0], *span.span(), known=False)
        for span in SCENARIO.finditer(self.text):
            self._take("scenario", f"S-{int(span[1] or span[2])}", *span.span())
        for name in self.vocabulary.studies:
            for span in re.finditer(rf"(?<![\w-]){name.replace('-', '[- ]')}(?![\w-])", self.text, re.I):
                if "-" in name or not self._means_else(name, span.start()):
                    self._take("study", name, *span.span())

    def _means_else(self, word: str, start: int) -> bool:
        """Whether a study's name of one word is here a word, a time or a name of the book; "the march study" tells."""
        book = any(names.at([word], 0) for names in self.vocabulary.indices.values())
        return book or self.bank.ordinary(word) or bool(BEFORE_TIME.search(self.text[:start]))

    def _names(self) -> None:
        """Mark the book's names from left to right, the longest first where several start at one word."""
        place = 0
        while place < len(self.words):
            hits = [hit for kind in self.vocabulary.indices if (hit := self._hit(kind, place))]
            place += self._use(self._best(hits, place), place) if hits else 1

    def _slips(self) -> None:
        """Mark accounts, products and reps that are one or two letters off."""
        for length in (3, 2, 1):
            for place in range(len(self.words) - length + 1):
                if any(self.bank.ordinary(word) for word in self.words[place : place + length]):
                    continue
                typed = "".join(self.words[place : place + length])
                for kind in ("account", "product", "rep"):
                    key = self.vocabulary.indices[kind].close(typed, self.bank.ordinary)
                    if key and kind == "account" and self._runs_on(place + length, (key,)):
                        continue
                    if key and self._free(place, length):
                        value = self._value(kind, key)
                        self._take(kind, value, *self._range(place, length))

    def _unknown(self) -> None:
        """Mark runs of capitalised words that are no ordinary words: they may be accounts of somebody else."""
        place = 0
        while place < len(self.words):
            length = 0
            while place + length < len(self.words) and self._looks_like_name(place + length, inside=length > 0):
                length += 1
            if length and self._may_start_name(place, length):
                start, end = self._range(place, length)
                self._take("account", self.text[start:end], start, end, known=False, guess=True)
            place += length or 1

    def _hit(self, kind: Kind, place: int) -> _Hit | None:
        """Return the believable hit of one kind at ``place``, if there is one."""
        names, words = self.vocabulary.indices[kind], self.words
        hit = names.at(words, place)
        if hit is None and words[place].endswith("s"):  # German and careless English genitives: "Lumenfields Vertrag"
            hit = names.at([*words[:place], words[place][:-1], *words[place + 1 :]], place)
        if hit is None or not self._free(place, hit.length) or not self._believable(kind, place, hit):
            return None
        if kind == "account" and not hit.whole and self._runs_on(place + hit.length, hit.keys):
            return None
        return _Hit(hit.length, hit.whole, kind, tuple(dict.fromkeys(self._value(kind, key) for key in hit.keys)))

    def _runs_on(self, place: int, keys: Sequence[str]) -> bool:
        """Whether the name typed goes on with a word that none of these accounts has: then it is somebody else's."""
        if place >= len(self.words) or self.german or self.words[place] in LEGAL:
            return False
        others = (names for kind, names in self.vocabulary.indices.items() if kind != "account")
        if not self._looks_like_name(place, inside=True) or any(names.at(self.words, place) for names in others):
            return False
        gap = self.text[self.spans[place - 1][1] : self.spans[place][0]]
        own = {fold(word) for key in keys for word in WORD.findall(self.vocabulary.accounts[key])}
        return gap.isspace() and not any(word.startswith(self.words[place]) for word in own)

    def _best(self, hits: Sequence[_Hit], place: int) -> _Hit:
        """Return the hit with the most words, then a whole name, then by the order of kinds."""
        best = max(hits, key=lambda hit: (hit.length, hit.whole))
        rivals = {hit.kind: hit for hit in hits if (hit.length, hit.whole) == (best.length, best.whole)}
        if "product" in rivals and "segment" in rivals:  # of one name in some books: "Pro accounts", "the Pro plan"
            after = self.text[self._range(place, best.length)[1] :]
            return rivals["product" if TIER_NOUNS.match(after) else "segment"]
        return best

    def _use(self, hit: _Hit, place: int) -> int:
        """Mark a hit and return how many words it took; several accounts or reps of one beginning stay as typed."""
        length = hit.length
        if hit.kind == "account" and place + length < len(self.words) and self.words[place + length] in LEGAL:
            gap = self.text[self.spans[place + length - 1][1] : self.spans[place + length][0]]
            length += not gap.strip(" .,")  # "Acme Corp" for Acme Corporation
        start, end = self._range(place, length)
        typed = self.text[start:end]
        if len(hit.values) == 1:
            value = self._short(hit.values[0], typed) if hit.kind == "rep" else hit.values[0]
            self._take(hit.kind, value, start, end)
        elif hit.kind in ("account", "rep"):
            self._take(hit.kind, typed, start, end, known=False)
        return length

    def _short(self, name: str, typed: str) -> str:
        """Spell the typed part of a rep's name as the book does: "ana" is "Ana", not "Ana Torres"."""
        own = {fold(word): word for word in name.split()}
        return " ".join(own.get(fold(word), word) for word in typed.split())

    def _value(self, kind: Kind, key: str) -> str:
        if kind == "account":
            return key
        return self.vocabulary.reps.get(key.rstrip("\n"), key) if kind == "rep" else key.partition("\n")[0]

    def _believable(self, kind: Kind, place: int, hit: Hit) -> bool:
        """Tell a name from the ordinary words it is made of (an account may be called Cheers or Target)."""
        length, whole = hit.length, hit.whole
        typed, words = self.typed[place : place + length], self.words[place : place + length]
        if kind in ("segment", "region", "product"):
            return self._believable_value(place, typed[0], words, whole)
        capital = all(word[0].isupper() or word[0].isdigit() for word in typed if fold(word) not in JOINING)
        if all(self.bank.ordinary(word) for word in words):
            start, end = self._range(place, length)
            # "Who should I call Ltd" has small letters of its own.
            capital |= kind == "account" and self.text[start:end] in {self.vocabulary.accounts[key] for key in hit.keys}
            leads = place == 0 and length < len(self.words) and not self._possessive(place)
            return capital and not self.shouting and not leads and (whole or (kind == "rep" and not self.german))
        return capital or length > 1 or place == 0 or not self._determined(place)

    def _determined(self, place: int) -> bool:
        before = self.words[max(0, place - 2) : place]
        return before[-1] in DETERMINERS and not (before[-1] == "that" and before[0] in CLAUSES)

    def _believable_value(self, place: int, typed: str, words: Sequence[str], whole: bool) -> bool:
        """Tell a product, segment or region from an ordinary word or the rest of somebody's name."""
        if place and typed[0].isupper() and not self.german and self._looks_like_name(place - 1):
            return False  # Wayne Enterprises
        if len(words) == 1 and len(words[0]) <= 2:  # NA, US, IN: only in capitals, and none of "WHO IS IN"
            return typed.isupper() and not (self.shouting and self.bank.ordinary(words[0]))
        return whole or typed[0].isupper()

    def _looks_like_name(self, place: int, *, inside: bool = False) -> bool:
        """Tell a word that may be somebody's name; ``inside`` one, an ordinary word may follow (Wayne Enterprises)."""
        typed, word = self.typed[place], self.words[place]
        start = self.spans[place][0]
        if not self._free(place, 1) or self.shouting or not typed[0].isupper():
            return False
        if word in self.vocabulary.common and not inside:
            return False
        acronym = typed.isupper() and len(typed) <= 5
        hyphened = start > 0 and self.text[start - 1] in "-'’"
        ordinary = self.bank.ordinary(word) and not (inside and not self.german and not hyphened)
        return not acronym and not (hyphened and not inside) and not ordinary and len(word) > 1

    def _may_start_name(self, place: int, length: int) -> bool:
        if length == len(self.words):
            return True
        if place == 0 or re.search(r"[.!?]\s*$", self.text[: self.spans[place][0]]):
            return self._possessive(place + length - 1)
        return not self.german or self.words[place - 1] in GERMAN_BEFORE

    def _possessive(self, place: int) -> bool:
        return self.text[self.spans[place][1] :][:2] in ("'s", "’s")

    def _range(self, place: int, length: int) -> tuple[int, int]:
        return self.spans[place][0], self.spans[place + length - 1][1]

    def _free(self, place: int, length: int) -> bool:
        start, end = self._range(place, length)
        return not any(start < one.end and one.start < end for one in self.found)

    def _take(self, kind: Kind, value: str, start: int, end: int, *, known: bool = True, guess: bool = False) -> None:
        if not any(start < one.end and one.start < end for one in self.found):
            self.found.append(Mention(kind, value, start, end, known, guess))

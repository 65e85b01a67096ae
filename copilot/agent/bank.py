"""The bank: phrasings by intent, the German words, and the repair of typos; read once from ``prompts/``."""

from __future__ import annotations

import calendar
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from copilot.errors import NotSetUp

# A placeholder, a date or amount with its separators, a word with inner hyphens and apostrophes.
TOKEN = re.compile(r"\{\w+\}|\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['’\-][^\W\d_]+)*|\w+")
# Letters and digits: "&", hyphens, dots and underscores part the words of a name, so that its spellings agree.
WORD = re.compile(r"[^\W_]+")
SHORTEST_REPAIRED = 5  # a shorter word has too many neighbours; swapped letters are mended from four on


@dataclass(frozen=True)
class Bank:
    """What the router learns from and the words that questions are read with.

    ``labels`` maps an intent to its phrasings; ``cues`` a sign's name to its pattern; ``glossary`` a folded German
    word, or a stem ending in ``*``, to English; ``ambiguous`` are those of its words that are English too;
    ``shorthand`` maps what is typed in haste to whole words.
    """

    labels: Mapping[str, tuple[str, ...]]
    cues: Mapping[str, str]
    glossary: Mapping[str, str]
    ambiguous: frozenset[str]
    shorthand: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path | None = None) -> Bank:
        """Read ``phrasings.yaml`` and ``german.yaml`` from ``folder`` (the product's own prompts by default).

        Raises:
            NotSetUp: A file is missing or broken; the text names it.
        """
        from copilot.config import rooms_root

        folder = folder or rooms_root() / "prompts"
        said, german = _yaml(folder / "phrasings.yaml"), _yaml(folder / "german.yaml")
        return cls(
            labels={label: tuple(lines) for label, lines in said["labels"].items()},
            cues=said["cues"],
            glossary={fold(word): english for word, english in german["glossary"].items()},
            ambiguous=frozenset(map(fold, german["ambiguous"])),
            shorthand=said["shorthand"],
        )

    @cached_property
    def digest(self) -> str:
        """A hash of everything the router learns from."""
        parts = (sorted(self.labels.items()), sorted(self.cues.items()), sorted(self.glossary.items()))
        return hashlib.sha256(repr((parts, sorted(self.ambiguous))).encode()).hexdigest()[:16]

    @cached_property
    def words(self) -> frozenset[str]:
        """The folded ordinary words of both languages; a word outside is a name or a slip of the finger."""
        lines = [line for lines in self.labels.values() for line in lines]
        cues = re.findall(r"[a-z]{3,}", " ".join(re.sub(r"\\[a-z]", " ", cue) for cue in self.cues.values()))
        found = (
            set(cues)
            | set(self.shorthand)
            | {word for key in self.glossary for word in key.rstrip("*").split() if not key.endswith("*")}
        )
        for line in [*lines, *self.glossary.values()]:
            for token in TOKEN.findall(line):
                found |= {fold(token), *fold(token).split("-")}
        found |= {
            fold(name) for names in (calendar.month_name, calendar.day_name, calendar.month_abbr) for name in names
        }
        return frozenset(found)

    def ordinary(self, word: str) -> bool:
        """Say whether ``word`` is one of the language, English or German, rather than a name."""
        folded = fold(word)
        return folded in self.words or folded.removesuffix("s") in self.words or self._stem(folded) is not None

    def german(self, text: str) -> bool:
        """Say whether ``text`` has a word that is German only; a lone capital inside it may be a name (Stark)."""
        tokens = [token for token in TOKEN.findall(text) if token[0].isalpha()]
        hits = [place for place, token in enumerate(tokens) if self._german_only(fold(token))]
        return bool(hits) and (len(hits) > 1 or hits[0] == 0 or len(tokens) < 5 or not tokens[hits[0]][0].isupper())

    def english(self, text: str) -> str:
        """Return ``text`` in lower case with typos mended and German words put into English; placeholders stay."""
        german, text = self.german(text), _lower(text)
        if not german:
            return TOKEN.sub(lambda found: self._mend(found[0]), text)
        text = self._phrases.sub(lambda found: self.glossary[fold(found[0])], text)
        return TOKEN.sub(lambda found: self._german(fold(found[0])) or found[0], text)

    def germans(self, word: str) -> tuple[str, ...]:
        """Return the folded German words, or beginnings of words, that mean an English one; of one word each."""
        return self._back.get(fold(word), ())

    @cached_property
    def _back(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for german, english in self.glossary.items():
            if " " not in german and " " not in english:
                found[fold(english)] = (*found.get(fold(english), ()), german.rstrip("*"))
        return found

    def _german_only(self, folded: str) -> bool:
        return folded not in self.ambiguous and self._german(folded) is not None

    def _german(self, folded: str) -> str | None:
        return self.glossary.get(folded) or self._stem(folded)

    def _stem(self, folded: str) -> str | None:
        return next((english for stem, english in self._stems.get(folded[:3], ()) if folded.startswith(stem)), None)

    @cached_property
    def _stems(self) -> dict[str, list[tuple[str, str]]]:
        """The glossary's stems, longest first, by their first three letters."""
        found: dict[str, list[tuple[str, str]]] = {}
        for key in sorted((key for key in self.glossary if key.endswith("*")), key=len, reverse=True):
            found.setdefault(key[:3], []).append((key[:-1], self.glossary[key]))
        return found

    @cached_property
    def _phrases(self) -> re.Pattern[str]:
        """The glossary's entries of several words, longest first; umlauts may be written either way."""
        several = sorted((key for key in self.glossary if " " in key and not key.endswith("*")), key=len, reverse=True)
        written = [re.sub("ae|oe|ue", lambda two: f"(?:{two[0]}|{UMLAUT[two[0]]})", re.escape(key)) for key in several]
        return re.compile(rf"\b(?:{'|'.join(written)})\b")

    def _mend(self, word: str) -> str:
        folded = fold(word)
        if not folded.isalpha() or len(folded) < SHORTEST_REPAIRED - 1 or self.ordinary(word):
            return word
        for other in _neighbours(folded):
            # A swap is a slip; of other near words only a long one is surely no word of its own ("sign" is not "sing").
            known = self._english.get(other, 0) >= (2 if len(folded) >= SHORTEST_REPAIRED else 5)
            if known and (sorted(other) == sorted(folded) or len(folded) > SHORTEST_REPAIRED):
                return other
        return word

    @cached_property
    def _english(self) -> Mapping[str, int]:
        """Words a typo may stand for, with how often the English phrasings hold them."""
        lines = [line for lines in self.labels.values() for line in lines if not self.german(line)]
        months = [fold(name) for name in calendar.month_name if len(name) > SHORTEST_REPAIRED]
        return Counter(
            [*(fold(token) for line in lines for token in TOKEN.findall(line) if token.isalpha()), *2 * months]
        )


UMLAUT = {"ae": "ä", "oe": "ö", "ue": "ü"}


def words_of(text: str) -> list[str]:
    """Return the words of a name or question as typed."""
    return WORD.findall(text)


def fold(text: str) -> str:
    """Return ``text`` without case, accents and umlauts (ä becomes ae)."""
    if text.isascii():
        return text.lower()
    lowered = text.casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("’", "'")
    return "".join(letter for letter in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(letter))


def _lower(text: str) -> str:
    return "".join(part if part.startswith("{") else part.lower() for part in re.split(r"(\{\w+\})", text))


def _neighbours(word: str) -> Iterable[str]:
    """Yield the words one slip away, likeliest first: two letters swapped, one too many, one wrong, one missing.

    The first letter is trusted (Pollock & Zamora 1984: it is wrong in few slips), which keeps false repairs rare.
    """
    letters = "abcdefghijklmnopqrstuvwxyz"
    places = range(1, len(word))
    yield from (word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in places if at + 1 < len(word))
    yield from (word[:at] + word[at + 1 :] for at in places)
    yield from (word[:at] + letter + word[at:] for at in range(1, len(word) + 1) for letter in letters)
    yield from (word[:at] + letter + word[at + 1 :] for at in places for letter in letters)


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        # BaseLoader reads every scalar as text: `yes`, `no` and `on` are phrasings here, not booleans.
        found = yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise NotSetUp(f"The file {path.name} of the product cannot be read ({fault}); install it again.") from None
    return dict(found)

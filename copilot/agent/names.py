"""An index of names: finds one in a row of words by its whole spelling, its first words, or with a slip."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from copilot.agent.bank import fold, words_of

JOINING = frozenset(("and", "und", "the"))  # "Halden und Sohn" is "Halden & Sohn"; "Inquirer" may drop its "The"
LONGEST = 8  # words of a name that are compared
SHORTEST_FUZZY = 5  # letters; a shorter name has too many neighbours
TWO_SLIPS_FROM = 12  # letters from which two slips are forgiven: short of that, another name may be meant


@dataclass(frozen=True)
class Hit:
    """Names that agree with ``length`` words; ``whole`` if all of a name was said, else only its beginning."""

    length: int
    keys: tuple[str, ...]
    whole: bool


class Names:
    """Keys (ids) by the ways their names are typed: any case, with or without accents, hyphens, blanks and "&"."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._whole: dict[str, list[str]] = {}
        self._starts: dict[str, list[str]] = {}
        self._names = names
        for key, name in names.items():
            for words in _spellings(name):
                _note(self._whole, "".join(words), key)
                for length in range(1, min(len(words), LONGEST)):
                    _note(self._starts, " ".join(words[:length]), key)

    def at(self, words: Sequence[str], place: int) -> Hit | None:
        """Return the longest agreement of folded ``words`` from ``place`` on; a whole name before a mere beginning."""
        for length in range(min(LONGEST, len(words) - place), 0, -1):
            part = [word for word in words[place : place + length] if word not in JOINING]
            if not part or words[place] in JOINING or words[place + length - 1] in JOINING:
                continue
            whole, starts = self._whole.get("".join(part)), self._starts.get(" ".join(part))
            if whole:
                return Hit(length, tuple(whole), whole=True)
            if starts and len(starts) > 1:
                return self._narrow(words, place, length, starts)
            if starts:
                return Hit(length, tuple(starts), whole=False)
        return None

    def _narrow(self, words: Sequence[str], place: int, length: int, keys: list[str]) -> Hit:
        """Use the beginning of one more word ("Orbis Med") to tell apart names that share their first words."""
        if place + length < len(words) and len(words[place + length]) >= 3:
            start = "".join(words[place : place + length + 1])
            agreeing = [
                key for key in keys if any("".join(own).startswith(start) for own in _spellings(self._names[key]))
            ]
            if len(agreeing) == 1:
                return Hit(length + 1, tuple(agreeing), whole=False)
        return Hit(length, tuple(keys), whole=False)

    def close(self, typed: str, skip: Callable[[str], bool]) -> str | None:
        """Return the one key whose name, or first word, is nearest to ``typed`` (folded, no blanks) within its slips.

        Names for which ``skip`` holds (ordinary words) are never guessed at. None where two are equally near.
        """
        slips = 2 if len(typed) >= TWO_SLIPS_FROM else 1
        if len(typed) < SHORTEST_FUZZY or skip(typed):
            return None
        best: dict[str, int] = {}
        for length in range(len(typed) - slips, len(typed) + slips + 1):
            for known, key in self._by_shape.get((typed[0], length), ()):
                distance = edits(typed, known, slips)
                if distance == 0:
                    return None  # the very word: whoever asks has already judged it to be no name here
                if distance <= slips and not skip(known):
                    best[key] = min(distance, best.get(key, slips))
        nearest = [key for key, distance in best.items() if distance == min(best.values())]
        return nearest[0] if len(nearest) == 1 else None

    @cached_property
    def _by_shape(self) -> dict[tuple[str, int], list[tuple[str, str]]]:
        """Whole names and telling first words by first letter and length, so that few need a closer look."""
        found: dict[tuple[str, int], list[tuple[str, str]]] = {}
        for spellings in (self._whole, self._starts):
            for known, keys in spellings.items():
                if len(keys) == 1 and " " not in known and len(known) >= SHORTEST_FUZZY:
                    found.setdefault((known[0], len(known)), []).append((known, keys[0]))
        return found


def edits(one: str, other: str, most: int) -> int:
    """Return the optimal-string-alignment distance (a swap of neighbours counts one), or ``most + 1`` if larger."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, against in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def _spellings(name: str) -> list[list[str]]:
    """The folded words of a name; twice where it has umlauts (Zürich: zuerich, zurich)."""
    found = [[fold(word) for word in words_of(name)]]
    if not name.isascii():
        plain = [fold(word.replace("ä", "a").replace("ö", "o").replace("ü", "u")) for word in words_of(name.lower())]
        found += [plain] if plain != found[0] else []
    trimmed = [[word for word in words if word not in JOINING] or words for words in found]
    return [words for words in trimmed if words]


def _note(index: dict[str, list[str]], spelling: str, key: str) -> None:
    keys = index.setdefault(spelling, [])
    if key not in keys and len(keys) < 50:  # past that a name tells nothing apart; "Company 1" … "Company 9999"
        keys.append(key)

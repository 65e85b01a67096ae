"""A grammar of affixes learned from the names themselves: windows, aggregates, periods, flags.

An affix is what recurs over many stems while the stems recur with other affixes: a paradigm, as _avg, _mode and _medi
over forty attributes of a house (Harris 1955; Goldsmith 2001). The glossary knows some members of a class; a member
that it does not know takes the class of the members it shares most of its stems with.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from copilot.explain.grouping.glossary import Glossary, Kind
from copilot.explain.grouping.tokens import Token, common_words

FEWEST_STEMS = 3  # over which an affix must recur before its class is inferred from its neighbours
SHARED = 0.5  # of the rarer affix's stems that both must have
LARGEST_WINDOW = 1000  # a number above it is no stretch of time (a year, a code)
_DIGITS = re.compile(r"\d+")
Side = int  # 0: at the beginning, -1: at the end


@dataclass(frozen=True)
class Affix:
    """What was taken off a name: its words, what it does, and for a stretch of time how long and of which unit."""

    words: tuple[str, ...]
    kind: Kind | str
    number: int = 0
    unit: str = ""


@dataclass(frozen=True)
class Parsed:
    """A name taken apart.

    Attributes:
        stem: What is left without windows, aggregates, periods and flags; never empty for a name with words.
        affixes: What was taken off, in the order of the name.
        base: The stem without what varies over other stems as well, such as a number or "joint"; a hint for families.
    """

    stem: tuple[Token, ...]
    affixes: tuple[Affix, ...]
    base: tuple[str, ...]


def parse(
    names: Mapping[str, Sequence[Token]], descriptions: Mapping[str, str], glossary: Glossary
) -> dict[str, Parsed]:
    """Learn the grammar of ``names`` (name to its words), in whatever order, and return each name taken apart."""
    bare: dict[str, tuple[Token, ...]] = {}
    found: dict[str, list[tuple[int, Affix]]] = {}
    for name, tokens in names.items():
        bare[name], found[name] = _without_windows(tuple(tokens), glossary)
    rests = {side: _rests(set(bare.values()), side) for side in (0, -1)}
    subjects = {side: _subjects(rests[side], glossary) for side in (0, -1)}
    kinds = {side: _kinds(rests[side], subjects[side], glossary) for side in (0, -1)}
    held = {name: _held(tokens, subjects) for name, tokens in bare.items()}
    stems = {name: _without_edges(tokens, kinds, held[name], found[name]) for name, tokens in bare.items()}
    indexed = _indexed(stems.values(), glossary)
    numbers = _period_numbers([*bare.items(), *stems.items()], descriptions, indexed)
    stems = {name: _without_numbers(stem, numbers, indexed, found[name]) for name, stem in stems.items()}
    stems = _without_shared(stems, held, glossary, found)
    stems = _without_inner(stems, glossary, found)
    stems = {name: tuple(replace(one, subject=one.text in held[name]) for one in stem) for name, stem in stems.items()}
    bases = _bases(stems)
    return {
        name: Parsed(stem, tuple(affix for _, affix in sorted(found[name], key=lambda one: one[0])), bases[name])
        for name, stem in stems.items()
    }


def _without_windows(
    tokens: tuple[Token, ...], glossary: Glossary
) -> tuple[tuple[Token, ...], list[tuple[int, Affix]]]:
    """Take stretches of time out: l3m, last_3_months, 12mths, past_12m, m6; all but the last word of a name may go."""
    left: list[Token] = []
    found: list[tuple[int, Affix]] = []
    at = 0
    while at < len(tokens):
        # t2m and b2b are codes: no stretch of time begins within a single letter, a number and a letter.
        code = at > 0 and tokens[at].glued and len(tokens[at - 1].text) == 1 and not tokens[at - 1].glued
        size, affix = (0, None) if code else _window(tokens[at:], glossary)
        if affix is not None and (left or at + size < len(tokens)):
            found.append((at, affix))
            at += size
        else:
            left.append(tokens[at])
            at += 1
    # d150_4 tells no days: beside a window of a letter and a number some word must be left to speak of.
    bare = not any(len(token.text) > 1 and not token.number for token in left)
    unsure = bare and any(len(affix.words[0]) == 1 and len(affix.words) == 2 for _, affix in found)
    return (tokens, []) if unsure or not left else (tuple(left), found)


def _window(tokens: Sequence[Token], glossary: Glossary) -> tuple[int, Affix | None]:
    """Return how many words a stretch of time at the beginning of ``tokens`` takes, and what it is."""
    lead = 1 if tokens[0].text in glossary.leads else 0
    number = tokens[lead] if len(tokens) > lead else None
    if number is not None and number.number and 0 < int(number.text[:9]) <= LARGEST_WINDOW:
        unit = tokens[lead + 1] if len(tokens) > lead + 1 else None
        if unit is not None and unit.text in glossary.time_units and (len(unit.text) > 1 or unit.glued):
            words = tuple(token.text for token in tokens[: lead + 2])
            return lead + 2, Affix(words, "window", int(number.text), glossary.time_units[unit.text])
    first = tokens[0]
    lettered = first.text in ("d", "w", "m", "q", "y") and not first.glued and len(tokens) > 1 and tokens[1].glued
    if lettered and tokens[1].number and 0 < int(tokens[1].text[:9]) <= LARGEST_WINDOW:
        unit_name = glossary.time_units.get(first.text, "")
        return 2, Affix((first.text, tokens[1].text), "window", int(tokens[1].text), unit_name)
    return 0, None


def _indexed(stems: Iterable[tuple[Token, ...]], glossary: Glossary) -> set[tuple[str, ...]]:
    """Return the words whose number says which thing is meant: address1_city, address1_street, address1_zip."""
    rests: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    for tokens in stems:
        words = tuple(token.text for token in tokens)
        for place in range(1, len(tokens) - 1):
            if tokens[place].number and tokens[place].glued and not _only_numbers(tokens[place + 1 :]):
                rests[words[:place]].add(words[place + 1 :])
    return {
        head
        for head, found in rests.items()
        if len(found) >= FEWEST_STEMS and len(head[-1]) > 1 and head[-1] not in glossary.time_units
    }


def _period_numbers(
    stems: Iterable[tuple[str, tuple[Token, ...]]],
    descriptions: Mapping[str, str],
    indexed: Collection[tuple[str, ...]],
) -> set[tuple[str, ...]]:
    """Return the patterns of which several names differ in nothing but counters: job_view_s3 and s4, document_2, _3.

    Where descriptions differ in numbers that their names lack, the names' numbers are codes: price_1 "up to 30,000".
    """
    by_pattern: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    told: dict[tuple[str, ...], set[frozenset[str]]] = defaultdict(set)
    for name, tokens in stems:
        pattern = _pattern(tokens, indexed)
        if "#" in pattern and not all(token.number for token in tokens):
            by_pattern[pattern].add(tuple(token.text for token in tokens))
            told[pattern].add(frozenset(_DIGITS.findall(descriptions.get(name, ""))) - {*_DIGITS.findall(name)})
    return {pattern for pattern, written in by_pattern.items() if len(written) >= 2 and len(told[pattern]) == 1}


def _pattern(tokens: Sequence[Token], indexed: Collection[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple("#" if _counts(tokens, place, indexed) else token.text for place, token in enumerate(tokens))


def _counts(tokens: Sequence[Token], place: int, indexed: Collection[tuple[str, ...]]) -> bool:
    """Whether a word is a counter: a number, unless it says which thing is meant or is of a code, as in 2g or t2t."""
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    code = after is not None and after.glued and len(after.text) == 1
    return tokens[place].number and not code and tuple(token.text for token in tokens[:place]) not in indexed


def _rests(stems: Collection[tuple[Token, ...]], side: Side) -> dict[str, set[tuple[str, ...]]]:
    """Return what is left of names without each word at one of their edges."""
    out: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for tokens in stems:
        if len(tokens) > 1 and not tokens[side].number:
            out[tokens[side].text].add(tuple(token.text for token in (tokens[1:] if side == 0 else tokens[:-1])))
    return out


def _subjects(rests: Mapping[str, set[tuple[str, ...]]], glossary: Glossary) -> dict[str, set[tuple[str, ...]]]:
    """Return words that stand like an affix among more words that are none, with the rests that they share with them.

    "std" and "total" are aggregates, yet beside local, roaming and special calls they say which calls are meant.
    """
    affixes = glossary.plain.keys() | glossary.shared.keys()
    several = {word: own for word, own in rests.items() if len(own) >= FEWEST_STEMS}
    known = [own for word, own in several.items() if word in affixes]
    out: dict[str, set[tuple[str, ...]]] = {}
    for word, own in several.items():
        if not any(_recur(own, other) for other in known):
            continue
        alike = [other for other in several if other == word or _recur(own, several[other])]
        others = [other for other in alike if other not in affixes]
        if len(others) > len(alike) / 2 and len(others) >= FEWEST_STEMS:
            theirs = {_unnumbered(rest) for other in others if other != word for rest in rests[other]}
            out[word] = theirs & {_unnumbered(rest) for rest in own}
    return out


def _unnumbered(words: tuple[str, ...]) -> tuple[str, ...]:
    while len(words) > 1 and words[-1].isdecimal():
        words = words[:-1]
    return words


def _recur(one: Collection[tuple[str, ...]], other: set[tuple[str, ...]]) -> bool:
    return len(other.intersection(one)) >= max(FEWEST_STEMS, SHARED * min(len(one), len(other)))


def _held(tokens: tuple[Token, ...], subjects: Mapping[Side, Mapping[str, set[tuple[str, ...]]]]) -> frozenset[str]:
    """Return the words at the edges of a name that say what it is about, though they are affixes elsewhere."""
    words = tuple(token.text for token in tokens)
    edges = ((0, words[:1], words[1:]), (-1, words[-1:], words[:-1]))
    return frozenset(
        word for side, edge, rest in edges for word in edge if _unnumbered(rest) in subjects[side].get(word, ())
    )


def _kinds(rests: Mapping[str, set[tuple[str, ...]]], subjects: Collection[str], glossary: Glossary) -> dict[str, Kind]:
    """Return the affixes of one side whose kind is known, or inferred from those they share most stems with."""
    known: dict[str, Kind] = dict(glossary.plain)
    language = common_words()
    for affix in sorted(rests):
        # A word of the language, such as failed, says something of its own though it recurs like an affix.
        word = (affix in language and affix not in glossary.shared) or affix in subjects
        if affix in known or word or len(rests[affix]) < FEWEST_STEMS:
            continue
        votes: dict[Kind, int] = defaultdict(int)
        for other, its_kind in glossary.plain.items():
            common = len(rests[affix] & rests.get(other, set()))
            if other != affix and common >= FEWEST_STEMS and common >= SHARED * len(rests[affix]):
                votes[its_kind] += common
        if votes:
            known[affix] = glossary.shared.get(affix, max(sorted(votes), key=votes.__getitem__))
    return known


def _without_edges(
    tokens: tuple[Token, ...],
    kinds: Mapping[Side, Mapping[str, Kind]],
    held: Collection[str],
    found: list[tuple[int, Affix]],
) -> tuple[Token, ...]:
    """Take the affixes that are always affixes off both edges, again and again; the last word stays."""
    stem = tokens
    for side, place in ((-1, 90), (0, -1)):
        while len(stem) > 1 and stem[side].text in kinds[side] and stem[side].text not in held:
            rest = stem[1:] if side == 0 else stem[:-1]
            number = _beside(rest, side)  # avg3mou: the average over 3 periods
            words = (stem[side].text, number) if number else (stem[side].text,)
            found.append((place, Affix(words, kinds[side][stem[side].text], int(number or 0))))
            stem = rest[1:] if number else rest
    return stem


def _beside(rest: Sequence[Token], side: Side) -> str:
    """Return a number glued to an affix at the beginning, if words follow it."""
    if side == 0 and len(rest) > 1 and rest[0].number and rest[0].glued and 0 < int(rest[0].text[:9]) <= LARGEST_WINDOW:
        return rest[0].text
    return ""


def _without_numbers(
    stem: tuple[Token, ...],
    patterns: Collection[tuple[str, ...]],
    indexed: Collection[tuple[str, ...]],
    found: list[tuple[int, Affix]],
) -> tuple[Token, ...]:
    """Take numbers out that alone tell names apart, each with the single letter that it is glued to (s3)."""
    if _pattern(stem, indexed) not in patterns:
        return stem
    rest: list[Token] = []
    taken: list[Affix] = []
    for place, token in enumerate(stem):
        if not _counts(stem, place, indexed):
            rest.append(token)
            continue
        lettered = token.glued and len(rest) > 1 and len(rest[-1].text) == 1 and not rest[-1].glued
        words = (rest.pop().text, token.text) if lettered else (token.text,)
        taken.append(Affix(words, "number", int(token.text[:9])))
    found.extend((50, affix) for affix in taken)
    return tuple(rest)


def _without_shared(
    stems: Mapping[str, tuple[Token, ...]],
    held: Mapping[str, Collection[str]],
    glossary: Glossary,
    found: Mapping[str, list[tuple[int, Affix]]],
) -> dict[str, tuple[Token, ...]]:
    """Take off the words that are affixes only where another name has the same rest, alone or with another affix."""
    out = dict(stems)
    for _ in range(3):
        holders: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for stem in out.values():
            words = tuple(token.text for token in stem)
            holders[words].add("")
            for side in (0, -1):
                if len(words) > 1 and words[side] in glossary.shared:
                    holders[words[1:] if side == 0 else words[:-1]].add(f"{side}{words[side]}")
        changed = False
        for name, stem in out.items():
            for side, place in ((-1, 80), (0, -1)):
                rest = stem[1:] if side == 0 else stem[:-1]
                word = stem[side].text if stem else ""
                if not rest or word not in glossary.shared or word in held[name]:
                    continue
                if _only_numbers(rest) or _is_part(stem, side, glossary):
                    continue
                if len(holders[tuple(token.text for token in rest)]) >= 2:
                    found[name].append((place, Affix((word,), glossary.shared[word])))
                    out[name], changed = rest, True
                    break
        if not changed:
            break
    return out


def _is_part(stem: Sequence[Token], side: Side, glossary: Glossary) -> bool:
    """Whether the word at an edge belongs to a part of several words, as "name" to "first name"."""
    words = tuple(token.text for token in stem)
    return any(words[at:] in glossary.parts for at in range(len(words) - 1 if side == -1 else min(1, len(words) - 1)))


def _without_inner(
    stems: Mapping[str, tuple[Token, ...]], glossary: Glossary, found: Mapping[str, list[tuple[int, Affix]]]
) -> dict[str, tuple[Token, ...]]:
    """Take aggregates out of the middle of stems that differ in nothing else: turn_avg_v2 beside turn_max_v2."""
    out = dict(stems)
    for _ in range(2):
        holders: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for stem in out.values():
            words = tuple(token.text for token in stem)
            holders[words].add("")
            for place in _aggregates(stem, glossary):
                holders[words[:place] + words[place + 1 :]].add(f"{place} {words[place]}")
        for name, stem in out.items():
            for place in _aggregates(stem, glossary):
                rest = stem[:place] + stem[place + 1 :]
                if len(holders[tuple(token.text for token in rest)]) >= 2:
                    found[name].append((40, Affix((stem[place].text,), "aggregate")))
                    out[name] = rest
                    break
    return out


def _aggregates(stem: Sequence[Token], glossary: Glossary) -> list[int]:
    """Return the places within a stem, its edges apart, that hold an aggregate."""
    return [
        place
        for place in range(1, len(stem) - 1)
        if "aggregate" in (glossary.plain.get(stem[place].text), glossary.shared.get(stem[place].text))
        and not _is_part(stem[place:], 0, glossary)
    ]


def _only_numbers(tokens: Sequence[Token]) -> bool:
    return all(token.number or len(token.text) < 2 for token in tokens)


def _bases(stems: Mapping[str, tuple[Token, ...]]) -> dict[str, tuple[str, ...]]:
    """Return each stem without numbers and without the words at its edges that vary over several stems."""
    plain = {name: tuple(token.text for token in stem if not token.number) for name, stem in stems.items()}
    words = {name: base or tuple(token.text for token in stems[name]) for name, base in plain.items()}
    whole = set(words.values())
    rests: dict[tuple[int, tuple[str, ...]], set[tuple[str, ...]]] = defaultdict(set)
    for base in whole:
        for side in (0, -1):
            for size in (1, 2):
                if len(base) > size:
                    edge, rest = (base[:size], base[size:]) if side == 0 else (base[-size:], base[:-size])
                    if rest in whole:
                        rests[side, edge].add(rest)
    varying = {key for key, found in rests.items() if len(found) >= FEWEST_STEMS}

    def base_of(base: tuple[str, ...]) -> tuple[str, ...]:
        for side, edge in sorted(varying, key=lambda key: (-len(key[1]), key)):
            size = len(edge)
            if len(base) > size and (base[:size] if side == 0 else base[-size:]) == edge:
                rest = base[size:] if side == 0 else base[:-size]
                if rest in rests[side, edge]:
                    return rest
        return base

    return {name: base_of(base) for name, base in words.items()}


def window_words(affix: Affix) -> str:
    """Return a stretch of time in words, as "the last 3 months"."""
    plural = f"{affix.number} {affix.unit}s" if affix.number != 1 else affix.unit
    return f"the last {plural}"

"""Raw names into super features: what is left of a name without windows, aggregates, periods and flags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from copilot.explain.grouping.affixes import Parsed, parse
from copilot.explain.grouping.glossary import Glossary
from copilot.explain.grouping.likeness import Super
from copilot.explain.grouping.meanings import learned, readable, written_out
from copilot.explain.grouping.tokens import split_compounds, tokenise

FEWEST_WHOLES = 2  # of which an unknown word must be an ending before it is taken for a part
_Cut = tuple[tuple[str, ...], tuple[str, ...], str]  # what comes before a part, the part, its whole


@dataclass(frozen=True)
class SuperFeature:
    """A super feature: the raw names it stands for, each taken apart, its readable name and what is read of it."""

    names: Mapping[str, Parsed]
    shown: str
    read: Super


def super_features(described: Mapping[str, str], words: Glossary) -> list[SuperFeature]:
    """Return the super features of names (name to its cleaned description), in an order that depends on no order.

    A name with neither letters nor digits is in none of them.
    """
    told = dict(sorted(described.items()))
    tokens = split_compounds({name: tokenise(name) for name in told}, told.values(), words)
    found = learned(tokens, told, words)
    parsed = parse({name: own for name, own in tokens.items() if own}, told, words)
    holders: dict[tuple[str, ...], dict[str, Parsed]] = defaultdict(dict)
    for name, one in parsed.items():
        holders[tuple(token.text for token in one.stem)][name] = one
    firsts = [next(iter(own.values())) for own in holders.values()]
    phrases = [written_out(first.stem, words, found) for first in firsts]
    out = []
    for own, first, phrase, whole in zip(holders.values(), firsts, phrases, _wholes(phrases, words), strict=True):
        description = next((told[name] for name in own if told[name]), "")
        read = Super(phrase, whole, first.base, description)
        out.append(SuperFeature(own, readable(first.stem, words, found), read))
    return out


def _wholes(phrases: Sequence[str], words: Glossary) -> list[str]:
    """Return each phrase with the part that it ends in told as its whole, where another phrase has another part of it.

    "billing city" beside "billing street" is "billing address"; "account state" alone stays. What comes after several
    wholes and after nothing else is a part as well: "billing landmark" beside "shipping landmark".
    """
    cuts = [_part(tuple(phrase.split()), words) for phrase in phrases]
    parts: dict[tuple[tuple[str, ...], str], set[tuple[str, ...]]] = defaultdict(set)
    for rest, part, whole in cuts:
        parts[rest, whole].add(part)
    holders: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for (rest, whole), own in parts.items():
        if whole and len(own) > 1:
            holders[rest].add(whole)
    learned = _learned_parts(cuts, holders)
    out = []
    for phrase, (rest, part, whole) in zip(phrases, cuts, strict=True):
        if not part:
            rest, whole = learned.get(rest, (rest, ""))
        out.append(" ".join((*rest, whole)) if whole in holders.get(rest, ()) else phrase)
    return out


def _learned_parts(
    cuts: Sequence[_Cut], holders: Mapping[tuple[str, ...], set[str]]
) -> dict[tuple[str, ...], tuple[tuple[str, ...], str]]:
    """Return phrases without a known part that end like one, with what comes before it and the whole."""
    rests: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    for phrase, part, _ in cuts:
        for size in range(1, 0 if part else min(4, len(phrase) + 1)):
            rests[phrase[-size:]].add(phrase[:-size])
    out = {}
    for end, before in rests.items():
        wholes = set.intersection(*(holders.get(rest, set()) for rest in before))
        if len(before) >= FEWEST_WHOLES and len(wholes) == 1:
            out.update({(*rest, *end): (rest, *wholes) for rest in before})
    return out


def _part(phrase: tuple[str, ...], words: Glossary) -> _Cut:
    """Return a phrase as what comes before its part, the part, and the whole; without a part, the phrase alone."""
    end = len(phrase)
    while end > 1 and phrase[end - 1].isdecimal():
        end -= 1
    for size in range(min(4, end), 0, -1):
        part = phrase[end - size : end]
        if whole := words.parts.get(part):
            rest = phrase[: end - size]
            return (rest[:-1] if rest and rest[-1] == whole else rest), part, whole
    return phrase, (), ""

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

    "billing city" beside "billing street" is "billing address"; "account state" alone stays.
    """
    cuts = [_part(tuple(phrase.split()), words) for phrase in phrases]
    parts: dict[tuple[tuple[str, ...], str], set[tuple[str, ...]]] = defaultdict(set)
    for rest, part, whole in cuts:
        parts[rest, whole].add(part)
    return [
        " ".join((*rest, whole)) if whole and len(parts[rest, whole]) > 1 else phrase
        for phrase, (rest, _, whole) in zip(phrases, cuts, strict=True)
    ]


def _part(phrase: tuple[str, ...], words: Glossary) -> tuple[tuple[str, ...], tuple[str, ...], str]:
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

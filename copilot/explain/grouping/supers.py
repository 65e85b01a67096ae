"""Raw names into super features: what is left of a name without windows, aggregates, periods and flags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from copilot.explain.grouping.affixes import Parsed, parse
from copilot.explain.grouping.glossary import Glossary
from copilot.explain.grouping.grids import things
from copilot.explain.grouping.likeness import Super
from copilot.explain.grouping.meanings import learned, readable, written_out
from copilot.explain.grouping.tokens import split_compounds, tokenise
from copilot.explain.grouping.wholes import wholes


@dataclass(frozen=True)
class SuperFeature:
    """A super feature: the raw names it stands for, each taken apart, its readable name and what is read of it.

    ``titled`` is what a family of it may be called: "Billing Address" for "Billing City".
    """

    names: Mapping[str, Parsed]
    shown: str
    titled: str
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
    of = things(phrases, [len(own) for own in holders.values()], words)
    out = []
    for own, first, phrase, whole, thing in zip(
        holders.values(), firsts, phrases, wholes(phrases, words), of, strict=True
    ):
        description = next((told[name] for name in own if told[name]), "")
        read = Super(phrase, whole, first.base, description, thing)
        shown = readable(first.stem, words, found)
        titled = shown if whole == phrase else " ".join(word[:1].upper() + word[1:] for word in whole.split())
        out.append(SuperFeature(own, shown, titled, read))
    return out

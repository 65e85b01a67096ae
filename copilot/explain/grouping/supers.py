"""Raw names into super features: what is left of a name without windows, aggregates, periods and flags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
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
    parsed = parse({name: own for name, own in tokens.items() if own}, words)
    holders: dict[tuple[str, ...], dict[str, Parsed]] = defaultdict(dict)
    for name, one in parsed.items():
        holders[tuple(token.text for token in one.stem)][name] = one
    out = []
    for own in holders.values():
        first = next(iter(own.values()))
        description = next((told[name] for name in own if told[name]), "")
        read = Super(written_out(first.stem, words, found), first.base, description)
        out.append(SuperFeature(own, readable(first.stem, words, found), read))
    return out

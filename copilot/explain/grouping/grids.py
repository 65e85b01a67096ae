"""Several things told by the same parts: the first and the second address, local and long-distance calls.

Names then make a grid of things and parts, and a person groups them by the thing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

FEWEST = 3  # parts that two things must have in common
SHARED = 0.5  # of the parts of the thing that has fewer
READABLE = 15  # names in a family that a person looks through; a larger thing is parted further
_Words = tuple[str, ...]


def things(phrases: Sequence[str], sizes: Sequence[int], measures: Collection[str]) -> list[str]:
    """Return the thing that each phrase begins with, "" where it is of no grid.

    Args:
        phrases: The words of super features.
        sizes: How many names each stands for.
        measures: Words that say how something is measured: no things.
    """
    split = [tuple(phrase.split()) for phrase in phrases]
    parts: dict[_Words, set[_Words]] = defaultdict(set)
    held: Counter[_Words] = Counter()
    for words, size in zip(split, sizes, strict=True):
        for at in range(1, len(words)):
            parts[words[:at]].add(words[at:])
            held[words[:at]] += size
    known = _known(parts, measures)
    out = []
    for words in split:
        thing: _Words = ()
        for at in range(1, len(words)):
            if words[:at] in known and (not thing or held[thing] > READABLE):
                thing = words[:at]
        out.append(" ".join(thing))
    return out


def _known(parts: Mapping[_Words, set[_Words]], measures: Collection[str]) -> set[_Words]:
    """Return beginnings that have most parts in common with another that differs in the last word alone."""
    beside: dict[_Words, list[_Words]] = defaultdict(list)
    for head, own in parts.items():
        if len(own) >= FEWEST and head[-1] not in measures:
            beside[head[:-1]].append(head)
    out = set()
    for heads in beside.values():
        own = {head for head in heads if any(_alike(parts[head], parts[other]) for other in heads if other != head)}
        out |= {head for head in own if len(parts[head]) >= len(own)}  # many things of few parts: the parts are meant
    return out


def _alike(one: set[_Words], other: set[_Words]) -> bool:
    return len(one & other) >= max(FEWEST, SHARED * min(len(one), len(other)))

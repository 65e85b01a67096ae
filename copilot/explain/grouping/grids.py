"""Several things told by the same parts: the first and the second address, local and long-distance calls.

Names then make a grid of things and parts, and a person groups them by the thing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations

from copilot.explain.grouping.glossary import Glossary
from copilot.explain.grouping.wholes import NEVER

FEWEST = 3  # parts that two things must have in common
SHARED = 0.5  # of the parts of the thing that has fewer
MOST = 200  # things beside each other that are compared each with each; more are no families of their own
READABLE = 15  # names in a family that a person looks through; a larger thing is parted further
_Words = tuple[str, ...]


def things(phrases: Sequence[str], sizes: Sequence[int], glossary: Glossary) -> list[str]:
    """Return the thing that each phrase begins with, "" where it is of no grid.

    Args:
        phrases: The words of super features.
        sizes: How many names each stands for.
        glossary: Its measures are no things.
    """
    split = [tuple(phrase.split()) for phrase in phrases]
    parts: dict[_Words, set[_Words]] = defaultdict(set)
    held: Counter[_Words] = Counter()
    for words, size in zip(split, sizes, strict=True):
        for at in range(1, len(words)):
            parts[words[:at]].add(words[at:])
            held[words[:at]] += size
    known = _known(parts, glossary)
    if len(parts.get(NEVER, ())) > 1:
        known.add(NEVER)
    out = []
    for words in split:
        thing: _Words = ()
        for at in range(1, len(words)):
            if words[:at] in known and (not thing or held[thing] > READABLE):
                thing = words[:at]
        out.append(" ".join(thing))
    return _parted(out, split, sizes, glossary)


def _parted(of: Sequence[str], split: Sequence[_Words], sizes: Sequence[int], words: Glossary) -> list[str]:
    """Part things that are too large to look through by what is known of their parts: phone numbers of an address."""
    held: Counter[str] = Counter()
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    own = [_whole(parts, words) for parts in split]
    for thing, whole, size in zip(of, own, sizes, strict=True):
        held[thing] += size
        kinds[thing][whole] += 1
    out = []
    for thing, whole in zip(of, own, strict=True):
        apart = thing and whole and held[thing] > READABLE and kinds[thing][whole] > 1
        main = max(kinds[thing], key=lambda one: (one != "", kinds[thing][one], one))
        out.append(f"{thing} {whole}" if apart and whole != main else thing)
    return out


def _whole(phrase: _Words, words: Glossary) -> str:
    """Return what the end of a phrase is a part of, the longest end first; numbers behind it do not count."""
    while len(phrase) > 1 and phrase[-1].isdecimal():
        phrase = phrase[:-1]
    return next((words.parts[phrase[at:]] for at in range(len(phrase)) if phrase[at:] in words.parts), "")


def _known(parts: Mapping[_Words, set[_Words]], words: Glossary) -> set[_Words]:
    """Return beginnings that have most parts in common with another that differs in the last word alone."""
    beside: dict[_Words, list[_Words]] = defaultdict(list)
    for head, own in parts.items():
        if len(own) >= FEWEST and not words.measures.intersection(head[-2:] if head[-1].isdecimal() else head[-1:]):
            beside[head[:-1]].append(head)
    out = set()
    for heads in beside.values():
        near = heads if len(heads) <= MOST else []
        pairs = [pair for pair in combinations(near, 2) if _one_thing(*pair, parts, words)]
        own = {head for pair in pairs for head in pair}
        out |= {head for head in own if len(parts[head]) >= len(own)}  # many things of few parts: the parts are meant
    return out


def _one_thing(one: _Words, other: _Words, parts: Mapping[_Words, set[_Words]], words: Glossary) -> bool:
    """Whether two beginnings are things told by the same parts, and the parts are nothing to group by.

    They are not where the things are numbered, as in contact 1 and contact 2, where all parts are one measure, as in
    minutes of calls to landlines and to mobiles, and where they are known as parts, as a city is. Clicks and revenue
    of two channels tell more of each other than of their channel.
    """
    shared = parts[one] & parts[other]
    if len(shared) < max(FEWEST, SHARED * min(len(parts[one]), len(parts[other]))):
        return False
    numbered = one[-1].isdecimal() and other[-1].isdecimal()
    one_measure = len({part[-1] for part in shared}) == 1
    known = sum(_whole(part, words) != "" for part in shared)
    return numbered or one_measure or known >= FEWEST

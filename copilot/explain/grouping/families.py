"""Super features in families, families under headings, and names for the families."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count

import numpy as np

from copilot.explain.grouping.glossary import OTHER
from copilot.explain.grouping.likeness import Super, likelihood, stem
from copilot.explain.grouping.meanings import SMALL
from copilot.text.encoder import Embedder, Floats

CUT = 0.12  # mean likelihood from which two groups are one family; .12 to .2 do about as well on the open halves
AT_ONCE = 2_500  # super features compared each with each: 25 MB a matrix; longer lists are grouped heading by heading
NEAREST = 0.25  # cosine from which a heading fits: phrases of other fields stay below
LONGEST_FAMILY_NAME = 4  # words


def families(
    supers: Sequence[Super], headings: Sequence[str], embedder: Embedder, measures: frozenset[str]
) -> list[int]:
    """Return each super feature's family, numbered by its first member.

    Average linkage on the likelihood of belonging together: groups join while the mean likelihood over their pairs is
    at least ``CUT``. A long list is grouped within its headings, in parts of at most ``AT_ONCE``.
    """
    parts: dict[tuple[str, int], list[int]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for place in sorted(range(len(supers)), key=lambda at: supers[at].base):  # names of one base stay together
        heading = headings[place] if len(supers) > AT_ONCE else ""
        parts[heading, seen[heading] // AT_ONCE].append(place)
        seen[heading] += 1
    out = [0] * len(supers)
    for places in parts.values():
        places.sort()
        chances = likelihood([supers[at] for at in places], embedder, measures)
        for place, own in zip(places, linked(chances, CUT), strict=True):
            out[place] = places[own]
    return out


def linked(chances: Floats, cut: float) -> list[int]:
    """Return for each the first member of its group, by average linkage of ``chances`` (n, n) down to ``cut``."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(chances) < 2:
        return [0] * len(chances)
    distances = 1.0 - chances.astype(float)
    np.fill_diagonal(distances, 0.0)
    labels = fcluster(linkage(squareform(distances, checks=False), "average"), 1.0 - cut, "distance")
    first: dict[int, int] = {}
    return [first.setdefault(int(label), place) for place, label in enumerate(labels)]


def named(
    members: Mapping[int, Sequence[int]], names: Sequence[str], lengths: Sequence[int], measures: Collection[str]
) -> dict[int, str]:
    """Return each family's name: the words that most of its super features share, else its most general member.

    Args:
        members: Family to the places of its super features.
        names: Their readable names.
        lengths: How many features each stands for.
        measures: Words that say how something is measured; of these alone no name is made.
    """
    out: dict[int, str] = {}
    taken: set[str] = set()
    for family, places in members.items():
        out[family] = next(
            option for option in _options(places, names, lengths, measures) if option.lower() not in taken
        )
        taken.add(out[family].lower())
    return out


def _options(
    places: Sequence[int], names: Sequence[str], lengths: Sequence[int], measures: Collection[str]
) -> Iterator[str]:
    """Yield names for a family without end, the best one first."""
    # The shortest name leads, then the most frequent member; its order of words is kept.
    leads = sorted(places, key=lambda at: (len(names[at].split()), -lengths[at], names[at]))
    counts = Counter(word for at in places for word in {stem(word.lower()) for word in names[at].split()})
    words = max((_common(names[at], counts, len(places)) for at in leads), key=len)[:LONGEST_FAMILY_NAME]
    if any(word.lower() not in measures for word in words):
        yield " ".join(words)
    yield from (names[at] for at in leads)
    yield from (f"{names[leads[0]]} {number}" for number in count(2))


def _common(name: str, counts: Mapping[str, int], size: int) -> list[str]:
    """Return the words of a name that more than half of the family have, small words at the edges dropped."""
    words = [word for word in name.split() if counts[stem(word.lower())] > size / 2]
    while words and words[-1].lower() in SMALL:
        words.pop()
    return words[1:] if words and words[0].lower() in SMALL else words


def nearest_headings(
    texts: Sequence[str], categories: Mapping[str, Sequence[str]], embedder: Embedder
) -> tuple[list[str], Floats]:
    """Return the heading nearest to each text, "Other" where none is near, and the cosines, shape (n, headings)."""
    if not categories or not texts:
        return [OTHER] * len(texts), np.zeros((len(texts), 0), dtype=np.float32)
    distinct = sorted(set(texts))
    place = {text: at for at, text in enumerate(distinct)}
    vectors = embedder.encode(distinct)[[place[text] for text in texts]]
    scores = np.column_stack(
        [(vectors @ embedder.encode(list(phrases)).T).max(axis=1) for phrases in categories.values()]
    ).round(4)
    known = list(categories)
    best = scores.argmax(axis=1)
    return [known[at] if scores[row, at] >= NEAREST else OTHER for row, at in enumerate(best)], scores

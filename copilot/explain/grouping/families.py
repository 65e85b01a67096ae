"""Super features in families, and names for the families."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import count

import numpy as np

from copilot.explain.grouping.likeness import Super, likely, stem
from copilot.explain.grouping.meanings import SMALL
from copilot.text.encoder import Embedder, Floats

AT_ONCE = 2_500  # super features compared each with each: 25 MB a matrix; longer lists are grouped heading by heading
LEAST = 0.15  # mean chance below which groups stay apart, however little there is to join
LONGEST_FAMILY_NAME = 4  # words
# Families for each super feature: writers of six whole dictionaries made .31 to .55. How much a list heeds it, and how
# many super features a list has that heeds it by half.
USUAL, HEED, SHORT = 0.42, 4.0, 30


def families(
    supers: Sequence[Super], headings: Sequence[str], embedder: Embedder, measures: frozenset[str]
) -> list[int]:
    """Return each super feature's family, numbered by its first member.

    A long list is grouped within its headings, in parts of at most ``AT_ONCE``.
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
        chances = likely([supers[at] for at in places], embedder, measures)
        for place, own in zip(places, linked(chances, usual=USUAL), strict=True):
            out[place] = places[own]
    return out


def linked(chances: Floats, most: int | None = None, usual: float | None = None) -> list[int]:
    """Return for each the first member of its group: average linkage of ``chances`` (n, n), cut where F1 is highest.

    Were the chances true, groups would share with a person's an expected pairwise F1 of about twice the sum of the
    chances within groups over the number of pairs within groups and the sum of all chances.

    Args:
        most: Of groups; None for as many as there are.
        usual: Groups over members in other lists. The chances alone say little of how finely a person parts a list,
            and lists differ in it far less than one list's likely cuts.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    size = len(chances)
    if size < 2:
        return [0] * size
    near = squareform(1.0 - chances.astype(float), checks=False)
    tree = linkage(near, "average")
    members = np.r_[np.ones(size), tree[:, 3]]
    pairs = members[tree[:, 0].astype(int)] * members[tree[:, 1].astype(int)]
    within = np.cumsum(pairs * (1.0 - tree[:, 2]))  # the height of a merger is one less the mean chance of its pairs
    expected = 2 * within / (np.cumsum(pairs) + (1.0 - near).sum())
    likely = int((1.0 - tree[:, 2] >= LEAST).sum())
    if usual is not None:
        far = 1 - np.arange(1, size) / size - usual
        expected *= np.exp(-HEED * size / (size + SHORT) * far**2)
    mergers = min(int(expected.round(9).argmax()) + 1, likely)
    groups = size - mergers
    labels = fcluster(tree, min(groups, most or groups), "maxclust")
    first: dict[int, int] = {}
    return [first.setdefault(int(label), place) for place, label in enumerate(labels)]


def named(
    members: Mapping[int, Sequence[int]],
    names: Sequence[str],
    lengths: Sequence[int],
    measures: Collection[str],
    not_these: Collection[str] = (),
) -> dict[int, str]:
    """Return each family's name: the words that most of its super features share, else its most general member.

    Args:
        members: Family to the places of its super features.
        names: Their readable names.
        lengths: How many features each stands for.
        measures: Words that say how something is measured; of these alone no name is made.
        not_these: Names that are taken, in lower case.
    """
    out: dict[int, str] = {}
    taken = set(not_these)
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

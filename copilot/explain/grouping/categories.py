"""Families under categories: headings of the glossary where they fit, else a name of the families' own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from copilot.explain.grouping.families import AT_ONCE, linked
from copilot.explain.grouping.glossary import OTHER, Glossary
from copilot.explain.grouping.likeness import Super, likely_category
from copilot.text.encoder import Embedder, Floats

NEAREST = 0.25  # cosine from which a heading fits: phrases of other fields stay below
FITS = 0.4  # cosine from which a heading of the team's own takes a family, whatever the families beside it
DOUBT = 0.1  # cosine between the best heading and the next below which the choice is in doubt
OFFERED = 4  # headings that a model may choose among
FEWEST = 30  # super features below which headings alone make the categories
MOST = 16  # categories that people look through


@dataclass(frozen=True)
class Heading:
    """A family's category, how sure it is (0–1), and the categories that may be meant."""

    name: str
    sure: float
    offered: tuple[str, ...]


def categories(
    members: Mapping[int, Sequence[int]],
    supers: Sequence[Super],
    scores: Floats,
    titles: Mapping[int, str],
    embedder: Embedder,
    words: Glossary,
) -> dict[int, Heading]:
    """Return the category of each family.

    Families that a person would likely put together come under one category. A short list goes by the headings alone,
    as does one too long to compare each with each.

    Args:
        members: Family to the places of its super features.
        supers: The super features.
        scores: Their likeness to each heading of the glossary, shape (n, headings).
        titles: The families' names.
        embedder: Turns texts into unit vectors.
        words: The glossary.
    """
    known = list(words.categories)
    headed = {family: _heading(scores[list(places)], known) for family, places in members.items()}
    if not FEWEST <= len(supers) <= AT_ONCE:
        return headed
    free = {family: places for family, places in members.items() if not _taken(headed[family], scores, places, words)}
    chances = likely_category(supers, scores, embedder, words.measures)
    groups = _groups(free, linked(chances, MOST))
    names = _named(groups, free, scores, titles, known)
    nearness = {
        group: chances[:, [at for family in own for at in free[family]]].mean(axis=1) for group, own in groups.items()
    }
    for group, own in groups.items():
        for family in own:
            near = {names[other]: float(values[list(free[family])].mean()) for other, values in nearness.items()}
            order = sorted(near, key=lambda name: (name != names[group], -round(near[name], 4), name))
            sure = round(min(near[names[group]], 1.0), 2)
            headed[family] = Heading(names[group], sure, (*order[:OFFERED], OTHER))
    return headed


def nearest_headings(
    texts: Sequence[str], headings: Mapping[str, Sequence[str]], embedder: Embedder
) -> tuple[list[str], Floats]:
    """Return the heading nearest to each text, "Other" where none is near, and the cosines, shape (n, headings)."""
    if not headings or not texts:
        return [OTHER] * len(texts), np.zeros((len(texts), 0), dtype=np.float32)
    distinct = sorted(set(texts))
    place = {text: at for at, text in enumerate(distinct)}
    vectors = embedder.encode(distinct)[[place[text] for text in texts]]
    scores = np.column_stack(
        [(vectors @ embedder.encode(list(phrases)).T).max(axis=1) for phrases in headings.values()]
    ).round(4)
    known = list(headings)
    best = scores.argmax(axis=1)
    return [known[at] if scores[row, at] >= NEAREST else OTHER for row, at in enumerate(best)], scores


def _heading(scores: Floats, known: Sequence[str]) -> Heading:
    """Return the heading of a family from the likeness of its super features to each heading, shape (n, headings)."""
    if not known:
        return Heading(OTHER, 0.0, (OTHER,))
    mean = np.asarray(scores, dtype=float).mean(axis=0).round(4)
    order = sorted(range(len(known)), key=lambda at: (-mean[at], at))
    best, second = mean[order[0]], mean[order[1]] if len(order) > 1 else 0.0
    offered = (*(known[at] for at in order[:OFFERED]), OTHER)
    if best < NEAREST:
        return Heading(OTHER, 0.0, offered)
    sure = float(np.clip(best, 0, 1)) * (1.0 if best - second >= DOUBT else 0.5)
    return Heading(known[order[0]], round(sure, 2), offered)


def _taken(heading: Heading, scores: Floats, places: Sequence[int], words: Glossary) -> bool:
    """Whether a heading of the team's own fits a family well."""
    return heading.name in words.own_headings and float(scores[list(places)].mean(axis=0).max()) >= FITS


def _groups(members: Mapping[int, Sequence[int]], labels: Sequence[int]) -> dict[int, list[int]]:
    """Return families by the label that most of their super features have."""
    out: dict[int, list[int]] = defaultdict(list)
    for family, places in members.items():
        votes = Counter(labels[at] for at in places)
        out[min(votes, key=lambda label: (-votes[label], label))].append(family)
    return out


def _named(
    groups: Mapping[int, Sequence[int]],
    members: Mapping[int, Sequence[int]],
    scores: Floats,
    titles: Mapping[int, str],
    known: Sequence[str],
) -> dict[int, str]:
    """Return a name for each group: the heading that fits it better than any other group, else its largest family."""
    fits = []
    for group, own in groups.items():
        mean = scores[[at for family in own for at in members[family]]].mean(axis=0).round(4)
        fits += [(-value, at, group) for at, value in enumerate(mean.tolist()) if value >= NEAREST]
    out: dict[int, str] = {}
    used: set[str] = set()
    for _, at, group in sorted(fits):
        if group not in out and known[at] not in used:
            out[group] = known[at]
            used.add(known[at])
    # Titles are distinct; a heading that reads like one keeps the families of both together.
    for group, own in groups.items():
        largest = min(own, key=lambda family: (-len(members[family]), titles[family]))
        out.setdefault(group, titles[largest])
    return out

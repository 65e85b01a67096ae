"""Families under categories: headings of the glossary where they fit, else a name of the families' own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from copilot.explain.grouping.families import AT_ONCE, linked, named
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
    names: Sequence[str],
    scores: Floats,
    embedder: Embedder,
    words: Glossary,
) -> dict[int, Heading]:
    """Return the category of each family.

    Families that a person would likely put together come under one category; of a long list, one super feature speaks
    for its family. A short list goes by the headings alone, as does one of too many families to compare each with each.

    Args:
        members: Family to the places of its super features.
        supers: The super features.
        names: Their readable names.
        scores: Their likeness to each heading of the glossary, shape (n, headings).
        embedder: Turns texts into unit vectors.
        words: The glossary.
    """
    if len(members) <= AT_ONCE < len(supers):
        first = [places[0] for places in members.values()]
        alone = {family: [place] for place, family in enumerate(members)}
        return categories(
            alone, [supers[at] for at in first], [names[at] for at in first], scores[first], embedder, words
        )
    known = list(words.categories)
    headed = {family: _heading(scores[list(places)], known) for family, places in members.items()}
    if not FEWEST <= len(supers) <= AT_ONCE:
        return headed
    free = {family: places for family, places in members.items() if not _taken(headed[family], scores, places, words)}
    chances = likely_category(supers, scores, embedder, words.measures)
    groups = _groups(free, linked(chances, MOST))
    titles = _titles(groups, names, scores, words)
    return headed | {
        family: _in_group(group, free[family], groups, titles, chances)
        for group, places in groups.items()
        for family in dict.fromkeys(places.values())
    }


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


def _groups(members: Mapping[int, Sequence[int]], labels: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return the places of each group with their families: families go by the label that most of their places have."""
    out: dict[int, dict[int, int]] = defaultdict(dict)
    for family, places in members.items():
        votes = Counter(labels[at] for at in places)
        out[min(votes, key=lambda label: (-votes[label], label))].update(dict.fromkeys(places, family))
    return out


def _titles(
    groups: Mapping[int, Mapping[int, int]], names: Sequence[str], scores: Floats, words: Glossary
) -> dict[int, str]:
    """Return a title for each group: its nearest heading where no other group is nearer, else words it shares."""
    known = list(words.categories)
    nearest: dict[str, tuple[float, int]] = {}
    for group, places in groups.items():
        mean = scores[list(places)].mean(axis=0).round(4) if known else np.zeros(1)
        best = int(mean.argmax())
        if known and mean[best] >= NEAREST and (mean[best], -group) > nearest.get(known[best], (0.0, 0)):
            nearest[known[best]] = (float(mean[best]), -group)
    out = {-group: heading for heading, (_, group) in nearest.items()}
    others = {group: list(places) for group, places in groups.items() if group not in out}
    return out | named(others, names, [1] * len(names), words.measures, {*map(str.lower, known), OTHER.lower()})


def _in_group(
    group: int,
    places: Sequence[int],
    groups: Mapping[int, Mapping[int, int]],
    titles: Mapping[int, str],
    chances: Floats,
) -> Heading:
    """Return a family's category: its group's title, how likely it belongs there, and the groups it is nearest to."""
    near = {titles[other]: float(chances[np.ix_(places, list(own))].mean()) for other, own in groups.items()}
    order = sorted(near, key=lambda title: (title != titles[group], -round(near[title], 4), title))
    return Heading(titles[group], round(near[titles[group]], 2), (*order[:OFFERED], OTHER))

"""The door: raw feature names in; super feature, ultra feature, category and one line of meaning out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.explain.grouping.affixes import Parsed, parse
from copilot.explain.grouping.families import families, named, nearest_headings
from copilot.explain.grouping.glossary import OTHER, Glossary, own_glossary
from copilot.explain.grouping.likeness import Super, texts_of
from copilot.explain.grouping.meanings import UNNAMED, clean, learned, meaning, readable, written_out
from copilot.explain.grouping.settle import Complete, settle
from copilot.explain.grouping.tokens import split_compounds, tokenise
from copilot.text.encoder import Embedder, Encoder, Floats, Ngrams

COLUMNS = ("feature_name", "super_name", "ultra_name", "category", "meaning", "confidence", "source")
MOST_NAMES = 20_000
DOUBT = 0.1  # cosine between the best heading and the next below which the choice is in doubt
OFFERED = 4  # headings that a model may choose among
Tell = Callable[[int, int], None]  # families settled so far, and of how many


def group(
    names: Sequence[str],
    descriptions: Sequence[str | None] | Mapping[str, str] | None = None,
    model: Complete | None = None,
    *,
    glossary: Glossary | None = None,
    embedder: Embedder | None = None,
    tell: Tell | None = None,
) -> pd.DataFrame:
    """Group features into the layers of an explanation (MATHS §6; CrystalCandle's Figure 8, CPOG A.5.1).

    Args:
        names: Raw feature names. A name that comes twice gives one row; an empty one is called "Unnamed".
        descriptions: One a name in the same order, or a mapping from names; None or "" where there is none.
        model: Asks a language model (a prompt and a JSON schema in, its reply out). It chooses among offered headings
            where they are in doubt and words the names of families; without it code does both.
        glossary: The words known beforehand; the product's own by default.
        embedder: The sentence encoder; the installed one by default, character n-grams where it is missing.
        tell: Called with the families settled so far.

    Returns:
        One row a distinct name, in the order of their first appearance: ``feature_name`` as given; ``super_name``, the
        name without windows, aggregates, periods and flags; ``ultra_name``, the family of which one narrative
        survives; ``category``, a heading of the glossary or "Other"; ``meaning``, one line; ``confidence``, 0–1, how
        near the heading is, halved where the next one is as near; ``source``, "names", "descriptions" or "model".
        The order of ``names`` changes nothing but the order of the rows.

    Raises:
        BadInput: There are no names or more than 20 000, one is no text, or names and descriptions differ in number.
    """
    told = _described(names, descriptions)
    words = glossary or own_glossary()
    encoder = embedder or Encoder.find(max_tokens=64) or Ngrams()
    described = {name: clean(text) for name, text in sorted(told.items())}
    tokens = split_compounds({name: tokenise(name) for name in described}, described.values(), words)
    found = learned(tokens, described, words)
    parsed = parse({name: own for name, own in tokens.items() if own}, words)
    return _frame(list(told), described, parsed, found, words, encoder, model, tell)


def _described(names: Sequence[str], descriptions: Sequence[str | None] | Mapping[str, str] | None) -> dict[str, str]:
    """Return each distinct name with its first description that is not empty.

    Raises:
        BadInput: As ``group``.
    """
    listed = [names] if isinstance(names, str) else list(names)
    if odd := next((place for place, name in enumerate(listed, 1) if not isinstance(name, str)), 0):
        raise BadInput(f"Feature name {odd} is {str(listed[odd - 1])[:40]!r} and no text; give every name as a text.")
    if not listed:
        raise BadInput("There are no feature names; give at least one.")
    if isinstance(descriptions, Mapping):
        texts: list[Any] = [descriptions.get(name) for name in listed]
    else:
        texts = [None] * len(listed) if descriptions is None else list(descriptions)
    if len(texts) != len(listed):
        raise BadInput(f"There are {len(listed)} names but {len(texts)} descriptions; give one a name, or a mapping.")
    out: dict[str, str] = {}
    for name, text in zip(listed, texts, strict=True):
        out[name] = out.get(name) or (text if isinstance(text, str) else "")
    if len(out) > MOST_NAMES:
        raise BadInput(
            f"There are {len(out):,} feature names; at most {MOST_NAMES:,} are grouped at once: split the list."
        )
    return out


def _frame(
    order: Sequence[str],
    described: Mapping[str, str],
    parsed: Mapping[str, Parsed],
    found: Mapping[str, str],
    words: Glossary,
    encoder: Embedder,
    model: Complete | None,
    tell: Tell | None,
) -> pd.DataFrame:
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in sorted(parsed):
        holders[tuple(token.text for token in parsed[name].stem)].append(name)
    firsts = [own[0] for own in holders.values()]
    supers = [
        Super(
            written_out(parsed[own[0]].stem, words, found),
            parsed[own[0]].base,
            next((described[name] for name in own if described[name]), ""),
        )
        for own in holders.values()
    ]
    names = [readable(parsed[name].stem, words, found) for name in firsts]
    texts = texts_of(supers)
    headings, scores = nearest_headings(texts, words.categories, encoder)
    family = families(supers, headings, encoder, words.measures)
    members: dict[int, list[int]] = defaultdict(list)
    for place, own_family in enumerate(family):
        members[own_family].append(place)
    titles = named(members, names, [len(own) for own in holders.values()])
    rows: dict[str, tuple[object, ...]] = {}
    taken = {title.lower() for title in titles.values()}
    for done, (number, places) in enumerate(members.items(), 1):
        category, confidence, offered = _heading(scores[places], list(words.categories))
        title, source = titles[number], "names"
        if any(supers[at].description for at in places):
            source = "descriptions"
        if model is not None:
            # Sure headings are not asked for again; the name of a family of one is the feature's own.
            doubtful = confidence < 0.5
            if doubtful or len(places) > 1:
                pairs = [(names[at], supers[at].description) for at in places]
                chosen, worded = settle(model, pairs, title, offered if doubtful else [category])
                if worded and len(places) > 1 and (worded.lower() not in taken or worded.lower() == title.lower()):
                    taken.add(worded.lower())
                    title, source = worded, "model"
                if chosen and chosen != category:
                    category, source = chosen, "model"
        for at in places:
            for name in holders[tuple(token.text for token in parsed[firsts[at]].stem)]:
                line = meaning(parsed[name], names[at], described[name])
                rows[name] = (name, names[at], title, category, line, confidence, source)
        if tell is not None:
            tell(done, len(members))
    unnamed = (UNNAMED, UNNAMED, OTHER, "A feature whose name has neither letters nor digits", 0.0, "names")
    return pd.DataFrame([rows.get(name) or (name, *unnamed) for name in order], columns=list(COLUMNS))


def _heading(scores: Floats, known: Sequence[str]) -> tuple[str, float, list[str]]:
    """Return a family's heading by its mean likeness, how sure it is (0–1), and the headings that may be meant."""
    from copilot.explain.grouping.families import NEAREST

    if not known:
        return OTHER, 0.0, [OTHER]
    mean = np.asarray(scores, dtype=float).mean(axis=0).round(4)
    order = sorted(range(len(known)), key=lambda at: (-mean[at], at))
    best, second = mean[order[0]], mean[order[1]] if len(order) > 1 else 0.0
    offered = [known[at] for at in order[:OFFERED]]
    if best < NEAREST:
        return OTHER, 0.0, [*offered, OTHER]
    sure = float(np.clip(best, 0, 1)) * (1.0 if best - second >= DOUBT else 0.5)
    return known[order[0]], round(sure, 2), [*offered, OTHER]

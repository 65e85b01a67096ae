"""The door: raw feature names in; super feature, ultra feature, category and one line of meaning out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from copilot.errors import BadInput
from copilot.explain.grouping.categories import Heading, categories, nearest_headings
from copilot.explain.grouping.families import families, named
from copilot.explain.grouping.glossary import OTHER, Glossary, own_glossary
from copilot.explain.grouping.likeness import texts_of
from copilot.explain.grouping.meanings import UNNAMED, clean, meaning
from copilot.explain.grouping.settle import Complete, settle
from copilot.explain.grouping.supers import super_features
from copilot.text.encoder import Embedder, Encoder, Ngrams

COLUMNS = ("feature_name", "super_name", "ultra_name", "category", "meaning", "confidence", "source")
MOST_NAMES = 20_000
SURE = 0.5  # confidence from which a heading is not asked for again
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
        survives; ``category``, a heading of the glossary, else words that its features share, or "Other"; ``meaning``,
        one line; ``confidence``, 0–1, how likely the family belongs to its category (of a short list: how near the
        heading is); ``source``, "names", "descriptions" or "model".
        The order of ``names`` changes nothing but the order of the rows.

    Raises:
        BadInput: There are no names or more than 20 000, one is no text, or names and descriptions differ in number.
    """
    told = _described(names, descriptions)
    words = glossary or own_glossary()
    encoder = embedder or Encoder.find(max_tokens=64) or Ngrams()
    described = {name: clean(text) for name, text in told.items()}
    return _frame(list(told), described, words, encoder, model, tell)


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
    words: Glossary,
    encoder: Embedder,
    model: Complete | None,
    tell: Tell | None,
) -> pd.DataFrame:
    supers = super_features(described, words)
    read = [one.read for one in supers]
    headings, scores = nearest_headings(texts_of(read), words.categories, encoder)
    members: dict[int, list[int]] = defaultdict(list)
    for place, family in enumerate(families(read, headings, encoder, words.measures)):
        members[family].append(place)
    names = [one.shown for one in supers]
    titles = named(members, [one.titled for one in supers], [len(one.names) for one in supers], words.measures)
    under = categories(members, read, names, scores, encoder, words)
    taken = {title.lower() for title in titles.values()}
    rows: dict[str, tuple[object, ...]] = {}
    for done, (number, places) in enumerate(members.items(), 1):
        heading = under[number]
        pairs = [(names[at], read[at].description) for at in places]
        title, category, source = _worded(titles[number], heading, pairs, taken, model)
        for at in places:
            for name, parsed in supers[at].names.items():
                line = meaning(parsed, names[at], read[at].phrase, described[name], words)
                rows[name] = (name, names[at], title, category, line, heading.sure, source)
        if tell is not None:
            tell(done, len(members))
    unnamed = (UNNAMED, UNNAMED, OTHER, "A feature whose name has neither letters nor digits", 0.0, "names")
    return pd.DataFrame([rows.get(name) or (name, *unnamed) for name in order], columns=list(COLUMNS))


def _worded(
    title: str, heading: Heading, members: Sequence[tuple[str, str]], taken: set[str], model: Complete | None
) -> tuple[str, str, str]:
    """Return a family's name, heading and the source of both; a new name joins those ``taken``.

    A sure heading is not asked for again, and the name of a family of one is the feature's own.
    """
    source = "descriptions" if any(text for _, text in members) else "names"
    doubtful = heading.sure < SURE
    if model is None or not (doubtful or len(members) > 1):
        return title, heading.name, source
    category, worded = settle(model, members, title, heading.offered if doubtful else [heading.name])
    if worded and len(members) > 1 and (worded.lower() not in taken or worded.lower() == title.lower()):
        taken.add(worded.lower())
        title, source = worded, "model"
    if category and category != heading.name:
        source = "model"
    return title, category or heading.name, source

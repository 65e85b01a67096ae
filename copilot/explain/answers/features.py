"""Answer "which features describe …": what the catalogue holds on some words, with nulls and medians as cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from copilot.data.choice import choice
from copilot.data.feature_page import window
from copilot.data.feature_vectors import index
from copilot.data.features import build
from copilot.data.profile import Profile, describe, stored
from copilot.data.specs import FeatureSpec
from copilot.data.workspace import Book, Workspace
from copilot.explain.answers.common import cell, say
from copilot.text.cells import Cell, Column, Record
from copilot.text.encoder import Encoder

ROWS = 10
TOLD = 3  # of the rows, in sentences
COLUMNS = {
    "name": Column("Feature"),
    "label": Column("What it says"),
    "unit": Column("Unit"),
    "table": Column("Table"),
    "window": Column("Window"),
    "null_share": Column("Null share"),
    "median": Column("Median"),
}


def find_features(workspace: Workspace, query: str, translate: Callable[[str], str]) -> Record:
    """Return the features that models get and that fit the words, the best first.

    Args:
        workspace: Holds the book, the onboarded features, the lists and the stored profiles; nothing is written.
        query: The words asked for.
        translate: Puts them into English where they find nothing as they stand.
    """
    book = workspace.book()
    catalogue = index(workspace, choice(workspace, book).specs, Encoder.find(), keep=False)
    found = catalogue.search(query, ROWS)
    if not found.hits:
        english = catalogue.search(translate(query), ROWS)
        found = english if english.hits else found
    specs = [hit.spec for hit in found.hits]
    profiles = _profiles(workspace, book, specs)
    data: dict[str, Any] = {
        "query": Cell(query, "text", "question", "words asked for"),
        "found": Cell(len(specs), "count", f"book {book.path.name}:features", "features found"),
        "as_of": Cell(book.as_of, "date", "book:manifest.as_of", "as of"),
        "rows": [_cells(spec, profiles[spec.name], book) for spec in specs],
    }
    if not specs:
        data["closest"] = cell(", ".join(found.closest), "text", f"book {book.path.name}:features", "closest words")
        return Record("search_features", data, (say("features_none"),))
    lines = [say("features_found")]
    for place, spec in enumerate(specs[:TOLD]):
        known = profiles[spec.name].median is not None
        lines.append(say("feature_row" if known else "feature_row_empty", f"rows[{place}]"))
    return Record("search_features", data, tuple(lines), COLUMNS)


def _profiles(workspace: Workspace, book: Book, specs: list[FeatureSpec]) -> dict[str, Profile]:
    """Return stored profiles; of what has none, today's values are looked at, without the course of the months."""
    found = stored(workspace, book, specs)
    fresh = [spec for spec in specs if spec.name not in found]
    if fresh:
        values = build(workspace, specs=fresh, as_of=book.as_of)
        found |= {spec.name: describe(values[spec.name]) for spec in fresh}
    return found


def _cells(spec: FeatureSpec, profile: Profile, book: Book) -> dict[str, Cell]:
    def told(value: Any, key: str, unit: Any = "text", metric: str = "") -> Cell:
        return cell(value, unit, f"book {book.path.name}:features[{spec.name}].{key}", metric or key)

    return {
        "name": told(spec.name, "name", metric="feature"),
        "label": told(spec.label or spec.name, "label"),
        "unit": told(spec.unit, "unit"),
        "table": told(spec.table, "table"),
        "window": told(window(spec), "window"),
        "null_share": told(profile.null_share, "null_share", "percent", "accounts without a value"),
        "median": told(profile.median, "median", "ratio" if spec.unit == "flag" else spec.unit, "median"),
    }

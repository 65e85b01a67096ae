"""Where a feature comes from, table, columns and source, and where it goes: the models that were trained with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from copilot.data.portable import GIVEN
from copilot.data.specs import FeatureSpec
from copilot.data.workspace import Book

# What decides a feature's values; its words may change without changing it.
_DECIDES = ("table", "metric", "aggregate", "window", "lag", "grain", "where", "entity", "per", "transform")


@dataclass(frozen=True)
class Trained:
    """A trained version of a model.

    Attributes:
        model: Its name, as "growth".
        version: Its version.
        current: Whether it is the one in use.
        ranks: Each feature it was trained with; its rank by importance, 1 the highest, where the manifest tells.
    """

    model: str
    version: str
    current: bool
    ranks: Mapping[str, int | None]


@dataclass(frozen=True)
class Lineage:
    """One feature from its source to its models.

    Attributes:
        table: The table it reads.
        columns: The columns of it, its keys and dates included.
        source: What the book was imported from.
        as_of: The book's day.
        rows: How many rows the table has.
        book: The book's version.
        spec_hash: Which definition it is; see ``spec_hash``.
        models: The versions in use that were trained with it, and its rank by importance there.
        earlier: How many earlier versions were.
    """

    table: str
    columns: tuple[str, ...]
    source: str
    as_of: date
    rows: int
    book: str
    spec_hash: str
    models: tuple[tuple[str, str, int | None], ...]
    earlier: int


def spec_hash(spec: FeatureSpec) -> str:
    """Return twelve hexadecimal digits that change when the feature's values may; names and words do not count."""
    said = {name: getattr(spec, name) for name in _DECIDES}
    said |= {"bounds": spec.bounds, "zero": spec.empty_is_zero}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=list).encode()).hexdigest()[:12]


def trained_models(models: Path) -> list[Trained]:
    """Return every readable version of every model below a workspace's ``models``; broken ones are passed over."""
    found = []
    for file in sorted(models.glob("*/*/manifest.json")):
        if file.parent.name.startswith("."):  # a version that is being written
            continue
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
            current = (file.parents[1] / "CURRENT").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            continue
        names = manifest.get("features") if isinstance(manifest, dict) else None
        if isinstance(names, list):
            ranks = _ranks([str(name) for name in names], manifest.get("importance"))
            found.append(Trained(file.parents[1].name, file.parent.name, file.parent.name == current, ranks))
    return found


def lineage(spec: FeatureSpec, book: Book, trained: list[Trained]) -> Lineage:
    """Follow one feature back to the book's source and forward to the models trained with it."""
    uses = [one for one in trained if spec.name in one.ranks]
    return Lineage(
        table=spec.table,
        columns=tuple(sorted((spec.columns - GIVEN) | set(spec.entity) | {"event_ts", "known_ts"})),
        source=str(book.manifest["source"]),
        as_of=book.as_of,
        rows=int(book.manifest["tables"].get(spec.table, 0)),
        book=book.path.name,
        spec_hash=spec_hash(spec),
        models=tuple((one.model, one.version, one.ranks[spec.name]) for one in uses if one.current),
        earlier=sum(not one.current for one in uses),
    )


def _ranks(names: list[str], importance: Any) -> dict[str, int | None]:
    """Rank the features of a manifest by ``importance``, a number a feature; features without one have no rank."""
    if not isinstance(importance, dict):
        return dict.fromkeys(names)
    weight = {name: float(importance[name]) for name in names if isinstance(importance.get(name), int | float)}
    order = sorted(weight, key=lambda name: -weight[name])
    return {name: order.index(name) + 1 if name in weight else None for name in names}

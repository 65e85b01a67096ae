"""What lies beside a trained model: which data and definitions it learned from, reference sketches, and its card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from copilot.data.lineage import spec_hash
from copilot.data.specs import FeatureSpec
from copilot.data.workspace import Book
from copilot.models import registry
from copilot.models.card import card
from copilot.sketch import sketches

LIBRARIES = ("xgboost-cpu", "xgboost", "econml", "torch", "numpy", "pandas")
SKETCHES, CARD = "sketches.json", "card.md"


def identity(book: Book, specs: Sequence[FeatureSpec], digest: str) -> dict[str, Any]:
    """Return what tells one training from another, for its manifest.

    Args:
        book: The book that was read.
        specs: The definitions of the features that were used; their order does not matter.
        digest: ``book.digest()``.
    """
    definitions = sorted(f"{spec.name} {spec_hash(spec)}" for spec in specs)
    return {
        "source": book.manifest["source"],
        "book": book.path.name,
        "as_of": book.as_of.isoformat(),
        "data_hash": digest,
        "spec_hash": hashlib.sha256("\n".join(definitions).encode()).hexdigest(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def write(place: Path, name: str, parts: Mapping[str, Any], about: Mapping[str, Any], table: pd.DataFrame) -> None:
    """Write a version: each part in a folder of its own, the manifest, the sketches of its features and its card.

    Args:
        place: An empty folder.
        name: The model's name.
        parts: The fitted models.
        about: The manifest, without what is added here.
        table: The features it learned from.
    """
    for part, model in parts.items():
        registry.save(model, place / part)
    manifest = registry.plain({**about, "parts": list(parts), "importance": importance(parts, list(table))})
    (place / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    (place / SKETCHES).write_text(json.dumps(registry.plain(sketches(table))), encoding="utf-8")
    (place / CARD).write_text(card(name, place.name.removeprefix(".writing-"), manifest), encoding="utf-8")


def importance(parts: Mapping[str, Any], features: Sequence[str]) -> dict[str, float]:
    """Return each feature's share of the gain in all boosted trees of a model; empty where it has none."""
    gains = dict.fromkeys(features, 0.0)
    for model in parts.values():
        for booster in model.bundle().boosters.values():
            told = booster.get_score(importance_type="total_gain")
            whole = sum(told.values()) or 1.0
            for feature in told.keys() & gains.keys():
                gains[feature] += told[feature] / whole
    whole = sum(gains.values())
    return {feature: gain / whole for feature, gain in gains.items() if gain > 0} if whole else {}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""

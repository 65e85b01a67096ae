"""Model cards: what a trained version is for, what it was trained on and how good it is (Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from copilot.config import rooms_root
from copilot.text import prompts

SHOWN = 15  # features named on a card
TOLD = ("source", "as_of", "trained_at")


def card(name: str, version: str, manifest: Mapping[str, Any], *, state: str = "") -> str:
    """Return the card of one version in Markdown.

    Args:
        name: The model's name in the registry; also its kind.
        version: Which version.
        manifest: What training wrote beside it: ``summary``, ``report``, ``features``, and where known ``importance``,
            ``segments``, ``labels``, ``data_hash``, ``spec_hash``, ``libraries``.
        state: What it is used as, as in "champion".
    """
    kinds = yaml.safe_load((rooms_root() / "prompts" / "model_kinds.yaml").read_text(encoding="utf-8"))["kinds"]
    about = kinds.get(name, dict.fromkeys(("purpose", "use", "limits"), "Not described."))
    return prompts.render(
        "model_card",
        name=name,
        version=version,
        state=f" ({state})" if state else "",
        summary=manifest.get("summary", "Not told."),
        origin=_origin(manifest),
        metrics=_table(("figure", "value", "95 % interval"), figures(manifest.get("report", {}))),
        segments=_segments(manifest.get("segments", [])),
        features=_features(manifest),
        identity=_table(("what", "which"), _identity(manifest)),
        **about,
    )


def figures(report: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield every number of a report as (name, value, interval); lists and the folds' dates are left out."""
    for key, value in report.items():
        said = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, bool) or value is None:
            continue
        if isinstance(value, int | float):
            yield said, _number(value), ""
        elif isinstance(value, Mapping) and value.get("value") is not None:
            ends = [_number(end) for end in (value.get("low"), value.get("high")) if end is not None]
            yield said, _number(value["value"]), " to ".join(ends) if len(ends) == 2 else ""
        elif isinstance(value, Mapping) and key not in ("folds", "parts"):
            yield from figures(value, f"{said} ")


def _origin(manifest: Mapping[str, Any]) -> str:
    rows = [(name.replace("_", " "), str(manifest[name])) for name in TOLD if manifest.get(name) is not None]
    for one in manifest.get("labels", []):
        rows.append((f"labels {one.get('set')}", f"{_cell(one.get('rows'))} rows, version {one.get('version')}"))
    return _table(("what", "which"), rows)


def _segments(segments: list[Mapping[str, Any]]) -> str:
    if not segments:
        return "Not told apart: the book names no segments or regions, or they hold too few rows."
    heads = list(segments[0])
    return _table(heads, [[_cell(row.get(head)) for head in heads] for row in segments])


def _features(manifest: Mapping[str, Any]) -> str:
    names = list(manifest.get("features", []))
    if not names:
        return "It reads the panel's own past and no features."
    weight = manifest.get("importance") or {}
    ranked = sorted(names, key=lambda name: -float(weight.get(name, 0.0)))[:SHOWN]
    listed = ", ".join(f"{name} ({weight[name]:.1%})" if weight.get(name) else name for name in ranked)
    order = "the most important first, with their share of the gain" if weight else "in their order"
    rest = len(names) - len(ranked)
    return f"{len(names)} features, {order}: {listed}{f', and {rest} more' if rest else ''}."


def _identity(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("book", "data_hash", "spec_hash", "seed"):
        if manifest.get(name) is not None:
            yield name.replace("_", " "), str(manifest[name])
    for one in manifest.get("labels", []):
        yield f"label hash {one.get('set')}", str(one.get("sha256"))
    for name, version in (manifest.get("libraries") or {}).items():
        yield name, str(version)


def _table(heads: Any, rows: Any) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return "Nothing is known."
    return "\n".join([f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads), *lines])


def _cell(value: Any) -> str:
    text = _number(value) if isinstance(value, int | float) else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"

"""Actions that seem to speak against the expected change beside them: what they rest on, told once under a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from copilot.explain.answers.common import ACTIONS, constant, say
from copilot.text.cells import Cell, Say

UPSELL, CHURN = ACTIONS["promote_upsell"], ACTIONS["prevent_churn"]


def against(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Cell], list[Say]]:
    """Return the numbers of such rows by what decided there ("use" or "learned"), and a sentence for each kind.

    Args:
        rows: The cells of a ranking's rows. The change is what a touch adds, or else the growth that is expected.
    """
    found: dict[str, list[str]] = {}
    for row in rows:
        if kind := _kind(row):
            found.setdefault(kind, []).append(str(row["rank"].value))
    cells = {kind: constant(", ".join(places), "text", "rows of this list") for kind, places in found.items()}
    many = {kind: "rows" if len(places) > 1 else "row" for kind, places in found.items()}
    return cells, [say(f"against_{kind}_{many[kind]}", below=True) for kind in cells]


def _kind(row: Mapping[str, Any]) -> str:
    """Return what decided on an action that does not fit the expected change; nothing where it fits."""
    action, change = _value(row, "action"), _value(row, "uplift_usd")
    change = _value(row, "growth_usd") if change is None else change
    if change is None or not ((action == UPSELL and change <= 0) or (action == CHURN and change > 0 and _plain(row))):
        return ""
    if _value(row, "heuristic_action") not in (None, action):
        return "learned"
    return "use" if action == UPSELL and (_value(row, "engagement_change") or 0) > 0 else ""


def _plain(row: Mapping[str, Any]) -> bool:
    """Whether the change is growth alone: to prevent churn, a touch should add something."""
    return _value(row, "uplift_usd") is None


def _value(row: Mapping[str, Any], name: str) -> Any:
    return row[name].value if name in row else None

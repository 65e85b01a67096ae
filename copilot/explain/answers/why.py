"""Reasons as cells and sentences: what changed or stands out, with its numbers by reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.explain.answers.common import cell, say
from copilot.text.cells import Cell, Say

# what a reason with a positive, and one with a negative push means
MEANINGS = {
    "churn": ("points to churn", "points away from churn"),
    "upsell": ("points to growth", "points away from growth"),
    "uplift": ("a touch helps more", "a touch helps less"),
}


MOST = 8  # reasons looked through


def reasons_of(
    accounts: list[str], about: str, snapshot: SnapshotReader, scope: Scope, limit: int
) -> dict[str, list[dict[str, Any]]]:
    """Return up to ``limit`` reasons for each account, the strongest first, as plain rows."""
    frame = snapshot.scores("reasons", scope)
    if frame.empty:
        return {account: [] for account in accounts}
    frame = frame[(frame["about"] == about) & frame["account_id"].isin(accounts) & (frame["rank"] <= limit)]
    rows = {account: group.sort_values("rank").to_dict("records") for account, group in frame.groupby("account_id")}
    return {account: rows.get(account, []) for account in accounts}


def learned(row: dict[str, Any]) -> bool:
    """Whether an action is the bandit's and not Algorithm 1's, so that Algorithm 1's reason does not speak for it."""
    return bool(row["action"]) and row.get("heuristic_action", row["action"]) != row["action"]


def basis(row: dict[str, Any]) -> str:
    """Say what an action rests on: uplift, growth where there is none, the forecast of use, or what was learned."""
    if learned(row):
        return "learned"
    known = not pd.isna(row["uplift_usd"])
    money = row["uplift_usd"] if known else row["growth_usd"]
    if row["action"] == "promote_upsell" and not money > 0:
        return "use"
    return "priority" if known else "action"


def action_reasons(
    top: pd.DataFrame, snapshot: SnapshotReader, scope: Scope, limit: int
) -> dict[str, list[dict[str, Any]]]:
    """Return what each account's action rests on: changes in use, uplift, or the sign of growth."""
    accounts = list(top["account_id"])
    kinds = {about: reasons_of(accounts, about, snapshot, scope, MOST) for about in ("facts", *MEANINGS)}
    found = {}
    for row in top.to_dict("records"):
        account = row["account_id"]
        if row["action"] == "boost_engagement" or basis(row) in ("use", "learned"):
            chosen = [reason for reason in kinds["facts"][account] if reason["category"] == "Usage"]
        elif not pd.isna(row["uplift_usd"]):
            chosen = kinds["uplift"][account]
        else:
            chosen = kinds["churn" if row["growth_usd"] < 0 else "upsell"][account] or kinds["facts"][account]
        found[account] = chosen[:limit]
    return found


def reason_cells(row: Mapping[str, Any], snapshot: SnapshotReader) -> dict[str, Cell]:
    """Return one reason's cells: what it is about, its values, their change and the period."""
    account, unit, metric = row["account_id"], row["unit"], row["label"]
    origin = f"snapshot {snapshot.id}:reasons[{account},{row['about']},{row['rank']}]"
    now, then = row["current"], row["previous"]
    found = {
        "label": cell(row["label"], "text", origin, "reason"),
        "current": cell(now, unit, f"{origin}.{row['current_feature']}", metric),
        "previous": cell(then, unit, f"{origin}.{row['previous_feature']}", metric),
        "period": cell(row["period"] or None, "text", origin, "period"),
        "category": cell(row["category"], "text", origin, "category"),
        "meaning": cell(_meaning(row), "text", origin, "direction"),
    }
    if not pd.isna(then):
        # Points where the metric is itself a percentage; no percentage across a change of sign (MATHS §6).
        if unit in ("pct", "percent"):
            points = (now - then) * (100 if unit == "percent" else 1)
            found["change"] = cell(points, "points", f"{origin}: current - previous", metric)
        elif then > 0 and now >= 0:
            found["change"] = cell((now - then) / then, "percent", f"{origin}: (current - previous) / previous", metric)
    return found


def reason_say(row: Mapping[str, Any], path: str, topic: str = "") -> Say:
    """Choose the template that tells one reason."""
    return say(_template(row), path, topic, detail=True)


def _template(row: Mapping[str, Any]) -> str:
    now, then = row["current"], row["previous"]
    if row["unit"] == "flag":
        kind = "flag"
    elif pd.isna(then) or now == then:
        kind = "period" if row["period"] and pd.isna(then) else "level"
    elif then == 0:
        kind = "new"
    else:
        kind = "rose" if now > then else "fell"
    return f"reason_{kind}_means" if _meaning(row) else f"reason_{kind}"


def _meaning(row: Mapping[str, Any]) -> str | None:
    """Say what the reason pushes the prediction towards; plain facts push nothing."""
    towards = MEANINGS.get(row["about"])
    return towards[row["push"] < 0] if towards and row["push"] else None

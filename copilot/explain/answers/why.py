"""Reasons as cells and sentences: what changed or stands out, with its numbers by reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.errors import NotSetUp
from copilot.explain import narratives
from copilot.explain.answers.common import templates
from copilot.explain.narratives import MEANINGS
from copilot.text.cells import Cell, Say, prefix

MOST = 8  # reasons looked through


def reasons_of(
    accounts: list[str], about: str, snapshot: SnapshotReader, scope: Scope, limit: int
) -> dict[str, list[dict[str, Any]]]:
    """Return up to ``limit`` reasons for each account, the strongest first, as plain rows."""
    frame = snapshot.scores("reasons", scope)
    if frame.empty:
        return {account: [] for account in accounts}
    if "insight" not in frame:
        raise NotSetUp("The scores were made by an earlier version: run `sales-copilot score`.")
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
    """Return one reason's cells: what it is about, its values, their change, its groups and its place."""
    origin = f"snapshot {snapshot.id}:reasons[{row['account_id']},{row['about']},{row['rank']}]"
    return narratives.cells(row, origin, row["outlook"] or None)


def reason_say(row: Mapping[str, Any], path: str, topic: str = "") -> Say:
    """Choose the template that tells one reason."""
    return Say(prefix(narratives.sentence(row, narratives.cells(row, "", row["outlook"] or None)), path), topic, True)


def alert(row: Mapping[str, Any], path: str = "", *, whole: bool = True) -> Say | None:
    """Return the alert that goes with an account's action: Low engagement, Upsell or Churn (CPOG, section 5.1.4).

    Args:
        row: A row of the frame ``accounts``.
        path: Where the account's cells lie.
        whole: With the RTCD and what the alert rests on; else the recommendation alone.

    Returns:
        None without an action, and where no low engagement is forecast although the action is to boost it.
    """
    action, words = row["action"], templates("narratives")
    drops = row["engagement_forecast"] < row["engagement_current"]
    if not action or pd.isna(action) or (action == "boost_engagement" and not drops):
        return None
    told = [words[f"alert_{action}"]]
    if whole:
        told.insert(0, words["alert_undated" if pd.isna(row["renewal_date"]) else "alert_due"])
        if action == "boost_engagement" or (action == "promote_upsell" and row["growth_usd"] > 0):
            told.append(words[f"alert_{action}_why"])
    text = " ".join(told)
    return Say(prefix(text, path) if path else text, detail=bool(path))


def together(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return reasons with those that push a prediction up first, and of these one category's side by side."""
    place = [(row["about"] in MEANINGS and row["push"] < 0, row["category"]) for row in rows]
    order = sorted(dict.fromkeys(place), key=lambda group: group[0])
    return [row for group in order for row, own in zip(rows, place, strict=True) if own == group]

"""Answer "what should I do next": the recommended actions, for one account or for the worklist."""

from __future__ import annotations

from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.explain.answers.common import (
    as_of_cell,
    cell,
    hidden_cells,
    hidden_say,
    resolve,
    say,
    score_cells,
    shown,
    why_missing,
)
from copilot.explain.answers.why import action_reasons, alert, basis, learned, reason_cells, reason_say
from copilot.text.cells import Cell, Column, Record, Say, Unit

WHY = 2
COUNTS: dict[str, Unit] = {"reactions": "count", "floor": "percent"}  # of the manifest's part on the bandit


def recommend(snapshot: SnapshotReader, scope: Scope, account: str | None = None, limit: int = 5) -> Record:
    """Return the next action for one account, or for the accounts that come first in scope.

    The action is the frame ``accounts``' own, which lists, totals and the screen read too; the bandit drew it. Why it
    was drawn: Algorithm 1's reason where both agree, else what was learned, and from how many reactions.

    Raises:
        UnknownAccount: No such account in scope.
        MissingData: A study hides that account's scores.
    """
    frame = snapshot.scores("accounts", scope)
    withheld = hidden_cells(frame) if account is None else []
    if account is not None:
        frame = frame[frame["account_id"] == resolve(account, snapshot, scope)]
        shown(frame.iloc[0].to_dict())
    elif frame["action"].notna().any():
        frame = frame[frame["action"].notna()]
        frame = frame.sort_values(
            ["worklist_rank", "priority", "account_id"], ascending=[True, False, True], na_position="last"
        )
    else:
        frame = frame.iloc[:0]
    top = frame.head(limit)
    why, drawn = action_reasons(top, snapshot, scope, WHY), _drawn(snapshot, scope, top)
    rows: list[dict[str, Any]] = []
    lines: list[Say] = []
    for place, row in enumerate(top.to_dict("records")):
        reasons = why[row["account_id"]]
        bandit = drawn.get(row["account_id"], {})
        told = [reason_cells(reason, snapshot) for reason in reasons]
        rows.append({**score_cells(row, snapshot), **bandit, "why": told})
        lines.append(say(_sentence(row, bandit), f"rows[{place}]"))
        if bandit:
            key = "recommend_chance_learned" if bandit["reactions"].value else "recommend_chance"
            lines.append(say(key, f"rows[{place}]", detail=True))
        if not pd.isna(row["worklist_rank"]):
            lines.append(say("recommend_worklist", f"rows[{place}]", detail=True))
        lines += filter(None, [alert(row, f"rows[{place}]")])
        lines += [reason_say(reason, f"rows[{place}].why[{position}]") for position, reason in enumerate(reasons)]
    data: dict[str, Any] = {"as_of": as_of_cell(snapshot), "rows": rows, "hidden": withheld}
    reason = why_missing(snapshot, "growth") or why_missing(snapshot, "uplift") or why_missing(snapshot, "plan")
    if reason and (top.empty or top["action"].isna().all()):
        data["reason"] = cell(reason, "text", f"snapshot {snapshot.id}:skipped", "reason")
        lines = [say("recommend_unknown")]
    elif top.empty:
        lines = [say("recommend_empty")]
    lines += hidden_say(withheld)
    columns = {
        "name": Column("Account"),
        "action": Column("Do"),
        "priority": Column("Priority"),
        "renewal_date": Column("Renews"),
    }
    return Record("recommend_action", data, tuple(lines), columns if len(rows) > 1 else {}, tuple(top["account_id"]))


def _drawn(snapshot: SnapshotReader, scope: Scope, top: pd.DataFrame) -> dict[str, dict[str, Cell]]:
    """Return by account what is known of the draw: its chance, what each action is expected to bring, and from what."""
    frame, about = snapshot.scores("actions", scope), snapshot.manifest.get("bandit", {})
    if frame.empty:
        return {}
    found = {}
    for row in frame[frame["account_id"].isin(top["account_id"])].to_dict("records"):
        origin = f"snapshot {snapshot.id}:actions[{row['account_id']}]"
        cells = {"propensity": cell(row["propensity"], "percent", f"{origin}.propensity", "chance to be drawn")}
        for name in (name for name in row if name.startswith("expected_")):
            metric = f"expected reward, {name.removeprefix('expected_').replace('_', ' ')}"
            cells[name] = cell(row[name], "ratio", f"{origin}.{name}", metric)
        for name, unit in COUNTS.items():
            cells[name] = cell(about.get(name), unit, f"snapshot {snapshot.id}:bandit.{name}", name)
        found[row["account_id"]] = cells
    return found


def _sentence(row: dict[str, Any], bandit: dict[str, Cell]) -> str:
    if pd.isna(row["action"]):
        return "recommend_none"
    if learned(row):
        return "recommend_learned" if bandit and bandit["reactions"].value else "recommend_lot"
    return f"recommend_{basis(row)}_{row['action']}"

"""Answer "what should I do next": the recommended actions, for one account or for the worklist."""

from __future__ import annotations

from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.explain.answers.common import as_of_cell, cell, resolve, say, score_cells, shown, why_missing
from copilot.explain.answers.why import action_reasons, basis, reason_cells, reason_say
from copilot.text.cells import Column, Record, Say

WHY = 2


def recommend(snapshot: SnapshotReader, scope: Scope, account: str | None = None, limit: int = 5) -> Record:
    """Return the next action for one account, or for the accounts that come first in scope.

    Raises:
        UnknownAccount: No such account in scope.
        MissingData: A study hides that account's scores.
    """
    frame = snapshot.scores("accounts", scope)
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
    why = action_reasons(top, snapshot, scope, WHY)
    rows: list[dict[str, Any]] = []
    lines: list[Say] = []
    for place, row in enumerate(top.to_dict("records")):
        reasons = why[row["account_id"]]
        rows.append({**score_cells(row, snapshot), "why": [reason_cells(reason, snapshot) for reason in reasons]})
        lines.append(say(_sentence(row), f"rows[{place}]"))
        if not pd.isna(row["worklist_rank"]):
            lines.append(say("recommend_worklist", f"rows[{place}]", detail=True))
        lines += [reason_say(reason, f"rows[{place}].why[{position}]") for position, reason in enumerate(reasons)]
    data: dict[str, Any] = {"as_of": as_of_cell(snapshot), "rows": rows}
    reason = why_missing(snapshot, "growth") or why_missing(snapshot, "uplift") or why_missing(snapshot, "plan")
    if reason and (top.empty or top["action"].isna().all()):
        data["reason"] = cell(reason, "text", f"snapshot {snapshot.id}:skipped", "reason")
        lines = [say("recommend_unknown")]
    elif top.empty:
        lines = [say("recommend_empty")]
    columns = {
        "name": Column("Account"),
        "action": Column("Do"),
        "priority": Column("Priority"),
        "renewal_date": Column("Renews"),
    }
    return Record("recommend_action", data, tuple(lines), columns if len(rows) > 1 else {}, tuple(top["account_id"]))


def _sentence(row: dict[str, Any]) -> str:
    if pd.isna(row["action"]):
        return "recommend_none"
    return f"recommend_{basis(row)}_{row['action']}"

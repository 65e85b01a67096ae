"""Say what feedback on an account's action would be recorded, and what was."""

from __future__ import annotations

from typing import Literal

from copilot.access import Scope, SnapshotReader
from copilot.errors import TryAgain
from copilot.explain.answers.common import ACTIONS, as_of_cell, cell, resolve, say, shown
from copilot.text.cells import Cell, Record

TOOL = "record_feedback"
Feedback = Literal["accepted", "dismissed", "done", "snoozed"]
WORDS: dict[str, str] = {
    "accepted": "taken on", "dismissed": "does not fit", "done": "done", "snoozed": "not now",
}  # fmt: skip


def account_with_action(snapshot: SnapshotReader, scope: Scope, account: str) -> str:
    """Return the id of the account that is meant, if there is an action of it to speak of.

    Raises:
        UnknownAccount: No such account in scope.
        MissingData: A study hides it.
        TryAgain: Nothing is recommended for it.
    """
    found = resolve(account, snapshot, scope)
    row = _row(snapshot, scope, found)
    shown(row)
    if row["action"] not in ACTIONS:
        raise TryAgain(f"There is no recommended action of {row['name']} to say anything of.")
    return found


def to_record(snapshot: SnapshotReader, scope: Scope, account: str, feedback: Feedback, reason: str | None) -> Record:
    """Return what would be noted of an account (by id) that has an action."""
    data = _cells(snapshot, scope, account, feedback)
    lines = [say(f"feedback_{feedback}")]
    if reason:
        data["reason"] = cell(reason, "text", "your question", "reason")
        lines.append(say("feedback_reason", detail=True))
    return Record(TOOL, {"as_of": as_of_cell(snapshot), **data}, tuple(lines), accounts=(account,))


def recorded(snapshot: SnapshotReader, scope: Scope, account: str, feedback: Feedback) -> Record:
    """Return what was noted."""
    return Record(TOOL, _cells(snapshot, scope, account, feedback), (say("feedback_noted"),), accounts=(account,))


def taken_back(snapshot: SnapshotReader, scope: Scope, account: str) -> Record:
    """Return that it no longer counts."""
    row = _row(snapshot, scope, account)
    name = cell(row["name"], "text", f"book:accounts[{account}].name", "account")
    return Record(TOOL, {"name": name}, (say("feedback_undone"),), accounts=(account,))


def _row(snapshot: SnapshotReader, scope: Scope, account: str) -> dict[str, object]:
    frame = snapshot.scores("accounts", scope)
    mine = frame[frame["account_id"] == account]
    if mine.empty:
        raise TryAgain("That account is no longer in your book.")
    return {str(name): value for name, value in mine.iloc[0].to_dict().items()}


def _cells(snapshot: SnapshotReader, scope: Scope, account: str, feedback: Feedback) -> dict[str, Cell]:
    row = _row(snapshot, scope, account)
    origin = f"snapshot {snapshot.id}:accounts[{account}]"
    action = ACTIONS.get(str(row["action"]))
    return {
        "name": cell(row["name"], "text", f"{origin}.name", "account"),
        "action": cell(action, "text", f"{origin}.action", "action"),
        "feedback": cell(WORDS[feedback], "text", "your question", "feedback"),
    }

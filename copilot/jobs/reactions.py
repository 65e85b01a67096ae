"""What a rep says of an action, kept in copilot.db until the nightly run hands it to the bandit."""

from __future__ import annotations

from datetime import datetime

from copilot.access import EventLog, Principal, Scope, SnapshotReader
from copilot.errors import TryAgain
from copilot.explain.answers.common import ACTIONS
from copilot.jobs.feedback import EVENT, UNDONE

WORDS = ("accepted", "opened", "dismissed", "snoozed", "done")
CHANGED = "The action of this account has changed since this page was loaded; load it again to see the new one."
REFUSED = "There is no action of an account of your own by that name to react to."


def note(
    log: EventLog,
    snapshot: SnapshotReader,
    scope: Scope,
    who: Principal,
    account: str,
    word: str,
    now: datetime,
    *,
    reason: str = "",
    shown: str | None = None,
) -> int:
    """Keep one reaction of a rep to the action of an own account and return the event's number.

    The decision is the one that the pinned snapshot shows; opened twice it is kept once.

    Args:
        log: copilot.db.
        snapshot: What the rep sees.
        scope: Theirs, in the snapshot's book.
        who: Only a rep, and only of an account in their scope.
        account: Its id.
        word: One of ``WORDS``.
        now: The moment, with its time zone.
        reason: The rep's own words, kept with the event and shown to no model.
        shown: The action that the rep was shown, in words, where a page may be older than the snapshot.

    Raises:
        TryAgain: The word is none of them, there is no such action (a foreign account and a missing one read alike), or
            another one was shown.
    """
    if word not in WORDS:
        raise TryAgain(f"There is no reaction {word[:20]!r}; choose from {', '.join(WORDS)}.")
    if who.role != "rep":
        raise TryAgain(REFUSED)
    found = standing_action(snapshot, scope, account)
    if found is None:
        raise TryAgain(REFUSED)
    decision, action = found
    if shown is not None and shown != ACTIONS[action]:
        raise TryAgain(CHANGED)
    if word == "opened":
        for event in reversed(log.events(EVENT)):
            if event["data"].get("decision_id") == decision and event["data"].get("feedback") == word:
                return int(event["id"])
    data = {"decision_id": decision, "feedback": word} | ({"reason": reason} if reason else {})
    return log.log_event(who.username, EVENT, account, data, now)


def take_back(log: EventLog, who: Principal, account: str, event: int, now: datetime) -> None:
    """Let a reaction not count; the bandit that a night has taught it keeps it."""
    log.log_event(who.username, UNDONE, account, {"event": event}, now)


def standing_action(snapshot: SnapshotReader, scope: Scope, account: str) -> tuple[str, str] | None:
    """Return the decision and the action that the snapshot shows for an account; None without one, or if hidden."""
    actions = snapshot.scores("actions", scope)
    mine = actions[actions["account_id"] == account] if "account_id" in actions else actions
    if mine.empty or mine["decision_id"].isna().any():  # a study hides it
        return None
    return str(mine["decision_id"].iloc[0]), str(mine["action"].iloc[0])

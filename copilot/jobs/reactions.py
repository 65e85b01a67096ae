"""What a rep says of an action, kept in copilot.db until the nightly run hands it to the bandit."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from copilot.access import EventLog, Principal, Scope, SnapshotReader
from copilot.errors import TryAgain
from copilot.explain.answers.common import ACTIONS
from copilot.jobs.feedback import EVENT, UNDONE, counted

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


def answered(log: EventLog, snapshot: SnapshotReader, scope: Scope) -> dict[str, str]:
    """Return the last word on each account of the worklists in scope, where there is one that still counts.

    Any other word than done is of the action that was shown, so a later night's action is open again; done counts from
    the day on which the account came onto the list. Having opened an action is no word on it, nor is what was undone.
    """
    plan, actions = snapshot.scores("plan", scope), snapshot.scores("actions", scope)
    if plan.empty or actions.empty:
        return {}
    since = dict(zip(plan["account_id"], pd.to_datetime(plan["recommended_on"]).dt.date, strict=True))
    current = dict(zip(actions["account_id"], actions["decision_id"], strict=True))
    said: dict[str, str] = {}
    for event in counted(log):
        account, word = event["subject"], event["data"].get("feedback")
        if account not in since or word not in WORDS or word == "opened":
            continue
        shown_now = event["data"].get("decision_id") == current.get(account)
        if shown_now or (word == "done" and event["at"].date() >= since[account]):
            said[account] = word
    return said

"""What a rep says of an action, kept in copilot.db until the nightly run hands it to the bandit."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from copilot.access import Principal, Scope, SnapshotReader
from copilot.agent.scope import scope_of
from copilot.data.snapshot import Snapshot
from copilot.errors import TryAgain
from copilot.explain.answers.common import ACTIONS
from copilot.jobs.feedback import EVENT
from copilot.store.database import Store

WORDS = ("accepted", "opened", "dismissed", "snoozed", "done")
CHANGED = "The action of this account has changed since this page was loaded; load it again to see the new one."
REFUSED = "There is no action of an account of your own by that name to react to."


def note(
    store: Store,
    snapshot: Snapshot,
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
        store: copilot.db.
        snapshot: What the rep sees.
        who: Only a rep, and only of an account they own in the snapshot's book.
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
    actions = snapshot.scores("actions", scope_of(who, snapshot.book))
    mine = actions[(actions["account_id"] == account)] if "account_id" in actions else actions
    if mine.empty or mine["decision_id"].isna().any():  # a study hides it
        raise TryAgain(REFUSED)
    if shown is not None and shown != ACTIONS[str(mine["action"].iloc[0])]:
        raise TryAgain(CHANGED)
    decision = str(mine["decision_id"].iloc[0])
    if word == "opened":
        for event in reversed(store.events(EVENT)):
            if event["data"].get("decision_id") == decision and event["data"].get("feedback") == word:
                return int(event["id"])
    data = {"decision_id": decision, "feedback": word} | ({"reason": reason} if reason else {})
    return store.log_event(who.username, EVENT, account, data, now)


def answered(store: Store, snapshot: SnapshotReader, scope: Scope) -> dict[str, str]:
    """Return the last word on each account of the worklists in scope, where there is one that still counts.

    Any other word than done is of the action that was shown, so a later night's action is open again; done counts from
    the day on which the account came onto the list. That an action was opened is no word on it.
    """
    plan, actions = snapshot.scores("plan", scope), snapshot.scores("actions", scope)
    if plan.empty or actions.empty:
        return {}
    since = dict(zip(plan["account_id"], pd.to_datetime(plan["recommended_on"]).dt.date, strict=True))
    current = dict(zip(actions["account_id"], actions["decision_id"], strict=True))
    said: dict[str, str] = {}
    for event in store.events(EVENT):
        account, word = event["subject"], event["data"].get("feedback")
        if account not in since or word not in WORDS or word == "opened":
            continue
        shown_now = event["data"].get("decision_id") == current.get(account)
        if shown_now or (word == "done" and event["at"].date() >= since[account]):
            said[account] = word
    return said

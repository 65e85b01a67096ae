"""Let go of old decisions that nobody saw, so that ``decisions.log`` grows with what people see, not each night."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from copilot.bandit.records import moment
from copilot.bandit.store import Store

KEPT = timedelta(days=91)  # a decision that nobody was shown can be answered for so long
WORTH = 0.1  # the share of a log's lines that must go before it is rewritten


def compact(store: Store, now: datetime, *, keep: Collection[str] = ()) -> int:
    """Let go of decisions that nobody was shown and nobody answered within ``KEPT``; return how many.

    Off-policy evaluation, contexts and feedback already matched read none of them: each decision is kept whole that
    somebody was shown, that any feedback names, that others made or that is marked as an alert. Feedback on one that
    was let go is set aside as unknown, as any other. A crash leaves all of them or none.

    Args:
        store: The folder's one writer.
        now: The present moment.
        keep: Decisions that stand on a screen now.
    """
    named = {record["id"] for _, record in store.feedback.read()}
    since = moment(now) - KEPT
    gone = {
        record["id"]
        for _, record in store.decisions.read()
        if not record["about"].get("alerted", True)
        and store.status[record["id"]].since < since
        and record["id"] not in named
        and record["id"] not in keep
    }
    if not gone or len(gone) < WORTH * len(store.status):
        return 0
    store.checkpoint(rewriting=True)
    store.decisions.keep(lambda record: record["id"] not in gone)
    position = 0
    for after, record in store.decisions.read():
        store.status[record["id"]] = replace(store.status[record["id"]], position=position)
        position = after
    for name in gone:
        del store.status[name]
    store.checkpoint()
    return len(gone)

"""Take feedback in, late, in batches, twice or astray: each event joins its decision or is kept aside and counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from copilot.bandit.records import REWARDS, moment
from copilot.bandit.store import Store
from copilot.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

# The product's words and the papers' (MATHS §5). Snoozed reopens a decision, done is for studies: neither rewards.
WORDS = {
    "deep_link_clicked": "DEEP_LINK_CLICKED",
    "clicked": "DEEP_LINK_CLICKED",
    "opened": "DEEP_LINK_CLICKED",
    "accepted": "DEEP_LINK_CLICKED",
    "notification_dismissed": "NOTIFICATION_DISMISSED",
    "dismissed": "NOTIFICATION_DISMISSED",
    "no_click": "NO_CLICK",
    "snoozed": "SNOOZED",
    "done": "DONE",
}
TIMEOUT = timedelta(days=7)  # without a word for so long, an alert counts as not clicked
_FINAL = ("DEEP_LINK_CLICKED", "NOTIFICATION_DISMISSED")
Events: TypeAlias = "pd.DataFrame | Iterable[Mapping[str, Any]] | Path"


@dataclass(frozen=True)
class Ingested:
    """What became of a batch: learned (rewards), noted (snoozed, done), and kept aside, by reason."""

    learned: int
    noted: int
    aside: Mapping[str, int]

    def __str__(self) -> str:
        kept = ", ".join(f"{n} {reason}" for reason, n in sorted(self.aside.items())) or "none"
        return f"{self.learned} learned, {self.noted} noted, kept aside: {kept}."


def ingest(store: Store, events: Events, now: datetime) -> Ingested:
    """Match feedback with its decisions, learn from it and save.

    A decision is rewarded once. The first click or dismissal counts; one that comes after the time-out replaces its
    NO_CLICK. A further one, or the same event again, is a *duplicate*; an event of a decision not (yet) known is
    *unknown*, and is tried again with each later batch; one without id, word or date is *unreadable*. All three are
    kept in ``aside.log``.

    Args:
        store: The folder's one writer.
        events: Records with ``decision_id`` (or ``recommendation_id``), ``feedback`` (``WORDS``, any case) and ``at``
            (or ``event_ts``; UTC where no zone is named; ``now`` where missing), in the order they came: a frame,
            mappings, or a file, .csv or one JSON record a line. Who sends the same source again may name each event
            (``event_id``) and leave out those in ``store.heard``.
        now: The moment of ingestion, with its time zone.

    Raises:
        BadInput: The file cannot be read; nothing was taken from it then.
    """
    batch = _Batch(store, moment(now).isoformat())
    again = [record for _, record in store.aside.read() if record["reason"] == "unknown"]
    for record in again:
        if record["number"] not in store.settled and str(_id(record["event"])) in store.status:
            batch.take(record["event"], aside=record["number"])
    for event in _read(events):
        batch.take(event)
    return batch.finish()


def expire(store: Store, now: datetime, *, after: timedelta = TIMEOUT, only: Collection[str] | None = None) -> int:
    """Count decisions that nobody answered within ``after`` as NO_CLICK; return how many.

    A snoozed decision's time begins anew. The silence is dated on the moment at which the time ran out.

    Args:
        store: The folder's one writer.
        now: The present moment.
        after: How long a decision stands open.
        only: The decisions that somebody was shown; all of them by default.
    """
    shown = store.status.keys() if only is None else [name for name in only if name in store.status]
    due = []
    for name in shown:
        known = store.status[name]
        if known.number is None and moment(now) - known.since >= after:
            due.append({"id": name, "feedback": "NO_CLICK", "at": (known.since + after).isoformat()})
    store.learn(due)
    store.checkpoint()
    return len(due)


class _Batch:
    """Sorts a batch's events first and writes them together: one wait for the disk, not one an event."""

    def __init__(self, store: Store, now: str) -> None:
        self.store, self.now = store, now
        self.taken: list[dict[str, Any]] = []
        self.kept: list[dict[str, Any]] = []
        self.rewarded = {name: known.feedback for name, known in store.status.items() if known.feedback is not None}
        self.seen = {(r["id"], r["feedback"], r["at"]) for _, r in store.feedback.read()}
        self.unknown_seen = {_key(record["event"]) for _, record in store.aside.read() if record["reason"] == "unknown"}
        self.numbered = sum(1 for _ in store.aside.read())

    def take(self, event: Mapping[str, Any], aside: int | None = None) -> None:
        name, word, at = _id(event), _word(event), _at(event, self.now)
        if not name or word is None or at is None:
            self.keep("unreadable", event, aside)
        elif name not in self.store.status:
            self.keep("duplicate" if _key(event) in self.unknown_seen else "unknown", event, aside)
            self.unknown_seen.add(_key(event))
        elif (name, word, at) in self.seen or self._answered(name, word):
            self.keep("duplicate", event, aside)
        else:
            self.seen.add((name, word, at))
            if word in REWARDS:
                self.rewarded[name] = word
            more = {"aside": aside, "event_id": event.get("event_id")}
            told = {"id": name, "feedback": word, "at": at}
            self.taken.append(told | {key: _plain(value) for key, value in more.items() if value is not None})

    def _answered(self, name: str, word: str) -> bool:
        if word not in REWARDS:
            return False
        before = self.rewarded.get(name)
        return before in _FINAL or (before is not None and word == "NO_CLICK")

    def keep(self, reason: str, event: Mapping[str, Any], aside: int | None) -> None:
        plain = {str(key): _plain(value) for key, value in event.items()}
        self.kept.append({"reason": reason, "at": self.now, "event": plain, "number": self.numbered, "settles": aside})
        self.numbered += 1

    def finish(self) -> Ingested:
        self.store.aside.append(self.kept)
        self.store.settled |= {record["settles"] for record in self.kept if record["settles"] is not None}
        for record in self.kept:
            self.store.hear(record["event"])
        self.store.learn(self.taken)
        self.store.checkpoint()
        learned = sum(record["feedback"] in REWARDS for record in self.taken)
        return Ingested(learned, len(self.taken) - learned, Counter(record["reason"] for record in self.kept))


def _read(events: Events) -> Iterator[Mapping[str, Any]]:
    if isinstance(events, Path):
        events = _file(events)
    frame: Any = events
    if hasattr(frame, "columns"):
        return iter(frame.to_dict("records"))
    listed = list(events)
    if not all(isinstance(event, Mapping) for event in listed):
        raise BadInput("Feedback comes as records with decision_id, feedback and at; got something else.")
    return iter(listed)


def _file(path: Path) -> list[Mapping[str, Any]]:
    import pandas as pd

    try:
        if path.suffix.lower() == ".csv":
            found: list[Mapping[str, Any]] = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
            return found
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError):
        raise BadInput(
            f"{path.name} cannot be read as feedback; give a .csv or a file with one JSON record a line."
        ) from None
    return [_json(line) for line in lines if line.strip()]


def _json(line: str) -> Mapping[str, Any]:
    """Return the record of a line; a line that is none becomes an event that is set aside as unreadable."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"line": line[:1000]}


def _id(event: Mapping[str, Any]) -> str:
    for column in ("decision_id", "recommendation_id"):
        value = event.get(column)
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value).strip()
    return ""


def _word(event: Mapping[str, Any]) -> str | None:
    value = event.get("feedback")
    return WORDS.get(value.strip().lower()) if isinstance(value, str) else None


def _at(event: Mapping[str, Any], now: str) -> str | None:
    value = event.get("at", event.get("event_ts"))
    if value is None or value == "" or value != value:
        return now
    try:
        at = datetime.fromisoformat(value.strip()) if isinstance(value, str) else value
        if not isinstance(at, datetime):
            return None
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return None


def _key(event: Mapping[str, Any]) -> tuple[str, str | None, str]:
    return _id(event), _word(event), str(event.get("at", event.get("event_ts")))


def _plain(value: Any) -> Any:
    """Return a value for JSON; what JSON has no form for becomes its text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    return str(value)

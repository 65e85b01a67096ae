"""The workspace's bandit and what was said of its actions: open it, and catch up with all feedback there is."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from copilot.access import EventLog
from copilot.bandit import contexts, feedback
from copilot.bandit.compaction import compact
from copilot.bandit.contexts import ACTIONS, Encoder
from copilot.bandit.facts import FACTS, TABLES, facts
from copilot.bandit.history import KEPT
from copilot.bandit.lead import FLOOR
from copilot.bandit.policy import NEURAL_ROWS, Policy
from copilot.bandit.records import Asked
from copilot.bandit.store import Store
from copilot.config import settings
from copilot.data.workspace import Book, Workspace
from copilot.errors import BadInput

PREDICTED = ("money_log_usd", "engagement_points", "not_predicted")  # the recommendation's predicted impact
EVENT = "feedback"  # the kind of event in copilot.db
UNDONE = "feedback_undone"  # one that takes another back
_DECIMALS = 4  # of a context; the log then holds what was used, in half the space
_ASIDE = ("duplicate", "unknown", "unreadable")


@dataclass(frozen=True)
class Bandit:
    """A workspace's bandit, open for writing: its folder's store, and how contexts are made."""

    store: Store
    encoder: Encoder
    book: Book

    def contexts(self, alerts: pd.DataFrame, now: datetime) -> np.ndarray:
        """Return one context a row of ``alerts`` (n, features): ``account_id, rep_id, action, event_ts, PREDICTED``."""
        known = facts(alerts, {name: self.book.table(name) for name in TABLES})
        made, told = self._history(now)
        found = contexts.build(
            alerts.assign(**{name: known[name] for name in FACTS}),
            accounts=self.book.table("accounts"),
            reps=self.book.table("reps"),
            recommendations=made,
            feedback=told,
            encoder=self.encoder,
        )
        return np.asarray(found.to_numpy(np.float64).round(_DECIMALS))

    def _history(self, now: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return all alerts that somebody was shown, the book's and ours, and the feedback on them.

        An alert of the book without feedback counts as not clicked from its time-out on.
        """
        ours = [record for _, record in self.store.decisions.read() if record["about"].get("alerted")]
        made = self.book.table("recommendations")[["recommendation_id", "account_id", "rep_id", "event_ts", "known_ts"]]
        shown = pd.DataFrame(
            [(r["id"], r["about"]["account_id"], r["about"]["rep_id"], _naive(r["at"])) for r in ours],
            columns=["recommendation_id", "account_id", "rep_id", "event_ts"],
        )
        told = self.book.table("feedback")[["recommendation_id", "feedback", "known_ts"]]
        silent = made[~made["recommendation_id"].isin(told["recommendation_id"])]
        until = silent["known_ts"] + feedback.TIMEOUT
        over = until <= pd.Timestamp(now).tz_convert(None)
        parts = [
            told,
            pd.DataFrame({"recommendation_id": silent["recommendation_id"], "feedback": "NO_CLICK", "known_ts": until})[
                over
            ],
            pd.DataFrame(
                [(r["id"], r["feedback"], _naive(r["at"])) for _, r in self.store.feedback.read()],
                columns=["recommendation_id", "feedback", "known_ts"],
            ),
        ]
        alerts = pd.concat([_plain(made), _plain(shown.assign(known_ts=shown["event_ts"]))], ignore_index=True)
        return alerts.drop_duplicates("recommendation_id"), pd.concat([_plain(p) for p in parts], ignore_index=True)


@dataclass(frozen=True)
class CaughtUp:
    """What catching up brought: events learned and noted, silences counted, and what was kept aside, by reason."""

    learned: int
    noted: int
    silent: int
    aside: Mapping[str, int]

    def __str__(self) -> str:
        kept = ", ".join(f"{n:,} {reason}" for reason, n in sorted(self.aside.items())) or "none"
        return (
            f"Feedback: {self.learned:,} reactions learned, {self.silent:,} alerts without one after "
            f"{feedback.TIMEOUT.days} days, {self.noted:,} noted (snoozed, done); kept aside: {kept}."
        )


def folder(workspace: Workspace, book: Book) -> Path:
    """Return where the bandit of this book's source lives; another source begins another one."""
    return workspace.root / "bandit" / hashlib.sha256(book.manifest["source"].encode()).hexdigest()[:8]


@contextmanager
def opened(workspace: Workspace, book: Book) -> Iterator[Bandit]:
    """Open the workspace's bandit as its one writer, beginning it where there is none; hold the workspace's lock.

    Raises:
        BadInput: A file of the bandit's is damaged, or another process writes there.
    """
    home = folder(workspace, book)
    encoder = _encoder(home / "encoder.json", book)
    seed = int(home.name, 16)

    def fresh() -> Policy:
        # The torso is trained at the end of catching up, not in mid-stream.
        rng = np.random.default_rng(seed)
        return Policy(ACTIONS, len(encoder.columns), rng=rng, epsilon=FLOOR, retraining="manual")

    with Store(home, fresh) as store:
        if store.policy.n_features != len(encoder.columns) or store.policy.arms != ACTIONS:
            raise BadInput(f"The bandit in {home} was made for other contexts; move the folder away to begin anew.")
        yield Bandit(store, encoder, book)


def catch_up(bandit: Bandit, workspace: Workspace, now: datetime, *, file: Path | None = None) -> CaughtUp:
    """Take in all feedback there is and learn from it: the book's own, the screens', and a file's.

    Each event counts once, however often this runs. Shown alerts without a word count as not clicked after
    ``feedback.TIMEOUT``. Then the torso is trained anew where there is anything new; the chat, a process of
    its own, goes on meanwhile.

    Args:
        bandit: From ``opened``.
        workspace: Holds ``copilot.db`` and the last snapshot, which says what people were shown.
        now: The present moment.
        file: More feedback, .csv or one JSON record a line, as ``copilot.bandit.feedback.ingest`` reads it.
    """
    store = bandit.store
    _adopt(bandit, now)
    inbox = [e for e in (*_of_the_book(bandit.book), *_of_the_screens(workspace)) if e["event_id"] not in store.heard]
    parts = [feedback.ingest(store, inbox, now)]
    if file is not None:
        parts.append(feedback.ingest(store, file, now))
    # Shown is what stands on a published worklist, or what the book itself recommended; it stays so when another takes
    # its place.
    last = last_actions(workspace)
    ours = last.loc[last["alerted"].astype(bool), "decision_id"].astype(str)
    store.show([*ours, *bandit.book.table("recommendations")["recommendation_id"].astype(str)], now)
    silent = feedback.expire(store, now, only=[name for name, known in store.status.items() if known.shown])
    compact(store, now, keep=set(last["decision_id"]))
    found = CaughtUp(
        sum(part.learned for part in parts),
        sum(part.noted for part in parts),
        silent,
        sum((Counter(part.aside) for part in parts), Counter()),
    )
    if found.learned + silent and store.policy.seen >= NEURAL_ROWS:
        store.policy.retrain()
        store.checkpoint()
    return found


def standing(store: Store) -> dict[str, Any]:
    """Return what the bandit knows, for the manifest: its version, its rewards by kind, and what is kept aside."""
    store.checkpoint()
    state = hashlib.sha256((store.folder / "state.npz").read_bytes()).hexdigest()
    came = Counter(known.feedback for known in store.status.values() if known.feedback is not None)
    waiting = Counter(record["reason"] for _, record in store.aside.read() if record["number"] not in store.settled)
    return {
        "version": f"{store.policy.seen}-{state[:8]}",
        "rewards": store.policy.seen,
        "reactions": came["DEEP_LINK_CLICKED"] + came["NOTIFICATION_DISMISSED"],
        "clicked": came["DEEP_LINK_CLICKED"],
        "dismissed": came["NOTIFICATION_DISMISSED"],
        "no_click": came["NO_CLICK"],
        "model": store.policy.active,
        "floor": store.policy.epsilon,
        "aside": {reason: waiting[reason] for reason in _ASIDE},
    }


def last_actions(workspace: Workspace) -> pd.DataFrame:
    """Return the frame ``actions`` of the last snapshot that has one: what people see, or saw before a failed night."""
    place = workspace.current("snapshots")
    files = sorted(place.parent.glob("[!.]*/actions.parquet")) if place else []
    return pd.read_parquet(files[-1]) if files else pd.DataFrame({"decision_id": [], "alerted": []})


def _encoder(file: Path, book: Book) -> Encoder:
    if not file.is_file():
        made = contexts.encoder(book.table("accounts"), impact=(*FACTS, *PREDICTED))
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(made.as_dict()), encoding="utf-8")
        draft.replace(file)
    try:
        return Encoder.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(f"{file} is damaged; restore it, or move {file.parent} away to begin a new bandit.") from None


def _adopt(bandit: Bandit, now: datetime) -> None:
    """Log the book's own earlier recommendations, the newest that a policy remembers, as decisions to learn from."""
    made = _recommended(bandit.book).tail(KEPT)
    made = made[~made["recommendation_id"].isin(bandit.store.status)].reset_index(drop=True)
    if made.empty:
        return
    # What was suggested then, and what was predicted, is not known: no action in the context, and no impact.
    alerts = made[["account_id", "rep_id"]].assign(
        action="", event_ts=made["known_ts"], money_log_usd=0.0, engagement_points=0.0, not_predicted=1.0
    )
    x = bandit.contexts(alerts, now)
    bandit.store.adopt(
        (
            Asked(str(row.recommendation_id), x[row.Index], about={"account_id": row.account_id, "rep_id": row.rep_id}),
            row.action,
            row.known_ts.to_pydatetime().replace(tzinfo=UTC),
        )
        for row in made.itertuples()
    )


def _recommended(book: Book) -> pd.DataFrame:
    made = book.table("recommendations")
    return made[made["action"].isin(ACTIONS) & made["known_ts"].notna()].sort_values("known_ts", kind="stable")


def _of_the_book(book: Book) -> Iterator[dict[str, Any]]:
    """Tell the book's own reactions, but for those to recommendations older than a policy remembers."""
    told = book.table("feedback").dropna(subset=["known_ts"]).sort_values("known_ts", kind="stable")
    told = told[~told["recommendation_id"].isin(_recommended(book)["recommendation_id"].head(-KEPT))]
    for row in told.itertuples():
        at = row.known_ts.to_pydatetime().replace(tzinfo=UTC).isoformat()
        name, word = str(row.recommendation_id), str(row.feedback)
        yield {"decision_id": name, "feedback": word, "at": at, "event_id": f"book:{name}:{word}@{at}"}


def counted(log: EventLog) -> list[dict[str, Any]]:
    """Return the reactions that nobody has taken back, in their order."""
    undone = {event["data"].get("event") for event in log.events(UNDONE)}
    return [event for event in log.events(EVENT) if event["id"] not in undone]


def _of_the_screens(workspace: Workspace) -> Iterator[dict[str, Any]]:
    from copilot.store.database import Store as Database

    url = settings().database_url
    if url is None and not workspace.database.is_file():
        return
    with Database.open(url or workspace.database) as database:
        events = counted(database)
    for event in events:
        at = event["at"].isoformat()
        told = {name: event["data"].get(name) for name in ("decision_id", "feedback")}
        yield told | {"at": at, "event_id": f"copilot.db:{event['id']}@{at}"}


def _naive(at: str) -> datetime:
    return datetime.fromisoformat(at).astimezone(UTC).replace(tzinfo=None)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with texts as objects and moments in microseconds, so that parts can be joined."""
    texts = [name for name in frame if not name.endswith("_ts")]
    moments = [name for name in frame if name.endswith("_ts")]
    return frame.astype(dict.fromkeys(texts, "object") | dict.fromkeys(moments, "datetime64[us]"))

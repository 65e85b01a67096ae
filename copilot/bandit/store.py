"""The bandit's folder: what was decided, what came of it and what was learned, whole after any crash.

``decisions.log`` and ``feedback.log`` grow; ``state.npz`` is replaced in one step and names the place in each log up to
which it was whole and learned. After a kill the state is read and the rest of the log learned: nothing is lost and
nothing counts twice. ``compaction`` rewrites ``decisions.log`` in one step.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy.typing as npt

from copilot.bandit import saving
from copilot.bandit.logfile import LogFile, Record
from copilot.bandit.policy import Decision, Policy
from copilot.bandit.records import REWARDS, SHOWN, Asked, Open, moment
from copilot.errors import BadInput
from copilot.stats import Floats


class Store:
    """The one writer of a bandit's folder; a context manager.

    Args:
        folder: Made where missing.
        fresh: Makes the policy a new folder starts with, the same each time.
        wait: Seconds to wait for another writer.

    Raises:
        BadInput: Another process writes there, or a file is damaged.
    """

    def __init__(self, folder: Path, fresh: Callable[[], Policy], *, wait: float = 5) -> None:
        import filelock

        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = filelock.FileLock(folder / "write.lock", timeout=wait)
            self._lock.acquire()
        except filelock.Timeout:
            raise BadInput(f"Another process learns from feedback in {folder}; try again when it is done.") from None
        except OSError:
            raise BadInput(f"{folder} cannot be written to; name another folder.") from None
        try:
            self.decisions, self.feedback, self.aside = (
                LogFile(folder / f"{name}.log") for name in ("decisions", "feedback", "aside")
            )
            for left_over in folder.glob(".*.draft"):  # by a writer that was killed; we hold the lock
                left_over.unlink()
            self._open_state(fresh)
        except BaseException as fault:
            self._lock.release()
            if isinstance(fault, OSError):
                raise BadInput(f"{folder} cannot be read ({fault.strerror}); mend it, or move it away.") from None
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Save what was learned and let the next writer in."""
        try:
            self.checkpoint()
        finally:
            self._lock.release()

    def decide(
        self,
        decision_id: str,
        x: npt.ArrayLike,
        now: datetime,
        *,
        suggested: Hashable | None = None,
        about: Record | None = None,
    ) -> Decision:
        """Choose an action and log it with its propensity; the same id again returns what was decided then.

        Args:
            decision_id: Names the decision in all feedback, such as the recommendation's id.
            x: The context, see ``Policy.select``.
            now: The moment, with its time zone.
            suggested: Algorithm 1's choice.
            about: Plain facts for studies, such as the account and the rep.
        """
        [decision] = self.decide_all([Asked(decision_id, x, suggested, about or {})], now)
        return decision

    def decide_all(self, asked: Iterable[Asked], now: datetime) -> list[Decision]:
        """Choose many actions with one wait for the disk; as ``decide`` for each, in order.

        All are on the disk when this returns, or, after a crash, the first ones and none by half.
        """
        found: list[Decision] = []
        fresh: dict[str, dict[str, Any]] = {}
        for one in asked:
            name = one.decision_id
            if not name:
                raise BadInput("A decision needs an id, by which feedback can name it.")
            if name in self.status or name in fresh:
                known = fresh[name] if name in fresh else self.decisions.record(self.status[name].position)
                found.append(Decision(known["arm"], known["propensity"]))
                continue
            if one.chance is None:
                chosen = self.policy.select(one.x, suggested=one.suggested)
            else:
                chosen = self.policy.draw(one.chance)
            found.append(chosen)
            fresh[name] = self._record(one, chosen.arm, chosen.propensity, now)
        self._log(list(fresh.values()))
        return found

    def adopt(self, made: Iterable[tuple[Asked, Hashable, datetime]]) -> int:
        """Log decisions that others made, as ``(what, arm, when)``, to learn from feedback on them; return how many.

        Their propensity is not known, so they are learned from but never used to value a policy. Known ids are left.
        """
        fresh = {
            one.decision_id: self._record(one, arm, None, at)
            for one, arm, at in made
            if one.decision_id and one.decision_id not in self.status and arm in self.policy.arms
        }
        self._log(list(fresh.values()))
        return len(fresh)

    def _record(self, one: Asked, arm: Hashable, propensity: float | None, at: datetime) -> dict[str, Any]:
        return {
            "id": one.decision_id,
            "at": moment(at).isoformat(),
            "x": _listed(one.x),
            "arm": arm,
            "propensity": propensity,
            "suggested": one.suggested,
            "seen": self.policy.seen,
            "about": dict(one.about),
        }

    def _log(self, records: list[dict[str, Any]]) -> None:
        for record, position in zip(records, self.decisions.append(records), strict=True):
            self.status[record["id"]] = Open(position, datetime.fromisoformat(record["at"]))

    def learn(self, records: list[dict[str, Any]]) -> None:
        """Log feedback that was matched and learn from it; ``feedback.ingest`` is the way in."""
        self.feedback.append(records)
        for record in records:
            self._apply(record, learn=True)

    def hear(self, event: Record) -> None:
        """Note that an event with an ``event_id`` is in one of the logs."""
        if event.get("event_id") is not None:
            self.heard.add(str(event["event_id"]))

    def show(self, names: Iterable[str], at: datetime) -> None:
        """Note, once for each, that somebody sees these decisions; unknown ones are left out."""
        fresh = [name for name in names if name in self.status and not self.status[name].shown]
        self.learn([{"id": name, "feedback": SHOWN, "at": moment(at).isoformat()} for name in fresh])

    def checkpoint(self, *, rewriting: bool = False) -> None:
        """Save the policy with the ends of the logs up to which it has learned, in one step.

        With ``rewriting`` nothing is said of ``decisions.log``: it is about to become shorter.
        """
        logs = (self.feedback, self.aside) if rewriting else (self.decisions, self.feedback, self.aside)
        saving.write(self.policy, self.folder / "state.npz", {log.path.stem: log.end for log in logs})

    def _open_state(self, fresh: Callable[[], Policy]) -> None:
        whole: dict[str, Any] = {}
        file = self.folder / "state.npz"
        if file.exists():
            try:
                self.policy, whole = saving.read_with_notes(Policy, file)
            except BadInput:
                raise BadInput(
                    f"{file} is damaged or another release's; move it away, and the next run learns it anew from the "
                    "logs beside it."
                ) from None
        else:
            self.policy = fresh()
        for log in (self.decisions, self.feedback, self.aside):
            log.cut_torn_end(int(whole.get(log.path.stem, 0)))
        learned_to = int(whole.get("feedback", 0))
        self.status: dict[str, Open] = {}
        self._numbers = 0
        self.settled: set[int] = set()  # numbers of events set aside that were matched later
        self.heard: set[str] = set()  # ``event_id`` of all events that were learned, noted or set aside
        position = 0
        for after, record in self.decisions.read():
            self.status[record["id"]] = Open(position, datetime.fromisoformat(record["at"]))
            position = after
        for _, record in self.aside.read():
            if record["settles"] is not None:
                self.settled.add(record["settles"])
            self.hear(record["event"])
        for after, record in self.feedback.read():
            if record["id"] not in self.status:
                raise BadInput(
                    f"decisions.log in {self.folder} is damaged: it lacks a decision that feedback.log speaks of; "
                    "restore it from a backup, or move the folder away to begin a new bandit."
                )
            self._apply(record, learn=after > learned_to)

    def _apply(self, record: dict[str, Any], *, learn: bool) -> None:
        """Bring a decision up to date with one logged feedback; reward and policy only where ``learn``."""
        if record.get("aside") is not None:
            self.settled.add(record["aside"])
        self.hear(record)
        name, known = record["feedback"], self.status[record["id"]]
        if name == "SNOOZED":
            self.status[record["id"]] = replace(known, since=max(known.since, datetime.fromisoformat(record["at"])))
        if name == SHOWN:
            self.status[record["id"]] = replace(known, shown=True)
        if name not in REWARDS:
            return
        if known.number is None:
            self.status[record["id"]] = replace(known, feedback=name, number=self._numbers)
            self._numbers += 1
            if learn:
                made = self.decisions.record(known.position)
                self.policy.update(made["x"], made["arm"], REWARDS[name], suggested=made["suggested"])
        else:
            self.status[record["id"]] = replace(known, feedback=name)
            if learn:
                self.policy.amend(known.number, REWARDS[name])


def _listed(x: npt.ArrayLike) -> Any:
    import numpy as np

    found: Floats = np.asarray(x, float)
    return found.tolist()

"""The bandit's folder: what was decided, what came of it and what was learned, whole after any crash.

``decisions.log`` and ``feedback.log`` only grow; ``state.npz`` is replaced in one step and names the place in the
feedback log up to which it has learned. After a kill the state is read and the rest of the log learned: nothing is lost
and nothing counts twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy.typing as npt

from copilot.bandit import saving
from copilot.bandit.logfile import LogFile, Record
from copilot.bandit.policy import Decision, Policy
from copilot.errors import BadInput
from copilot.stats import Floats

REWARDS = {"DEEP_LINK_CLICKED": 1.0, "NOTIFICATION_DISMISSED": -1.0, "NO_CLICK": 0.0}


@dataclass(frozen=True)
class Open:
    """Where a decision stands: the position of its line, when it was made or last reopened, what came of it."""

    position: int
    since: datetime
    feedback: str | None = None  # the one that rewards
    number: int | None = None  # of the policy's update


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
            for log in (self.decisions, self.feedback, self.aside):
                log.cut_torn_end()
            self._open_state(fresh)
        except BaseException:
            self._lock.release()
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
        if not decision_id:
            raise BadInput("A decision needs an id, by which feedback can name it.")
        if decision_id in self.status:
            known = self.decisions.record(self.status[decision_id].position)
            return Decision(known["arm"], known["propensity"])
        chosen = self.policy.select(x, suggested=suggested)
        [position] = self.decisions.append(
            [
                {
                    "id": decision_id,
                    "at": moment(now).isoformat(),
                    "x": _listed(x),
                    "arm": chosen.arm,
                    "propensity": chosen.propensity,
                    "suggested": suggested,
                    "seen": self.policy.seen,
                    "about": dict(about or {}),
                }
            ]
        )
        self.status[decision_id] = Open(position, moment(now))
        return chosen

    def learn(self, records: list[dict[str, Any]]) -> None:
        """Log feedback that was matched and learn from it; ``feedback.ingest`` is the way in."""
        self.feedback.append(records)
        for record in records:
            self._apply(record, learn=True)

    def checkpoint(self) -> None:
        """Save the policy with the place in the log up to which it has learned, in one step."""
        saving.write(self.policy, self.folder / "state.npz", {"feedback": self.feedback.end})

    def _open_state(self, fresh: Callable[[], Policy]) -> None:
        learned_to = 0
        if (self.folder / "state.npz").exists():
            self.policy, notes = saving.read_with_notes(Policy, self.folder / "state.npz")
            learned_to = int(notes.get("feedback", 0))
        else:
            self.policy = fresh()
        if learned_to > self.feedback.end:
            raise BadInput(f"feedback.log in {self.folder} is shorter than what was learned; restore it from a backup.")
        self.status: dict[str, Open] = {}
        self._numbers = 0
        self.settled: set[int] = set()  # numbers of events set aside that were matched later
        position = 0
        for after, record in self.decisions.read():
            self.status[record["id"]] = Open(position, datetime.fromisoformat(record["at"]))
            position = after
        for _, record in self.aside.read():
            if record["settles"] is not None:
                self.settled.add(record["settles"])
        for after, record in self.feedback.read():
            self._apply(record, learn=after > learned_to)

    def _apply(self, record: dict[str, Any], *, learn: bool) -> None:
        """Bring a decision up to date with one logged feedback; reward and policy only where ``learn``."""
        if record.get("aside") is not None:
            self.settled.add(record["aside"])
        name, known = record["feedback"], self.status[record["id"]]
        if name == "SNOOZED":
            self.status[record["id"]] = replace(known, since=max(known.since, datetime.fromisoformat(record["at"])))
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


def moment(at: datetime) -> datetime:
    """Return the moment in UTC; one without a time zone is refused."""
    if at.tzinfo is None:
        raise BadInput(f"The moment {at} has no time zone; give one, as 2026-07-01T06:00+00:00.")
    return at.astimezone(UTC)


def _listed(x: npt.ArrayLike) -> Any:
    import numpy as np

    found: Floats = np.asarray(x, float)
    return found.tolist()

"""What a client may do in time: calls a minute for each person, and no write after free text was read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from copilot.errors import BadInput

CALLS_A_MINUTE = 60


@dataclass(frozen=True)
class Session:
    """Whose calls they are, and what they have in common.

    Attributes:
        username: The person; role and scope are looked up at each call.
        key: Calls with the same key may know what another of them read.
        lasts: How long after its last free text the key is held to know it; to its end where None.
    """

    username: str
    key: str
    lasts: timedelta | None = None


class Taint:
    """Which sessions have read free text, which anybody may have written. Kept while the process runs."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._read: dict[str, datetime] = {}

    def mark(self, session: Session) -> None:
        """Note that free text goes to this session."""
        self._read[session.key] = self._clock()

    def holds(self, session: Session) -> bool:
        """Whether this session may know free text."""
        at = self._read.get(session.key)
        return at is not None and (session.lasts is None or self._clock() - at < session.lasts)


class Budget:
    """A bucket for each person that holds a minute's calls and fills evenly."""

    def __init__(self, clock: Callable[[], datetime], calls_a_minute: int = CALLS_A_MINUTE) -> None:
        self._clock, self._most = clock, calls_a_minute
        self._left: dict[str, tuple[float, datetime]] = {}
        self._lock = Lock()

    def spend(self, username: str) -> None:
        """Take one call.

        Raises:
            BadInput: None is left; says when there will be.
        """
        with self._lock:
            now = self._clock()
            left, since = self._left.get(username, (float(self._most), now))
            passed = max((now - since).total_seconds(), 0.0)  # a clock may be set back
            left = min(left + passed * self._most / 60, self._most)
            if left < 1:
                self._left[username] = (left, now)
                wait = math.ceil((1 - left) * 60 / self._most)
                raise BadInput(f"More than {self._most} calls a minute are not answered; try again in {wait} s.")
            self._left[username] = (left - 1, now)

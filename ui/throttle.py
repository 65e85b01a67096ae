"""Guessing passwords takes long: after five failures in five minutes one waits, each time twice as long."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from threading import Lock

FREE = 5  # failures
WINDOW = timedelta(minutes=5)
FIRST_WAIT, LONGEST_WAIT = 30, 3600  # seconds
REMEMBERED = 10_000  # names and addresses; the longest unused is forgotten first


@dataclass
class _Record:
    failures: list[datetime] = field(default_factory=list)
    wait: int = 0
    until: datetime | None = None


@dataclass
class Throttle:
    """Counts failed logins by key (a user name, an address), in memory. Safe to share between threads."""

    clock: Callable[[], datetime]
    _records: OrderedDict[str, _Record] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def wait(self, keys: Iterable[str]) -> int:
        """Return how many seconds these keys must still wait; 0 where they may try."""
        now = self.clock()
        with self._lock:
            until = [self._records[key].until for key in keys if key in self._records]
        return max((ceil((moment - now).total_seconds()) for moment in until if moment and moment > now), default=0)

    def failed(self, keys: Iterable[str]) -> None:
        """Note a failure."""
        now = self.clock()
        with self._lock:
            for key in keys:
                record = self._records.setdefault(key, _Record())
                self._records.move_to_end(key)
                record.failures = [moment for moment in record.failures if now - moment < WINDOW] + [now]
                calm = record.until is not None and now - record.until > timedelta(seconds=LONGEST_WAIT)
                if calm:
                    record.wait = 0
                # Once it had to wait, each further failure doubles the wait.
                if record.wait or len(record.failures) >= FREE:
                    record.wait = min(2 * record.wait or FIRST_WAIT, LONGEST_WAIT)
                    record.until = now + timedelta(seconds=record.wait)
            while len(self._records) > REMEMBERED:
                self._records.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget the failures of a user name; those of an address stay, else one known password would clear them."""
        with self._lock:
            self._records.pop(key, None)

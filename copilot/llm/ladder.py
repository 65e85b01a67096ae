"""The ladder: the remote model, else the embedded one, else none; a rung that failed rests before it is tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from copilot.llm.client import Client, ModelFault

RungName = Literal["remote", "local", "rules"]
ORDER: tuple[RungName, ...] = ("remote", "local", "rules")
SHORTEST_REST = 2.0  # seconds; doubled with each failure in a row
LONGEST_REST = 120.0


@dataclass(frozen=True)
class Rung:
    """One language model: its name on the ladder, what people call it, and its client where it is ready."""

    name: RungName
    title: str
    client: Callable[[], Client]  # raises ModelFault while it is not ready
    chooses: bool = True  # whether its choice of a tool is worth asking for


class Ladder:
    """The language models of this process, best first. Safe to share between threads."""

    def __init__(self, rungs: Sequence[Rung] = (), *, clock: Callable[[], float] = monotonic) -> None:
        self.rungs = tuple(sorted(rungs, key=lambda rung: ORDER.index(rung.name)))
        self._clock = clock
        self._lock = threading.Lock()
        self._resting: dict[str, tuple[float, int, str]] = {}  # until, failures in a row, why

    def usable(self, top: RungName = "remote") -> list[Rung]:
        """Return the rungs from ``top`` down that are not resting."""
        with self._lock:
            now = self._clock()
            return [
                rung
                for rung in self.rungs
                if ORDER.index(rung.name) >= ORDER.index(top) and self._resting.get(rung.name, (0.0, 0, ""))[0] <= now
            ]

    def failed(self, rung: Rung, fault: ModelFault) -> None:
        """Let a rung rest: as long as the fault says, else longer after each failure in a row."""
        with self._lock:
            _, before, _ = self._resting.get(rung.name, (0.0, 0, ""))
            rest = fault.rest or min(SHORTEST_REST * 2 ** min(before, 10), LONGEST_REST)  # a float ends at 2**1024
            self._resting[rung.name] = (self._clock() + rest, before + 1, str(fault))

    def worked(self, rung: Rung) -> None:
        """Forget a rung's failures."""
        with self._lock:
            self._resting.pop(rung.name, None)

    def state(self) -> list[tuple[Rung, str]]:
        """Return each rung with why it rests, or nothing where it is ready."""
        with self._lock:
            now = self._clock()
            resting = {name: why for name, (until, _, why) in self._resting.items() if until > now}
        return [(rung, resting.get(rung.name, "")) for rung in self.rungs]

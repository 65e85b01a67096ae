"""What a policy has seen: contexts, arms and rewards, the newest so many, each under a number of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from copilot.stats import Floats, Ints

KEPT = 20_000  # rows; older ones are let go


@dataclass(frozen=True)
class Rows:
    """Columns of equal length: ``x`` (n, d), ``arm`` positions, ``reward``, ``suggested`` (the arm played was)."""

    x: Floats
    arm: Ints
    reward: Floats
    suggested: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.reward)

    def part(self, start: int, end: int) -> Rows:
        """Return the rows from ``start`` up to ``end``, as views of the same memory."""
        return Rows(self.x[start:end], self.arm[start:end], self.reward[start:end], self.suggested[start:end])


def blank(n: int, n_features: int) -> Rows:
    """Return room for ``n`` rows."""
    return Rows(np.zeros((n, n_features)), np.zeros(n, np.intp), np.zeros(n), np.zeros(n, bool))


class History:
    """A buffer that grows by doubling; row numbers count all rows ever added.

    Args:
        kept: Rows to begin with.
        first: The number of the oldest of them.
    """

    def __init__(self, kept: Rows, first: int = 0) -> None:
        self.first, self._n = first, len(kept)
        self._room = kept

    @property
    def seen(self) -> int:
        """How many rows were ever added: the next row's number."""
        return self.first + self._n

    def rows(self) -> Rows:
        """Return the kept rows, oldest first; valid until the next change."""
        return self._room.part(0, self._n)

    def add(self, x: Floats, arm: int, reward: float, suggested: bool) -> int:
        """Append one row and return its number."""
        if self._n >= KEPT + KEPT // 10:
            self.drop_before(self.seen - KEPT)
        if self._n == len(self._room):
            self._make_room(self.rows())
        room, at = self._room, self._n
        room.x[at], room.arm[at], room.reward[at], room.suggested[at] = x, arm, reward, suggested
        self._n += 1
        return self.seen - 1

    def position(self, number: int) -> int | None:
        """Return where row ``number`` stands in ``rows()``, or None where it was let go or never was."""
        return number - self.first if self.first <= number < self.seen else None

    def drop_before(self, number: int) -> None:
        """Let go of the rows before ``number``."""
        gone = min(max(number - self.first, 0), self._n)
        kept = self._room.part(gone, self._n)
        self._n, self.first = self._n - gone, self.first + gone
        self._make_room(kept)

    def _make_room(self, kept: Rows) -> None:
        room = blank(max(2 * len(kept), 64), kept.x.shape[1])
        n = len(kept)
        room.x[:n], room.arm[:n], room.reward[:n], room.suggested[:n] = kept.x, kept.arm, kept.reward, kept.suggested
        self._room = room

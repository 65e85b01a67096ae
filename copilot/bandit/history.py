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


class History:
    """A buffer that grows by doubling; row numbers count all rows ever added."""

    def __init__(self, n_features: int) -> None:
        self.first = 0  # the number of the oldest row kept
        self._n = 0
        self._rows = Rows(np.empty((64, n_features)), np.empty(64, np.intp), np.empty(64), np.empty(64, bool))

    @property
    def seen(self) -> int:
        """How many rows were ever added: the next row's number."""
        return self.first + self._n

    def rows(self) -> Rows:
        """Return the kept rows, oldest first; valid until the next change."""
        return Rows(*(column[: self._n] for column in _columns(self._rows)))

    def add(self, x: Floats, arm: int, reward: float, suggested: bool) -> int:
        """Append one row and return its number."""
        if self._n >= KEPT + KEPT // 10:
            self.drop_before(self.seen - KEPT)
        if self._n == len(self._rows):
            self._rows = Rows(*(np.concatenate([column, column]) for column in _columns(self._rows)))
        for column, value in zip(_columns(self._rows), (x, arm, reward, suggested), strict=True):
            column[self._n] = value
        self._n += 1
        return self.seen - 1

    def position(self, number: int) -> int | None:
        """Return where row ``number`` stands in ``rows()``, or None where it was let go or never was."""
        return number - self.first if self.first <= number < self.seen else None

    def drop_before(self, number: int) -> None:
        """Let go of the rows before ``number``."""
        kept = self.rows()
        gone = min(max(number - self.first, 0), self._n)
        self._rows = Rows(*(np.array(column[gone:]) for column in _columns(kept)))
        self._n, self.first = self._n - gone, self.first + gone
        if not self._n:
            first = self.first
            self.__init__(kept.x.shape[1])  # type: ignore[misc]
            self.first = first

    def replace(self, first: int, rows: Rows) -> None:
        """Hold exactly ``rows``, the oldest of them numbered ``first``."""
        self.__init__(rows.x.shape[1])  # type: ignore[misc]
        self.first = first
        if len(rows):
            self._rows, self._n = rows, len(rows)


def _columns(rows: Rows) -> tuple[npt.NDArray[np.generic], ...]:
    return rows.x, rows.arm, rows.reward, rows.suggested

"""Notice that rewards no longer come as expected: a one-sided CUSUM of standardised surprises (Page 1954)."""

from __future__ import annotations

from dataclasses import dataclass

# With these two, calm N(0, 1) surprises alarm once in about 300 000 rewards; a fall of the mean by four standard
# deviations is noticed after six rewards, by half of one after some eighty.
ALLOWANCE, LIMIT = 0.25, 20.0
_LARGEST = 4.0  # one surprise counts at most so much, so that no single outlier alarms


@dataclass(frozen=True)
class Cusum:
    """The sum of rewards that fell short, in standard deviations beyond the allowance, and the row it began at."""

    total: float = 0.0
    since: int = 0

    def seen(self, number: int, surprise: float) -> Cusum:
        """Return the sum after row ``number`` came out ``surprise`` standard deviations above what was expected."""
        total = self.total - max(min(surprise, _LARGEST), -_LARGEST) - ALLOWANCE
        if total <= 0:
            return Cusum(0.0, number + 1)
        return Cusum(total, self.since)

    @property
    def alarm(self) -> bool:
        """Say whether the rewards have changed since row ``since``."""
        return self.total > LIMIT

"""Notice that rewards no longer come as expected: a one-sided CUSUM of standardised surprises (Page 1954)."""

from __future__ import annotations

from dataclasses import dataclass

# With these two, calm N(0, 1) surprises alarm less than once in a million rewards; a fall of the mean by four standard
# deviations is noticed after five rewards, by one after some 25.
ALLOWANCE, LIMIT = 0.4, 15.0
CALM = 30  # errors that tell what is usual, before any alarm
_LARGEST = 4.0  # one surprise counts at most so much, so that no single outlier alarms


@dataclass(frozen=True)
class Cusum:
    """How far rewards fell short of what was usual, in its standard deviations beyond the allowance.

    What is usual is the mean and spread of all prediction errors so far, not the model's own claim: a young model is
    too sure of itself, and of the best arm most of all, which is no drift.

    ``total`` is the sum and ``since`` the row it began at; ``rows``, ``mean`` and ``squares`` are the errors' Welford
    moments.
    """

    since: int = 0
    total: float = 0.0
    rows: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def seen(self, number: int, error: float) -> Cusum:
        """Return the state after row ``number``, whose reward was ``error`` above the prediction."""
        total, since = 0.0, number + 1
        if self.rows >= CALM:
            spread = max((self.squares / self.rows) ** 0.5, 1e-9)
            surprise = max(min((error - self.mean) / spread, _LARGEST), -_LARGEST)
            total = max(self.total - surprise - ALLOWANCE, 0.0)
            since = self.since if total > 0 else number + 1
        rows, off = self.rows + 1, error - self.mean
        mean = self.mean + off / rows
        return Cusum(since, total, rows, mean, self.squares + off * (error - mean))

    @property
    def alarm(self) -> bool:
        """Say whether the rewards have changed since row ``since``."""
        return self.total > LIMIT

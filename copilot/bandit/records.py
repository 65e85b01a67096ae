"""What the bandit's logs are about: decisions to make and made, where each stands, and which feedback rewards."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy.typing as npt

from copilot.bandit.logfile import Record
from copilot.errors import BadInput
from copilot.stats import Floats

REWARDS = {"DEEP_LINK_CLICKED": 1.0, "NOTIFICATION_DISMISSED": -1.0, "NO_CLICK": 0.0}
SHOWN = "SHOWN"  # in the log beside feedback: from then on silence says something


@dataclass(frozen=True)
class Open:
    """Where a decision stands: the position of its line, when it was made or last reopened, what came of it."""

    position: int
    since: datetime
    feedback: str | None = None  # the one that rewards
    number: int | None = None  # of the policy's update
    shown: bool = False  # somebody saw it


@dataclass(frozen=True)
class Asked:
    """One decision to make, or one that others made.

    ``decision_id`` names it in all feedback (the recommendation's id), ``suggested`` is Algorithm 1's choice, ``about``
    plain facts for studies, such as the account and the rep, and ``chance`` the probabilities to draw from where they
    are not the policy's own.
    """

    decision_id: str
    x: npt.ArrayLike
    suggested: Hashable | None = None
    about: Record = field(default_factory=dict)
    chance: Floats | None = None


def moment(at: datetime) -> datetime:
    """Return the moment in UTC; one without a time zone is refused."""
    if at.tzinfo is None:
        raise BadInput(f"The moment {at} has no time zone; give one, as 2026-07-01T06:00+00:00.")
    return at.astimezone(UTC)

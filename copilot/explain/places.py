"""Where an account stands among those of its segment: the three highest and the three lowest of each feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from copilot.explain.insights import Insight

FEWEST_PEERS = 20  # accounts of the segment with a value; among fewer, a place says little and says it of few
NAMED = 3  # places from either end that are told


@dataclass(frozen=True)
class Places:
    """The places of all accounts.

    Attributes:
        segment: Each account's segment, by account id.
        place: By feature, one number an account in ``segment``'s order: 1 to 3 from the top, -1 to -3 from the bottom,
            else 0. A value that two accounts share has no place.
        peers: By feature and segment, how many accounts have a value.
    """

    segment: pd.Series = field(default_factory=lambda: pd.Series(dtype="object"))
    place: Mapping[str, np.ndarray] = field(default_factory=dict)
    peers: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, told: list[Insight], values: pd.DataFrame, segment: pd.Series) -> Places:
        """Rank all accounts, feature by feature, within their segments.

        Args:
            told: The insights whose features are ranked; flags are not.
            values: One row an account, indexed by its id.
            segment: Each account's segment; without one it has no place.
        """
        segment = segment.reindex(values.index)
        groups = {str(name): np.asarray(rows) for name, rows in segment.groupby(segment).indices.items()}
        place: dict[str, np.ndarray] = {}
        peers: dict[tuple[str, str], int] = {}
        for one in told:
            if one.kind in ("flag", "change") or one.current in place:
                continue
            column, found = values[one.current].to_numpy(np.float64), np.zeros(len(values), np.int8)
            for name, rows in groups.items():
                known = rows[np.isfinite(column[rows])]
                peers[one.current, name] = len(known)
                if len(known) >= FEWEST_PEERS:
                    _mark(found, known, column)
            place[one.current] = found
        return cls(segment, place, peers)

    def at(self, feature: str, accounts: pd.Index) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return place, number of peers and segment of some accounts for one feature; 0, 0, "" where there is none."""
        if feature not in self.place:
            return np.zeros(len(accounts), np.int8), np.zeros(len(accounts), int), np.full(len(accounts), "")
        rows = self.segment.index.get_indexer(accounts)
        place = np.where(rows >= 0, self.place[feature][rows], 0)
        names = np.where(rows >= 0, self.segment.fillna("").astype(str).to_numpy()[rows], "")
        return place, np.array([self.peers.get((feature, name), 0) for name in names]), names


NO_PLACES = Places()


def _mark(found: np.ndarray, rows: np.ndarray, column: np.ndarray) -> None:
    order = rows[np.argsort(column[rows], kind="stable")]
    for sign, ends in ((-1, order), (1, order[::-1])):
        for number in range(NAMED):
            value = column[ends[number]]
            shared = value == column[ends[number + 1]] or (number and value == column[ends[number - 1]])
            if shared:
                break  # those behind a shared place would be named as if it were none
            found[ends[number]] = sign * (number + 1)

"""Three ways to learn a change: as it is, relative to its base, or as a hurdle of three classes times a size.

Most accounts stay flat and a few large ones move most of the money. The plain change (001 §2.4) lets those few decide;
the ratio Δ/base gives every account the same voice; the hurdle learns *whether* an account moves apart from *how far*:
Δ̂/base = p_up · E[rise | up] − p_churn · E[loss | churn].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from copilot.models import boosting
from copilot.models.boosting import Task
from copilot.models.growth.encoding import Responses, Table, respond
from copilot.stats import Floats, Ints

if TYPE_CHECKING:
    import xgboost as xgb

RATIO = (-1.0, 3.0)  # all is lost … four times the base; beyond lies another business
TARGETS = ("ratio", "raw", "hurdle")  # the simplest first; of the two single regressions the steadier one
SIGNS = ("churn", "up")
PARTS = {"ratio": ("ratio",), "raw": ("raw",), "hurdle": ("churn_size", "up_size")}
DEPTHS, LEAST_TO_DEEPEN = (2, 4), 4_000  # of trees; fewer rows cannot tell which is better
LEAST_TO_SIZE = 40  # movers below which their mean size is all that can be told
LIMITS = {"ratio": RATIO, "churn_size": (0.0, -RATIO[0]), "up_size": (0.0, RATIO[1])}


@dataclass(frozen=True)
class Changes:
    """What is learned: the base, its change and ``size``, which stands in for a base of 0."""

    base: Floats
    delta: Floats
    size: float

    def of(self, part: str, rows: Ints) -> tuple[Ints, Floats, Task]:
        """Return the rows a part learns from, its response and its kind."""
        change, base = self.delta[rows], self.base[rows]
        if part == "raw":
            return rows, change, "mean"
        ratio = np.clip(change / np.where(base > 0, base, self.size), *RATIO)
        if part == "ratio":
            return rows, ratio, "mean"
        sign = -1.0 if part.startswith("churn") else 1.0
        moved = sign * change > 0
        if part in SIGNS:
            return rows, moved.astype(float), "chance"
        return rows[moved], sign * ratio[moved], "mean"


@dataclass(frozen=True)
class Parts:
    """Fitted parts by name: a booster with its responses of text levels, or a constant where nothing varies."""

    boosters: Mapping[str, xgb.Booster]
    responses: Mapping[str, Responses]
    constants: Mapping[str, float] = field(default_factory=dict)

    def tell(self, part: str, table: Table) -> Floats:
        """Return what a part predicts for each row, in its own unit."""
        if part not in self.boosters:
            return np.full(len(table.numbers), self.constants[part])
        found = boosting.predict(self.boosters[part], table.encoded(self.responses.get(part, {})))
        return np.clip(found, *LIMITS[part]) if part in LIMITS else found

    def delta(self, target: str, table: Table, base: Floats, size: float) -> Floats:
        """Return the expected change in the unit of ``base``; a loss never exceeds the base."""
        if target == "raw":
            return np.maximum(self.tell("raw", table), -base)
        if target == "ratio":
            ratio = self.tell("ratio", table)
        else:
            up, churn = (self.tell(sign, table) * self.tell(f"{sign}_size", table) for sign in ("up", "churn"))
            ratio = np.clip(up - churn, *RATIO)
        return np.maximum(ratio * np.where(base > 0, base, size), -base)


def learn(
    parts: tuple[str, ...], table: Table, changes: Changes, rows: Ints, groups: npt.NDArray[Any],
    rng: np.random.Generator, *, thorough: bool = True,
) -> Parts:  # fmt: skip
    """Fit parts on some rows; each seeds its folds and trees from a stream of its own.

    ``thorough`` chooses the rounds of the chances by three inner folds; one is enough for models that only judge.
    """
    boosters: dict[str, xgb.Booster] = {}
    responses: dict[str, Responses] = {}
    constants: dict[str, float] = {}
    for part, seed in zip(parts, rng.spawn(len(parts)), strict=True):
        near, response, task = changes.of(part, rows)
        few = part.endswith("_size") and len(near) < LEAST_TO_SIZE
        if few or len(near) == 0 or response.min() == response.max():
            constants[part] = float(response.mean()) if len(near) else 0.0
            continue
        filled, responses[part] = respond(table.take(near), response, groups[near], seed)
        boosters[part] = boosting.boost(
            filled,
            response,
            task=task,
            groups=groups[near],
            rng=seed,
            names=table.names,
            thorough=thorough and task == "chance",
            depths=DEPTHS if task == "chance" and len(near) >= LEAST_TO_DEEPEN else DEPTHS[:1],
        )
    return Parts(boosters, responses, constants)

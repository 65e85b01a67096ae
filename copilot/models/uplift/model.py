"""The fitted uplift model of one kind of touch: predicting, explaining, and what is written to disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.models import boosting, registry
from copilot.models.uplift import encode, learners, surfaces
from copilot.models.uplift.bases import Kind
from copilot.models.uplift.calibrate import Calibration
from copilot.models.uplift.encode import Encoder
from copilot.models.uplift.learners import Learner
from copilot.models.uplift.surfaces import Surface
from copilot.stats import Floats

if TYPE_CHECKING:
    import xgboost as xgb


@dataclass(frozen=True)
class UpliftModel:
    """Learners fitted several times, each time without a part of the accounts; their mean predicts (bagging).

    Attributes:
        encoder: How the given columns are read.
        task: "chance" for outcomes 0 and 1, else "mean".
        bags: Learner → its fits.
        weights: Learner → its weight; more than one in a stack.
        calibration: How far the effects said are trusted.
        middle, chance: m(x), where no learner models both sides, and e(x).
        spread: Mean variance of the effects said between fits, as ``_variance`` counts it.
        scales: 99th percentiles of the positive and of the absolute uplift over the training rows.
        report: Described at ``copilot.models.uplift.fit``.
        judged: Right after a fit, out of fold: ``row`` (position in ``X``) and ``effect`` (doubly robust; its mean over
            any group of rows estimates what a touch changed there). Not saved.
    """

    encoder: Encoder
    task: Kind
    bags: Mapping[str, Sequence[Learner]]
    weights: Mapping[str, float]
    calibration: Calibration
    middle: Surface | None
    chance: Surface
    spread: float
    scales: tuple[float, float]
    report: dict[str, Any] = field(default_factory=dict)
    judged: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False, repr=False)

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the columns that are read."""
        return self.encoder.names

    def predict(
        self, X: pd.DataFrame, *, interval: float | None = None, value: npt.ArrayLike | None = None
    ) -> pd.DataFrame:
        """Return what is expected without a touch, with one, and the difference.

        Args:
            X: One row a case, with the columns of training; others are ignored.
            interval: Adds limits of the uplift that hold the true effect of about this share of the rows, such as 0.9.
            value: Adds money: what one unit of the outcome is worth in each row, in USD, (n,) or one number.

        Returns:
            Indexed as ``X``: ``y0``, ``y1`` and the signed ``uplift`` = y1 − y0 in the outcome's unit (chances within
            0 and 1); with ``interval`` also ``low`` and ``high``; with ``value`` also ``uplift_usd``.

        Raises:
            BadInput: ``X`` lacks a feature or holds infinite values or text for numbers; a wrong ``interval``.
        """
        if interval is not None and not 0 < interval < 1:
            raise BadInput(f"The interval {interval} is not between 0 and 1; give 0.9 for 90 %.")
        table = self.encoder.table(X)
        y0, y1 = self._sides(table)
        told = pd.DataFrame({"y0": y0, "y1": y1, "uplift": y1 - y0}, index=X.index)
        if interval is not None:
            reach = NormalDist().inv_cdf(0.5 + interval / 2) * self._error(table)
            edges = ((told["uplift"] - reach), (told["uplift"] + reach))
            told["low"], told["high"] = (edge.clip(-1, 1) if self.task == "chance" else edge for edge in edges)
        if value is not None:
            told["uplift_usd"] = told["uplift"] * (
                value if np.ndim(value) == 0 else boosting.vector(value, "value", len(X))
            )
        return told

    def scale_100(self, uplift: npt.ArrayLike) -> Floats:
        """Return 100·min(max(U, 0) / p99(U⁺), 1), for an objective only (MATHS §4); the scale is the training rows'."""
        top = self.scales[0]
        return np.asarray(100 * np.clip(np.asarray(uplift, float) / top, 0, 1) if top > 0 else np.asarray(uplift) * 0.0)

    def contributions(self, X: pd.DataFrame) -> Floats:
        """Return how much each feature adds to each uplift (MATHS §6), in the outcome's unit.

        Returns:
            (n, features + 1): columns in the order of ``features``, the rest last (one effect for all, and what the
            limits of chances cut off). A row sums to its predicted ``uplift``.
        """
        table, trust = self.encoder.table(X), self.calibration
        out = np.zeros((len(X), len(self.features) + 1))
        out[:, -1] = trust.level - trust.slope * trust.centre
        if trust.slope:
            encoded = np.zeros((len(X), table.shape[1] + 1))
            for kind, weight in self.weights.items():
                for one in self.bags[kind]:
                    encoded += trust.slope * weight / len(self.bags[kind]) * one.contributions(table)
            np.add.at(out.T, self.encoder.origin, encoded[:, :-1].T)
            out[:, -1] += encoded[:, -1]
        low, high = self._sides(table)
        out[:, -1] += high - low - trust.apply(self._said(table).mean(axis=1))  # what the limits of chances cut off
        return out

    def _said(self, table: Floats) -> Floats:
        """Return τ by each fit, (n, fits), before calibration."""
        return effects(self.bags, self.weights, table)

    def _sides(self, table: Floats) -> tuple[Floats, Floats]:
        """Return Y(0) and Y(1): y0 = m − e·τ, y1 = y0 + τ, chances clipped last."""
        if not len(table):
            return np.zeros(0), np.zeros(0)
        single = next(iter(self.bags.values()))
        if self.middle is None and self._as_said:
            both = np.array([one.sides(table) for one in single]).mean(axis=0)
            low, high = both[0], both[1]
        else:
            effect, chance = self.calibration.apply(self._said(table).mean(axis=1)), self.chance.predict(table)
            if self.middle is None:
                both = np.array([one.sides(table) for one in single]).mean(axis=0)
                middle = (1 - chance) * both[0] + chance * both[1]
            else:
                middle = self.middle.predict(table)
            low = middle - chance * effect
            high = low + effect
        if self.task == "chance":
            low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
        return low, high

    @property
    def _as_said(self) -> bool:
        return self.calibration.slope == 1 and self.calibration.level == self.calibration.centre

    def _error(self, table: Floats) -> Floats:
        """Return the standard error of each uplift: of the effect said, of its level and of its slope.

        The variance of a fit is estimated from few fits, so half of it is the mean over all rows.
        """
        said, trust = self._said(table), self.calibration
        own = (variance(said) + self.spread) / 2
        apart = said.mean(axis=1) - trust.centre
        return np.asarray(np.sqrt(trust.slope**2 * own + trust.level_se**2 + (trust.slope_se * apart) ** 2), float)

    def bundle(self) -> registry.Bundle:
        """Return the parts the registry writes."""
        arrays: dict[str, np.ndarray] = {}
        boosters: dict[str, xgb.Booster] = {}
        bags = {
            kind: [one.pack(f"{kind}{k}", arrays, boosters) for k, one in enumerate(fits)]
            for kind, fits in self.bags.items()
        }
        trust = self.calibration
        state = {
            "encoder": self.encoder.state(),
            "task": self.task,
            "bags": bags,
            "weights": dict(self.weights),
            "calibration": list(astuple(trust)),
            "middle": None if self.middle is None else self.middle.pack("middle", arrays, boosters),
            "chance": self.chance.pack("chance", arrays, boosters),
            "spread": self.spread,
            "scales": list(self.scales),
        }
        return registry.Bundle("uplift", self.features, boosters, state, self.report, arrays)

    def save(self, folder: Path) -> Path:
        """Write the model into ``folder``."""
        return registry.save(self, folder)


def effects(bags: Mapping[str, Sequence[Learner]], weights: Mapping[str, float], table: Floats) -> Floats:
    """Return τ of each row by each fit, (n, fits)."""
    parts = [weight * np.column_stack([one.effect(table) for one in bags[kind]]) for kind, weight in weights.items()]
    return np.asarray(np.sum(parts, axis=0), float)


def variance(said: Floats) -> Floats:
    """Return the variance of a mean over fits of which each left out one of K parts (delete-a-group jackknife)."""
    fits = said.shape[1]
    return np.asarray(said.var(axis=1) * (fits - 1), float)


def from_bundle(bundle: registry.Bundle) -> UpliftModel:
    """Put a saved model together again."""
    state, arrays, boosters = bundle.state, dict(bundle.arrays), dict(bundle.boosters)
    bags = {
        kind: [learners.from_state(f"{kind}{k}", spec, arrays, boosters) for k, spec in enumerate(fits)]
        for kind, fits in state["bags"].items()
    }
    middle = state["middle"] and surfaces.unpack("middle", state["middle"], arrays, boosters)
    return UpliftModel(
        encode.from_state(bundle.features, state["encoder"]),
        state["task"],
        bags,
        state["weights"],
        Calibration(*state["calibration"]),
        middle,
        surfaces.unpack("chance", state["chance"], arrays, boosters),
        state["spread"],
        (state["scales"][0], state["scales"][1]),
        bundle.report,
    )

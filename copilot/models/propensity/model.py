"""A fitted propensity: what it predicts, the level of each component, tiers, and the parts the registry writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.models import registry
from copilot.models.boosting import Features
from copilot.models.encoding import Encoding
from copilot.models.propensity.calibration import Calibration
from copilot.models.propensity.components import Components
from copilot.models.propensity.learners import Mixture
from copilot.models.propensity.linear import Linear
from copilot.models.propensity.pooling import Pool, regions
from copilot.models.propensity.tiers import tier
from copilot.stats import Floats

KIND = "propensity"


@dataclass(frozen=True)
class Propensity:
    """One model.

    Attributes:
        encoding: How the columns of ``X`` are read.
        mixture: The base learners; None where only one outcome ever occurred, and then all get its ``share``.
        components: The component models, if any were asked for.
        pool: Deviations by region, if a column was named and regions differ.
        calibration: From log-odds to chances.
        by_components: Whether the log-odds are the master's, Σ w_k p(component_k), or those of ``mixture``.
        share: How many of the samples came true.
        cuts: The least chances of the tiers High and Medium.
        report: Out-of-fold figures; ``fit`` says which.
        judged: Out of fold, ``row`` (position in ``X``), ``part`` of the accounts, ``p``, and the log-odds
            ``margin``; not saved.
    """

    encoding: Encoding
    mixture: Mixture | None
    components: Components | None
    pool: Pool | None
    calibration: Calibration
    by_components: bool
    share: float
    cuts: tuple[float, float]
    report: dict[str, Any] = field(default_factory=dict)
    judged: pd.DataFrame | None = field(default=None, compare=False, repr=False)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of ``X`` that are read."""
        pooled = (self.pool.column,) if self.pool and self.pool.column not in self.encoding.kinds else ()
        return (*self.encoding.kinds, *pooled)

    def predict(self, X: pd.DataFrame) -> pd.Series:
        """Return the calibrated probability of each row, indexed as ``X``.

        Raises:
            BadInput: ``X`` lacks a column, or one holds infinite values or another kind than before.
        """
        table = self.encoding.transform(X).to_numpy(np.float32)
        if self.mixture is None:
            return pd.Series(self.share, index=X.index, name="probability", dtype="float64")
        margin = self.master(table) if self.by_components else self.mixture.margin(table)
        if self.pool is not None:
            named = regions(X[self.pool.column]) if self.pool.column in X else np.full(len(X), None, object)
            margin = self.pool.margin(named, margin, self.mixture.linear.scaling.terms(table))
        return pd.Series(self.calibration.chance(margin), index=X.index, name="probability")

    def tiers(self, p: pd.Series) -> pd.Series:
        """Return High, Medium or Low for probabilities that ``predict`` returned."""
        return pd.Series(tier(p.to_numpy(float), self.cuts), index=p.index, name="tier", dtype="object")

    def levels(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return High, Medium high, Medium, Medium low or Low, one column a component; None where it has no data."""
        return self._by_component(X, "levels")

    def chances(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return each component's own probability, one column a component; NaN where it has no data."""
        return self._by_component(X, "chances")

    def master(self, table: Features) -> Floats:
        """Return the log-odds of Σ w_k p(component_k) for an encoded table."""
        assert self.components is not None
        return self.components.master(table)

    def _by_component(self, X: pd.DataFrame, what: str) -> pd.DataFrame:
        if self.components is None:
            return pd.DataFrame(index=X.index)
        table = self.encoding.transform(X).to_numpy(np.float32)
        return pd.DataFrame(getattr(self.components, what)(table), index=X.index, columns=list(self.components.names))

    def bundle(self) -> registry.Bundle:
        """Return the parts the registry writes."""
        arrays: dict[str, npt.NDArray[Any]] = dict(self.calibration.arrays())
        state: dict[str, Any] = {
            "encoding": self.encoding.as_state(), "calibration": self.calibration.as_state(), "share": self.share,
            "by_components": self.by_components, "cuts": list(self.cuts), "used": None, "pool": None,
            "components": None,
        }  # fmt: skip
        if self.mixture is not None:
            state["used"] = list(self.mixture.used)
            arrays |= _prefixed("linear", self.mixture.linear.arrays())
        if self.pool is not None:
            state["pool"], arrays["pool.effects"] = self.pool.as_state(), self.pool.effects
        if self.components is not None:
            parts = self.components
            state["components"] = {
                "columns": {name: list(places) for name, places in parts.columns.items()},
                "learned": [name for name in parts.names if name in parts.models],
                "average": parts.average,
            }
            arrays["weights"] = parts.weights
            for k, name in enumerate(parts.names):
                if name in parts.models:
                    arrays |= _prefixed(f"component{k}", parts.models[name].arrays())
        boosters = self.mixture.boosters if self.mixture is not None else {}
        return registry.Bundle(KIND, self.features, boosters, state, self.report, arrays)


def restore(bundle: registry.Bundle) -> Propensity:
    """Put one saved model together again."""
    state, arrays = bundle.state, bundle.arrays
    mixture = pool = components = None
    if state["used"] is not None:
        mixture = Mixture(Linear.from_arrays(_under("linear", arrays)), bundle.boosters, tuple(state["used"]))
    if state["pool"] is not None:
        pool = Pool.from_state(state["pool"], arrays["pool.effects"])
    if (saved := state["components"]) is not None:
        places = {name: k for k, name in enumerate(saved["columns"])}
        models = {name: Linear.from_arrays(_under(f"component{places[name]}", arrays)) for name in saved["learned"]}
        components = Components(saved["columns"], models, arrays["weights"], saved["average"])
    return Propensity(
        encoding=Encoding.from_state(state["encoding"]),
        mixture=mixture,
        components=components,
        pool=pool,
        calibration=Calibration.from_state(state["calibration"], arrays["at"], arrays["heights"]),
        by_components=state["by_components"],
        share=state["share"],
        cuts=(state["cuts"][0], state["cuts"][1]),
        report=bundle.report,
    )


def _prefixed(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {f"{prefix}.{name}": part for name, part in arrays.items()}


def _under(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(f"{prefix}."): part for name, part in arrays.items() if name.startswith(f"{prefix}.")}

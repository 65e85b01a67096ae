"""Several kinds of touch: each kind against the untouched accounts, under one roof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.models import registry
from copilot.models.uplift import model
from copilot.models.uplift.model import UpliftModel
from copilot.stats import Floats


@dataclass(frozen=True)
class SeveralTouches:
    """One uplift model a kind of touch; accounts with another kind of touch are not part of its comparison."""

    models: Mapping[str, UpliftModel]
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the columns that any of the models reads."""
        return tuple(dict.fromkeys(name for one in self.models.values() for name in one.features))

    def predict(
        self, X: pd.DataFrame, *, interval: float | None = None, value: npt.ArrayLike | None = None
    ) -> pd.DataFrame:
        """Return ``y0`` and, for each kind of touch, ``y1_<arm>`` and ``uplift_<arm>`` = y1_<arm> − y0.

        ``y0`` is the mean of what the comparisons say about leaving the account alone; where adding an uplift to it
        would leave the range of chances it is cut, and the uplift with it. With ``interval`` also ``low_<arm>`` and
        ``high_<arm>``, with ``value`` also ``uplift_usd_<arm>``; see ``UpliftModel.predict``.
        """
        told = {arm: one.predict(X, interval=interval, value=value) for arm, one in self.models.items()}
        out = pd.DataFrame({"y0": np.mean([part["y0"] for part in told.values()], axis=0)}, index=X.index)
        for arm, part in told.items():
            high = out["y0"] + part["uplift"]
            out[f"y1_{arm}"] = high.clip(0, 1) if self.models[arm].task == "chance" else high
            out[f"uplift_{arm}"] = out[f"y1_{arm}"] - out["y0"]
            for column in ("low", "high", "uplift_usd"):
                if column in part:
                    out[f"{column}_{arm}"] = part[column]
        return out

    def contributions(self, X: pd.DataFrame, arm: str) -> Floats:
        """Return what each feature adds to the uplift of one kind of touch; see ``UpliftModel.contributions``."""
        return self.models[arm].contributions(X)

    def bundle(self) -> registry.Bundle:
        """Return the parts the registry writes."""
        arrays: dict[str, np.ndarray] = {}
        boosters: dict[str, Any] = {}
        arms = []
        for number, (arm, one) in enumerate(self.models.items()):
            inner = one.bundle()
            boosters |= {f"a{number}-{name}": part for name, part in inner.boosters.items()}
            arrays |= {f"a{number}-{name}": part for name, part in inner.arrays.items()}
            arms.append({"arm": arm, "features": list(inner.features), "state": inner.state})
        return registry.Bundle("uplift", self.features, boosters, {"arms": arms}, self.report, arrays)

    def save(self, folder: Path) -> Path:
        """Write the models into ``folder``."""
        return registry.save(self, folder)


def from_bundle(bundle: registry.Bundle) -> SeveralTouches:
    """Put saved models together again."""
    models = {}
    for number, spec in enumerate(bundle.state["arms"]):
        own = f"a{number}-"
        boosters = {name.removeprefix(own): part for name, part in bundle.boosters.items() if name.startswith(own)}
        arrays = {name.removeprefix(own): part for name, part in bundle.arrays.items() if name.startswith(own)}
        report = bundle.report["arms"][spec["arm"]]
        inner = registry.Bundle("uplift", tuple(spec["features"]), boosters, spec["state"], report, arrays)
        models[spec["arm"]] = model.from_bundle(inner)
    return SeveralTouches(models, bundle.report)

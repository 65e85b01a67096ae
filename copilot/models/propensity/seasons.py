"""Mid-year and year-end (002): the season as a feature, or a model a season, whichever predicts better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from copilot.errors import BadInput
from copilot.models import registry
from copilot.models.propensity.judge import figures
from copilot.models.propensity.learners import log_losses
from copilot.models.propensity.model import KIND, Propensity, restore
from copilot.models.propensity.pooling import regions
from copilot.models.propensity.tiers import cuts
from copilot.stats import Floats, mean_interval

LEAST_ROWS, LEAST_OUTCOMES = 300, 50  # of a season, for a model of its own
MOST_SEASONS = 4

FitRows = Callable[..., Propensity]


@dataclass(frozen=True)
class BySeason:
    """A model a season, by its name; a season never seen gets ``together``, the model of all with it as a feature."""

    column: str
    parts: Mapping[str, Propensity]
    together: Propensity
    cuts: tuple[float, float]
    report: dict[str, Any] = field(default_factory=dict)
    judged: pd.DataFrame | None = field(default=None, compare=False, repr=False)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of ``X`` that are read."""
        names = [self.column, *(name for part in (self.together, *self.parts.values()) for name in part.features)]
        return tuple(dict.fromkeys(names))

    def predict(self, X: pd.DataFrame) -> pd.Series:
        """Return the calibrated probability of each row, indexed as ``X``."""
        found = self.together.predict(X)
        for part, rows in self._rows(X):
            found.iloc[rows] = part.predict(X.iloc[rows]).to_numpy()
        return found

    def tiers(self, p: pd.Series) -> pd.Series:
        """Return High, Medium or Low for probabilities that ``predict`` returned."""
        return replace(self.together, cuts=self.cuts).tiers(p)

    def levels(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the level of each component; None where it has no data."""
        return self._filled(X, "levels")

    def chances(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return each component's own probability; NaN where it has no data."""
        return self._filled(X, "chances")

    def _filled(self, X: pd.DataFrame, what: str) -> pd.DataFrame:
        found = getattr(self.together, what)(X)
        for part, rows in self._rows(X):
            if len(rows):
                found.iloc[rows] = getattr(part, what)(X.iloc[rows]).to_numpy()
        return found

    def _rows(self, X: pd.DataFrame) -> list[tuple[Propensity, npt.NDArray[np.intp]]]:
        if self.column not in X:
            raise BadInput(f"The features lack {self.column!r}, which the model was trained on; build them again.")
        season = regions(X[self.column])
        return [(part, np.flatnonzero(season == name)) for name, part in self.parts.items()]

    def bundle(self) -> registry.Bundle:
        """Return the parts the registry writes, each season's under a number."""
        models = {"together": self.together} | {f"season{k}": part for k, part in enumerate(self.parts.values())}
        saved = {key: model.bundle() for key, model in models.items()}
        state = {
            "seasons": {"column": self.column, "names": list(self.parts), "cuts": list(self.cuts)},
            "models": {key: {"state": part.state, "features": list(part.features)} for key, part in saved.items()},
        }
        boosters = {f"{key}.{name}": one for key, part in saved.items() for name, one in part.boosters.items()}
        arrays = {f"{key}.{name}": one for key, part in saved.items() for name, one in part.arrays.items()}
        return registry.Bundle(KIND, self.features, boosters, state, self.report, arrays)


def from_bundle(bundle: registry.Bundle) -> Propensity | BySeason:
    """Put a saved model together again."""
    if "seasons" not in bundle.state:
        return restore(bundle)
    models = {}
    for key, saved in bundle.state["models"].items():
        boosters = {n.removeprefix(f"{key}."): b for n, b in bundle.boosters.items() if n.startswith(f"{key}.")}
        arrays = {n.removeprefix(f"{key}."): a for n, a in bundle.arrays.items() if n.startswith(f"{key}.")}
        models[key] = restore(registry.Bundle(KIND, tuple(saved["features"]), boosters, saved["state"], {}, arrays))
    said = bundle.state["seasons"]
    parts = {name: models[f"season{k}"] for k, name in enumerate(said["names"])}
    cut = (said["cuts"][0], said["cuts"][1])
    return BySeason(said["column"], parts, models["together"], cut, bundle.report)


def by_season(
    one: FitRows, season: pd.Series, y: Floats, named: npt.NDArray[Any], column: str, rng: np.random.Generator
) -> Propensity | BySeason:
    """Fit both ways and keep the better.

    Args:
        one: Fits the model of some rows, leaving out the columns it is told to.
        season: The season of each row.
        y: 0/1, (n,).
        named: The account of each row.
        column: What the season's column is called.
        rng: Resamples accounts for the figures of models apart.

    Returns:
        The single model unless separate ones have the lower log loss on the rows that both judged; its report says
        under ``season`` which was ``kept`` ("feature" or "apart"), both losses and their difference with 95 % limits.
    """
    together = one(np.arange(len(season)))
    told = regions(season)
    rows = {name: np.flatnonzero(told == name) for name in sorted({str(name) for name in told if name is not None})}
    counts = [min(y[part].sum(), (1 - y[part]).sum()) for part in rows.values()]
    enough = 2 <= len(rows) <= MOST_SEASONS and min(map(len, rows.values())) >= LEAST_ROWS
    if together.judged is None or not enough or min(counts) < LEAST_OUTCOMES:
        why = f"a model a season needs {LEAST_ROWS} samples and {LEAST_OUTCOMES} of either outcome in each"
        return _reported(together, {"kept": "feature", "reason": why})
    parts = {name: one(part, (column,)) for name, part in rows.items()}
    apart = pd.concat(
        [
            part.judged.assign(row=rows[name][part.judged["row"]])
            for name, part in parts.items()
            if part.judged is not None
        ]
    )
    both = together.judged.merge(apart, on="row", suffixes=("_together", "_apart"))
    actual = y[both["row"]]
    losses = {way: log_losses(actual, both[f"p_{way}"].to_numpy()) for way in ("together", "apart")}
    gain = mean_interval(losses["together"] - losses["apart"], groups=named[both["row"]])
    kept = "apart" if gain.value > 0 else "feature"
    report = {
        "kept": kept,
        "reason": "the lower log loss out of fold",
        "log_loss_feature": float(losses["together"].mean()),
        "log_loss_apart": float(losses["apart"].mean()),
        "feature_minus_apart": gain.as_dict(),
        "n_compared": len(both),
    }
    if kept == "feature":
        return _reported(together, report)
    p, margin = apart["p"].to_numpy(float), apart["margin"].to_numpy(float)
    figured = figures(y[apart["row"]], p, margin, apart["part"].to_numpy(), named[apart["row"]], rng)
    of_parts = {name: part.report for name, part in parts.items()}
    whole = together.report | figured | {"n_judged": len(apart), "season": report, "parts": of_parts}
    return BySeason(column, parts, together, cuts(p), registry.plain(whole), apart)


def _reported(model: Propensity, season: dict[str, Any]) -> Propensity:
    return replace(model, report=model.report | {"season": registry.plain(season)})

"""How good the explanations of the current scores are: exact, faithful, stable, without repetition, easy to read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from copilot.access import EVERYTHING
from copilot.data.choice import chosen_specs
from copilot.data.features import build
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import MissingData
from copilot.explain.attribution import attribute, contributions
from copilot.explain.quality import Quality, quality
from copilot.jobs import samples, train
from copilot.models import registry
from copilot.models.growth.encoding import read
from copilot.models.growth.targets import Changes, learn
from copilot.models.tree_shap import margins
from copilot.stats import Floats

ACCOUNTS, REFITS = 300, 3
PARTS = {"churn": "churn", "upsell": "up"}


def report(
    workspace: Workspace, rng: np.random.Generator, *, tell: Callable[[str], None] = lambda stage: None
) -> dict[str, Quality]:
    """Judge the explanations of churn and upsell on an even sample of the scored accounts.

    A refit learns from as many accounts as the model did, drawn with repetition.

    Raises:
        NotSetUp: There are no scores.
        MissingData: Growth was not scored; says why.
    """
    snapshot = open_snapshot(workspace)
    scored = snapshot.scores("accounts", EVERYTHING)
    scored = scored.loc[scored["churn_probability"].notna(), "account_id"]
    manifest = train.trained(workspace, "growth")
    if scored.empty or manifest is None:
        raise MissingData(snapshot.manifest["skipped"].get("growth", "No growth was scored, so nothing is explained."))
    tell("Features")
    specs = chosen_specs(workspace, workspace.book())
    chosen = scored.iloc[:: max(1, len(scored) // ACCOUNTS)]
    rows = build(workspace, specs=specs).loc[chosen].reindex(columns=manifest["features"])
    model = registry.load(train.bundle(workspace, "growth") / "spend")
    refits = _refits(workspace, manifest["features"], rows, rng, tell)
    family = {spec.name: spec.ultra_name or spec.super_name or spec.name for spec in specs}
    told = snapshot.scores("narratives", EVERYTHING)
    found = {}
    for about, part in PARTS.items():
        if part not in model.boosters:
            continue
        tell(f"Judging {about}")
        booster = model.boosters[part]
        mine = told[(told["about"] == about) & told["account_id"].isin(chosen)]
        found[about] = quality(
            attribute(booster, rows),
            rows.to_numpy(float),
            partial(_margins, booster),
            families=[family.get(name, name) for name in rows.columns],
            refits=refits[part],
            narratives=list(mine["text"]),
            rng=rng,
        )
    return found


def _margins(booster: Any, table: Floats) -> Floats:
    return margins(booster, table.astype(np.float32))


def _refits(
    workspace: Workspace, features: list[str], rows: pd.DataFrame, rng: np.random.Generator, tell: Callable[[str], None]
) -> dict[str, list[Floats]]:
    """Return, by part, the contributions to ``rows`` of models that learned from resampled accounts."""
    book = workspace.book()
    learned = samples.read(book, "growth")
    specs = [spec for spec in chosen_specs(workspace, book) if spec.name in features]
    table = read(samples.features_of(workspace, specs, {"growth": learned})["growth"].reindex(columns=features))
    base, named = learned.rows["base_usd"].to_numpy(float), learned.rows["account_id"].to_numpy()
    changes = Changes(base, learned.rows["delta_usd"].to_numpy(float), float(np.median(base[base > 0])))
    place = pd.Series(np.arange(len(named))).groupby(named).agg(list)
    found: dict[str, list[Floats]] = {part: [] for part in PARTS.values()}
    for number in range(REFITS):
        tell(f"Refit {number + 1} of {REFITS}")
        drawn = np.concatenate(place.iloc[rng.integers(len(place), size=len(place))].tolist())
        parts = learn(tuple(PARTS.values()), table, changes, drawn, named, rng, thorough=False)
        for part, booster in parts.boosters.items():
            found[part].append(contributions(booster, rows)[:, :-1])
    return found

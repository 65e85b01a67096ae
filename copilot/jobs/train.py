"""Train what the book has data for; say of each model how good it is, or why there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from copilot.data import labels
from copilot.data.catalogue import default_specs
from copilot.data.features import build
from copilot.data.workspace import Book, Workspace, read_manifest
from copilot.errors import BadInput
from copilot.models import registry

MODELS = ("growth", "uplift", "engagement")
FEWEST_SAMPLES, FEWEST_IN_ARM, FEWEST_MONTHS = 100, 20, 6
RATIO = (-1.0, 2.0)  # a change of spend beyond three times the base is an entry error or a new business
# What engagement is measured by, the first that the book holds: column -> words, unit, bounds.
ENGAGEMENT: tuple[tuple[str, str, str, tuple[float, float | None]], ...] = (
    ("utilization_pct", "utilisation", "pct", (0.0, 100.0)),
    ("adoption", "adoption", "percent", (0.0, 1.0)),
    ("events", "usage events", "count", (0.0, None)),
)


def train(
    workspace: Workspace,
    now: datetime,
    rng: np.random.Generator,
    *,
    only: str | None = None,
    tell: Callable[[str], None] = lambda stage: None,
) -> list[str]:
    """Train all models, or one, and publish each as a new version.

    Returns:
        One sentence a model: its quality with an interval, or why it was left out.

    Raises:
        BadInput: There is no such model.
        NotSetUp: There is no book.
    """
    if only is not None and only not in MODELS:
        raise BadInput(f"There is no model {only!r}; train knows {', '.join(MODELS)}.")
    book = workspace.book()
    wanted = [name for name in MODELS if only in (None, name)]
    lines = []
    with workspace.writing():
        samples, features = pd.DataFrame(), pd.DataFrame()
        if {"growth", "uplift"} & set(wanted) and book.has("contracts"):
            tell("Labels and features")
            samples = labels.samples(book)
            features = build(workspace, specs=default_specs(book), as_of=samples) if len(samples) else features
        for name, seed in zip(
            MODELS, rng.spawn(len(MODELS)), strict=True
        ):  # one model alone trains as it would among all
            if name not in wanted:
                continue
            reason = why_not(book, name, samples)
            if reason is None:
                tell(f"Training {name}")
                summary = _publish(workspace, book, name, _FITS[name](book, samples, features, seed), now)
                lines.append(f"{name}: {summary}")
            else:
                lines.append(f"{name}: left out. {reason}")
    return lines


def why_not(book: Book, name: str, samples: pd.DataFrame | None = None) -> str | None:
    """Return the sentence that says why this book cannot train a model, or None where it can."""
    if name == "engagement":
        usage = book.table("usage_monthly")
        if usage.empty:
            return _lacks(book, "usage_monthly")
        months = usage["event_ts"].nunique()
        return (
            None
            if months >= FEWEST_MONTHS
            else f"There are {months} months of usage, and a forecast needs {FEWEST_MONTHS}."
        )
    if name == "uplift" and book.table("touches").empty:
        return _lacks(book, "touches")
    if not book.has("contracts"):
        return _lacks(book, "contracts")
    samples = labels.samples(book) if samples is None else samples
    if len(samples) < FEWEST_SAMPLES:
        return f"There are {len(samples)} past renewals or quarters to learn from, and a model needs {FEWEST_SAMPLES}."
    if name == "uplift" and min(samples["treated"].sum(), (1 - samples["treated"]).sum()) < FEWEST_IN_ARM:
        return (
            f"Of {len(samples)} past renewals or quarters {samples['treated'].sum()} were touched; "
            f"an estimate needs {FEWEST_IN_ARM} touched and {FEWEST_IN_ARM} untouched."
        )
    return None


def trained(workspace: Workspace, name: str) -> dict[str, Any] | None:
    """Return the manifest of the current bundle of a model, if it was trained on this book's source."""
    folder = registry.latest(workspace.models, name)
    if folder is None or workspace.current("book") is None:
        return None
    manifest = read_manifest(folder)
    return manifest if manifest["source"] == workspace.book().manifest["source"] else None


def bundle(workspace: Workspace, name: str) -> Path:
    """Return the folder of the current bundle of a model that was trained."""
    folder = registry.latest(workspace.models, name)
    if folder is None:
        raise BadInput(f"There is no model {name!r} in {workspace.models}.")
    return folder


_Fitted = tuple[dict[str, Any], dict[str, Any], str]  # parts by name, what to keep about them, the summary


def _growth(book: Book, samples: pd.DataFrame, features: pd.DataFrame, rng: np.random.Generator) -> _Fitted:
    from copilot.models import growth

    folds = {"groups": samples["account_id"], "time": samples["as_of"]}
    parts = {"spend": growth.fit(features, samples["base_usd"], samples["delta_usd"], unit="spend", rng=rng, **folds)}
    counted = samples["base_quantity"] > 0
    if counted.sum() >= FEWEST_SAMPLES:
        inside = {key: column[counted] for key, column in folds.items()}
        base, delta = samples.loc[counted, "base_quantity"], samples.loc[counted, "delta_quantity"]
        parts["quantity"] = growth.fit(features[counted], base, delta, unit="quantity", rng=rng, **inside)
    report = parts["spend"].report
    found = report["auc_churn"]
    if found is None:
        return parts, {"report": report, "features": list(features)}, f"{len(samples)} samples, of one outcome only."
    verdict = ""
    if not report["skill"]:
        verdict = f" Size alone reaches {report['auc_size']:.3f}: no skill, so scores of growth will not be shown."
    interval = f"95 % interval {found['low']:.3f} to {found['high']:.3f}, {len(samples)} samples"
    summary = f"AUC {found['value']:.3f} for shrinking accounts ({interval}).{verdict}"
    return parts, {"report": report, "features": list(features)}, summary


def _uplift(book: Book, samples: pd.DataFrame, features: pd.DataFrame, rng: np.random.Generator) -> _Fitted:
    from copilot.models import uplift

    ratio = (samples["delta_usd"] / samples["base_usd"]).clip(*RATIO)
    model = uplift.fit(
        features, samples["treated"], ratio, learner="t", rng=rng, groups=samples["account_id"], time=samples["as_of"]
    )
    report = model.report | {"treated": int(samples["treated"].sum())}
    ate = report["ate"]
    verdict = (
        "It beats a constant effect."
        if report["beats_constant"]
        else "It does not beat a constant effect: accounts will not be ranked by it."
    )
    interval = f"95 % interval {100 * ate['low']:.1f} to {100 * ate['high']:.1f} %"
    summary = f"a touch changed spend by {100 * ate['value']:.1f} % on average ({interval}). {verdict}"
    return {"uplift": model}, {"report": report, "features": list(features)}, summary


def _engagement(book: Book, samples: pd.DataFrame, features: pd.DataFrame, rng: np.random.Generator) -> _Fitted:
    from copilot.models import engagement

    usage = book.table("usage_monthly")
    parts: dict[str, Any] = {}
    for column, _, _, bounds in measured(usage):
        panel = usage.dropna(subset=[column])
        parts[column] = engagement.fit(
            panel, unit=["account_id", "product"], time="event_ts", value=column, bounds=bounds, rng=rng
        )
    first, words, unit, _ = measured(usage)[0]
    reports = {column: part.report for column, part in parts.items()}
    report = reports[first] | {"parts": reports}
    factor = 100 if unit == "percent" else 1
    verdict = "" if report["skill"] else " It is no better than the simple guess: its forecasts will not be shown."
    error, guess = factor * report["mae"], factor * report["baseline_mae"]
    summary = f"mean error {error:.2f} for next month's {words}, {guess:.2f} for the best simple guess.{verdict}"
    return parts, {"report": report, "features": []}, summary


def measured(usage: pd.DataFrame) -> list[tuple[str, str, str, tuple[float, float | None]]]:
    """Return what this book measures engagement by; events stand in where there is no rate (rates before volumes)."""
    filled = [part for part in ENGAGEMENT if usage[part[0]].notna().any()]
    return [part for part in filled if part[2] != "count"] or filled


_FITS: dict[str, Callable[[Book, pd.DataFrame, pd.DataFrame, np.random.Generator], _Fitted]] = {
    "growth": _growth,
    "uplift": _uplift,
    "engagement": _engagement,
}


def _publish(workspace: Workspace, book: Book, name: str, fitted: _Fitted, now: datetime) -> str:
    parts, about, summary = fitted

    def write(folder: Path) -> None:
        for part, model in parts.items():
            registry.save(model, folder / part)
        origin = {"source": book.manifest["source"], "book": book.path.name, "trained_at": now.isoformat()}
        manifest = origin | {"parts": list(parts), "summary": summary} | about
        (folder / "manifest.json").write_text(json.dumps(registry.plain(manifest), indent=1), encoding="utf-8")

    registry.publish(workspace.models, name, now.strftime("%Y%m%dT%H%M%S%fZ"), write)
    return summary


def _lacks(book: Book, table: str) -> str:
    sentence: str = book.manifest["missing"].get(table, f"The book has no rows in its table {table}.")
    return sentence

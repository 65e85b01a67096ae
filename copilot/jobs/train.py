"""Train what the book has data for; say of each model how good it is, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from copilot.data.choice import chosen_specs
from copilot.data.workspace import Book, Workspace, read_manifest
from copilot.errors import BadInput
from copilot.jobs import bundles, fits, propensity, samples
from copilot.jobs.fits import Fitted
from copilot.jobs.samples import Samples
from copilot.models import versions

MODELS = ("growth", "uplift", "engagement", "propensity")
FEATURED = ("growth", "uplift")  # the forecast reads the series itself
NEEDS = {"growth": ("contracts",), "uplift": ("touches", "contracts"), "engagement": ("usage_monthly",)}
MOST_SIDE_BY_SIDE = 50_000  # accounts
FEWEST_IN_ARM, FEWEST_MONTHS = 20, 6


def train(
    workspace: Workspace,
    now: datetime,
    rng: np.random.Generator,
    *,
    only: str | None = None,
    promote: bool = True,
    processes: int = 1,
    tell: Callable[[str], None] = lambda stage: None,
) -> list[str]:
    """Train all models, or one, and publish each as a new version.

    Args:
        workspace: Holds the book; takes its writer lock.
        now: Names the versions.
        rng: Seeds everything that is drawn.
        only: One of ``MODELS``.
        promote: Whether the new versions are used from now on; else each waits as its model's challenger.
        processes: How many models to train side by side; the models are the same for any number.
        tell: Told each stage as it begins.

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
        specs = chosen_specs(workspace, book)
        digest = book.digest()
        tell("Labels")
        sets = {
            name: samples.read(book, name)
            for name in wanted
            if name in samples.SETS and why_not_at_all(book, name) is None
        }
        reasons = {name: why_not(book, name, sets.get(name)) for name in wanted}
        learned = {name: sets[name] for name in FEATURED if reasons.get(name, "") is None}
        tell("Features")
        features = samples.features_of(workspace, specs, learned) if learned else {}
        seeds = dict(zip(MODELS, rng.spawn(len(MODELS)), strict=True))  # one model alone trains as it would among all
        able = [name for name in wanted if reasons[name] is None]
        tables = {name: features.get(name, pd.DataFrame()) for name in able}
        jobs = {name: (name, workspace, sets, tables[name], seeds[name]) for name in able}
        if book.manifest["tables"]["accounts"] > MOST_SIDE_BY_SIDE:
            processes = 1  # each would hold a large book of its own
        fitted = fits.side_by_side(jobs, processes, tell) if processes > 1 and len(jobs) > 1 else {}
        for name in wanted:
            if name not in jobs:
                lines.append(f"{name}: left out. {reasons[name]}")
                continue
            if name not in fitted:
                tell(f"Training {name}")
                fitted[name] = fits.fit(*jobs[name])
            made = fitted[name]
            if isinstance(made, BadInput):
                lines.append(f"{name}: left out. {made}")
                continue
            table = tables[name]
            facts = bundles.identity(book, [spec for spec in specs if spec.name in table], digest)
            lines.append(f"{name}: {_publish(workspace, name, made, facts, table, now, promote=promote)}")
    return lines


def why_not_at_all(book: Book, name: str) -> str | None:
    """Return the sentence on a table that a model needs and the book lacks, or None; takes no time."""
    if name == "propensity":
        return propensity.why_not(book)
    for table in NEEDS[name]:
        if not book.manifest["tables"].get(table):
            return _lacks(book, table)
    return None


def why_not(book: Book, name: str, found: Samples | None = None) -> str | None:
    """Return the sentence that says why this book cannot train a model, or None where it can."""
    lacking = why_not_at_all(book, name)
    if lacking is not None or name == "propensity":
        return lacking
    if name == "engagement":
        months = book.table("usage_monthly")["event_ts"].nunique()
        return (
            None
            if months >= FEWEST_MONTHS
            else f"There are {months} months of usage, and a forecast needs {FEWEST_MONTHS}."
        )
    rows = (found or samples.read(book, name)).rows
    if len(rows) < fits.FEWEST_SAMPLES:
        return (
            f"There are {len(rows)} past renewals or quarters to learn from, and a model needs {fits.FEWEST_SAMPLES}."
        )
    if name == "uplift" and min(rows["treated"].sum(), (1 - rows["treated"]).sum()) < FEWEST_IN_ARM:
        return (
            f"Of {len(rows)} past renewals or quarters {rows['treated'].sum()} were touched; "
            f"an estimate needs {FEWEST_IN_ARM} touched and {FEWEST_IN_ARM} untouched."
        )
    return None


def trained(workspace: Workspace, name: str) -> dict[str, Any] | None:
    """Return the manifest of the current bundle of a model, if it was trained on this book's source."""
    folder = versions.latest(workspace.models, name)
    if folder is None or workspace.current("book") is None:
        return None
    manifest = read_manifest(folder)
    return manifest if manifest["source"] == workspace.book().manifest["source"] else None


def bundle(workspace: Workspace, name: str) -> Path:
    """Return the folder of the current bundle of a model that was trained."""
    folder = versions.latest(workspace.models, name)
    if folder is None:
        raise BadInput(f"There is no model {name!r} in {workspace.models}.")
    return folder


def _publish(
    workspace: Workspace, name: str, fitted: Fitted, facts: dict[str, Any], table: pd.DataFrame, now: datetime,
    *, promote: bool,
) -> str:  # fmt: skip
    gold = [samples.frozen(workspace, which, one, now) for which, one in fitted.learned.items()]
    facts = facts | {"trained_at": now.isoformat(), "labels": gold, "summary": fitted.summary}
    was = versions.latest(workspace.models, name)
    version = now.strftime("%Y%m%dT%H%M%S%fZ")
    folder = versions.publish(
        workspace.models, name, version,
        lambda place: bundles.write(place, name, fitted.parts, facts | fitted.about, table), promote=promote, now=now,
    )  # fmt: skip
    waits = " It waits as the challenger: `sales-copilot registry promote " + name + "` puts it to use."
    return fitted.summary + (waits if was is not None and versions.latest(workspace.models, name) != folder else "")


def _lacks(book: Book, table: str) -> str:
    sentence: str = book.manifest["missing"].get(table, f"The book has no rows in its table {table}.")
    return sentence

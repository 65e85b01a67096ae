"""Train what the book has data for; say of each model how good it is, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from copilot.data import labels
from copilot.data.choice import chosen_specs
from copilot.data.workspace import Book, Workspace, read_manifest
from copilot.errors import BadInput
from copilot.jobs import bundles, propensity, samples, segments
from copilot.jobs.samples import Samples
from copilot.models import versions

MODELS = ("growth", "uplift", "engagement", "propensity")
FEATURED = ("growth", "uplift")  # the forecast reads the series itself
NEEDS = {"growth": ("contracts",), "uplift": ("touches", "contracts"), "engagement": ("usage_monthly",)}
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
    promote: bool = True,
    tell: Callable[[str], None] = lambda stage: None,
) -> list[str]:
    """Train all models, or one, and publish each as a new version.

    Args:
        workspace: Holds the book; takes its writer lock.
        now: Names the versions.
        rng: Seeds everything that is drawn.
        only: One of ``MODELS``.
        promote: Whether the new versions are used from now on; else each waits as its model's challenger.
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
        for name, seed in zip(
            MODELS, rng.spawn(len(MODELS)), strict=True
        ):  # one model alone trains as it would among all
            if name not in wanted:
                continue
            reason = reasons[name]
            if reason is None:
                tell(f"Training {name}")
                table = features.get(name, pd.DataFrame())
                fitted = _FITS[name](workspace, sets, table, seed)
                facts = bundles.identity(book, [spec for spec in specs if spec.name in table], digest)
                lines.append(f"{name}: {_publish(workspace, name, fitted, facts, table, now, promote=promote)}")
            else:
                lines.append(f"{name}: left out. {reason}")
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
    if len(rows) < FEWEST_SAMPLES:
        return f"There are {len(rows)} past renewals or quarters to learn from, and a model needs {FEWEST_SAMPLES}."
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


@dataclass(frozen=True)
class _Fitted:
    """What a fit leaves: its parts by name, the label sets they learned from, what to keep about them, the summary."""

    parts: dict[str, Any]
    learned: dict[str, Samples]
    about: dict[str, Any]
    summary: str


def _growth(
    workspace: Workspace, sets: dict[str, Samples], features: pd.DataFrame, rng: np.random.Generator
) -> _Fitted:
    from copilot.models import growth

    book = workspace.book()
    rows = sets["growth"].rows
    owner = book.table("accounts").set_index("account_id")["owner_rep_id"]
    folds = {"groups": rows["account_id"], "time": rows["as_of"], "book": rows["account_id"].map(owner)}
    parts = {"spend": growth.fit(features, rows["base_usd"], rows["delta_usd"], unit="spend", rng=rng, **folds)}
    learned, products = {"growth": sets["growth"]}, sorted(book.table("contracts")["product"].unique())
    quantities = samples.read(book, "growth_quantity")
    place = samples.places(quantities.rows, rows)  # it is drawn from the same accounts, but may know a row later
    quantities = replace(quantities, labels=replace(quantities.labels, frame=quantities.rows[place >= 0]))
    if len(quantities.rows) >= FEWEST_SAMPLES:
        counted, learned["growth_quantity"] = quantities.rows, quantities
        table = samples.with_products(features.take(place[place >= 0]), counted["product"], products)
        parts["quantity"] = growth.fit(
            table, counted["base_quantity"], counted["delta_quantity"], unit="quantity", rng=rng,
            groups=counted["account_id"], time=counted["as_of"],
        )  # fmt: skip
    report = parts["spend"].report
    judged = parts["spend"].judged
    told = rows.iloc[judged["row"]].reset_index(drop=True).assign(churn=judged["churn"].to_numpy())
    told = told.assign(shrank=told["delta_usd"] < 0)
    apart = segments.by_segment(told, book.table("accounts"), segments.chances("churn", "shrank"))
    about = {"report": report, "features": list(features), "products": products, "segments": apart}
    found, said = report["auc_churn"], sets["growth"].told()
    if found is None:
        return _Fitted(parts, learned, about, f"{said}, of one outcome only.")
    verdict = ""
    if not report["skill"]:
        verdict = f" Size alone reaches {report['auc_size']:.3f}: no skill, so scores of growth will not be shown."
    interval = f"95 % interval {found['low']:.3f} to {found['high']:.3f}, {said}"
    return _Fitted(parts, learned, about, f"AUC {found['value']:.3f} for shrinking accounts ({interval}).{verdict}")


def _uplift(
    workspace: Workspace, sets: dict[str, Samples], features: pd.DataFrame, rng: np.random.Generator
) -> _Fitted:
    from copilot.models import uplift

    rows = sets["uplift"].rows
    ratio = (rows["delta_usd"] / rows["base_usd"]).clip(*RATIO)
    model = uplift.fit(features, rows["treated"], ratio, rng=rng, groups=rows["account_id"], time=rows["as_of"])
    report = model.report | {"treated": int(rows["treated"].sum())}
    ate = report["ate"]
    verdict = (
        "It beats a constant effect."
        if report["beats_constant"]
        else "It does not beat a constant effect: accounts will not be ranked by it."
    )
    interval = f"95 % interval {100 * ate['low']:.1f} to {100 * ate['high']:.1f} %"
    summary = f"a touch changed spend by {100 * ate['value']:.1f} % on average ({interval}). {verdict}"
    assert isinstance(model, uplift.UpliftModel)  # any kind of touch is one treatment here
    told = rows.iloc[model.judged["row"]].reset_index(drop=True).assign(effect=model.judged["effect"].to_numpy())
    apart = segments.by_segment(told, workspace.book().table("accounts"), segments.effects)
    about = {"report": report, "features": list(features), "segments": apart}
    return _Fitted({"uplift": model}, {"uplift": sets["uplift"]}, about, summary)


def _engagement(
    workspace: Workspace, sets: dict[str, Samples], features: pd.DataFrame, rng: np.random.Generator
) -> _Fitted:
    from copilot.models import engagement

    book = workspace.book()
    # The model pairs each month with the next by itself: the pairs whose second half are the frozen targets.
    usage, accounts = labels.read(book, "usage_monthly")[0], samples.usage_accounts(book)
    if accounts is not None:
        usage = usage[usage["account_id"].isin(accounts)]
    parts: dict[str, Any] = {}
    for column, _, _, bounds in measured(usage):
        panel = samples.panel(book, usage, column)
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
    learned = {"engagement": sets["engagement"]} if len(sets["engagement"].rows) else {}
    return _Fitted(parts, learned, {"report": report, "features": []}, summary)


def _propensity(
    workspace: Workspace, sets: dict[str, Samples], features: pd.DataFrame, rng: np.random.Generator
) -> _Fitted:
    return _Fitted(*propensity.fit(workspace, rng))


def measured(usage: pd.DataFrame) -> list[tuple[str, str, str, tuple[float, float | None]]]:
    """Return what this book measures engagement by; events stand in where there is no rate (rates before volumes)."""
    filled = [part for part in ENGAGEMENT if usage[part[0]].notna().any()]
    return [part for part in filled if part[2] != "count"] or filled


_FITS: dict[str, Callable[[Workspace, dict[str, Samples], pd.DataFrame, np.random.Generator], _Fitted]] = {
    "growth": _growth,
    "uplift": _uplift,
    "engagement": _engagement,
    "propensity": _propensity,
}


def _publish(
    workspace: Workspace, name: str, fitted: _Fitted, facts: dict[str, Any], table: pd.DataFrame, now: datetime,
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

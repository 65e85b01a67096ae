"""Fit the models from frozen samples, one after the other or side by side in processes of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd

from copilot.data import labels
from copilot.data.workspace import Workspace
from copilot.errors import BadInput
from copilot.jobs import propensity, samples, segments
from copilot.jobs.samples import Samples

RATIO = (-1.0, 2.0)  # a change of spend beyond three times the base is an entry error or a new business
# What engagement is measured by, the first that the book holds: column -> words, unit, bounds.
ENGAGEMENT: tuple[tuple[str, str, str, tuple[float, float | None]], ...] = (
    ("utilization_pct", "utilisation", "pct", (0.0, 100.0)),
    ("adoption", "adoption", "percent", (0.0, 1.0)),
    ("events", "usage events", "count", (0.0, None)),
)
FEWEST_SAMPLES = 100
SLOWEST = ("uplift", "propensity", "growth", "engagement")


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves: its parts by name, the label sets they learned from, what to keep about them, the summary."""

    parts: dict[str, Any]
    learned: dict[str, Samples]
    about: dict[str, Any]
    summary: str


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(
    jobs: dict[str, tuple[Any, ...]], processes: int, tell: Callable[[str], None]
) -> dict[str, Fitted | BadInput]:
    """Fit each model in a process of its own, the slowest first; leaves out those whose process the system ended."""
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    slowest_first = sorted(jobs, key=SLOWEST.index)
    done: dict[str, Fitted | BadInput] = {}
    with ProcessPoolExecutor(min(processes, len(jobs)), get_context("spawn"), _quietly) as pool:
        running = {pool.submit(fit, *jobs[name]): name for name in slowest_first}
        tell(f"Training {', '.join(running.values())}")
        try:
            for future in as_completed(running):
                done[running[future]] = future.result()
                if left := [name for name in running.values() if name not in done]:
                    tell(f"Training {', '.join(left)}")
        except BrokenProcessPool:
            pass  # most likely out of memory: one at a time may do
        except BaseException:
            for process in active_children():
                process.terminate()
            raise
    return done


def _quietly() -> None:
    """End without a word at Ctrl-C or with the process that started this one, which says what is to be said."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the end of the process that started this one; the pool would wait for its next job for ever."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def fit(
    name: str, workspace: Workspace, sets: dict[str, Samples], table: pd.DataFrame, rng: np.random.Generator
) -> Fitted | BadInput:
    """Fit one model, or return what is wrong with its data; ``table`` holds the features of its samples."""
    try:
        return FITS[name](workspace, sets, table, rng)
    except BadInput as error:
        return error  # it keeps no other model from being trained


def _growth(workspace: Workspace, sets: dict[str, Samples], features: pd.DataFrame, rng: np.random.Generator) -> Fitted:
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
        return Fitted(parts, learned, about, f"{said}, of one outcome only.")
    verdict = ""
    if not report["skill"]:
        verdict = f" Size alone reaches {report['auc_size']:.3f}: no skill, so scores of growth will not be shown."
    interval = f"95 % interval {found['low']:.3f} to {found['high']:.3f}, {said}"
    return Fitted(parts, learned, about, f"AUC {found['value']:.3f} for shrinking accounts ({interval}).{verdict}")


def _uplift(workspace: Workspace, sets: dict[str, Samples], features: pd.DataFrame, rng: np.random.Generator) -> Fitted:
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
    return Fitted({"uplift": model}, {"uplift": sets["uplift"]}, about, summary)


def _engagement(
    workspace: Workspace, sets: dict[str, Samples], features: pd.DataFrame, rng: np.random.Generator
) -> Fitted:
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
    return Fitted(parts, learned, {"report": report, "features": []}, summary)


def _propensity(
    workspace: Workspace, sets: dict[str, Samples], features: pd.DataFrame, rng: np.random.Generator
) -> Fitted:
    return Fitted(*propensity.fit(workspace, rng))


def measured(usage: pd.DataFrame) -> list[tuple[str, str, str, tuple[float, float | None]]]:
    """Return what this book measures engagement by; events stand in where there is no rate (rates before volumes)."""
    filled = [part for part in ENGAGEMENT if usage[part[0]].notna().any()]
    return [part for part in filled if part[2] != "count"] or filled


FITS: dict[str, Callable[[Workspace, dict[str, Samples], pd.DataFrame, np.random.Generator], Fitted]] = {
    "growth": _growth,
    "uplift": _uplift,
    "engagement": _engagement,
    "propensity": _propensity,
}

"""The nightly explanations: contributions, reasons and narratives of all accounts, chunk by chunk, resumable."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd

from copilot.data.features import FeatureSpec
from copilot.data.workspace import Book
from copilot.explain import steps
from copilot.explain.insights import Insight, feature_info, insights
from copilot.explain.narratives import by_category, outlook_of, texts
from copilot.explain.places import Places
from copilot.explain.reasons import COLUMNS, Yardstick, facts, reasons
from copilot.explain.thresholds import Rules, Thresholds, rules

CHUNK = 5_000  # accounts; what is held in memory at once grows with it, and with nothing else
SAMPLE = 2_000  # accounts, evenly spread, that show which way a model's contributions point
MONOTONE = 0.5  # rank correlation of value and contribution from which a direction is one
KEPT_FACTS = 8
FRAMES = {"reasons": [*COLUMNS, "outlook"], "narratives": None, "weights": steps.WEIGHTS}
Explainer = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Explained:
    """One model to explain: ``shares`` gives the contributions ``(n, f + 1)`` of rows of ``features``, bias last."""

    about: str
    shares: Explainer
    features: pd.DataFrame


@dataclass(frozen=True)
class _Night:
    """What all chunks share."""

    specs: list[FeatureSpec]
    today: pd.DataFrame
    told: list[Insight]
    by: Yardstick
    rules: Rules
    info: pd.DataFrame
    drivers: pd.DataFrame


def write(
    place: Path,
    models: list[Explained],
    today: pd.DataFrame,
    specs: list[FeatureSpec],
    segment: pd.Series,
    book: Book | None,
    workspace: Path,
    *,
    made_by: str = "",
    chunk: int = CHUNK,
    tell: Callable[[str], None] = lambda stage: None,
    seconds: Callable[[], float] = process_time,
) -> str:
    """Explain all accounts and write the steps into a folder, each as a file that can be looked into.

    The files are ``reasons, narratives, weights`` (of every account), ``feature_info, thresholds`` and ``drivers`` (of
    every model, over an even sample of the accounts).

    A chunk that was finished by a run that was killed is not made again, as long as values, models and rules are the
    same; the finished chunks lie in the workspace's folder ``explaining`` until all are there.

    Args:
        place: The folder that the files are written into.
        models: What to explain; plain facts are told of every account besides.
        today: Today's values, one row an account, columns named as ``specs``.
        specs: The features.
        segment: Each account's segment.
        book: Where the history begins; None takes every window as covered.
        workspace: Its folder; ``narratives.yaml`` in it may hold thresholds and a glossary.
        made_by: What else the contributions depend on: the names of the models' bundles.
        chunk: How many accounts are explained at once.
        tell: Told which chunk is worked on, and how fast it goes.
        seconds: Counts CPU seconds.

    Returns:
        How many explanations (an account by a model, or its plain facts) were made, and how many a CPU second.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    night = _night(models, today, specs, segment, book, rules(workspace))
    steps.check("feature_info", night.info).to_parquet(place / "feature_info.parquet", index=False)
    table = steps.check("thresholds", night.by.thresholds.table(night.told))
    table.to_parquet(place / "thresholds.parquet", index=False)
    steps.check("drivers", night.drivers).to_parquet(place / "drivers.parquet", index=False)
    home = workspace / "explaining"
    done = home / _digest(night, models, made_by, chunk)
    for stale in home.glob("*") if home.is_dir() else ():
        if stale != done:
            shutil.rmtree(stale)
    done.mkdir(parents=True, exist_ok=True)
    writers: dict[str, pq.ParquetWriter] = {}
    began, made, kept = seconds(), 0, 0
    try:
        jobs = list(_jobs(models, today, chunk))
        for number, (one, rows) in enumerate(jobs, 1):
            rate = f", {made / max(seconds() - began, 1e-9):,.0f} a CPU second" if made else ""
            tell(f"Explanations {number} of {len(jobs)}{rate}")
            files = {name: done / f"{number:06d}-{name}.parquet" for name in FRAMES}
            if not all(file.is_file() for file in files.values()):
                for name, frame in _explain(one, rows, night).items():
                    _put(frame, files[name])
                made += len(rows)
            else:
                kept += len(rows)
            for name, file in files.items():
                part = pq.read_table(file)
                if name not in writers:
                    writers[name] = pq.ParquetWriter(place / f"{name}.parquet", part.schema)
                writers[name].write_table(part.cast(writers[name].schema))
            del part
    finally:
        for writer in writers.values():
            writer.close()
    pa.default_memory_pool().release_unused()
    shutil.rmtree(home)
    taken = f"; {kept:,} more are from a run that was stopped" if kept else ""
    by = f"{len(models)} model{'s' * (len(models) != 1)}"
    return (
        f"Explained {len(today):,} accounts by {by} and by plain facts: {made:,} explanations, "
        f"{made / max(seconds() - began, 1e-9):,.0f} a CPU second{taken}."
    )


def _jobs(models: list[Explained], today: pd.DataFrame, chunk: int) -> Iterator[tuple[Explained, pd.Index]]:
    plain = Explained("facts", lambda rows: np.zeros(rows.shape), today)
    for one in [*(model for model in models if len(model.features)), plain]:
        # Without any account there is one empty chunk, so that every file is there.
        for start in range(0, max(len(one.features), 1), chunk):
            yield one, one.features.index[start : start + chunk]


def _night(
    models: list[Explained],
    today: pd.DataFrame,
    specs: list[FeatureSpec],
    segment: pd.Series,
    book: Book | None,
    set_: Rules,
) -> _Night:
    told = insights(specs, None if book is None else history_months(book, {spec.table for spec in specs}))
    looked = [_drivers(one, specs) for one in models if len(one.features)]
    signs = {key: sign for _, found in looked for key, sign in found.items()}
    drivers = pd.concat([frame for frame, _ in looked], ignore_index=True) if looked else _NO_DRIVERS
    by = Yardstick(Thresholds.of(set_.thresholds, told, today), set_.actionable, Places.of(told, today, segment), signs)
    return _Night(specs, today, told, by, set_, feature_info(specs), drivers)


def history_months(book: Book, tables: set[str]) -> dict[str, float]:
    """Return how many months before the book's date each table's records begin."""
    found = {}
    for name in tables:
        if book.has(name):
            first = pd.read_parquet(book.file(name), columns=["event_ts"])["event_ts"].min()
            if not pd.isna(first):
                # The first month may be a whole one: half a month's grace.
                found[name] = (pd.Timestamp(book.as_of) - first).days / 30.4 + 0.5
    return found


def _drivers(one: Explained, specs: list[FeatureSpec]) -> tuple[pd.DataFrame, dict[tuple[str, str], int]]:
    """Return what drives one model, family by family, and the features whose contributions rise or fall with them."""
    from copilot.explain.overview import overview

    sample = one.features.iloc[:: max(1, len(one.features) // SAMPLE)]
    shares = pd.DataFrame(one.shares(sample)[:, :-1], sample.index, sample.columns)
    found = overview(shares, specs, values=sample).drop(columns=["share_before", "share_change"])
    found.insert(0, "about", one.about)
    return found, {(one.about, name): sign for name, sign in _signs(sample, shares).items()}


def _signs(sample: pd.DataFrame, shares: pd.DataFrame) -> dict[str, int]:
    """Return the features whose contributions rise (1) or fall (-1) with their value."""
    from scipy.stats import rankdata

    found = {}
    for name in sample.columns:
        value, share = sample[name].to_numpy(np.float64), shares[name].to_numpy(np.float64)
        known = np.isfinite(value)
        if known.sum() < 20 or np.ptp(value[known]) == 0 or np.ptp(share[known]) == 0:
            continue
        rho = np.corrcoef(rankdata(value[known]), rankdata(share[known]))[0, 1]
        if abs(rho) >= MONOTONE:
            found[str(name)] = int(np.sign(rho))
    return found


def _explain(one: Explained, accounts: pd.Index, night: _Night) -> dict[str, pd.DataFrame]:
    """Return the frames of one chunk."""
    names = [spec.name for spec in night.specs]
    values = night.today.loc[accounts, names]
    if one.about == "facts":
        shares = np.zeros((len(accounts), 0))
        found = facts(values, night.specs, top=KEPT_FACTS, told=night.told, by=night.by)
        raw = pd.DataFrame(columns=steps.WEIGHTS).astype({"weight": float, "value": float})
    else:
        rows = one.features.loc[accounts]
        shares = one.shares(rows)
        raw = steps.check("weights", steps.weights(one.about, shares, rows, night.info).fillna(_NO_LAYER))
        # The insights read all of today's values; a feature that the model does not know contributes nothing.
        whole = np.zeros((len(accounts), len(names)))
        place = {name: number for number, name in enumerate(names)}
        for column, name in enumerate(rows.columns):
            if name in place:
                whole[:, place[name]] = shares[:, column]
        found = reasons(one.about, whole, values, night.specs, told=night.told, by=night.by)
    found["outlook"] = [outlook_of(row, night.rules) or "" for row in found[["ultra", "news"]].to_dict("records")]
    told = found[["account_id", "about", "rank", "category", "weight"]].assign(text=texts(found, night.rules))
    joined = by_category(told) if len(told) else pd.DataFrame(columns=["account_id", "about"])
    return {
        "reasons": _typed(found),
        "narratives": steps.check("narratives", joined) if len(told) else _NONE.copy(),
        "weights": _typed(raw),
    }


_NO_DRIVERS = pd.DataFrame(
    {
        name: pd.Series(dtype="str" if name in ("about", "ultra", "category", "more_means") else "float64")
        for name in ("about", "ultra", "category", "mean_abs", "share", "mean", "more_means")
    }
)
_NO_LAYER = {"super_name": "", "ultra_name": ""}
_NONE = pd.DataFrame(
    {
        "account_id": pd.Series(dtype=str),
        "about": pd.Series(dtype=str),
        "category_rank": pd.Series(dtype="int64"),
        "category": pd.Series(dtype=str),
        "weight": pd.Series(dtype="float64"),
        "text": pd.Series(dtype=str),
    }
)
_INTEGERS, _FLAGS = ("rank", "place", "peers"), ("since",)
_NUMBERS = ("importance", "weight", "push", "current", "previous", "price", "in_1", "in_2", "news", "value")


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with one type a column, whatever a chunk holds, so that chunks go into one file."""
    kinds = {}
    for name in frame:
        kinds[name] = (
            "int64" if name in _INTEGERS else "bool" if name in _FLAGS else "float64" if name in _NUMBERS else "str"
        )
    return frame.astype(kinds)


def _put(frame: pd.DataFrame, file: Path) -> None:
    draft = file.with_suffix(f".{os.getpid()}")
    frame.to_parquet(draft, index=False)
    os.replace(draft, file)


def _digest(night: _Night, models: list[Explained], made_by: str, chunk: int) -> str:
    """Name what the chunks depend on: values, models, features, rules and the words."""
    from copilot.explain.answers.common import templates

    said = repr((made_by, chunk, night.specs, night.told, night.rules, sorted(templates("narratives").items())))
    digest = hashlib.sha256(said.encode())
    for one in models:
        digest.update(one.about.encode() + repr(list(one.features.columns)).encode())
        digest.update(pd.util.hash_pandas_object(one.features).to_numpy().tobytes())
    digest.update(pd.util.hash_pandas_object(night.today).to_numpy().tobytes())
    digest.update(pd.util.hash_pandas_object(night.by.places.segment.astype(str)).to_numpy().tobytes())
    return digest.hexdigest()[:24]

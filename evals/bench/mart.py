"""Compare the feature mart with polars and pandas on the same work: CPU seconds as ratios of one run, and peak memory.

40 000 accounts × 24 months × 30 metrics become 210 features, and half and twice as many accounts show the growth. Each
run is a child process of one thread that reads the same parquet file and ends with a pandas frame. Needs polars
(``constraints.txt`` names the version) beside what the project needs; a peer that is not there is left out. pandas is
compared on 4 000 accounts, since it would take minutes on all.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

AS_OF = date(2026, 6, 30)
MONTHS = 24
METRICS = [f"metric_{i}" for i in range(30)]
WINDOWS = {
    "l1m": (1, 1),
    "l2m_l1m": (2, 2),
    "l3m": (1, 3),
    "l6m_l3m": (4, 6),
    "l6m": (1, 6),
    "l12m": (1, 12),
    "l24m_l12m": (13, 24),
}
KINDS = ("sum", "mean", "max")  # metric i is drawn together by the i-th, in turn


def kind(position: int) -> str:
    """Return the aggregate of a metric."""
    return KINDS[position % len(KINDS)]


def write(folder: Path, accounts: int) -> None:
    """Write a book whose usage table has 30 metrics; 5 % of its values are missing."""
    from copilot.data.workspace import Workspace

    rng = np.random.default_rng(7)
    ids = np.array([f"A{i:06d}" for i in range(accounts)])
    months = pd.date_range(end=AS_OF, periods=MONTHS, freq="MS").to_numpy().astype("datetime64[us]")
    usage = pd.DataFrame({"account_id": np.repeat(ids, MONTHS), "event_ts": np.tile(months, accounts)})
    usage["known_ts"] = (usage["event_ts"] + pd.offsets.MonthEnd(0)).astype("datetime64[us]")
    for metric in METRICS:
        values = rng.gamma(2, 10, len(usage))
        values[rng.random(len(usage)) < 0.05] = np.nan
        usage[metric] = values

    def fill(place: Path) -> dict[str, Any]:
        usage.to_parquet(place / "usage_monthly.parquet", index=False)
        known = np.full(accounts, months[0])
        pd.DataFrame({"account_id": ids, "known_ts": known}).to_parquet(place / "accounts.parquet", index=False)
        tables = {"accounts": accounts, "usage_monthly": len(usage)}
        return {"as_of": AS_OF.isoformat(), "tables": tables}

    Workspace(folder).publish("book", fill, datetime(2026, 7, 1, tzinfo=UTC))


def mart(folder: Path) -> Callable[[], pd.DataFrame]:
    """Our own mart, through its door; the engine is imported before the clock starts, as polars is."""
    import duckdb  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    from copilot.data.features import FeatureSpec, build
    from copilot.data.specs import windows

    specs = [
        spec
        for i, metric in enumerate(METRICS)
        for spec in windows(FeatureSpec(metric, "usage_monthly", metric, kind(i)), *WINDOWS)  # type: ignore[arg-type]
    ]
    return lambda: build(folder, specs=specs)


def source(folder: Path) -> str:
    """Return the usage table's parquet file."""
    return str(next(folder.glob("book/*/usage_monthly.parquet")))


def polars(folder: Path, *, streaming: bool = False) -> Callable[[], pd.DataFrame]:
    """One lazy group-by with a filtered aggregate a feature; ``streaming`` is the engine that was faster here."""
    import polars as pl

    draw: dict[str, Callable[[pl.Expr], pl.Expr]] = {"sum": pl.Expr.sum, "mean": pl.Expr.mean, "max": pl.Expr.max}
    month = pl.col("event_ts").dt.year().cast(pl.Int32) * 12 + pl.col("event_ts").dt.month().cast(pl.Int32)
    features = [
        draw[kind(i)](pl.col(metric).filter(pl.col("age").is_between(first, last))).alias(f"{metric}_{name}")
        for i, metric in enumerate(METRICS)
        for name, (first, last) in WINDOWS.items()
    ]

    def run() -> pd.DataFrame:
        rows = pl.scan_parquet(source(folder)).filter(pl.col("known_ts") < datetime(2026, 7, 1))  # noqa: DTZ001
        grouped = rows.with_columns(age=2026 * 12 + 7 - month).group_by("account_id").agg(features)
        found: pd.DataFrame = grouped.collect(engine="streaming" if streaming else "in-memory").to_pandas()
        return found.set_index("account_id").sort_index()

    return run


def polars_by_stretches(folder: Path) -> Callable[[], pd.DataFrame]:
    """The mart's own plan, written in polars: aggregate by account and stretch of months, then join the stretches."""
    import polars as pl

    stretches = [(1, 1), (2, 2), (3, 3), (4, 6), (7, 12), (13, 24)]
    month = pl.col("event_ts").dt.year().cast(pl.Int32) * 12 + pl.col("event_ts").dt.month().cast(pl.Int32)
    parts = [
        getattr(pl.col(metric), how)().alias(f"{metric}_{how}")
        for i, metric in enumerate(METRICS)
        for how in {"sum": ("sum",), "mean": ("sum", "count"), "max": ("max",)}[kind(i)]
    ]

    def across(metric: str, how: str, first: int, last: int) -> pl.Expr:
        columns = [f"{metric}_{how}_{a}" for a, b in stretches if first <= a and b <= last]
        return pl.max_horizontal(columns) if how == "max" else pl.sum_horizontal(columns)

    def feature(i: int, first: int, last: int) -> pl.Expr:
        if kind(i) == "mean":
            return across(METRICS[i], "sum", first, last) / across(METRICS[i], "count", first, last)
        return across(METRICS[i], kind(i), first, last)

    def run() -> pd.DataFrame:
        rows = pl.scan_parquet(source(folder)).filter(pl.col("known_ts") < datetime(2026, 7, 1))  # noqa: DTZ001
        begins = pl.lit(0)
        for first, _ in stretches:
            begins = pl.when(2026 * 12 + 7 - month >= first).then(first).otherwise(begins)
        grouped = (
            rows.with_columns(stretch=begins).group_by("account_id", "stretch").agg(parts).collect(engine="streaming")
        )
        wide = grouped.select("account_id").unique()
        for first, _ in stretches:
            part = grouped.filter(pl.col("stretch") == first).drop("stretch")
            names = {column: f"{column}_{first}" for column in part.columns if column != "account_id"}
            wide = wide.join(part.rename(names), on="account_id", how="left")
        features = [
            feature(i, first, last).alias(f"{metric}_{name}")
            for i, metric in enumerate(METRICS)
            for name, (first, last) in WINDOWS.items()
        ]
        found: pd.DataFrame = wide.select("account_id", *features).to_pandas()
        return found.set_index("account_id").sort_index()

    return run


def pandas(folder: Path) -> Callable[[], pd.DataFrame]:
    """Rolling windows by account over the months, of which the last is kept; the previous period is shifted."""

    def run() -> pd.DataFrame:
        rows = pd.read_parquet(source(folder))
        rows = rows[rows["known_ts"] < pd.Timestamp("2026-07-01")].sort_values(["account_id", "event_ts"])
        parts = {}
        for name, (first, last) in WINDOWS.items():
            for kind_ in KINDS:
                chosen = [metric for i, metric in enumerate(METRICS) if kind(i) == kind_]
                rolling = rows.groupby("account_id")[chosen].rolling(last - first + 1, min_periods=1)
                shifted = getattr(rolling, kind_)().groupby("account_id").nth(-first)
                shifted.index = shifted.index.get_level_values(0)
                parts.update({f"{metric}_{name}": shifted[metric] for metric in chosen})
        return pd.DataFrame(parts)

    return run


PEERS: dict[str, Callable[[Path], Callable[[], pd.DataFrame]]] = {
    "mart": mart,
    "polars, streaming": lambda folder: polars(folder, streaming=True),
    "polars, in memory": polars,
    "polars, by our plan": polars_by_stretches,
    "pandas rolling": pandas,
}


def child(peer: str, folder: Path) -> None:
    """Run one peer in this process and print its CPU seconds, all threads counted, its peak memory and its sums."""
    run = PEERS[peer](folder)
    start = process_time()
    found = run()
    took = process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    names = [f"{metric}_{name}" for metric in METRICS for name in WINDOWS]
    sums = [float(np.nansum(found[name])) for name in names]
    print(json.dumps({"cpu": took, "peak": peak, "shape": [len(found), len(names)], "sums": sums}))


def measure(peer: str, folder: Path, times: int = 3) -> dict[str, Any]:
    """Run a child several times; keep the least CPU seconds and the highest peak."""
    one = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    runs = []
    for _ in range(times):
        command = [sys.executable, __file__, "--child", peer, "--folder", str(folder)]
        done = subprocess.run(command, env=os.environ | one, capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    best: dict[str, Any] = min(runs, key=lambda run: run["cpu"])
    return best | {"peak": max(run["peak"] for run in runs)}


def compare(folder: Path, accounts: int, peers: list[str]) -> float:
    """Print the mart's cost on one size, and each peer's as a ratio to it; return the mart's CPU seconds."""
    write(folder, accounts)
    own = measure("mart", folder)
    print(
        f"{accounts:>6} accounts, mart: {own['cpu']:.2f} CPU s, peak {own['peak']:.0f} MiB, {own['shape'][1]} features"
    )
    for peer in peers:
        if peer.startswith("polars") and find_spec("polars") is None:
            print(f"       {peer}: left out, polars is not installed")
            continue
        other = measure(peer, folder)
        same = np.allclose(other["sums"], own["sums"], rtol=1e-6)
        print(
            f"       {peer}: {other['cpu']:.2f} CPU s = {other['cpu'] / own['cpu']:.2f} x the mart's, "
            f"peak {other['peak']:.0f} MiB; {'the same numbers' if same else 'OTHER NUMBERS'}"
        )
    return float(own["cpu"])


def main() -> None:
    """Compare with polars on 40 000 accounts and with pandas on a tenth, then show the growth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", choices=PEERS)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.folder)
        return
    took = {}
    for accounts in (40_000, 4_000, 20_000, 80_000):
        peers = {40_000: [peer for peer in PEERS if peer.startswith("polars")], 4_000: ["pandas rolling"]}
        with tempfile.TemporaryDirectory() as name:
            took[accounts] = compare(Path(name), accounts, peers.get(accounts, []))
    for accounts in (20_000, 80_000):
        print(f"{accounts} accounts cost {took[accounts] / took[40_000]:.2f} of what 40 000 cost")


if __name__ == "__main__":
    main()

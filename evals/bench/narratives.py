"""Check ten thousand narratives against the mart, and time the nightly stage that writes them.

The features are those of the tiny demo book; each account takes every family's values from another one, so that no two
are alike. The model learns from a simulated outcome. The checker (evals/narrative_check.py) shares no code with the
writer and takes its contributions from XGBoost. Fails where one sentence says what the mart does not, or fewer than the
wanted number could be checked, or the checker misses one of the faults planted in right sentences.

    python -m evals.bench.narratives [--narratives N] [--accounts N ...] [--seed N]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from copilot.data.specs import FeatureSpec
from evals.narrative_check import Mart, faults, sentences
from evals.narrative_faults import BY_CHANCE, planted

MODELS = ("churn", "upsell", "uplift")
CHECKED_ACCOUNTS = 1_500
PLANTED = 200  # faults of each kind, to see that the checker finds them


def features(workspace: Any) -> tuple[list[FeatureSpec], pd.DataFrame, pd.Series]:
    """Return the features of a simulated book, their values and each account's segment."""
    from copilot.data.choice import chosen_specs
    from copilot.data.features import build
    from copilot.jobs.setup import make_demo
    from copilot.store.database import utc_now

    make_demo(workspace, "tiny", 7, utc_now(), lambda stage: None)
    book = workspace.book()
    specs = chosen_specs(workspace, book)
    accounts = book.table("accounts").set_index("account_id")
    return specs, build(workspace, specs=specs).reindex(accounts.index), accounts["segment"]


def mixed(
    specs: list[FeatureSpec], values: pd.DataFrame, segment: pd.Series, n: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.Series]:
    """Return ``n`` accounts that take every family's values from another account, and their segments."""
    family = pd.Series({spec.name: spec.ultra_name or spec.super_name for spec in specs})
    ids = pd.Index([f"M-{number:06d}" for number in range(n)], name="account_id")
    parts = []
    for _, names in family.groupby(family).groups.items():
        rows = rng.integers(len(values), size=n)
        parts.append(values[list(names)].iloc[rows].set_axis(ids))
    found = pd.concat(parts, axis=1)[list(values.columns)]
    return found, pd.Series(rng.choice(segment.to_numpy(), n), index=ids)


def models(values: pd.DataFrame, rng: np.random.Generator, trees: int) -> dict[str, Any]:
    """Return one booster for each model, of simulated outcomes that hang on all features."""
    import xgboost as xgb

    table = values.to_numpy(np.float32)
    scale = np.nan_to_num(np.nanstd(table, axis=0))
    level = np.nan_to_num((table - np.nanmean(table, axis=0)) / np.where(scale > 0, scale, 1))
    found = {}
    for about in MODELS:
        y = level @ rng.normal(size=table.shape[1]) + 3 * rng.normal(size=len(table))
        how = {"max_depth": 3, "eta": 0.1, "nthread": 1, "seed": 0, "base_score": 0.0}
        found[about] = xgb.train(how, xgb.DMatrix(table, y), trees)
    return found


def written(
    folder: Path, boosters: dict[str, Any], specs: list[FeatureSpec], values: pd.DataFrame, segment: pd.Series
) -> float:
    """Run the nightly stage into ``folder`` and return its CPU seconds."""
    from copilot.explain.attribution import contributions
    from copilot.jobs.explanations import Explained, write

    def shares(booster: Any) -> Any:
        return lambda rows: contributions(booster, rows.to_numpy(np.float32))

    told = [Explained(about, shares(booster), values) for about, booster in boosters.items()]
    start = process_time()
    write(folder, told, values, specs, segment, None, folder)
    return process_time() - start


def mart(boosters: dict[str, Any], specs: list[FeatureSpec], values: pd.DataFrame, segment: pd.Series) -> Mart:
    """Return what the narratives are held against, with XGBoost's own contributions."""
    import xgboost as xgb
    import yaml

    from copilot.config import rooms_root

    rows = xgb.DMatrix(values.to_numpy(np.float32), nthread=1)
    shares = {
        about: pd.DataFrame(booster.predict(rows, pred_contribs=True)[:, :-1], values.index, values.columns)
        for about, booster in boosters.items()
    }
    glossary = yaml.safe_load((rooms_root() / "prompts" / "narratives.yaml").read_text(encoding="utf-8"))["glossary"]
    outlooks = {
        (family, words): 1 if key == "better" else -1 for family, one in glossary.items() for key, words in one.items()
    }
    return Mart(specs, values, segment, shares, outlooks)


def checked(wanted: int, boosters: dict[str, Any], specs: Any, values: pd.DataFrame, segment: pd.Series) -> bool:
    """Check ``wanted`` sentences, print what was found, and say whether none is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), boosters, specs, values, segment)
        table = pd.read_parquet(
            Path(folder) / "narratives.parquet", columns=["account_id", "about", "category", "text"]
        )
    table = table.sample(frac=1, random_state=0)
    count = table["text"].map(lambda text: len(sentences(text)))
    table = table[count.cumsum().shift(fill_value=0) < wanted]
    number = int(count[table.index].sum())
    held = mart(boosters, specs, values, segment)
    wrong = list(faults(table, held))
    turned = [fault for _, fault in wrong if "direction" in fault or "other way" in fault]
    print(
        f"{number:,} sentences in {len(table):,} narratives checked: {len(wrong)} unsupported, "
        f"{len(turned)} in the wrong direction"
    )
    for sentence, fault in wrong[:10]:
        print(f"  {fault}: {sentence}")
    found = planted(table, held, np.random.default_rng(0), PLANTED)
    for kind, (put, seen) in found.items():
        print(f"  planted: {kind:<26} {put:>4}, found {seen / put:.0%}")
    missed = [kind for kind, (put, seen) in found.items() if seen < put and kind not in BY_CHANCE]
    return number >= wanted and not wrong and not missed


def rates(
    sizes: list[int],
    boosters: dict[str, Any],
    specs: Any,
    values: pd.DataFrame,
    segment: pd.Series,
    rng: np.random.Generator,
) -> None:
    """Print the nightly stage's CPU seconds at growing numbers of accounts."""
    for n in sizes:
        rows, groups = mixed(specs, values, segment, n, rng)
        with tempfile.TemporaryDirectory() as folder:
            took = written(Path(folder), boosters, specs, rows, groups)
        print(
            f"{n:>8,} accounts x {len(boosters)} models and facts: {took:7.1f} CPU s, "
            f"{n / took:,.0f} accounts a CPU second"
        )


def main() -> int:
    """Print every figure; the exit code is 1 where a sentence is wrong."""
    from copilot.data.workspace import Workspace

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--narratives", type=int, default=10_000)
    parser.add_argument("--accounts", type=int, nargs="*", default=[5_000, 10_000, 20_000])
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        specs, values, segment = features(Workspace(Path(folder)))
    rows, groups = mixed(specs, values, segment, CHECKED_ACCOUNTS, rng)
    boosters = models(rows, rng, trees=100)
    right = checked(given.narratives, boosters, specs, rows, groups)
    rates(given.accounts, boosters, specs, values, segment, rng)
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())

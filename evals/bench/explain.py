"""Explain 500 trees of depth 6 over 150 features: contributions beside XGBoost's own, gradients, surrogates, rules.

All figures are rows per CPU second of one thread, in one run. The model learns from simulated rows with gaps; what is
explained are fresh rows, a fifth of whose cells are missing. Fails where our contributions are not ten times as fast as
``pred_contribs`` or differ by more than 1e-5 of the largest contribution.

    python -m evals.bench.explain [--rows N] [--seed N]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from time import process_time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

FEATURES, TREES, DEPTH = 150, 500, 6
TIMES, MOST_GAP = 10.0, 1e-5


def world(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of which a third of the columns are flags and a fifth of the cells missing, and what they lead to."""
    X = rng.normal(size=(n, FEATURES)).astype(np.float32)
    X[:, 100:] = X[:, 100:] > 0.5
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3:40] @ np.linspace(1, 0.1, 37) + X[:, 110] * X[:, 4]
    X[rng.random(X.shape) < 0.2] = np.nan
    return X, y + rng.normal(size=n)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what ``work`` gives and the CPU seconds it took."""
    start = process_time()
    found = work()
    return found, process_time() - start


def trees(rows: int, rng: np.random.Generator) -> bool:
    """Compare exact contributions with XGBoost's own and say whether both limits hold."""
    import xgboost as xgb

    from copilot.explain.attribution import contributions
    from copilot.models.leaf_tables import lay_out
    from copilot.models.leaf_walk import walk

    X, y = world(20_000, rng)
    booster = xgb.train({"max_depth": DEPTH, "eta": 0.05, "nthread": 1, "seed": 0}, xgb.DMatrix(X, y), TREES)
    fresh, few = world(rows, rng)[0], min(rows, 300)
    tables, laying = timed(lambda: lay_out(booster))
    walk(tables, fresh[:4])  # compiled before the clock runs
    _, walking = timed(lambda: walk(tables, fresh))
    found, ours = timed(lambda: contributions(booster, fresh))
    told, theirs = timed(lambda: booster.predict(xgb.DMatrix(fresh[:few], nthread=1), pred_contribs=True))
    gap = float(np.abs(found[:few] - told).max() / np.abs(told).max())
    ratio, alone = (rows / ours) / (few / theirs), (rows / walking) / (few / theirs)
    deepest = int(np.diff(tables.node_start).max())
    print(f"{TREES} trees, depth {DEPTH}, {FEATURES} features, 20 % missing; at most {deepest} splits a tree")
    print(f"  pred_contribs {few / theirs:,.0f} rows a CPU second")
    print(f"  contributions {rows / ours:,.0f}: {ratio:.1f} x, with laying out ({laying:.1f} s) and check, {rows} rows")
    print(f"  tables walked alone {rows / walking:,.0f}: {alone:.1f} x; {tables.nbytes / 1e6:,.0f} MB of tables")
    print(f"  largest difference {gap:.1e} of the largest contribution")
    return ratio >= TIMES and gap <= MOST_GAP


def network(rng: np.random.Generator) -> None:
    """Time Integrated Gradients of a network with two hidden layers."""
    import torch
    from torch import nn

    from copilot.explain.attribution import attribute

    torch.set_num_threads(1)
    torch.manual_seed(int(rng.integers(2**31)))
    net = nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    X = np.nan_to_num(world(2_000, rng)[0]).astype(float)
    attribute(net, X[:10])
    found, took = timed(lambda: attribute(net, X))
    print(
        f"Integrated Gradients, 50 steps: {len(X) / took:,.0f} rows a CPU second, largest gap {found.fidelity.gap:.1e}"
    )


def surrogates(rng: np.random.Generator) -> None:
    """Time LIME, K-LIME and rules on a smaller ensemble, and print their fidelity."""
    import xgboost as xgb

    from copilot.explain.attribution import Way, attribute
    from copilot.explain.rules import extract

    X, y = world(4_000, rng)
    how = {"max_depth": 3, "eta": 0.2, "nthread": 1, "objective": "binary:logistic"}
    booster = xgb.train(how, xgb.DMatrix(X, y > 0), 20)
    wide = X.astype(float)
    methods: tuple[tuple[Way, int], ...] = (("lime", 40), ("k-lime", 4_000))
    for method, rows in methods:
        told = partial(attribute, booster, wide[:rows], method=method, background=wide, rng=rng)
        found, took = timed(told)
        print(f"{method}: {rows / took:,.0f} rows a CPU second, {found.fidelity.measure} {found.fidelity.value:.2f}")
    yes = booster.predict(xgb.DMatrix(X, nthread=1)) > 0.5
    names = tuple(f"f{k}" for k in range(FEATURES))
    rules, took = timed(lambda: extract(booster, wide[:3_000], yes[:3_000], features=names))
    fresh = float((rules.predict(wide[3_000:]) == yes[3_000:]).mean())
    print(
        f"rules of 20 trees: {len(rules.rules)} in {took:.1f} CPU s; agreement {rules.agreement:.2f} "
        f"(the model's yeses {rules.on_yes:.2f}, its noes {rules.on_no:.2f}), on other rows {fresh:.2f}"
    )


def main() -> int:
    """Print every figure; the exit code is 1 where a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    kept = trees(given.rows, rng)
    network(rng)
    surrogates(rng)
    print(f"at least {TIMES:.0f} x and at most {MOST_GAP:.0e}: {'kept' if kept else 'NOT KEPT'}")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())

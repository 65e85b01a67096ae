"""Published instances of the OR-Library: the optimum is theirs, not ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.assign.plan import assign

SHARED = Path(__file__).parents[3] / "shared" / "data"


def _numbers(path: Path) -> Iterator[float]:
    if not path.exists():
        pytest.skip(f"The public set {path.parent.name}/{path.name} is not beside the project.")
    lines = (line for line in path.read_text().splitlines() if not line.startswith("#"))
    return (float(word) for line in lines for word in line.split())


def _instances(name: str) -> Iterator[tuple[pd.DataFrame, pd.DataFrame, float]]:
    """Yield pairs, reps and the published maximum of each generalised assignment problem in a file."""
    numbers = _numbers(SHARED / "orlib_gap" / f"{name}.txt")
    published = json.loads((SHARED / "orlib_gap" / "optima.json").read_text())[name]
    sign = 1 if published["sense"] == "max" else -1
    for best in published["values"][: int(next(numbers))]:
        m, n = int(next(numbers)), int(next(numbers))
        value, load = (np.array([next(numbers) for _ in range(m * n)]).reshape(m, n) for _ in range(2))
        account, rep = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
        pairs = pd.DataFrame(
            {"account_id": account, "rep_id": rep, "value": sign * value.T.ravel(), "load": load.T.ravel()}
        )
        limits = {"min_accounts": 0, "max_accounts": n, "max_load": [next(numbers) for _ in range(m)]}
        yield pairs, pd.DataFrame({"rep_id": np.arange(m), **limits}), sign * float(best)


def test_the_hundred_jobs_cost_305() -> None:
    numbers = _numbers(SHARED / "orlib_assign100" / "assign100.txt")
    n = int(next(numbers))
    cost = np.array([next(numbers) for _ in range(n * n)])
    pairs = pd.DataFrame({"account_id": np.repeat(np.arange(n), n), "rep_id": np.tile(np.arange(n), n), "value": -cost})
    reps = pd.DataFrame({"rep_id": np.arange(n), "min_accounts": 0, "max_accounts": 1})
    plan = assign(pairs, reps, coverage="all")
    assert plan.objective == plan.bound == -305
    assert len(plan.assignments) == 100


@pytest.mark.parametrize("name", ["gap1", "gap3", "gap5", "gap7", "gap9", "gap11"])
def test_scip_reaches_the_published_optimum(name: str) -> None:
    for pairs, reps, best in islice(_instances(name), 2):
        plan = assign(pairs, reps, method="mip", coverage="all")
        assert plan.objective == plan.bound == best


@pytest.mark.parametrize(("name", "within"), [("gap1", 0.04), ("gap7", 0.01), ("gapa", 0.002)])
def test_the_rounded_plan_comes_close_to_the_published_optimum_and_stays_below_its_bound(
    name: str, within: float
) -> None:
    for pairs, reps, best in _instances(name):
        plan = assign(pairs, reps, coverage="all")
        assert plan.objective <= best <= plan.bound + 1e-6
        assert (best - plan.objective) / abs(best) <= within
        load = plan.assignments.merge(pairs, on=["account_id", "rep_id"]).groupby("rep_id")["load"].sum()
        assert (load <= reps.set_index("rep_id")["max_load"].reindex(load.index)).all()

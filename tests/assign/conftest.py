"""Small assignment problems to draw, and an independent solver: the same model, written out densely for HiGHS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

Solver = Callable[..., "Solved | None"]
World = tuple[pd.DataFrame, pd.DataFrame]
Worlds = Callable[..., st.SearchStrategy[World]]


@dataclass(frozen=True)
class Solved:
    """The best sum of values less the charges for shortfalls, and the shortfall that goes with it."""

    worth: float
    value: float
    short: float


def _highs(
    pairs: pd.DataFrame,
    reps: pd.DataFrame,
    *,
    coverage: str = "best",
    price: float | None = None,
    whole: bool = True,
    minimums: bool = True,
) -> Solved | None:
    """Maximise value − price·shortfall (price None: minimums hard); None where nothing is feasible."""
    n, m = len(pairs), len(reps)
    accounts = pairs["account_id"].unique()
    load = pairs["load"].to_numpy(float) if "load" in pairs else np.zeros(n)
    rows, low, high = [], [], []
    for account in accounts:
        rows.append(np.concatenate([(pairs["account_id"] == account).to_numpy(float), np.zeros(m)]))
        low.append(1.0 if coverage == "all" else 0.0)
        high.append(1.0)
    for j, rep in enumerate(reps.itertuples()):
        own = (pairs["rep_id"] == rep.rep_id).to_numpy(float)
        rows.append(np.concatenate([own, np.zeros(m)]))
        low.append(-np.inf)
        high.append(rep.max_accounts)
        if minimums:
            rows.append(np.concatenate([own, np.eye(m)[j]]))
            low.append(rep.min_accounts)
            high.append(np.inf)
        if "max_load" in reps:
            rows.append(np.concatenate([own * load, np.zeros(m)]))
            low.append(-np.inf)
            high.append(rep.max_load)
    cost = np.concatenate([-pairs["value"].to_numpy(float), np.full(m, 0.0 if price is None else price)])
    most = np.concatenate([np.ones(n), np.full(m, 0.0 if price is None else np.inf)])
    answer = milp(
        cost,
        constraints=LinearConstraint(np.array(rows), low, high),
        bounds=Bounds(0, most),
        integrality=np.concatenate([np.full(n, int(whole)), np.zeros(m)]),
        options={"mip_rel_gap": 0},
    )
    if answer.x is None:
        return None
    value = float(pairs["value"] @ answer.x[:n])
    short = float(answer.x[n:].sum())
    return Solved(value - (price or 0.0) * short, value, short)


@pytest.fixture(scope="session")
def highs() -> Solver:
    """The oracle, as a fixture because test modules import nothing from each other."""
    return _highs


@st.composite
def _worlds(draw: st.DrawFn, *, loaded: bool = False, accounts: int = 7, reps: int = 4) -> World:
    """Draw pairs and reps: few distinct values (ties), some negative, limits that often cannot be kept."""
    n, m = draw(st.integers(1, accounts)), draw(st.integers(1, reps))
    values = draw(st.sampled_from([st.integers(-3, 5), st.integers(-9, 0), st.floats(-5, 20, width=16)]))
    rows = [
        (f"a{i}", f"r{j}", float(draw(values)), float(draw(st.integers(0, 12)) / 2))
        for i in range(n)
        for j in sorted(draw(st.sets(st.integers(0, m - 1), min_size=1)))
    ]
    pairs = pd.DataFrame(rows, columns=["account_id", "rep_id", "value", "load"])
    low = [draw(st.integers(0, 3)) for _ in range(m)]
    team = pd.DataFrame(
        {
            "rep_id": [f"r{j}" for j in range(m)],
            "min_accounts": low,
            "max_accounts": [least + draw(st.integers(0, 4)) for least in low],
            "max_load": [float(draw(st.integers(0, 20))) for _ in range(m)],
        }
    )
    return (pairs, team) if loaded else (pairs.drop(columns="load"), team.drop(columns="max_load"))


@pytest.fixture(scope="session")
def worlds() -> Worlds:
    """The strategy that draws small problems."""
    return _worlds

"""Time what-ifs on 5 000 accounts × 60 reps: frames in, the difference from the base plan out.

Wall time in milliseconds, the median of five after the first, for every kind of change; the target is 300.

    python -m evals.bench.what_if
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from copilot.assign.whatif import Base, Change
from evals.bench._assignments import frames, world

SIZE = "5k x 60"
TARGET_MS = 300.0


def changes(base: Base, rng: np.random.Generator) -> dict[str, Change]:
    """Return one change of each kind; those of values stand for another midpoint, threshold or bonus."""
    pairs = base.pairs
    first = base.plan.assignments.iloc[0]
    rep, account = first["rep_id"], first["account_id"]
    other = pairs.loc[(pairs["account_id"] == account) & (pairs["rep_id"] != rep), "rep_id"].iloc[0]
    newcomer = pd.DataFrame({"rep_id": ["R-new"], "min_accounts": [20], "max_accounts": [60]})
    theirs = pairs.drop_duplicates("account_id").assign(rep_id="R-new")
    by_account = pd.Series(rng.lognormal(0.0, 0.3, pairs["account_id"].nunique()), index=pairs["account_id"].unique())
    return {
        "capacity": Change(everyone={"max_accounts": 70}),
        "midpoint": Change(pairs=pairs.assign(value=pairs["value"] * pairs["account_id"].map(by_account).to_numpy())),
        "threshold": Change(pairs=pairs[pairs["value"] > pairs["value"].quantile(0.3)]),
        "continuity": Change(pairs=pairs.assign(value=pairs["value"] + 5.0 * (rng.random(len(pairs)) < 0.05))),
        "rep absent": Change(without=(rep,)),
        "rep added": Change(added=newcomer, pairs=pd.concat([pairs, theirs], ignore_index=True)),
        "pin": Change(pins=((account, other),)),
        "forbid": Change(forbidden=((account, rep),)),
    }


def main() -> None:
    """Print one line a kind of value and change."""
    slowest = 0.0
    for kind in ("fit", "literal"):
        base = Base.of(*frames(world(SIZE, kind)))
        for name, change in changes(base, np.random.default_rng(7)).items():
            wall, cpu = [], []
            for _ in range(6):
                begun, worked = perf_counter(), process_time()
                found = base.what_if(change)
                wall.append(1e3 * (perf_counter() - begun))
                cpu.append(1e3 * (process_time() - worked))
            slowest = max(slowest, took := float(np.median(wall[1:])))
            print(
                f"{SIZE} {kind:<8} {name:<11} {len(found.moves):>6,} moves {took:6.0f} ms, "
                f"CPU {np.median(cpu[1:]):4.0f} ms (the first {wall[0]:.0f} ms)",
                flush=True,
            )
    print(f"slowest {slowest:.0f} ms, {'within' if slowest < TARGET_MS else 'ABOVE'} {TARGET_MS:.0f} ms")


if __name__ == "__main__":
    main()

"""Compare the plan's core with OR-Tools' min-cost flow on the same integer-coded arrays, and show what it costs a pair.

Core against core: the median of five runs after one to warm up, CPU seconds, both in one process. The whole door
(frames in, Plan out) stands beside the peer with the same coding of ids. Peak memory comes from one child process each.
SCIP's own model and HiGHS are shown where they finish in a minute. Needs OR-Tools; the plot needs matplotlib.

    python -m evals.bench.assign            sizes from 15k to 750k pairs, and workloads
    python -m evals.bench.assign --large    the same and 3M pairs
    python -m evals.bench.assign --out DIR  also draws the cost of a pair over their number, as DIR/cost_per_pair.png
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
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from copilot.assign.plan import assign
from copilot.assign.problem import OUT, Numbers, Problem
from copilot.assign.rounding import round_plan
from copilot.assign.solve import solve_relaxation
from copilot.assign.terms import Terms, bound
from evals.bench._assignments import GRID, KINDS, World, frames, value_of, world

SCIP_SECONDS = 60.0


def core(given: World) -> tuple[float, float, float]:
    """Solve by our core; return value, what its prices prove, and accounts missing to minimums."""
    problem = replace(given.problem)  # nothing cached from the run before
    terms = Terms(given.everyone, given.charge)
    relaxed = solve_relaxation(problem, terms)
    if relaxed is None:
        raise SystemExit("The instance is infeasible.")
    chosen = np.full(len(problem.accounts), OUT)
    taken = np.flatnonzero(relaxed.share > 0.5)
    chosen[problem.account[taken]] = taken
    return value_of(problem, chosen), bound(problem, terms, relaxed, chosen), float(problem.shortfall(chosen).sum())


def flow(given: World) -> tuple[float, float]:
    """Solve by OR-Tools' min-cost flow; return value and accounts missing to minimums."""
    from ortools.graph.python import min_cost_flow  # type: ignore[import-untyped]

    problem = given.problem
    n, m, pairs = len(problem.accounts), len(problem.reps), len(problem.rep)
    accounts, reps, sink = np.arange(n), n + np.arange(m), n + m
    cost = -np.round(problem.value * GRID).astype("int64")
    low, high = problem.low.astype("int64"), np.minimum(problem.high, n).astype("int64")
    out = [] if given.everyone else [np.full(n, sink)]
    tails = np.concatenate([problem.account, *([accounts] if out else []), reps, reps])
    heads = np.concatenate([n + problem.rep, *out, np.full(2 * m, sink)])
    capacity = np.concatenate([np.ones(pairs + n * len(out), dtype="int64"), low, high - low])
    costs = np.concatenate(
        [cost, np.zeros(n * len(out), dtype="int64"), np.full(m, -int(given.charge * GRID)), np.zeros(m, dtype="int64")]
    )
    solver = min_cost_flow.SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(tails, heads, capacity, costs)
    solver.set_nodes_supplies(np.arange(n + m + 1), np.concatenate([np.ones(n), np.zeros(m), [-n]]).astype("int64"))
    if solver.solve() != solver.OPTIMAL:
        raise SystemExit("The peer found no optimum.")
    flows = solver.flows(arcs)
    filled = flows[pairs + n * len(out) : pairs + n * len(out) + m]
    return -float((cost * flows[:pairs]).sum()) / GRID, float((low - filled).sum())


def coded(pairs: pd.DataFrame, given: World) -> tuple[float, float]:
    """Do what a user of the peer has to do: code the ids, then solve."""
    pd.factorize(pairs["account_id"], sort=True)
    pd.factorize(pairs["rep_id"], sort=True)
    return flow(given)


def median(work: Callable[[], Any], times: int = 5) -> tuple[float, Any]:
    """Return the median CPU seconds after one run to warm up, and the last result."""
    work()
    took = []
    for _ in range(times):
        begun = process_time()
        result = work()
        took.append(process_time() - begun)
    return float(np.median(took)), result


def peak(file: Path, who: str) -> float:
    """Return the peak memory of one solve in a child process, in MiB."""
    command = [sys.executable, __file__, "--child", who, "--file", str(file)]
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=True
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def save(given: World, file: Path) -> None:
    """Keep an instance, so that drawing it does not count as memory of a solver."""
    problem = given.problem
    arrays = {name: getattr(problem, name) for name in ("account", "rep", "value", "load", "low", "high", "max_load")}
    np.savez(file, start=problem.start, **arrays)


def child(who: str, file: Path) -> None:
    """Solve a kept instance once and print the peak memory."""
    with np.load(file) as kept:
        arrays = {name: kept[name] for name in kept.files}
    ids = {"accounts": pd.RangeIndex(len(arrays["start"]) - 1), "reps": pd.RangeIndex(len(arrays["low"]))}
    given = World(Problem(**ids, **arrays), everyone=False)
    if who == "core":
        core(given)
    elif who == "flow":
        flow(given)
    else:
        pairs, reps = frames(given)
        del arrays
        if who == "door":
            assign(pairs, reps, shortfall_price=given.charge)
        else:
            coded(pairs, given)
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would carry over what the parent held when it forked
        highest = float(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1])
    else:
        highest = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(json.dumps(highest / 1024))


def compare(size: str, kind: str, times: int) -> float:
    """Print one line of core against core; return our CPU nanoseconds a pair."""
    given = world(size, kind)
    own, (value, proved, short) = median(lambda: core(given), times)
    peer, (best, lacking) = median(lambda: flow(given), min(times, 3))
    pairs = len(given.problem.rep)
    same = value == best and short == lacking
    certified = abs(proved - value) <= 1e-9 * max(1.0, abs(value))
    verdict = "same objective" if same else f"OTHER: {value} {short} / {best} {lacking}"
    print(
        f"{size:>12} {kind:<10} {pairs:>9,} pairs {own:8.3f} s {peer:8.3f} s "
        f"{own / peer:6.2f} {own / pairs * 1e9:7.0f} ns/pair  {verdict}, "
        f"{'certified' if certified else f'NOT CERTIFIED: {proved}'}",
        flush=True,
    )
    return own / pairs * 1e9


def door(size: str) -> None:
    """Print the whole door beside the peer with coding, and the peak memory of each."""
    given = world(size)
    pairs, reps = frames(given)
    own, _ = median(lambda: assign(pairs, reps, shortfall_price=given.charge), 3)
    peer, _ = median(lambda: coded(pairs, given), 3)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "instance.npz"
        save(given, file)
        memory = {who: peak(file, who) for who in ("core", "flow", "door", "coded")}
    print(
        f"{size:>12} door {own:.2f} s, peer with coding {peer:.2f} s, {own / peer:.2f}; peak memory core "
        f"{memory['core']:.0f} MiB, peer {memory['flow']:.0f}; door {memory['door']:.0f}, peer with coding "
        f"{memory['coded']:.0f}",
        flush=True,
    )


def workloads(size: str) -> None:
    """Print how far the rounded plan stays below the bound of its linear program."""
    given = world(size, loads=True)
    problem, terms = given.problem, Terms(everyone=False, shortfall_price=given.charge)
    fitted, relaxed = median(lambda: solve_relaxation(problem, terms), 1)
    rounded, chosen = median(lambda: round_plan(problem, terms, relaxed), 1)
    top, value = bound(problem, terms, relaxed, chosen), value_of(problem, chosen)
    print(f"{size:>12} hours: LP {fitted:.2f} s, rounding {rounded:.2f} s, {(top - value) / top:.4%} below the bound")


def scip(size: str) -> str:
    """Time SCIP's own model of the linear program, given a minute."""
    from copilot.assign.whole import add_rows, quiet_model

    given = world(size)
    problem = given.problem
    begun = process_time()
    model = quiet_model(SCIP_SECONDS)
    picks = [model.addVar(lb=0, obj=value) for value in problem.value.tolist()]
    below = [model.addVar(lb=0, obj=-given.charge) for _ in range(len(problem.reps))]
    add_rows(model, problem, picks, everyone=False, below=below)
    model.setMaximize()
    model.optimize()
    took = process_time() - begun
    done = model.getStatus() == "optimal"
    return f"{took:.2f} s" if done else f"not finished after {took:.0f} s"


def highs(size: str) -> str:
    """Time HiGHS (through scipy) on the same program, given a minute."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    given = world(size)
    problem = given.problem
    n, m, pairs = len(problem.accounts), len(problem.reps), len(problem.rep)
    column, ones = np.arange(pairs), np.ones(pairs)
    shape = (n + 2 * m, pairs + m)
    rows = np.concatenate([problem.account, n + problem.rep, n + m + problem.rep, n + m + np.arange(m)])
    columns = np.concatenate([column, column, column, pairs + np.arange(m)])
    entries = np.concatenate([ones, ones, -ones, -np.ones(m)])
    limits = np.concatenate([np.ones(n), problem.high, -problem.low])
    cost: Numbers = np.concatenate([-problem.value, np.full(m, given.charge)])
    begun = process_time()
    answer = linprog(
        cost, A_ub=csr_array((entries, (rows, columns)), shape=shape), b_ub=limits, options={"time_limit": SCIP_SECONDS}
    )
    took = process_time() - begun
    return f"{took:.2f} s" if answer.status == 0 else f"not finished after {took:.0f} s"


def flat(cost: dict[int, float], out: Path | None) -> None:
    """Say how the cost of a pair changes with their number, and draw it where a folder is given."""
    low, high = min(cost.values()), max(cost.values())
    told = ", ".join(f"{pairs:,} pairs {each:.0f}" for pairs, each in cost.items())
    print(f"CPU ns a pair: {told}; the highest is {high / low:.2f} times the lowest")
    if out is None:
        return
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.semilogx(list(cost), list(cost.values()), marker="o")
    axes.set(xlabel="eligible pairs", ylabel="CPU ns a pair", ylim=(0, None))
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "cost_per_pair.png")
    print(f"plot: {out / 'cost_per_pair.png'}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="3M pairs too")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to draw the cost of a pair")
    parser.add_argument("--child", choices=("core", "flow", "door", "coded"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.file)
        return
    for needed in ["ortools", *(["matplotlib"] if given.out else [])]:
        if find_spec(needed) is None:
            raise SystemExit(f"This comparison needs the package {needed}; install it.")
    sizes = ["1k x 20", "10k x 100", "50k x 300", *(["200k x 1000"] if given.large else [])]
    print(f"{'':>12} {'':<10} {'':>15} {'core':>10} {'peer':>10} {'ratio':>6}")
    cost = {}
    for size in sizes:
        cost[len(world(size).problem.rep)] = compare(size, "fit", 5)
    for kind in KINDS[1:]:
        compare("10k x 100", kind, 5)
    compare("50k x 300", "literal", 3)
    for size in sizes[1:]:
        door(size)
    for size in sizes[1:3]:
        workloads(size)
    print(f"     1k x 20 SCIP's own model {scip('1k x 20')}, HiGHS {highs('1k x 20')}")
    flat(cost, given.out)


if __name__ == "__main__":
    main()

"""Time the nightly steps and the answers on this machine, as multiples of one yardstick taken in the same run.

The yardstick is one sort of ten million numbers; figures from two machines, or two days, compare by their multiples.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np

from copilot.agent.ask import ask, router
from copilot.data.demo import PresetName
from copilot.data.workspace import Workspace
from copilot.jobs.score import score
from copilot.jobs.setup import make_demo
from copilot.jobs.train import train
from copilot.rooms import registry
from copilot.store.database import Store, utc_now


def timed(name: str, work: Callable[[], object], yard: float, times: int = 1) -> None:
    """Print the CPU seconds of one run of ``work`` and how many yardsticks they are."""
    start = process_time()
    for _ in range(times):
        work()
    took = (process_time() - start) / times
    print(f"{name:<44} {took:9.3f} CPU s {took / yard:9.2f} x yardstick")


def book(preset: PresetName, yard: float) -> None:
    """Time everything on one preset of the demo book."""
    tools = registry()
    with tempfile.TemporaryDirectory() as folder:
        place = Workspace(Path(folder))
        timed(f"{preset}: simulate the book", lambda: make_demo(place, preset, 7, utc_now(), lambda stage: None), yard)
        timed(f"{preset}: train", lambda: train(place, utc_now(), np.random.default_rng(7)), yard)
        timed(f"{preset}: score", lambda: score(place, utc_now()), yard)
        with Store.open(place.database) as store:
            ana = store.principal("ana")
            for question in ("Who should I call this week, and why?", "How many open deals do I have by product?"):
                once = partial(ask, place, store, tools, question, ana, clock=utc_now, rng=np.random.default_rng(7))
                once()  # the first loads router and tables
                timed(f"{preset}: {question[:32]}", once, yard, times=10)


def main() -> None:
    """Run the steps on the tiny and the demo book."""
    numbers = np.random.default_rng(7).random(10_000_000)
    start = process_time()
    np.sort(numbers)
    yard = process_time() - start
    print(f"{'yardstick: sort ten million numbers':<44} {yard:9.3f} CPU s")
    router()
    book("tiny", yard)
    book("demo", yard)


if __name__ == "__main__":
    main()

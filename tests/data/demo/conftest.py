"""One book of 5 000 accounts with its truth, and a small world without any deal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from copilot.data.demo import simulate, words
from copilot.data.demo.world import World, imagine
from copilot.data.workspace import Book, Draft, Workspace
from tests.conftest import NOW


@dataclass(frozen=True)
class Simulated:
    draft: Draft
    truth: dict[str, pd.DataFrame]
    book: Book


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    draft, truth = simulate(accounts=5_000, seed=11)
    return Simulated(draft, truth, Workspace(tmp_path_factory.mktemp("demo")).write_book(draft, NOW))


@pytest.fixture(scope="session")
def world() -> World:
    rng = np.random.default_rng(5)
    return imagine(*words.companies(2_000, rng), 40, rng)

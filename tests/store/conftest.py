"""What the tests of sessions and tokens share: a store with two reps, and a way past it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from copilot.store.database import Store

NOW = datetime(2026, 7, 1, 8, tzinfo=UTC)


@dataclass
class Place:
    path: Path
    store: Store

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Run one statement past the store."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    path = tmp_path / "copilot.db"
    with Store.open(path, clock=lambda: NOW) as store:
        store.add_user("ana", "rep", "R-ana")
        store.add_user("otto", "rep", "R-otto")
        yield Place(path, store)

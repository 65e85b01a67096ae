"""Small books whose every row a test chose."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from copilot.data.book import TABLES, conform
from copilot.data.history import SUFFIX
from copilot.data.workspace import Book, Draft, Workspace
from tests.conftest import NOW

Rows = list[dict[str, Any]]
MakeBook = Callable[..., Book]
DEFAULTS: dict[str, dict[str, Any]] = {
    "accounts": {"name": "A"},
    "contracts": {"account_id": "a", "product": "p", "annual_usd": 100.0},
    "opportunities": {"account_id": "a", "stage": "s", "kind": "new"},
    "touches": {"account_id": "a", "kind": "call"},
    "usage_monthly": {"account_id": "a", "product": "p"},
}
WHEN = {"contracts": "start_date", "opportunities": "close_date"}


def table(name: str, rows: Rows) -> pd.DataFrame:
    """Fill in keys and stamps: a row was known when it happened, unless it says otherwise."""
    full = []
    name, version = name.removesuffix(SUFFIX), " of an earlier version" if name.endswith(SUFFIX) else ""
    for number, row in enumerate(rows):
        row = DEFAULTS.get(name, {}) | row
        key = TABLES[name].key[0]
        if name != "opportunity_lines":
            row.setdefault(key, f"{name}-{number}{version}")
        row.setdefault("event_ts", row.get(WHEN.get(name, "")) or row.get("created_date"))
        row.setdefault("known_ts", row["event_ts"] or "2000-01-01")
        full.append(row)
    return conform(name, pd.DataFrame(full, columns=None if full else list(TABLES[name].columns)))


@pytest.fixture
def make_book(tmp_path: Path) -> MakeBook:
    """Return the maker of books: tables by name, each a list of rows, and the book's date."""

    def make(as_of: str = "2026-06-30", **tables: Rows) -> Book:
        frames = {name: table(name, rows) for name, rows in tables.items()}
        draft = Draft("test", "USD", date.fromisoformat(as_of), frames, {}, {})
        return Workspace(tmp_path / "book").write_book(draft, NOW)

    return make

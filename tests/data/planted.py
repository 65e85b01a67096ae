"""A book in which what is known later contradicts what is known now: builds as of now must not tell the difference."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from copilot.data.book import TABLES
from copilot.data.history import SUFFIX
from copilot.data.workspace import Book, Draft, Workspace
from tests.conftest import NOW

SWAPPED = {"won": "lost", "lost": "won", "call": "email", "email": "meeting", "EMEA": "APAC", "APAC": "EMEA"}


def with_later_corrections(book: Book, root: Path, *, every: int = 3, days: int = 10) -> Workspace:
    """Correct every so many rows of each table ``days`` after the book's date, and add a copy of others known then.

    The corrected rows are the table's newest versions, as an import would leave them, and the honest ones its history.
    """
    later = pd.Timestamp(book.as_of) + pd.Timedelta(days=days)
    tables: dict[str, pd.DataFrame] = {}
    for name in (name for name in TABLES if book.has(name)):
        honest = book.table(name)
        chosen = np.arange(len(honest)) % every == 0
        if not chosen.any():
            tables[name] = honest
            continue
        wrong = corrected(name, honest[chosen]).assign(known_ts=later)
        new = corrected(name, honest[np.arange(len(honest)) % every == 1]).assign(known_ts=later)
        for column in TABLES[name].key:
            if column.endswith("_id"):
                new[column] = new[column] + "-new"
                break
        tables[name] = pd.concat([wrong, honest[~chosen], new]).drop_duplicates(list(TABLES[name].key), keep="first")
        tables[name + SUFFIX] = honest[chosen]
    workspace = Workspace(root)
    workspace.write_book(Draft("test", "USD", book.as_of, tables, {}, {}), NOW)
    return workspace


def corrected(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Change everything but the key: numbers, days, choices."""
    rows = rows.copy()
    for column, rule in TABLES[name].columns.items():
        if column in (*TABLES[name].key, "known_ts"):
            continue
        if rule.dtype == "float64":
            rows[column] = (rows[column] * 3 + 1).clip(rule.low, rule.high)
        elif rule.dtype == "datetime64[us]":
            rows[column] = rows[column] + pd.Timedelta(days=40)
        elif rule.dtype == "boolean":
            rows[column] = ~rows[column]
        elif rule.dtype == "str":
            rows[column] = rows[column].replace(SWAPPED)
    return rows


def seen_on(book: Book, days: int) -> Book:
    """The same book on a later day."""
    day: date = book.as_of + timedelta(days=days)
    return Book(book.path, book.manifest | {"as_of": day.isoformat()})

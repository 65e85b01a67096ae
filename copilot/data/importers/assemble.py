"""From checked rows to the draft of a book: time stamps, schemas, what is missing and what was set aside."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pandas as pd

from copilot.data.book import TABLES, bad_rows, conform
from copilot.data.importers.read import spoken
from copilot.data.importers.rules import Sheet
from copilot.data.workspace import Draft
from copilot.errors import BadInput

TOUCHES_MISSING = (
    "No touches are recorded; put a touches.csv with the columns account, kind (call, email, meeting, training or "
    "report) and date beside the export and import it again."
)


def stamped(table: str, frame: pd.DataFrame, event: pd.Series | None, known: pd.Series) -> pd.DataFrame:
    """Return ``frame`` as a table of the book, with when each row happened and when it could first be known.

    Raises:
        BadInput: The rules of the columns let a row pass that the book does not take (two names with one id).
    """
    full = frame.assign(event_ts=pd.NaT if event is None else event, known_ts=known)
    fault = bad_rows(table, full)
    if (fault != "").any():
        row = fault[fault != ""]
        raise BadInput(
            f"{len(row):,} rows of the export do not fit the book's table {table} ({row.iloc[0]}); correct them and "
            "import again."
        )
    return conform(table, full)


def missing(source: str, filled: Iterable[str]) -> dict[str, str]:
    """Say for each table of the book that is not filled what its absence rules out."""
    left = {name: table for name, table in TABLES.items() if name not in set(filled)}
    sentences = {
        name: f"The export from {source} fills no table {name}, which rules out: {table.enables}."
        for name, table in left.items()
    }
    return sentences | ({"touches": TOUCHES_MISSING} if "touches" in left else {})


def draft(
    source: str, as_of: date, tables: dict[str, pd.DataFrame], sheets: Iterable[Sheet], notes: list[str]
) -> Draft:
    """Put an import together: the tables that have rows, what is missing, the rows set aside and the remarks."""
    read = list(sheets)
    filled = {name: table for name, table in tables.items() if len(table)}
    aside = [remark for sheet in read if (remark := sheet.remark())]
    counted = [f"Rows set aside: {spoken(aside)}."] if aside else []
    return Draft(
        source=source,
        currency="USD",
        as_of=as_of,
        tables=filled,
        missing=missing(source, filled),
        set_aside={sheet.table: sheet.set_aside() for sheet in read if sheet.remark()},
        notes=(*counted, *(note for sheet in read for note in sheet.notes), *notes),
    )

"""Import any export by a mapping file, which says what column of which file fills which column of the book.

A mapping of two German files, with everything it can say (``mapping_file`` describes each key)::

    source: kundenliste          # a name for the export; importing another name starts a new book
    currency: EUR
    as_of: 2026-06-30            # the day it was exported; without it the last day in the data
    tables:
      accounts:
        file: kunden.csv
        delimiter: ";"
        encoding: cp1252
        skip: 2                  # lines above the header
        filters: {Typ: [Kunde, Interessent]}
        columns:
          account_id: Konto
          name: Firma
          region: {value: DACH}
          segment: {from: Klasse, map: {A: enterprise, B: mid-market, "*": other}}
          revenue_usd: {from: Umsatz, decimal: ",", scale: 1000}
          known_ts: {from: Angelegt, format: "%d.%m.%Y"}
      contracts:
        file: rechnungen.parquet
        set_aside: {Konto: ""}   # counted and summed in a note, not held against the export
        combine: true            # one row of all lines with one contract_id: amounts are added up
        columns:
          contract_id: Rechnung
          account_id: Konto
          product: Artikel
          start_date: Datum
          end_date: {from: Datum, plus_days: 365}
          annual_usd: {from: Menge, times: Preis}

What the export does not hold stays empty; a row without ``known_ts`` is known from its ``event_ts``, and one
without either from the export's day.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from copilot.data.book import DAY, TABLES
from copilot.data.importers.assemble import draft, stamped
from copilot.data.importers.mapped_cells import locate, pick, read_cells
from copilot.data.importers.mapped_sheet import PAST, MappedSheet
from copilot.data.importers.mapping_file import BookMap, TableMap, load
from copilot.data.quality_rules import REFERENCES
from copilot.data.workspace import Draft
from copilot.errors import BadInput

SOURCE = "csv"
_Read = dict[tuple[Path, str, str, int], pd.DataFrame]


def read_mapped(path: Path, mapping_file: Path, *, today: date) -> Draft:
    """Read an export as its mapping says.

    Args:
        path: The folder that holds the export's files, or its only file.
        mapping_file: The YAML file; see this module's text.
        today: Events after this day are bad rows.

    Raises:
        BadInput: The mapping cannot be used; a file or column is missing or unreadable; or more than 5 % of a
            table's lines are bad. One sentence, and nothing was written.
    """
    mapping = load(Path(mapping_file))
    if mapping.as_of is not None and mapping.as_of > today:
        raise BadInput(f"The mapping says as_of {mapping.as_of}, which lies after today, {today}; correct it.")
    last = mapping.as_of or today
    kept: _Read = {}
    sheets: dict[str, MappedSheet] = {}
    for table in sorted(mapping.tables, key=_order):
        sheets[table] = _sheet(Path(path), table, mapping.tables[table], kept, last)
        _refer(sheets, table)
        sheets[table].finish()
    for sheet in sheets.values():
        sheet.settle()
    if sheets["accounts"].rows.empty:
        raise BadInput(f"{sheets['accounts'].name} gives no account; correct the mapping's filters and import again.")
    _forget_lost(sheets)
    as_of = mapping.as_of or _last_day(sheets)
    tables = {table: _table(table, sheet.rows, pd.Timestamp(as_of)) for table, sheet in sheets.items()}
    return replace(
        draft(mapping.source, as_of, tables, sheets.values(), _notes(mapping, sheets)), currency=mapping.currency
    )


def _order(table: str) -> int:
    """Tables that others point into come first."""
    return ["reps", "accounts", *TABLES].index(table)


def _sheet(path: Path, table: str, mapping: TableMap, kept: _Read, last: date) -> MappedSheet:
    file = locate(path, table, mapping)
    delimiter = mapping.delimiter or ("\t" if file.suffix.lower() == ".tsv" else ",")
    how = (file, delimiter, mapping.encoding, mapping.skip)
    if how not in kept:  # several tables often come from one file
        kept[how] = read_cells(*how)
    return MappedSheet(file.name, table, mapping, pick(file.name, kept[how], mapping.theirs, delimiter), last)


def _refer(sheets: dict[str, MappedSheet], table: str) -> None:
    """Mark the lines that point to a row which the export does not hold."""
    sheet = sheets[table]
    for _, column, target, key in (one for one in REFERENCES if one[0] == table):
        if column not in sheet.values or target not in sheets:
            continue
        other = sheets[target]
        if target == table:
            ids = set(other.values[key].dropna())
            aside: set[str] = set()
        else:
            ids = set(other.rows[key])
            aside = set(other.values[key].dropna()) - ids
        sheet.refer(column, {one: one for one in ids}, other.name, aside=aside)


def _forget_lost(sheets: dict[str, MappedSheet]) -> None:
    """Keep the rows whose parent or manager was set aside, without that."""
    for table, column, target, key in REFERENCES:
        if table == target and table in sheets and column in sheets[table].rows:
            rows = sheets[table].rows
            lost = ~rows[column].isin(rows[key]) | (rows[column] == rows[key])
            sheets[table].rows = rows.assign(**{column: rows[column].mask(lost)})


def _last_day(sheets: dict[str, MappedSheet]) -> date:
    days = [sheet.rows[column].max() for sheet in sheets.values() for column in PAST if column in sheet.rows]
    known = [day for day in days if pd.notna(day)]
    if not known:
        raise BadInput("The export holds no event_ts or known_ts, so nothing says which day it speaks of; give as_of.")
    last: date = max(known).date()
    return last


def _table(table: str, rows: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    nothing = pd.Series(pd.NaT, index=rows.index, dtype=DAY)
    event = rows.get("event_ts", nothing)
    known = rows.get("known_ts", nothing).fillna(event).fillna(as_of)
    return stamped(table, rows.drop(columns=["event_ts", "known_ts"], errors="ignore"), event, known)


def _notes(mapping: BookMap, sheets: dict[str, MappedSheet]) -> list[str]:
    notes = []
    for table, sheet in sheets.items():
        undated = not {"known_ts", "event_ts"} & set(sheet.values.columns)
        if undated:
            notes.append(f"The mapping dates no row of {table}, so they count as known from the export's day.")
        if sheet.mapping.combine:
            notes.append(f"{len(sheet.good):,} lines of {sheet.name} became {len(sheet.rows):,} rows of {table}.")
    if mapping.currency != "USD":
        notes.append(f"Amounts are in {mapping.currency}, in columns whose names end in usd all the same.")
    return notes

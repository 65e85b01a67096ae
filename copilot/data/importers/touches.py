"""The optional touches.csv beside any export: the calls, e-mails, meetings, trainings and reports of the team."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from copilot.data.book import TOUCH_KINDS
from copilot.data.importers.assemble import draft, stamped
from copilot.data.importers.read import csv_files
from copilot.data.importers.rules import Rule, Sheet, same
from copilot.data.workspace import Draft

COLUMNS = {
    "account": Rule("name", required=True),
    "kind": Rule("name", required=True, one_of=TOUCH_KINDS),
    "date": Rule("past", required=True),
}
NAMES = ("account", "account_id", "account_name", "sales_agent")  # what exports call an account or a rep


def with_touches(export: Draft, folder: Path, *, today: date) -> Draft:
    """Return ``export`` with the table touches, read from ``folder``/touches.csv if that is there.

    Its columns are account (id or name), kind, date and, if given, rep (id or name). A touch later than the
    export moves ``as_of`` to its day.

    Raises:
        BadInput: The file is unreadable, lacks a column, or has more than 5 % bad rows.
    """
    file = csv_files(folder).get("touches")
    if file is None:
        return export
    reps = export.tables.get("reps")
    sheet = Sheet(file, "touches", COLUMNS, today, optional=True)
    _resolve(sheet, "account", export.tables["accounts"], "account_id", export.set_aside.get("accounts"))
    if reps is not None and "rep" in sheet.raw:
        sheet.values["rep"] = sheet.raw["rep"].mask(sheet.raw["rep"] == "")
        _resolve(sheet, "rep", reps, "rep_id", export.set_aside.get("reps"))
    sheet.settle()
    rows = sheet.good
    if rows.empty:
        return export
    names = {"account": "account_id", "rep": "rep_id"}
    numbered = rows.rename(columns=names).assign(touch_id=[f"touch-{number}" for number in range(1, len(rows) + 1)])
    table = stamped("touches", numbered, rows["date"], rows["date"])
    last = max(export.as_of, rows["date"].max().date())
    notes = []
    if last > export.as_of:
        notes.append(
            f"The last touch is of {last}, after the export's last day {export.as_of}; answers speak of {last}."
        )
    if reps is None and "rep" in sheet.raw:
        notes.append(f"The column rep of {sheet.name} was not imported: this export has no reps.")
    added = draft(export.source, last, export.tables | {"touches": table}, [sheet], notes)
    return replace(added, set_aside=export.set_aside | added.set_aside, notes=export.notes + added.notes)


def _resolve(sheet: Sheet, column: str, table: pd.DataFrame, key: str, bad: pd.DataFrame | None) -> None:
    """Turn ids and names in ``column`` into ids; a name that two rows of ``table`` share needs the id.

    ``bad`` holds the rows that the export itself lost, with whatever they are called there.
    """
    names = table["name"].map(same)
    single = ~names.duplicated(keep=False)
    known = dict(zip(names[single], table.loc[single, key], strict=True)) | {same(one): one for one in table[key]}
    shared = sheet.values[column].map(same, na_action="ignore").isin(set(names[~single]) - set(known))
    sheet.mark(shared, f"{column} is the name of more than one; write the id")
    aside = set() if bad is None else {same(str(cell)) for name in NAMES if name in bad for cell in bad[name]}
    sheet.refer(column, known, f"the export's {key.removesuffix('_id')}s", same, aside=aside)

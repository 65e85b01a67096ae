"""The data-quality report: what is missing, doubled, orphaned, stale or outlying in a book, counted row by row.

Findings name rows by their ids and never quote a free text, so that the report can be passed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from html import escape
from pathlib import Path

import pandas as pd

from copilot.data.book import TABLES
from copilot.data.quality_rules import (
    FEWEST,
    LATE_DAYS,
    MISSING_SHARE,
    MONTHS_BEHIND,
    QUIET_DAYS,
    SPREADS,
    Found,
    faults,
)
from copilot.data.workspace import Book

KINDS = ("missing", "duplicate", "orphaned", "stale", "outlying")
# Rows that lead nowhere or count twice spoil totals; a gap only leaves something out.
WORST_FIRST = ("orphaned", "duplicate", "outlying", "stale", "missing")
SHOWN = 3
PAGE, SUMMARY = "quality.html", "quality.txt"  # beside the tables of the version of the book they speak of
FINDINGS = ("table", "column", "kind", "rows", "share", "examples", "sentence")
EXAMPLES = 3


@dataclass(frozen=True)
class QualityReport:
    """What ``examine`` found.

    Attributes:
        findings: One row a finding: ``table``, ``column`` (several joined by " + "), ``kind`` (of ``KINDS``),
            ``rows`` (how many are concerned), ``share`` (of the table's rows), ``examples`` (a tuple of at most
            three ids, none where the table has no id) and ``sentence``; the tables in the book's order, then kinds.
        rows: How many rows each examined table holds.
        as_of: The book's day.
        source: Where the book came from.
        set_aside: How many rows each import left out of a table.
    """

    findings: pd.DataFrame
    rows: dict[str, int]
    as_of: date
    source: str
    set_aside: dict[str, int]


def examine(book: Book) -> QualityReport:
    """Look through every table of ``book``; nothing is changed.

    The rules: *missing*, at least 5 % of a column's cells are empty. *duplicate*, rows that say the same under another
    id, accounts of one name. *orphaned*, an id that points to no row. *stale*, open deals 30 days after their closing
    day, accounts not heard of for a year, monthly tables two months behind. *outlying*, numbers more than six robust
    standard deviations from the median (1.4826 · MAD, Iglewicz & Hoaglin 1993; in logarithms where the column is never
    negative, for money is skewed), days in the wrong order or known after the book's day.
    """
    tables = {name: book.table(name) for name in TABLES if book.has(name)}
    rows = [
        _row(name, table, found)
        for name, table in tables.items()
        for found in faults(name, table, tables, pd.Timestamp(book.as_of))
    ]
    return QualityReport(
        findings=pd.DataFrame(rows, columns=list(FINDINGS)).astype({"rows": "int64", "share": "float64"}),
        rows={name: len(table) for name, table in tables.items()},
        as_of=book.as_of,
        source=str(book.manifest["source"]),
        set_aside={str(name): int(count) for name, count in book.manifest.get("set_aside", {}).items()},
    )


def worst(report: QualityReport) -> pd.DataFrame:
    """Return the findings, the worst kind first (``WORST_FIRST``), then those that concern the largest share."""
    rank = report.findings["kind"].map(WORST_FIRST.index).astype("int64")
    order = report.findings.assign(rank=rank).sort_values(["rank", "share"], ascending=[True, False], kind="stable")
    return order.drop(columns="rank").reset_index(drop=True)


def summary(report: QualityReport) -> str:
    """Say in one sentence how many findings there are and which are the worst."""
    found = worst(report)
    if found.empty:
        return f"Data quality: nothing was found in {len(report.rows)} tables."
    named = "; ".join(str(sentence).rstrip(".") for sentence in found["sentence"].head(SHOWN))
    return f"Data quality: {len(found):,} finding{'s' if len(found) > 1 else ''}, the worst first: {named}."


def write(book: Book) -> Path:
    """Examine a version of the book and lay the page and its summary beside its tables; returns the page's path.

    The caller holds the writer lock. A page that is there already is written anew.
    """
    report = examine(book)
    for name, text in ((SUMMARY, summary(report)), (PAGE, to_html(report))):
        draft = book.path / f".{name}"
        draft.write_text(text, encoding="utf-8")
        draft.replace(book.path / name)
    return book.path / PAGE


def told(book: Book) -> str | None:
    """Return the summary of this version's page and where it lies; None where none was written."""
    try:
        return f"{(book.path / SUMMARY).read_text(encoding='utf-8')} All of them: {book.path / PAGE}"
    except OSError:
        return None


def _row(name: str, table: pd.DataFrame, found: Found) -> dict[str, object]:
    count = int(found.bad.sum())
    share = count / len(table)
    return {
        "table": name,
        "column": found.column,
        "kind": found.kind,
        "rows": count,
        "share": share,
        "examples": _examples(name, table, found.bad),
        "sentence": f"{count:,} of {len(table):,} rows of {name} ({share:.1%}) {found.sentence}.",
    }


def _examples(name: str, table: pd.DataFrame, bad: pd.Series) -> tuple[str, ...]:
    """Name the first rows by the id that leads their key; a product or a region is no id."""
    column = TABLES[name].key[0]
    if not column.endswith("_id"):
        return ()
    return tuple(str(one) for one in table.loc[bad, column].drop_duplicates().head(EXAMPLES))


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Data quality</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #ddd; }}
td.n {{ text-align: right; white-space: nowrap; }}
</style></head><body>
<h1>Data quality</h1>
<p>{intro}</p>
{body}
<h2>Tables</h2>
<table><thead><tr><th>Table</th><th>Rows</th><th>Set aside at import</th><th>Findings</th></tr></thead>
<tbody>
{tables}
</tbody></table>
<h2>What counts</h2>
<p>{thresholds}</p>
</body></html>
"""


def to_html(report: QualityReport) -> str:
    """Write the report as one page that loads nothing from elsewhere; all text is escaped."""
    findings = report.findings
    lines = [
        "<tr>"
        + "".join(f"<td>{escape(str(one[column]))}</td>" for column in ("table", "column", "kind"))
        + f'<td class="n">{one["rows"]:,}</td><td class="n">{one["share"]:.1%}</td><td>{escape(one["sentence"])}'
        + (f"<br>For example {escape(', '.join(one['examples']))}." if one["examples"] else "")
        + "</td></tr>"
        for one in findings.to_dict("records")
    ]
    head = "".join(f"<th>{name}</th>" for name in ("Table", "Column", "Kind", "Rows", "Share", "Finding"))
    body = f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody></table>"
    per_table = findings["table"].value_counts()
    names = [*report.rows, *(name for name in report.set_aside if name not in report.rows)]
    return _PAGE.format(
        intro=escape(f"{len(findings):,} findings in the book from {report.source} as of {report.as_of}."),
        body=body if lines else "<p>Nothing was found.</p>",
        tables="\n".join(
            f'<tr><td>{escape(name)}</td><td class="n">{report.rows.get(name, 0):,}</td>'
            f'<td class="n">{report.set_aside.get(name, 0):,}</td><td class="n">{per_table.get(name, 0)}</td></tr>'
            for name in names
        ),
        thresholds=escape(
            f"Missing: at least {MISSING_SHARE:.0%} of a column is empty. Duplicate: the same content under another "
            f"id. Orphaned: an id that points to no row. Stale: open deals {LATE_DAYS} days past their closing day, "
            f"accounts silent for {QUIET_DAYS} days, monthly tables {MONTHS_BEHIND} months behind. Outlying: numbers "
            f"more than {SPREADS:g} robust standard deviations from the median (by logarithm where never negative, in "
            f"columns with {FEWEST} numbers or more), days out of order or after the book's day."
        ),
    )

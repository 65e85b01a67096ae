"""Write contributions for other programs and people: CSV, JSON, and one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.explain.record import Attribution

FORMAT = "contributions-1"
MOST_ROWS_HTML = 1_000
STYLE = (
    "body{font:14px sans-serif}table{border-collapse:collapse}td,th{padding:2px 8px;text-align:right}"
    ".up{color:#175}.down{color:#a22}"
)
DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{DIGEST}'; base-uri 'none'; form-action 'none'"


def export(
    found: Attribution, accounts: Sequence[str], path: Path, *, kind: Literal["csv", "json", "html"] | None = None
) -> Path:
    """Write the contributions of some accounts.

    CSV is the wide layout that ``foreign_scores.read_contributions`` reads; a text cell that a spreadsheet might run
    gets a quote in front. HTML holds no script and allows none.

    Args:
        found: The contributions.
        accounts: One id a row.
        path: Where to; an existing file is replaced.
        kind: By default the ending of ``path``.

    Raises:
        BadInput: Another ending, ids that do not fit the rows, or more accounts than a page can hold.
    """
    chosen = kind or path.suffix.lower().removeprefix(".")
    makers = {"csv": as_csv, "json": as_json, "html": as_html}
    if chosen not in makers:
        raise BadInput(f"Contributions are written as csv, json or html; {chosen or 'no ending'!r} was asked for.")
    path.write_text(makers[chosen](found, accounts), encoding="utf-8")
    return path


def as_csv(found: Attribution, accounts: Sequence[str]) -> str:
    """Return ``account_id``, one column a feature, ``bias``, ``score`` (the sum)."""
    _fits(found, accounts)
    reserved = sorted({"account_id", "bias", "score"} & set(found.features))
    if reserved:
        raise BadInput(f"A feature is named {reserved[0]!r}, which the file keeps for itself; rename it.")
    table = found.frame()
    table.columns = [harmless(name) for name in table.columns]
    table.insert(0, "account_id", [harmless(str(one)) for one in accounts])
    table["bias"], table["score"] = found.bias, found.total
    return str(table.to_csv(index=False, float_format="%.9g", lineterminator="\n"))


def as_json(found: Attribution, accounts: Sequence[str]) -> str:
    """Return one object: how they were found, and for each account its bias, score and contributions."""
    _fits(found, accounts)
    trust = found.fidelity
    rows = [
        {
            "account_id": str(one),
            "bias": base,
            "score": total,
            "contributions": dict(zip(found.features, row, strict=True)),
        }
        for one, base, total, row in zip(
            accounts, found.bias.tolist(), found.total.tolist(), found.values.tolist(), strict=True
        )
    ]
    told = {
        "format": FORMAT,
        "method": found.method,
        "unit": found.unit,
        "fidelity": {"measure": trust.measure, "value": _number(trust.value), "gap": _number(trust.gap)},
        "notes": list(found.notes),
        "accounts": rows,
    }
    return json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def as_html(found: Attribution, accounts: Sequence[str], *, top: int = 8) -> str:
    """Return a page with each account's strongest contributions; every text is escaped."""
    _fits(found, accounts)
    if len(accounts) > MOST_ROWS_HTML:
        raise BadInput(f"A page holds at most {MOST_ROWS_HTML} accounts; choose some, or write csv.")
    parts = []
    for place, one in enumerate(accounts):
        row = found.values[place]
        order = np.argsort(-np.abs(row), kind="stable")[:top]
        cells = "".join(
            f'<td class="{"up" if row[k] > 0 else "down"}">{html.escape(found.features[k])} {row[k]:+.4g}</td>'
            for k in order
            if row[k]
        )
        parts.append(
            f"<tr><th>{html.escape(str(one))}</th><td>{found.total[place]:.4g}</td><td>{found.bias[place]:.4g}</td>{cells}</tr>"
        )
    trust = found.fidelity
    words = f"{found.method}, in {found.unit}; {trust.measure} {trust.value:.3g}, largest gap {trust.gap:.3g}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>Contributions</title>'
        f"<style>{STYLE}</style></head><body><h1>Contributions</h1><p>{html.escape(words)}</p>"
        + "".join(f"<p>{html.escape(note)}</p>" for note in found.notes)
        + "<table><tr><th>account</th><th>score</th><th>starts from</th><th>strongest first</th></tr>"
        + "".join(parts)
        + "</table></body></html>\n"
    )


def harmless(cell: str) -> str:
    """Keep a spreadsheet from running a text that looks like a formula."""
    return f"'{cell}" if cell.lstrip().startswith(("=", "+", "-", "@")) or cell.startswith(("\t", "\r", "\n")) else cell


def _fits(found: Attribution, accounts: Sequence[str]) -> None:
    if len(accounts) != len(found.values):
        raise BadInput(f"There are {len(found.values)} rows of contributions but {len(accounts)} account ids.")
    if pd.Index(accounts).has_duplicates:
        raise BadInput("An account id stands twice; give each row one of its own.")


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None

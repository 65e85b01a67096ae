"""Read scores and contributions that another system computed, from a CSV, and check them before anyone relies on them.

Two layouts: long (``account_id, feature, contribution[, value, score]``, one line a feature) and wide (``account_id``,
one column a feature, ``[bias, score]``). A feature or column named ``bias`` holds what a prediction starts from.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.explain.record import Attribution, Fidelity, Unit
from copilot.stats import Floats

BIAS = "bias"
TOLERANCE = 1e-3  # relative to the largest |score|, or 1: files are rounded
MOST_BYTES = 1024**3
RUNS = re.compile(r"^'(?=\s*[=+\-@])")
LONG = ("account_id", "feature", "contribution")


@dataclass(frozen=True)
class ForeignScores:
    """Contributions of another system.

    Attributes:
        accounts: (n,), ids in the order of the attribution's rows.
        attribution: method "foreign".
        scores: (n,), as given, else what the contributions sum to.
        values: (n, f) raw values of the features, NaN where not given.
    """

    accounts: pd.Index
    attribution: Attribution
    scores: Floats
    values: pd.DataFrame


def read_contributions(
    path: Path,
    *,
    accounts: Collection[str] | None = None,
    features: Collection[str] | None = None,
    unit: Unit = "outcome",
    tolerance: float = TOLERANCE,
) -> ForeignScores:
    """Read a CSV of contributions, long or wide.

    In the long layout a feature that an account does not list counts 0. Where scores are given and no bias is, the bias
    is the one number that is left over in every account; where it differs between accounts the file is refused.

    Args:
        path: UTF-8, comma-separated, with a heading.
        accounts: The ids of the book; an id outside is refused. None takes any.
        features: The names of the book's features; a name outside is refused. None takes any.
        unit: Of the contributions.
        tolerance: How far a sum may lie from its score, relative to the largest |score| or 1.

    Raises:
        BadInput: Unreadable, columns missing, an id or feature missing, unknown or twice, numbers missing or not
            finite, or sums that are not the scores. One sentence, with the first place.
    """
    table = _read(path)
    long = {"feature", "contribution"} <= set(table.columns)
    shares, values, scores = _long(table) if long else _wide(table)
    _known(shares.index, accounts, "account")
    bias = shares.pop(BIAS).to_numpy() if BIAS in shares.columns else None
    if not len(shares.columns):
        raise BadInput("The file holds no feature's contributions, only ids, bias or scores; add one column a feature.")
    _known(shares.columns, features, "feature")
    sums = shares.to_numpy(float).sum(axis=1)
    start, fidelity, notes = _start(sums, bias, scores, shares.index, tolerance)
    found = Attribution("foreign", shares.to_numpy(float), start, tuple(shares.columns), unit, fidelity, notes)
    return ForeignScores(shares.index, found, found.total if scores is None else scores, values)


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"The file {path.name!r} is larger than 1 GiB; split it by account.")
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except OSError:
        raise BadInput(f"There is no readable file {path.name!r}; check the path.") from None
    except (ValueError, pd.errors.ParserError):  # not UTF-8, no rows at all, lines of unequal length
        raise BadInput(f"The file {path.name!r} is not a UTF-8 CSV with a heading; export it again.") from None
    if not isinstance(table.index, pd.RangeIndex):
        raise BadInput(
            f"The file {path.name!r} has lines with more cells than its heading; quote cells that hold commas."
        )
    with path.open(encoding="utf-8-sig", newline="") as file:
        heading = [_plain(cell) for cell in next(csv.reader(file, skipinitialspace=True))]
    if twice := sorted({name for name in heading if heading.count(name) > 1}):
        raise BadInput(f"The column {twice[0]!r} stands twice in the heading; keep one.")
    table.columns = heading
    if "account_id" not in heading or len(heading) < 2 or not len(table):
        raise BadInput(
            f"The file {path.name!r} needs lines, and the columns {', '.join(LONG)} or account_id and one a feature."
        )
    table["account_id"] = table["account_id"].fillna("").map(_plain)
    if (table["account_id"] == "").any():
        raise BadInput(f"Line {_line(table['account_id'] == '')} names no account; fill account_id.")
    return table


def _plain(cell: str) -> str:
    """Return a name without space around it and without the quote that keeps a spreadsheet from running it."""
    return RUNS.sub("", cell.strip())


def _long(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, Floats | None]:
    table["feature"] = table["feature"].fillna("").map(_plain)
    if (table["feature"] == "").any():
        raise BadInput(f"Line {_line(table['feature'] == '')} names no feature; fill the column feature.")
    twice = table.duplicated(["account_id", "feature"])
    if twice.any():
        one = table[twice].iloc[0]
        raise BadInput(f"Line {_line(twice)} repeats {one['feature']!r} of account {one['account_id']!r}; keep one.")
    table["contribution"] = _numbers(table, "contribution")
    order, names = pd.unique(table["account_id"]), pd.unique(table["feature"])
    keys = table.set_index(["account_id", "feature"])
    shares = keys["contribution"].unstack(fill_value=0.0).reindex(index=order, columns=names)
    values = pd.DataFrame(np.nan, index=shares.index, columns=[name for name in names if name != BIAS])
    if "value" in table.columns:
        keys["value"] = pd.to_numeric(keys["value"], errors="coerce")
        values = keys["value"].unstack().reindex(index=order, columns=values.columns)
    scores = None
    if "score" in table.columns:
        table["score"] = _numbers(table, "score")
        per = table.groupby("account_id", sort=False)["score"]
        if (per.nunique() > 1).any():
            raise BadInput(f"The account {per.nunique().idxmax()!r} has several scores; give one on all its lines.")
        scores = per.first().reindex(order).to_numpy(float)
    return shares, values, scores


def _wide(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, Floats | None]:
    twice = table.duplicated("account_id")
    if twice.any():
        raise BadInput(f"Line {_line(twice)} repeats the account {table.loc[twice, 'account_id'].iloc[0]!r}; keep one.")
    names = [name for name in table.columns if name not in ("account_id", "score")]
    if "" in names:
        raise BadInput("A column has no name; name it after its feature.")
    columns = {name: _numbers(table, name).to_numpy() for name in names}
    shares = pd.DataFrame(columns, index=pd.Index(table["account_id"].to_numpy(), name="account_id"))
    values = pd.DataFrame(np.nan, index=shares.index, columns=[name for name in names if name != BIAS])
    return shares, values, _numbers(table, "score").to_numpy(float) if "score" in table.columns else None


def _numbers(table: pd.DataFrame, name: str) -> pd.Series:
    found = pd.to_numeric(table[name], errors="coerce")
    bad = ~np.isfinite(found.to_numpy(float, na_value=np.nan))
    if bad.any():
        shown = str(table[name][bad].iloc[0])[:40]
        raise BadInput(f"Line {_line(bad)} holds {shown!r} as {name!r}; it must be a finite number.")
    return found.astype(float)


def _known(given: pd.Index, known: Collection[str] | None, what: str) -> None:
    if known is None:
        return
    inside = set(known)
    foreign = [name for name in given if name not in inside]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise BadInput(f"The file names the {what} {foreign[0]!r}{more}, which the book does not have; take it out.")


def _start(
    sums: Floats, bias: Floats | None, scores: Floats | None, index: pd.Index, tolerance: float
) -> tuple[Floats, Fidelity, tuple[str, ...]]:
    """Return each row's bias, the fidelity, and what was assumed."""
    start: Floats = np.zeros(len(sums)) if bias is None else bias
    if scores is None:
        nothing = np.full(len(sums), np.nan)
        note = "The file holds no scores, so the sums could not be checked."
        return start, Fidelity("not checked", float("nan"), nothing, float("nan")), (note,)
    notes: tuple[str, ...] = ()
    if bias is None:
        start = np.full(len(sums), float(np.median(scores - sums)))
        notes = (f"The file holds no bias; {start[0]:.6g} is what is left of every score.",)
    gaps = np.abs(start + sums - scores)
    if not gaps.max() <= tolerance * max(1.0, float(np.abs(scores).max())):
        worst = int(gaps.argmax())
        raise BadInput(
            f"The contributions of account {index[worst]!r} sum to {start[worst] + sums[worst]:.6g} but its score is "
            f"{scores[worst]:.6g}; export all features, the bias, and score and contributions in one unit."
        )
    return start, Fidelity("local accuracy", 1.0, np.ones(len(sums)), float(gaps.max())), notes


def _line(bad: np.ndarray | pd.Series) -> int:
    """Return the line of the first bad row, the heading being line 1."""
    return int(np.flatnonzero(np.asarray(bad))[0]) + 2

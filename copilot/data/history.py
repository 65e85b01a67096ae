"""Importing again: the book takes up what an export changes, and keeps what was known before for builds as of then.

A table of the book holds one row a key, its newest version, so every reader of today's book reads as before. Earlier
versions lie beside it in ``<table>_history``, with the same columns; each version's ``known_ts`` is the day from which
it was known, until the next version's. An importer that reads a CRM's own field history hands the earlier versions
over under the same name in its draft.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from copilot.data.book import DAY, TABLES
from copilot.data.workspace import Book, Draft
from copilot.errors import BadInput

SUFFIX = "_history"


@dataclass(frozen=True)
class _Merged:
    now: pd.DataFrame
    history: pd.DataFrame
    added: int = 0
    changed: int = 0
    absent: int = 0


def merge(old: Book | None, draft: Draft, *, snapshot_date: date) -> Draft:
    """Return ``draft`` as the next version of the book ``old``.

    A row is the same where its key and everything but ``known_ts`` agree; it then stays as it was. A changed row is
    known from its own ``known_ts`` where that is later than its last version's (the export dates the change), else
    from ``snapshot_date``. A change on the day the row became known corrects it and leaves no version. What the
    export no longer holds stays, for exports often reach back only so far. The same export again changes nothing.

    Args:
        old: The current book; None, or the book of another source, and the draft begins a new one.
        draft: What an importer read, with ``<table>_history`` where it knows earlier versions.
        snapshot_date: The day the export speaks of (the draft's ``as_of``, unless it says better).

    Returns:
        A draft whose tables, history included, replace the book's.

    Raises:
        BadInput: The export speaks of an earlier day than the book, or of another currency.
    """
    if old is None or old.manifest["source"] != draft.source:
        return _put_together(draft, {name: _first(draft, name) for name in TABLES if name in draft.tables}, "")
    if draft.as_of < old.as_of:
        raise BadInput(
            f"This export speaks of {draft.as_of}, but the book already of {old.as_of}; import exports in the order "
            "of their days, or name another folder with --workspace."
        )
    if draft.currency != old.manifest["currency"]:
        raise BadInput(
            f"This export's amounts are in {draft.currency}, the book's in {old.manifest['currency']}; name another "
            "folder with --workspace."
        )
    merged = {
        name: _merge_table(old, draft, name, pd.Timestamp(snapshot_date))
        for name in TABLES
        if name in draft.tables or old.has(name)
    }
    return _put_together(draft, merged, _said(old.as_of, merged))


def known_by(book: Book, name: str, when: date) -> pd.DataFrame:
    """Return the table ``name`` as this team knew it when ``when`` ended: one row a key, in the order of the book."""
    rows = versions(book, name)
    rows = rows[rows["known_ts"] < pd.Timestamp(when) + pd.Timedelta(days=1)].sort_values("known_ts", kind="stable")
    newest = rows.drop_duplicates(list(TABLES[name].key), keep="last")
    place = _place(name, newest, book.table(name)).to_numpy()
    return newest.iloc[place.argsort()].reset_index(drop=True)


def versions(book: Book, name: str) -> pd.DataFrame:
    """Return every version of every row of ``name``, the newest ones first; ``known_ts`` tells them apart."""
    return pd.concat([book.table(name), _history(book, name)], ignore_index=True)


def spans(book: Book, name: str) -> pd.DataFrame:
    """Return every version with ``until_ts``, from when the next one was known; empty for the newest of a row.

    A version counts on the days on which it was known and, when they ended, the next was not yet.
    """
    rows = versions(book, name)
    if not book.has(name + SUFFIX):
        return rows.assign(until_ts=pd.Series(pd.NaT, index=rows.index, dtype=DAY))
    ordered = rows.sort_values("known_ts", kind="stable")
    following = ordered.groupby(list(TABLES[name].key), dropna=False)["known_ts"].shift(-1)
    return rows.assign(until_ts=following.reindex(rows.index).astype(DAY))


def _history(book: Book, name: str) -> pd.DataFrame:
    return book.table(name + SUFFIX) if book.has(name + SUFFIX) else _none(name)


def _none(name: str) -> pd.DataFrame:
    columns = TABLES[name].columns
    return pd.DataFrame({column: pd.Series([], dtype=rule.dtype) for column, rule in columns.items()})


def _first(draft: Draft, name: str) -> _Merged:
    given = draft.tables.get(name + SUFFIX)
    return _Merged(draft.tables[name], _tidy(name, draft.tables[name], [_none(name) if given is None else given]))


def _merge_table(old: Book, draft: Draft, name: str, snapshot: pd.Timestamp) -> _Merged:
    if not old.has(name):
        return _first(draft, name)
    was, before = old.table(name), _history(old, name)
    if name not in draft.tables:
        return _Merged(was, before, absent=len(was))
    new, given = draft.tables[name], _first(draft, name).history
    place = _place(name, new, was)
    met = place.notna().to_numpy()
    mine = was.iloc[place[met].astype("int64")].reset_index(drop=True)
    theirs = new[met].reset_index(drop=True)
    changed = _differs(name, mine, theirs) | _versions_since(name, mine, given)
    since = theirs["known_ts"].where(theirs["known_ts"] > mine["known_ts"], snapshot)
    since = since.where(since > mine["known_ts"], mine["known_ts"]).astype(DAY)
    superseded = mine[changed & (since > mine["known_ts"])]
    fresh = theirs.assign(known_ts=since)[changed]
    kept = was.drop(index=place[met][changed.to_numpy()].astype("int64"))
    now = pd.concat([kept, fresh.set_index(place[met][changed.to_numpy()].astype("int64"))]).sort_index()
    now = pd.concat([now, new[~met]], ignore_index=True)[list(was.columns)]
    return _Merged(
        now,
        _tidy(name, now, [before, superseded, given]),
        added=int((~met).sum()),
        changed=int(changed.sum()),
        absent=len(was) - int(met.sum()),
    )


def _place(name: str, rows: pd.DataFrame, among: pd.DataFrame) -> pd.Series:
    """Return for each of ``rows`` where its key stands in ``among``; nothing where it does not."""
    key = list(TABLES[name].key)
    there = among[key].assign(place=range(len(among)))
    return rows[key].merge(there, on=key, how="left")["place"]


def _differs(name: str, mine: pd.DataFrame, theirs: pd.DataFrame) -> pd.Series:
    different = pd.Series(False, index=mine.index)
    for column in TABLES[name].columns:
        if column in TABLES[name].key or column == "known_ts":
            continue
        one, other = mine[column], theirs[column]
        unlike = (one != other).fillna(True).astype("bool")
        different |= unlike & ~(one.isna() & other.isna())
    return different


def _versions_since(name: str, mine: pd.DataFrame, given: pd.DataFrame) -> pd.Series:
    """Say whether the CRM's own history holds a version after the one the book knows: it changed and changed back."""
    place = _place(name, given, mine)
    met = place.notna()
    at = place[met].astype("int64").to_numpy()
    later = given.loc[met.to_numpy(), "known_ts"].to_numpy() > mine["known_ts"].to_numpy()[at]
    return pd.Series(mine.index.isin(at[later]), index=mine.index)


def _tidy(name: str, now: pd.DataFrame, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return earlier versions only, one a key and day, in an order that depends on nothing else."""
    key = list(TABLES[name].key)
    rows = pd.concat(parts, ignore_index=True).drop_duplicates([*key, "known_ts"])
    place = _place(name, rows, now).to_numpy()
    met = pd.notna(place)
    rows, at = rows[met], place[met].astype("int64")
    earlier = rows["known_ts"].to_numpy() < now["known_ts"].to_numpy()[at]
    return rows[earlier].sort_values([*key, "known_ts"]).reset_index(drop=True)


def _put_together(draft: Draft, merged: dict[str, _Merged], note: str) -> Draft:
    tables = {name: one.now for name, one in merged.items()}
    tables |= {name + SUFFIX: one.history for name, one in merged.items() if len(one.history)}
    missing = {name: text for name, text in draft.missing.items() if name not in tables}
    return replace(draft, tables=tables, missing=missing, notes=(*draft.notes, *([note] if note else [])))


def _said(day: date, merged: dict[str, _Merged]) -> str:
    added, changed, absent = (
        sum(getattr(one, what) for one in merged.values()) for what in ("added", "changed", "absent")
    )
    if not added and not changed:
        return f"The export holds nothing that the book of {day} did not; it stays as it was."
    kept = f"; {absent:,} rows that the export no longer holds stay" if absent else ""
    return (
        f"Into the book of {day} came {added:,} new rows and {changed:,} changed ones, whose earlier versions are "
        f"kept{kept}."
    )

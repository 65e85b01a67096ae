"""The batch job behind ``group-features``: names in, families out, a checkpoint to go on from, a file to review.

Beside the output FILE.csv lie FILE.csv.checkpoint (what was reckoned: vectors, a model's replies) and FILE.review.csv,
where a person edits names; an edit wins in every later run. Names in the output stay exactly as given, also where a
spreadsheet would take one for a formula; the review file is guarded. 3 000 names with a description each took 75 CPU s.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from copilot.errors import BadInput
from copilot.explain.grouping import group
from copilot.explain.grouping.glossary import Glossary
from copilot.explain.grouping.settle import Complete
from copilot.llm.client import ModelFault
from copilot.llm.ladder import Ladder
from copilot.text.encoder import Embedder, Encoder, Floats, Ngrams

Tell = Callable[[str, int, int], None]  # what is being done, how many of it are done, and of how many
LARGEST_FILE = 32 << 20  # bytes
AT_ONCE = 128  # texts whose vectors are written down together
EDITABLE = ("super_name", "ultra_name", "category", "meaning")
REVIEW = ("feature_name", *EDITABLE, "confidence", "source", *(f"proposed_{name}" for name in EDITABLE), "edited")
LONGEST_EDIT = 300
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


@dataclass(frozen=True)
class Grouped:
    """What a run did: the frame as written, and sentences about it."""

    frame: pd.DataFrame
    told: tuple[str, ...]


def group_file(
    names: Path,
    out: Path,
    *,
    glossary: Glossary | None = None,
    complete: Complete | None = None,
    embedder: Embedder | None = None,
    tell: Tell = lambda what, done, total: None,
) -> Grouped:
    """Group the names of a CSV file and write the families; a run that was broken off goes on where it stopped.

    Args:
        names: Columns ``feature_name`` and, if known, ``description``; others are not read.
        out: The CSV file to write; checkpoint and review file lie beside it.
        glossary: The words known beforehand.
        complete: Asks a language model; its replies are kept, so that a second run gives the same.
        embedder: The sentence encoder; the installed one by default.
        tell: Told about progress.

    Raises:
        BadInput: A file cannot be read, has not the columns it needs, or cannot be written.
    """
    described, set_aside = _read_names(names)
    review, checkpoint = out.with_name(f"{out.stem}.review.csv"), out.with_name(f"{out.name}.checkpoint")
    if names.resolve() in [file.resolve() for file in (out, review, checkpoint)]:
        raise BadInput(f"Writing {out.name!r} would overwrite the file of names itself; give --out another name.")
    _read_review(review)  # a fault in it is told before the work, not after
    with _opened(checkpoint) as kept:
        vectors = _KeptVectors(embedder or Encoder.find(max_tokens=64) or Ngrams(), kept, tell)
        frame = group(
            list(described),
            described,
            _kept_replies(complete, kept) if complete else None,
            glossary=glossary,
            embedder=vectors,
            tell=lambda done, total: tell("Families", done, total),
        )
    edits = _read_review(review)  # read last: a person may have edited it meanwhile
    final = _with_edits(frame, edits)
    _write(review, _review(frame, final, edits))
    _write(out, final)
    told = [
        f"Names: {len(final):,}; super features: {final['super_name'].nunique():,}; "
        f"ultra features: {final['ultra_name'].nunique():,}; categories: {final['category'].nunique()}: {out}.",
        *set_aside,
    ]
    count = sum(name in edits for name in described)
    if count:
        told.append(f"{count} {'name follows' if count == 1 else 'names follow'} your edits.")
    told.append(f"To change a name, edit it in {review} and run this again; your edits win for good.")
    return Grouped(final, tuple(told))


def _read_names(file: Path) -> tuple[dict[str, str], list[str]]:
    """Return names with their descriptions, and a sentence where lines were set aside."""
    rows = _rows(file, "The file of names")
    columns = {str(name).strip().lower(): place for place, name in enumerate(rows[0] if rows else [])}
    if "feature_name" not in columns:
        raise BadInput(
            f"The file of names {file.name!r} has no column feature_name in its first line; name the column of the "
            "feature names so."
        )
    at, told_at = columns["feature_name"], columns.get("description")
    out: dict[str, str] = {}
    empty = repeated = 0
    for row in rows[1:]:
        name = row[at] if len(row) > at else ""
        description = row[told_at] if told_at is not None and len(row) > told_at else ""
        if not name.strip():
            empty += any(cell.strip() for cell in row)
            continue
        repeated += name in out
        out[name] = out.get(name) or description
    if not out:
        raise BadInput(f"The file of names {file.name!r} holds no feature name; put one on each line.")
    told = []
    if empty:
        lines = "line without a feature name was" if empty == 1 else "lines without a feature name were"
        told.append(f"{empty} {lines} set aside.")
    if repeated:
        told.append(
            f"{repeated} {'line repeats a name' if repeated == 1 else 'lines repeat a name'} and did not count again."
        )
    return out, told


def _rows(file: Path, what: str) -> list[list[str]]:
    """Return a CSV file's cells.

    Raises:
        BadInput: It cannot be read.
    """
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise BadInput(f"{what} {file.name!r} is longer than {LARGEST_FILE >> 20} MiB; split it.")
        text = file.read_bytes().decode("utf-8-sig")  # line ends within a cell stay as they are
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except OSError as error:
        raise BadInput(f"{what} {file.name!r} cannot be read ({error.strerror}); name an existing CSV file.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{what} {file.name!r} is not encoded as UTF-8; save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise BadInput(f"{what} {file.name!r} is no CSV file ({error}); save it as CSV in UTF-8.") from None


def _read_review(file: Path) -> dict[str, dict[str, str]]:
    """Return what a person changed: name to field to value. A field counts as changed where it differs from what was
    proposed, or where it did before (the column ``edited``)."""
    if not file.exists():
        return {}
    rows = _rows(file, "The review file")
    missing = [name for name in REVIEW if name not in (rows[0] if rows else [])]
    if missing:
        raise BadInput(
            f"The review file {file.name!r} lacks the column {missing[0]}; put it back, or move the file away to begin "
            "without edits."
        )
    out: dict[str, dict[str, str]] = {}
    for row in rows[1:]:
        cells = {name: _unguarded(cell) for name, cell in zip(rows[0], row, strict=False)}
        before = cells.get("edited", "").split()
        changed = {
            field: " ".join(cells[field].split())[:LONGEST_EDIT]
            for field in EDITABLE
            if cells.get(field, "").strip() and (cells[field] != cells.get(f"proposed_{field}", "") or field in before)
        }
        if changed and cells.get("feature_name"):
            out[cells["feature_name"]] = changed
    return out


def _with_edits(frame: pd.DataFrame, edits: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    rows = []
    for row in frame.to_dict("records"):
        changed = edits.get(row["feature_name"])
        rows.append({**row, **changed, "confidence": 1.0, "source": "person"} if changed else row)
    return pd.DataFrame(rows, columns=list(frame.columns))


def _review(frame: pd.DataFrame, final: pd.DataFrame, edits: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """Return the file to review: what stands, what was proposed, and which fields a person changed.

    Edits of names that this list lacks are kept below, so that they hold when the names come back.
    """
    out = final.assign(**{f"proposed_{name}": frame[name] for name in EDITABLE})
    out["edited"] = [" ".join(edits.get(name, ())) for name in out["feature_name"]]
    known = set(out["feature_name"])
    away = [
        {"feature_name": name, **changed, "source": "person", "edited": " ".join(changed)}
        for name, changed in edits.items()
        if name not in known
    ]
    whole = pd.concat([out, pd.DataFrame(away)], ignore_index=True) if away else out
    whole = whole.reindex(columns=list(REVIEW)).astype(object)
    whole = whole.where(whole.notna(), "")
    return whole.map(lambda cell: _guarded(cell) if isinstance(cell, str) else cell)


def _guarded(cell: str) -> str:
    """Keep a spreadsheet from running a cell."""
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _write(file: Path, frame: pd.DataFrame) -> None:
    """Write a CSV file whole or not at all."""
    draft = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # A carriage return within a cell ends the line for most readers unless it is quoted.
        returns = any("\r" in str(cell) for column in frame for cell in frame[column])
        quoting = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
        draft.write_bytes(frame.to_csv(index=False, lineterminator="\n", quoting=quoting).encode("utf-8", "replace"))
        os.replace(draft, file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise BadInput(f"{file} cannot be written ({error.strerror}); give --out a place that can be.") from None


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Open the checkpoint, a database of keys and values."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = sqlite3.connect(file, timeout=30)
    except (sqlite3.Error, OSError) as error:
        raise BadInput(f"{file} cannot be written ({error}); give --out a place that can be.") from None
    try:
        try:
            kept.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
            kept.commit()
        except sqlite3.OperationalError as error:
            raise BadInput(f"{file.name!r} cannot be used ({error}); is another run at work on it?") from None
        except sqlite3.DatabaseError:
            raise BadInput(f"{file.name!r} is no checkpoint of this command; move it away and run again.") from None
        yield kept
    finally:
        kept.close()


class _KeptVectors:
    """An encoder whose vectors are written down as they are made, a part at a time."""

    def __init__(self, inner: Embedder, kept: sqlite3.Connection, tell: Tell) -> None:
        self._inner, self._kept, self._tell = inner, kept, tell

    @property
    def name(self) -> str:
        return self._inner.name

    def encode(self, texts: Sequence[str]) -> Floats:
        keys = [_key("vector", self.name, text) for text in texts]
        found = {key: vector for key in dict.fromkeys(keys) if (vector := self._known(key)) is not None}
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        todo = list(new)
        for start in range(0, len(todo), AT_ONCE):
            part = todo[start : start + AT_ONCE]
            for key, vector in zip(part, self._inner.encode([new[key] for key in part]), strict=True):
                found[key] = vector
                value = np.asarray(vector, dtype="<f4").tobytes()
                self._kept.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, value))
            self._kept.commit()
            self._tell("Reading the names", start + len(part), len(todo))
        return np.stack([found[key] for key in keys]) if keys else np.zeros((0, 1), dtype=np.float32)

    def _known(self, key: str) -> Floats | None:
        row = self._kept.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        return np.frombuffer(row[0], dtype="<f4") if row else None


def _kept_replies(complete: Complete, kept: sqlite3.Connection) -> Complete:
    """Return ``complete`` with its replies written down; a failure is not kept and is tried again in the next run."""

    def answered(prompt: str, schema: Mapping[str, Any]) -> str:
        key = _key("reply", prompt, json.dumps(schema, sort_keys=True))
        row = kept.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        if row:
            return bytes(row[0]).decode()
        reply = complete(prompt, schema)
        kept.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, reply.encode("utf-8", "replace")))
        kept.commit()
        return reply

    return answered


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def completer(ladder: Ladder) -> Complete | None:
    """Return what asks the ladder's models for JSON, the best first; None where it has none."""
    if not ladder.rungs:
        return None

    def complete(prompt: str, schema: Mapping[str, Any]) -> str:
        shape = {"type": "json_schema", "json_schema": {"name": "grouping", "schema": dict(schema)}}
        for rung in ladder.usable():
            try:
                reply = rung.client().text(
                    [{"role": "user", "content": prompt}], extra={"response_format": shape}, tokens=120
                )
            except ModelFault as fault:
                ladder.failed(rung, fault)
                continue
            ladder.worked(rung)
            return reply
        raise ModelFault("no model answered")

    return complete

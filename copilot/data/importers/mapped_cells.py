"""A mapped export's files as text cells: any delimiter and encoding, Parquet too, one sentence for what stops it."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from copilot.data.importers.mapping_file import TableMap
from copilot.data.importers.read import _rows, _text, clean, spoken
from copilot.errors import BadInput

_PARQUET = (".parquet", ".pq")


def locate(path: Path, table: str, mapping: TableMap) -> Path:
    """Return the file of one table: what the mapping names, or ``<table>.csv``, or the export's only file.

    Raises:
        BadInput: It is not there, or not inside the export's folder.
    """
    try:
        if path.is_file() and mapping.file in (None, path.name):
            return path
        folder = path.parent if path.is_file() else path
        name = mapping.file or f"{table}.csv"
        if not folder.is_dir():
            raise BadInput(f"There is no folder {path}; name the folder that holds the export's files.")
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise BadInput(f"The mapping names {name[:100]!r}, which lies outside {folder}; put it into that folder.")
        if not (folder / name).is_file():
            raise BadInput(
                f"{folder} lacks {name[:100]}, which the mapping names for {table}; put it there or correct it."
            )
        return folder / name
    except (OSError, ValueError) as error:  # too long a name, or a NUL in it
        raise BadInput(f"The file of {table} cannot be found ({_why(error)}); correct the mapping.") from None


def read_cells(file: Path, delimiter: str, encoding: str, skip: int) -> pd.DataFrame:
    """Return all cells as text, by line; a Parquet file's rows count from 1.

    The header may repeat names, for only the mapped ones matter.

    Raises:
        BadInput: The file cannot be read or is not what its name or the mapping says.
    """
    if file.suffix.lower() in _PARQUET:
        return _parquet(file)
    return _separated(file, delimiter, encoding, skip)


def _separated(file: Path, delimiter: str, encoding: str, skip: int) -> pd.DataFrame:
    text = _decoded(file, encoding)
    for _ in range(skip):
        text = text.partition("\n")[2]
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except (TypeError, ValueError):
        raise BadInput(
            f"The mapping's delimiter {delimiter!r} separates nothing; write a comma, semicolon or tab."
        ) from None
    try:
        rows = _rows(reader)
        header = next(rows, (0, []))[1]
        if not header:
            raise BadInput(f"{file.name} is empty below the {skip} skipped lines; correct skip in the mapping.")
        lines, table = [], []
        for line, row in rows:
            if len(row) < len(header) or any(row[len(header) :]):
                raise BadInput(
                    f"{file.name} is not a clean file: line {line + skip} has {len(row)} cells where the header has "
                    f"{len(header)}; correct that line, or put texts with {delimiter!r} in quotes, and import again."
                )
            lines.append(line + skip)
            table.append(row[: len(header)])
    except csv.Error as error:
        raise BadInput(
            f"{file.name} is not a clean file at line {reader.line_num + skip} ({error}); correct it and import again."
        ) from None
    return pd.DataFrame(table, columns=header, index=pd.Index(lines, name="line", dtype="int64"), dtype="str")


def _decoded(file: Path, encoding: str) -> str:
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return _text(file)
    try:
        text = file.read_bytes().decode(encoding)
    except OSError as error:
        raise BadInput(f"{file.name} cannot be read ({error.strerror}); see to it and import again.") from None
    except UnicodeError:
        raise BadInput(f"{file.name} is not encoded as {encoding}; correct the encoding in the mapping.") from None
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise BadInput(f"{file.name} is empty; export it again with its header and rows.")
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        raise BadInput(f"{file.name} is no {encoding} text (NUL byte in line {line}); correct the encoding.")
    return text


def _parquet(file: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(file)
    except (OSError, ValueError) as error:  # pyarrow's errors are both
        raise BadInput(f"{file.name} is no Parquet file ({_why(error)}); export it again.") from None
    frame = frame.reset_index(drop=frame.index.names == [None])  # a named index holds a column
    frame.columns = [str(name) for name in frame.columns]
    parts = [_as_text(frame.iloc[:, position]) for position in range(frame.shape[1])]
    made = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=frame.index)
    return made.set_index(pd.RangeIndex(1, len(made) + 1, name="line"))


def _as_text(values: pd.Series) -> pd.Series:
    """Write typed values as a CSV would: days as ISO, whole numbers without a point, nothing for what is missing."""
    empty = values.isna()
    if pd.api.types.is_datetime64_any_dtype(values):
        text = values.dt.strftime("%Y-%m-%d")
    elif pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        text = values.astype("Int64").astype("str")
    else:
        text = values.map(lambda cell: clean(str(cell)), na_action="ignore")
    return text.astype("str").mask(empty, "").rename(values.name)


def pick(name: str, frame: pd.DataFrame, wanted: Sequence[str], delimiter: str) -> pd.DataFrame:
    """Return the columns that the mapping names, spelled as it does; upper and lower case do not matter.

    Raises:
        BadInput: ``frame`` lacks one of ``wanted``, has it twice, or has no rows.
    """
    headers = [" ".join(column.split()) for column in frame.columns]
    places: dict[str, int] = {}
    missing = []
    for theirs in wanted:
        spelled = " ".join(theirs.split())
        found = [place for place, header in enumerate(headers) if header == spelled]
        found = found or [place for place, header in enumerate(headers) if header.casefold() == spelled.casefold()]
        if len(found) > 1:
            raise BadInput(f"{name} has the column {theirs[:60]} more than once; keep one of them and import again.")
        if found:
            places[theirs] = found[0]
        else:
            missing.append(theirs[:60])
    if missing:
        # A file whose delimiter is another shows one long header.
        has = spoken([header[:40] or "a nameless one" for header in headers[:12]])
        columns = "columns" if len(missing) > 1 else "column"
        raise BadInput(
            f"{name} lacks the {columns} {spoken(missing)}; separated by {delimiter!r} it has {has}, so correct the "
            "mapping."
        )
    if frame.empty:
        raise BadInput(f"{name} has a header but no rows; export it again with its rows.")
    return frame.iloc[:, list(places.values())].set_axis(list(places), axis=1)


def _why(error: Any) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())[:100]

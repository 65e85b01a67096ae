"""From the files of an export to text cells: finding, decoding and parsing CSV, with one sentence for what stops it."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from copilot.errors import BadInput

RESERVED = ("line", "fault")  # columns that the report of rows set aside adds
_SPACES = "\t\n\r\v\f"


def csv_files(folder: Path) -> dict[str, Path]:
    """Return the CSV files of ``folder`` by lower-case stem.

    Raises:
        BadInput: There is no such folder, or it holds no CSV file.
    """
    remedy = "name the folder that holds the export's CSV files."
    try:
        if not folder.exists():
            raise BadInput(f"There is no folder {folder}; {remedy}")
        if not folder.is_dir():
            raise BadInput(f"{folder} is not a folder; {remedy}")
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".csv")
    except OSError as error:
        raise BadInput(f"{folder} cannot be read ({error.strerror}); {remedy}") from None
    if not files:
        raise BadInput(f"{folder} holds no CSV file; {remedy}")
    return {file.stem.lower(): file for file in files}  # of Accounts.csv and accounts.csv the last, the lower-case one


def locate(folder: Path, source: str, names: Sequence[str], *, prefix: str = "") -> dict[str, Path]:
    """Return the file of each required table; a file may carry ``prefix`` before its name.

    Raises:
        BadInput: ``csv_files`` found nothing, or a required file is missing.
    """
    found = csv_files(folder)
    files = {name: found.get(name) or found.get(prefix + name) for name in names}
    missing = [f"{name}.csv" for name, file in files.items() if file is None]
    if missing:
        raise BadInput(
            f"{folder} lacks {spoken(missing)}, which an import from {source} needs; "
            f"export {'it' if len(missing) == 1 else 'them'} too and import again."
        )
    return {name: file for name, file in files.items() if file is not None}


def cells(file: Path, columns: Sequence[str], *, may_be_empty: bool = False) -> pd.DataFrame:
    """Read one CSV file as text.

    Args:
        file: A UTF-8 file (with or without byte order mark), comma-separated, with a header.
        columns: The columns it must have; upper or lower case and their order do not matter.
        may_be_empty: Accept a header without rows.

    Returns:
        All columns of the file as text, lower-case names, without control and bidirectional characters;
        the index ``line`` holds each row's line number in the file. Blank rows are left out.

    Raises:
        BadInput: The file cannot be read, is no UTF-8 CSV, or lacks or repeats one of ``columns``.
    """
    text = _text(file)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = _rows(reader)
        header = [cell.lower().replace(" ", "_") for cell in next(rows, (0, [""]))[1]]
        _check_header(file, header, columns, first_line=text.lstrip().split("\n", 1)[0])
        lines, table = [], []
        for line, row in rows:
            if len(row) < len(header) or any(row[len(header) :]):
                raise BadInput(
                    f"{file.name} is not a clean CSV file: line {line} has {len(row)} cells where the header has "
                    f"{len(header)}; correct that line, or put texts with commas in quotes, and import again."
                )
            lines.append(line)
            table.append(row[: len(header)])
    except csv.Error as error:
        raise BadInput(
            f"{file.name} is not a clean CSV file at line {reader.line_num} ({error}); save it as CSV again."
        ) from None
    if not table and not may_be_empty:
        raise BadInput(f"{file.name} has a header but no rows; export it again with its rows.")
    frame = pd.DataFrame(table, columns=header, index=pd.Index(lines, name="line", dtype="int64"), dtype="str")
    keep = [name != "" and name not in RESERVED for name in header]
    return frame.loc[:, keep & ~frame.columns.duplicated()]


def clean(text: str) -> str:
    """Drop control, bidirectional, zero-width and private characters; other white space becomes blanks."""
    if text.isprintable():
        return text.strip()
    kept = []
    for character in text.replace("\r\n", "\n"):
        category = unicodedata.category(character)
        if character == "\n":
            kept.append(character)
        elif category[0] == "Z" or character in _SPACES:
            kept.append(" ")
        elif category[0] != "C":
            kept.append(character)
    return "".join(kept).strip()


def spoken(words: Sequence[str]) -> str:
    """Join words as a person does: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file.name} cannot be read ({error.strerror}); see to it and import again.") from None
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise BadInput(f"{file.name} is empty; export it again with its header and rows.")
    if data.startswith(b"PK\x03\x04"):
        raise BadInput(f"{file.name} is an Excel or zip file by its content; save it as UTF-8 CSV.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(f"{file.name} is encoded as UTF-16; save it as UTF-8.")
    nul = data.find(b"\0")
    if nul >= 0:
        line = data.count(b"\n", 0, nul) + 1
        raise BadInput(f"{file.name} is not a text file (NUL byte in line {line}); save it as UTF-8 CSV.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{file.name} is not encoded as UTF-8 (line {line}); save it as UTF-8.") from None


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(line, cells)`` for every row that is not blank; a row may span lines within quotes."""
    line = 1
    for row in reader:
        cleaned = [clean(cell) for cell in row]
        if any(cleaned):
            yield line, cleaned
        line = reader.line_num + 1  # type: ignore[attr-defined]  # csv's reader has it; its type is private


def _check_header(file: Path, header: list[str], columns: Sequence[str], *, first_line: str) -> None:
    missing = [column for column in columns if column not in header]
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and missing and mark in first_line:
            raise BadInput(f"{file.name} separates its columns by {name}; save it with commas.")
    if missing:
        raise BadInput(
            f"{file.name} lacks the column{'s' if len(missing) > 1 else ''} {spoken(missing)}; "
            f"export it again with {spoken(list(columns))}."
        )
    twice = [column for column in columns if header.count(column) > 1]
    if twice:
        raise BadInput(f"{file.name} has the column {twice[0]} more than once; keep one of them and import again.")

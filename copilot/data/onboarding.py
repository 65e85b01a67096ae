"""A team's own features: YAML files in the workspace's folder ``features``, each checked before it is taken in."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from copilot.data.catalogue import default_specs, definitions, empty_columns
from copilot.data.definitions import WHAT, Read, read_definitions, refuse_doubled
from copilot.data.features import build
from copilot.data.portable import GIVEN
from copilot.data.specs import FeatureSpec
from copilot.data.workspace import Book, Workspace
from copilot.data.yaml_file import nearest
from copilot.errors import BadInput

FOLDER = "features"
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}\.ya?ml")


@dataclass(frozen=True)
class Added:
    """What ``add`` took in.

    Attributes:
        file: Where it lies now.
        specs: The features of its definitions.
        values: One column a feature, one row an account, as of the book's day.
        notes: Sentences about what is allowed and odd, such as a feature without any value.
    """

    file: Path
    specs: tuple[FeatureSpec, ...]
    values: pd.DataFrame
    notes: tuple[str, ...]


def onboarded(workspace: Workspace) -> list[FeatureSpec]:
    """Return the specs of all files in the workspace's folder ``features``, in the order of the files' names.

    Raises:
        BadInput: A file there is broken, or two of them name one feature.
    """
    return [spec for one in _standing(workspace) for spec in one.specs]


def check(workspace: Workspace, file: Path) -> tuple[list[FeatureSpec], pd.DataFrame, list[str]]:
    """Check a file completely: schema, portable SQL, names, columns, and a dry run on the current book.

    Returns:
        The features, their values for every account as of the book's day, and what is odd about them.

    Raises:
        BadInput: Something does not hold; one sentence with the file, the definition and what to do.
        NotSetUp: There is no book to try it on.
    """
    if not _FILE.fullmatch(file.name):
        raise BadInput(f"{WHAT} {file.name[:80]!r} must end in .yaml, its name letters, digits, dots and dashes only.")
    book = workspace.book()
    found = read_definitions(file)
    refuse_doubled([*(one for one in _standing(workspace) if one.file != file.name), *found])
    ours = {spec.name.lower() for spec in [*definitions(), *default_specs(book)]}
    for one in found:
        where = f"{WHAT} {file.name!r}, definition {one.definition.name!r} in line {one.line}"
        for spec in one.specs:
            if spec.name.lower() in ours:
                raise BadInput(f"{where}: the copilot has a feature {spec.name!r} already; choose another name.")
            _check_source(spec, book, where)
    specs = [spec for one in found for spec in one.specs]
    try:
        values = build(workspace, specs=specs, as_of=book.as_of)
    except BadInput as error:
        raise BadInput(f"{WHAT} {file.name!r} cannot be built on the book as of {book.as_of}: {error}") from None
    return specs, values, _odd(specs, values, book)


def add(workspace: Workspace, file: Path) -> Added:
    """Check a file and copy it into the workspace; a file of the same name there is replaced.

    Raises:
        BadInput, NotSetUp: As ``check``; nothing has changed then.
    """
    workspace.book()  # without one nothing is made, not even the folder
    with workspace.writing():
        specs, values, notes = check(workspace, file)
        home = workspace.root / FOLDER
        home.mkdir(exist_ok=True)
        draft = home / f".{file.name}.{os.getpid()}"
        draft.write_bytes(file.read_bytes())
        os.replace(draft, home / file.name)
    return Added(home / file.name, tuple(specs), values, tuple(notes))


def _standing(workspace: Workspace) -> list[Read]:
    files = sorted((workspace.root / FOLDER).glob("[!.]*.y*ml"))
    found = [one for file in files if file.suffix in (".yaml", ".yml") for one in read_definitions(file)]
    refuse_doubled(found)
    return found


def _check_source(spec: FeatureSpec, book: Book, where: str) -> None:
    if not book.has(spec.table):
        reason = book.manifest["missing"].get(spec.table, "")
        raise BadInput(
            f"{where}: this book has no table {spec.table}. {reason}".rstrip()
            + f" It has {', '.join(book.manifest['tables'])}."
        )
    columns = pd.Index(_columns(book, spec.table))
    for column in sorted((spec.columns - GIVEN) | set(spec.entity)):
        if column not in columns:
            raise BadInput(
                f"{where}: feature {spec.name!r} reads {column!r}, which the table {spec.table} lacks"
                f"{nearest(column, columns)}."
            )


def _columns(book: Book, table: str) -> list[str]:
    import pyarrow.parquet as pq

    return list(pq.read_schema(book.file(table)).names)


def _odd(specs: list[FeatureSpec], values: pd.DataFrame, book: Book) -> list[str]:
    found = []
    for spec in specs:
        empty = sorted((spec.columns - GIVEN) & empty_columns(book, spec.table))
        if empty:
            found.append(
                f"{spec.name} reads {', '.join(empty)}, of which this book knows nothing; models will not get it."
            )
        elif values[spec.name].isna().all():
            found.append(f"{spec.name} has no value for any account as of {book.as_of}; see its window and condition.")
        elif values[spec.name].nunique(dropna=False) == 1:
            found.append(f"{spec.name} is the same for every account as of {book.as_of}, so it tells models nothing.")
    return found

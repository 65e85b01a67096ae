"""The first feature set: the definitions of ``catalogue.yaml``, and columns for the values that one book has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from zlib import crc32

import pandas as pd

from copilot.data.book import TABLES
from copilot.data.definitions import read_definitions
from copilot.data.specs import Direction, FeatureSpec, windows
from copilot.data.workspace import Book

OWNER = "the copilot"
MOST_VALUES, FEWEST_ROWS = 8, 20  # values of a column that get one of their own, and how many rows each needs
MOST_GROUPS = 4  # functions, and levels, that people are counted by
_STAMPS = {"event_ts", "known_ts", "end_date"}


def default_specs(book: Book) -> list[FeatureSpec]:
    """Return the specs whose columns hold anything in this book, and those of its own segments, regions and functions.

    The names of the latter come from the values, so that one feature is the same thing in every later book.
    """
    kept = readable(definitions(), book)
    return kept + _one_hot(book) + _people(book)


@cache
def definitions() -> tuple[FeatureSpec, ...]:
    """Return the specs of ``catalogue.yaml``, whatever a book holds."""
    return tuple(spec for one in read_definitions(Path(__file__).with_suffix(".yaml")) for spec in one.specs)


def readable(specs: tuple[FeatureSpec, ...] | list[FeatureSpec], book: Book) -> list[FeatureSpec]:
    """Return the specs whose table this book has and whose columns hold anything in it."""
    kept = [spec for spec in specs if book.has(spec.table)]
    empty = {table: empty_columns(book, table) for table in {spec.table for spec in kept}}
    return [spec for spec in kept if not (spec.columns & empty[spec.table]) - _STAMPS]


def empty_columns(book: Book, table: str) -> set[str]:
    """Return a table's columns that hold no value in this book, read off the file's own counts where it has them."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(book.file(table))
    columns = set(TABLES[table].columns)
    counts = dict.fromkeys(columns & set(file.schema_arrow.names), 0)
    for group in range(file.metadata.num_row_groups):
        part = file.metadata.row_group(group)
        for place in range(part.num_columns):
            chunk = part.column(place)
            if chunk.path_in_schema not in counts:
                continue
            known = chunk.statistics is not None and chunk.statistics.has_null_count
            nulls = chunk.statistics.null_count if known else _nulls(book, table, chunk.path_in_schema, group)
            counts[chunk.path_in_schema] += part.num_rows - nulls
    return {column for column in columns if counts.get(column, 0) == 0}


def _nulls(book: Book, table: str, column: str, group: int) -> int:
    import pyarrow.parquet as pq

    return int(pq.ParquetFile(book.file(table)).read_row_group(group, [column]).column(0).null_count)


def _one_hot(book: Book) -> list[FeatureSpec]:
    return [
        FeatureSpec(
            name,
            "accounts",
            "1",
            "count",
            where=f"{column} = {_quoted(value)}",
            unit="flag",
            label=f"{column} {value}",
            super_name=name,
            ultra_name=column,
            category="Company",
            owner=OWNER,
            description=f"1 where the account's {column} is {value}, else 0.",
            tags=("firmographics",),
        )
        for column in ("segment", "region", "industry")
        for name, value in _common(book, "accounts", column, MOST_VALUES)
    ]


def _people(book: Book) -> list[FeatureSpec]:
    """Count hires and leavers of each common function and level."""
    directions: dict[str, tuple[str, Direction]] = {
        "hires": ("people hired", "higher is better"),
        "leavers": ("people who left", "lower is better"),
    }
    found = []
    for column in ("function", "level"):
        for name, value in _common(book, "people_monthly", column, MOST_GROUPS):
            for metric, (label, direction) in directions.items():
                spec = FeatureSpec(
                    f"{metric}_{name}",
                    "people_monthly",
                    metric,
                    where=f"{column} = {_quoted(value)}",
                    label=f"{label}, {column} {value}",
                    ultra_name="people",
                    category="Company",
                    direction=direction,
                    owner=OWNER,
                    description=f"The {label.removeprefix('people ')} among those whose {column} is {value}.",
                    tags=("hiring" if metric == "hires" else "attrition", "headcount", "staff"),
                )
                found += windows(spec, "l12m")
    return found


def _common(book: Book, table: str, column: str, most: int) -> Iterator[tuple[str, str]]:
    """Yield a column's commonest values, each with the name that its feature takes."""
    if not book.has(table):
        return
    counts = pd.read_parquet(book.file(table), columns=[column])[column].value_counts()
    taken: set[str] = set()
    for value in sorted(str(value) for value in counts.loc[lambda n: n >= FEWEST_ROWS].head(most).index):
        name = f"{column}_{_slug(value)}"
        if "\\" not in value and name not in taken:  # engines read a backslash in a text differently
            taken.add(name)
            yield name, value


def _slug(value: str) -> str:
    """Return the value as part of a name; what letters and digits cannot tell apart is told by a checksum."""
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:30]
    # Only what the slug loses besides capitals, blanks and dashes needs the checksum: "R&D" and "R+D" are two things.
    lossless = re.sub(r"[\s-]+", "_", value.lower()) == slug
    return slug if lossless else f"{slug}_{crc32(value.encode()):08x}".strip("_")


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"

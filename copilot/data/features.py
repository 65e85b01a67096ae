"""The feature mart: one typed definition of a feature gives the same number at any past date.

A spec (``specs``) names a metric of one table of the book, an aggregate and a window counted back from the sample's
date. All specs of one table become one SQL statement (``emit``) over the rows with ``known_ts`` up to that date, each
in the version that was the newest then (``history``), so that a feature as of t reads only what was known at t
(MATHS §1).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from copilot.data.emit import emit
from copilot.data.history import SUFFIX
from copilot.data.portable import GIVEN
from copilot.data.specs import Aggregate, FeatureSpec, Grain
from copilot.data.workspace import Book, Workspace
from copilot.errors import BadInput

if TYPE_CHECKING:
    import duckdb

__all__ = ["Aggregate", "FeatureSpec", "Grain", "build", "emit"]


def build(
    workspace: Workspace | Path | str,
    *,
    specs: Sequence[FeatureSpec] | None = None,
    as_of: date | pd.DataFrame | None = None,
    engine: Literal["duckdb", "spark"] = "duckdb",
) -> pd.DataFrame:
    """Compute features as they could have been known at a date.

    Args:
        workspace: A workspace or its folder.
        specs: What to compute; by default all of ``catalogue.default_specs``.
        as_of: One date for every entity of the book, by default the book's own; or a frame of samples with the
            entity columns and ``as_of``, one row a sample. A date counts to its end.
        engine: Where the SQL runs.

    Returns:
        One float column a spec. For one date the frame is indexed by the entity columns; for samples it has the
        samples' index and order. What a table says that the book lacks is null.

    Raises:
        BadInput: Specs of more than one entity, doubled names, samples without a date, a column that the table lacks,
            a metric that is no number, or an engine that is not there.
    """
    if engine != "duckdb":
        raise BadInput(f"The feature engine {engine!r} is not there; use 'duckdb'.")
    if not isinstance(workspace, Workspace):
        workspace = Workspace(Path(workspace))
    book = workspace.book()
    if specs is None:
        from copilot.data.catalogue import default_specs

        specs = default_specs(book)
    entity = _one_entity(specs)
    if isinstance(as_of, pd.DataFrame):
        samples, index = _samples(as_of, entity), as_of.index
    else:
        samples = _everyone(book, specs, entity)
        index = pd.Index(samples[entity[0]]) if len(entity) == 1 else pd.MultiIndex.from_frame(samples)
        samples = samples.assign(as_of=pd.Timestamp(as_of or book.as_of).normalize())
    features = _run(book, specs, samples)
    features.index = index
    return features


def _run(book: Book, specs: Sequence[FeatureSpec], samples: pd.DataFrame) -> pd.DataFrame:
    import duckdb

    days = samples["as_of"].unique()
    shared = pd.Timestamp(days[0]).date() if len(days) == 1 else None
    samples = samples.assign(next_day=samples["as_of"] + pd.Timedelta(days=1), sample=range(len(samples)))
    parts = []
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.register("samples", samples)
        for table, group in groupby(sorted(specs, key=lambda spec: spec.table), key=lambda spec: spec.table):
            if not book.has(table):
                continue
            chosen = list(group)
            source = connection.read_parquet(str(book.file(table)))
            source.create_view("source", replace=True)
            history = book.has(table + SUFFIX)
            if history:
                connection.read_parquet(str(book.file(table + SUFFIX))).create_view("earlier", replace=True)
            _check_columns(chosen, source.columns)
            if samples.empty:
                continue
            try:
                part = connection.sql(emit(chosen, as_of=shared, history=history)).df()
            except duckdb.Error as error:
                raise _culprit(connection, chosen, error) from None
            parts.append(part.set_index("sample").reindex(samples["sample"]))
    found = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=samples["sample"])
    return found.reindex(columns=[spec.name for spec in specs]).astype("float64")


def _check_columns(specs: list[FeatureSpec], columns: list[str]) -> None:
    for spec in specs:
        for column in sorted((spec.columns - GIVEN) | set(spec.entity)):
            if column not in columns:
                near = get_close_matches(column, columns, n=3) or columns
                raise BadInput(
                    f"Feature {spec.name!r} reads {column!r}, which the table {spec.table} lacks; it has "
                    f"{', '.join(near)}."
                )


def _culprit(connection: duckdb.DuckDBPyConnection, specs: list[FeatureSpec], error: Exception) -> BadInput:
    """Name the first spec that fails by itself."""
    import duckdb

    for spec in specs:
        try:
            connection.sql(emit([spec])).fetchall()
        except duckdb.Error as own:
            return BadInput(f"Feature {spec.name!r} cannot be computed from {spec.metric!r}: {_first_line(own)}")
    return BadInput(f"The features of {specs[0].table} cannot be computed together: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".") + "."


def _one_entity(specs: Sequence[FeatureSpec]) -> tuple[str, ...]:
    entities = {spec.entity for spec in specs}
    if len(entities) != 1:
        raise BadInput("Features of one call must share their entity; call build once for each.")
    names = [spec.name.lower() for spec in specs]  # engines do not tell X from x
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise BadInput(f"The feature names {', '.join(doubled)} stand there twice.")
    return entities.pop()


def _samples(given: pd.DataFrame, entity: tuple[str, ...]) -> pd.DataFrame:
    """Return the entity's columns and ``as_of`` at midnight, one row a sample."""
    lacking = [column for column in (*entity, "as_of") if column not in given]
    if lacking:
        raise BadInput(f"The samples lack the column {', '.join(lacking)}; they need {', '.join(entity)} and as_of.")
    samples = given[[*entity, "as_of"]].reset_index(drop=True)
    days: Any = pd.to_datetime(samples["as_of"], errors="coerce")
    if days.isna().any():
        raise BadInput(f"{int(days.isna().sum())} of {len(days)} samples have no date in as_of; leave them out.")
    return samples.assign(as_of=days.dt.normalize())


def _everyone(book: Book, specs: Sequence[FeatureSpec], entity: tuple[str, ...]) -> pd.DataFrame:
    """Return every entity of the book: from the accounts where they hold it, else from the tables that are read."""
    tables = sorted({spec.table for spec in specs if book.has(spec.table)})
    tables += [table + SUFFIX for table in tables if book.has(table + SUFFIX)]
    if set(entity) <= set(book.table("accounts").columns):
        tables = ["accounts"]
    parts = [book.table(name).reindex(columns=list(entity)) for name in tables]
    if not parts:
        parts = [pd.DataFrame(columns=list(entity))]
    return pd.concat(parts).drop_duplicates().dropna().reset_index(drop=True)

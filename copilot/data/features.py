"""The feature mart: one typed definition of a feature gives the same number at any past date.

A spec names a metric of one table of the book, an aggregate and a window counted back from the sample's date.
All specs of one table become one SQL statement: ``aggregate FILTER (WHERE age BETWEEN a AND b)`` over an integer
age, joined on ``known_ts``, so that a feature as of t reads only what was known at t (MATHS §1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Literal

import pandas as pd

from copilot.data.book import TABLES
from copilot.data.workspace import Book, Workspace
from copilot.errors import BadInput
from copilot.text.cells import Unit

Grain = Literal["day", "week", "month"]
Aggregate = Literal["sum", "mean", "min", "max", "count", "distinct"]
_SQL = {"mean": "avg", "distinct": "count"}
_COUNTS = ("sum", "count", "distinct")  # over no rows these are 0


@dataclass(frozen=True)
class FeatureSpec:
    """One feature.

    Attributes:
        name: The column it becomes.
        table: A table of the book.
        metric: A column of it, or an expression over its columns and ``as_of``.
        aggregate: How the metric is drawn together.
        window: How many grains; None takes the whole known past.
        lag: How many grains before the window are left out (``_l2m_l1m`` is window 1, lag 1).
        grain: The unit of window and lag. Months are whole calendar months, the last complete one first.
        where: A further SQL condition on the row.
        entity: The key columns; one entity a call of ``build``.
        unit: The unit of the value.
        label: The feature in a rep's words, as in "seat utilisation".
        super_name: The feature without its window; its specs are told as one.
        ultra_name: The family of which one narrative survives (MATHS §6).
        category: The heading in an explanation.
    """

    name: str
    table: str
    metric: str
    aggregate: Aggregate = "sum"
    window: int | None = None
    lag: int = 0
    grain: Grain = "month"
    where: str = ""
    entity: tuple[str, ...] = ("account_id",)
    unit: Unit = "count"
    label: str = ""
    super_name: str = ""
    ultra_name: str = ""
    category: str = ""

    def __post_init__(self) -> None:
        """Refuse a spec that cannot be emitted."""
        if self.table not in TABLES:
            raise BadInput(f"Feature {self.name!r} reads the table {self.table!r}; a book has {', '.join(TABLES)}.")
        if not self.name.isidentifier():
            raise BadInput(f"The feature name {self.name!r} must be letters, digits and underscores.")
        if (self.window is not None and self.window < 1) or self.lag < 0:
            raise BadInput(f"Feature {self.name!r} needs a window of at least 1 and a lag of at least 0.")


def build(
    workspace: Workspace | Path | str,
    *,
    specs: Sequence[FeatureSpec] | None = None,
    as_of: date | pd.DataFrame | None = None,
    engine: Literal["duckdb"] = "duckdb",
) -> pd.DataFrame:
    """Compute features as they could have been known at a date.

    Args:
        workspace: A workspace or its folder.
        specs: What to compute; by default all of ``catalogue.default_specs``.
        as_of: One date for every account of the book, by default the book's own; or a frame of samples with the
            entity columns and ``as_of``, one row a sample.
        engine: Where the SQL runs.

    Returns:
        One float column a spec. For one date the frame is indexed by the entity columns; for samples it has the
        samples' index and order. A sum or count over no rows is 0, any other aggregate null.

    Raises:
        BadInput: Specs of more than one entity, doubled names, or an engine that is not there.
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
        samples = as_of[[*entity, "as_of"]].reset_index(drop=True)
        index: pd.Index = as_of.index
    else:
        samples = _everyone(book, entity).assign(as_of=pd.Timestamp(as_of or book.as_of))
        index = pd.Index(samples[entity[0]]) if len(entity) == 1 else pd.MultiIndex.from_frame(samples[list(entity)])
    samples = samples.assign(sample=range(len(samples)))
    features = _run(book, specs, samples)
    features.index = index
    return features


def emit(specs: Iterable[FeatureSpec]) -> str:
    """Return the one statement that computes ``specs`` of one table from the relations ``samples`` and ``source``."""
    specs = list(specs)
    keys = " AND ".join(f"source.{key} = samples.{key}" for key in specs[0].entity)
    columns = ",\n  ".join(f"{_aggregate(spec)} AS {spec.name}" for spec in specs)
    return f"""WITH known AS (
  SELECT source.*, samples.sample, samples.as_of,
    (year(samples.next_day) * 12 + month(samples.next_day)) - (year(event_ts) * 12 + month(event_ts)) AS age_month,
    CAST(floor((CAST(samples.as_of AS DATE) - CAST(event_ts AS DATE)) / 7.0) AS INTEGER) + 1 AS age_week,
    CAST(samples.as_of AS DATE) - CAST(event_ts AS DATE) + 1 AS age_day
  FROM samples JOIN source ON {keys} AND source.known_ts < samples.next_day
)
SELECT sample,
  {columns}
FROM known GROUP BY sample"""


def _aggregate(spec: FeatureSpec) -> str:
    conditions = []
    if spec.window is not None:
        # Age 1 is the grain that ends with the sample's date: rows of a month that is still running do not count.
        conditions.append(f"age_{spec.grain} BETWEEN {spec.lag + 1} AND {spec.lag + spec.window}")
    if spec.where:
        conditions.append(f"({spec.where})")
    kept = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
    what = f"DISTINCT {spec.metric}" if spec.aggregate == "distinct" else spec.metric
    call = f"{_SQL.get(spec.aggregate, spec.aggregate)}({what}){kept}"
    if spec.aggregate in _COUNTS:
        call = f"coalesce({call}, 0)"
    return f"CAST({call} AS DOUBLE)"


def _run(book: Book, specs: Sequence[FeatureSpec], samples: pd.DataFrame) -> pd.DataFrame:
    import duckdb

    samples = samples.assign(next_day=pd.to_datetime(samples["as_of"]) + pd.Timedelta(days=1))
    found = pd.DataFrame(index=samples["sample"])
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.register("samples", samples)
        for table, group in groupby(sorted(specs, key=lambda spec: spec.table), key=lambda spec: spec.table):
            if not book.has(table):
                continue
            chosen = list(group)
            connection.execute(
                f"CREATE OR REPLACE VIEW source AS SELECT * FROM read_parquet({_quoted(book.file(table))})"
            )
            part = connection.sql(emit(chosen)).df().set_index("sample").reindex(found.index)
            counted = [spec.name for spec in chosen if spec.aggregate in _COUNTS]
            found = found.join(part.fillna(dict.fromkeys(counted, 0.0)))
    return found.reindex(columns=[spec.name for spec in specs]).astype("float64")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _one_entity(specs: Sequence[FeatureSpec]) -> tuple[str, ...]:
    entities = {spec.entity for spec in specs}
    if len(entities) != 1:
        raise BadInput("Features of one call must share their entity; call build once for each.")
    names = [spec.name for spec in specs]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise BadInput(f"The feature names {', '.join(doubled)} stand there twice.")
    return entities.pop()


def _everyone(book: Book, entity: tuple[str, ...]) -> pd.DataFrame:
    accounts = book.table("accounts")
    if set(entity) <= set(accounts.columns):
        return accounts[list(entity)].drop_duplicates().dropna().reset_index(drop=True)
    usage = book.table("usage_monthly")
    return usage[list(entity)].drop_duplicates().reset_index(drop=True)

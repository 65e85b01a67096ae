"""All features of one table as one SQL statement, in the part of SQL that engines read alike.

A row is read once. The windows of all specs cut the past into stretches of age that do not overlap (1, 2, 3, 4-6 ...);
what can be added up is aggregated by entity and stretch, and a window is put together from its few stretches. That
costs one aggregate a metric instead of one a metric and window. What cannot be added up (distinct, std) and what
takes the whole past goes by ``aggregate FILTER (WHERE age BETWEEN a AND b)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

from copilot.data.book import TABLES
from copilot.data.portable import GIVEN
from copilot.data.specs import FeatureSpec, Grain

_MOST_STRETCHES = 60  # each is one more join; beyond, filters over the rows are cheaper


def emit(specs: Iterable[FeatureSpec], *, as_of: date | None = None, history: bool = False) -> str:
    """Return the one statement that computes ``specs`` of one table.

    It reads ``source``, the table, and ``samples``: ``sample`` (a number), the entity's columns, ``as_of`` and
    ``next_day``, the midnight after it. It returns ``sample`` and one DOUBLE a spec, a row a sample, in any order.

    Args:
        specs: One or more specs of one table and entity.
        as_of: The day that all samples share: the source is then aggregated as it stands, without meeting each sample.
        history: Read ``earlier`` too, the table's earlier versions (``copilot.data.history``), and of each row the
            version that was the newest known on the sample's day: one is known from its ``known_ts`` until the next's.
    """
    return _Statement(list(specs), as_of, history=history).text()


class _Statement:
    """Collects, spec by spec, what must be aggregated, and writes the statement around it."""

    def __init__(self, specs: Sequence[FeatureSpec], as_of: date | None, *, history: bool) -> None:
        self.specs, self.as_of, self.history = specs, as_of, history
        self.source = "versions AS source" if history else "source"
        self.key = specs[0].entity if as_of else ("sample",)
        self.stretches = _stretches(specs)
        self.pieces: dict[str, dict[str, str]] = {}  # relation: aggregate call -> the column it becomes

    def text(self) -> str:
        values = [f"{self.value(spec)} AS {spec.name}" for spec in self.specs]  # fills the pieces
        versions = self.versions() if self.history else []
        relations = [*versions, self.known(), *(self.aggregated(relation) for relation in self.pieces)]
        joins = "".join(f"\n    {self.join(relation, place)}" for relation, place in self.places())
        return (
            f"WITH {', '.join(relations)}\nSELECT sample,\n  "
            + ",\n  ".join(f"CAST({_finished(spec)} AS DOUBLE) AS {spec.name}" for spec in self.specs)
            + "\nFROM (\n  SELECT samples.sample AS sample,\n    "
            + ",\n    ".join(values)
            + f"\n  FROM samples{joins}\n) AS found"
        )

    def versions(self) -> list[str]:
        """All versions of the rows with ``until_ts``, from when the next one was known; null for the newest."""
        name = self.specs[0].table
        # A part of a key may be empty (a row without a day), and no engine joins empty to empty.
        same = " AND ".join(
            f"{_joinable(name, 'later', one)} = {_joinable(name, 'earlier', one)}" for one in TABLES[name].key
        )
        stamped = [*TABLES[name].key, *({"known_ts"} - set(TABLES[name].key))]
        columns = sorted(self.plain() | set(TABLES[name].key))
        return [
            f"later AS (\n  SELECT {_of('source', stamped)} FROM source\n"
            f"  UNION ALL\n  SELECT {_of('earlier', stamped)} FROM earlier\n)",
            f" versions AS (\n  SELECT {_of('source', columns)}, CAST(NULL AS TIMESTAMP) AS until_ts FROM source\n"
            f"  UNION ALL\n  SELECT {_of('earlier', columns)}, min(later.known_ts) AS until_ts\n"
            f"  FROM earlier JOIN later ON {same} AND later.known_ts > earlier.known_ts\n"
            f"  GROUP BY {_of('earlier', columns)}\n)",
        ]

    def plain(self) -> set[str]:
        """The table's own columns that are read."""
        read = frozenset[str]().union(*(spec.columns for spec in self.specs))
        return set(read - GIVEN) | {"event_ts", "known_ts", *self.specs[0].entity}

    def known(self) -> str:
        """The rows that were known on the sample's day, of things that had happened by then, with their ages."""
        read = frozenset[str]().union(*(spec.columns for spec in self.specs))
        ages = {f"age_{spec.grain}" for spec in self.specs if spec.ages} | (read & GIVEN)
        if self.as_of:
            today, tomorrow = _moment(self.as_of), _moment(self.as_of + timedelta(days=1))
            begin, meet, where = "", self.source, "WHERE"
        else:
            today, tomorrow = "samples.as_of", "samples.next_day"
            keys = " AND ".join(f"source.{key} = samples.{key}" for key in self.specs[0].entity)
            begin, meet, where = "samples.sample, ", f"samples JOIN {self.source} ON {keys}", "AND"
        needless = set() if self.as_of else set(self.specs[0].entity) - read - {"event_ts", "known_ts"}
        columns = [f"source.{column}" for column in sorted(self.plain() - needless)]
        columns.append(f"{today} AS as_of")
        columns.extend(
            f"{_AGES[age].format(today=today, tomorrow=tomorrow)} AS {age}" for age in sorted(ages - {"as_of"})
        )
        newest = f"\n  AND (source.until_ts IS NULL OR source.until_ts >= {tomorrow})" if self.history else ""
        return (
            f"{' ' if self.history else ''}known AS (\n  SELECT {begin}{', '.join(columns)}\n  FROM {meet}\n"
            f"  {where} source.known_ts < {tomorrow} AND (source.event_ts IS NULL OR source.event_ts < {tomorrow})"
            f"{newest}\n)"
        )

    def aggregated(self, relation: str) -> str:
        calls = ",\n    ".join(f"{call} AS {piece}" for call, piece in self.pieces[relation].items())
        key = ", ".join(self.key)
        if relation == "whole":
            return f" whole AS (\n  SELECT {key},\n    {calls}\n  FROM known GROUP BY {key}\n)"
        grain: Grain = relation.removeprefix("by_")  # type: ignore[assignment]
        stretches = self.stretches[grain]
        which = " ".join(f"WHEN age_{grain} BETWEEN {a} AND {b} THEN {i}" for i, (a, b) in enumerate(stretches))
        return (
            f" {relation} AS (\n  SELECT {key}, CASE {which} END AS stretch,\n    {calls}\n  FROM known"
            f" WHERE age_{grain} BETWEEN {stretches[0][0]} AND {stretches[-1][1]}\n"
            f"  GROUP BY {key}, CASE {which} END\n)"
        )

    def places(self) -> list[tuple[str, int | None]]:
        """Each relation that is joined to the samples; one by stretches is joined once for each."""
        found: list[tuple[str, int | None]] = []
        for relation in self.pieces:
            if relation == "whole":
                found.append((relation, None))
            else:
                found += [(relation, i) for i in range(len(self.stretches[relation.removeprefix("by_")]))]  # type: ignore[index]
        return found

    def join(self, relation: str, place: int | None) -> str:
        alias = relation if place is None else f"{relation}_{place}"
        rows = relation if place is None else f"(SELECT * FROM {relation} WHERE stretch = {place})"
        keys = " AND ".join(f"{alias}.{key} = samples.{key}" for key in self.key)
        return f"LEFT JOIN {rows} AS {alias} ON {keys}"

    def value(self, spec: FeatureSpec) -> str:
        """The value of the spec's window, or what it is against the window it is compared with."""
        if not spec.ages:
            return self.window(spec, None)
        now, *before = [self.window(spec, ages) for ages in spec.ages]
        if not before:
            return now
        then = before[0]
        if spec.transform == "change":
            return f"({now}) - ({then})"
        if spec.transform == "per_prior":
            return f"({now}) / nullif({then}, 0)"
        return f"(({now}) - ({then})) / nullif(abs({then}), 0)"

    def window(self, spec: FeatureSpec, ages: tuple[int, int] | None) -> str:
        number = f"CAST({spec.metric} AS DOUBLE)"
        known = f"({spec.metric}) IS NOT NULL"
        if spec.aggregate in ("sum", "mean"):
            sums = self.columns(spec, ages, f"sum({number})")
            if spec.aggregate == "mean":
                value = f"{_total(sums)} / nullif({_total(self.columns(spec, ages, f'count({spec.metric})'))}, 0)"
            elif spec.empty_is_zero:
                return _total(sums)
            else:
                value = f"CASE WHEN {_first(sums)} IS NOT NULL THEN {_total(sums)} END"
        elif spec.aggregate == "count":
            value = f"nullif({_total(self.columns(spec, ages, f'count({spec.metric})'))}, 0)"
        elif spec.aggregate == "distinct":
            value = f"nullif({self.columns(spec, ages, f'count(DISTINCT {spec.metric})')[0]}, 0)"
        elif spec.aggregate in ("min", "max"):
            found = self.columns(spec, ages, f"{spec.aggregate}({number})")
            # Here, and only here, is it wanted that these two pass over nulls: a stretch without rows has no say.
            value = (
                f"{'least' if spec.aggregate == 'min' else 'greatest'}({', '.join(found)})" if found[1:] else found[0]
            )
        elif spec.aggregate == "last":
            newest = f"max_by({number}, (event_ts, known_ts, {number}))"
            value = _first(self.columns(spec, ages, newest, f"{known} AND event_ts IS NOT NULL"))
        elif spec.aggregate == "std":
            value = self.columns(spec, ages, f"stddev_samp({number})")[0]
        else:
            both = f"{known} AND ({spec.per}) IS NOT NULL"
            parts = _total(self.columns(spec, ages, f"sum({number})", both))
            wholes = _total(self.columns(spec, ages, f"sum(CAST({spec.per} AS DOUBLE))", both))
            value = f"({parts}) / nullif({wholes}, 0)"
        return f"coalesce({value}, 0)" if spec.empty_is_zero else value

    def columns(self, spec: FeatureSpec, ages: tuple[int, int] | None, call: str, condition: str = "") -> list[str]:
        """Ask for an aggregate over some ages; return the columns that hold it, the newest stretch first."""
        conditions = [part for part in (condition, f"({spec.where})" if spec.where else "") if part]
        stretches = self.stretches.get(spec.grain, [])
        apart = ages is None or not stretches or spec.aggregate in ("distinct", "std")
        if apart and ages is not None:
            conditions.append(f"age_{spec.grain} BETWEEN {ages[0]} AND {ages[1]}")
        if conditions:
            call += f" FILTER (WHERE {' AND '.join(conditions)})"
        pieces = self.pieces.setdefault("whole" if apart else f"by_{spec.grain}", {})
        piece = pieces.setdefault(call, f"p{len(pieces)}")
        if apart or ages is None:
            return [f"whole.{piece}"]
        inside = [i for i, (first, last) in enumerate(stretches) if ages[0] <= first and last <= ages[1]]
        return [f"by_{spec.grain}_{i}.{piece}" for i in inside]


def _of(relation: str, columns: Iterable[str]) -> str:
    return ", ".join(f"{relation}.{column}" for column in columns)


def _joinable(table: str, relation: str, column: str) -> str:
    """The column of a key, with a day that no row has where it may be empty."""
    if TABLES[table].columns[column].required:
        return f"{relation}.{column}"
    return f"coalesce({relation}.{column}, TIMESTAMP '0001-01-01 00:00:00')"


_AGES = {
    "age_month": "(year({tomorrow}) * 12 + month({tomorrow})) - (year(source.event_ts) * 12 + month(source.event_ts))",
    "age_week": "CAST(floor((CAST({today} AS DATE) - CAST(source.event_ts AS DATE)) / 7.0) AS INTEGER) + 1",
    "age_day": "CAST({today} AS DATE) - CAST(source.event_ts AS DATE) + 1",
}


def _stretches(specs: Sequence[FeatureSpec]) -> dict[Grain, list[tuple[int, int]]]:
    """Cut the ages of each grain wherever a window begins or ends; ages in no window fall out."""
    found: dict[Grain, list[tuple[int, int]]] = {}
    for grain in sorted({spec.grain for spec in specs}):
        ages = [pair for spec in specs if spec.grain == grain and _adds_up(spec) for pair in spec.ages]
        cuts = sorted({first for first, _ in ages} | {last + 1 for _, last in ages})
        pieces = [(cut, following - 1) for cut, following in pairwise(cuts)]
        kept = [(a, b) for a, b in pieces if any(first <= a and b <= last for first, last in ages)]
        if len(kept) <= _MOST_STRETCHES:
            found[grain] = kept
    return found


def _adds_up(spec: FeatureSpec) -> bool:
    return spec.aggregate not in ("distinct", "std")


def _finished(spec: FeatureSpec) -> str:
    """The value after its last transform and its cap; by CASE, since least and greatest turn null into a bound."""
    value = f"found.{spec.name}"  # with its relation, so that a name may be a word of SQL
    if spec.transform == "log1p":
        value = f"CASE WHEN {value} > -1 THEN ln(1 + {value}) END"
    low, high = spec.bounds
    cuts = "" if low is None else f" WHEN {value} < {low!r} THEN {low!r}"
    cuts += "" if high is None else f" WHEN {value} > {high!r} THEN {high!r}"
    return f"CASE{cuts} ELSE {value} END" if cuts else value


def _total(columns: list[str]) -> str:
    return "(" + " + ".join(f"coalesce({column}, 0)" for column in columns) + ")"


def _first(columns: list[str]) -> str:
    return f"coalesce({', '.join(columns)})" if columns[1:] else columns[0]


def _moment(day: date) -> str:
    return f"TIMESTAMP '{day.isoformat()} 00:00:00'"

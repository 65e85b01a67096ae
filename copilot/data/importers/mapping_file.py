"""The mapping file: which file and column of an export fills which column of the book, checked before a row is read."""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from copilot.data.book import DAY, NUMBER, TABLES
from copilot.errors import BadInput

LARGEST_FILE = 1 << 20  # bytes; a mapping is written by hand
_CURRENCY = r"^[A-Z]{3}$"
Take = Literal["sum", "first", "last", "min", "max"]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Patterns = Annotated[list[str], BeforeValidator(_listed)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ColumnMap(_Strict):
    """Where one column of the book comes from; written short, ``name: Firma`` is ``name: {from: Firma}``.

    Attributes:
        from_: The export's column (``from`` in the file).
        value: A constant instead.
        map: What to write for each text; a key may end in ``*``, the first that fits counts. A text that no key
            fits is a fault; the word ``*`` keeps the text as it is.
        format: How dates are written, as ``strptime`` takes it; without it the commonest orders are tried.
        decimal: The decimal mark; the other of point and comma then separates thousands. Without it only plain
            numbers are read, for "1,100" is 1.1 to some.
        scale: What numbers are multiplied by.
        times: Another column of numbers that they are multiplied by, line by line.
        absolute: Write the size of a negative number: a credit note's amount in a table that knows no sign.
        plus_days: Days added to a date.
        take: Which of the lines that become one row speaks (see ``TableMap.combine``); unless it says otherwise
            numbers are added up, ``event_ts`` is the first, ``known_ts`` the last, and all else the first line's.
    """

    from_: str | None = Field(None, alias="from", min_length=1)
    value: str | None = None
    map: dict[str, str] | None = None
    format: str | None = None
    decimal: Literal[".", ","] | None = None
    scale: float = Field(1.0, allow_inf_nan=False)
    times: str | None = Field(None, min_length=1)
    absolute: bool = False
    plus_days: int = Field(0, ge=-36_500, le=36_500)
    take: Take | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:
        return {"from": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _one_origin(self) -> ColumnMap:
        if (self.from_ is None) == (self.value is None):
            raise ValueError("needs either from or value")
        if self.format is not None:
            try:
                datetime.strptime(datetime(2001, 2, 3, tzinfo=UTC).strftime(self.format), self.format).astimezone(UTC)
            except ValueError:
                raise ValueError(f"has the format {self.format[:40]!r}, which is none; %Y-%m-%d is one") from None
        return self

    @property
    def theirs(self) -> tuple[str, ...]:
        """The export's columns this one is made of."""
        return tuple(name for name in (self.from_, self.times) if name is not None)


class TableMap(_Strict):
    """How one table of the book is filled.

    Attributes:
        file: A CSV, TSV or Parquet file in the export's folder; by default the table's name with ``.csv``.
        delimiter: One character; by default a comma, a tab in a ``.tsv``.
        encoding: As Python calls it.
        skip: Lines above the header.
        filters: Lines are read only where each of these columns holds one of the texts; a text may end in ``*``.
        set_aside: Lines that all of these fit are set aside on purpose: counted and summed up in a note, and not
            held against the export.
        combine: Make one row of all lines with the same key.
        columns: One entry a column of the book.
    """

    file: str | None = Field(None, min_length=1)
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    encoding: str = "utf-8"
    skip: int = Field(0, ge=0, le=10_000)
    filters: dict[str, Patterns] = {}
    set_aside: dict[str, Patterns] = {}
    combine: bool = False
    columns: dict[str, ColumnMap] = Field(min_length=1)

    @model_validator(mode="after")
    def _text_encoding(self) -> TableMap:
        try:
            known = codecs.lookup(self.encoding)._is_text_encoding
        except (LookupError, ValueError):
            known = False
        if not known:
            raise ValueError(
                f"has the encoding {self.encoding[:40]!r}, which does not exist; utf-8 and cp1252 are usual"
            )
        return self

    @property
    def theirs(self) -> tuple[str, ...]:
        """The export's columns that the table needs, each once."""
        named = [name for column in self.columns.values() for name in column.theirs]
        return tuple(dict.fromkeys([*named, *self.filters, *self.set_aside]))


class BookMap(_Strict):
    """A whole mapping: a name for the source, the currency, the day the export speaks of, and the tables."""

    source: str = Field("csv", min_length=1, max_length=40)
    currency: str = Field("USD", pattern=_CURRENCY)
    as_of: date | None = None
    tables: dict[str, TableMap] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_columns(self) -> BookMap:
        for name, table in self.tables.items():
            if name not in TABLES:
                raise ValueError(f"names the table {name[:60]!r}, which the book lacks{_nearest(name, TABLES)}")
            rules = TABLES[name].columns
            for ours, column in table.columns.items():
                if ours not in rules:
                    raise ValueError(
                        f"names the column {ours[:60]!r} of {name}, which the book lacks{_nearest(ours, rules)}"
                    )
                if column.plus_days and rules[ours].dtype != DAY:
                    raise ValueError(f"adds days to {name}.{ours}, which is no date")
                if column.take == "sum" and rules[ours].dtype != NUMBER:
                    raise ValueError(f"adds up {name}.{ours}, which is no number")
            fills_itself = ("known_ts", "event_ts")
            lacking = [
                c for c, rule in rules.items() if rule.required and c not in table.columns and c not in fills_itself
            ]
            lacking += [c for c in TABLES[name].key if c not in table.columns and c not in lacking]
            if lacking:
                raise ValueError(f"leaves out the column {lacking[0]} of {name}, which the book needs")
        if "accounts" not in self.tables:
            raise ValueError("leaves out the table accounts, without which no question can be answered")
        return self


def load(file: Path) -> BookMap:
    """Read and check a mapping file.

    Every scalar is read as text and typed by the schema, so that YAML's "no" stays a word and 007 an id.

    Raises:
        BadInput: The file is missing, is no YAML, says something twice, or breaks the schema; one sentence.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadInput(
            f"The mapping {file.name} cannot be read ({error.strerror}); name it with --mapping FILE."
        ) from None
    if len(data) > LARGEST_FILE:
        raise BadInput(f"The mapping {file.name} is longer than a mebibyte; a mapping names columns and holds no data.")
    said = _yaml(file.name, data)
    if not isinstance(said, dict):
        raise BadInput(f"The mapping {file.name} holds no tables; write `tables:` with one entry a table of the book.")
    try:
        return BookMap.model_validate(said)
    except ValidationError as error:
        raise BadInput(f"The mapping {file.name} {_sentence(error)}; correct it and import again.") from None


def _yaml(name: str, data: bytes) -> Any:
    import yaml

    class Loader(yaml.BaseLoader):
        def compose_node(self, parent: Any, index: int) -> Any:
            if self.check_event(yaml.AliasEvent):  # a few aliases of aliases fill any memory
                raise yaml.MarkedYAMLError(problem="uses an alias", problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            found: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key.value, str):
                    raise yaml.MarkedYAMLError(problem="names a key that is no word", problem_mark=key.start_mark)
                if key.value in found:
                    raise yaml.MarkedYAMLError(problem=f"names {key.value[:60]} twice", problem_mark=key.start_mark)
                found.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(data.decode("utf-8-sig"), Loader)
    except UnicodeDecodeError:
        raise BadInput(f"The mapping {name} is not encoded as UTF-8; save it as UTF-8.") from None
    except RecursionError:
        raise BadInput(f"The mapping {name} is nested too deeply to be one; write tables and columns only.") from None
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problem = re.sub(r"\s+", " ", str(error.problem))
        said = problem if problem.startswith(("names ", "uses ")) else f"is no YAML ({problem})"
        raise BadInput(f"The mapping {name} {said}{where}; correct that line and import again.") from None
    except yaml.YAMLError:  # a character that YAML forbids
        raise BadInput(f"The mapping {name} is not a text file; save it as UTF-8 text.") from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = [str(part) for part in first["loc"] if part != "[key]"]
    where = f" at {'.'.join(place)[:120]}" if place else ""
    if first["type"] == "extra_forbidden":
        above = _fields(place[:-1])
        at = f" at {'.'.join(place[:-1])[:120]}" if place[:-1] else ""
        return f"has the key {place[-1][:60]!r}{at}, which is unknown{_nearest(place[-1], above)}"
    if first["type"] == "missing":
        at = f" at {'.'.join(place[:-1])[:120]}" if place[:-1] else ""
        return f"lacks the key {place[-1]}{at}"
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        return f"{message}{where}"
    if place[-1:] == ["currency"]:
        return "has a currency that is no code of three capitals (write USD or EUR)"
    return f"cannot be used{where} ({first['msg'][:1].lower()}{first['msg'][1:]})"


def _fields(place: list[str]) -> list[str]:
    """Return the keys that are known at one place of the mapping."""
    models: dict[int, type[BaseModel]] = {0: BookMap, 2: TableMap, 4: ColumnMap}
    model = models.get(len(place), BookMap)
    return [field.alias or name for name, field in model.model_fields.items()]


def _nearest(word: str, known: Iterable[str] | Mapping[str, Any]) -> str:
    names = list(known)
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.4)
    return f" (did you mean {close[0]}?)" if close else f" (known are {', '.join(names)})"

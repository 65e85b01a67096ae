"""Cells and references: what a person reads for a value, and how sentences point at values."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.text.cells import Cell, fill, flatten, prefix, references, show

SHOWN: list[tuple[Any, Any, str]] = [
    (1234.5, "usd", "$1,234"),
    (99.5, "usd", "$99.50"),
    (99, "usd", "$99"),
    (99.999, "usd", "$100"),
    (-1234.0, "usd", "-$1,234"),
    (-0.001, "usd", "$0"),
    (0.42, "percent", "42 %"),
    (0.4256, "percent", "42.6 %"),
    (-0.05, "percent", "-5 %"),
    (-0.00001, "percent", "0 %"),
    (1.5, "percent", "150 %"),
    (20, "percent", "2,000 %"),
    (0.42, "ratio", "0.420"),
    (7.25, "score", "7.2"),
    (1, "days", "1 day"),
    (-1, "days", "-1 day"),
    (90, "days", "90 days"),
    (2.5, "days", "2.5 days"),
    (1, "months", "1 month"),
    (1.0, "hours", "1 hour"),
    (3.5, "hours", "3.5 hours"),
    (0.25, "hours", "0.25 hours"),
    (10, "hours", "10 hours"),
    (0, "hours", "0 hours"),
    (1.0, "points", "1.0 point"),
    (-13.04, "points", "-13.0 points"),
    (1234567, "count", "1,234,567"),
    (0, "count", "0"),
    (True, "flag", "yes"),
    (False, "flag", "no"),
    (True, "count", "yes"),
    (date(2026, 3, 1), "date", "2026-03-01"),
    (datetime(2026, 3, 1, 23, 59, tzinfo=UTC), "date", "2026-03-01"),
    ("Acme {{t1.name}}", "text", "Acme {{t1.name}}"),
    (0.5, "text", "0.5"),
    (12, "text", "12"),
    (np.int64(5), "count", "5"),
    (np.float32(0.5), "percent", "50 %"),
    (np.bool_(True), "flag", "yes"),
    (pd.Timestamp("2026-03-01 12:00"), "date", "2026-03-01"),
]
MISSING: list[Any] = [None, float("nan"), float("inf"), -float("inf"), np.float32("nan"), pd.NaT, pd.NA]


@pytest.mark.parametrize(("value", "unit", "shown"), SHOWN)
def test_a_value_reads_as_a_person_would_write_it(value: Any, unit: Any, shown: str) -> None:
    assert show(value, unit) == shown
    assert Cell(value, unit).shown == shown
    assert Cell(value, unit).known


@pytest.mark.parametrize("value", MISSING)
@pytest.mark.parametrize("unit", ["usd", "percent", "date", "text", "days"])
def test_every_kind_of_missing_value_reads_as_not_known(value: Any, unit: Any) -> None:
    assert Cell(value, unit).shown == "not known"
    assert not Cell(value, unit).known


def test_an_empty_text_is_not_known_either() -> None:
    assert not Cell("").known
    assert Cell("not known").known


@pytest.mark.parametrize("unit", ["usd", "percent", "ratio", "points", "score", "days", "count"])
def test_what_is_shown_is_within_half_of_its_last_digit(unit: Any) -> None:
    rng = np.random.default_rng(5)
    for value in [*rng.normal(0, 1, 50), *rng.normal(0, 1e4, 50)]:
        text = re.sub(r"[^\d.-]", "", show(float(value), unit))
        digits = len(text.partition(".")[2])
        exact = value * 100 if unit == "percent" else value
        assert abs(float(text) - exact) <= 0.5 * 10**-digits + 1e-9


def test_records_flatten_to_paths_that_references_can_name() -> None:
    data = {"as_of": Cell(date(2026, 1, 1), "date"), "rows": [{"name": Cell("Acme"), "why": ({"x": Cell(1)},)}], "n": 3}
    found = dict(flatten(data, "t1"))
    assert set(found) == {"t1.as_of", "t1.rows[0].name", "t1.rows[0].why[0].x"}
    for path in found:
        assert references("{{" + path + "}}") == [path]


def test_prefix_places_a_records_references_under_its_name() -> None:
    assert prefix("{{rows[0].x}} and {{ as_of }}", "t2") == "{{t2.rows[0].x}} and {{t2.as_of}}"
    assert prefix(prefix("{{x}}", "rows[3]"), "t1") == "{{t1.rows[3].x}}"


def test_fill_puts_shown_values_in_place_and_reads_none_of_them_again() -> None:
    cells = {"t1.a": Cell("{{t1.b}} \\1"), "t1.b": Cell(0.5, "percent")}
    assert fill("{{t1.a}}, {{ t1.b }}", cells) == "{{t1.b}} \\1, 50 %"
    with pytest.raises(KeyError, match=r"t1\.c"):
        fill("{{t1.c}}", cells)


@pytest.mark.parametrize("text", ["{{}}", "{{1.a}}", "{{a.}}", "{{a[x]}}", "{{a b}}", "{a}", "{{a[0}}", "{{a+1}}"])
def test_what_is_no_path_is_no_reference(text: str) -> None:
    assert references(text) == []


def test_references_come_in_order_with_repeats() -> None:
    assert references("{{b}} {{a.c[2].d}} {{b}}") == ["b", "a.c[2].d", "b"]

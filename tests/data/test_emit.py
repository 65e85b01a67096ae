from datetime import date

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from copilot.data.emit import emit
from copilot.data.specs import FeatureSpec

AS_OF = date(2026, 6, 30)


def spec(name: str, metric: str = "events", aggregate: str = "sum", **more: object) -> FeatureSpec:
    return FeatureSpec(name, "usage_monthly", metric, aggregate, **more)  # type: ignore[arg-type]


def source(**values: list[float | None]) -> pd.DataFrame:
    """One account's values by month: the newest first, from June 2026 back."""
    months = pd.date_range("2026-06-01", periods=len(next(iter(values.values()))), freq="-1MS")
    rows = pd.DataFrame({"account_id": "a", "event_ts": months, "known_ts": months + pd.offsets.MonthEnd(0)})
    return rows.assign(**{name: pd.array(column, dtype="Float64") for name, column in values.items()})


def run(rows: pd.DataFrame, *specs: FeatureSpec, as_of: date | None = AS_OF) -> dict[str, float | None]:
    samples = pd.DataFrame({"sample": [0], "account_id": ["a"], "as_of": pd.Timestamp(AS_OF)})
    samples["next_day"] = samples["as_of"] + pd.Timedelta(days=1)
    with duckdb.connect() as connection:
        connection.register("source", pa.Table.from_pandas(rows, preserve_index=False))
        connection.register("samples", samples)
        found = connection.sql(emit(specs, as_of=as_of))
        [row] = found.fetchall()
        return dict(zip(found.columns[1:], row[1:], strict=True))


@pytest.mark.parametrize("as_of", [AS_OF, None])
def test_changes_compare_with_the_window_before_and_the_year_before(as_of: date | None) -> None:
    rows = source(events=[6.0, 4.0, 5.0, None, None, None, None, None, None, None, None, None, 2.0, 3.0])
    found = run(
        rows,
        spec("change", window=1, transform="change"),
        spec("per_prior", window=1, transform="per_prior"),
        spec("yoy", window=1, transform="yoy"),
        spec("yoy_2", window=2, transform="yoy"),
        spec("logged", window=2, transform="log1p"),
        as_of=as_of,
    )
    assert found == pytest.approx(
        {"change": 2, "per_prior": 1.5, "yoy": 2, "yoy_2": 1, "logged": 2.3978952727983707}  # ln 11
    )


@pytest.mark.parametrize(("grain", "days"), [("day", 365), ("week", 364)])
def test_a_year_is_365_days_or_52_weeks(grain: str, days: int) -> None:
    then = pd.Timestamp(AS_OF) - pd.Timedelta(days=days)
    rows = pd.DataFrame({"account_id": "a", "event_ts": [pd.Timestamp(AS_OF), then], "events": [3.0, 2.0]})
    rows["known_ts"] = rows["event_ts"]
    assert run(rows, spec("year", window=1, grain=grain, transform="yoy"))["year"] == 0.5
    assert run(rows, spec("year", window=1, lag=1, grain=grain, transform="yoy"))["year"] is None


def test_a_cap_holds_values_and_leaves_nulls() -> None:
    many, few = source(events=[100.0] + [None] * 11 + [1.0]), source(events=[None] * 12 + [1.0])
    year = spec("year", aggregate="mean", window=1, transform="yoy")
    assert run(many, year)["year"] == 3
    assert run(few, year)["year"] is None
    assert run(few, spec("year", window=1, transform="yoy", cap=(-0.5, None)))["year"] == -0.5
    assert run(few, spec("mean", aggregate="mean", window=1, cap=(5, 9)))["mean"] is None
    assert run(many, spec("mean", aggregate="mean", window=1, cap=(None, 9)))["mean"] == 9


def test_nothing_to_compare_with_is_null() -> None:
    rows = source(events=[5.0, 0.0, -3.0])
    found = run(
        rows,
        spec("over_zero", window=1, transform="per_prior"),
        spec("no_year", window=1, transform="yoy"),
        spec("log_of_minus", window=1, lag=2, transform="log1p"),
        spec("unknown_before", aggregate="mean", window=1, lag=2, transform="change"),
    )
    assert set(found.values()) == {None}


def test_no_value_is_null_or_zero_as_the_spec_says() -> None:
    rows = source(events=[None, 3.0])
    kinds = ("sum", "mean", "min", "max", "count", "distinct", "last", "std")
    kept = run(rows, *(spec(kind, aggregate=kind, window=1, nulls="keep") for kind in kinds))
    assert kept == dict.fromkeys(kinds)
    zeros = run(rows, *(spec(kind, aggregate=kind, window=1, nulls="zero") for kind in kinds))
    assert zeros == dict.fromkeys(kinds, 0)


def test_a_share_counts_rows_where_both_sides_are_known() -> None:
    rows = source(errors=[1.0, 2.0, None, 9.0], events=[10.0, 20.0, 100.0, None])
    share = spec("rate", "errors", "share", per="events", window=4)
    assert run(rows, share)["rate"] == pytest.approx(0.1)
    assert run(rows, spec("rate", "errors", "share", per="events", window=1, lag=2))["rate"] is None


def test_the_last_value_passes_over_gaps_and_is_settled_among_equals() -> None:
    rows = source(events=[None, 4.0, 8.0])
    assert run(rows, spec("last", aggregate="last", window=3))["last"] == 4
    assert run(rows, spec("last", aggregate="last"))["last"] == 4
    nested = [
        spec(f"last_{w}_{lag}", aggregate="last", window=w, lag=lag) for w, lag in ((1, 0), (2, 0), (3, 0), (2, 1))
    ]
    assert list(run(rows, *nested).values()) == [None, 4, 4, 4]
    twice = pd.concat([rows, rows.assign(events=rows["events"] + 1)])
    for order in (twice, twice.iloc[::-1]):
        assert run(order, spec("last", aggregate="last", window=3))["last"] == 5
    corrected = rows.assign(events=2.0, known_ts=rows["known_ts"] + pd.Timedelta(hours=1))
    for order in (pd.concat([rows, corrected]), pd.concat([corrected, rows])):
        assert run(order, spec("last", aggregate="last", window=2, lag=1))["last"] == 2


def test_the_least_and_greatest_come_from_the_months_that_have_a_value() -> None:
    rows = source(events=[None, 4.0, 8.0, 1.0])
    cut = [spec(f"w{window}", window=window) for window in (1, 2, 3, 4)]
    found = run(rows, *cut, spec("low", aggregate="min", window=3), spec("high", aggregate="max", window=3))
    assert (found["low"], found["high"]) == (4, 8)


def test_a_shared_day_spares_the_source_its_meeting_with_the_samples() -> None:
    together, apart = emit([spec("x", window=3)], as_of=AS_OF), emit([spec("x", window=3)])
    assert "FROM source\n" in together
    assert "samples JOIN source" not in together
    assert "samples JOIN source" in apart


def test_thirty_metrics_in_seven_windows_are_thirty_aggregates() -> None:
    ages = [(1, 0), (1, 1), (3, 0), (3, 3), (6, 0), (12, 0), (12, 12)]
    specs = [spec(f"f{i}_{w}_{lag}", f"events + {i}", window=w, lag=lag) for i in range(30) for w, lag in ages]
    text = emit(specs, as_of=AS_OF)
    assert text.count("sum(") == 30
    assert "FILTER" not in text
    assert text.count("LEFT JOIN") == 6  # 1, 2, 3, 4-6, 7-12, 13-24


def test_very_many_stretches_give_the_same_numbers_by_filters() -> None:
    rows = source(events=[float(i) for i in range(100)])
    specs = [
        spec(f"m{i}", aggregate=kind, window=1, lag=i) for i, kind in enumerate(["sum", "mean", "last", "max"] * 20)
    ]
    assert "FILTER" in emit(specs)
    assert run(rows, *specs) == {f"m{i}": i for i in range(80)}


def test_names_may_be_words_of_sql() -> None:
    words = ("order", "select", "group", "end", "month", "found", "samples", "source", "known", "whole", "p0", "as_of")
    rows = source(events=[7.0])
    assert run(rows, *(spec(word, window=1, cap=(0, None)) for word in words)) == dict.fromkeys(words, 7)


def test_only_the_columns_that_are_asked_for_are_read() -> None:
    text = emit([spec("x", window=1, where="product = 'p'")])
    assert "source.events" in text
    assert "source.product" in text
    assert "*" not in text.replace("SELECT * FROM by_month", "").replace("* 12", "")

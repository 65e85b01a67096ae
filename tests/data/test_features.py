import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.data.book import TABLES, conform
from copilot.data.catalogue import default_specs
from copilot.data.features import FeatureSpec, build
from copilot.data.specs import Aggregate, windows, yoy
from copilot.data.workspace import Draft, Workspace
from copilot.errors import BadInput
from tests.conftest import NOW

AS_OF = date(2026, 6, 30)


def book_of(root: Path, usage: pd.DataFrame, accounts: tuple[str, ...] = ("a", "b", "c")) -> Workspace:
    master = pd.DataFrame({"account_id": accounts, "name": accounts, "known_ts": pd.Timestamp("2020-01-01")})
    tables = {"accounts": conform("accounts", master), "usage_monthly": conform("usage_monthly", usage)}
    workspace = Workspace(root)
    workspace.write_book(Draft("test", "USD", AS_OF, tables, {}, {}), NOW)
    return workspace


def rows(*values: tuple[str, str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(values, columns=["account_id", "event_ts", "known_ts", "events"])
    return frame.assign(
        product="p", event_ts=pd.to_datetime(frame["event_ts"]), known_ts=pd.to_datetime(frame["known_ts"])
    )


def spec(name: str, aggregate: str = "sum", **more: object) -> FeatureSpec:
    return FeatureSpec(name, "usage_monthly", "events", aggregate, **more)  # type: ignore[arg-type]


def test_windows_count_whole_months_back_from_the_date(tmp_path: Path) -> None:
    usage = rows(
        ("a", "2026-06-01", "2026-06-30", 1),
        ("a", "2026-05-01", "2026-05-31", 10),
        ("a", "2026-03-01", "2026-03-31", 100),
    )
    specs = [spec("l1m", window=1), spec("l2m_l1m", window=1, lag=1), spec("l3m", window=3), spec("l12m", window=12)]
    found = build(book_of(tmp_path, usage), specs=specs)
    assert found.loc["a"].to_dict() == {"l1m": 1, "l2m_l1m": 10, "l3m": 11, "l12m": 111}
    midmonth = build(book_of(tmp_path, usage), specs=specs, as_of=date(2026, 6, 29))
    assert midmonth.loc["a"].to_dict() == {"l1m": 10, "l2m_l1m": 0, "l3m": 110, "l12m": 110}


def test_a_value_known_later_is_not_read(tmp_path: Path) -> None:
    honest = rows(("a", "2026-05-01", "2026-05-31", 10))
    planted = pd.concat([honest, rows(("a", "2026-04-01", "2026-07-01", 999))])
    specs = [spec("l12m", window=12), spec("ever")]
    pd.testing.assert_frame_equal(
        build(book_of(tmp_path / "1", honest), specs=specs), build(book_of(tmp_path / "2", planted), specs=specs)
    )
    known = build(book_of(tmp_path / "2", planted), specs=specs, as_of=date(2026, 7, 1))
    assert known.loc["a", "ever"] == 1009


def test_sums_over_nothing_are_zero_and_means_are_missing(tmp_path: Path) -> None:
    found = build(
        book_of(tmp_path, rows(("a", "2026-05-01", "2026-05-31", 10))),
        specs=[spec("s", window=1), spec("m", "mean", window=1)],
    )
    assert list(found["s"]) == [0, 0, 0]
    assert found["m"].isna().all()
    assert list(found.index) == ["a", "b", "c"]


def test_a_frame_of_samples_keeps_its_order_and_dates(tmp_path: Path) -> None:
    workspace = book_of(tmp_path, rows(("a", "2026-05-01", "2026-05-31", 10), ("b", "2026-01-01", "2026-01-31", 5)))
    samples = pd.DataFrame(
        {"account_id": ["b", "a", "b"], "as_of": pd.to_datetime(["2026-02-05", "2026-06-01", "2025-01-01"])},
        index=[7, 8, 9],
    )
    found = build(workspace, specs=[spec("l1m", window=1)], as_of=samples)
    assert found["l1m"].to_dict() == {7: 5, 8: 10, 9: 0}


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (lambda: FeatureSpec("x", "usage", "events"), "reads the table 'usage'"),
        (lambda: FeatureSpec("x y", "usage_monthly", "events"), "must be letters"),
        (lambda: spec("x", window=0), "window of at least 1"),
    ],
)
def test_a_spec_that_cannot_be_emitted_is_refused_when_defined(bad: object, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        bad()  # type: ignore[operator]


def test_doubled_names_and_mixed_entities_are_refused(tmp_path: Path) -> None:
    workspace = book_of(tmp_path, rows(("a", "2026-05-01", "2026-05-31", 10)))
    with pytest.raises(BadInput, match="twice"):
        build(workspace, specs=[spec("x"), spec("x")])
    with pytest.raises(BadInput, match="share their entity"):
        build(workspace, specs=[spec("x"), spec("y", entity=("account_id", "product"))])


def test_products_can_be_the_entity(tmp_path: Path) -> None:
    usage = rows(("a", "2026-05-01", "2026-05-31", 10))
    usage = pd.concat([usage, usage.assign(product="q", events=3)])
    found = build(book_of(tmp_path, usage), specs=[spec("ever", entity=("account_id", "product"))])
    assert found["ever"].to_dict() == {("a", "p"): 10, ("a", "q"): 3}


@dataclass(frozen=True)
class Ticket:
    """One row of the source, with gaps, doubles and what was known late; values small, so that sums are exact."""

    account: str
    event: datetime | None
    known: datetime
    hours: int | None
    score: int | None
    escalated: bool | None


# Past a leap day, month ends and a turn of the year; few days, so that rows meet and fall on the borders of windows.
DAYS = st.one_of(
    st.dates(date(2022, 12, 1), date(2024, 4, 30)),
    st.sampled_from([date(2024, 2, 29), date(2024, 2, 28), date(2024, 3, 1), date(2023, 12, 31), date(2023, 2, 28)]),
)
MOMENTS = st.builds(datetime.combine, DAYS, st.sampled_from([time(0), time(23, 59)]))
SMALL = st.one_of(st.none(), st.integers(0, 6))
TICKETS = st.lists(
    st.builds(
        Ticket,
        st.sampled_from("ab"),
        st.one_of(st.none(), MOMENTS, MOMENTS, MOMENTS),
        MOMENTS,
        SMALL,
        SMALL,
        st.one_of(st.none(), st.booleans()),
    ),
    min_size=1,
    max_size=30,
)


@st.composite
def some_spec(draw: st.DrawFn) -> FeatureSpec:
    aggregate = draw(st.sampled_from(get_args(Aggregate)))
    window = draw(st.one_of(st.none(), st.integers(1, 7)))
    transforms = ["none", "log1p"] if window is None else ["none", "log1p", "yoy", "change", "per_prior"]
    return FeatureSpec(
        "x",
        "tickets",
        "resolution_hours",
        aggregate,
        window=window,
        lag=0 if window is None else draw(st.integers(0, 14)),
        grain=draw(st.sampled_from(["day", "week", "month"])),
        where=draw(st.sampled_from(["", "escalated", "satisfaction > 2"])),
        per="satisfaction" if aggregate == "share" else "",
        transform=draw(st.sampled_from(transforms)),
        cap=draw(st.sampled_from([None, None, (0, 1), (None, 2), (-0.5, None)])),
        nulls=draw(st.sampled_from([None, "keep", "zero"])),
    )


def by_hand(spec: FeatureSpec, tickets: list[Ticket], account: str, as_of: date) -> float:
    """The spec's value by looking at each row, with windows as pairs of dates instead of ages."""
    own = [t for t in tickets if t.account == account and t.known.date() <= as_of]
    own = [t for t in own if t.event is None or t.event.date() <= as_of]
    if spec.where:
        own = [t for t in own if (t.escalated is True if spec.where == "escalated" else (t.score or 0) > 2)]
    if spec.window is None:
        value = drawn(spec, own)
    else:
        value = drawn(spec, [t for t in own if within(t, spec.grain, as_of, spec.lag, spec.lag + spec.window)])
        back = spec.window
        if spec.transform == "yoy":
            back = {"day": 365, "week": 52, "month": 12}[spec.grain]
        near = spec.lag + back
        before = drawn(spec, [t for t in own if within(t, spec.grain, as_of, near, near + spec.window)])
        if spec.transform == "change":
            value -= before
        elif spec.transform == "per_prior":
            value = value / before if before else np.nan
        elif spec.transform == "yoy":
            value = (value - before) / before if before else np.nan
    if spec.transform == "log1p":
        value = np.log1p(value)
    low, high = spec.cap or ((-1, 3) if spec.transform == "yoy" else (None, None))
    if low is not None and value < low:
        return low
    return high if high is not None and value > high else value


def within(ticket: Ticket, grain: str, as_of: date, near: int, far: int) -> bool:
    """Whether it happened after the day ``far`` grains back and up to the day ``near`` grains back."""
    if ticket.event is None:
        return False
    following = as_of + timedelta(days=1)
    if grain == "month":
        month = pd.Period(following, "M")
        return bool((month - far).start_time <= ticket.event < (month - near).start_time)
    step = timedelta(days=7 if grain == "week" else 1)
    return following - far * step <= ticket.event.date() < following - near * step


def drawn(spec: FeatureSpec, tickets: list[Ticket]) -> float:
    known = [t.hours for t in tickets if t.hours is not None]
    if spec.aggregate == "share":
        both = [(t.hours, t.score) for t in tickets if t.hours is not None and t.score is not None]
        per = sum(score for _, score in both)
        value = sum(hours for hours, _ in both) / per if per else np.nan
    elif spec.aggregate == "last":
        dated = [(t.event, t.known, t.hours) for t in tickets if t.event is not None and t.hours is not None]
        value = max(dated)[2] if dated else np.nan
    elif spec.aggregate == "std":
        value = statistics.stdev(known) if len(known) > 1 else np.nan
    elif not known:
        value = np.nan
    else:
        ways: dict[str, Callable[[list[int]], float]] = {
            "sum": sum,
            "mean": statistics.mean,
            "min": min,
            "max": max,
            "count": len,
        }
        value = ways[spec.aggregate](known) if spec.aggregate in ways else len(set(known))
    zero = spec.nulls == "zero" or (spec.nulls is None and spec.aggregate in ("sum", "count", "distinct"))
    return 0.0 if zero and np.isnan(value) else float(value)


def tickets_book(root: Path, tickets: list[Ticket]) -> Workspace:
    frame = pd.DataFrame(
        {
            "ticket_id": range(len(tickets)),
            "account_id": [t.account for t in tickets],
            "event_ts": pd.to_datetime([t.event for t in tickets]),
            "known_ts": pd.to_datetime([t.known for t in tickets]),
            "resolution_hours": pd.array([t.hours for t in tickets], dtype="Int64"),
            "satisfaction": pd.array([t.score for t in tickets], dtype="Int64"),
            "escalated": pd.array([t.escalated for t in tickets], dtype="boolean"),
        }
    )
    master = pd.DataFrame({"account_id": ["a", "b"], "name": ["a", "b"], "known_ts": pd.Timestamp("2020-01-01")})
    tables = {"accounts": conform("accounts", master), "tickets": conform("tickets", frame)}
    workspace = Workspace(root)
    workspace.write_book(Draft("test", "USD", AS_OF, tables, {}, {}), NOW)
    return workspace


AS_OFS = st.one_of(
    st.sampled_from([date(2024, 2, 29), date(2024, 2, 28), date(2024, 3, 31), date(2023, 12, 31)]),
    st.dates(date(2023, 12, 1), date(2024, 4, 30)),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tickets=TICKETS, specs=st.lists(some_spec(), min_size=1, max_size=8), days=st.lists(AS_OFS, min_size=2, max_size=4)
)
def test_the_mart_equals_a_slow_obvious_look_at_each_row(
    tmp_path_factory: pytest.TempPathFactory, tickets: list[Ticket], specs: list[FeatureSpec], days: list[date]
) -> None:
    workspace = tickets_book(tmp_path_factory.mktemp("w"), tickets)
    if specs[0].window is not None:  # windows that cut one another into stretches
        specs += [replace(specs[0], window=window, lag=lag) for window, lag in ((1, 0), (2, 1), (4, 0), (9, 2))]
    specs = [replace(spec, name=f"x{i}") for i, spec in enumerate(specs)]
    samples = pd.DataFrame([(account, day) for day in days for account in "ab"], columns=["account_id", "as_of"])
    found = build(workspace, specs=specs, as_of=samples)
    alone = build(workspace, specs=specs, as_of=days[0])
    for spec in specs:
        expected = [by_hand(spec, tickets, account, day) for day in days for account in "ab"]
        assert list(found[spec.name]) == pytest.approx(expected, nan_ok=True, abs=1e-9), spec
        assert list(alone[spec.name]) == pytest.approx(expected[:2], nan_ok=True, abs=1e-9), spec


def one_row(name: str, number: int, event: str, known: str) -> dict[str, object]:
    """A row of any table whose every column holds something that no other row holds; all rows are one entity's."""
    values: dict[str, object] = {}
    for column, rule in TABLES[name].columns.items():
        if rule.dtype in ("float64", "Int64"):
            values[column] = number if rule.high is None else rule.high * number / 100
        elif rule.dtype == "boolean":
            values[column] = True
        elif rule.dtype == "str":
            values[column] = rule.one_of[0] if rule.one_of else f"{column} {number}"
        else:
            values[column] = pd.Timestamp(event)
    return values | {entity_of(name): "e", "event_ts": pd.Timestamp(event), "known_ts": pd.Timestamp(known)}


def entity_of(name: str) -> str:
    """The account where the table knows it, else the first column of its key."""
    return "account_id" if "account_id" in TABLES[name].columns else TABLES[name].key[0]


def everything(name: str) -> list[FeatureSpec]:
    """Specs of each column: over the whole past, the last months and days, and against the year before."""
    found = []
    for column, rule in TABLES[name].columns.items():
        kind = "count" if rule.dtype in ("str", "datetime64[us]") else "last"
        plain = FeatureSpec(f"{column}_{kind}", name, column, kind, entity=(entity_of(name),))  # type: ignore[arg-type]
        found += [plain, *windows(plain, "l3m", "l90d", "l8w"), yoy(windows(plain, "l1m")[0])]
    more: list[Aggregate] = ["sum", "mean", "min", "max", "std", "distinct"]
    return found + [replace(found[0], name=kind, metric="age_day", aggregate=kind) for kind in more]


@pytest.mark.parametrize("name", TABLES)
def test_a_value_planted_in_the_future_is_not_read_from_any_table(name: str, tmp_path: Path) -> None:
    as_of, later = pd.Timestamp("2026-06-30 15:00"), pd.Timestamp("2026-12-31")
    honest = [one_row(name, 3, "2025-06-10", "2025-06-10"), one_row(name, 5, "2026-06-30 23:59", "2026-06-30 23:59")]
    planted = [
        one_row(name, 70, "2026-06-05", "2026-07-01"),  # told later
        one_row(name, 80, "2026-07-01", "2026-06-01"),  # told of, still to happen
        one_row(name, 90, "2026-07-02", "2026-07-03"),  # both
    ]

    def at(rows: list[dict[str, object]], folder: str, day: pd.Timestamp) -> pd.DataFrame:
        workspace = Workspace(tmp_path / folder)

        def fill(place: Path) -> dict[str, object]:  # rows of one entity would break some keys: written as they are
            raw = pd.DataFrame(rows).astype({c: r.dtype for c, r in TABLES[name].columns.items()})
            raw.to_parquet(place / f"{name}.parquet", index=False)
            return {"as_of": "2026-06-30", "tables": {name: len(raw)}}

        workspace.publish("book", fill, NOW)
        # With a second day each sample meets the source by itself; alone, the source is read as it stands.
        samples = pd.DataFrame({entity_of(name): ["e", "e"], "as_of": [day, day - pd.Timedelta(days=200)]})
        together = build(workspace, specs=everything(name), as_of=samples)
        pd.testing.assert_frame_equal(build(workspace, specs=everything(name), as_of=samples[:1]), together[:1])
        return together[:1]

    truth = at(honest, "honest", as_of)
    assert truth["known_ts_count"].tolist() == [2]  # the last minute of the day is known on it
    pd.testing.assert_frame_equal(at([*honest, *planted], "planted", as_of), truth)
    assert at([*honest, *planted], "seen later", later)["known_ts_count"].tolist() == [5]


def test_the_default_set_reads_nothing_that_was_not_known(tiny: Workspace, tmp_path: Path) -> None:
    book, day = tiny.book(), date(2025, 8, 17)
    specs, past = default_specs(book), pd.Timestamp(day) + pd.Timedelta(days=1)
    tables = {name: book.table(name) for name in book.manifest["tables"]}
    known = {name: table[table["known_ts"] < past] for name, table in tables.items()}
    assert sum(map(len, known.values())) < 0.9 * sum(map(len, tables.values()))
    cut = Workspace(tmp_path)
    cut.write_book(Draft("test", "USD", day, known, {}, {}), NOW)
    samples = tables["accounts"][["account_id"]].assign(as_of=pd.Timestamp(day))
    pd.testing.assert_frame_equal(
        build(cut, specs=specs, as_of=samples), build(tiny, specs=specs, as_of=samples), rtol=1e-12
    )


def test_what_cannot_be_computed_is_said_in_one_sentence(tmp_path: Path) -> None:
    workspace = book_of(tmp_path, rows(("a", "2026-05-01", "2026-05-31", 10)))
    with pytest.raises(BadInput, match="reads 'event', which the table usage_monthly lacks; it has events"):
        build(workspace, specs=[FeatureSpec("x", "usage_monthly", "event")])
    with pytest.raises(BadInput, match="reads 'rep_id'"):
        build(workspace, specs=[spec("x", entity=("rep_id",))])
    with pytest.raises(BadInput, match="'y' cannot be computed from 'lower\\(product\\)'") as refused:
        build(workspace, specs=[spec("x"), FeatureSpec("y", "usage_monthly", "lower(product)")])
    assert "\n" not in str(refused.value)
    with pytest.raises(BadInput, match="lack the column as_of"):
        build(workspace, specs=[spec("x")], as_of=pd.DataFrame({"account_id": ["a"]}))
    undated = pd.DataFrame({"account_id": ["a", "b"], "as_of": [pd.Timestamp(AS_OF), pd.NaT]})
    with pytest.raises(BadInput, match="1 of 2 samples have no date"):
        build(workspace, specs=[spec("x")], as_of=undated)
    with pytest.raises(BadInput, match="The feature engine 'spark' is not there; use 'duckdb'"):
        build(workspace, specs=[spec("x")], engine="spark")


def test_a_table_the_book_lacks_gives_nulls_and_no_samples_give_no_rows(tmp_path: Path) -> None:
    workspace = book_of(tmp_path, rows(("a", "2026-05-01", "2026-05-31", 10)))
    lacking = build(workspace, specs=[spec("x"), FeatureSpec("t", "tickets", "1", "count")])
    assert lacking["t"].isna().all()
    assert lacking["x"].tolist() == [10, 0, 0]
    nobody = pd.DataFrame({"account_id": pd.Series(dtype="str"), "as_of": pd.Series(dtype="datetime64[us]")})
    assert build(workspace, specs=[spec("x")], as_of=nobody).shape == (0, 1)


def test_samples_that_share_a_day_or_stand_there_twice_are_all_answered(tmp_path: Path) -> None:
    workspace = book_of(tmp_path, rows(("a", "2026-05-01", "2026-05-31", 10), ("b", "2026-05-01", "2026-05-31", 5)))
    samples = pd.DataFrame({"account_id": ["b", "a", "b", "nobody"], "as_of": pd.Timestamp(AS_OF)}, index=[3, 1, 3, 0])
    found = build(workspace, specs=[spec("x", window=2)], as_of=samples)
    assert list(zip(found.index, found["x"], strict=True)) == [(3, 5), (1, 10), (3, 5), (0, 0)]


def test_the_default_set_covers_the_demo_book_and_only_filled_columns_of_a_real_one(
    tiny: Workspace, ravenstack: Workspace
) -> None:
    assert len(default_specs(tiny.book())) > 50
    names = {s.name for s in default_specs(ravenstack.book())}
    assert "usage_events_l3m" in names
    assert not any(name.startswith(("utilization", "adoption", "hires", "touches")) for name in names)
    assert all(s.super_name and s.ultra_name and s.category and s.label for s in default_specs(tiny.book()))

"""Features read of each row the version known on the sample's day: a correction changes builds after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.data.book import TABLES, conform
from copilot.data.catalogue import default_specs
from copilot.data.features import FeatureSpec, build
from copilot.data.workspace import Book, Draft, Workspace
from tests.conftest import NOW
from tests.data.planted import with_later_corrections
from tests.data.test_features import AS_OFS, DAYS, MOMENTS, SMALL, Ticket, by_hand, some_spec

AS_OF = date(2026, 6, 30)


def book_of(root: Path, table: str, now: pd.DataFrame, earlier: pd.DataFrame) -> Workspace:
    names = ["a", "b", "c"]
    master = pd.DataFrame({"account_id": names, "name": names, "known_ts": pd.Timestamp("2020-01-01")})
    tables = {"accounts": conform("accounts", master), table: conform(table, now)}
    if len(earlier):
        tables[f"{table}_history"] = conform(table, earlier.assign(**unique_key(table, earlier)))[
            list(TABLES[table].columns)
        ].assign(**{key: earlier[key].to_numpy() for key in TABLES[table].key})
    workspace = Workspace(root)
    workspace.write_book(Draft("test", "USD", AS_OF, tables, {}, {}), NOW)
    return workspace


def unique_key(table: str, rows: pd.DataFrame) -> dict[str, list[str]]:
    """Stand-in keys for the check of a table's columns, which allows each key once."""
    return {TABLES[table].key[0]: [f"row {n}" for n in range(len(rows))]}


def usage(*rows: tuple[str, str | None, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "event_ts", "known_ts", "events"]).assign(product="p")
    days = {
        column: pd.to_datetime(frame[column], format="ISO8601").astype("datetime64[us]")
        for column in ("event_ts", "known_ts")
    }
    return frame.assign(**days)


def ever(name: str = "ever", **more: object) -> FeatureSpec:
    return FeatureSpec(name, "usage_monthly", "events", **more)  # type: ignore[arg-type]


def over_time(workspace: Workspace, spec: FeatureSpec, account: str, *days: str) -> list[float]:
    """The feature on each day, asked one day at a time and all days at once; both must agree."""
    samples = pd.DataFrame({"account_id": account, "as_of": pd.to_datetime(list(days))})
    together = build(workspace, specs=[spec], as_of=samples)[spec.name].tolist()
    alone = [build(workspace, specs=[spec], as_of=date.fromisoformat(day)).loc[account, spec.name] for day in days]
    assert together == alone
    return together


def test_a_correction_changes_builds_from_its_day_and_none_before(tmp_path: Path) -> None:
    now = usage(("a", "2026-01-31", "2026-04-10 15:00", 70), ("a", "2026-02-28", "2026-03-01", 5))
    earlier = usage(("a", "2026-01-31", "2026-02-01", 10), ("a", "2026-01-31", "2026-03-10", 30))
    workspace = book_of(tmp_path, "usage_monthly", now, earlier)
    days = ("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-09", "2026-03-10", "2026-04-09", "2026-04-10")
    assert over_time(workspace, ever(), "a", *days) == [0, 10, 10, 15, 35, 35, 75]
    assert over_time(workspace, ever("month", window=1), "a", *days) == [0, 10, 0, 5, 5, 0, 0]


def test_an_event_that_a_correction_moves_counts_where_it_was_thought_to_be(tmp_path: Path) -> None:
    now = usage(("a", "2026-05-31", "2026-06-10", 8)).assign(ticket_id="t")
    rows = {"resolution_hours": 8.0}
    newest, before = now.assign(**rows), usage(("b", "2026-03-31", "2026-04-01", 2)).assign(ticket_id="t", **rows)
    workspace = book_of(tmp_path, "tickets", newest, before)
    tickets = FeatureSpec("tickets", "tickets", "1", "count", window=3)
    days = ("2026-03-31", "2026-04-30", "2026-06-09", "2026-06-10")
    assert over_time(workspace, tickets, "b", *days) == [0, 1, 1, 0]
    assert over_time(workspace, tickets, "a", *days) == [0, 0, 0, 1]


def test_a_row_without_a_day_has_versions_too(tmp_path: Path) -> None:
    now, earlier = usage(("a", None, "2026-05-01", 9)), usage(("a", None, "2026-03-01", 4))
    workspace = book_of(tmp_path, "usage_monthly", now, earlier)
    assert over_time(workspace, ever(), "a", "2026-02-28", "2026-03-01", "2026-04-30", "2026-05-01") == [0, 4, 4, 9]


def test_a_pair_that_only_an_earlier_version_named_is_asked_for_too(tmp_path: Path) -> None:
    seats = {"contract_id": "c", "start_date": "2026-01-01", "annual_usd": 10.0, "event_ts": "2026-01-01"}
    now = pd.DataFrame([seats | {"account_id": "a", "product": "q", "known_ts": "2026-05-01"}])
    earlier = pd.DataFrame([seats | {"account_id": "a", "product": "p", "known_ts": "2026-01-01"}])
    workspace = book_of(tmp_path, "contracts", now, earlier)
    spend = FeatureSpec("spend", "contracts", "annual_usd", entity=("account_id", "product"))
    assert build(workspace, specs=[spend], as_of=date(2026, 4, 30))["spend"].to_dict() == {
        ("a", "p"): 10,
        ("a", "q"): 0,
    }
    assert build(workspace, specs=[spend])["spend"].to_dict() == {("a", "p"): 0, ("a", "q"): 10}


@dataclass(frozen=True)
class Version:
    """What one ticket was said to be, from a moment on."""

    ticket: int
    row: Ticket


@st.composite
def version_histories(draw: st.DrawFn) -> list[Version]:
    """A few tickets, each with one to four versions known at moments of their own; any column may change."""
    found = []
    for number in range(draw(st.integers(1, 10))):
        moments = draw(st.lists(MOMENTS, min_size=1, max_size=4, unique=True))
        for known in moments:
            event = draw(st.one_of(st.none(), MOMENTS, MOMENTS, MOMENTS))
            flag = draw(st.one_of(st.none(), st.booleans()))
            said = Ticket(draw(st.sampled_from("ab")), event, known, draw(SMALL), draw(SMALL), flag)
            found.append(Version(number, said))
    return found


def newest_by(versions: list[Version], day: date) -> list[Ticket]:
    """The slow way: of each ticket the last version known when the day ended."""
    found: dict[int, Ticket] = {}
    for one in sorted(versions, key=lambda version: version.row.known):
        if one.row.known <= datetime.combine(day, time.max):
            found[one.ticket] = one.row
    return list(found.values())


def tickets_book(root: Path, versions: list[Version]) -> Workspace:
    rows = [one.row for one in versions]
    frame = pd.DataFrame(
        {
            "ticket_id": [str(one.ticket) for one in versions],
            "account_id": [row.account for row in rows],
            "event_ts": pd.to_datetime([row.event for row in rows]),
            "known_ts": pd.to_datetime([row.known for row in rows]),
            "resolution_hours": pd.array([row.hours for row in rows], dtype="Int64"),
            "satisfaction": pd.array([row.score for row in rows], dtype="Int64"),
            "escalated": pd.array([row.escalated for row in rows], dtype="boolean"),
        }
    ).sort_values("known_ts")
    newest = ~frame.duplicated("ticket_id", keep="last")
    return book_of(root, "tickets", frame[newest], frame[~newest])


@settings(max_examples=25, deadline=None)
@given(
    versions=version_histories(),
    specs=st.lists(some_spec(), min_size=1, max_size=6),
    days=st.lists(st.one_of(AS_OFS, DAYS), min_size=2, max_size=4),
)
def test_the_mart_equals_a_slow_look_at_each_version(
    tmp_path_factory: pytest.TempPathFactory, versions: list[Version], specs: list[FeatureSpec], days: list[date]
) -> None:
    workspace = tickets_book(tmp_path_factory.mktemp("w"), versions)
    specs = [replace(spec, name=f"x{i}") for i, spec in enumerate(specs)]
    samples = pd.DataFrame([(account, day) for day in days for account in "ab"], columns=["account_id", "as_of"])
    found = build(workspace, specs=specs, as_of=samples)
    alone = build(workspace, specs=specs, as_of=days[0])
    for spec in specs:
        expected = [by_hand(spec, newest_by(versions, day), account, day) for day in days for account in "ab"]
        assert list(found[spec.name]) == pytest.approx(expected, nan_ok=True, abs=1e-9), spec
        assert list(alone.loc[["a", "b"], spec.name]) == pytest.approx(expected[:2], nan_ok=True, abs=1e-9), spec


def test_the_default_set_reads_no_correction_that_was_made_later(demo_book: Book, tmp_path: Path) -> None:
    book, place = demo_book, Workspace(demo_book.path.parents[1])
    planted = with_later_corrections(book, tmp_path)
    specs, days = default_specs(book), pd.to_datetime([book.as_of, "2025-11-17"])
    samples = book.table("accounts")[["account_id"]].head(200).merge(pd.DataFrame({"as_of": days}), how="cross")
    honest = build(place, specs=specs, as_of=samples)
    pd.testing.assert_frame_equal(build(planted, specs=specs, as_of=samples), honest, rtol=1e-9)
    after = build(planted, specs=specs, as_of=samples.assign(as_of=pd.Timestamp(book.as_of) + pd.Timedelta(days=11)))
    differs = ~np.isclose(after, honest, equal_nan=True)
    assert {spec.table for spec, seen in zip(specs, differs.any(axis=0), strict=True) if seen} >= {
        *("contracts", "usage_monthly", "opportunities", "tickets", "accounts")
    }


def test_a_correction_read_before_its_day_would_be_seen(demo_book: Book, tmp_path: Path) -> None:
    """The planted corrections, backdated, change the same builds: the test above can fail."""
    book, place = demo_book, Workspace(demo_book.path.parents[1])
    planted = with_later_corrections(book, tmp_path / "later").book()
    tables = {name: planted.table(name) for name in TABLES if planted.has(name)}
    today = pd.Timestamp(book.as_of)
    leaking = {name: rows.assign(known_ts=rows["known_ts"].clip(upper=today)) for name, rows in tables.items()}
    workspace = Workspace(tmp_path / "leaking")
    workspace.write_book(Draft("test", "USD", book.as_of, leaking, {}, {}), NOW)
    specs = [spec for spec in default_specs(book) if spec.table == "contracts"]
    honest = build(place, specs=specs)
    assert not np.allclose(build(workspace, specs=specs).reindex(honest.index), honest, equal_nan=True)

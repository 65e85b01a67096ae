from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.data.book import conform
from copilot.data.catalogue import default_specs
from copilot.data.features import FeatureSpec, build
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


moments = st.dates(date(2025, 1, 1), date(2026, 8, 1))
entries = st.tuples(st.sampled_from("abc"), moments, st.integers(0, 40), st.one_of(st.none(), st.integers(0, 9)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.lists(entries, min_size=1, max_size=25, unique_by=lambda row: (row[0], row[1])),
    as_of=st.dates(date(2025, 6, 1), date(2026, 6, 30)),
    window=st.integers(1, 6),
    lag=st.integers(0, 3),
    grain=st.sampled_from(["day", "week", "month"]),
    aggregate=st.sampled_from(["sum", "mean", "min", "max", "count", "distinct"]),
)
def test_the_emitted_sql_equals_a_slow_obvious_loop(
    tmp_path_factory: pytest.TempPathFactory,
    data: list[tuple[str, date, int, int | None]],
    as_of: date,
    window: int,
    lag: int,
    grain: str,
    aggregate: str,
) -> None:
    frame = pd.DataFrame(data, columns=["account_id", "event_ts", "late", "events"])
    frame["known_ts"] = [
        event + timedelta(days=late) for event, late in zip(frame["event_ts"], frame["late"], strict=True)
    ]
    frame = frame.assign(
        product="p", event_ts=pd.to_datetime(frame["event_ts"]), known_ts=pd.to_datetime(frame["known_ts"])
    ).drop(columns="late")
    workspace = book_of(tmp_path_factory.mktemp("w"), frame)
    found = build(workspace, specs=[spec("x", aggregate, window=window, lag=lag, grain=grain)], as_of=as_of)["x"]
    for account in "abc":
        kept = []
        for name, event, late, events in data:
            age = {"day": (as_of - event).days + 1, "week": (as_of - event).days // 7 + 1}.get(grain)
            if age is None:
                following = as_of + timedelta(days=1)
                age = following.year * 12 + following.month - event.year * 12 - event.month
            if (
                name == account
                and event + timedelta(days=late) <= as_of
                and lag < age <= lag + window
                and events is not None
            ):
                kept.append(events)
        slow = {"sum": sum, "mean": np.mean, "min": min, "max": max, "count": len, "distinct": lambda k: len(set(k))}[
            aggregate
        ]
        expected = slow(kept) if kept or aggregate in ("sum", "count", "distinct") else np.nan  # type: ignore[operator]
        assert found[account] == pytest.approx(expected, nan_ok=True)


def test_the_default_set_covers_the_demo_book_and_only_filled_columns_of_a_real_one(
    tiny: Workspace, ravenstack: Workspace
) -> None:
    assert len(default_specs(tiny.book())) > 50
    names = {s.name for s in default_specs(ravenstack.book())}
    assert "usage_events_l3m" in names
    assert not any(name.startswith(("utilization", "adoption", "hires", "touches")) for name in names)
    assert all(s.super_name and s.ultra_name and s.category and s.label for s in default_specs(tiny.book()))

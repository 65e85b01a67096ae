"""Onboarding: a file is tried on the book before it counts, and what it adds can be built, listed and denied."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from copilot.data.catalogue import default_specs, definitions, empty_columns
from copilot.data.choice import FILE, Entry, Lists, choice, choose, chosen_specs
from copilot.data.features import build
from copilot.data.onboarding import add, onboarded
from copilot.data.workspace import Draft, Workspace
from copilot.errors import BadInput, NotSetUp
from tests.data.test_definitions import GOOD

NOW = datetime(2026, 7, 1, tzinfo=UTC)


def accounts(**columns: object) -> pd.DataFrame:
    day = pd.Timestamp("2025-01-01")
    base = {"account_id": [f"A{n}" for n in range(60)], "name": "x", "event_ts": day, "known_ts": day}
    return pd.DataFrame({**base, **columns})


@pytest.fixture
def small(tmp_path: Path) -> Workspace:
    """60 accounts of two regions, the first 25 met once in May."""
    from copilot.data.book import conform

    frame = accounts(region=["North"] * 30 + ["R&D"] * 30, employees=range(60))
    touches = pd.DataFrame({"touch_id": [f"T{n}" for n in range(25)], "account_id": [f"A{n}" for n in range(25)]})
    touches = touches.assign(kind="meeting", event_ts=pd.Timestamp("2026-05-05"), known_ts=pd.Timestamp("2026-05-06"))
    tables = {"accounts": conform("accounts", frame), "touches": conform("touches", touches)}
    workspace = Workspace(tmp_path / "w")
    workspace.root.mkdir()
    missing = {"tickets": "The export holds no tickets."}
    workspace.write_book(Draft("test", "USD", NOW.date(), tables, missing, {}), NOW)
    return workspace


def put(folder: Path, text: str, name: str = "own.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


MEETINGS = GOOD[: GOOD.index("  - name: errors_seen")]


def test_an_added_file_is_built_as_any_feature_and_reaches_the_models(small: Workspace, tmp_path: Path) -> None:
    taken = add(small, put(tmp_path, MEETINGS))
    assert taken.file == small.root / "features" / "own.yaml"
    assert taken.values["meetings_l3m"].sum() == 25
    names = [spec.name for spec in onboarded(small)]
    assert names == ["meetings_l3m", "meetings_l6m_l3m", "meetings_l3m_yoy"]
    specs = chosen_specs(small)
    assert set(names) < {spec.name for spec in specs}
    built = build(small, specs=specs)
    assert built["meetings_l3m"].tolist() == [1.0] * 25 + [0.0] * 35
    assert any("meetings_l3m_yoy has no value" in note for note in taken.notes)


def test_adding_a_file_again_replaces_it_and_another_file_may_not_take_its_names(
    small: Workspace, tmp_path: Path
) -> None:
    add(small, put(tmp_path, MEETINGS))
    add(small, put(tmp_path, MEETINGS.replace("    yoy: [l3m]\n", "")))
    assert len(onboarded(small)) == 2
    with pytest.raises(
        BadInput, match=r"'meetings_l3m' stands twice, in line 3 of own.yaml and in line 3 of other.yaml"
    ):
        add(small, put(tmp_path, MEETINGS, "other.yaml"))
    assert [file.name for file in (small.root / "features").iterdir()] == ["own.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MEETINGS.replace("kind = 'meeting'", "kinds = 'meeting'"), r"line 3.*'kinds'.*lacks.*did you mean 'kind'"),
        (
            MEETINGS.replace("table: touches", "table: tickets").replace("kind = 'meeting'", "escalated"),
            "holds no tickets",
        ),
        (MEETINGS.replace("name: meetings", "name: touches"), "already"),
        (MEETINGS.replace("kind = 'meeting'", "kind = 'meeting' AND kind > 3"), "cannot be built on the book"),
    ],
)
def test_what_this_book_cannot_build_changes_nothing(small: Workspace, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        add(small, put(tmp_path, text))
    assert not (small.root / "features").exists()


def test_a_file_name_that_could_go_elsewhere_is_refused(small: Workspace, tmp_path: Path) -> None:
    for name in ("own.txt", ".hidden.yaml", "a b.yaml", "-x.yaml"):
        with pytest.raises(BadInput, match=r"must end in \.yaml"):
            add(small, put(tmp_path, MEETINGS, name))


def test_without_a_book_nothing_can_be_tried(tmp_path: Path) -> None:
    with pytest.raises(NotSetUp, match="sales-copilot demo"):
        add(Workspace(tmp_path / "none"), put(tmp_path, MEETINGS))


def test_a_feature_whose_table_a_later_book_lacks_is_left_out_of_the_models(small: Workspace, tmp_path: Path) -> None:
    add(small, put(tmp_path, MEETINGS))
    book = small.book()
    small.write_book(Draft("test", "USD", NOW.date(), {"accounts": book.table("accounts")}, {}, {}), NOW)
    assert "meetings_l3m" not in {spec.name for spec in chosen_specs(small)}


def test_what_a_list_denies_reaches_no_model(small: Workspace) -> None:
    put(
        small.root,
        "deny:\n  - {column: region, reason: where they live}\n  - {name: 'touches_*', table: touches}\n",
        FILE,
    )
    found = choice(small)
    assert {spec.name for spec, _ in found.denied} == {
        "region_north",
        *_regions(found.denied),
        "touches_l3m",
        "touches_l6m_l3m",
        "touches_l12m",
    }
    assert all("region" not in spec.columns and spec.table != "touches" for spec in chosen_specs(small))
    assert "denied by column region (where they live)" in {why for _, why in found.denied}
    assert found.idle == ()


def _regions(denied: tuple) -> set[str]:  # type: ignore[type-arg]
    return {spec.name for spec, _ in denied if spec.ultra_name == "region"}


def test_a_denied_column_is_found_in_metrics_conditions_and_denominators() -> None:
    base = next(spec for spec in definitions() if spec.name == "usage_errors_l3m")
    in_metric = replace(base, name="m", metric="errors * minutes")
    in_where = replace(base, name="w", where="minutes > 3")
    in_share = replace(base, name="s", aggregate="share", per="minutes")
    found = choose([base, in_metric, in_where, in_share], Lists(deny=(Entry(column="MINUTES"),)))
    assert [spec.name for spec in found.specs] == [base.name]


def test_an_allow_list_leaves_what_fits_it_and_deny_goes_before() -> None:
    specs = definitions()
    found = choose(specs, Lists(allow=(Entry(table="tickets"), Entry(tag="hiring")), deny=(Entry(ultra="people"),)))
    assert {spec.table for spec in found.specs} == {"tickets"}
    assert len(found.specs) + len(found.denied) == len(specs)


def test_an_entry_that_fits_nothing_is_named_because_it_protects_nothing() -> None:
    found = choose(definitions(), Lists(deny=(Entry(column="gendr"),)))
    assert found.idle == ("deny column gendr",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("deny:\n  - {colum: region}", "did you mean 'column'"),
        ("deny:\n  - {reason: because}", "names nothing to go by"),
        ("dany: []", "did you mean 'deny'"),
        ("deny: region", "deny"),
        ("- region", "neither allow nor deny"),
        ("deny: [", "no YAML"),
        ("deny:\n  - {name: '*'}", "leaves no feature"),
    ],
)
def test_nothing_is_trained_past_a_list_that_cannot_be_used(small: Workspace, text: str, said: str) -> None:
    put(small.root, text, FILE)
    with pytest.raises(BadInput, match=said):
        chosen_specs(small)


def test_without_lists_the_models_get_the_default_features_in_their_order(small: Workspace) -> None:
    assert chosen_specs(small) == default_specs(small.book())
    put(small.root, "# nothing yet\ndeny:\n", FILE)
    assert chosen_specs(small) == default_specs(small.book())


def test_values_give_their_features_names_that_last(small: Workspace) -> None:
    names = [spec.name for spec in default_specs(small.book()) if spec.ultra_name == "region"]
    assert names[0] == "region_north"
    assert names[1].startswith("region_r_d_")  # what letters cannot tell from "R+D" is told by a checksum
    book = small.book()
    more = pd.concat([book.table("accounts"), accounts(region="East").assign(account_id=[f"B{n}" for n in range(60)])])
    small.write_book(Draft("test", "USD", NOW.date(), {"accounts": more.reset_index(drop=True)}, {}, {}), NOW)
    assert {*names, "region_east"} == {s.name for s in default_specs(small.book()) if s.ultra_name == "region"}


def test_empty_columns_equal_what_pandas_finds(small: Workspace, tiny: Workspace) -> None:
    for book in (small.book(), tiny.book()):
        for table in ("accounts", "touches"):
            frame = book.table(table)
            assert empty_columns(book, table) == {column for column in frame if frame[column].isna().all()}


def test_the_default_set_of_the_demo_book_stays_of_a_size_that_trains(tiny: Workspace) -> None:
    specs = default_specs(tiny.book())
    assert 60 < len(specs) <= 110
    assert all(spec.owner and spec.description and spec.tags for spec in specs)
    assert any(spec.name == "hires_function_sales_l12m" for spec in specs)
    kinds = [spec.name.rsplit("_", 1)[-1] for spec in specs]
    assert {"l1m", "l3m", "l6m", "l12m", "yoy"} <= set(kinds)


def test_a_broken_file_in_the_folder_stops_training_with_its_name(small: Workspace, tmp_path: Path) -> None:
    add(small, put(tmp_path, MEETINGS))
    shutil.copy(put(tmp_path, "features: ["), small.root / "features" / "broken.yaml")
    with pytest.raises(BadInput, match=r"own\.yaml|broken\.yaml"):
        chosen_specs(small)

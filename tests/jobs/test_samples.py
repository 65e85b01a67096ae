"""What models learn from: the label mart's rows, drawn by whole accounts, with features of their own day."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.data import labels
from copilot.data.features import FeatureSpec, build
from copilot.data.labels import open_gold
from copilot.data.workspace import Workspace, read_manifest
from copilot.jobs import samples
from copilot.jobs.samples import Samples
from copilot.models import versions
from tests.conftest import NOW


@pytest.fixture
def place(tiny: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with the tiny book alone."""
    shutil.copytree(tiny.root / "book", tmp_path / "book")
    return Workspace(tmp_path)


def rows(accounts: int, each: int) -> pd.DataFrame:
    ids = [f"A-{n}" for n in range(accounts)]
    return pd.DataFrame({"account_id": np.repeat(ids, each), "as_of": pd.Timestamp("2026-01-31")})


def test_a_small_set_is_taken_whole_and_a_large_one_by_whole_accounts() -> None:
    frame = rows(4_000, 3)
    assert samples.drawn(frame, 12_000) is frame
    some = samples.drawn(frame, 3_000)
    assert abs(len(some) - 3_000) < 300
    assert (some["account_id"].value_counts() == 3).all()
    pd.testing.assert_frame_equal(samples.drawn(frame, 3_000), some)  # the same ones in every run


def test_a_larger_share_holds_the_accounts_of_a_smaller_one() -> None:
    few, more = (set(samples.drawn(rows(4_000, 3), most)["account_id"]) for most in (1_500, 6_000))
    assert few < more


def test_features_are_those_of_each_rows_own_day(place: Workspace) -> None:
    growth, pairs = (samples.read(place.book(), name) for name in ("growth", "uplift"))
    shuffled = pairs.rows.sample(frac=0.5, random_state=1)
    fewer = replace(pairs, labels=replace(pairs.labels, frame=shuffled))
    specs = [FeatureSpec("usage", "usage_monthly", "events", window=3)]
    found = samples.features_of(place, specs, {"growth": growth, "uplift": fewer})
    for name, one in (("growth", growth), ("uplift", fewer)):
        expected = build(place, specs=specs, as_of=one.rows)
        assert expected["usage"].nunique() > 100
        np.testing.assert_array_equal(found[name]["usage"], expected["usage"])


def test_the_rows_learned_from_are_frozen_once_and_anew_when_they_change(place: Workspace) -> None:
    used = samples.read(place.book(), "growth")
    first = samples.frozen(place, "growth", used, NOW)
    again = samples.frozen(place, "growth", used, NOW + timedelta(days=1))
    assert again == first
    fewer = Samples(replace(used.labels, frame=used.rows.head(500)), used.of)
    assert samples.frozen(place, "growth", fewer, NOW + timedelta(days=2))["rows"] == 500
    assert open_gold(place, "growth").manifest["rows"] == 500
    pd.testing.assert_frame_equal(open_gold(place, "growth", first["version"]).frame(), used.rows)
    assert fewer.told() == f"500 of {used.of:,} samples"


def test_each_model_names_the_gold_sets_it_learned_from(tiny: Workspace) -> None:
    book, named = tiny.book(), {}
    for name in ("growth", "uplift", "engagement"):
        folder = versions.latest(tiny.models, name)
        assert folder is not None
        for one in read_manifest(folder)["labels"]:
            gold = open_gold(tiny, one["set"], one["version"])  # checks that nobody changed it
            assert (gold.manifest["sha256"], gold.manifest["book"]) == (one["sha256"], book.path.name)
            named[one["set"]] = gold.frame()
    assert named.keys() == samples.SETS.keys()
    pd.testing.assert_frame_equal(named["growth"], labels.growth(book).frame)
    pd.testing.assert_frame_equal(named["uplift"], labels.uplift_pairs(book).frame)
    pd.testing.assert_frame_equal(named["engagement"], labels.engagement_targets(book).frame)
    assert set(named["uplift"]["arm"]) > {"none", "call"}  # the kind is kept for learners of several arms
    assert (named["growth_quantity"]["base_quantity"] > 0).all()


def test_products_become_columns_in_the_order_they_were_learned_in() -> None:
    features = pd.DataFrame({"x": [1.0, 2.0, 3.0]}, index=["a", "a", "b"])
    found = samples.with_products(features, pd.Series(["q", "p", "new"]), ["p", "q"])
    assert list(found.columns) == ["x", "product_0", "product_1"]
    assert found[["product_0", "product_1"]].to_numpy().tolist() == [[0, 1], [1, 0], [0, 0]]


def test_the_score_adds_up_the_products_an_account_holds(tiny: Workspace) -> None:
    folder = tiny.current("snapshots")
    assert folder is not None
    products, accounts = (pd.read_parquet(folder / f"{name}.parquet") for name in ("quantities", "accounts"))
    assert not products.duplicated(["account_id", "product"]).any()
    assert (products["delta"] >= -products["quantity"]).all()
    total = products.groupby("account_id")["delta"].sum()
    held = accounts.set_index("account_id")["seats_growth"].dropna()
    pd.testing.assert_series_equal(held.loc[total.index], total, check_names=False)
    assert len(held) == len(total) > 100


def test_of_a_large_book_the_usage_of_some_accounts_is_learned_from(
    place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = place.book()
    assert samples.usage_accounts(book) is None
    monkeypatch.setattr(samples, "MOST_USAGE_ROWS", 5_000)
    some, every = samples.read(book, "engagement").rows, labels.engagement_targets(book).frame
    assert 3_000 < len(some) < 7_000
    kept = every[every["account_id"].isin(some["account_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, kept)


def test_the_people_hired_in_its_month_stand_beside_each_row_of_use(tiny: Workspace) -> None:
    book = tiny.book()
    usage, people = book.table("usage_monthly"), book.table("people_monthly")
    found = samples.panel(book, usage, "adoption")
    assert list(found.columns) == ["account_id", "product", "event_ts", "adoption", "utilization_pct", "hires"]
    assert len(found) == usage["adoption"].notna().sum()
    for row in found.sample(20, random_state=1).to_dict("records"):
        same = people["event_ts"].dt.to_period("M") == row["event_ts"].to_period("M")
        assert row["hires"] == people.loc[same & (people["account_id"] == row["account_id"]), "hires"].sum()
    assert found["hires"].sum() > 0
    assert "utilization_pct" in samples.panel(book, usage, "utilization_pct")

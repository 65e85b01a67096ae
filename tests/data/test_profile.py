"""Profiles against pandas, their store, the sparklines, lineage and the page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.data.catalogue import definitions
from copilot.data.choice import Choice, choice
from copilot.data.feature_page import page, shown, warnings, window
from copilot.data.features import build
from copilot.data.lineage import lineage, spec_hash, trained_models
from copilot.data.profile import bars, describe, line, month_ends, profiles, stored
from copilot.data.workspace import Workspace
from tests.data.test_onboarding import small

__all__ = ["small"]


def test_a_profile_equals_what_pandas_says() -> None:
    values = pd.Series([3.0, np.nan, 1.0, 1.0, np.inf, 8.0, -2.0])
    found = describe(values)
    known = values.replace(np.inf, np.nan)
    assert (found.accounts, found.nulls, found.distinct) == (7, 2, known.nunique())
    assert (found.low, found.high) == (known.min(), known.max())
    assert found.mean == pytest.approx(known.mean())
    np.testing.assert_allclose(np.array(found.quantiles, dtype=float), known.quantile([0.01, 0.25, 0.5, 0.75, 0.99]))
    assert found.median == known.median()
    assert found.null_share == pytest.approx(2 / 7)


def test_a_feature_without_values_and_a_book_without_accounts_have_no_numbers() -> None:
    assert describe(pd.Series([np.nan, np.nan])).quantiles == (None,) * 5
    none = describe(pd.Series([], dtype="float64"))
    assert (none.accounts, none.null_share, none.mean) == (0, None, None)


def test_a_mean_beyond_any_float_is_left_out_so_that_the_profile_can_be_written() -> None:
    found = describe(pd.Series([1e308, 1e308, 1.7e308]))
    assert found.mean is None
    assert found.high == 1.7e308


def test_month_ends_are_the_last_twelve_that_are_over() -> None:
    ends = month_ends(date(2026, 3, 30))
    assert (ends[0], ends[-1], len(ends)) == (date(2025, 3, 31), date(2026, 2, 28), 12)
    assert month_ends(date(2026, 3, 31))[-1] == date(2026, 3, 31)


def test_the_course_is_the_mean_as_it_was_known_at_each_month_end(small: Workspace) -> None:
    specs = [spec for spec in choice(small).specs if spec.name in ("touches_l3m", "employees")]
    found = profiles(small, specs)
    course = dict(zip(found["touches_l3m"].months, found["touches_l3m"].monthly, strict=True))
    assert course["2026-04-30"] == 0  # the touches of 5 May were not known yet
    assert course["2026-05-31"] == pytest.approx(25 / 60)
    for day in ("2025-12-31", "2026-06-30"):
        as_built = build(small, specs=specs, as_of=date.fromisoformat(day)).mean()
        assert course[day] == pytest.approx(as_built["touches_l3m"])
    assert found["employees"].sampled == 60


def test_profiles_are_kept_for_their_book_and_definition_alone(small: Workspace) -> None:
    specs = [spec for spec in choice(small).specs if spec.table == "touches"]
    told: list[str] = []
    first = profiles(small, specs, tell=told.append)
    assert told
    told.clear()
    assert profiles(small, specs, tell=told.append) == first
    assert told == []
    changed = replace(specs[0], where="kind = 'call'")
    assert stored(small, small.book(), [changed]) == {}
    renamed = replace(specs[0], label="another label", owner="somebody")
    assert stored(small, small.book(), [renamed]) == {specs[0].name: first[specs[0].name]}
    (small.root / "mart" / "profiles.json").write_text("{broken")
    assert stored(small, small.book(), specs) == {}


def test_a_specs_hash_changes_with_its_values_and_not_with_its_words() -> None:
    spec = definitions()[0]
    assert spec_hash(replace(spec, description="x", tags=("y",), name="z", direction="neutral")) == spec_hash(spec)
    changed = [
        replace(spec, window=2),
        replace(spec, lag=5),
        replace(spec, where="events > 1"),
        replace(spec, cap=(0, 1)),
    ]
    assert len({spec_hash(one) for one in [spec, *changed]}) == 5
    assert re.fullmatch(r"[0-9a-f]{12}", spec_hash(spec))


def test_sparklines_show_gaps_and_survive_flat_and_empty_courses() -> None:
    assert bars([0, 1, None, 7]) == "▁▂·█"
    assert bars([None, None]) == "··"
    assert len(set(bars([4, 4, 4]))) == 1
    drawn = line([1, 2, None, 3, 4], "a <b> & c")
    assert drawn.count("<polyline") == 2
    assert "<title>a &lt;b&gt; &amp; c</title>" in drawn
    assert line([None], "x") == ""
    points = [float(y) for y in re.findall(r",(\d+\.\d)", line([0, 5, 10], "x"))]
    assert points == sorted(points, reverse=True)  # higher values stand higher


def manifest(root: Path, model: str, version: str, text: str, *, current: bool) -> None:
    folder = root / model / version
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(text)
    if current:
        (root / model / "CURRENT").write_text(version)


def test_lineage_goes_back_to_the_import_and_on_to_the_models(small: Workspace) -> None:
    spec = next(spec for spec in choice(small).specs if spec.name == "touches_l3m")
    manifest(small.models, "growth", "v1", '{"features": ["touches_l3m"]}', current=False)
    ranked = {"features": ["employees", "touches_l3m", "gone"], "importance": {"employees": 2, "touches_l3m": 5.5}}
    manifest(small.models, "growth", "v2", json.dumps(ranked), current=True)
    manifest(small.models, "uplift", "v1", '{"features": ["employees"]}', current=True)
    manifest(small.models, "broken", "v1", "{", current=True)
    manifest(small.models, "odd", "v1", "[1]", current=True)
    trained = trained_models(small.models)
    assert [(one.model, one.version, one.current) for one in trained] == [
        ("growth", "v1", False), ("growth", "v2", True), ("uplift", "v1", True),
    ]  # fmt: skip
    found = lineage(spec, small.book(), trained)
    assert (found.table, found.rows, found.source, found.as_of) == ("touches", 25, "test", date(2026, 7, 1))
    assert found.columns == ("account_id", "event_ts", "known_ts")
    assert found.models == (("growth", "v2", 1),)
    assert found.earlier == 1


class Page(HTMLParser):
    """Collects a page's tags, their attributes and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_holds_every_feature_and_runs_nothing_that_a_definition_says(small: Workspace) -> None:
    found = choice(small)
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    bad = replace(found.specs[-1], name="bad", label=evil, description=evil, tags=(evil,), owner=evil, ultra_name=evil,
                  category=evil, where="kind = '<script>'")  # fmt: skip
    specs = (*found.specs, bad)
    kept = profiles(small, found.specs)
    text = page(Choice(specs, ((bad, evil),), ()), small.book(), kept, [])
    read = Page(text)
    assert [spec.name for spec in specs if spec.name not in read.text] == []
    assert read.text.count("not profiled yet") == 1
    assert [tag for tag, _ in read.tags if tag == "script"] == ["script"]
    assert {tag for tag, _ in read.tags} & {"img", "iframe", "link", "object", "form"} == set()
    assert [key for _, attrs in read.tags for key in attrs if key.startswith("on") or key in ("src", "style")] == []
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in read.tags)
    policy = next(attrs["content"] for tag, attrs in read.tags if attrs.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_the_policy_lets_only_the_pages_own_script_and_style_run(small: Workspace) -> None:
    import base64
    import hashlib

    text = page(choice(small), small.book(), {}, [])
    for tag in ("script", "style"):
        inner = text.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in text


def test_a_model_trained_with_a_denied_feature_is_named(small: Workspace) -> None:
    (small.root / "feature_lists.yaml").write_text("deny: [{table: touches}, {tag: nonsense}]")
    manifest(small.models, "growth", "v1", '{"features": ["touches_l3m", "employees"]}', current=True)
    said = warnings(choice(small), trained_models(small.models))
    assert "deny tag nonsense" in said[0]
    assert "growth in use was trained with touches_l3m" in said[1]


def test_numbers_and_windows_are_told_in_plain_words() -> None:
    told = {0.432: "count", 1234: "usd", 0.5: "percent", 3.04: "hours"}
    assert [shown(value, unit) for value, unit in told.items()] == ["0.432", "$1,234", "50 %", "3.0"]  # type: ignore[arg-type]
    assert shown(None, "usd") == "–"
    spec = definitions()[0]
    assert window(replace(spec, window=None, lag=0)) == "all that is known"
    assert window(replace(spec, window=3, lag=3)) == "3 months before the last 3 months"
    assert window(replace(spec, window=1, lag=0)) == "last month"

"""Propensities on whole books: a simulated one, where they are scored, and a real one whose labels are noise."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.data import labels
from copilot.data.demo import make
from copilot.data.propensity_features import COMPONENTS, components, features
from copilot.data.workspace import Workspace
from copilot.jobs import propensity
from copilot.models import registry
from copilot.models.propensity import words
from tests.conftest import NOW, real


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("demo"))
    workspace.write_book(make("tiny", seed=11)[0], NOW)
    return workspace


@pytest.fixture(scope="module")
def fitted(book: Workspace) -> tuple[Any, ...]:
    return propensity.fit(book, np.random.default_rng(3))


def publish(workspace: Workspace, fitted: tuple[Any, ...], folder: Path) -> Path:
    import json

    models, _, about, summary = fitted
    for name, model in models.items():
        registry.save(model, folder / name)
    manifest = registry.plain(about | {"parts": list(models), "summary": summary, "source": "demo"})
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_samples_too_young_to_show_both_outcomes_are_left_out(book: Workspace) -> None:
    everything = labels.aps(book.book()).frame
    used, wait = propensity.samples(book.book(), "aps")
    chosen = used.rows
    young = everything[everything["as_of"] > pd.Timestamp(book.book().as_of) - wait]
    assert len(chosen) + len(young) == len(everything)
    assert wait > timedelta(days=365)  # a loss is final 12 months after its close, a win at once
    assert chosen["as_of"].max() <= pd.Timestamp(book.book().as_of) - wait


def test_the_season_of_today_follows_the_rule_of_the_labels(book: Workspace) -> None:
    told = labels.aps(book.book()).frame
    assert (told["as_of"].map(propensity.season_of) == told["season"]).all()


def test_features_of_a_past_sample_do_not_change_when_the_later_rows_are_gone(book: Workspace, tmp_path: Path) -> None:
    draft = make("tiny", seed=11)[0]
    cut = pd.Timestamp("2025-03-31")
    earlier = {
        name: rows
        if name in ("accounts", "reps", "contacts")
        else rows[rows["known_ts"] <= cut + pd.Timedelta(hours=23)]
        for name, rows in draft.tables.items()
    }
    from dataclasses import replace

    past = Workspace(tmp_path)
    past.write_book(replace(draft, tables=earlier), NOW)
    asked = propensity.to_score(book.book(), "renewal").assign(as_of=cut).head(150)
    now, then = (features(where, asked, "renewal") for where in (book, past))
    shared = [name for name in now if name in then and not name.startswith(("segment_", "industry_", "region_"))]
    assert len(shared) > 40
    pd.testing.assert_frame_equal(now[shared], then[shared])


def test_every_feature_belongs_to_a_component_that_has_words(book: Workspace) -> None:
    assert set(COMPONENTS) == set(words.texts().components)
    asked = propensity.to_score(book.book(), "renewal").head(5)
    found = features(book, asked, "renewal")
    placed = {column for columns in components(list(found)).values() for column in columns}
    assert {name for name in found if name not in placed} == {"product", "offer"}  # names to pool by


def test_what_the_lists_deny_reaches_no_propensity(book: Workspace, tmp_path: Path) -> None:
    own = Workspace(tmp_path / "own")
    shutil.copytree(book.root, own.root)
    entries = "deny:\n  - {column: region}\n  - {column: adoption}\n"
    (own.root / "feature_lists.yaml").write_text(entries, encoding="utf-8")
    renewal = features(own, propensity.to_score(own.book(), "renewal").head(5), "renewal")
    assert not [name for name in renewal if "region" in name or "adoption" in name]
    new = features(own, propensity.to_score(own.book(), "new").head(5), "new")
    assert "region" not in new
    assert "season" in new
    assert "region" in features(book, propensity.to_score(book.book(), "new").head(5), "new")


def test_each_question_of_a_demo_book_has_a_model_or_a_reason(
    fitted: tuple[Any, ...],
) -> None:
    models, _, about, summary = fitted
    assert set(models) | set(about["left_out"]) == set(propensity.QUESTIONS)
    assert "ups_renewal" in models
    for name in models:
        assert about["report"]["parts"][name]["fold_rule"]
    assert summary.count(":") >= 3


def with_skill(fitted: tuple[Any, ...], skill: bool) -> tuple[Any, ...]:
    """The same models, with another verdict: 500 accounts are few to have skill on."""
    models, learned, about, summary = fitted
    parts = {name: part | {"skill": skill} for name, part in about["report"]["parts"].items()}
    return models, learned, about | {"report": {"skill": skill, "parts": parts}}, summary


def test_scores_come_with_tier_levels_words_and_advice(
    book: Workspace, fitted: tuple[Any, ...], tmp_path: Path
) -> None:
    scored, hidden = propensity.score(book, publish(book, with_skill(fitted, True), tmp_path))
    cases = {name: question.case for name, question in propensity.QUESTIONS.items()}
    assert {cases[name] for name in fitted[0]} == set(scored["case"])
    assert set(hidden) == set(propensity.QUESTIONS) - set(fitted[0])
    assert scored["probability"].between(0, 1).all()
    assert set(scored["tier"]) <= {"High", "Medium", "Low"}
    assert (scored["advice"].str.len() > 20).all()
    assert not scored.duplicated(["account_id", "product", "case"]).any()
    for name in COMPONENTS:
        assert scored[f"{name}_level"].isin(["High", "Medium high", "Medium", "Medium low", "Low", "no data"]).all()
    renewal = scored[scored["case"] == "renewal"]
    if len(renewal):
        assert renewal["booking_words"].str.contains(r"\$").all()


def test_a_model_without_skill_is_not_shown_and_says_why(
    book: Workspace, fitted: tuple[Any, ...], tmp_path: Path
) -> None:
    scored, hidden = propensity.score(book, publish(book, with_skill(fitted, False), tmp_path))
    assert scored.empty
    assert all("no measurable skill" in hidden[name] for name in fitted[0])


def test_a_book_without_the_tables_says_what_is_missing(tmp_path: Path) -> None:
    from dataclasses import replace

    draft = make("tiny", seed=11)[0]
    bare = {name: draft.tables[name] for name in ("accounts", "reps")}
    workspace = Workspace(tmp_path)
    workspace.write_book(replace(draft, tables=bare), NOW)
    assert "opportunities" in str(propensity.why_not(workspace.book()))
    models, _, about, _ = propensity.fit(workspace, np.random.default_rng(0))
    assert models == {}
    assert set(about["left_out"]) == set(propensity.QUESTIONS)
    assert about["report"]["skill"] is False


def test_a_real_export_whose_labels_are_noise_has_no_measurable_skill(tmp_path: Path) -> None:
    from copilot.jobs.setup import import_book

    workspace = Workspace(tmp_path)
    import_book(workspace, "ravenstack", real("ravenstack_saas"), datetime(2026, 7, 1, tzinfo=UTC), str)
    models, _, about, summary = propensity.fit(workspace, np.random.default_rng(7))
    assert about["report"]["skill"] is False
    assert "No measurable skill" in models["ups_renewal"].report["note"]
    assert "before its product was under contract" in summary  # three quarters of its usage rows are

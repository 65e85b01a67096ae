from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from copilot.data.demo import simulate
from copilot.data.labels import growth
from copilot.data.workspace import Draft, Workspace
from copilot.jobs.drift import check
from copilot.jobs.train import train

# From July 2025 on usage tells less about a renewal in the demo book, and hiring more (copilot.data.demo.world).
BEFORE_DRIFT = date(2025, 6, 30)


def trained_at(day: date, draft: Draft, workspace: Workspace, models: tuple[str, ...]) -> Workspace:
    """Train on what was known on a day, then let the rest come in."""
    over = pd.Timestamp(day) + pd.Timedelta(days=1)
    known = {name: rows[rows["known_ts"] < over].reset_index(drop=True) for name, rows in draft.tables.items()}
    now = datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
    workspace.write_book(Draft(draft.source, draft.currency, day, known, {}, {}), now)
    for model in models:
        train(workspace, now, np.random.default_rng(7), only=model)
    workspace.write_book(draft, datetime(2026, 7, 1, tzinfo=UTC))
    return workspace


@pytest.fixture(scope="module")
def draft() -> Draft:
    return simulate(accounts=2_000, seed=7)[0]


@pytest.fixture(scope="module")
def old(draft: Draft, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return trained_at(BEFORE_DRIFT, draft, Workspace(tmp_path_factory.mktemp("old")), ("growth", "engagement"))


def test_a_model_from_before_the_drift_alarms_by_its_labels(old: Workspace) -> None:
    found = check(old, "growth", np.random.default_rng(0))
    assert found.state == "worse"
    assert (found.since, found.trained_as_of, found.today) == ("2025-06-30", "2025-06-30", "2026-06-30")
    [part] = found.parts
    assert part.quality is not None
    assert part.quality.gap is not None
    assert part.quality.gap.low > 0  # the planted drift: fewer shrink than it says
    assert "time as a customer: median" in part.moved[0].words
    assert 0 < part.weight < 1


def test_the_forecast_is_judged_on_months_it_has_not_seen(old: Workspace) -> None:
    found = check(old, "engagement", np.random.default_rng(0))
    assert found.state == "healthy"  # nothing about use was planted
    quality = found.parts[0].quality
    assert quality is not None
    assert (quality.first, quality.last) == ("2025-07-01", "2026-06-01")
    assert quality.guess is not None
    assert quality.now.value < quality.guess
    usage = old.book().table("usage_monthly").dropna(subset=["utilization_pct"])
    usage = usage[usage["event_ts"] >= "2025-06-01"].sort_values("event_ts")
    steps = usage.groupby(["account_id", "product"])["utilization_pct"].diff().abs()
    assert quality.guess == pytest.approx(steps.mean(), rel=0.02)  # but for months without use in between


def test_a_young_model_is_healthy(draft: Draft, tmp_path_factory: pytest.TempPathFactory) -> None:
    young = trained_at(date(2026, 5, 31), draft, Workspace(tmp_path_factory.mktemp("young")), ("growth",))
    found = check(young, "growth", np.random.default_rng(0))
    assert found.state == "healthy", found
    [part] = found.parts
    assert part.quality is not None or "have become known since the training" in part.unknown


def test_on_the_day_of_its_training_there_is_nothing_to_compare(tiny: Workspace) -> None:
    found = check(tiny, "growth", np.random.default_rng(0))
    assert (found.state, found.parts) == ("not compared", ())
    assert "nothing has come in since" in found.verdict
    assert not found.alarms


def test_labels_the_model_learned_from_are_not_judged_on_again(old: Workspace) -> None:
    [part] = check(old, "growth", np.random.default_rng(0)).parts
    assert part.quality is not None
    # A renewal's outcome is read 90 days after its features: older ones were known at the training.
    assert pd.Timestamp(part.quality.first) + pd.Timedelta(days=90) > pd.Timestamp(BEFORE_DRIFT)
    assert part.quality.rows < len(growth(old.book()).frame)

"""The three designs on small worlds whose effect was chosen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.measure import ab, studies
from copilot.measure.shock import Shock

CALM = Shock(0.0, -0.005, 0.005, known=True)


def book(n: int = 1200, seed: int = 4, effect: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"account_id": np.arange(n), "book": np.arange(n) % 30})
    frame["segment"] = rng.choice(["small", "large"], n)
    frame = ab.assign(frame, book="book", strata=["segment"], seed=seed)
    frame["target_usd"] = rng.lognormal(8, 0.5, n)
    ratio = 1 + effect * (frame["arm"] == "treated") + rng.normal(0, 0.2, n)
    return frame.assign(bookings_usd=frame["target_usd"] * ratio, score=rng.normal(size=n))


def test_an_experiment_finds_its_effect_and_shows_balance_and_deciles() -> None:
    found = studies.experiment(
        book(), outcome="rig", strata=["segment"], smallest_effect=0.05, covariates=["segment", "target_usd"]
    )
    assert found.verdict.causal
    assert found.effect.low < 0.1 < found.effect.high
    assert found.lift.low < 0.1 < found.lift.high
    assert len(found.tables["deciles"]) == 10
    assert (found.tables["balance"]["difference"].abs() < 0.2).all()
    assert any("ratio of sums" in note for note in found.notes)


def test_books_of_reps_who_never_looked_are_left_out_and_said() -> None:
    rows = book()
    rows["looked"] = rows["book"] < 20
    found = studies.experiment(rows, outcome="rig", strata=["segment"], smallest_effect=0.05)
    assert "20 of 30 reps looked at least once" in found.notes[0]
    assert found.effect.n == (rows["book"] < 20).sum()
    with pytest.raises(BadInput, match="No rep has looked"):
        studies.experiment(rows.assign(looked=False), outcome="rig", strata=["segment"], smallest_effect=0.05)


def test_arms_that_differed_before_fail_the_experiments_a_a() -> None:
    rows = book()
    rows["before"] = 1 + 0.2 * (rows["arm"] == "treated") + np.random.default_rng(1).normal(0, 0.2, len(rows))
    found = studies.experiment(rows, outcome="rig", strata=["segment"], smallest_effect=0.05, before="before")
    assert found.verdict.word == "fails A/A"


def users(seed: int = 6, ahead: float = 0.0) -> pd.DataFrame:
    """Forty reps; those with better accounts convert. The effect is 0.1; ``ahead`` is what they led by before."""
    rng = np.random.default_rng(seed)
    rep = np.repeat(np.arange(40), 20)
    lean = rng.normal(size=40)
    size = 0.5 * lean[rep] + rng.normal(size=800)
    converted = (lean > np.median(lean))[rep].astype(int)
    frame = pd.DataFrame({"rep_id": rep, "converted": converted, "size": size})
    frame["before"] = 1 + 0.15 * size + ahead * converted + rng.normal(0, 0.1, 800)
    return frame.assign(rig=1 + 0.15 * size + (0.1 + ahead) * converted + rng.normal(0, 0.1, 800))


def test_steady_use_is_recovered_where_the_naive_difference_is_not() -> None:
    rows = users()
    found = studies.steady_use(rows, outcome="rig", before="before", covariates=["size"], smallest_effect=0.05)
    naive = rows.groupby("converted")["rig"].mean().diff()[1]
    assert found.verdict.causal
    assert found.effect.low < 0.1 < found.effect.high < naive
    assert found.coverage >= 0.8
    assert found.l1[1] < found.l1[0]
    assert found.effect.clusters <= 40


def test_converters_who_were_ahead_before_fail_the_a_a() -> None:
    found = studies.steady_use(
        users(ahead=0.1), outcome="rig", before="before", covariates=["size"], smallest_effect=0.05
    )
    assert found.verdict.word == "fails A/A"


def regions(trend: float = 0.0, seed: int = 2) -> pd.DataFrame:
    """Forty reps with fifteen accounts each; four quarters before the start and four since, in which some renew."""
    rng = np.random.default_rng(seed)
    rep = np.repeat(np.arange(40), 15 * 4)
    quarter = rng.integers(0, 8, len(rep))
    frame = pd.DataFrame({"account_id": np.arange(len(rep)) // 4, "rep_id": rep, "quarter": quarter})
    frame = frame.drop_duplicates(["account_id", "quarter"])
    frame["segment"] = np.where(frame["account_id"] % 3 == 0, "large", "small")
    frame["region_treated"] = (frame["rep_id"] < 18).astype(int)
    frame["period"] = pd.Timestamp("2024-01-01") + frame["quarter"].map(lambda k: pd.DateOffset(months=3 * k))
    level = rng.normal(0, 0.1, 40)[frame["rep_id"]]
    on = frame["region_treated"] * (frame["quarter"] >= 4)
    frame["rig"] = 1 + level + 0.15 * on + trend * frame["region_treated"] * frame["quarter"]
    return frame.assign(rig=frame["rig"] + rng.normal(0, 0.15, len(frame)))


def measured(rows: pd.DataFrame, shock: Shock = CALM) -> studies.Finding:
    return studies.regional(
        rows, outcome="rig", starts=pd.Timestamp("2025-01-01"), covariates=["segment"], smallest_effect=0.1, shock=shock
    )


def test_a_regional_change_is_recovered_with_an_event_study_that_is_calm_before() -> None:
    found = measured(regions())
    assert found.verdict.causal
    assert found.effect.low < 0.15 < found.effect.high
    assert found.effect.clusters == 40
    event = found.tables["event"].set_index("key")
    assert list(event.index) == [-4, -3, -2, -1, 0, 1, 2, 3]
    assert event.loc[-1, "att"] == 0
    assert event.loc[0:, "att"].mean() - event.loc[:-1, "att"].mean() == pytest.approx(0.15, abs=0.05)


def test_a_trend_before_and_a_shock_are_refused_and_so_are_dates_without_a_before() -> None:
    assert measured(regions(trend=0.05)).verdict.word == "fails A/A"
    moved = Shock(-0.1, -0.12, -0.08, known=True)
    assert measured(regions(), moved).verdict.word == "a regional shock cannot be excluded"
    with pytest.raises(BadInput, match="before and after"):
        measured(regions()[lambda f: f["quarter"] >= 4])

"""The verdict comes before the number, and the first thing wrong with a study is what it says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.measure.effect import Effect
from copilot.measure.shock import Shock, shock
from copilot.measure.verdict import judge

CALM, MOVED = Shock(0.001, -0.004, 0.006, known=True), Shock(-0.14, -0.16, -0.12, known=True)


def effect(value: float = 0.1, error: float = 0.02, clusters: int = 60, treated: int = 30) -> Effect:
    return Effect(
        value, se=error, se_corrected=error, df=clusters - 2, low=value - 2 * error, high=value + 2 * error,
        clusters=clusters, clusters_treated=treated, clusters_control=clusters - treated,
    )  # fmt: skip


GOOD = {"smallest_effect": 0.1, "within_books": False, "placebo_p": 0.5, "coverage": 0.9, "shock": CALM}


def test_a_sound_study_is_causal_and_says_its_effect() -> None:
    verdict = judge(effect(), **GOOD)  # type: ignore[arg-type]
    assert verdict.causal
    assert "+0.1 (95 %: +0.06 to +0.14)" in verdict.sentences[0]
    assert any("regional shock" in sentence for sentence in verdict.sentences[1:])


@pytest.mark.parametrize(
    ("found", "change", "word"),
    [
        (effect(clusters=12, treated=6), {}, "too few clusters"),
        (effect(treated=3), {}, "too few clusters"),
        (effect(error=float("nan")), {}, "too few clusters"),
        (effect(), {"placebo_p": 0.01}, "fails A/A"),
        (effect(), {"coverage": 0.79}, "coverage below 80 %"),
        (effect(), {"shock": MOVED}, "a regional shock cannot be excluded"),
        (effect(), {"shock": Shock(np.nan, np.nan, np.nan, known=False)}, "a regional shock cannot be excluded"),
        (effect(0.02, 0.1), {}, "underpowered"),
        (effect(0.08, 0.041), {"smallest_effect": 0.12}, "underpowered"),  # its limits hold 0 and 0.12
    ],
)
def test_each_fault_has_its_verdict(found: Effect, change: dict[str, object], word: str) -> None:
    verdict = judge(found, **GOOD | change)  # type: ignore[arg-type]
    assert verdict.word == word
    assert not verdict.causal
    assert len(verdict.sentences) == 1


def test_no_effect_is_proven_only_where_the_limits_leave_out_the_smallest_one() -> None:
    verdict = judge(effect(0.01, 0.02), **GOOD)  # type: ignore[arg-type]
    assert verdict.causal
    assert verdict.sentences[0].startswith("No effect of 0.1 or more")


def test_an_experiment_inside_books_says_that_time_moves_between_accounts() -> None:
    verdict = judge(effect(), smallest_effect=0.1, within_books=True)
    assert any("Time that a rep moved" in sentence for sentence in verdict.sentences)


def market(dip: float, seed: int = 1) -> pd.DataFrame:
    """Two regions over 18 months; EMEA's index falls by ``dip`` from month 12 on."""
    rng = np.random.default_rng(seed)
    months = pd.date_range("2025-01-01", periods=18, freq="MS")
    parts = []
    for region, fall in (("EMEA", dip), ("NA", 0.0)):
        level = 100 * np.exp(-fall * (np.arange(18) >= 12)) + rng.normal(0, 1, 18)
        parts.append(pd.DataFrame({"region": region, "event_ts": months, "index": level}))
    return pd.concat(parts)


def moved(frame: pd.DataFrame, first: str = "2025-01-01") -> Shock:
    return shock(frame, ["EMEA"], pd.Timestamp(first), pd.Timestamp("2026-01-01"), pd.Timestamp("2026-06-30"))


def test_a_shock_to_the_treated_regions_is_seen_and_a_calm_market_is_not_one() -> None:
    assert sum(moved(market(0.0, seed)).excluded for seed in range(40)) >= 36
    for seed in range(20):
        found = moved(market(0.14, seed))
        assert found.known
        assert not found.excluded
        assert found.high < 0


def test_without_an_index_or_enough_months_nothing_is_excluded() -> None:
    assert not moved(market(0.0)[lambda f: f["region"] == "EMEA"]).known
    assert not moved(market(0.0), first="2025-09-01").known
    assert not moved(market(0.0).iloc[:0]).excluded

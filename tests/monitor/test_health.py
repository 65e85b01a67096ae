from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from copilot.data.specs import FeatureSpec
from copilot.monitor.health import Health, Part, Side, compare, quality_of
from copilot.stats import Interval

SPECS = {
    "minutes_l3m": FeatureSpec("minutes_l3m", "usage_monthly", "minutes", window=3, label="minutes of use"),
    "west": FeatureSpec("west", "accounts", "1", "count", unit="flag", label="region West"),
}
DAYS = pd.Series(pd.to_datetime(["2026-01-31", "2026-03-31"]))


def side(
    rng: np.random.Generator, *, minutes: float = 400, west: float = 0.3, scores: float = 0.0, n: int = 2000
) -> Side:
    X = pd.DataFrame({"minutes_l3m": minutes + 50 * rng.standard_normal(n), "west": (rng.random(n) < west) * 1.0})
    return X, pd.Series(rng.standard_normal(n) + scores)


def part(*, importance: dict[str, float] | None = None, season: bool = False, **now: float) -> Part:
    rng = np.random.default_rng(0)
    before, today = side(rng), side(rng, **now)
    same = side(rng, **now) if season else None
    return compare("chance", before, today, specs=SPECS, unit="score", importance=importance, season=same)


def health(*parts: Part) -> Health:
    return Health("growth", "v1", "2026-01-01", "2025-12-31", "2026-06-30", parts)


def test_what_stays_is_healthy() -> None:
    found = part()
    assert (found.moved, found.weight, found.rows, found.checked) == ((), 0, (2000, 2000), 2)
    assert health(found).verdict == "growth: healthy"
    assert not health(found).alarms


def test_moved_inputs_are_told_in_words_the_worst_first() -> None:
    found = part(minutes=655, west=0.6)
    assert [move.name for move in found.moved] == ["minutes_l3m", "west"]
    assert found.moved[0].words.startswith("minutes of use, last 3 months: median 398.3 → 655")
    assert found.moved[1].words == "region West: 30% → 59%"
    told = health(found).verdict
    assert told == "growth: inputs moved; train a challenger: sales-copilot train --model growth --challenger"


def test_an_input_that_the_model_hardly_goes_by_does_not_call_for_a_training() -> None:
    light, heavy = {"minutes_l3m": 0.05, "west": 0.95}, {"minutes_l3m": 0.95, "west": 0.05}
    assert health(part(minutes=655, importance=light)).state == "healthy"
    assert health(part(minutes=655, importance=heavy)).state == "inputs moved"


def test_moved_scores_alarm() -> None:
    found = health(part(scores=0.5))
    assert (found.state, found.alarms) == ("scores moved", True)


def test_what_looked_the_same_a_year_before_is_the_season() -> None:
    found = part(minutes=655, scores=0.5, season=True)
    assert (found.moved, found.scores.beyond) == ((), False)


def test_an_input_that_has_gone_alarms_by_name() -> None:
    rng = np.random.default_rng(0)
    before, (X, scores) = side(rng), side(rng)
    found = compare("chance", before, (X[["west"]], scores), specs=SPECS, unit="score")
    assert found.gone == ("minutes_l3m",)
    assert health(found).state == "inputs moved"


def test_an_input_that_goes_missing_says_so() -> None:
    rng = np.random.default_rng(0)
    before, (X, scores) = side(rng), side(rng)
    X.loc[:399, "minutes_l3m"] = np.nan
    found = compare("chance", before, (X, scores), specs={}, unit="score")
    assert found.moved[0].words == "minutes l3m: missing 0% → 20%"


@pytest.mark.parametrize(
    ("now", "worse"),
    [
        (Interval(0.70, 0.68, 0.72), False),
        (Interval(0.685, 0.684, 0.686), False),  # certain, but too little to matter
        (Interval(0.62, 0.60, 0.64), True),
        (Interval(0.62, 0.40, 0.80), False),  # too few labels to be sure
        (Interval(0.78, 0.76, 0.80), False),  # better
        (Interval(0.62, np.nan, np.nan), False),
    ],
)
def test_an_auc_is_worse_where_it_lost_more_than_matters_and_chance_explains(now: Interval, worse: bool) -> None:
    calm = Interval(0.0, -0.01, 0.01)
    assert quality_of("AUC", Interval(0.70, 0.69, 0.71), now, rows=900, days=DAYS, gap=calm).worse is worse


@pytest.mark.parametrize(
    ("gap", "worse"),
    [
        (Interval(0.05, 0.03, 0.07), True),
        (Interval(-0.05, -0.07, -0.03), True),
        (Interval(0.02, 0.019, 0.021), False),
        (Interval(0.05, -0.01, 0.11), False),
        (Interval(0.05, np.nan, np.nan), False),
    ],
)
def test_chances_that_no_longer_come_true_are_worse_though_they_rank_as_well(gap: Interval, worse: bool) -> None:
    area = Interval(0.70, 0.69, 0.71)
    found = quality_of("AUC", area, area, rows=900, days=DAYS, gap=gap)
    assert found.worse is worse
    assert f"its chances less what came true: {100 * gap.value:+.1f} points" in found.words


def test_an_error_is_told_beside_the_cards_and_the_simple_guess() -> None:
    card, now = Interval(7.4, 7.2, 7.6), Interval(7.9, 7.8, 8.0)
    found = quality_of("mean error", card, now, rows=6600, days=DAYS, guess=8.6)
    assert found.words == (
        "mean error 7.90 (95 % interval 7.80 to 8.00) against 7.40 at training, on 6,600 labels of 2026-01-31 to "
        "2026-03-31; repeating the last value: 8.60"
    )
    assert found.worse
    worse = replace(part(), quality=found)
    assert health(worse).verdict.startswith("growth: its forecasts got worse; train a challenger")


def test_a_note_stands_for_a_verdict_and_all_of_it_is_json() -> None:
    assert replace(health(), note="trained on the newest data").verdict == "growth: trained on the newest data"
    told = json.loads(json.dumps(health(part(minutes=655)).as_dict(), allow_nan=False))
    assert (told["state"], told["alarms"]) == ("inputs moved", True)
    assert told["parts"][0]["moved"][0]["name"] == "minutes_l3m"

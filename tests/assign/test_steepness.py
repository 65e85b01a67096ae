"""k by backtest on simulated touches whose effect depends on the days to renewal as w(d) with a known k."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.assign.steepness import tune
from copilot.assign.value import Scales, monetisation_weight
from copilot.errors import BadInput

SCALES = Scales(100.0, 100.0, 100.0)


def _history(steepness: float, rng: np.random.Generator, periods: int = 24, accounts: int = 400) -> pd.DataFrame:
    n = periods * accounts
    frame = pd.DataFrame(
        {
            "period": np.repeat(np.arange(periods), accounts),
            "days_to_renewal": rng.uniform(0, 365, n),
            "uplift_usd": rng.uniform(0, 100, n),
            "engagement_change": rng.uniform(0, 100, n),
        }
    )
    weight = monetisation_weight(frame["days_to_renewal"], steepness=steepness, midpoint=90)
    mean = weight * frame["uplift_usd"] + (1 - weight) * frame["engagement_change"]
    return frame.assign(outcome_usd=mean + rng.normal(0, 10, n))


@pytest.mark.parametrize("true", [0.01, 0.2])
def test_the_backtest_finds_a_k_near_the_one_that_made_the_outcomes(true: float) -> None:
    found = tune(_history(true, np.random.default_rng(5)), places=60, midpoint=90, scales=SCALES)
    assert true / 2.5 <= found.steepness <= true * 2.5
    assert found.table["steepness"].is_monotonic_increasing
    assert found.table["outcome_usd"].max() > found.table["outcome_usd"].min()


def test_where_k_plays_no_part_the_flattest_is_taken() -> None:
    history = _history(0.05, np.random.default_rng(5)).assign(engagement_change=lambda frame: frame["uplift_usd"])
    assert tune(history, places=60, midpoint=90, scales=SCALES).steepness == 0.005


def test_a_history_that_cannot_tell_is_refused() -> None:
    history = _history(0.05, np.random.default_rng(5), periods=2)
    for broken in (history.drop(columns="period"), history[history["period"] == 0], history.assign(outcome_usd=np.nan)):
        with pytest.raises(BadInput):
            tune(broken, places=5, midpoint=90, scales=SCALES)

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from copilot.jobs.segments import by_segment, chances, effects


def world() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two regions of 100 accounts: in one the chance tells everything, in the other nothing; a third has 5 accounts."""
    ids = [f"A{k:03}" for k in range(205)]
    accounts = pd.DataFrame({"account_id": ids, "segment": None, "region": ["N"] * 100 + ["S"] * 100 + ["W"] * 5})
    lost = np.tile([True, False], 103)[:205]
    told = np.where(np.arange(205) < 100, lost, 0.5)
    judged = pd.DataFrame({"account_id": ids, "told": told, "lost": lost, "effect": np.where(lost, 3.0, 1.0)})
    return judged, accounts


def test_a_region_where_the_model_fails_is_told_and_a_tiny_one_is_not() -> None:
    judged, accounts = world()
    assert by_segment(judged, accounts, chances("told", "lost")) == [
        {"group": "region N", "rows": 100, "share": 0.5, "auc": 1.0},
        {"group": "region S", "rows": 100, "share": 0.5, "auc": 0.5},
    ]


def test_where_one_outcome_is_all_there_is_no_figure() -> None:
    judged, accounts = world()
    assert by_segment(judged.assign(lost=True), accounts, chances("told", "lost")) == []


def test_effects_have_their_mean_and_limits() -> None:
    judged, accounts = world()
    north = by_segment(judged, accounts, effects)[0]
    assert (north["group"], north["effect"]) == ("region N", 2.0)
    error = 1.0 / np.sqrt(99)  # the sample's standard deviation over the root of 100
    assert north["high"] - north["effect"] == pytest.approx(1.984 * error, rel=1e-3)


def test_without_segments_nothing_is_told() -> None:
    judged, accounts = world()
    assert by_segment(judged, accounts.assign(region=None), effects) == []

"""Power against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from copilot.errors import BadInput
from copilot.measure import power


@pytest.mark.parametrize(("effect", "n"), [(0.5, 60), (0.3, 100), (0.0, 40)])
def test_power_is_how_often_a_simulated_test_finds_the_effect(effect: float, n: int) -> None:
    rng = np.random.default_rng(1)
    own, other = rng.normal(effect, 1, (4000, n)), rng.normal(0, 1, (4000, n))
    found = (ttest_ind(own, other, axis=1).pvalue < 0.05).mean()
    assert power.power(effect, 1, n, n) == pytest.approx(found, abs=0.025)


def test_the_smallest_effect_is_found_with_just_the_power_wanted() -> None:
    least = power.minimum_detectable_effect(0.4, 80, 120)
    assert power.power(least, 0.4, 80, 120) == pytest.approx(0.8, abs=1e-4)
    assert power.minimum_detectable_effect(0.4, 320, 480) < least / 1.9
    assert power.detectable(power.standard_error(0.4, 80, 120), 198) == pytest.approx(least, rel=0.01)


def test_clusters_count_by_their_design_effect() -> None:
    alone = power.standard_error(1, 100, 100)
    assert power.standard_error(1, 100, 100, icc=0.1, per_cluster=11) == pytest.approx(alone * np.sqrt(2))
    assert power.standard_error(1, 100, 100, icc=1, per_cluster=10) == pytest.approx(power.standard_error(1, 10, 10))


def test_impossible_designs_are_refused() -> None:
    for arguments in ((1, 0, 10), (-1, 10, 10), (float("nan"), 10, 10)):
        with pytest.raises(BadInput):
            power.standard_error(*arguments)
    with pytest.raises(BadInput, match="power wanted"):
        power.minimum_detectable_effect(1, 10, 10, wanted=1.0)
    assert np.isnan(power.detectable(0, 10))

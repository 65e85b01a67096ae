from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.models import engagement
from copilot.stats import Floats


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def long(values: Floats, *, start: str = "2024-01-01") -> pd.DataFrame:
    units, periods = values.shape
    months = pd.date_range(start, periods=periods, freq="MS")
    return pd.DataFrame(
        {"account": np.repeat([f"a{k:03}" for k in range(units)], periods), "month": np.tile(months, units),
         "usage": values.ravel()}
    )  # fmt: skip


def reverting(units: int = 150, periods: int = 24, *, keep: float = 0.3, seed: int = 1) -> Floats:
    """AR(1) around each unit's own mean: the last value is a poor guess, the mean a good one."""
    g = rng(seed)
    mean = g.uniform(30, 70, size=units)
    values = np.empty((units, periods))
    values[:, 0] = mean + g.normal(0, 8, size=units)
    for t in range(1, periods):
        values[:, t] = mean + keep * (values[:, t - 1] - mean) + g.normal(0, 8, size=units)
    return np.clip(values, 0, 100)


NAMES: dict[str, Any] = {"unit": "account", "time": "month", "value": "usage"}


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return long(reverting())


@pytest.fixture(scope="module")
def model(panel: pd.DataFrame) -> engagement.EngagementModel:
    return engagement.fit(panel, **NAMES, rng=rng())


def test_on_reverting_usage_the_forecast_beats_both_simple_guesses(model: engagement.EngagementModel) -> None:
    report = model.report
    assert report["skill"] is True
    assert report["skill_score"]["low"] > 0
    assert report["mae"] < min(report["last_value"]["mae"], report["seasonal_median"]["mae"])
    assert report["mae"] < 1.15 * 8 * np.sqrt(2 / np.pi)  # no forecast can do better than the noise itself
    assert report["rmse"] >= report["mae"]


def test_a_random_walk_offers_no_skill() -> None:
    for seed in range(2):
        steps = rng(seed).normal(0, 1, size=(150, 24))
        walk = long(50 + np.cumsum(steps, axis=1))
        report = engagement.fit(walk, **NAMES, rng=rng(seed)).report
        assert report["baseline"] == "last_value"
        assert report["skill"] is False


def test_the_reported_baselines_are_the_ones_worked_out_from_the_panel(model: engagement.EngagementModel) -> None:
    values = reverting()
    assert model.report["periods"] == ["2025-10-01", "2025-11-01", "2025-12-01"]
    errors = np.abs(values[:, 21:24] - values[:, 20:23])
    assert model.report["last_value"]["mae"] == pytest.approx(errors.mean())
    assert model.report["last_value"]["rmse"] == pytest.approx(np.sqrt((errors**2).mean()))
    season = np.abs(values[:, 21:24] - values[:, 9:12])  # one earlier month of that name is known
    assert model.report["seasonal_median"]["mae"] == pytest.approx(season.mean())
    best = min(errors.mean(), season.mean())
    assert model.report["skill_score"]["value"] == pytest.approx(1 - model.report["mae"] / best)


def test_the_interval_holds_about_four_fifths_of_values_nobody_has_seen(model: engagement.EngagementModel) -> None:
    future = reverting(400, 25, seed=9)
    told = model.predict(long(future[:, :24]))
    inside = (told["low"] <= future[:, 24]) & (future[:, 24] <= told["high"])
    assert 0.72 < inside.mean() < 0.88
    assert 0.65 < model.report["coverage"] < 0.92


def test_forecasts_keep_the_unit_and_its_bounds(model: engagement.EngagementModel, panel: pd.DataFrame) -> None:
    told = model.predict(panel)
    assert list(told.columns) == ["account", "forecast", "low", "high"]
    assert told["account"].tolist() == panel["account"].unique().tolist()
    assert told[["forecast", "low", "high"]].stack().between(0, 100).all()
    assert (told["low"] <= told["forecast"]).all()
    assert (told["forecast"] <= told["high"]).all()


def test_each_unit_is_forecast_from_its_own_last_period_and_nothing_later_can_reach_it(
    model: engagement.EngagementModel,
) -> None:
    values = reverting(20, 24)
    until_may = model.predict(long(values[:, :17]))
    whole = model.predict(long(values))
    early = np.arange(20) % 2 == 0
    mixed = model.predict(long(np.where(early[:, None] & (np.arange(24) >= 17), np.nan, values)))
    pd.testing.assert_frame_equal(mixed[early], until_may[early])
    # The others keep their own lags; only the level of all units, one feature of many, has fewer units in it.
    assert np.corrcoef(mixed["forecast"][~early], whole["forecast"][~early])[0, 1] > 0.99
    assert (whole["forecast"][early] != until_may["forecast"][early]).all()


def test_a_forecast_steps_back_towards_the_units_mean(model: engagement.EngagementModel) -> None:
    values = np.full((2, 24), 50.0) + rng(7).normal(0, 4, size=(2, 24))
    values[:, -1] = 80, 20
    told = model.predict(long(values))["forecast"]
    assert told.tolist() == pytest.approx([59, 41], abs=6)  # 30 % of the way out, as the world was made


def test_a_panel_without_values_gives_no_forecasts(model: engagement.EngagementModel, panel: pd.DataFrame) -> None:
    for empty in (panel[:0], panel.assign(usage=np.nan)):
        told = model.predict(empty)
        assert list(told.columns) == ["account", "forecast", "low", "high"]
        assert len(told) == 0


@pytest.mark.parametrize("bounds", [None, (-200.0, None)])
def test_values_below_zero_are_forecast_where_the_bounds_allow_them(bounds: engagement.Bounds | None) -> None:
    values = reverting(60, 14)
    above, below = (
        engagement.fit(long(values - shift), **NAMES, bounds=held, rng=rng()).predict(long(values - shift))
        for shift, held in ((0, None), (128, bounds))
    )
    columns = ["forecast", "low", "high"]
    np.testing.assert_allclose(below[columns] + 128, above[columns], atol=1)


def test_gaps_short_histories_and_missing_values_still_get_a_forecast(model: engagement.EngagementModel) -> None:
    values = reverting(30, 24)
    values[rng(3).random(values.shape) < 0.2] = np.nan
    values[0, :23], values[1, 10:], values[2, :] = np.nan, np.nan, np.nan
    panel = long(values)
    told = engagement.fit(panel, **NAMES, rng=rng()).predict(panel).set_index("account")
    assert "a002" not in told.index  # never measured: nothing to say
    assert len(told) == 29
    assert told.notna().all(axis=None)
    dropped = panel.dropna().sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(model.predict(dropped), model.predict(panel))


def test_a_unit_may_be_named_by_several_columns() -> None:
    panel = long(reverting(60, 12)).assign(product=lambda f: np.where(f["account"] < "a030", "Jobs", "Learning"))
    told = engagement.fit(panel, unit=["account", "product"], time="month", value="usage", rng=rng()).predict(panel)
    assert list(told.columns) == ["account", "product", "forecast", "low", "high"]
    assert told["product"].value_counts().to_dict() == {"Jobs": 30, "Learning": 30}


def test_counts_without_an_upper_limit_are_never_forecast_below_zero() -> None:
    rate = np.exp(rng(4).normal(1, 1, size=80))[:, None]
    panel = long(rng(5).poisson(rate, size=(80, 18)).astype(float))
    told = engagement.fit(panel, **NAMES, bounds=(0, None), rng=rng()).predict(panel)
    assert told[["forecast", "low"]].min(axis=None) >= 0
    assert np.corrcoef(told["forecast"], rate[:, 0])[0, 1] > 0.8


def test_periods_may_be_numbers() -> None:
    panel = long(reverting(60, 12)).assign(month=lambda f: f.groupby("account").cumcount())
    model = engagement.fit(panel, **NAMES, rng=rng())
    assert model.report["periods"] == ["9", "10", "11"]


def test_a_seeded_fit_repeats_exactly(model: engagement.EngagementModel, panel: pd.DataFrame) -> None:
    again = engagement.fit(panel, **NAMES, rng=rng())
    assert again.report == model.report
    pd.testing.assert_frame_equal(again.predict(panel), model.predict(panel))


def test_unusable_panels_are_refused_in_one_sentence(panel: pd.DataFrame, model: engagement.EngagementModel) -> None:
    with pytest.raises(BadInput, match="lacks the column 'seats'"):
        engagement.fit(panel, unit="account", time="month", value="seats", rng=rng())
    with pytest.raises(BadInput, match="lacks the column 'usage'"):
        model.predict(panel.drop(columns="usage"))
    with pytest.raises(BadInput, match="usage holds text in 3600 of 3600 rows"):
        engagement.fit(panel.assign(usage="much"), **NAMES, rng=rng())
    with pytest.raises(BadInput, match="table with named columns"):
        model.predict(panel.to_numpy())
    with pytest.raises(BadInput, match=r"outside 0\.0 to 100\.0"):
        engagement.fit(panel.assign(usage=panel["usage"] + 90), **NAMES, rng=rng())
    with pytest.raises(BadInput, match="needs at least 20 values over three periods"):
        engagement.fit(panel[panel["month"] < "2024-02-15"], **NAMES, rng=rng())

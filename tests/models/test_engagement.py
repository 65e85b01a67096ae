from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.models import engagement, registry
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


def shares(logit: Floats) -> Floats:
    return np.asarray(100 / (1 + np.exp(-logit)), float)


def driven(accounts: int, seed: int, periods: int = 26) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two products an account; use returns to a level, hires of the month before pull it, shocks have heavy tails.

    Returns the panel and what nobody can beat: the true median of the last period.
    """
    g = rng(seed)
    hires = g.poisson(np.exp(g.normal(0.7, 0.8, accounts))[:, None], (accounts, periods))
    pull = 0.5 * (np.log1p(hires) - np.log1p(hires).mean(axis=1, keepdims=True))
    level = np.array([0.5, -0.5]) + 0.15 * g.normal(size=(accounts, 1)) + 0.1 * g.normal(size=(accounts, 2))
    x = np.empty((accounts, 2, periods))
    best = x.copy()
    x[:, :, 0] = best[:, :, 0] = level + 0.5 * g.normal(size=(accounts, 2))
    for t in range(1, periods):
        best[:, :, t] = level + 0.7 * (x[:, :, t - 1] - level) + pull[:, [t - 1]]
        x[:, :, t] = best[:, :, t] + 0.25 * g.standard_t(2.5, (accounts, 2))
    cells = {
        "account": np.repeat([f"a{k:03}" for k in range(accounts)], 2 * periods),
        "product": np.tile(np.repeat(["Jobs", "Learning"], periods), accounts),
        "month": np.tile(pd.date_range("2024-01-01", periods=periods, freq="MS"), 2 * accounts),
        "usage": shares(x).ravel(),
        "best": shares(best).ravel(),
        "hires": np.repeat(hires[:, None, :], 2, axis=1).ravel(),
    }
    frame = pd.DataFrame(cells)
    last = frame["month"] == frame["month"].max()
    return frame[~last].drop(columns="best"), frame[last]


KEYS = ["account", "product"]


@pytest.fixture(scope="module")
def known() -> tuple[engagement.EngagementModel, pd.DataFrame, pd.DataFrame]:
    past, future = driven(300, 1)
    return engagement.fit(past, unit=KEYS, time="month", value="usage", rng=rng()), past, future


def test_with_the_hires_that_pull_it_the_forecast_nearly_has_the_skill_of_who_knows_the_process(
    known: tuple[engagement.EngagementModel, pd.DataFrame, pd.DataFrame],
) -> None:
    model, past, future = known
    assert model.report["drivers"] == ["hires"]
    rows = future.merge(model.predict(past), on=KEYS)
    last = past[past["month"] == past["month"].max()].rename(columns={"usage": "last"})
    rows = rows.merge(last[[*KEYS, "last"]], on=KEYS)
    ours, best, naive = ((rows[name] - rows["usage"]).abs().mean() for name in ("forecast", "best", "last"))
    assert (1 - ours / naive) > 0.85 * (1 - best / naive) > 0.1
    blind = engagement.fit(past, unit=KEYS, time="month", value="usage", drivers=(), rng=rng()).predict(past)
    assert ours < (future.merge(blind, on=KEYS).eval("forecast - usage").abs().mean())


def test_the_interval_keeps_its_level_in_every_fifth_of_the_forecasts(
    known: tuple[engagement.EngagementModel, pd.DataFrame, pd.DataFrame],
) -> None:
    model, _, _ = known
    past, future = driven(500, 2)
    rows = future.merge(model.predict(past), on=KEYS)
    inside = rows["usage"].between(rows["low"], rows["high"])
    by_level = inside.groupby(pd.qcut(rows["forecast"], 5)).mean()
    assert 0.76 < inside.mean() < 0.84
    assert by_level.between(0.7, 0.9).all()
    assert len(model.report["coverage_by_level"]) == 5


def test_a_saved_model_forecasts_exactly_the_same(
    known: tuple[engagement.EngagementModel, pd.DataFrame, pd.DataFrame], panel: pd.DataFrame, tmp_path: Path
) -> None:
    counts = panel.assign(usage=np.round(panel["usage"]))
    amounts = engagement.fit(counts, **NAMES, bounds=(0, None), rng=rng())
    for place, (model, past) in enumerate(((known[0], known[1]), (amounts, counts))):
        again = registry.load(registry.save(model, tmp_path / str(place)))
        pd.testing.assert_frame_equal(again.predict(past), model.predict(past), check_exact=True)


def test_the_model_is_chosen_on_earlier_periods_than_it_is_judged_on(model: engagement.EngagementModel) -> None:
    report = model.report
    assert report["chosen_on"] == ["2025-07-01", "2025-08-01", "2025-09-01"]
    assert max(report["chosen_on"]) < min(report["periods"])
    assert report["model"] in report["candidates"]
    for guess in ("last_value", "seasonal_median"):
        skill = report[guess]["skill"]
        assert skill["value"] == pytest.approx(1 - report["mae"] / report[guess]["mae"])
        assert skill["low"] < skill["value"] < skill["high"]


def test_more_history_lets_richer_models_compete() -> None:
    candidates = {}
    for units, periods in ((8, 5), (8, 14), (150, 24)):
        report = engagement.fit(long(reverting(units, periods)), **NAMES, rng=rng()).report
        candidates[units * periods] = set(report["candidates"])
    assert candidates[40] == set()  # too short to choose by
    assert "damped" in candidates[112]
    assert "trees" not in candidates[112]
    assert "trees" in candidates[3600]


def test_what_trees_can_bend_and_a_line_cannot_is_left_to_trees() -> None:
    g, values = rng(2), np.empty((300, 16))
    values[:, 0] = g.uniform(20, 80, 300)
    for t in range(1, 16):  # above half use falls back to the lower range, below it climbs: a saw
        before = values[:, t - 1]
        values[:, t] = np.clip(np.where(before > 50, before - 35, before + 20) + g.normal(0, 3, 300), 0, 100)
    report = engagement.fit(long(values), **NAMES, rng=rng()).report
    assert report["model"] == "trees"
    assert report["mae"] < 0.6 * report["candidates"]["damped"]


def test_a_season_shared_by_all_is_learned_and_one_of_each_units_own_is_repeated() -> None:
    months, g = np.arange(40), rng(3)
    noise = g.normal(0, 3, (60, 40))
    common = engagement.fit(long(50 + 30 * np.sin(2 * np.pi * months / 12) + noise), **NAMES, rng=rng()).report
    assert common["model"] in ("dynamics", "trees")
    assert common["mae"] < 1.25 * 3 * np.sqrt(2 / np.pi)
    start = g.integers(0, 12, (60, 1))
    own = engagement.fit(long(50 + 30 * np.sin(2 * np.pi * (months + start) / 12) + noise), **NAMES, rng=rng()).report
    assert own["mae"] < 1.6 * 3 * np.sqrt(2 / np.pi)


def test_adoption_with_months_of_none_and_all_is_forecast_by_its_median() -> None:
    g = rng(4)
    level = g.normal(0, 1, (200, 1))
    share = shares(level + 0.3 * g.normal(size=(200, 20))) / 100
    odd = g.random(share.shape)
    values = np.select([odd < 0.1, odd < 0.2], [0.0, 1.0], share)
    report = engagement.fit(long(values), **NAMES, bounds=(0, 1), rng=rng()).report
    best = np.abs(shares(level) / 100 - values)[:, -3:].mean()  # as often none as all: the median is the level's
    assert best * 0.97 < report["mae"] < 1.12 * best
    assert report["mae"] < 0.75 * report["last_value"]["mae"]


def test_units_that_do_not_move_are_repeated() -> None:
    values = reverting(40, 14)
    values[0], values[1], values[2, -3:] = 37.0, 0.0, 100.0
    told = engagement.fit(long(values), **NAMES, rng=rng()).predict(long(values))["forecast"]
    assert told[:3].tolist() == [37, 0, 100]
    flat = engagement.fit(long(np.full((30, 10), 40.0)), **NAMES, rng=rng())
    assert flat.report["skill"] is False
    assert flat.report["note"].startswith("No measurable skill")
    assert flat.predict(long(np.full((30, 10), 40.0)))["forecast"].eq(40).all()


def test_a_large_panel_is_learned_from_whole_accounts_and_forecast_entirely(monkeypatch: pytest.MonkeyPatch) -> None:
    past, _ = driven(60, 5)
    monkeypatch.setattr(engagement, "MOST_UNITS", 40)
    monkeypatch.setattr(engagement, "BLOCK", 25)
    model = engagement.fit(past, unit=KEYS, time="month", value="usage", rng=rng())
    assert (model.report["n_units"], model.report["n_units_used"]) == (120, 40)
    in_blocks = model.predict(past)
    monkeypatch.setattr(engagement, "BLOCK", 1_000)
    pd.testing.assert_frame_equal(in_blocks, model.predict(past))
    assert len(in_blocks) == 120


def test_values_far_below_the_upper_bound_are_still_told_apart() -> None:
    values = reverting(60, 15) / 100  # shares from 0 to 1 in bounds for percentages
    wide, right = (engagement.fit(long(values), **NAMES, bounds=(0, top), rng=rng()).report for top in (100, 1))
    assert wide["mae"] == pytest.approx(right["mae"], rel=0.05)
    assert wide["mae"] < wide["last_value"]["mae"]


def test_one_account_with_a_long_history_is_enough() -> None:
    values = reverting(1, 40)
    told = engagement.fit(long(values), **NAMES, rng=rng()).predict(long(values))
    assert told["forecast"].between(0, 100).all()
    assert len(told) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"usage": np.inf}, "usage is infinite in 1 of 3600 rows"),
        ({"account": None}, "account is missing in 1 of 3600 rows"),
        ({"month": pd.NaT}, "month is missing in 1 of 3600 rows"),
    ],
)
def test_a_row_that_says_nothing_clear_is_refused(panel: pd.DataFrame, change: dict[str, Any], says: str) -> None:
    broken = panel.copy()
    for name, value in change.items():
        broken.loc[5, name] = value
    with pytest.raises(BadInput, match=says):
        engagement.fit(broken, **NAMES, rng=rng())


def test_bounds_and_drivers_that_make_no_sense_are_refused(panel: pd.DataFrame) -> None:
    with pytest.raises(BadInput, match="the second must be larger"):
        engagement.fit(panel, **NAMES, bounds=(100, 0), rng=rng())
    with pytest.raises(BadInput, match="lacks the column 'hires'"):
        engagement.fit(panel, **NAMES, drivers=["hires"], rng=rng())
    with pytest.raises(BadInput, match="'still' cannot drive usage"):
        engagement.fit(panel.assign(still=1.0), **NAMES, drivers=["still"], rng=rng())
    with pytest.raises(BadInput, match="'usage' cannot drive usage"):
        engagement.fit(panel, **NAMES, drivers=["usage"], rng=rng())

"""Differences in differences against R ``did``'s published numbers, Card–Krueger's, and statsmodels."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.measure import ab, cem, did
from tests.conftest import real

# R did 2.1, mpdta, never-treated, no covariates, varying base: (group, time) -> ATT.
PUBLISHED = {
    (2004, 2004): -0.0105, (2004, 2005): -0.0704, (2004, 2006): -0.1373, (2004, 2007): -0.1008,
    (2006, 2004): 0.0065, (2006, 2005): -0.0028, (2006, 2006): -0.0046, (2006, 2007): -0.0412,
    (2007, 2004): 0.0305, (2007, 2005): -0.0027, (2007, 2006): -0.0311, (2007, 2007): -0.0261,
}  # fmt: skip
MPDTA = {"unit": "countyreal", "time": "year", "first_treated": "first.treat", "outcome": "lemp"}


@pytest.fixture(scope="module")
def mpdta() -> pd.DataFrame:
    return pd.read_csv(real("mpdta_did") / "mpdta.csv")


def panel(units: int = 60, periods: int = 6, effect: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """Units start in period 3, 5 or never; each has its own level, each period its own; errors are normal."""
    rng = np.random.default_rng(seed)
    unit, time = np.repeat(np.arange(units), periods), np.tile(np.arange(1, periods + 1), units)
    first = np.array([3.0, 5.0, np.inf])[unit % 3]
    y = rng.normal(size=units)[unit] + np.sin(time) + effect * (time >= first) + rng.normal(size=len(unit)) * 0.1
    return pd.DataFrame({"unit": unit, "time": time, "first": first, "y": y, "on": (time >= first).astype(int)})


NAMES = {"unit": "unit", "time": "time", "first_treated": "first", "outcome": "y"}
TWO_WAY = {"unit": "unit", "time": "time", "treated": "on", "outcome": "y", "cluster": "unit"}


def test_all_twelve_effects_of_mpdta_are_those_of_r(mpdta: pd.DataFrame) -> None:
    found = did.att_gt(mpdta, **MPDTA)
    assert list(found.columns) == ["group", "time", "att", "se"]
    told = {(row.group, row.time): row.att for row in found.itertuples()}
    assert set(told) == set(PUBLISHED)
    for key, published in PUBLISHED.items():
        assert round(told[key], 4) == pytest.approx(published, abs=1e-9), key


def test_draws_mpdta_together_as_r_does(mpdta: pd.DataFrame) -> None:
    found = did.staggered(mpdta, **MPDTA)
    simple = found.aggregate()[0]
    assert float(simple) == pytest.approx(-0.03995, abs=5e-6)
    assert simple.se == pytest.approx(0.0120, abs=2e-4)  # R: .0117–.0123 by the bootstrap's draw
    assert float(found.aggregate("event")[0]) == pytest.approx(-0.0772, abs=5e-5)
    assert float(found.aggregate("group")[0]) == pytest.approx(-0.0310, abs=5e-5)
    assert float(found.aggregate("calendar")[0]) == pytest.approx(-0.0417, abs=5e-5)
    statistic, degrees, p = found.pretest()
    assert degrees == 5
    assert p == pytest.approx(0.168, abs=5e-4)
    assert statistic == pytest.approx(7.79, abs=5e-3)


def test_card_and_krueger_is_2_7536_whatever_the_cluster() -> None:
    stores = pd.read_csv(real("card_krueger_nj") / "njmin3.csv")
    names = {"unit": "nj", "time": "d", "treated": "d_nj", "outcome": "fte"}
    effect = did.two_way(stores, **names, cluster=None)
    assert float(effect) == pytest.approx(2.7536, abs=5e-5)
    import statsmodels.api as statsmodels

    known = stores.dropna(subset=["fte"])
    oracle = statsmodels.OLS(known["fte"], statsmodels.add_constant(known[["nj", "d", "d_nj"]])).fit(cov_type="HC1")
    assert effect.se == pytest.approx(oracle.bse["d_nj"], rel=1e-9)
    chains = known.assign(chain=np.select([known["bk"] == 1, known["kfc"] == 1, known["roys"] == 1], [1, 2, 3], 4))
    assert float(did.two_way(chains, **names, cluster="chain")) == pytest.approx(2.7536, abs=5e-5)


def test_two_way_agrees_with_statsmodels_on_dummies_weighted_and_clustered() -> None:
    import statsmodels.api as statsmodels

    rng = np.random.default_rng(4)
    frame = panel(effect=0.5).assign(weight=rng.uniform(0.5, 2, 360), group=rng.integers(0, 25, 360))
    frame = frame.sample(frac=0.9, random_state=1)  # unbalanced, in any order
    design = pd.get_dummies(frame[["unit", "time"]].astype(str), drop_first=True).astype(float)
    design = statsmodels.add_constant(design.assign(on=frame["on"]))
    model = statsmodels.WLS(frame["y"], design, weights=frame["weight"])
    oracle = model.fit(cov_type="cluster", cov_kwds={"groups": frame["group"]})
    ours = did.two_way(frame, **TWO_WAY | {"cluster": "group"}, weights="weight")
    assert float(ours) == pytest.approx(oracle.params["on"], rel=1e-9)
    assert ours.se == pytest.approx(oracle.bse["on"], rel=1e-9)


def test_agrees_with_pyfixest() -> None:
    import pyfixest

    frame = panel(effect=0.5)
    frame = frame.assign(
        weight=1.0 + frame["unit"] % 3, rep=frame["unit"] // 2, arm=(frame["unit"] % 2 == 1).astype(int)
    )
    for cluster, weights in (("unit", None), ("rep", None), ("rep", "weight")):
        oracle = pyfixest.feols("y ~ on | unit + time", frame, vcov={"CRV1": cluster}, weights=weights)
        ours = did.two_way(frame, **TWO_WAY | {"cluster": cluster, "weights": weights})
        assert float(ours) == pytest.approx(oracle.coef()["on"], abs=1e-6)
        assert ours.se == pytest.approx(oracle.se()["on"], abs=1e-6)
    last = frame[frame["time"] == frame["time"].max()].reset_index(drop=True)
    oracle = pyfixest.feols("y ~ arm | rep", last, vcov="HC1")
    effect = ab.effect(last, outcome="y", arm="arm", book="rep")
    assert float(effect) == pytest.approx(oracle.coef()["arm"], abs=1e-6)
    assert effect.se == pytest.approx(oracle.se()["arm"], abs=1e-6)
    match = cem.match(last, "arm", ["weight"])
    kept = last.assign(w=match.weights)[match.weights > 0]
    oracle = pyfixest.feols("y ~ arm", kept, vcov={"CRV1": "rep"}, weights="w")
    found = match.att("y", cluster="rep")
    assert float(found) == pytest.approx(oracle.coef()["arm"], abs=1e-6)
    assert found.se == pytest.approx(oracle.se()["arm"], abs=1e-6)


def test_one_start_with_two_periods_is_the_difference_of_mean_changes() -> None:
    frame = panel(periods=6, effect=1.0)
    frame = frame[frame["time"].isin([2, 3]) & (frame["first"] != 5)]
    change = frame.pivot(index="unit", columns="time", values="y").diff(axis=1)[3]
    treated = frame.groupby("unit")["first"].first() == 3
    found = did.att_gt(frame, **NAMES)
    assert found["att"].tolist() == pytest.approx([change[treated].mean() - change[~treated].mean()])
    assert float(did.two_way(frame, **TWO_WAY)) == pytest.approx(found["att"].iloc[0])


def test_finds_a_planted_effect_and_its_placebos_stay_calm() -> None:
    found = did.staggered(panel(effect=1.0), **NAMES)
    assert found.aggregate()[0].low < 1.0 < found.aggregate()[0].high
    assert found.pretest()[2] > 0.01
    assert found.placebo() > 0.01
    before = found.frame["time"] < found.frame["group"]
    assert (found.frame.loc[before, "att"].abs() < 0.2).all()


def test_a_planted_trend_before_the_start_fails_the_placebo() -> None:
    frame = panel()
    frame["y"] += 0.2 * frame["time"] * np.isfinite(frame["first"])
    found = did.staggered(frame, **NAMES)
    assert found.placebo() < 0.001
    assert found.pretest()[2] < 0.001


def test_not_yet_treated_units_serve_as_controls_where_nobody_is_never_treated() -> None:
    frame = panel(effect=1.0)
    frame = frame[np.isfinite(frame["first"])]
    with pytest.raises(BadInput, match="no controls"):
        did.att_gt(frame, **NAMES)
    found = did.att_gt(frame, **NAMES, control="notyet")
    wide = frame.pivot(index="unit", columns="time", values="y")
    start = frame.groupby("unit")["first"].first()
    by_hand = (wide[4] - wide[2])[start == 3].mean() - (wide[4] - wide[2])[start == 5].mean()
    cell = found[(found["group"] == 3) & (found["time"] == 4)]
    assert cell["att"].iloc[0] == pytest.approx(by_hand)
    assert found[found["time"] >= 5].empty  # by then all are treated


def test_never_may_be_told_in_any_way_and_times_may_be_texts_dates_or_floats() -> None:
    frame = panel(effect=0.3)
    expected = did.att_gt(frame, **NAMES)
    for never in (0, np.nan, np.inf, 99):
        told = frame.assign(first=frame["first"].where(np.isfinite(frame["first"]), never))
        pd.testing.assert_frame_equal(did.att_gt(told, **NAMES), expected)
    words = frame.assign(
        time=frame["time"].astype(str), first=[str(int(v)) if np.isfinite(v) else "never" for v in frame["first"]]
    )
    mixed = words.assign(first=frame["first"])
    month = {k: pd.Timestamp(2026, k, 1) for k in range(1, 7)}
    dates = frame.assign(time=frame["time"].map(month), first=frame["first"].map(month))
    texts = dates.assign(time=dates["time"].dt.strftime("%Y-%m-%d"), first=dates["first"].dt.strftime("%Y-%m-%d"))
    quarter = {k: f"2026Q{k}" if k < 5 else f"2027Q{k - 4}" for k in range(1, 7)}
    quarters = frame.assign(time=frame["time"].map(quarter), first=frame["first"].map(quarter))
    zones = dates.assign(time=dates["time"].dt.tz_localize("Europe/Berlin"))
    for told in (words, mixed, dates, texts, quarters, zones, frame.astype({"time": float, "unit": str})):
        np.testing.assert_allclose(did.att_gt(told, **NAMES)[["att", "se"]], expected[["att", "se"]])


def test_row_order_and_column_names_do_not_matter() -> None:
    frame = panel(effect=0.3)
    shuffled = frame.sample(frac=1, random_state=0).rename(columns={"unit": "a b", "y": "Umsatz €"})
    found = did.att_gt(shuffled, **NAMES | {"unit": "a b", "outcome": "Umsatz €"})
    np.testing.assert_allclose(found[["att", "se"]], did.att_gt(frame, **NAMES)[["att", "se"]])


def test_unbalanced_panels_drop_units_or_take_who_was_seen() -> None:
    frame = panel(effect=0.3)
    holes = frame.drop(index=[0, 7])
    whole = frame[~frame["unit"].isin([0, 1])]
    pd.testing.assert_frame_equal(did.att_gt(holes, **NAMES), did.att_gt(whole, **NAMES))
    kept = did.staggered(holes, **NAMES, balanced=False)
    assert len(kept.panel.first) == 60
    missing = frame.assign(y=frame["y"].mask(frame.index.isin([0, 7])))
    pd.testing.assert_frame_equal(did.att_gt(missing, **NAMES), did.att_gt(holes, **NAMES))


def test_errors_follow_the_level_of_assignment() -> None:
    rng = np.random.default_rng(8)
    frame = panel()
    frame["rep"] = frame["unit"] // 6 * 3 + frame["unit"] % 3  # reps of two units with one start each
    shared = rng.normal(size=(60, 7))
    frame["y"] += shared[frame["rep"], frame["time"]]
    plain = did.staggered(frame, **NAMES).aggregate()[0]
    by_rep = did.staggered(frame, **NAMES, cluster="rep").aggregate()[0]
    assert by_rep.clusters == 30
    assert by_rep.se > 1.2 * plain.se


def test_one_treated_cluster_gives_an_effect_without_an_error() -> None:
    frame = panel(effect=1.0)
    frame = frame[(frame["unit"] == 0) | ~np.isfinite(frame["first"])]
    effect = did.two_way(frame, **TWO_WAY)
    assert float(effect) == pytest.approx(1.0, abs=0.3)
    assert np.isnan(effect.se_corrected)
    assert np.isnan(effect.low)
    assert did.staggered(frame, **NAMES).frame["se"].isna().all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.assign(first=np.inf), "No unit is treated"),
        (lambda f: f.assign(first=3), "no controls"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "more than once"),
        (lambda f: f.assign(first=f["first"].where(f["time"] < 4, np.inf)), "one date for good"),
        (lambda f: f.assign(y=np.nan), "missing in every row"),
        (lambda f: f.assign(y="much"), "no number"),
        (lambda f: f[f["time"] == 1], "two periods"),
        (lambda f: f.assign(time=f["time"].astype(float).where(f.index > 0)), "missing in some rows"),
        (lambda f: f.drop(columns="first"), "no column first"),
        (lambda f: f.iloc[:0], "no rows"),
        (lambda f: f.assign(first="soon"), "scale of the periods"),
        (lambda f: f.assign(unit=[[7]] * len(f)), r"unit holds \[7\] and the like; give one value a row"),
    ],
)
def test_bad_panels_are_refused_in_one_sentence(change: object, says: str) -> None:
    with pytest.raises(BadInput, match=says) as told:
        did.att_gt(change(panel()), **NAMES)  # type: ignore[operator]
    assert str(told.value).count("\n") == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.assign(on=0), "Nothing is treated"),
        (lambda f: f.assign(on=1), "no controls"),
        (lambda f: f.assign(on=(f["time"] == 3).astype(int) * np.isfinite(f["first"])), "no longer"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "more than once"),
        (lambda f: f.assign(rep="ana"), "one cluster"),
        (lambda f: f.assign(rep=f["unit"].astype(float).where(f["unit"] > 3)), "rep is missing"),
        (lambda f: f.assign(on=f["on"].replace(1, 7)), "holds 7"),
        (lambda f: f.assign(on=(f["time"] > 3).astype(int)), "cannot be told"),
        (lambda f: f.assign(time=[[7]] * len(f)), "one value a row"),
    ],
)
def test_bad_two_way_input_is_refused_in_one_sentence(change: object, says: str) -> None:
    frame = panel()
    frame["rep"] = frame["unit"]
    with pytest.raises(BadInput, match=says) as told:
        did.two_way(change(frame), **TWO_WAY | {"cluster": "rep"})  # type: ignore[operator]
    assert str(told.value).count("\n") == 0


def test_dates_after_today_are_refused() -> None:
    frame = panel()
    frame["time"] = frame["time"].map({k: pd.Timestamp(2026, k, 1) for k in range(1, 7)})
    with pytest.raises(BadInput, match="after 2026-05-15"):
        did.two_way(frame, **TWO_WAY, until=date(2026, 5, 15))
    frame["first"] = frame["first"].map({3.0: pd.Timestamp(2026, 3, 1), 5.0: pd.Timestamp(2026, 5, 1)})
    with pytest.raises(BadInput, match="after 2026-05-15"):
        did.att_gt(frame, **NAMES, until=date(2026, 5, 15))


def test_cr2_degrees_of_freedom_and_error_are_those_of_welch_in_the_simplest_case() -> None:
    """With one row a cluster and two arms, CR2 with Satterthwaite is Welch's t test (Bell & McCaffrey 2002)."""
    from scipy.stats import ttest_ind

    from copilot.measure.regression import fit

    rng = np.random.default_rng(5)
    y, arm = rng.normal(size=14) * np.repeat([1, 3], [9, 5]), np.repeat([0.0, 1.0], [9, 5])
    for cluster in (None, np.arange(14)):
        effect = fit(y, arm, np.ones((14, 1)), cluster=cluster).effect
        own, other = y[arm == 1], y[arm == 0]
        assert effect.se_corrected == pytest.approx(np.sqrt(own.var(ddof=1) / 5 + other.var(ddof=1) / 9))
        # Satterthwaite under equal variances: Welch's formula at the design, not at the drawn variances.
        weight = np.array([1 / 5, 1 / 9])
        assert effect.df == pytest.approx(weight.sum() ** 2 / (weight**2 / [4, 8]).sum())
        assert effect.p_corrected == pytest.approx(ttest_ind(own, other, equal_var=False).pvalue, rel=0.5)

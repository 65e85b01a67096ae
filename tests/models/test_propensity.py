"""The door of a propensity: what is learned, judged, pooled, refused and kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.models import propensity, registry
from copilot.models.propensity.linear import chance
from copilot.stats import Floats, auc
from tests.conftest import real


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


PARTS = {"growth": ["hires", "size"], "usage": ["use", "plan"], "social": ["mentions"]}


def made(n: int = 900, *, signal: float = 1.0, seed: int = 1) -> tuple[pd.DataFrame, Floats, Floats]:
    """Two samples an account: features of all kinds, outcome, true chance. ``mentions`` is empty throughout."""
    g = rng(seed)
    X = pd.DataFrame(
        {
            "hires": g.poisson(np.exp(g.normal(2, 1, n))).astype(float),
            "size": np.exp(g.normal(4, 1, n)),
            "use": g.normal(size=n),
            "plan": g.choice(["basic", "pro", "max"], n),
            "mentions": np.full(n, np.nan),
            "region": g.choice(["EMEA", "NA", "APAC"], n, p=[0.5, 0.4, 0.1]),
        }
    )
    lift = X["region"].map({"EMEA": 0.8, "NA": -0.8, "APAC": 0.0})
    truth = chance((signal * (X["use"] + 0.7 * (np.log1p(X["hires"]) - 2) + lift) - 0.6).to_numpy())
    X.loc[g.random(n) < 0.1, "use"] = np.nan
    return X, (g.random(n) < truth).astype(float), np.asarray(truth, float)


@pytest.fixture(scope="module")
def model() -> Any:
    X, y, _ = made()
    return propensity.fit(X, y, pool="region", rng=rng(), groups=np.arange(900) // 2, components=PARTS)


def test_the_chance_is_found_nearly_as_well_as_by_who_knows_it_and_comes_true(model: Any) -> None:
    X, y, truth = made(4000, seed=2)
    told = model.predict(X)
    assert told.index.equals(X.index)
    assert (auc(y, told) - 0.5) / (auc(y, truth) - 0.5) > 0.85
    top = told > told.quantile(0.8)
    assert told[top].mean() == pytest.approx(y[top].mean(), abs=0.08)


def test_the_report_holds_the_figures_of_unseen_rows(model: Any) -> None:
    report = model.report
    assert report["skill"] is True
    assert report["n_judged"] == report["n"] == 900
    assert report["auc"]["low"] < report["auc"]["value"] < report["auc"]["high"]
    assert report["log_loss"] < report["log_loss_share"]
    assert report["brier"]["value"] < report["brier_share"]
    assert report["calibration"] == "Platt"
    assert 0 <= report["ece"] < 0.08
    assert sum(row["n"] for row in report["reliability"]) == 900
    high, medium, low = (tier["lift"]["value"] for tier in report["tiers"])
    assert high > medium > low
    assert report["tiers"][0]["lift"]["low"] > 1
    assert report["pooling"]["kept"] != "one model"
    assert report["left_out"] == {"mentions": "it has no values"}


def test_out_of_fold_rows_are_each_judged_once_and_by_a_model_that_had_not_seen_them() -> None:
    X = pd.DataFrame({"a": rng(3).normal(size=300), "b": rng(4).normal(size=300)})
    noise = (rng(5).random(300) < 0.5).astype(float)
    found = propensity.fit(X, noise, rng=rng())
    assert sorted(found.judged["row"]) == list(range(300))
    assert abs(auc(noise[found.judged["row"]], found.judged["margin"]) - 0.5) < 0.12


def test_components_have_weights_levels_and_a_missing_one_says_so(model: Any) -> None:
    X, _, _ = made(500, seed=3)
    weights = {name: part["weight"] for name, part in model.report["components"].items()}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["social"] == 0
    assert min(weights["growth"], weights["usage"]) > 0.05
    levels = model.levels(X)
    assert list(levels) == list(PARTS)
    assert levels["social"].isna().all()
    keen, idle = X["use"] > 1.2, X["use"] < -1.2
    assert levels.loc[keen, "usage"].isin(["High", "Medium high"]).mean() > 0.8
    assert levels.loc[idle, "usage"].isin(["Low", "Medium low"]).mean() > 0.8
    assert model.chances(X)["usage"].corr(X["use"]) > 0.7


def test_the_better_of_master_and_direct_model_predicts_and_both_are_reported(model: Any) -> None:
    report = model.report
    better = "direct" if report["auc_direct"] > report["auc_master"] else "master"
    assert report["predicts_with"] == better
    assert model.by_components == (better == "master")


def test_a_master_predicts_where_evidence_does_not_add_up() -> None:
    g = rng(6)
    X = pd.DataFrame({"a": g.normal(size=1500), "b": g.normal(size=1500)})
    y = (g.random(1500) < 0.5 * chance(2 * X["a"].to_numpy()) + 0.5 * chance(2 * X["b"].to_numpy())).astype(float)
    found = propensity.fit(X, y, rng=rng(), components={"one": ["a"], "two": ["b"]})
    assert [found.report["components"][name]["weight"] for name in ("one", "two")] == pytest.approx(
        [0.5, 0.5], abs=0.12
    )
    assert found.report["auc_master"] > found.report["auc_direct"] - 0.01
    assert isinstance(found, propensity.Propensity)
    told = found.master(np.array([[0, 0], [2, 2]], np.float32))
    assert told[1] > told[0]


def test_tiers_are_cut_once_and_the_best_tenth_is_high(model: Any) -> None:
    X, _, _ = made(4000, seed=4)
    p = model.predict(X)
    told = model.tiers(p)
    assert set(told) == {"High", "Medium", "Low"}
    assert (told == "High").mean() == pytest.approx(0.1, abs=0.05)
    assert p[told == "High"].min() >= p[told == "Medium"].max()
    pd.testing.assert_series_equal(model.tiers(p[:7]), told[:7])


@pytest.mark.parametrize("kind", ["pooled", "one outcome", "by season"])
def test_a_saved_model_comes_back_with_exactly_the_same_predictions(model: Any, kind: str, tmp_path: Path) -> None:
    X, y, _ = made(700, seed=5)
    if kind == "one outcome":
        model = propensity.fit(X, np.ones(700), rng=rng())
    elif kind == "by season":
        season = np.where(np.arange(700) % 2, "mid_year", "year_end")
        X = X.assign(season=season)
        y = np.where(season == "mid_year", y, 1 - y)  # what speaks for it in one half speaks against it in the other
        model = propensity.fit(X, y, rng=rng(), components={"usage": ["use"]}, season="season")
        assert model.report["season"]["kept"] == "apart"
        assert model.report["season"]["log_loss_apart"] < model.report["season"]["log_loss_feature"]
        assert auc(y, model.predict(X)) > 0.75
        X.loc[0, "season"] = "never seen"
    again = registry.load(registry.save(model, tmp_path / "m"))
    pd.testing.assert_series_equal(again.predict(X), model.predict(X), check_exact=True)
    pd.testing.assert_frame_equal(again.levels(X), model.levels(X))
    assert again.tiers(again.predict(X)).tolist() == model.tiers(model.predict(X)).tolist()
    assert again.report == model.report
    assert {file.suffix for file in (tmp_path / "m").iterdir()} <= {".ubj", ".json", ".safetensors"}


def test_a_season_that_changes_little_is_one_feature_of_one_model() -> None:
    X, y, _ = made(800, seed=6)
    X["season"] = np.where(np.arange(800) % 2, "mid_year", "year_end")
    report = propensity.fit(X[["use", "season"]], y, rng=rng(), season="season").report
    assert report["season"]["kept"] == "feature"
    assert report["season"]["n_compared"] == 800


def test_few_samples_of_a_season_keep_it_a_feature_and_say_why() -> None:
    X, y, _ = made(200, seed=6)
    X["season"] = np.where(np.arange(200) % 2, "mid_year", "year_end")
    report = propensity.fit(X[["use", "season"]], y, rng=rng(), season="season").report
    assert report["season"] == {
        "kept": "feature",
        "reason": "a model a season needs 300 samples and 50 of either outcome in each",
    }


def test_a_world_without_signal_is_reported_as_without_measurable_skill() -> None:
    X, y, _ = made(400, signal=0.0, seed=7)
    report = propensity.fit(X, y, rng=rng(), groups=np.arange(400) // 2).report
    assert report["skill"] is False
    assert report["note"].startswith("No measurable skill")


def test_ordering_by_size_alone_is_no_skill_where_size_is_named_as_plain() -> None:
    g = rng(8)
    X = pd.DataFrame({"size": np.exp(g.normal(size=500)), "noise": g.normal(size=500)})
    y = (g.random(500) < chance(np.log(X["size"].to_numpy()))).astype(float)
    assert propensity.fit(X, y, rng=rng()).report["skill"] is True
    report = propensity.fit(X, y, rng=rng(), plain=["size", "never there"]).report
    assert report["auc_plain"] == pytest.approx(auc(y, X["size"]), abs=0.02)
    assert report["skill"] is False
    assert "beyond one plain column" in report["note"]


def test_one_outcome_gives_its_share_and_says_that_there_is_no_skill() -> None:
    X, _, _ = made(60)
    for outcome in (0.0, 1.0):
        found = propensity.fit(X, np.full(60, outcome), rng=rng(), pool="region")
        assert (found.predict(X) == outcome).all()
        assert found.report["skill"] is False
        assert "all 60 samples" in found.report["note"]


def test_dates_cut_the_folds_forward_in_time() -> None:
    X, y, _ = made(400, seed=9)
    days = pd.Series(pd.date_range("2023-01-01", periods=400, freq="2D"))
    report = propensity.fit(X[["use", "hires"]], y, rng=rng(), time=days).report
    assert "forward in time" in report["fold_rule"]
    assert report["n_judged"] < report["n"] == 400


def test_values_and_regions_never_seen_and_empty_cells_still_get_a_chance(model: Any) -> None:
    X, _, _ = made(5, seed=10)
    X["plan"], X["region"] = "platinum", ["Mars", None, "NA", "EMEA", "APAC"]
    X.loc[1, ["hires", "size", "use"]] = np.nan
    told = model.predict(X)
    assert told.between(0, 1).all()
    X["region"] = "Venus"
    assert model.predict(X)[0] == told[0]


def test_a_seeded_fit_repeats_exactly() -> None:
    X, y, _ = made(200, seed=11)
    first, again = (propensity.fit(X, y, rng=rng(5), pool="region") for _ in range(2))
    assert again.report == first.report
    pd.testing.assert_series_equal(again.predict(X), first.predict(X), check_exact=True)


GIVEN = {"X": pd.DataFrame({"a": np.arange(40.0)}), "y": np.arange(40) % 2}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"X": np.zeros((40, 1))}, "got a ndarray"),
        ({"X": GIVEN["X"][:10], "y": GIVEN["y"][:10]}, "10 rows are too few"),
        ({"y": np.arange(40) % 3}, "y must hold 0 and 1 only; it holds 2 too"),
        ({"y": np.r_[np.nan, np.ones(39)]}, "y is missing or infinite in 1 of 40"),
        ({"y": np.ones(39)}, "one value for each of the 40 rows"),
        ({"X": pd.DataFrame({"a": np.r_[np.inf, np.ones(39)]})}, "hold infinite values"),
        ({"X": pd.DataFrame({"a": np.full(40, np.nan)})}, "No column of the features holds two different values"),
        ({"pool": "region"}, "no column 'region' to pool by"),
        ({"season": "season"}, "no column 'season' to season by"),
        ({"groups": ["one"] * 40}, "at least two accounts"),
    ],
)
def test_unusable_input_is_refused_in_one_sentence(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        propensity.fit(**(GIVEN | change), rng=rng())


def test_predicting_without_a_feature_names_it(model: Any) -> None:
    X, _, _ = made(5)
    with pytest.raises(BadInput, match="lack 'use'"):
        model.predict(X.drop(columns="use"))


def test_churn_of_real_customers_is_found_at_least_as_well_as_by_xgboosts_defaults() -> None:
    import xgboost as xgb

    rows = pd.read_csv(real("powerco_b2b_churn") / "clients.csv.gz")
    dates = {name: pd.to_datetime(rows[name]) for name in rows if name.startswith("date")}
    X, y = rows.drop(columns=["id", "churn"]).assign(**dates), rows["churn"].to_numpy(float)
    test = rng(0).random(len(X)) < 0.3
    found = propensity.fit(X[~test], y[~test], rng=rng())
    from copilot.models.encoding import Encoding

    encoding = Encoding.fit(X[~test])
    peer = xgb.XGBClassifier(n_jobs=1).fit(encoding.transform(X[~test]), y[~test])
    ours = auc(y[test], found.predict(X[test]))
    assert ours >= 0.68
    assert ours >= auc(y[test], peer.predict_proba(encoding.transform(X[test]))[:, 1])
    assert found.report["skill"] is True
    assert found.report["ece"] < 0.03

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.models import boosting, uplift
from copilot.models.arms import fit_arms
from copilot.stats import Floats, qini

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def real(file: str) -> Path:
    path = SHARED / file
    if not path.is_file():
        pytest.skip(f"the real data {file} is not beside the project (../shared/data/{file})")
    return path


@dataclass(frozen=True)
class World:
    X: pd.DataFrame
    treated: Floats
    y: Floats
    tau: Floats
    propensity: Floats


def made(n: int = 1000, *, effect: float = 1.0, binary: bool = False, seed: int = 1) -> World:
    """A confounded world: x0 drives both the outcome and the touch, the effect depends on x1."""
    g = rng(seed)
    X = pd.DataFrame(g.normal(size=(n, 6)), columns=[f"x{k}" for k in range(6)])
    propensity = 1 / (1 + np.exp(-X["x0"].to_numpy()))
    treated = (g.random(n) < propensity).astype(float)
    tau = effect * (0.5 + np.where(X["x1"] > 0, 1.0, -1.0))
    if binary:
        low, high = (1 / (1 + np.exp(-(X["x0"] - 1 + lift))) for lift in (0, 1.5 * tau))
        y = (g.random(n) < np.where(treated == 1, high, low)).astype(float)
        return World(X, treated, y, (high - low).to_numpy(), propensity)
    return World(X, treated, (X["x0"] + tau * treated + g.normal(size=n)).to_numpy(), tau, propensity)


@pytest.fixture(scope="module")
def world() -> World:
    return made()


@pytest.fixture(scope="module")
def model(world: World) -> uplift.UpliftModel:
    return uplift.fit(world.X, world.treated, world.y, rng=rng())


def test_known_effects_are_found_better_than_by_one_effect_for_all(model: uplift.UpliftModel, world: World) -> None:
    fresh = made(seed=2)
    told = model.predict(fresh.X)
    assert np.sqrt(np.mean((told["uplift"] - fresh.tau) ** 2)) < 0.5 * fresh.tau.std()
    np.testing.assert_array_equal(told["uplift"], told["y1"] - told["y0"])
    assert model.report["beats_constant"] is True
    assert model.report["r_loss"]["model"] < model.report["r_loss"]["constant"] < model.report["r_loss"]["zero"]
    assert model.report["qini"] > 0.05


def test_the_mean_effect_is_free_of_the_confounding_that_the_raw_difference_has(
    model: uplift.UpliftModel, world: World
) -> None:
    raw = world.y[world.treated == 1].mean() - world.y[world.treated == 0].mean()
    ate = model.report["ate"]
    assert raw > world.tau.mean() + 0.5
    assert ate["low"] < world.tau.mean() < ate["high"]
    assert ate["high"] - ate["low"] < 0.4


def test_a_world_without_differing_effects_is_reported_as_such() -> None:
    g = rng()
    X = pd.DataFrame(g.normal(size=(300, 3)), columns=list("abc"))
    treated = (g.random(300) < 0.5).astype(float)
    y = X["a"] + 0.4 * treated + g.normal(size=300)
    report = uplift.fit(X, treated, y, rng=rng()).report
    assert report["beats_constant"] is False
    assert "does not beat" in report["verdict"]
    assert report["ate"]["low"] < 0.4 < report["ate"]["high"]


def test_binary_outcomes_give_chances_and_their_difference() -> None:
    world = made(1200, binary=True)
    model = uplift.fit(world.X, world.treated, world.y, rng=rng())
    told = model.predict(world.X)
    assert model.report["outcome"] == "binary"
    assert told[["y0", "y1"]].gt(0).all(axis=None)
    assert told[["y0", "y1"]].lt(1).all(axis=None)
    assert np.sqrt(np.mean((told["uplift"] - world.tau) ** 2)) < world.tau.std()


def test_the_r_losses_and_the_constant_effect_are_the_formulas_of_nie_and_wager(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With the true nuisances in place of the learned ones the constant's loss can be computed from the folds alone.
    middle = (world.X["x0"] + world.tau * world.propensity).to_numpy()
    monkeypatch.setattr(uplift, "_nuisances", lambda data, rng: (middle, world.propensity))
    plan = boosting.judging_folds(np.arange(len(world.y)), None, None, rng())
    monkeypatch.setattr(boosting, "judging_folds", lambda *given: plan)
    report = uplift.fit(world.X, world.treated, world.y, rng=rng()).report
    inside = (world.propensity >= 0.02) & (world.propensity <= 0.98)
    moved, surplus = world.treated - world.propensity, world.y - middle
    losses = []
    for fold in plan:
        train, test = fold.train[inside[fold.train]], fold.test[inside[fold.test]]
        constant = np.linalg.lstsq(moved[train, None], surplus[train], rcond=None)[0][0]
        losses.extend((surplus[test] - constant * moved[test]) ** 2)
    assert report["r_loss"]["constant"] == pytest.approx(np.mean(losses))
    zero = np.mean(surplus[inside] ** 2)
    assert report["r_loss"]["zero"] == pytest.approx(zero)
    assert report["n_judged"] == inside.sum()


def test_rows_without_overlap_are_left_out_and_said_to_be() -> None:
    g = rng(3)
    X = pd.DataFrame(g.normal(size=(900, 3)), columns=list("abc"))
    treated = np.where(X["a"] > 0.5, 1.0, (g.random(900) < 0.3).astype(float))
    report = uplift.fit(X, treated, X["b"] + g.normal(size=900), rng=rng()).report
    # 277 rows were certain to be touched. The learned propensity is shrunken, so it recognises a part of them only.
    assert 50 < report["propensity"]["trimmed"] < 300
    assert report["warning"].startswith(f"{report['propensity']['trimmed']} of 900 rows")
    always = (X["a"] > 0).astype(float)
    with pytest.raises(BadInput, match="hardly overlap"):
        uplift.fit(X, always, X["b"], rng=rng())


def test_a_seeded_fit_repeats_exactly_and_survives_column_order_and_a_new_index(
    model: uplift.UpliftModel, world: World
) -> None:
    some = slice(0, 250)
    first, again = (uplift.fit(world.X[some], world.treated[some], world.y[some], rng=rng(3)) for _ in range(2))
    assert again.report == first.report
    pd.testing.assert_frame_equal(again.predict(world.X), first.predict(world.X), check_exact=True)
    shuffled = world.X[list(reversed(world.X.columns))].assign(more=1).set_axis(world.X.index + 7)
    told = model.predict(shuffled)
    np.testing.assert_array_equal(told.to_numpy(), model.predict(world.X).to_numpy())
    assert told.index.equals(shuffled.index)


def test_repeated_accounts_and_dates_are_judged_forward_in_time() -> None:
    world = made(500, seed=4)
    account, days = np.arange(500) // 2, pd.Series(pd.date_range("2024-01-01", periods=500, freq="1D"))
    report = uplift.fit(world.X, world.treated, world.y, rng=rng(), groups=account, time=days).report
    assert "forward in time" in report["fold_rule"]
    assert report["n_judged"] < 500
    for fold in report["folds"]:
        assert pd.Timestamp(fold["train_until"]) + pd.Timedelta(days=90) <= pd.Timestamp(fold["test_from"])


def test_missing_features_are_allowed_and_their_pattern_may_carry_the_effect() -> None:
    world = made(800, seed=5)
    X = world.X.assign(x1=world.X["x1"].where(world.X["x1"] > 0))
    told = uplift.fit(X, world.treated, world.y, rng=rng()).predict(X)["uplift"]
    assert np.sqrt(np.mean((told - world.tau) ** 2)) < 0.6 * world.tau.std()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"learner": "dr"}, "'dr' is not available; use 'auto' or 't'"),
        ({"learner": "forest"}, "'forest' is not available"),
        ({"treatment": np.arange(100) % 3}, "several kinds of touch"),
        ({"treatment": (np.arange(100) < 19).astype(float)}, "Only 19 rows are touched"),
        ({"treatment": np.ones(100)}, "Only 0 rows are untouched"),
        ({"outcome": np.r_[np.nan, np.ones(99)]}, "outcome is missing or infinite in 1 of 100"),
        ({"outcome": np.r_[np.inf, np.ones(99)]}, "outcome is missing or infinite"),
        ({"outcome": np.ones(99)}, "one value for each of the 100 rows"),
        ({"X": pd.DataFrame({"a": ["x"] * 100})}, "'a' are not numbers"),
        ({"groups": np.arange(3)}, "groups needs one account"),
    ],
)
def test_unusable_input_is_refused_in_one_sentence(change: dict[str, object], says: str) -> None:
    given = {"X": pd.DataFrame({"a": np.arange(100.0)}), "treatment": np.arange(100) % 2, "outcome": np.arange(100.0)}
    with pytest.raises(BadInput, match=says):
        uplift.fit(**(given | change), rng=rng())


def test_two_accounts_that_cannot_teach_each_other_are_refused() -> None:
    treated = np.r_[np.ones(9), np.zeros(11), np.ones(11), np.zeros(9)]
    with pytest.raises(BadInput, match="too few accounts"):
        uplift.fit(pd.DataFrame({"a": rng().normal(size=40)}), treated, rng(1).normal(size=40), rng=rng(),
                   groups=np.repeat(["A", "B"], 20))  # fmt: skip


def test_an_arm_in_which_nothing_ever_happened_does_not_break_the_fit() -> None:
    g = rng(6)
    X, treated = pd.DataFrame({"a": g.normal(size=200)}), (g.random(200) < 0.5).astype(float)
    told = uplift.fit(X, treated, treated * (g.random(200) < 0.3), rng=rng()).predict(X)
    assert told["y0"].max() < 0.05
    assert told["uplift"].mean() == pytest.approx(0.3, abs=0.1)


def test_on_a_real_trial_the_ranking_beats_chance_and_xgboosts_defaults() -> None:
    import xgboost as xgb

    with gzip.open(real("hillstrom_email_rct/hillstrom.csv.gz"), "rt", encoding="utf-8") as file:
        mails = pd.read_csv(file)
    mails = mails[mails["segment"] != "Mens E-Mail"]
    X = pd.get_dummies(mails[["recency", "history", "mens", "womens", "newbie", "zip_code", "channel"]], dtype=float)
    treated = (mails["segment"] == "Womens E-Mail").to_numpy(float)
    y, table = mails["visit"].to_numpy(float), X.to_numpy(np.float32)
    ours, bare, chance = [], [], []
    for seed in range(1):
        half = rng(seed).random(len(y)) < 0.5
        for learn, judge in ((half, ~half), (~half, half)):
            pair = fit_arms(
                table[learn], y[learn], treated[learn], task="chance", groups=np.arange(learn.sum()), rng=rng(seed)
            )
            told = boosting.predict(pair[1], table[judge]) - boosting.predict(pair[0], table[judge])
            ours.append(qini(told, treated[judge], y[judge]))
            plain = [
                xgb.XGBClassifier(n_jobs=1).fit(table[learn & (treated == arm)], y[learn & (treated == arm)])
                for arm in (0, 1)
            ]
            default = plain[1].predict_proba(table[judge])[:, 1] - plain[0].predict_proba(table[judge])[:, 1]
            bare.append(qini(default, treated[judge], y[judge]))
            chance.append(qini(rng(seed).random(judge.sum()), treated[judge], y[judge]))
    assert np.mean(ours) > 1.5e-3
    assert np.mean(ours) > 1.5 * np.mean(bare)
    assert np.mean(ours) > np.mean(chance) + 1e-3


def test_on_ihdp_the_effects_come_closer_than_one_effect_for_all() -> None:
    data = pd.read_csv(real("ihdp/ihdp_npci_1.csv"))
    X = data.filter(regex=r"^x\d+$")
    model = uplift.fit(X, data["treatment"], data["y_factual"], rng=rng())
    tau = data["mu1"] - data["mu0"]
    assert np.sqrt(np.mean((model.predict(X)["uplift"] - tau) ** 2)) < 0.6 * tau.std()
    assert model.report["ate"]["low"] < tau.mean() < model.report["ate"]["high"]

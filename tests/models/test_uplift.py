from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.models import registry, uplift
from copilot.models.uplift import calibrate, door, judge, learners, nuisance, overlap
from copilot.models.uplift.trial import Trial
from copilot.stats import Floats, qini
from tests.conftest import real


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@dataclass(frozen=True)
class World:
    X: pd.DataFrame
    treated: Floats
    y: Floats
    tau: Floats
    propensity: Floats


def made(n: int = 700, *, effect: float = 1.0, binary: bool = False, seed: int = 1) -> World:
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


def fitted(world: World, learner: str = "auto", seed: int = 0) -> uplift.UpliftModel:
    model = uplift.fit(world.X, world.treated, world.y, learner=learner, rng=rng(seed))
    assert isinstance(model, uplift.UpliftModel)
    return model


def rmse(a: object, b: object) -> float:
    return float(np.sqrt(np.mean((np.asarray(a) - np.asarray(b)) ** 2)))


@pytest.fixture(scope="module")
def world() -> World:
    return made()


@pytest.fixture(scope="module")
def model(world: World) -> uplift.UpliftModel:
    return fitted(world)


@pytest.fixture(scope="module")
def chances() -> tuple[World, uplift.UpliftModel]:
    world = made(600, binary=True)
    return world, fitted(world)


def test_known_effects_are_found_better_than_by_one_effect_for_all(model: uplift.UpliftModel, world: World) -> None:
    fresh = made(seed=2)
    told = model.predict(fresh.X)
    assert rmse(told["uplift"], fresh.tau) < 0.5 * fresh.tau.std()
    np.testing.assert_array_equal(told["uplift"], told["y1"] - told["y0"])
    assert rmse(told["y0"], fresh.X["x0"]) < 0.5
    report = model.report
    assert report["beats_constant"] is True
    assert report["r_loss"]["model"] < report["r_loss"]["constant"] < report["r_loss"]["zero"]
    assert report["qini"] > 0.05
    assert min(report["uplift_at_10"], report["uplift_at_30"]) > world.tau.mean() + 0.5
    assert report["deciles"]["observed"][0] > report["deciles"]["observed"][9] + 1
    assert report["baselines"]["constant"] == pytest.approx(world.tau.mean(), abs=0.3)


def test_the_report_says_which_learner_was_chosen_and_why(model: uplift.UpliftModel) -> None:
    report = model.report
    assert set(learners.CANDIDATES) <= set(report["candidates"])
    assert report["learner"] in report["candidates"]
    assert sum(report["weights"].values()) <= 1 + 1e-9
    for row in report["candidates"].values():
        assert {"gain_over_constant", "se", "behind_best", "evidence", "same_decile", "spearman_refits"} == set(row)
    assert min(row["behind_best"] for row in report["candidates"].values()) == 0
    assert report["reason"].startswith("The ")
    assert set(report["base"]) == set(report["weights"])
    assert report["same_decile"] == report["candidates"][report["learner"]]["same_decile"]
    assert report["overlap"]["auc"] > 0.65  # the touch depends on x0


def test_the_mean_effect_is_free_of_the_confounding_that_the_raw_difference_has(
    model: uplift.UpliftModel, world: World
) -> None:
    raw = world.y[world.treated == 1].mean() - world.y[world.treated == 0].mean()
    ate = model.report["ate"]
    assert raw > world.tau.mean() + 0.5
    assert ate["low"] < world.tau.mean() < ate["high"]
    assert ate["high"] - ate["low"] < 0.5


def test_a_world_without_differing_effects_is_reported_as_such_and_shown_the_one_effect() -> None:
    g = rng()
    X = pd.DataFrame(g.normal(size=(300, 3)), columns=list("abc"))
    treated = (g.random(300) < 0.5).astype(float)
    y = X["a"] + 0.4 * treated + g.normal(size=300)
    model = uplift.fit(X, treated, y, rng=rng())
    assert isinstance(model, uplift.UpliftModel)
    report, told = model.report, model.predict(X)["uplift"]
    assert report["beats_constant"] is False
    assert "does not beat" in report["verdict"]
    assert report["ate"]["low"] < 0.4 < report["ate"]["high"]
    level = report["baselines"]["constant"]
    assert np.sqrt((level - 0.4) ** 2 + told.var()) < 1.1 * max(abs(level - 0.4), model.calibration.level_se)


def test_where_no_learner_shows_a_difference_the_plainest_serves_though_others_come_closer_to_evidence() -> None:
    g = np.random.default_rng(7)
    X = pd.DataFrame(g.normal(size=(600, 4)), columns=list("abcd"))
    treated = (g.random(600) < 0.5).astype(float)
    y = X["a"] + 0.5 * treated + g.normal(size=600)
    report = uplift.fit(X, treated, y, rng=np.random.default_rng(7)).report
    evidence = {name: row["evidence"] for name, row in report["candidates"].items()}
    assert max(evidence.values()) < calibrate.SIGNAL
    assert max(evidence, key=lambda name: evidence[name]) != "t_linear"
    assert report["learner"] == "t_linear"
    assert "the plainest" in report["reason"]


def test_chances_stay_chances_and_so_does_their_difference(chances: tuple[World, uplift.UpliftModel]) -> None:
    world, model = chances
    told = model.predict(world.X, interval=0.9)
    assert model.report["outcome"] == "binary"
    assert told[["y0", "y1"]].ge(0).all(axis=None)
    assert told[["y0", "y1"]].le(1).all(axis=None)
    assert told[["low", "high"]].abs().le(1).all(axis=None)
    np.testing.assert_array_equal(told["uplift"], told["y1"] - told["y0"])
    assert rmse(told["uplift"], world.tau) < world.tau.std()


def test_contributions_sum_to_the_uplift_and_name_the_feature_that_makes_it(
    model: uplift.UpliftModel, world: World, chances: tuple[World, uplift.UpliftModel]
) -> None:
    for one, X in ((model, world.X[:200]), (chances[1], chances[0].X[:200])):
        shares = one.contributions(X)
        np.testing.assert_allclose(shares.sum(axis=1), one.predict(X)["uplift"], atol=1e-4)
        # The two arms hold accounts of different x0, so its share may have an offset; what differs is x1's.
        moved = shares[:, :-1].std(axis=0)
        assert moved[1] > 2 * np.delete(moved, 1).max()


def test_a_saved_model_comes_back_equal_to_the_last_bit(
    model: uplift.UpliftModel, world: World, chances: tuple[World, uplift.UpliftModel], tmp_path: Path
) -> None:
    for name, one, X in (("a", model, world.X), ("b", chances[1], chances[0].X)):
        again = registry.load(one.save(tmp_path / name))
        pd.testing.assert_frame_equal(again.predict(X, interval=0.8), one.predict(X, interval=0.8), check_exact=True)
        np.testing.assert_array_equal(again.contributions(X[:50]), one.contributions(X[:50]))
        assert again.report == one.report
        assert {file.suffix for file in (tmp_path / name).iterdir()} <= {".ubj", ".json", ".safetensors"}


@pytest.mark.parametrize("learner", ["s", "dr"])
def test_a_learner_asked_for_is_served_as_it_is(learner: str) -> None:
    world = made(300, seed=3)
    model = fitted(world, learner)
    said = np.mean([one.effect(world.X.to_numpy()) for one in model.bags[learner]], axis=0)
    np.testing.assert_allclose(model.predict(world.X)["uplift"], said, atol=1e-9)
    assert model.report["learner"] == learner
    assert model.report["reason"].endswith("was asked for.")
    assert {type(one).__name__ for one in model.bags[learner]} == {"Learner"}


def test_money_and_the_scale_from_0_to_100_keep_sign_and_order(model: uplift.UpliftModel, world: World) -> None:
    told = model.predict(world.X, value=np.full(700, 250.0))
    np.testing.assert_allclose(told["uplift_usd"], 250 * told["uplift"])
    scaled = model.scale_100(told["uplift"])
    assert scaled.min() == 0
    assert scaled.max() == 100
    assert (scaled[told["uplift"] <= 0] == 0).all()
    top = np.quantile(told["uplift"][told["uplift"] > 0], 0.99)
    between = (told["uplift"] > 0) & (told["uplift"] < 0.9 * top)
    np.testing.assert_allclose(scaled[between], 100 * told["uplift"][between] / model.scales[0])


def test_the_r_losses_and_the_constant_effect_are_the_formulas_of_nie_and_wager(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With the true nuisances in place of the learned ones the constant's loss can be computed from the folds alone.
    middle = (world.X["x0"] + world.tau * world.propensity).to_numpy()
    monkeypatch.setattr(nuisance, "cross_fitted", lambda *given: (middle, world.propensity))
    seen: list[Trial] = []
    whole = judge.judge
    monkeypatch.setattr(judge, "judge", lambda trial, name, **more: seen.append(trial) or whole(trial, name, **more))
    report = fitted(world, "r").report
    inside = overlap.inside(world.propensity)
    moved, surplus, losses = world.treated - world.propensity, world.y - middle, []
    for number in np.unique(seen[0].fold):
        test = seen[0].judged[seen[0].fold == number]
        train = np.setdiff1d(np.flatnonzero(inside), test)
        constant = np.linalg.lstsq(moved[train, None], surplus[train], rcond=None)[0][0]
        losses.extend((surplus[test] - constant * moved[test]) ** 2)
    assert report["r_loss"]["constant"] == pytest.approx(np.mean(losses))
    assert report["r_loss"]["zero"] == pytest.approx(np.mean(surplus[inside] ** 2))
    assert report["n_judged"] == inside.sum()


def test_the_calibration_undoes_a_wrong_scale_and_silences_noise() -> None:
    g = rng(3)
    arm, tau, noise = (g.random(4000) < 0.5).astype(float), g.normal(size=4000), g.normal(size=4000)
    X = np.zeros((4000, 1))
    data = learners.Cases(X, arm, (1 + tau) * arm + g.normal(size=4000), np.arange(4000.0), "mean", (1 + tau) / 2,
                          np.full(4000, 0.5))  # fmt: skip
    trial = Trial(data, np.arange(4000), np.arange(4000) % 5, {}, {}, {}, {}, np.ones(4000))
    for factor in (0.8, 1.0, 4.0):
        trust = calibrate.fit(trial, 5 + factor * tau)
        assert trust.slope == pytest.approx(1 / factor, rel=0.08)
        assert rmse(trust.apply(5 + factor * tau), 1 + tau) < 0.12
    quiet = calibrate.fit(trial, noise)
    assert quiet.apply(noise).std() < 0.15
    assert calibrate.fit(trial, np.full(4000, 2.0)).apply(np.full(3, 2.0)) == pytest.approx(np.ones(3), abs=0.1)
    assert calibrate.fit(trial, -tau).apply(tau).std() < 0.01  # turned round: no evidence, the one effect


def test_rows_without_overlap_are_left_out_and_said_to_be() -> None:
    g = rng(3)
    X = pd.DataFrame(g.normal(size=(900, 3)), columns=list("abc"))
    treated = np.where(X["a"] > 0, 1.0, (g.random(900) < 0.3).astype(float))
    report = uplift.fit(X, treated, X["b"] + g.normal(size=900), learner="r", rng=rng()).report
    # About 450 rows were certain to be touched; the learned propensity is shrunken and recognises a part of them only.
    assert 50 < report["propensity"]["trimmed"] < 470
    assert report["warning"].startswith(f"{report['propensity']['trimmed']} of 900 rows")


def test_a_seeded_fit_repeats_exactly_and_survives_column_order_and_a_new_index(world: World) -> None:
    some = World(world.X[:250], world.treated[:250], world.y[:250], world.tau[:250], world.propensity[:250])
    first, again = (fitted(some, "x", 3) for _ in range(2))
    assert again.report == first.report
    pd.testing.assert_frame_equal(again.predict(world.X), first.predict(world.X), check_exact=True)
    shuffled = world.X[list(reversed(world.X.columns))].assign(more=1).set_axis(world.X.index + 7)
    told = first.predict(shuffled)
    np.testing.assert_array_equal(told.to_numpy(), first.predict(world.X).to_numpy())
    assert told.index.equals(shuffled.index)


def test_repeated_accounts_and_dates_are_judged_forward_in_time_and_served_from_all_rows() -> None:
    world = made(400, seed=4)
    account, days = np.arange(400) // 2, pd.Series(pd.date_range("2024-01-01", periods=400, freq="1D"))
    model = uplift.fit(world.X, world.treated, world.y, learner="t", rng=rng(), groups=account, time=days)
    assert isinstance(model, uplift.UpliftModel)
    assert "forward in time" in model.report["fold_rule"]
    assert model.report["n_judged"] < 400
    assert len(model.bags["t"]) == 5
    for fold in model.report["folds"]:
        assert pd.Timestamp(fold["train_until"]) + pd.Timedelta(days=90) <= pd.Timestamp(fold["test_from"])


def test_several_kinds_of_touch_get_their_own_effects(tmp_path: Path) -> None:
    g = rng(5)
    X = pd.DataFrame({"a": g.normal(size=600), "zone": g.choice(["x", "y"], 600)})
    kind = g.choice(["none", "call", "mail"], 600)
    tau = {"call": 2.0 + X["a"], "mail": np.where(X["zone"] == "x", -1.0, 1.0)}
    y = X["a"] + sum(np.where(kind == name, tau[name], 0) for name in tau) + 0.5 * g.normal(size=600)
    model = uplift.fit(X, kind, y, learner="t", rng=rng())
    told = model.predict(X, interval=0.9)
    assert list(told.columns[:3]) == ["y0", "y1_call", "uplift_call"]
    assert {"y1_mail", "uplift_mail", "low_call", "high_mail"} <= set(told.columns)
    for name in tau:
        assert rmse(told[f"uplift_{name}"], tau[name]) < 0.4 * np.std(tau[name])
        np.testing.assert_array_equal(told[f"uplift_{name}"], told[f"y1_{name}"] - told["y0"])
        assert model.report["arms"][name]["beats_constant"] is True
    pd.testing.assert_frame_equal(
        registry.load(model.save(tmp_path / "m")).predict(X), model.predict(X), check_exact=True
    )
    shares = model.contributions(X, "mail")  # type: ignore[call-arg]
    assert np.abs(shares[:, 1]).mean() > 2 * np.abs(shares[:, 0]).mean()


@pytest.mark.parametrize("shape", ["steps", "line", "none"])
def test_intervals_hold_the_true_effect_of_about_their_share_of_the_rows(shape: str) -> None:
    g = rng(7)
    X = pd.DataFrame(g.normal(size=(500, 4)), columns=list("abcd"))
    tau = {"steps": np.where(X["a"] > 0, 1.5, -0.5), "line": 0.5 + X["a"], "none": np.full(500, 0.3)}[shape]
    treated = (g.random(500) < 0.5).astype(float)
    told = uplift.fit(X, treated, X["b"] + tau * treated + g.normal(size=500), learner="t", rng=rng()).predict(
        X, interval=0.9
    )
    assert ((told["low"] <= tau) & (tau <= told["high"])).mean() > 0.8
    assert (told["high"] - told["low"]).mean() < 2.5


def test_an_arm_in_which_nothing_ever_happened_does_not_break_the_fit() -> None:
    g = rng(6)
    X, treated = pd.DataFrame({"a": g.normal(size=200)}), (g.random(200) < 0.5).astype(float)
    told = uplift.fit(X, treated, treated * (g.random(200) < 0.3), learner="t", rng=rng()).predict(X)
    assert told["y0"].max() < 0.05
    assert told["uplift"].mean() == pytest.approx(0.3, abs=0.1)


def test_on_a_real_trial_the_ranking_beats_chance_with_text_columns_as_they_come() -> None:
    mails = pd.read_csv(real("hillstrom_email_rct") / "hillstrom.csv.gz")
    mails = mails[mails["segment"] != "Mens E-Mail"]
    half = rng(1).random(len(mails)) < 0.5
    X = mails[["recency", "history_segment", "history", "mens", "womens", "newbie", "zip_code", "channel"]]
    model = uplift.fit(X[half], mails["segment"][half], mails["visit"][half], learner="r", rng=rng())
    told = model.predict(X[~half])["uplift"]
    treated, y = (mails["segment"][~half] == "Womens E-Mail").to_numpy(float), mails["visit"][~half]
    assert qini(told, treated, y) > 1.5e-3
    low, high = model.report["ate"]["low"], model.report["ate"]["high"]
    assert low < y[treated == 1].mean() - y[treated == 0].mean() < high
    assert model.report["overlap"]["auc"] == pytest.approx(0.5, abs=0.02)


def test_on_ihdp_the_effects_come_closer_than_a_ridge_t_learners() -> None:
    data = pd.read_csv(real("ihdp") / "ihdp_npci_5.csv")
    X, tau = data.filter(regex=r"^x\d+$"), data["mu1"] - data["mu0"]
    model = uplift.fit(X, data["treatment"], data["y_factual"], learner="t", rng=rng())
    cases = learners.Cases(X.to_numpy(float), data["treatment"].to_numpy(float), data["y_factual"].to_numpy(),
                           np.arange(747.0), "mean", np.zeros(747), np.zeros(747))  # fmt: skip
    ridge = learners.fit("t_linear", cases, seed=1).effect(cases.X)
    assert rmse(model.predict(X)["uplift"], tau) < 0.8 * rmse(ridge, tau)
    assert door.LEARNERS == ("auto", "s", "t", "x", "dr", "r")

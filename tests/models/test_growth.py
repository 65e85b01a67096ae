from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.models import growth
from copilot.stats import Floats, Ints, auc


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@dataclass(frozen=True)
class Book:
    X: pd.DataFrame
    base: Floats
    delta: Floats
    strength: Floats
    account: Ints


def made(n: int = 900, *, signal: float = 1.2, seed: int = 1) -> Book:
    """Two renewals an account: a third shrinks, a third grows, by shares of a base that varies a thousandfold."""
    g = rng(seed)
    X = pd.DataFrame(g.normal(size=(n, 5)), columns=["usage", "hires", "c", "d", "e"])
    strength = signal * (X["usage"] + 0.5 * X["hires"]).to_numpy()
    latent = strength + g.logistic(size=n) * 0.7
    ratio = np.select([latent < -1.5, latent < -0.6, latent > 0.6], [-1.0, -0.3, np.minimum(0.3 * latent, 1)], 0.0)
    base = np.asarray(np.round(np.exp(g.normal(8, 1.5, size=n)), 2), float)
    return Book(X, base, np.asarray(np.round(ratio * base, 2), float), strength, np.arange(n) // 2)


@pytest.fixture(scope="module")
def book() -> Book:
    return made()


@pytest.fixture(scope="module")
def model(book: Book) -> growth.GrowthModel:
    return growth.fit(book.X, book.base, book.delta, rng=rng(), groups=book.account)


def test_a_signal_is_found_nearly_as_well_as_by_who_knows_it(model: growth.GrowthModel, book: Book) -> None:
    report, oracle = model.report, auc(book.delta < 0, -book.strength)
    assert report["skill"] is True
    assert report["auc_churn"]["low"] > 0.5
    assert report["auc_churn"]["value"] > oracle - 0.05
    assert report["auc_up"]["value"] > auc(book.delta > 0, book.strength) - 0.05
    assert report["spearman"] > 0.4
    assert 1.5 * 0.2 < report["capture_20"] <= 0.2 / report["share_churn"]  # a fifth of the rows can hold no more
    assert report["share_churn"] == pytest.approx(np.mean(book.delta < 0))
    assert report["mae_no_change"] == pytest.approx(np.abs(book.delta).mean())


def test_fresh_accounts_are_ordered_and_their_chances_calibrated(model: growth.GrowthModel) -> None:
    fresh = made(2000, seed=2)
    told = model.predict(fresh.X, fresh.base)
    assert auc(fresh.delta < 0, told["p_churn"]) > auc(fresh.delta < 0, -fresh.strength) - 0.05
    top = told["p_churn"] > told["p_churn"].quantile(0.8)
    assert told["p_churn"][top].mean() == pytest.approx((fresh.delta < 0)[top].mean(), abs=0.08)


@pytest.mark.parametrize("seed", [10, 16])
def test_a_world_without_signal_is_reported_as_without_skill(seed: int) -> None:
    # In world 16 chance puts the model above the ordering by size; its AUC alone must then deny it.
    book = made(400, signal=0.0, seed=seed)
    report = growth.fit(book.X, book.base, book.delta, rng=rng(seed - 10), groups=book.account).report
    assert (report["gain_over_size"]["value"] > 0) == (seed == 16)
    assert report["auc_churn"]["low"] < 0.5
    assert report["skill"] is False


def test_a_model_that_orders_no_better_than_size_has_no_skill() -> None:
    book = made(500, signal=0.0, seed=30)
    size = np.log(book.base)
    size = (size - size.mean()) / size.std()
    lost = rng().random(500) < 1 / (1 + np.exp(2 + 2 * size))
    X = book.X.assign(usage=size + 0.7 * rng(9).normal(size=500))  # a blurred copy of what the base says outright
    report = growth.fit(X, book.base, np.where(lost, -0.5 * book.base, 0.0), rng=rng(), groups=book.account).report
    assert report["auc_churn"]["low"] > 0.6
    assert report["auc_size"] == pytest.approx(auc(lost, -book.base))
    gain = report["gain_over_size"]
    assert gain["low"] < gain["value"] <= 0
    assert gain["value"] == pytest.approx(report["auc_churn"]["value"] - report["auc_size"])
    assert report["skill"] is False


def test_one_shrinking_account_among_many_is_no_evidence_of_skill() -> None:
    X = pd.DataFrame(rng().normal(size=(100, 2)), columns=["a", "b"])
    report = growth.fit(X, np.ones(100), np.r_[-0.5, np.zeros(99)], rng=rng()).report
    assert report["auc_churn"]["high"] - report["auc_churn"]["low"] > 0.3
    assert report["skill"] is False


@pytest.mark.parametrize(("unit", "top"), [("spend", 100.0), ("quantity", 10_000.0)])
def test_the_score_is_the_change_over_the_log_of_the_base_scaled_and_clipped(
    model: growth.GrowthModel, book: Book, unit: str, top: float
) -> None:
    from dataclasses import replace

    told = replace(model, unit=unit).predict(book.X, book.base)
    by_hand = [
        top * max(-1.0, min(1.0, delta / np.log(np.e + base) / model.scale))
        for delta, base in zip(told["delta"], book.base, strict=True)
    ]
    np.testing.assert_allclose(told["score"], by_hand)
    assert told["score"].abs().max() == top
    assert told["score"].abs().lt(top).mean() > 0.9


def test_the_scale_is_frozen_so_that_a_score_does_not_depend_on_its_neighbours(
    model: growth.GrowthModel, book: Book
) -> None:
    whole, few = model.predict(book.X, book.base), model.predict(book.X[10:13], book.base[10:13])
    pd.testing.assert_frame_equal(whole[10:13], few)


def test_a_predicted_loss_never_exceeds_the_base_and_a_base_of_zero_is_no_error(book: Book) -> None:
    some = slice(0, 300)
    base = np.where(np.arange(300) % 10 == 0, 0.0, book.base[some])
    delta = np.where(base == 0, np.maximum(book.delta[some], 0), book.delta[some])
    told = growth.fit(book.X[some], base, delta, rng=rng(), groups=book.account[some]).predict(book.X[some], base)
    assert np.isfinite(told.to_numpy()).all()
    assert (told["delta"] >= -base).all()
    only_new = growth.fit(book.X[:100], np.zeros(100), np.abs(book.delta[:100]), rng=rng())
    assert np.isfinite(only_new.predict(book.X[:5], np.zeros(5)).to_numpy()).all()


@pytest.mark.parametrize(("sign", "churn", "up"), [(1, 0.0, 1.0), (0, 0.0, 0.0), (-1, 1.0, 0.0)])
def test_a_single_outcome_gives_its_plain_share_and_a_sentence(book: Book, sign: int, churn: float, up: float) -> None:
    few = slice(0, 60)
    model = growth.fit(book.X[few], book.base[few], 0.1 * sign * book.base[few], rng=rng())
    told = model.predict(book.X[few], book.base[few])
    assert told["p_churn"].eq(churn).all()
    assert told["p_up"].eq(up).all()
    assert model.report["auc_churn"] is None
    assert model.report["skill"] is False
    assert "plain share" in model.report["note"]


def test_dates_cut_the_folds_forward_in_time(book: Book) -> None:
    some = slice(0, 400)
    days = pd.Series(pd.date_range("2023-01-01", periods=400, freq="2D"))
    report = growth.fit(
        book.X[some], book.base[some], book.delta[some], rng=rng(), groups=book.account[some], time=days
    ).report
    assert "forward in time" in report["fold_rule"]
    assert report["n_judged"] < report["n"] == 400


def test_a_seeded_fit_repeats_exactly(book: Book) -> None:
    some = slice(0, 200)
    first, again = (
        growth.fit(book.X[some], book.base[some], book.delta[some], rng=rng(5), groups=book.account[some])
        for _ in range(2)
    )
    assert again.report == first.report
    pd.testing.assert_frame_equal(again.predict(book.X, book.base), first.predict(book.X, book.base), check_exact=True)


def test_the_boosters_for_attribution_read_the_features_by_name(model: growth.GrowthModel, book: Book) -> None:
    assert set(model.boosters) == {"delta", "churn", "up"}
    for booster in model.boosters.values():
        assert booster.feature_names == list(book.X.columns)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"unit": "seats"}, "not 'seats'"),
        ({"base": np.r_[-1.0, np.ones(29)]}, "negative in 1 of 30"),
        ({"delta": np.r_[np.nan, np.ones(29)]}, "delta is missing or infinite in 1 of 30"),
        ({"base": np.r_[np.inf, np.ones(29)]}, "base is missing or infinite"),
        ({"X": pd.DataFrame({"a": np.ones(5)}), "base": np.ones(5), "delta": np.ones(5)}, "5 rows are too few"),
    ],
)
def test_unusable_input_is_refused_in_one_sentence(change: dict[str, object], says: str) -> None:
    given = {"X": pd.DataFrame({"a": np.arange(30.0)}), "base": np.ones(30), "delta": np.ones(30)}
    with pytest.raises(BadInput, match=says):
        growth.fit(**(given | change), rng=rng())

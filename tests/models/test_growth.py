from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.models import growth, registry
from copilot.models.growth import encoding, judging
from copilot.models.growth.targets import PARTS
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
    assert report["note"].startswith("No measurable skill")


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
    assert model.report["note"].startswith("No measurable skill")
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
    assert set(model.boosters) == {"churn", "up", *PARTS[model.report["target"]]}
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


def zero_inflated(n: int, seed: int) -> tuple[pd.DataFrame, Floats, Floats, Ints]:
    """Half stay flat; who moves, and which way, depends on features; bases differ a thousandfold."""
    g = rng(seed)
    X = pd.DataFrame(g.normal(size=(n, 6)), columns=list("abcdef"))
    base = np.asarray(np.exp(g.normal(8.5, 1.6, n)), float)
    X["log_base"] = np.log(base)
    strength = np.c_[np.zeros(n), -1.2 + X["a"] - 0.8 * X["b"], -1.2 + 0.8 * X["c"] - 0.4 * X["a"]]
    outcome = (strength + g.gumbel(size=(n, 3))).argmax(axis=1)
    moved = np.select([outcome == 1, outcome == 2], [-g.uniform(0.1, 1, n), np.exp(g.normal(-1.5, 0.6, n))], 0.0)
    return X, base, np.asarray(moved * base, float), np.asarray(g.integers(20, size=n), np.intp)


def test_on_zero_inflated_books_validation_leaves_the_plain_change_and_fresh_books_confirm_it() -> None:
    X, base, delta, book = zero_inflated(3_000, 3)
    near, far = slice(0, 1_500), slice(1_500, None)
    model = growth.fit(X[near], base[near], delta[near], rng=rng(), book=book[near])
    told = model.report["targets"]
    assert model.report["target"] in ("ratio", "hurdle")
    chosen = told[model.report["target"]]
    assert chosen["spearman_in_book"] > told["raw"]["spearman_in_book"] + 0.05
    assert chosen["behind"] <= chosen["se"]
    assert chosen["capture_20"] > told["raw"]["capture_20"]
    found = model.predict(X[far], base[far])
    assert auc(delta[far] < 0, found["p_churn"]) > told["raw"]["auc_churn"] + 0.03
    fresh = judging.in_book(found["delta"].to_numpy(), delta[far], book[far])
    assert fresh > told["raw"]["spearman_in_book"] + 0.05
    calibrated = model.report["calibration_churn"]
    assert 0.7 < calibrated["slope"] < 1.5
    assert calibrated["brier"] < calibrated["brier_of_share"]
    assert (found["p_up"] + found["p_churn"] <= 1 + 1e-9).all()


def test_the_simplest_target_within_one_standard_error_of_the_best_is_used() -> None:
    g, n = rng(5), 600
    actual = g.normal(size=n)
    noise = g.normal(size=n)
    fold, flat = np.arange(n) % 5, np.zeros(n, np.intp)
    near = {"ratio": actual + noise, "hurdle": actual + noise + 0.001 * g.normal(size=n), "raw": g.normal(size=n)}
    judged = pd.DataFrame(near | {"churn": -actual, "fold": fold})
    assert judging.choose(judged, actual, flat)[0] == "ratio"
    clear = judged.assign(hurdle=actual + 0.3 * noise)
    chosen, figures, reason = judging.choose(clear, actual, flat)
    assert chosen == "hurdle"
    assert figures["ratio"]["behind"] > figures["ratio"]["se"]
    assert "best out of fold" in reason


def test_the_correlation_is_taken_inside_books_where_books_are_given() -> None:
    book = np.repeat([0, 1], 50)
    actual = np.r_[np.arange(50.0), 100 - np.arange(50.0)]  # the two books turn opposite ways
    told = np.tile(np.arange(50.0), 2)
    assert judging.in_book(told, actual, book) == pytest.approx(0)
    assert judging.in_book(told[:50], actual[:50], book[:50]) == pytest.approx(1)


def test_chances_that_are_off_are_mended_and_good_ones_left_alone() -> None:
    g = rng(6)
    odds = g.normal(-1, 1.2, size=4_000)
    true = 1 / (1 + np.exp(-odds))
    happened = g.random(4_000) < true
    report, by = judging.calibration(true, happened)
    assert by == (0.0, 1.0)
    assert report["slope"] == pytest.approx(1, abs=0.15)
    proud = 1 / (1 + np.exp(-2 * odds - 0.5))
    report, by = judging.calibration(proud, happened)
    assert report["mended"] is True
    np.testing.assert_allclose(judging.mend(proud, by), true, atol=0.04)


def by_product(n: int, seed: int) -> tuple[pd.DataFrame, Floats, Floats, Ints]:
    """Accounts × products: what happens depends on the product, told as text, and a little on use."""
    g = rng(seed)
    product = np.array(["Jobs", "Learning", "Recruiter"])[g.integers(3, size=n)]
    X = pd.DataFrame({"product": product, "use": g.normal(size=n), "noise": g.normal(size=n)})
    base = g.integers(1, 40, size=n).astype(float)
    pull = X["product"].map({"Jobs": -1.5, "Learning": 0.0, "Recruiter": 1.5}) + 0.6 * X["use"]
    latent = pull.to_numpy() + g.logistic(size=n)
    delta = np.select([latent < -1, latent > 1], [-np.ceil(base / 3), np.ceil(base / 3)], 0.0)
    return X, base, delta, np.arange(n) // 3


def test_quantities_by_product_are_learned_from_the_product_as_text(tmp_path: Path) -> None:
    X, base, delta, account = by_product(900, 1)
    model = growth.fit(X, base, delta, unit="quantity", rng=rng(), groups=account)
    fresh, size, change, _ = by_product(600, 2)
    told = model.predict(fresh, size)
    assert auc(change < 0, told["p_churn"]) > 0.75
    means = told.groupby(fresh["product"])["delta"].mean()
    assert means["Jobs"] < means["Learning"] < means["Recruiter"]
    assert told["score"].abs().max() <= 10_000
    again = registry.load(registry.save(model, tmp_path / "growth"))
    pd.testing.assert_frame_equal(again.predict(fresh, size), told, check_exact=True)
    as_category = fresh.assign(product=fresh["product"].astype("category"))
    pd.testing.assert_frame_equal(model.predict(as_category, size), told, check_exact=True)
    numbers = model.encoded(fresh, "churn")
    assert list(numbers.columns) == model.boosters["churn"].feature_names
    assert numbers.groupby(fresh["product"])["product"].first()["Jobs"] > numbers["product"].min()


def test_an_unseen_or_missing_category_stands_for_the_average() -> None:
    X, base, delta, account = by_product(300, 3)
    model = growth.fit(X, base, delta, unit="quantity", rng=rng(), groups=account)
    odd = X[:3].assign(product=["Nobody knows", None, np.nan], use=0.0, noise=0.0)
    told = model.predict(odd, np.full(3, 10.0))
    assert told.nunique().eq(1).all()
    prior = model.responses["churn"]["product"]["prior"]
    assert model.encoded(odd, "churn")["product"].tolist() == pytest.approx([prior] * 3, rel=1e-6)
    assert prior == pytest.approx((delta < 0).mean())


def test_a_row_never_sees_its_own_answer_in_its_encoding() -> None:
    # Every account has a category of its own: in sample it would give each answer away, out of fold it says nothing.
    g = rng(4)
    X = pd.DataFrame({"name": [f"account {k // 2}" for k in range(400)]})
    response, account = g.normal(size=400), np.arange(400) // 2
    filled, told = encoding.respond(encoding.read(X), response, account, rng())
    assert np.unique(filled).size == 1
    shrunk = (response[:2].sum() + 20 * response.mean()) / 22
    assert told["name"]["levels"]["account 0"] == pytest.approx(shrunk)


def test_changes_on_the_year_before_are_capped_and_missing_ones_stay_missing() -> None:
    X = pd.DataFrame({"bookings_yoy": [-7.0, np.nan, 0.5, 90.0], "spend": [-7.0, np.nan, 0.5, 90.0]})
    table = encoding.read(X).numbers
    np.testing.assert_array_equal(table[:, 0], np.float32([-1, np.nan, 0.5, 3]))
    np.testing.assert_array_equal(table[:, 1], np.float32([-7, np.nan, 0.5, 90]))


def test_columns_without_a_value_and_columns_of_missing_text_are_no_obstacle(book: Book) -> None:
    some = slice(0, 100)
    X = book.X[some].assign(nothing=np.nan, silent=pd.Series([None] * 100, dtype=object))
    told = growth.fit(X, book.base[some], book.delta[some], rng=rng()).predict(X, book.base[some])
    assert np.isfinite(told.to_numpy()).all()


def test_large_books_are_judged_on_whole_accounts_and_learned_from_entirely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "MOST_JUDGED", 120)
    b = made(300, seed=8)
    report = growth.fit(b.X, b.base, b.delta, rng=rng(), groups=b.account).report
    assert report["n"] == 300
    assert report["n_judged"] == 120


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"book": [1, 2]}, "book needs one rep"),
        ({"X": pd.DataFrame({"when": pd.date_range("2026-01-01", periods=30)})}, "'when' are not numbers"),
        ({"X": pd.DataFrame({"a": np.r_[np.inf, np.ones(29)]})}, "'a' hold infinite"),
        ({"groups": ["a"] * 30}, "at least two accounts"),
    ],
)
def test_further_unusable_input_is_refused_in_one_sentence(change: dict[str, object], says: str) -> None:
    given = {"X": pd.DataFrame({"a": np.arange(30.0)}), "base": np.ones(30), "delta": np.tile([0.0, 1, -1], 10)}
    with pytest.raises(BadInput, match=says):
        growth.fit(**(given | change), rng=rng())


def test_a_target_that_tells_most_accounts_the_same_number_is_not_used() -> None:
    g, rows = rng(5), 200
    actual = g.normal(size=rows)
    judged = pd.DataFrame({"fold": np.arange(rows) % 4, "churn": g.random(rows), "row": np.arange(rows)})
    judged["raw"] = np.where(np.arange(rows) % 5 == 0, actual, 0.0)  # four of five the same, the rest right
    judged["ratio"], judged["hurdle"] = 0.05 * actual + g.normal(size=rows), g.normal(size=rows)
    chosen, figures, _ = judging.choose(judged, actual, np.zeros(rows, int))
    assert figures["raw"]["spearman_in_book"] > figures["ratio"]["spearman_in_book"]
    assert chosen != "raw"
    constant = judged.assign(ratio=0.0, hurdle=0.0)
    assert judging.choose(constant, actual, np.zeros(rows, int))[0] in ("raw", "ratio", "hurdle")

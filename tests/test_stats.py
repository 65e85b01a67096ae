from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.stats import NOT_KNOWN, auc, auc_interval, folds, mean_interval, qini, ranks, spearman, standard_error


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def qini_by_hand(uplift: list[float], treatment: list[int], outcome: list[float]) -> float:
    """The form of MATHS §2 with loops: every account of a tied block stands with the block's means."""
    n, rows = len(uplift), list(zip(uplift, treatment, outcome, strict=True))
    curve, n_t, n_c, y_t, y_c = [0.0], 0.0, 0.0, 0.0, 0.0
    for score in sorted(set(uplift), reverse=True):
        block = [(t, y) for u, t, y in rows if u == score]
        for _ in block:
            n_t += sum(t for t, _ in block) / len(block)
            n_c += sum(1 - t for t, _ in block) / len(block)
            y_t += sum(t * y for t, y in block) / len(block)
            y_c += sum((1 - t) * y for t, y in block) / len(block)
            curve.append((y_t - y_c * n_t / n_c) / n if n_c > 1e-9 else 0.0)
    gaps = [value - curve[-1] * k / n for k, value in enumerate(curve)]
    return sum((a + b) / 2 / n for a, b in pairwise(gaps))


@pytest.mark.parametrize("distinct", [3, 1000])
def test_auc_and_ranks_equal_scikit_learn_and_scipy_with_and_without_ties(distinct: int) -> None:
    from scipy.stats import rankdata, spearmanr
    from sklearn.metrics import roc_auc_score

    score, y = rng().integers(distinct, size=300).astype(float), rng(1).integers(2, size=300)
    assert auc(y, score) == pytest.approx(roc_auc_score(y, score))
    np.testing.assert_allclose(ranks(score), rankdata(score))
    assert spearman(y, score) == pytest.approx(spearmanr(y, score).statistic)


def test_an_undefined_auc_or_correlation_is_not_known_rather_than_a_number() -> None:
    assert np.isnan(auc([1, 1, 1], [0.1, 0.2, 0.3]))
    interval = auc_interval([0, 0], [0.1, 0.2], rng=rng())
    assert interval.as_dict() == {"value": None, "low": None, "high": None}
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]))


@pytest.mark.parametrize(("y", "score"), [([0, 1], [0.5]), ([0, 2], [0.1, 0.2]), ([0, 1], [np.nan, 0.2])])
def test_an_auc_refuses_what_is_no_outcome_or_no_score(y: list[float], score: list[float]) -> None:
    with pytest.raises(BadInput):
        auc(y, score)


def test_delong_covers_the_true_auc_about_as_often_as_it_says() -> None:
    from scipy.stats import norm

    truth, hits, g = norm.cdf(1 / np.sqrt(2)), 0, rng(3)
    for _ in range(400):
        y = np.r_[np.ones(40), np.zeros(80)]
        found = auc_interval(y, g.normal(size=120) + y, rng=g)
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 400 <= 0.98


def test_an_auc_of_repeated_accounts_covers_only_when_it_is_told_of_them() -> None:
    from scipy.stats import norm

    g, truth, hits = rng(4), norm.cdf(1 / np.sqrt(2)), {"told": 0, "untold": 0}
    for _ in range(80):
        account = np.repeat(np.arange(50), 6)
        y = (np.arange(50) < 20)[account].astype(float)
        score = g.normal(size=50)[account] + y + g.normal(size=300) * 1e-3
        for name, groups in (("told", account), ("untold", None)):
            found = auc_interval(y, score, groups=groups, rng=g)
            hits[name] += found.low <= truth <= found.high
    assert hits["told"] / 80 >= 0.88
    assert hits["untold"] / 80 <= 0.75


def test_few_rows_that_happen_to_be_separated_do_not_look_certain() -> None:
    for groups in (None, np.arange(6)):
        found = auc_interval([0, 0, 0, 0, 1, 1], [1, 2, 3, 4, 5, 6], groups=groups, rng=rng())
        assert found.value == found.high == 1.0
        assert found.low < 0.9


def test_a_single_account_of_a_class_proves_nothing_however_many_others_it_outscores() -> None:
    y, score = np.r_[np.ones(3), np.zeros(97)], np.r_[90.5, 90.6, 90.7, np.arange(97)]
    found = auc_interval(y, score, groups=np.r_[0, 0, 0, np.arange(1, 98)], rng=rng())
    assert found.value > 0.9
    assert found.low < 0.5


def test_a_mean_has_students_limits_and_whole_groups_count_once() -> None:
    from scipy.stats import ttest_1samp

    values = rng(5).normal(2, 3, size=25)
    told, expected = mean_interval(values), ttest_1samp(values, 0).confidence_interval()
    assert (told.low, told.high) == pytest.approx((expected.low, expected.high))
    doubled = mean_interval(np.repeat(values, 4), groups=np.repeat(np.arange(25), 4))
    assert (doubled.value, doubled.low, doubled.high) == pytest.approx((told.value, told.low, told.high))
    assert standard_error(values) == pytest.approx(values.std(ddof=1) / 5)


def test_a_mean_of_one_or_no_group_has_no_limits() -> None:
    assert mean_interval([]) == NOT_KNOWN
    one = mean_interval([1.0, 3.0], groups=["a", "a"])
    assert one.value == 2
    assert np.isnan(one.low)


@pytest.mark.parametrize("levels", [2, 5, 10_000])
def test_the_qini_equals_a_loop_over_accounts_also_with_ties(levels: int) -> None:
    g = rng(levels)
    uplift, treatment = g.integers(levels, size=60).astype(float), g.integers(2, size=60)
    outcome = g.normal(size=60) + treatment * uplift
    expected = qini_by_hand(uplift.tolist(), treatment.tolist(), outcome.tolist())
    assert qini(uplift, treatment, outcome) == pytest.approx(expected, abs=1e-12)


def test_the_qini_of_four_accounts_is_the_one_worked_out_by_hand() -> None:
    # Order t, c, t, c with outcomes 1, 0, 0, 1. Y_t − Y_c·N_t/N_c over n: 0 (no control yet), 1/4, 1/4, (1 − 1)/4 = 0.
    # The diagonal ends at 0; the trapezoids are 0, 1/8, 1/4, 1/8, each a quarter wide.
    assert qini([4, 3, 2, 1], [1, 0, 1, 0], [1, 0, 0, 1]) == pytest.approx(0.125)
    assert qini([7, 7, 7, 7], [1, 0, 1, 0], [1, 0, 0, 1]) == pytest.approx(0)
    assert np.isnan(qini([], [], []))


def test_folds_keep_accounts_apart_and_judge_each_row_once() -> None:
    account = rng(6).choice(["a", "b", "c", "d", "e", "f", "g"], size=90)
    found = folds(account, None, n=5, rng=rng())
    assert len(found) == 5
    assert sorted(np.concatenate([fold.test for fold in found])) == list(range(90))
    for fold in found:
        assert not set(account[fold.train]) & set(account[fold.test])
        assert fold.as_dict()["test_from"] is None


def test_folds_in_time_learn_only_from_other_accounts_whose_labels_were_known() -> None:
    account = np.repeat(np.arange(60), 10)
    time = np.datetime64("2024-01-01") + np.tile(np.arange(10) * 60, 60).astype("timedelta64[D]")
    embargo = timedelta(days=100)
    found = folds(account, time, n=3, embargo=embargo, rng=rng())
    assert len(found) == 6
    for fold in found:
        assert not set(account[fold.train]) & set(account[fold.test])
        assert time[fold.train].max() + np.timedelta64(100, "D") <= time[fold.test].min()
        assert fold.train_until == str(time[fold.train].max())
        assert (fold.test_from, fold.test_to) == (str(time[fold.test].min()), str(time[fold.test].max()))
    tested = np.concatenate([fold.test for fold in found])
    assert len(set(tested)) == len(tested)
    assert set(tested) == set(np.flatnonzero(time >= np.sort(time)[300]))


def test_time_may_be_given_as_dates_of_any_kind_or_as_period_numbers() -> None:
    account, month = np.arange(200), np.arange(200) % 20
    days = [date(2024 + m // 12, m % 12 + 1, 1) for m in month]
    kinds: list[tuple[object, object]] = [
        (days, timedelta(days=31)),
        ([str(day) for day in days], 31),
        (pd.Series(pd.to_datetime(days)), 31),
        (month, 1),
    ]
    cuts = [
        [fold.test.tolist() for fold in folds(account, time, n=2, embargo=gap, rng=rng())]  # type: ignore[arg-type]
        for time, gap in kinds
    ]
    assert all(cut == cuts[0] for cut in cuts)
    assert len(cuts[0]) == 4


def test_a_history_shorter_than_the_embargo_falls_back_to_accounts_alone() -> None:
    time = np.datetime64("2024-01-01") + np.arange(100).astype("timedelta64[D]")
    found = folds(np.arange(100), time, n=4, embargo=timedelta(days=365), rng=rng())
    assert [fold.train_until for fold in found] == [None] * 4


def test_folds_repeat_under_a_seed_and_refuse_missing_accounts_and_times() -> None:
    first, second = (folds(np.arange(50), None, rng=rng(9)) for _ in range(2))
    assert [fold.test.tolist() for fold in first] == [fold.test.tolist() for fold in second]
    with pytest.raises(BadInput, match="at least two accounts"):
        folds(["a", "a"], None, rng=rng())
    with pytest.raises(BadInput, match="no account"):
        folds(np.array(["a", None, "b"], object), None, rng=rng())
    with pytest.raises(BadInput, match="no time"):
        folds(np.arange(3), [1.0, np.nan, 2.0], rng=rng())
    for words in (np.array(["soon", "later"], object), ["soon", "later"]):
        with pytest.raises(BadInput, match="date or a number"):
            folds(np.arange(2), words, rng=rng())
    with pytest.raises(BadInput, match="span of days but time holds numbers"):
        folds(np.arange(50), np.arange(50), embargo=timedelta(days=3), rng=rng())

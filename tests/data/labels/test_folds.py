"""Folds: other accounts, earlier, with labels known in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.data.labels import growth
from copilot.data.labels.folds import folds
from copilot.data.workspace import Book
from copilot.errors import BadInput

START = pd.Timestamp("2024-01-01")


def samples(rows: list[tuple[str, int, int]]) -> pd.DataFrame:
    """Return samples from (account, day of as_of, days until the label was known)."""
    frame = pd.DataFrame(rows, columns=["account_id", "day", "wait"])
    as_of = START + pd.to_timedelta(frame["day"], unit="D")
    return frame.assign(as_of=as_of, known_at=as_of + pd.to_timedelta(frame["wait"], unit="D"))


ROW = st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 400), st.integers(0, 200))


@settings(max_examples=80, deadline=None)
@given(st.lists(ROW, min_size=8, max_size=60), st.integers(2, 4), st.integers(0, 100), st.integers(1, 3))
def test_no_fold_learns_from_what_it_is_judged_on(
    rows: list[tuple[str, int, int]], n: int, embargo: int, periods: int
) -> None:
    frame = samples(rows)
    try:
        found = folds(frame, n=n, embargo_days=embargo, periods=periods)
    except BadInput:
        return
    judged: list[int] = []
    for fold in found:
        train, test = frame.iloc[fold.train], frame.iloc[fold.test]
        assert len(train)
        assert not set(train["account_id"]) & set(test["account_id"])
        assert test["as_of"].min() == pd.Timestamp(fold.first_day)
        assert test["as_of"].max() == pd.Timestamp(fold.last_day)
        assert (train["known_at"] <= test["as_of"].min()).all()
        assert (train["as_of"] + pd.Timedelta(days=embargo) <= test["as_of"].min()).all()
        assert (train["as_of"] < test["as_of"].min()).all()
        judged += list(fold.test)
    assert len(judged) == len(set(judged))
    assert len(found) <= n * periods


def panel() -> pd.DataFrame:
    """Twenty accounts with a sample every 30 days for a year, each known after 20 days."""
    return samples([(f"acct-{who}", 30 * month, 20) for who in range(20) for month in range(12)])


def test_the_later_half_is_judged_once_and_in_order_of_time() -> None:
    frame = panel()
    found = folds(frame, n=4, embargo_days=30, periods=2)
    assert len(found) == 8
    assert sorted(np.concatenate([fold.test for fold in found])) == list(np.flatnonzero(frame["day"] >= 180))
    assert [str(fold.first_day) for fold in found] == ["2024-06-29"] * 4 + ["2024-09-27"] * 4
    assert [str(fold.last_day) for fold in found] == ["2024-08-28"] * 4 + ["2024-11-26"] * 4
    assert [len(fold.test) for fold in found] == [15] * 8  # five accounts, three months
    assert [len(fold.train) for fold in found] == [15 * 6] * 4 + [15 * 9] * 4
    assert found[0].told() == "90 rows judge 15 of 2024-06-29 to 2024-08-28."


def test_a_longer_embargo_leaves_fewer_rows_to_learn_from() -> None:
    sizes = [len(folds(panel(), n=4, embargo_days=days)[0].train) for days in (0, 30, 31, 90)]
    assert sizes == [90, 90, 75, 60]


def test_without_known_at_the_embargo_alone_binds() -> None:
    with_it = folds(panel().assign(known_at=START + pd.Timedelta(days=130)), n=4, embargo_days=90)
    without = folds(panel().drop(columns="known_at"), n=4, embargo_days=90)
    assert [list(fold.train) for fold in with_it] == [list(fold.train) for fold in without]
    with pytest.raises(BadInput, match="No label is known before"):
        folds(panel().assign(known_at=START + pd.Timedelta(days=999)), n=4, embargo_days=0)


def test_the_same_samples_are_split_the_same_way_in_any_order() -> None:
    frame = panel()
    shuffled = frame.sample(frac=1, random_state=3)
    for one, other in zip(folds(frame, embargo_days=30), folds(shuffled, embargo_days=30), strict=True):
        assert sorted(frame.index[one.test]) == sorted(shuffled.index[other.test])
        assert sorted(frame.index[one.train]) == sorted(shuffled.index[other.train])


def test_the_demo_books_growth_labels_split_by_their_own_horizon(demo_book: Book) -> None:
    labels = growth(demo_book)
    found = folds(labels.frame, n=5, embargo_days=labels.horizon_days)
    assert len(found) == 5
    assert sum(len(fold.test) for fold in found) == pytest.approx(len(labels.frame) / 2, rel=0.02)
    for fold in found:
        assert labels.frame["known_at"].iloc[fold.train].max() <= pd.Timestamp(fold.first_day)


@pytest.mark.parametrize(
    ("frame", "options", "says"),
    [
        (panel().drop(columns="as_of"), {}, "samples lack as_of"),
        (panel().assign(as_of=pd.NaT), {}, "240 of 240 samples have no account_id or as_of"),
        (panel(), {"n": 1}, "at least 2 parts"),
        (panel(), {"embargo_days": -1}, "at least 2 parts"),
        (panel(), {"periods": 0}, "at least 2 parts"),
        (panel(), {"n": 21}, "of 20 accounts, too few for 21 folds"),
        (panel().head(0), {}, "of 0 accounts, too few"),
        (panel().assign(as_of=START), {}, "No label is known before the days to judge"),
        (panel(), {"embargo_days": 400}, "embargo of 400 days"),
    ],
)
def test_what_cannot_be_split_is_refused_in_one_sentence(
    frame: pd.DataFrame, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        folds(frame, **{"embargo_days": 30, **options})

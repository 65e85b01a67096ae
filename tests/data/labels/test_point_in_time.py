"""An earlier book has the labels of a later one that were known then, and the same ones (MATHS §1, known time)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import pytest

from copilot.data import labels
from copilot.data.workspace import Book

EARLIER = "2025-11-17"
EVERY: dict[str, Callable[[Book], labels.Labels]] = {
    "growth": labels.growth,
    "growth by product": partial(labels.growth, by="product"),
    "churn": labels.churn,
    "windows": labels.booking_windows,
    "windows of spend": partial(labels.booking_windows, by="account"),
    "aps": labels.aps,
    "ups add-on": partial(labels.ups, case="add_on"),
    "ups renewal": partial(labels.ups, case="renewal"),
    "pairs": labels.uplift_pairs,
    "engagement": labels.engagement_targets,
}


@pytest.mark.parametrize("name", EVERY)
def test_an_earlier_book_has_the_labels_that_were_known_then(demo_book: Book, name: str) -> None:
    now = EVERY[name](demo_book).frame
    then = EVERY[name](Book(demo_book.path, demo_book.manifest | {"as_of": EARLIER}))
    expected = now[now["known_at"] <= EARLIER].reset_index(drop=True)
    assert 0 < len(expected) < len(now)
    assert then.censored > 0
    order = list(now.columns)
    pd.testing.assert_frame_equal(
        then.frame.sort_values(order, ignore_index=True), expected.sort_values(order, ignore_index=True)
    )


@pytest.mark.parametrize("name", EVERY)
def test_features_look_back_from_before_the_label_was_known(demo_book: Book, name: str) -> None:
    frame = EVERY[name](demo_book).frame
    assert (frame["as_of"] < frame["known_at"]).all()
    assert (frame["known_at"] <= pd.Timestamp(demo_book.as_of)).all()

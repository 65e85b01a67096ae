"""Uplift pairs: a touch in a window, bookings after it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from copilot.data.labels import uplift_pairs
from copilot.data.workspace import Book
from copilot.errors import BadInput
from tests.data.labels.conftest import MakeBook

# Renewal on 1 March 2025: features as of 31 December, the window is January and February, the outcome read on 31 March.
TERMS = [
    {"start_date": "2024-03-01", "end_date": "2025-03-01", "rtcd": "2025-03-01", "annual_usd": 100.0},
    {"start_date": "2025-03-01", "end_date": "2026-03-01", "rtcd": "2026-03-01", "annual_usd": 130.0},
]


def pair(make_book: MakeBook, *touches: tuple[str, str], **options: Any) -> dict[str, Any]:
    rows = [{"event_ts": day, "kind": kind} for day, kind in touches]
    found = uplift_pairs(make_book("2025-12-31", contracts=TERMS, touches=rows), **options).frame
    return found.to_dict("records")[0] if len(found) else {}


def test_the_bookings_are_those_that_start_after_the_window(make_book: MakeBook) -> None:
    found = pair(make_book)
    assert [str(found[name].date()) for name in ("as_of", "window_end", "end", "known_at")] == [
        *["2024-12-31", "2025-03-01", "2025-03-31", "2025-03-31"]
    ]
    assert (found["base_usd"], found["bookings_usd"], found["delta_usd"]) == (100, 130, 30)
    assert (found["arm"], found["treated"], found["touches"]) == ("none", 0, 0)


@pytest.mark.parametrize(
    ("day", "treated"),
    [
        ("2024-12-31", 0),
        ("2024-12-31 18:00", 0),  # features read all of that day
        ("2025-01-01", 1),
        ("2025-02-28 23:00", 1),
        ("2025-03-01", 0),
    ],
)
def test_only_a_touch_in_the_window_treats(make_book: MakeBook, day: str, treated: int) -> None:
    assert pair(make_book, (day, "call"))["treated"] == treated


def test_the_arm_is_the_kind_of_the_first_touch(make_book: MakeBook) -> None:
    found = pair(make_book, ("2025-02-01", "call"), ("2025-01-10", "training"), ("2025-01-09", "report"))
    assert (found["arm"], found["touches"]) == ("report", 3)
    same_day = pair(make_book, ("2025-01-10 08:00", "training"), ("2025-01-10 17:00", "email"))
    assert same_day["arm"] == "email"


def test_an_account_that_had_only_other_kinds_is_no_control(make_book: MakeBook) -> None:
    assert pair(make_book, ("2025-01-10", "email"), kinds=("call",)) == {}
    found = pair(make_book, ("2025-01-10", "email"), ("2025-01-11", "call"), kinds=("call",))
    assert (found["arm"], found["touches"]) == ("call", 1)


def test_a_touch_recorded_late_makes_the_pair_known_late(make_book: MakeBook) -> None:
    rows = [{"event_ts": "2025-01-10", "known_ts": "2025-06-01"}]
    found = uplift_pairs(make_book("2025-12-31", contracts=TERMS, touches=rows)).frame
    assert list(found["known_at"].astype(str)) == ["2025-06-01"]


def test_a_window_that_leaves_no_outcome_and_a_kind_nobody_knows_are_refused(make_book: MakeBook) -> None:
    with pytest.raises(BadInput, match="A window of 91 days leaves no time"):
        pair(make_book, window_days=91)
    with pytest.raises(BadInput, match="A window of 0 days"):
        pair(make_book, window_days=0)
    with pytest.raises(BadInput, match="no touch of the kind fax"):
        pair(make_book, kinds=("fax",))
    with pytest.raises(BadInput, match="no touch of the kind"):
        pair(make_book, kinds=())


def test_a_book_without_contracts_has_no_pairs(make_book: MakeBook) -> None:
    assert uplift_pairs(make_book()).frame.empty
    assert uplift_pairs(make_book(contracts=[], touches=[])).frame.empty


def test_the_demo_books_arms_equal_its_truth(demo_book: Book) -> None:
    truth = pd.read_parquet(demo_book.path.parents[1] / "truth" / "renewals.parquet")
    found = uplift_pairs(demo_book).frame.assign(rtcd=lambda f: f["window_end"])
    both = found.merge(truth[~truth["upcoming"]], on=["account_id", "rtcd"], suffixes=("", "_truth"))
    assert len(both) > 0.9 * len(found)
    assert (both["treated"] == both["treated_truth"].astype(int)).all()
    treated = both[both["treated"] == 1]
    assert (treated["arm"] == treated["kind"]).all()

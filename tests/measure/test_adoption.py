"""Active months, consistent use, adoption and retention from a log small enough to count by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.measure import adoption

LOG = pd.DataFrame(
    [
        *[("ana", f"2026-{month:02d}-10 09:00") for month in (1, 2, 3, 4, 5)],
        ("ana", "2026-01-11 10:00"),
        ("ben", "2026-02-01"),
        ("ben", "2026-05-01"),
        ("cleo", "2026-05-31 23:30"),
    ],
    columns=["user", "at"],
)


def test_a_month_counts_once_however_often_it_was_used() -> None:
    active = adoption.active_months(LOG)
    assert active.groupby("user")["month"].count().to_dict() == {"ana": 5, "ben": 2, "cleo": 1}
    assert active.loc[active["user"] == "ana", "uses"].tolist() == [2, 1, 1, 1, 1]


def test_four_months_of_twelve_are_consistent_and_one_to_three_infrequent() -> None:
    active = adoption.active_months(LOG)
    standing = adoption.consistency(active, ["ana", "ben", "dora"], pd.Period("2026-05"))
    assert standing.to_dict() == {"ana": "consistent", "ben": "infrequent", "dora": "none"}
    earlier = adoption.consistency(active, ["ana", "ben", "dora"], pd.Period("2026-03"))
    assert earlier.to_dict() == {"ana": "infrequent", "ben": "infrequent", "dora": "none"}
    shorter = adoption.consistency(active, ["ana"], pd.Period("2026-05"), months=3)
    assert shorter["ana"] == "infrequent"


def test_converters_came_from_infrequent_to_consistent_and_their_controls_stayed() -> None:
    before = pd.Series({"a": "infrequent", "b": "infrequent", "c": "consistent", "d": "none", "e": "infrequent"})
    during = pd.Series({"a": "consistent", "b": "infrequent", "c": "consistent", "d": "consistent", "e": "none"})
    assert adoption.converters(before, during).to_dict() == {"a": 1, "b": 0}


def test_adoption_counts_who_is_active_and_who_ever_was() -> None:
    months = pd.period_range("2026-01", "2026-03", freq="M")
    table = adoption.adoption(adoption.active_months(LOG), ["ana", "ben", "cleo", "dora"], months)
    assert table["active"].tolist() == [1, 2, 1]
    assert table["ever"].tolist() == [1, 2, 2]
    assert table["share"].tolist() == [0.25, 0.5, 0.25]


def test_retention_asks_only_those_who_came_long_enough_ago() -> None:
    table = adoption.retention(adoption.active_months(LOG), pd.Period("2026-05")).set_index("months_later")
    assert table["users"].to_dict() == {0: 3, 1: 2, 2: 2, 3: 2, 4: 1}
    assert table["share"].to_dict() == {0: 1, 1: 0.5, 2: 0.5, 3: 1, 4: 1}


def test_a_log_without_rows_is_no_use_and_a_broken_one_is_refused() -> None:
    nothing = adoption.active_months(LOG.iloc[:0])
    assert nothing.empty
    assert adoption.consistency(nothing, ["ana"], pd.Period("2026-05"))["ana"] == "none"
    assert adoption.retention(nothing, pd.Period("2026-05")).empty
    with pytest.raises(BadInput, match="no date"):
        adoption.active_months(LOG.assign(at="yesterday"))
    with pytest.raises(BadInput, match="after 2026-05-01"):
        adoption.active_months(LOG, until=date(2026, 5, 1))
    with pytest.raises(BadInput, match="no column user"):
        adoption.active_months(LOG.rename(columns={"user": "who"}))

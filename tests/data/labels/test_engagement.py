"""Next month's utilisation and adoption."""

from __future__ import annotations

from typing import Any

import pandas as pd

from copilot.data.labels import engagement_targets
from tests.data.labels.conftest import MakeBook


def month(first: str, utilization: float | None, adoption: float | None = 0.5, **more: Any) -> dict[str, Any]:
    known = str((pd.Timestamp(first) + pd.offsets.MonthEnd(0)).date())
    return {"event_ts": first, "known_ts": known, "utilization_pct": utilization, "adoption": adoption, **more}


def test_the_target_of_a_month_is_the_next_one(make_book: MakeBook) -> None:
    rows = [month("2024-01-01", 10, 0.1), month("2024-02-01", 20, 0.2), month("2024-03-01", 30, None)]
    found = engagement_targets(make_book("2024-03-31", usage_monthly=rows))
    frame = found.frame
    assert list(frame["as_of"].astype(str)) == ["2024-01-31", "2024-02-29"]
    assert list(frame["month"].astype(str)) == ["2024-02-01", "2024-03-01"]
    assert list(frame["known_at"].astype(str)) == ["2024-02-29", "2024-03-31"]
    assert list(frame["utilization_pct"]) == [20, 30]
    assert frame["adoption"].fillna(-1).tolist() == [0.2, -1]
    assert found.censored == 1  # April


def test_a_month_that_is_still_running_is_censored(make_book: MakeBook) -> None:
    rows = [month("2024-01-01", 10), month("2024-02-01", 20, known_ts="2024-02-03")]
    found = engagement_targets(make_book("2024-02-28", usage_monthly=rows))
    assert (len(found.frame), found.censored) == (0, 2)


def test_a_month_that_is_over_but_that_nobody_reported_yet_is_censored(make_book: MakeBook) -> None:
    found = engagement_targets(make_book("2024-02-29", usage_monthly=[month("2024-01-01", 10)]))
    assert (found.censored, dict(found.left_out)) == (1, {})


def test_a_gap_and_a_month_without_a_rate_are_left_out(make_book: MakeBook) -> None:
    rows = [month("2024-01-01", 10), month("2024-03-01", 30), month("2024-04-01", None, None)]
    rows += [month("2024-02-01", 1, account_id="b")]
    found = engagement_targets(make_book("2024-04-30", usage_monthly=rows))
    assert found.frame.empty
    # February is missing for a, and March for b although others were measured then; April was not measured.
    assert found.left_out == {"months without usage after one with it": 2, "months that were not measured": 1}
    assert found.censored == 1  # May


def test_a_target_reported_late_is_known_late(make_book: MakeBook) -> None:
    rows = [month("2024-01-01", 10), month("2024-02-01", 20, known_ts="2024-05-05")]
    assert engagement_targets(make_book("2024-05-04", usage_monthly=rows)).frame.empty
    found = engagement_targets(make_book("2024-05-05", usage_monthly=rows)).frame
    assert list(found["known_at"].astype(str)) == ["2024-05-05"]


def test_of_several_rows_in_a_month_the_latest_counts(make_book: MakeBook) -> None:
    rows = [month("2024-01-01", 10), month("2024-02-10", 21), month("2024-02-01", 20)]
    found = engagement_targets(make_book("2024-03-31", usage_monthly=rows)).frame
    assert list(found["utilization_pct"]) == [21]


def test_absurd_months_are_left_out_and_a_book_without_usage_has_no_targets(make_book: MakeBook) -> None:
    rows = [month("0024-01-01", 10) | {"known_ts": "2024-01-01"}, month("2024-01-01", 10)]
    found = engagement_targets(make_book("2024-01-31", usage_monthly=rows))
    assert found.left_out == {"usage rows without a plausible month": 1}
    assert engagement_targets(make_book()).frame.empty
    assert engagement_targets(make_book(usage_monthly=[])).frame.empty

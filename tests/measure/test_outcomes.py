"""Bookings of renewals from contracts small enough to read."""

from __future__ import annotations

import pandas as pd
import pytest

from copilot.errors import BadInput
from copilot.measure import outcomes

DAY = pd.Timestamp
TODAY = DAY("2026-06-30")


def contracts(*rows: tuple[str, str, str, str, str | None, float]) -> pd.DataFrame:
    """Rows: contract, account, product, start, renewal date, annual USD."""
    frame = pd.DataFrame(rows, columns=["contract_id", "account_id", "product", "start_date", "rtcd", "annual_usd"])
    return frame.assign(start_date=pd.to_datetime(frame["start_date"]), rtcd=pd.to_datetime(frame["rtcd"]))


BOOK = contracts(
    ("c1", "A", "seats", "2025-02-01", "2026-02-01", 100.0),
    ("c2", "A", "seats", "2026-02-03", "2027-02-01", 120.0),  # the renewal, two days late
    ("c3", "A", "search", "2026-03-01", "2027-03-01", 30.0),  # an add-on
    ("c4", "B", "seats", "2025-03-01", "2026-03-01", 200.0),  # leaves
    ("c5", "C", "seats", "2025-06-20", "2026-06-20", 50.0),  # too young to be settled
)


def test_a_renewal_is_what_the_same_product_starts_with_near_its_date_and_the_rest_is_add_on() -> None:
    found = outcomes.bookings(BOOK, DAY("2026-01-01"), DAY("2026-06-30"), TODAY).set_index("account_id")
    assert list(found.index) == ["A", "B"]
    assert found.loc["A", ["target_usd", "renewal_usd", "add_on_usd"]].tolist() == [100, 120, 30]
    assert found.loc["A", "rig"] == pytest.approx(1.2)
    assert found.loc["A", "net_ratio"] == pytest.approx(1.5)
    assert found.loc["B", "rig"] == 0


def test_spans_of_months_hold_each_renewal_once() -> None:
    found = outcomes.by_period(BOOK, DAY("2026-01-01"), DAY("2026-06-30"), TODAY, 3)
    assert found[["account_id", "period"]].to_dict("records") == [
        {"account_id": "A", "period": DAY("2026-01-01")},
        {"account_id": "B", "period": DAY("2026-01-01")},
    ]


def test_a_book_without_renewal_dates_is_refused() -> None:
    with pytest.raises(BadInput, match="no contracts with renewal dates"):
        outcomes.bookings(BOOK.assign(rtcd=pd.NaT), DAY("2026-01-01"), DAY("2026-06-30"), TODAY)
    with pytest.raises(BadInput, match="No renewal fell due"):
        outcomes.by_period(BOOK, DAY("2020-01-01"), DAY("2020-06-30"), TODAY, 3)

"""Overlapping windows, held against the cases of 001 Fig. 3-4 and against a slow walk through the events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.data.labels import growth
from copilot.data.labels.events import KINDS
from copilot.data.labels.windows import booking_windows, overlapping
from copilot.data.workspace import Book
from copilot.errors import BadInput
from tests.data.labels.conftest import MakeBook

R, A, N, M = "renewal", "add_on", "add_on_non_co_term", "renewal_non_co_term"


def events(*rows: tuple[str, str, float], account: str = "a") -> pd.DataFrame:
    return pd.DataFrame(
        [{"account_id": account, "product": "jobs", "event_ts": d, "kind": k, "delta_qty": q} for d, k, q in rows],
        columns=["account_id", "product", "event_ts", "kind", "delta_qty"],
    )


# 001 Fig. 3: renewal T-1 opens the year in which one licence more is bought at each event.
CASE_1 = events(("2023-01-01", R, 0), ("2024-01-01", R, 1))
CASE_2 = events(("2023-01-01", R, 0), ("2023-05-01", A, 1), ("2024-01-01", R, 1))
CASE_3 = events(
    ("2023-01-01", R, 0), ("2023-05-01", A, 1), ("2023-08-01", N, 1), ("2024-01-01", R, 1), ("2024-08-01", M, 1)
)
# Two cycles. Since renewal 2023: add-on 1; non-co-term add-on 1+1=2; renewal 2024 ends the cycle with 2+1=3; its
# non-co-term renewal in August 2024 still counts from 2023: 3+1=4. Since renewal 2024, from 0: add-on 2; renewal 2025
# gives one back, 2-1=1; the non-co-term term that began in August 2024, within this cycle, renews with 3 more: 1+3=4.
TWO_CYCLES = [
    *[("2023-01-01", R, 0), ("2023-05-01", A, 1), ("2023-08-01", N, 1), ("2024-01-01", R, 1), ("2024-03-01", A, 2)],
    *[("2024-08-01", M, 1), ("2025-01-01", R, -1), ("2025-08-01", M, 3)],
]
TWO_CYCLES_TOTALS = [1, 2, 3, 2, 4, 1, 4]


@pytest.mark.parametrize(("case", "totals"), [(CASE_1, [1]), (CASE_2, [1, 2]), (CASE_3, [1, 2, 3, 4])])
def test_the_papers_cases_have_the_papers_totals(case: pd.DataFrame, totals: list[int]) -> None:
    found = overlapping(case)
    assert list(found["total_qty"]) == totals
    assert list(found["delta_qty"]) == [1] * len(totals)
    assert list(found["outcome"]) == ["upsell"] * len(totals)


def test_case_3_has_the_papers_windows() -> None:
    found = overlapping(CASE_3)
    assert list(found["as_of"].astype(str)) == ["2023-01-01", "2023-05-01", "2023-08-01", "2024-01-01"]
    assert list(found["event_ts"].astype(str)) == ["2023-05-01", "2023-08-01", "2024-01-01", "2024-08-01"]
    assert set(found["anchor"].astype(str)) == {"2023-01-01"}


def test_a_second_cycle_starts_at_zero_while_the_first_still_waits_for_its_non_co_term_renewal() -> None:
    found = overlapping(events(*TWO_CYCLES))
    assert list(found["total_qty"]) == TWO_CYCLES_TOTALS
    assert list(found["anchor"].dt.year) == [2023, 2023, 2023, 2024, 2023, 2024, 2024]


def test_the_order_of_the_rows_does_not_matter() -> None:
    shuffled = events(*TWO_CYCLES).sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(overlapping(shuffled), overlapping(events(*TWO_CYCLES)))


def test_contracts_tell_the_same_story_as_their_events(make_book: MakeBook) -> None:
    def term(start: str, end: str, quantity: int) -> dict[str, Any]:
        usd = 10.0 * quantity
        return {"start_date": start, "end_date": end, "rtcd": end, "quantity": quantity, "annual_usd": usd}

    book = make_book(
        "2025-12-31",
        contracts=[
            term("2023-01-01", "2024-01-01", 10),
            term("2023-05-01", "2024-01-01", 1),
            term("2023-08-01", "2024-08-01", 1),
            term("2024-01-01", "2025-01-01", 12),  # 10 + 1 renewed together, and one more
            term("2024-03-01", "2025-01-01", 2),
            term("2024-08-01", "2025-08-01", 2),
            term("2025-01-01", "2026-01-01", 13),  # 12 + 2 renewed together, one fewer
            term("2025-08-01", "2026-08-01", 5),
        ],
    )
    found = booking_windows(book)
    assert list(found.frame["total_qty"]) == TWO_CYCLES_TOTALS
    assert list(found.frame["kind"]) == [A, N, R, A, M, R, M]
    assert found.censored == 2  # the ends in 2026
    spend = booking_windows(book, by="account").frame
    assert list(spend["total_usd"]) == [10 * total for total in TWO_CYCLES_TOTALS]
    assert list(spend["outcome"]) == ["upsell"] * 7


def test_an_accounts_spend_sums_its_products() -> None:
    both = pd.concat([CASE_2, CASE_2.assign(product="recruiter", delta_qty=-3)])
    both["delta_usd"] = both["delta_qty"] * 10
    found = overlapping(both, by=["account_id"])
    assert list(found["total_usd"]) == [-20, -40]
    assert list(found["outcome"]) == ["churn", "churn"]


def test_events_of_one_day_are_one_sample_and_the_renewal_names_it() -> None:
    twice = events(("2023-01-01", R, 0), ("2023-05-01", A, 1), ("2023-05-01", A, 1), ("2024-01-01", A, 2))
    found = overlapping(pd.concat([twice, events(("2024-01-01", R, 1))]))
    assert list(found["total_qty"]) == [2, 5]
    assert list(found["kind"]) == [A, R]


def test_an_unknown_quantity_makes_the_rest_of_its_cycle_unknown() -> None:
    rows = [("2023-01-01", R, 0), ("2023-05-01", A, np.nan), ("2023-06-01", A, 1), ("2024-01-01", R, 1)]
    found = overlapping(events(*rows, ("2024-05-01", A, 1)))
    assert list(found["total_qty"].isna()) == [True, True, True, False]
    assert list(found["outcome"].isna()) == [True, True, True, False]


def test_a_total_is_known_when_its_latest_recorded_part_was() -> None:
    late = CASE_2.assign(known_ts=["2023-01-01", "2024-03-01", "2024-01-05"])
    assert list(overlapping(late)["known_at"].astype(str)) == ["2024-03-01", "2024-03-01"]


def test_what_comes_before_any_renewal_is_no_sample() -> None:
    assert list(overlapping(events(("2023-05-01", A, 1), ("2024-01-01", R, 1)))["kind"]) == []


def test_no_events_give_no_samples(make_book: MakeBook) -> None:
    assert list(overlapping(events())["total_qty"]) == []
    assert booking_windows(make_book()).frame.empty
    assert booking_windows(make_book(contracts=[])).frame.empty


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        (CASE_2.drop(columns="kind"), "lack kind"),
        (CASE_2.assign(kind="gift"), "3 of 3 booking events have a kind that is none of"),
        (CASE_2.assign(event_ts=[None, "2023-05-01", "2024-01-01"]), "1 of 3 booking events have no day"),
        (CASE_2.assign(event_ts=["0203-01-01", "2023-05-01", "2024-01-01"]), "1 of 3 booking events have no day"),
        (CASE_2.assign(event_ts="soon"), "event_ts holds something that is not a date"),
        (CASE_2.assign(delta_qty="many"), "delta_qty holds something that is not a number"),
        (CASE_2.assign(delta_qty=[0, np.inf, 1]), "1 of 3 booking events have an infinite amount"),
        (CASE_2.assign(account_id=None), "3 of 3 booking events have no account"),
        (CASE_2.assign(opened="2025-01-01"), "3 of 3 booking events end a term before it began"),
    ],
)
def test_events_that_cannot_be_used_are_refused_in_one_sentence(spoilt: pd.DataFrame, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        overlapping(spoilt)


def test_without_mid_cycle_bookings_a_window_holds_what_the_growth_label_holds(demo_book: Book) -> None:
    due = booking_windows(demo_book, by="account").frame
    plain = demo_book.table("contracts")
    lead = (plain["rtcd"] - plain["start_date"]).dt.days
    busy = set(plain.loc[lead < 360, "account_id"])  # bought within a term, or on dates of its own
    several = (
        plain.dropna(subset=["rtcd"]).groupby("account_id")["rtcd"].apply(lambda days: days.dt.month.nunique() > 1)
    )
    busy |= set(several.index[several])
    due = due[~due["account_id"].isin(busy)].assign(as_of=due["event_ts"] - pd.Timedelta(days=60))
    assert due["account_id"].nunique() > 50
    both = due.merge(growth(demo_book).frame, on=["account_id", "as_of"], validate="1:1")
    assert len(both) == len(due)
    assert (both["total_usd"] == both["delta_usd_y"]).all()


def slowly(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Walk through the events as the paper tells it: (account, product, day, anchor, as_of, delta, total)."""
    cycles = {(row["account_id"], row["event_ts"]) for row in rows if row["kind"] in ("opening", "renewal")}

    def cycle_before(account: str, day: pd.Timestamp) -> pd.Timestamp | None:
        return max((start for who, start in cycles if who == account and start < day), default=None)

    samples: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if row["kind"] == "opening":
            continue
        began = row["opened"] if row["kind"] == "renewal_non_co_term" else row["event_ts"]
        anchor = cycle_before(row["account_id"], began)
        if anchor is not None:
            samples.setdefault((row["account_id"], row["product"], row["event_ts"], anchor), []).append(row)
    found = []
    for (account, product, day, anchor), same_day in samples.items():
        own = [row for row in rows if (row["account_id"], row["product"]) == (account, product)]
        earlier = [row["event_ts"] for row in own if row["event_ts"] < day and row["kind"] != "opening"]
        cycle = cycle_before(account, day)
        assert cycle is not None
        total = sum(
            row["delta_qty"]
            for (who, what, when, which), part in samples.items()
            if (who, what, which) == (account, product, anchor) and when <= day
            for row in part
        )
        delta = sum(row["delta_qty"] for row in same_day)
        found.append((account, product, day, anchor, max([*earlier, cycle]), delta, total))
    return sorted(found)


MONTHS = list(pd.date_range("2023-01-01", periods=14, freq="MS"))
EVENT = st.fixed_dictionaries(
    {
        "account_id": st.sampled_from("ab"),
        "product": st.sampled_from("pq"),
        "event_ts": st.sampled_from(MONTHS),
        "kind": st.sampled_from(KINDS),
        "delta_qty": st.integers(-3, 3),
        "back": st.integers(0, 13),
    }
)


@settings(max_examples=40, deadline=None)
@given(st.lists(EVENT, max_size=25))
def test_the_frames_agree_with_a_slow_walk_through_the_events(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        row["opened"] = row["event_ts"] - pd.DateOffset(months=row["back"])
    columns = "account_id product event_ts kind delta_qty opened".split()
    found = overlapping(pd.DataFrame(rows, columns=columns))
    asked = found[["account_id", "product", "event_ts", "anchor", "as_of", "delta_qty", "total_qty"]]
    assert sorted(asked.itertuples(index=False, name=None)) == slowly(rows)
    assert (found["as_of"] < found["event_ts"]).all()

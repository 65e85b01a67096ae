from datetime import date
from pathlib import Path

import pandas as pd

from copilot.data import labels
from copilot.data.book import conform
from copilot.data.workspace import Book, Draft, Workspace
from tests.conftest import NOW


def book_of(
    root: Path,
    contracts: list[dict[str, object]],
    touches: list[dict[str, object]] | None = None,
    as_of: date = date(2026, 6, 30),
) -> Book:
    tables = {
        "accounts": pd.DataFrame({"account_id": ["a"], "name": ["A"], "known_ts": ["2020-01-01"]}),
        "contracts": pd.DataFrame(contracts).assign(
            known_ts=lambda c: c["start_date"], contract_id=lambda c: [f"c{i}" for i in range(len(c))]
        ),
    }
    if touches:
        tables["touches"] = pd.DataFrame(touches).assign(
            known_ts=lambda t: t["event_ts"], touch_id=lambda t: [f"t{i}" for i in range(len(t))], kind="call"
        )
    draft = Draft("test", "USD", as_of, {name: conform(name, frame) for name, frame in tables.items()}, {}, {})
    return Workspace(root).write_book(draft, NOW)


def term(start: str, end: str | None, usd: float, product: str = "p", rtcd: str | None = "same") -> dict[str, object]:
    return {
        "account_id": "a",
        "product": product,
        "start_date": start,
        "end_date": end,
        "rtcd": end if rtcd == "same" else rtcd,
        "quantity": usd / 10,
        "annual_usd": usd,
    }


def test_a_renewal_is_one_sample_with_the_change_between_its_terms(tmp_path: Path) -> None:
    book = book_of(
        tmp_path,
        [
            term("2024-03-01", "2025-03-01", 100),
            term("2025-03-01", "2026-03-01", 140),
            term("2026-03-01", "2027-03-01", 90),
        ],
    )
    found = labels.growth(book).frame
    assert list(found["as_of"].astype(str)) == ["2024-12-31", "2025-12-31"]
    assert list(found["base_usd"]) == [100, 140]
    assert list(found["delta_usd"]) == [40, -50]
    assert list(found["delta_quantity"]) == [4, -5]


def test_churn_opens_no_term_and_loses_all(tmp_path: Path) -> None:
    found = labels.growth(book_of(tmp_path, [term("2024-03-01", "2025-03-01", 100)])).frame
    assert list(found["delta_usd"]) == [-100]


def test_an_outcome_that_is_not_known_yet_makes_no_sample(tmp_path: Path) -> None:
    terms = [term("2024-06-15", "2025-06-15", 100), term("2025-06-15", "2026-06-15", 100)]
    assert len(labels.growth(book_of(tmp_path, terms, as_of=date(2026, 7, 14))).frame) == 1
    assert len(labels.growth(book_of(tmp_path, terms, as_of=date(2026, 7, 15))).frame) == 2


def test_only_a_touch_in_the_60_days_after_the_features_date_treats(tmp_path: Path) -> None:
    def treated(day: str) -> int:
        book = book_of(tmp_path / day, [term("2024-03-01", "2025-03-01", 100)], [{"account_id": "a", "event_ts": day}])
        return int(labels.uplift_pairs(book).frame["treated"].iloc[0])

    assert [treated(day) for day in ("2024-12-31", "2025-01-01", "2025-02-28", "2025-03-01")] == [0, 1, 1, 0]


def test_without_renewal_dates_every_quarter_is_a_sample(tmp_path: Path) -> None:
    book = book_of(
        tmp_path, [term("2025-01-01", None, 100, rtcd=None), term("2025-07-01", "2026-05-01", 60, "q", rtcd=None)]
    )
    found = labels.growth(book).frame
    assert (found["end"] - found["as_of"]).dt.days.eq(90).all()
    assert found["end"].max() == pd.Timestamp("2026-06-30")
    assert found["delta_usd"].iloc[-1] == -60
    assert found["delta_usd"].sum() == 0  # the second product came and went


def test_the_demo_books_labels_equal_its_truth(demo_book: Book) -> None:
    truth = pd.read_parquet(demo_book.path.parents[1] / "truth" / "renewals.parquet")
    past = truth[~truth["upcoming"]]
    expected = past.assign(delta=past["y1_usd"].where(past["treated"].astype(bool), past["y0_usd"]))
    found = labels.uplift_pairs(demo_book).frame.assign(rtcd=lambda s: s["as_of"] + pd.Timedelta(days=60))
    both = found.merge(expected, on=["account_id", "rtcd"], suffixes=("", "_truth"))
    assert len(both) > 0.9 * len(found)
    assert (both["delta_usd"] - both["delta"]).abs().max() < 1
    assert (both["treated"] == both["treated_truth"].astype(int)).all()

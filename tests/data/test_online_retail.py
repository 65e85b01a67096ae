"""A real wholesaler's year of invoices becomes a book by a mapping, and its money is the raw file's to the cent.

The book's money knows no sign. So an invoice is a won opportunity, and a cancellation, which takes a booking back, is
one of the status lost at the stage Cancelled whose amount is the size of what was given back: net = won - cancelled.
A purchase also counts as a contract of one quarter (90 days, as the labels have it) at four times its amount a year:
what is active on a day is then the trailing quarter's spend, and nothing of a later day. Those terms are gross, for no
cancellation names the invoice it takes back.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from copilot.data.importers import read
from copilot.data.workspace import Draft, Workspace
from copilot.errors import BadInput

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "online_retail"
NOW = datetime(2026, 7, 1, tzinfo=UTC)
CENT = Decimal("0.01")
COLUMNS = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
MAPPING = """
source: online-retail
currency: GBP
tables:
  accounts:
    file: transactions.csv
    set_aside: {CustomerID: ""}
    combine: true
    columns:
      account_id: CustomerID
      name: CustomerID
      region: Country
      known_ts: {from: InvoiceDate, take: min}
  opportunities:
    file: transactions.csv
    set_aside: {CustomerID: ""}
    combine: true
    columns:
      opportunity_id: InvoiceNo
      account_id: CustomerID
      stage: {from: InvoiceNo, map: {"C*": Cancelled, "*": Invoiced}}
      status: {from: InvoiceNo, map: {"C*": lost, "*": won}}
      created_date: InvoiceDate
      close_date: InvoiceDate
      amount_usd: {from: Quantity, times: UnitPrice, absolute: true}
      event_ts: InvoiceDate
      known_ts: InvoiceDate
  opportunity_lines:
    file: transactions.csv
    set_aside: {CustomerID: ""}
    combine: true
    columns:
      opportunity_id: InvoiceNo
      product: StockCode
      quantity: {from: Quantity, absolute: true}
      list_price_usd: {from: UnitPrice, take: max}
      amount_usd: {from: Quantity, times: UnitPrice, absolute: true}
      event_ts: InvoiceDate
  contracts:
    file: transactions.csv
    filters: {InvoiceNo: "5*"}
    set_aside: {CustomerID: ""}
    combine: true
    columns:
      contract_id: InvoiceNo
      account_id: CustomerID
      product: {value: goods}
      start_date: InvoiceDate
      end_date: {from: InvoiceDate, plus_days: 90}
      quantity: Quantity
      annual_usd: {from: Quantity, times: UnitPrice, scale: 4}
      event_ts: InvoiceDate
"""


day_of = cache(date.fromisoformat)  # a year has few days and many lines


def cents(amount: float | Decimal) -> Decimal:
    return Decimal(repr(amount) if isinstance(amount, float) else amount).quantize(CENT, ROUND_HALF_UP)


def size(line: dict[str, str]) -> Decimal:
    return int(line["Quantity"]) * Decimal(line["UnitPrice"])


def imported(lines: list[dict[str, str]], folder: Path) -> Draft:
    with (folder / "transactions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    return read("csv", folder, today=NOW.date(), mapping=folder / "mapping.yaml")


@pytest.fixture(scope="module")
def raw() -> list[dict[str, str]]:
    file = SHARED / "transactions.csv.gz"
    if not file.is_file():
        pytest.skip("the real data set online_retail is not beside the project (../shared/data/online_retail)")
    with gzip.open(file, "rt", encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def draft(raw: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Draft:
    return imported(raw, tmp_path_factory.mktemp("retail"))


def test_every_customer_is_an_account_known_from_the_first_purchase(raw, draft: Draft) -> None:
    first: dict[str, str] = {}
    for line in raw:
        first[line["CustomerID"]] = min(first.get(line["CustomerID"], "9"), line["InvoiceDate"][:10])
    accounts = draft.tables["accounts"].set_index("account_id")
    assert accounts["known_ts"].dt.strftime("%Y-%m-%d").to_dict() == first
    assert draft.currency == "GBP"
    assert draft.as_of == date(2011, 12, 9)
    assert draft.set_aside == {}


def test_bookings_less_cancellations_are_the_raw_total_to_the_cent(raw, draft: Draft) -> None:
    deals = draft.tables["opportunities"]
    won, lost = (deals.loc[deals["status"] == status, "amount_usd"].sum() for status in ("won", "lost"))
    assert cents(float(won)) == cents(sum(size(line) for line in raw if line["InvoiceNo"][0] != "C"))
    assert cents(float(lost)) == cents(-sum(size(line) for line in raw if line["InvoiceNo"][0] == "C"))
    assert cents(float(won - lost)) == cents(sum(map(size, raw)))
    assert set(deals.loc[deals["status"] == "lost", "stage"]) == {"Cancelled"}
    assert len(deals) == len({line["InvoiceNo"] for line in raw})


def test_every_invoice_and_every_line_of_it_agree_to_the_cent(raw, draft: Draft) -> None:
    invoices: dict[str, Decimal] = defaultdict(Decimal)
    lines: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in raw:
        invoices[line["InvoiceNo"]] += abs(size(line))
        lines[line["InvoiceNo"], line["StockCode"]] += abs(size(line))
    deals = draft.tables["opportunities"]
    assert dict(zip(deals["opportunity_id"], map(cents, map(float, deals["amount_usd"])), strict=True)) == {
        number: cents(amount) for number, amount in invoices.items()
    }
    sold = draft.tables["opportunity_lines"]
    keys = zip(sold["opportunity_id"], sold["product"], strict=True)
    assert dict(zip(keys, map(cents, map(float, sold["amount_usd"].round(6))), strict=True)) == {
        key: cents(amount) for key, amount in lines.items()
    }


def test_every_customers_net_spend_of_every_quarter_agrees_to_the_cent(raw, draft: Draft) -> None:
    spent: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in raw:
        year, month = line["InvoiceDate"][:4], int(line["InvoiceDate"][5:7])
        spent[line["CustomerID"], f"{year}Q{(month + 2) // 3}"] += size(line)
    deals = draft.tables["opportunities"]
    signed = deals["amount_usd"].where(deals["status"] == "won", -deals["amount_usd"])
    quarter = deals["event_ts"].dt.to_period("Q").astype("str")
    found = signed.groupby([deals["account_id"], quarter]).sum().round(6)
    assert {key: cents(float(amount)) + 0 for key, amount in found.items()} == {
        key: cents(amount) + 0 for key, amount in spent.items()
    }


def test_the_contracts_active_on_a_day_are_the_spend_of_the_quarter_before_it(raw, draft: Draft) -> None:
    terms = draft.tables["contracts"]
    for day in (date(2011, 3, 14), date(2011, 9, 10), date(2011, 12, 9)):
        active = terms[(terms["start_date"] <= str(day)) & (terms["end_date"] > str(day))]
        spent: dict[str, Decimal] = defaultdict(Decimal)
        for line in raw:
            bought = day_of(line["InvoiceDate"][:10])
            if line["InvoiceNo"][0] != "C" and day - timedelta(days=90) < bought <= day:
                spent[line["CustomerID"]] += size(line)
        found = active.groupby("account_id")["annual_usd"].sum() / 4
        assert {one: cents(float(amount)) for one, amount in found.round(6).items()} == {
            one: cents(amount) for one, amount in spent.items()
        }


def test_growth_labels_are_the_change_from_quarter_to_quarter(raw, draft: Draft, tmp_path: Path) -> None:
    from copilot.data.labels import growth

    book = Workspace(tmp_path).write_book(draft, NOW)
    found = growth(book).frame
    assert found["as_of"].nunique() >= 2
    assert len(found) > 1_000
    spent: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    days = sorted({*found["as_of"].dt.date, *found["end"].dt.date})
    for line in raw:
        bought = day_of(line["InvoiceDate"][:10])
        for day in days if line["InvoiceNo"][0] != "C" else []:
            if day - timedelta(days=90) < bought <= day:
                spent[line["CustomerID"], str(day)] += size(line)
    for row in found.sample(200, random_state=7).itertuples():
        before, after = (spent[row.account_id, str(day.date())] for day in (row.as_of, row.end))
        assert row.base_usd == pytest.approx(float(4 * before), abs=0.01)
        assert row.delta_usd == pytest.approx(float(4 * (after - before)), abs=0.01)


def test_lines_without_a_customer_are_set_aside_with_their_sum(raw, tmp_path: Path) -> None:
    chance = random.Random(11)
    some = [dict(line) for line in raw[:20_000]]
    nameless = [line for line in some if chance.random() < 0.2]  # a quarter of UCI's lines are; far above five per cent
    for line in nameless:
        line["CustomerID"] = ""
    draft = imported(some, tmp_path)
    total, lost = sum(map(size, some)), sum(map(size, nameless))
    held = next(note for note in draft.notes if "set aside from opportunities " in note)
    assert held == (
        f"{len(nameless):,} of 20,000 lines of transactions.csv were set aside from opportunities because the mapping "
        f"says so (CustomerID is empty); they hold {cents(lost):,} of amount_usd."
    )
    assert len(draft.set_aside["opportunities"]) == len(nameless)
    assert Counter(draft.set_aside["opportunities"]["InvoiceNo"]) == Counter(line["InvoiceNo"] for line in nameless)
    deals = draft.tables["opportunities"]
    net = deals["amount_usd"].where(deals["status"] == "won", -deals["amount_usd"]).sum()
    assert cents(float(net)) == cents(total - lost)


def test_without_a_word_on_nameless_lines_they_stop_the_import(raw, tmp_path: Path) -> None:
    some = [dict(line, CustomerID="" if at % 10 == 0 else line["CustomerID"]) for at, line in enumerate(raw[:2_000])]
    with pytest.raises(BadInput, match="200 bad rows of 2,000, more than 5%; most often CustomerID is empty"):
        imported_without_aside(some, tmp_path)


def imported_without_aside(lines: list[dict[str, str]], folder: Path) -> Draft:
    imported(lines, folder)
    file = folder / "mapping.yaml"
    file.write_text(MAPPING.replace('    set_aside: {CustomerID: ""}\n', ""), encoding="utf-8")
    return read("csv", folder, today=NOW.date(), mapping=file)


def test_the_book_is_read_back_as_it_was_imported(draft: Draft, tmp_path: Path) -> None:
    book = Workspace(tmp_path).write_book(draft, NOW)
    for name, table in draft.tables.items():
        pd.testing.assert_frame_equal(book.table(name), table)

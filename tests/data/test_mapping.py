"""Any export becomes a book by its mapping; what is wrong with either is one clear sentence, and nothing is written."""

from __future__ import annotations

import copy
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.data.book import conform
from copilot.data.importers import read
from copilot.data.importers.mapping import __doc__ as guide
from copilot.data.importers.mapping import read_mapped
from copilot.data.importers.mapping_file import LARGEST_FILE, load
from copilot.data.workspace import Draft, Workspace
from copilot.errors import BadInput

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, tzinfo=UTC)
MAPPING: dict[str, Any] = {
    "source": "shop",
    "tables": {
        "accounts": {
            "file": "customers.csv",
            "columns": {"account_id": "No", "name": "Company", "revenue_usd": "Sales", "known_ts": "Since"},
        }
    },
}
HEADER = "No,Company,Sales,Since"
ROWS = [f"C{one},Firm {one},{100 + one}.5,2024-01-{one % 28 + 1:02}" for one in range(100)]


def customers(*lines: str) -> bytes:
    return "\n".join([HEADER, *(lines or ROWS), ""]).encode()


class Export:
    """A folder with an export and its mapping, to be spoilt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mapping = copy.deepcopy(MAPPING)
        self.put("customers.csv", customers())

    def put(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)

    @property
    def accounts(self) -> dict[str, Any]:
        table: dict[str, Any] = self.mapping["tables"]["accounts"]
        return table

    def read(self, text: str | bytes | None = None, today: date = TODAY) -> Draft:
        said = yaml.safe_dump(self.mapping, sort_keys=False) if text is None else text
        self.put("mapping.yaml", said if isinstance(said, bytes) else said.encode())
        return read_mapped(self.folder, self.folder / "mapping.yaml", today=today)

    def stop(self, text: str | bytes | None = None) -> str:
        """Return the one sentence that stops the import."""
        with pytest.raises(BadInput) as stop:
            self.read(text)
        sentence = str(stop.value)
        assert "\n" not in sentence
        assert sentence.endswith(".")
        assert len(sentence) < 500
        return sentence


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path)


def column(draft: Draft, name: str, table: str = "accounts") -> list[Any]:
    return [None if pd.isna(value) else value for value in draft.tables[table][name]]


# --- What a mapping can say ----------------------------------------------------------------------------------------


def test_plain_columns_are_read_with_their_types(export: Export) -> None:
    draft = export.read()
    pd.testing.assert_frame_equal(draft.tables["accounts"], conform("accounts", draft.tables["accounts"]))
    assert column(draft, "account_id")[:2] == ["C0", "C1"]
    assert column(draft, "revenue_usd")[:2] == [100.5, 101.5]
    assert draft.tables["accounts"]["known_ts"][2] == pd.Timestamp("2024-01-03")
    assert (draft.source, draft.currency, draft.as_of) == ("shop", "USD", date(2024, 1, 28))
    assert "contracts" in draft.missing
    assert not draft.set_aside


def test_the_documented_example_reads_a_german_export(export: Export) -> None:
    assert guide is not None
    text = "\n".join(line[4:] for line in guide.split("::\n\n", 1)[1].split("\n\nWhat the", 1)[0].splitlines())
    lines = [
        "Kundenliste;;;;;", "vertraulich;;;;;", "Konto;Firma;Klasse;Umsatz;Angelegt;Typ",
        '7;Müller & Söhne;A;"1.234,5";31.12.2023;Kunde',
        "8;Öl AG;C;99,25;01.02.2024;Interessent", "9;Weg;B;1,0;01.02.2024;Lieferant",
    ]  # fmt: skip
    export.put("kunden.csv", "\r\n".join(lines).encode("cp1252"))
    bills = pd.DataFrame(
        {
            "Rechnung": [501, 501, 502, 503], "Konto": [7.0, 7.0, 8.0, None], "Artikel": ["Abo", "Kurs", "Abo", "Abo"],
            "Datum": pd.to_datetime(["2025-03-04", "2025-03-04", "2025-05-06", "2025-07-08"]),
            "Menge": [2, 1, 3, 4], "Preis": [10.25, 5.0, 7.0, 1.75],
        }
    )  # fmt: skip
    bills.to_parquet(export.folder / "rechnungen.parquet")
    draft = export.read(text)
    assert (draft.source, draft.currency, draft.as_of) == ("kundenliste", "EUR", date(2026, 6, 30))
    assert draft.tables["accounts"].drop(columns=["known_ts"]).dropna(axis=1, how="all").to_dict("records") == [
        {
            "account_id": "7",
            "name": "Müller & Söhne",
            "segment": "enterprise",
            "region": "DACH",
            "revenue_usd": 1234500.0,
        },
        {"account_id": "8", "name": "Öl AG", "segment": "other", "region": "DACH", "revenue_usd": 99250.0},
    ]
    assert list(draft.tables["accounts"]["known_ts"].dt.date) == [date(2023, 12, 31), date(2024, 2, 1)]
    terms = draft.tables["contracts"]
    assert column(draft, "contract_id", "contracts") == ["501", "502"]
    assert column(draft, "annual_usd", "contracts") == [25.5, 21.0]
    assert column(draft, "product", "contracts") == ["Abo", "Abo"]
    assert terms["end_date"][0] == pd.Timestamp("2026-03-04")
    assert terms["known_ts"][0] == pd.Timestamp("2026-06-30")
    assert any(
        "1 of 4 lines of rechnungen.parquet were set aside" in n and "7.00 of annual_usd" in n for n in draft.notes
    )


@pytest.mark.parametrize(
    ("decimal", "cell", "value"),
    [
        (",", "1.234.567,5", 1234567.5), (",", "0,75", 0.75), (",", "12", 12.0), (".", "1,234.5", 1234.5),
        (".", "12.5", 12.5), (None, "12.5", 12.5), (None, "1e3", 1000.0),
        (None, "1,100", None), (None, "1.1.1", None), (",", "1.5", None), (",", "12.34,5", None), (".", "1,5", None),
        (".", "١٢", None), (None, "nan", None), (None, "inf", None), (None, "1e400", None), (None, "=1+1", None),
        (None, "0x10", None),
    ],
)  # fmt: skip
def test_numbers_are_read_by_their_decimal_mark_or_not_at_all(decimal, cell, value, export: Export) -> None:
    export.accounts["columns"]["revenue_usd"] = {"from": "Sales", **({"decimal": decimal} if decimal else {})}
    export.put("customers.csv", customers(f'C-1,Firm,"{cell}",2024-01-01', *ROWS).replace(b".5,", b","))
    if value is None:
        aside = export.read().set_aside["accounts"]
        assert aside[["line", "fault"]].to_numpy().tolist() == [[2, "Sales is not a plain number"]]
    else:
        assert column(export.read(), "revenue_usd")[0] == value


def test_no_column_of_a_mapping_is_guessed(export: Export) -> None:
    """YAML 1.1 reads "no" as false, 007 as seven and 1_000 as a thousand; here they are the words they look like."""
    text = yaml.safe_dump(export.mapping).replace("name: Company", "name: Company\n      segment: {value: no}")
    text = text.replace("account_id: 'No'", 'account_id: {from: No, map: {C0: 007, "*": "*"}}')
    draft = export.read(text)
    assert column(draft, "segment")[0] == "no"
    assert column(draft, "account_id")[:2] == ["007", "C1"]


def test_words_that_the_map_lacks_are_faults_and_a_star_takes_the_rest(export: Export) -> None:
    export.accounts["columns"]["segment"] = {"from": "Company", "map": {"Firm 1*": "ones", "Firm*": "others"}}
    export.put("customers.csv", customers(*ROWS[:40], "C77,Else,1,2024-01-01"))
    draft = export.read()
    words = dict(zip(column(draft, "account_id"), column(draft, "segment"), strict=True))
    assert (words["C1"], words["C19"], words["C2"]) == ("ones", "ones", "others")
    assert draft.set_aside["accounts"]["fault"].tolist() == ["Company is not in the mapping's list"]


def test_dates_follow_their_format_and_others_are_faults(export: Export) -> None:
    export.accounts["columns"]["known_ts"] = {"from": "Since", "format": "%d %b %y", "plus_days": 1}
    lines = [f"C{one},F{one},1,{one % 28 + 1:02} Mar 24" for one in range(100)]
    lines[5] = "C5,F5,1,2024-03-01"
    lines[6] = "C6,F6,1,30 Feb 24"
    export.put("customers.csv", customers(*lines))
    draft = export.read()
    assert draft.tables["accounts"]["known_ts"][0] == pd.Timestamp("2024-03-02")
    assert set(draft.set_aside["accounts"]["fault"]) == {"Since is not a date (write %d %b %y)"}
    assert len(draft.set_aside["accounts"]) == 2


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("9999-12-31", "Since is after 2026-11-23, the export's last day"),
        ("2026-11-24", "Since is after 2026-11-23, the export's last day"),
        ("1969-12-31", "Since is before 1970"),
        ("0000-00-00", "Since is not a date (write YYYY-MM-DD)"),
        ("NaN", "Since is not a date (write YYYY-MM-DD)"),
    ],
)
def test_absurd_dates_are_set_aside(cell: str, fault: str, export: Export) -> None:
    export.put("customers.csv", customers(*ROWS[:60], f"C99,Firm,1,{cell}"))
    assert export.read().set_aside["accounts"]["fault"].tolist() == [fault]


def test_rows_after_the_as_of_of_the_mapping_are_faults(export: Export) -> None:
    export.mapping["as_of"] = "2024-01-27"
    draft = export.read()
    assert draft.as_of == date(2024, 1, 27)
    assert set(draft.set_aside["accounts"]["fault"]) == {"Since is after 2024-01-27, the export's last day"}
    export.mapping["as_of"] = "2026-11-24"
    assert "says as_of 2026-11-24, which lies after today, 2026-11-23; correct it" in export.stop()


def test_combined_rows_add_numbers_up_and_are_known_when_their_last_line_is(export: Export) -> None:
    export.accounts["combine"] = True
    lines = [f"C{one % 50},Firm {one},{one},2024-0{one // 50 + 1}-01" for one in range(100)]
    export.put("customers.csv", customers(*lines))
    draft = export.read()
    assert len(draft.tables["accounts"]) == 50
    assert column(draft, "revenue_usd")[3] == 3 + 53
    assert column(draft, "name")[3] == "Firm 3"
    assert draft.tables["accounts"]["known_ts"][3] == pd.Timestamp("2024-02-01")
    export.accounts["columns"] |= {
        "revenue_usd": {"from": "Sales", "take": "max"},
        "known_ts": {"from": "Since", "take": "min"},
        "name": {"from": "Company", "take": "last"},
    }
    other = export.read()
    assert column(other, "revenue_usd")[3] == 53
    assert column(other, "name")[3] == "Firm 53"
    assert other.tables["accounts"]["known_ts"][3] == pd.Timestamp("2024-01-01")


def test_the_bounds_of_the_book_hold_for_the_sum_and_not_for_its_parts(export: Export) -> None:
    export.accounts["combine"] = True
    few = ["C1,Firm,50,2024-01-01", "C1,Firm,-20,2024-01-01", "C2,Firm,-1,2024-01-01", "C2,Firm,0.5,2024-01-01"]
    export.put("customers.csv", customers(*few, *(row.replace("C", "D", 1) for row in ROWS)))
    draft = export.read()
    assert dict(zip(column(draft, "account_id"), column(draft, "revenue_usd"), strict=True))["C1"] == 30
    assert "C2" not in column(draft, "account_id")
    assert draft.set_aside["accounts"]["fault"].tolist() == ["Sales is below 0 in sum"] * 2
    export.accounts["columns"]["revenue_usd"] = {"from": "Sales", "absolute": True}
    assert (
        dict(zip(column(export.read(), "account_id"), column(export.read(), "revenue_usd"), strict=True))["C2"] == 0.5
    )


def test_filters_choose_lines_and_one_that_fits_none_stops(export: Export) -> None:
    export.accounts["filters"] = {"No": ["C1*", "C2"], "Company": "Firm*"}
    assert column(export.read(), "account_id") == ["C1", "C2", *(f"C1{one}" for one in range(10))]
    export.accounts["filters"] = {"No": "Z*"}
    assert export.stop() == "No line of customers.csv fits the filters of accounts; correct them in the mapping."


def test_tabs_and_the_only_file_need_no_word_in_the_mapping(export: Export) -> None:
    (export.folder / "x").mkdir()
    file = export.folder / "x" / "data.tsv"
    file.write_bytes(b"\xef\xbb\xbf" + customers().replace(b",", b"\t"))
    del export.accounts["file"]
    (export.folder / "mapping.yaml").write_text(yaml.safe_dump(export.mapping))
    draft = read("csv", file, today=TODAY, mapping=export.folder / "mapping.yaml")
    assert len(draft.tables["accounts"]) == 100


def test_rows_that_point_nowhere_are_set_aside(export: Export) -> None:
    export.put("customers.csv", customers("C100,Firm,much,2024-01-01", *ROWS))
    deals = [f"D{one},C{one},open,New" for one in range(60)] + [
        "D60,nobody,open,New",
        "D61,C100,open,New",
        "D62,,open,New",
    ]
    export.put("deals.csv", "\n".join(["Id,Customer,State,Step", *deals]).encode())
    export.mapping["tables"]["opportunities"] = {
        "file": "deals.csv",
        "columns": {"opportunity_id": "Id", "account_id": "Customer", "status": "State", "stage": "Step"},
    }
    draft = export.read()
    assert draft.set_aside["opportunities"][["Id", "fault"]].to_numpy().tolist() == [
        ["D60", "account_id is not in customers.csv"],
        ["D61", "account_id was set aside in customers.csv"],
    ]
    assert column(draft, "account_id", "opportunities")[-1] is None
    assert draft.tables["opportunities"]["known_ts"].eq(pd.Timestamp(draft.as_of)).all()


def test_a_parent_that_was_set_aside_leaves_its_child_alone(export: Export) -> None:
    export.accounts["columns"]["parent_account_id"] = {
        "from": "Company",
        "map": {"Firm 5": "C6", "Firm 6": "C6", "*": ""},
    }
    export.put("customers.csv", customers().replace(b"C6,Firm 6,106.5", b"C6,Firm 6,much"))
    draft = export.read()
    assert "C5" in column(draft, "account_id")
    assert not any(column(draft, "parent_account_id"))


# --- What can be wrong with the mapping ----------------------------------------------------------------------------


def changed(path: str, value: Any) -> dict[str, Any]:
    mapping = copy.deepcopy(MAPPING)
    *above, last = path.split("/")
    place = mapping
    for key in above:
        place = place[key]
    place[last] = value
    return mapping


A = "tables/accounts"
WRONG = [
    (changed("curency", "EUR"), "has the key 'curency', which is unknown (did you mean currency?)"),
    (changed(f"{A}/delimeter", ";"), "key 'delimeter' at tables.accounts, which is unknown (did you mean delimiter?)"),
    (changed(f"{A}/columns/name", {"from": "Company", "formt": "x"}), "(did you mean format?)"),
    (changed("tables/acounts", {"columns": {"name": "x"}}), "'acounts', which the book lacks (did you mean accounts?)"),
    (changed(f"{A}/columns/anual_usd", "Sales"), "names the column 'anual_usd' of accounts, which the book lacks"),
    (changed(f"{A}/columns/regoin", "Sales"), "(did you mean region?)"),
    (changed(f"{A}/columns", {"account_id": "No"}), "leaves out the column name of accounts, which the book needs"),
    (changed("tables", {"macro_monthly": {"columns": {"region": "a", "index": "b", "event_ts": "c"}}}), "accounts"),
    (changed(f"{A}/columns/name", {"from": "x", "value": "y"}), "either from or value at tables.accounts.columns.name"),
    (changed(f"{A}/columns/name", {}), "needs either from or value"),
    (changed(f"{A}/columns/name", ""), "cannot be used at tables.accounts.columns.name"),
    (changed(f"{A}/columns/name", ["a"]), "cannot be used at tables.accounts.columns.name"),
    (changed(f"{A}/columns/known_ts", {"from": "Since", "format": "%Q"}), "has the format '%Q', which is none"),
    (changed(f"{A}/columns/name", {"from": "Company", "plus_days": 3}), "adds days to accounts.name, which is no date"),
    (changed(f"{A}/columns/name", {"from": "Company", "take": "sum"}), "adds up accounts.name, which is no number"),
    (changed(f"{A}/columns/revenue_usd", {"from": "Sales", "scale": "many"}), "accounts.columns.revenue_usd.scale"),
    (changed(f"{A}/columns/revenue_usd", {"from": "Sales", "scale": "nan"}), "accounts.columns.revenue_usd.scale"),
    (changed(f"{A}/columns/revenue_usd", {"from": "Sales", "decimal": ";"}), "columns.revenue_usd.decimal"),
    (changed(f"{A}/encoding", "klingon"), "has the encoding 'klingon', which does not exist"),
    (changed(f"{A}/encoding", "zip"), "has the encoding 'zip', which does not exist"),
    (changed(f"{A}/skip", "-1"), "cannot be used at tables.accounts.skip"),
    (changed(f"{A}/delimiter", ";;"), "cannot be used at tables.accounts.delimiter"),
    (changed("currency", "dollars"), "has a currency that is no code of three capitals"),
    (changed("as_of", "yesterday"), "cannot be used at as_of"),
    (changed("tables", "all"), "cannot be used at tables"),
]  # fmt: skip


@pytest.mark.parametrize(("mapping", "said"), WRONG, ids=[said[-30:] for _, said in WRONG])
def test_a_mapping_that_breaks_the_schema_stops_with_its_place(mapping, said, export: Export) -> None:
    export.mapping = mapping
    sentence = export.stop()
    assert said in sentence
    assert sentence.startswith("The mapping mapping.yaml ")
    assert sentence.endswith("; correct it and import again.")


UNREADABLE = {
    "a column named twice": (
        yaml.safe_dump(MAPPING).replace("name: Company", "name: Company\n      name: Firm"),
        "names name twice in line",
    ),
    "a table named twice": ("tables:\n  accounts: {}\n  accounts: {}\n", "names accounts twice in line 3"),
    "no YAML": ("tables: [", "is no YAML ("),
    "a list": ("- a\n- b\n", "holds no tables"),
    "nothing": ("", "holds no tables"),
    "an alias": ("a: &x [1]\nb: *x\n", "uses an alias in line 2"),
    "a tag": ("tables: !!python/object/apply:os.system [ls]\n", "cannot be used at tables"),
    "a NUL": (b"tables:\0 x", "is not a text file"),
    "latin-1": (b"tables: \xe9\n", "is not encoded as UTF-8"),
    "depth": ("[" * 2_000, "is nested too deeply"),
    "a book of words": (b"# " + b"x" * LARGEST_FILE, "is longer than a mebibyte"),
    "a key that is a list": ("? [a, b]\n: c\n", "names a key that is no word in line 1"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_mapping_that_is_none_stops_with_one_sentence(what: str, export: Export) -> None:
    text, said = UNREADABLE[what]
    assert said in export.stop(text)


def test_a_mapping_that_is_not_there_stops(export: Export) -> None:
    for path in ("none.yaml", "."):
        with pytest.raises(BadInput, match=r"cannot be read \(.*\); name it with --mapping FILE"):
            load(export.folder / path)


def test_csv_needs_a_mapping_and_nothing_else_takes_one(export: Export) -> None:
    with pytest.raises(BadInput, match="name the file with --mapping FILE"):
        read("csv", export.folder, today=TODAY)
    with pytest.raises(BadInput, match="leave out --mapping"):
        read("maven", export.folder, today=TODAY, mapping=export.folder / "mapping.yaml")
    with pytest.raises(BadInput, match="and csv with a mapping"):
        read("hubspot", export.folder, today=TODAY)


# --- What can be wrong with the files ------------------------------------------------------------------------------


def spoilt(line: int, text: bytes) -> bytes:
    lines = customers().split(b"\n")
    return b"\n".join([*lines[: line - 1], text, *lines[line - 1 :]])


FILES = {
    "no bytes": (b"", "customers.csv is empty; export it again"),
    "a header alone": (HEADER.encode(), "customers.csv has a header but no rows"),
    "a short row": (spoilt(5, b"x"), "line 5 has 1 cells where the header has 4"),
    "a long row": (spoilt(5, b"a,b,1,2024-01-01,e"), "line 5 has 5 cells where the header has 4"),
    "a NUL byte": (spoilt(4, b"a\0b,c,1,"), "NUL byte in line 4"),
    "a giant cell": (spoilt(6, b"C,Firm," + b"x" * 1_000_000 + b",2024-01-01"), "is not a clean file at line 6"),
    "an open quote": (spoilt(6, b'"open'), "is not a clean file at line"),
    "latin-1": (spoilt(3, "Ca,Café,1,2024-01-01".encode("latin-1")), "is not encoded as UTF-8 (line 3)"),
    "UTF-16": (customers().decode().encode("utf-16"), "is encoded as UTF-16"),
    "a workbook": (b"PK\x03\x04" + customers(), "Excel or zip file"),
    "semicolons": (customers().replace(b",", b";"), "lacks the columns No, Company, Sales and Since; separated by ','"),
    "a missing column": (customers().replace(b"Sales", b"Turnover"), "lacks the column Sales; separated by ','"),
    "a repeated column": (b"\n".join(line + b"," + line.split(b",")[2] for line in customers().strip().split(b"\n")),
                          "has the column Sales more than once; keep one"),
}  # fmt: skip


@pytest.mark.parametrize("what", FILES)
def test_a_broken_file_stops_and_the_workspace_stays_as_it_was(what: str, export: Export, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.write_book(export.read(), NOW)
    before = {file: file.read_bytes() for file in workspace.root.rglob("*") if file.is_file()}
    data, said = FILES[what]
    export.put("customers.csv", data)
    assert said in export.stop()
    assert {file: file.read_bytes() for file in workspace.root.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize(
    ("encoding", "data", "said"),
    [
        ("ascii", "Ca,Café,1,2024-01-01".encode(), "customers.csv is not encoded as ascii; correct the encoding"),
        ("cp1252", b"", "customers.csv is empty"),
        ("cp1252", b"a\0b,c,1,", "is no cp1252 text (NUL byte in line 1)"),
        ("utf-16", b"\xff\xfea", "customers.csv is not encoded as utf-16; correct the encoding"),
    ],
)
def test_a_file_in_another_encoding_than_the_mapping_says_stops(encoding, data, said, export: Export) -> None:
    export.accounts["encoding"] = encoding
    export.put("customers.csv", data)
    assert said in export.stop()


def test_utf_16_is_read_where_the_mapping_says_so(export: Export) -> None:
    export.accounts["encoding"] = "utf-16"
    export.put("customers.csv", customers().decode().encode("utf-16"))
    assert len(export.read().tables["accounts"]) == 100


def test_skipped_lines_count_in_what_is_said_of_lines(export: Export) -> None:
    export.accounts["skip"] = 2
    export.put("customers.csv", b"Report\nof today\n" + customers("C999,Firm,much,2024-01-01", *ROWS))
    assert export.read().set_aside["accounts"]["line"].tolist() == [4]
    export.accounts["skip"] = 900
    assert "is empty below the 900 skipped lines; correct skip" in export.stop()


def test_files_are_found_in_the_export_only(export: Export, tmp_path: Path) -> None:
    export.accounts["file"] = "none.csv"
    assert "lacks none.csv, which the mapping names for accounts" in export.stop()
    for outside in ("../secret.csv", "/etc/passwd"):
        export.accounts["file"] = outside
        assert "lies outside" in export.stop()
    for odd in ("x" * 300, "a\0b"):
        export.accounts["file"] = odd
        assert export.stop()
    with pytest.raises(BadInput, match="There is no folder"):
        read_mapped(tmp_path / "none", export.folder / "mapping.yaml", today=TODAY)


def test_a_file_that_is_no_parquet_stops(export: Export) -> None:
    export.accounts["file"] = "customers.parquet"
    export.put("customers.parquet", customers())
    assert export.stop().startswith("customers.parquet is no Parquet file")


def test_more_than_five_bad_lines_in_a_hundred_stop_the_import(export: Export) -> None:
    def bad(count: int) -> list[str]:
        return [row.replace(".5", "?") if at < count else row for at, row in enumerate(ROWS)]

    export.put("customers.csv", customers(*bad(5)))
    assert len(export.read().set_aside["accounts"]) == 5
    export.put("customers.csv", customers(*bad(6)))
    assert export.stop() == (
        "customers.csv has 6 bad rows of 100, more than 5%; most often Sales is not a plain number "
        "(6 rows, first in line 2: '100?'); correct the file and import again."
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (",Firm,1,2024-01-01", "No is empty"),
        ("C200,,1,2024-01-01", "Company is empty"),
        ("C200,\u200b\u202e,1,2024-01-01", "Company is empty"),
        ("C3,Firm,1,2024-01-01", "No stands there twice"),
        ("C200,Firm,-1,2024-01-01", "Sales is below 0"),
        ("C200,Firm,1e300,2024-01-01", "Sales is not a plain number"),
        ("x" * 201 + ",Firm,1,2024-01-01", "No is longer than 200 characters"),
    ],
)
def test_a_bad_line_is_set_aside_as_read_with_its_fault(line: str, fault: str, export: Export) -> None:
    export.put("customers.csv", customers(*ROWS, line))
    draft = export.read()
    aside = draft.set_aside["accounts"]
    assert aside[["line", "fault"]].to_numpy().tolist() == [[102, fault]]
    assert list(aside.columns) == ["No", "Company", "Sales", "Since", "line", "fault"]
    assert len(draft.tables["accounts"]) == 100
    assert "1 of customers.csv" in draft.notes[0]


def test_hostile_text_stays_text_and_no_spreadsheet_runs_it(export: Export, tmp_path: Path) -> None:
    hostile = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "'; DROP TABLE accounts; --", "{{t1.rows[0]}}"]
    lines = [f'H{at},"{text}",1,2024-01-01' for at, text in enumerate(hostile)]
    export.put("customers.csv", customers(*lines, '"=1+1",Firm,much,2024-01-01', *ROWS))
    draft = export.read()
    assert column(draft, "name")[:4] == hostile
    book = Workspace(tmp_path / "w").write_book(draft, NOW)
    assert "'=1+1" in (book.path / "set_aside_accounts.csv").read_text()


# --- Chance --------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["set", "drop", "cut"]), st.binary(max_size=4)), max_size=4),
    st.booleans(),
)
def test_no_corruption_of_the_mapping_or_the_file_raises_anything_but_bad_input(spots, of_mapping: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        export = Export(Path(folder))
        data = yaml.safe_dump(export.mapping).encode() if of_mapping else customers()
        for share, what, noise in spots:
            at = int(share * len(data))
            end = {"set": at + len(noise), "drop": at + 7, "cut": len(data)}[what]
            data = data[:at] + (noise if what == "set" else b"") + data[end:]
        if not of_mapping:
            export.put("customers.csv", data)
        try:
            draft = export.read(data if of_mapping else None)
        except BadInput:
            return
        for name, table in draft.tables.items():
            pd.testing.assert_frame_equal(conform(name, table), table)

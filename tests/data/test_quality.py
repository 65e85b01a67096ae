"""The data-quality report finds what was planted, all of it and nothing else, and its page is safe to open."""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.data.book import TABLES, conform
from copilot.data.quality import FINDINGS, KINDS, QualityReport, examine, summary, to_html, told, worst, write
from copilot.data.quality_rules import REFERENCES, far_out
from copilot.data.workspace import Book, Draft, Workspace

NOW = datetime(2026, 7, 1, tzinfo=UTC)
AS_OF = date(2026, 6, 30)
ACCOUNTS = 120
World = dict[str, pd.DataFrame]


def sound() -> World:
    """120 accounts without a fault: each with a contract, a deal, this month's usage and a contact."""
    rng, n = np.random.default_rng(3), ACCOUNTS
    ids = [f"a{one}" for one in range(n)]
    stamps = {"event_ts": "2026-01-05", "known_ts": "2026-01-06"}
    return {
        "accounts": pd.DataFrame(
            {
                "account_id": ids, "name": [f"Firm {one}" for one in range(n)], "segment": "mid", "region": "EMEA",
                "industry": "retail", "employees": rng.lognormal(5, 0.5, n), "revenue_usd": rng.lognormal(14, 0.8, n),
                "owner_rep_id": "r0", **stamps,
            }
        ),
        "reps": pd.DataFrame(
            {
                "rep_id": ["r0", "m0"], "name": ["Ana", "Mia"], "role": ["rep", "manager"], "manager_id": ["m0", None],
                "region": "EMEA", "max_accounts": 50.0, "quota_usd": 1e6, **stamps,
            }
        ),
        "contracts": pd.DataFrame(
            {
                "contract_id": [f"c{one}" for one in range(n)], "account_id": ids, "product": "core",
                "start_date": "2026-01-05", "end_date": "2027-01-05", "rtcd": "2027-01-05", "quantity": 5.0,
                "annual_usd": rng.lognormal(10, 0.5, n), **stamps,
            }
        ),
        "opportunities": pd.DataFrame(
            {
                "opportunity_id": [f"o{one}" for one in range(n)], "account_id": ids, "rep_id": "r0", "kind": "add_on",
                "stage": "Talk", "status": ["open", "won"] * (n // 2), "created_date": "2026-05-01",
                "close_date": "2026-06-20", "amount_usd": rng.lognormal(9, 0.5, n), "target_usd": 1e4, **stamps,
            }
        ),
        "usage_monthly": pd.DataFrame(
            {
                "account_id": ids, "product": "core", "utilization_pct": rng.uniform(40, 60, n),
                "adoption": rng.uniform(0.4, 0.6, n), "events": rng.poisson(100, n) + 0.0, "minutes": 60.0,
                "errors": rng.poisson(3, n) + 0.0, "event_ts": "2026-06-01", "known_ts": "2026-06-30",
            }
        ),
    }  # fmt: skip


def examined(world: World, root: Path) -> QualityReport:
    return examine(book_of(world, root))


def book_of(world: World, root: Path) -> Book:
    tables = {name: conform(name, frame) for name, frame in world.items()}
    return Workspace(root).write_book(Draft("test", "USD", AS_OF, tables, {}, {}), NOW)


def found(report: QualityReport) -> set[tuple[str, str, str, int]]:
    return {(one.table, one.column, one.kind, one.rows) for one in report.findings.itertuples()}


def test_a_sound_book_has_no_findings(tmp_path: Path) -> None:
    report = examined(sound(), tmp_path)
    assert report.findings.empty
    assert list(report.findings.columns) == list(FINDINGS)
    assert report.rows["accounts"] == ACCOUNTS
    assert "Nothing was found." in to_html(report)


def put(table: str, column: str, values: dict[int, Any]) -> Callable[[World], None]:
    def spoil(world: World) -> None:
        frame = world[table]
        frame[column] = frame[column].astype("object") if column in frame else None
        for row, value in values.items():
            frame.loc[row, column] = value

    return spoil


def copies(table: str, rows: list[int], **other: str) -> Callable[[World], None]:
    """Write rows a second time, under another key."""

    def spoil(world: World) -> None:
        frame = world[table]
        again = frame.loc[rows].assign(**{name: [f"{text}{row}" for row in rows] for name, text in other.items()})
        world[table] = pd.concat([frame, again], ignore_index=True)

    return spoil


def silenced(row: int) -> Callable[[World], None]:
    """End all that ties an account to the last year, to the day."""

    def spoil(world: World) -> None:
        last = pd.Timestamp(AS_OF) - timedelta(days=365)
        for name in ("contracts", "opportunities", "usage_monthly"):
            frame = world[name]
            frame["event_ts"] = frame["event_ts"].astype("object")
            frame["known_ts"] = frame["known_ts"].astype("object")
            frame.loc[row, ["event_ts", "known_ts"]] = [str(last.date())] * 2
        put("contracts", "start_date", {row: "2020-01-01"})(world)
        put("contracts", "end_date", {row: str(last.date())})(world)

    return spoil


FAULTS = [
    (put("accounts", "industry", dict.fromkeys(range(6))), ("accounts", "industry", "missing", 6), "a0, a1, a2"),
    (put("contracts", "quantity", dict.fromkeys(range(9, 30))),
     ("contracts", "quantity", "missing", 21), "c9, c10, c11"),
    (put("accounts", "name", {7: "fiRM  3"}), ("accounts", "name", "duplicate", 1), "a7"),
    (copies("contracts", [4, 9], contract_id="x"), None, "x4, x9"),
    (put("contracts", "account_id", {5: "nobody"}), ("contracts", "account_id", "orphaned", 1), "c5"),
    (put("accounts", "owner_rep_id", {5: "r9", 6: "r8"}), ("accounts", "owner_rep_id", "orphaned", 2), "a5, a6"),
    (put("accounts", "parent_account_id", {5: "a6", 6: "zz"}), ("accounts", "parent_account_id", "orphaned", 1), "a6"),
    (put("reps", "manager_id", {0: "gone"}), ("reps", "manager_id", "orphaned", 1), "r0"),
    (put("opportunities", "close_date", {0: "2026-05-30", 1: "2026-05-30", 2: "2026-05-31"}),
     ("opportunities", "close_date", "stale", 1), "o0"),
    (silenced(8), ("accounts", "account_id", "stale", 1), "a8"),
    (put("usage_monthly", "event_ts", dict.fromkeys(range(ACCOUNTS), "2026-03-01")),
     ("usage_monthly", "event_ts", "stale", ACCOUNTS), "a0, a1, a2"),
    (put("accounts", "revenue_usd", {3: 5e12}), ("accounts", "revenue_usd", "outlying", 1), "a3"),
    (put("usage_monthly", "adoption", {3: 0.0}), ("usage_monthly", "adoption", "outlying", 1), "a3"),
    (put("contracts", "end_date", {3: "2025-12-31"}), ("contracts", "start_date + end_date", "outlying", 1), "c3"),
    (put("accounts", "known_ts", {3: "2026-07-01"}), ("accounts", "known_ts", "outlying", 1), "a3"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "finding", "examples"), FAULTS, ids=[f"{at}-{one[2]}" for at, one in enumerate(FAULTS)]
)
def test_a_planted_fault_is_found_and_nothing_else(spoil, finding, examples, tmp_path: Path) -> None:
    world = sound()
    spoil(world)
    report = examined(world, tmp_path)
    assert len(report.findings) == 1, report.findings[["table", "column", "kind", "rows"]]
    one = report.findings.iloc[0]
    if finding is None:
        assert (one["table"], one["kind"], one["rows"]) == ("contracts", "duplicate", 2)
        assert "annual_usd" in one["column"]
    else:
        assert found(report) == {finding}
    assert ", ".join(one["examples"]) == examples
    assert one["share"] == pytest.approx(one["rows"] / len(world[one["table"]]))
    assert one["kind"] in KINDS
    assert one["sentence"].startswith(f"{one['rows']:,} of {len(world[one['table']]):,} rows of {one['table']} ")
    assert one["sentence"].endswith(".")


@pytest.mark.parametrize(
    "spoil",
    [
        put("accounts", "industry", dict.fromkeys(range(5))),  # 4.2 %
        put("contracts", "end_date", dict.fromkeys(range(60))),  # runs on
        put("opportunities", "close_date", {1: "2026-05-02"}),  # won
        put("opportunities", "account_id", {5: None}),  # a rep's own deal
        put("usage_monthly", "event_ts", dict.fromkeys(range(ACCOUNTS), "2026-04-01")),
        put("opportunities", "created_date", {4: "2026-06-20"}),
    ],
)
def test_what_is_just_within_the_thresholds_is_no_fault(spoil, tmp_path: Path) -> None:
    world = sound()
    spoil(world)
    assert found(examined(world, tmp_path)) == set()


@pytest.mark.parametrize("seed", range(3))
def test_counts_agree_with_a_plain_count_over_the_rows(seed: int, tmp_path: Path) -> None:
    rng, world = np.random.default_rng(seed), sound()
    accounts, contracts = world["accounts"], world["contracts"]
    for column in ("segment", "region", "revenue_usd"):
        accounts[column] = accounts[column].astype("object").where(rng.random(ACCOUNTS) > 0.2, None)
    accounts["name"] = rng.choice([" Firm A", "firm a", "FIRM  B", *(f"Firm {one}" for one in range(40))], ACCOUNTS)
    contracts["account_id"] = rng.choice([*accounts["account_id"], "lost", "gone"], ACCOUNTS)
    contracts["annual_usd"] *= np.where(rng.random(ACCOUNTS) < 0.05, 1e4, 1.0)
    got = {(table, column, kind): rows for table, column, kind, rows in found(examined(world, tmp_path))}
    for column in ("segment", "region", "revenue_usd"):
        assert got["accounts", column, "missing"] == sum(one is None or one != one for one in accounts[column])
    names = [" ".join(name.lower().split()) for name in accounts["name"]]
    assert got["accounts", "name", "duplicate"] == len(names) - len(set(names))
    there = set(accounts["account_id"])
    lost = sum(one not in there for one in contracts["account_id"])
    assert got.get(("contracts", "account_id", "orphaned"), 0) == lost
    logs = [math.log(1 + amount) for amount in contracts["annual_usd"]]
    middle = statistics.median(logs)
    spread = 1.4826 * statistics.median(abs(one - middle) for one in logs)
    odd = sum(abs(one - middle) > 6 * spread for one in logs)
    assert got.get(("contracts", "annual_usd", "outlying"), 0) == odd > 0


def test_numbers_without_a_usual_spread_are_never_far_out() -> None:
    assert not far_out(pd.Series([1.0] * 29 + [1e9])).any()  # half are equal
    assert not far_out(pd.Series([*range(28), 1e9])).any()  # too few
    assert not far_out(pd.Series([None] * 50, dtype="float64")).any()
    signed = pd.Series([*range(-20, 20), -4000.0, None])
    assert list(signed.index[far_out(signed)]) == [40]
    # By hand: the median is -0.5, the median distance 10.5, so the limit lies 6 · 1.4826 · 10.5 = 93.4 away.
    edge = pd.Series([*range(-20, 20), -80.0, 95.0])
    assert list(edge.index[far_out(edge)]) == [41]


def test_every_reference_names_columns_of_the_book() -> None:
    for table, column, target, key in REFERENCES:
        assert column in TABLES[table].columns
        assert TABLES[target].key == (key,)


class Page(HTMLParser):
    """Collects what a browser would see: tags, attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_escapes_ids_and_loads_nothing(tmp_path: Path) -> None:
    world = sound()
    evil = "<img src=//x onerror=alert(1)>"
    put("contracts", "contract_id", {5: evil})(world)
    put("contracts", "account_id", {5: "nobody"})(world)
    report = examined(world, tmp_path)
    text = to_html(report)
    page = Page(text)
    assert evil in page.text
    assert not {"img", "script", "link", "iframe"} & set(page.tags)
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    assert report.findings["sentence"][0] in page.text


def test_no_free_text_reaches_the_report(tmp_path: Path) -> None:
    world = sound()
    secret = "the boss said he will leave"
    notes = {"note_id": ["n1", "n2"], "account_id": ["a1", "zz"], "body": secret, "title": secret, "author": secret}
    world["notes"] = pd.DataFrame({**notes, "event_ts": "2026-06-01", "known_ts": "2026-06-01"})
    world["accounts"].loc[[3, 4], "name"] = secret
    report = examined(world, tmp_path)
    assert {("notes", "account_id", "orphaned", 1), ("accounts", "name", "duplicate", 1)} <= found(report)
    assert secret not in to_html(report)
    assert secret not in report.findings.to_csv()


def test_rows_set_aside_at_the_import_are_told(tmp_path: Path) -> None:
    tables = {name: conform(name, frame) for name, frame in sound().items()}
    aside = {"accounts": pd.DataFrame({"line": [3, 9], "fault": "name is empty"})}
    book = Workspace(tmp_path).write_book(Draft("test", "USD", AS_OF, tables, {}, aside), NOW)
    report = examine(book)
    assert report.set_aside == {"accounts": 2}
    assert '<td>accounts</td><td class="n">120</td><td class="n">2</td>' in to_html(report)


def test_the_summary_counts_the_findings_and_names_the_worst_first(tmp_path: Path) -> None:
    world = sound()
    for spoil in (
        put("accounts", "segment", dict.fromkeys(range(30))),
        put("contracts", "account_id", {4: "nobody"}),
        put("usage_monthly", "events", {3: 1e9}),
        put("accounts", "industry", dict.fromkeys(range(60))),
        put("accounts", "owner_rep_id", {0: "gone", 1: "gone"}),
    ):
        spoil(world)
    report = examined(world, tmp_path)
    assert list(worst(report)["kind"])[:2] == ["orphaned", "orphaned"]  # of these, the larger share first
    assert list(worst(report)["column"])[:2] == ["owner_rep_id", "account_id"]
    assert list(worst(report)["column"])[-2:] == ["industry", "segment"]
    said = summary(report)
    assert said.startswith(f"Data quality: {len(report.findings)} findings, the worst first: 2 of 120 rows of accounts")
    assert said.count(";") == 2
    assert "\n" not in said


def test_each_version_of_the_book_has_a_page_of_its_own(tmp_path: Path) -> None:
    first = book_of(sound(), tmp_path)
    assert told(first) is None
    assert write(first) == first.path / "quality.html"
    assert "nothing was found" in str(told(first))
    spoilt = sound()
    put("contracts", "account_id", {4: "nobody"})(spoilt)
    second = book_of(spoilt, tmp_path)
    assert second.path != first.path
    assert told(second) is None  # what was said of the older version is not said of this one
    page = write(second)
    assert "1 of 120 rows of contracts (0.8%) point to accounts that are not there" in page.read_text(encoding="utf-8")
    assert str(page) in str(told(second))
    assert "nothing was found" in str(told(first))


def test_an_import_looks_through_the_book_and_says_what_it_found(
    maven_export: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from copilot import cli
    from copilot.jobs.doctor import examine as doctor

    place = tmp_path / "workspace"

    def imported() -> str:
        command = ["sales-copilot", "import", "maven", str(maven_export.write()), "--workspace", str(place)]
        monkeypatch.setattr("sys.argv", command)
        with contextlib.suppress(SystemExit):
            cli.main()
        return capsys.readouterr().out

    pages = []
    for line, spelled in ((2, "Firm 0"), (3, "Firm 0 ")):
        maven_export.set("accounts", line, "account", spelled)
        out = imported()
        [said] = [line for line in out.splitlines() if "Data quality" in line]
        book = Workspace(place).book()
        page = book.path / "quality.html"
        assert str(page) in said
        assert f"{len(examine(book).findings)} findings" in page.read_text(encoding="utf-8")
        [finding] = [one for one in doctor(Workspace(place)) if one.what == "data quality"]
        assert finding.ok
        assert str(page) in finding.state
        pages.append(page)
    (pages[-1].parent / "quality.txt").unlink()
    [finding] = [one for one in doctor(Workspace(place)) if one.what == "data quality"]
    assert not finding.ok
    assert "import" in finding.mend

"""Two small exports in the shape of the real ones, to be spoilt line by line; the demo book before any training."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest

from copilot.data import importers
from copilot.data.workspace import Book, Draft, Workspace
from tests.conftest import NOW

TODAY = date(2026, 11, 23)


@dataclass
class Export:
    """The rows of an export by table; the header is line 1, as an editor counts."""

    source: str
    folder: Path
    rows: dict[str, list[list[str]]] = field(default_factory=dict)

    def set(self, table: str, line: int, column: str, value: str) -> None:
        self.rows[table][line - 1][self.rows[table][0].index(column)] = value

    def get(self, table: str, line: int, column: str) -> str:
        return self.rows[table][line - 1][self.rows[table][0].index(column)]

    def file(self, table: str) -> Path:
        return self.folder / f"{table}.csv"

    def write(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        for table, rows in self.rows.items():
            with self.file(table).open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
        return self.folder

    def read(self, today: date = TODAY) -> Draft:
        return importers.read(self.source, self.write(), today=today)


def day(number: int) -> str:
    return (date(2017, 1, 2) + timedelta(days=number)).isoformat()


MAVEN = {
    "accounts": "account sector year_established revenue employees office_location subsidiary_of",
    "products": "product series sales_price",
    "sales_teams": "sales_agent manager regional_office",
    "sales_pipeline": "opportunity_id sales_agent product account deal_stage engage_date close_date close_value",
}
RAVENSTACK = {
    "accounts": "account_id account_name industry country signup_date referral_source plan_tier seats is_trial "
    "churn_flag",
    "subscriptions": "subscription_id account_id start_date end_date plan_tier seats mrr_amount arr_amount is_trial "
    "churn_flag",
    "feature_usage": "usage_id subscription_id usage_date feature_name usage_count usage_duration_secs error_count",
    "support_tickets": "ticket_id account_id submitted_at closed_at resolution_time_hours priority "
    "satisfaction_score escalation_flag",
    "churn_events": "churn_event_id account_id churn_date reason_code refund_amount_usd feedback_text",
}
STAGES = ("Won", "Lost", "Engaging", "Prospecting", "Won")
TIERS = ("Basic", "Pro", "Enterprise")


def maven(folder: Path) -> Export:
    """40 accounts, 20 products, 20 agents of four managers, 100 deals of every stage."""

    def deal(n: int) -> list[str]:
        stage, account = STAGES[n % 5], "" if n % 7 == 3 else f"Firm {n % 40}"
        engaged = "" if stage == "Prospecting" else day(n)
        closed = day(n + 30) if stage in ("Won", "Lost") else ""
        value = {"Won": str(100 + n), "Lost": "0"}.get(stage, "")
        return [f"D{n}", f"Agent No{n % 20}", f"Product {n % 20}", account, stage, engaged, closed, value]

    def account(n: int) -> list[str]:
        return [f"Firm {n}", "retail", "1990", f"{n}.5", str(10 * n), "Kenya", "Firm 0" if n == 39 else ""]

    rows = {
        "accounts": [account(n) for n in range(40)],
        "products": [[f"Product {n}", "GTX", str(50 + n)] for n in range(20)],
        "sales_teams": [[f"Agent No{n}", f"Boss{n % 4} Last", "West" if n % 4 else "East"] for n in range(20)],
        "sales_pipeline": [deal(n) for n in range(100)],
    }
    return Export("maven", folder, {table: [MAVEN[table].split(), *lines] for table, lines in rows.items()})


def ravenstack(folder: Path) -> Export:
    """40 accounts, 60 subscriptions, 120 days of usage, 40 tickets, 40 churn events."""

    def account(n: int) -> list[str]:
        return [f"A-{n}", f"Company_{n}", "EdTech", "US", day(n), "ads", TIERS[n % 3], str(n), "False", "True"]

    def term(n: int) -> list[str]:
        end = day(n + 365) if n % 5 == 0 else ""
        return [f"S-{n}", f"A-{n % 40}", day(n), end, TIERS[n % 3], str(n), str(n), str(12 * n), "False", "False"]

    def ticket(n: int) -> list[str]:
        return [f"T-{n}", f"A-{n}", day(n), f"{day(n + 1)} 3:00", "27", "high", "4.0" if n % 2 else "", "False"]

    rows = {
        "accounts": [account(n) for n in range(40)],
        "subscriptions": [term(n) for n in range(60)],
        "feature_usage": [
            [f"U-{n}", f"S-{n % 60}", day(n), "feature_1", str(n % 9), str(60 * n), str(n % 2)] for n in range(120)
        ],
        "support_tickets": [ticket(n) for n in range(40)],
        "churn_events": [
            [f"C-{n}", f"A-{n}", day(n + 40), "pricing", "0.0", "too expensive" if n % 2 else ""] for n in range(40)
        ],
    }
    return Export("ravenstack", folder, {table: [RAVENSTACK[table].split(), *lines] for table, lines in rows.items()})


MAKERS = {"maven": maven, "ravenstack": ravenstack}


@pytest.fixture
def maven_export(tmp_path: Path) -> Export:
    return maven(tmp_path / "export")


@pytest.fixture
def ravenstack_export(tmp_path: Path) -> Export:
    return ravenstack(tmp_path / "export")


@pytest.fixture(scope="session")
def make_export():
    """Return the maker of small exports: ``make_export(source, folder)``."""
    return lambda source, folder: MAKERS[source](folder)


@pytest.fixture(scope="session")
def demo_book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    from copilot.jobs.setup import make_demo

    workspace = Workspace(tmp_path_factory.mktemp("labels"))
    make_demo(workspace, "tiny", 7, NOW, lambda stage: None)
    return workspace.book()

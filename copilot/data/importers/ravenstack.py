"""Import RavenStack's SaaS export: accounts, subscriptions, feature usage, support tickets and churn events."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from copilot.data.importers.assemble import draft, stamped
from copilot.data.importers.read import locate
from copilot.data.importers.rules import Rule, Sheet
from copilot.data.workspace import Draft

SOURCE = "ravenstack"
FILES = ("accounts", "subscriptions", "feature_usage", "support_tickets", "churn_events")


def read(path: Path, *, today: date) -> Draft:
    """Read a folder with RavenStack's five CSV files (their names may begin with "ravenstack_").

    A subscription is known from its start; its ``end_date`` only from that day on, so whoever works as of ``t``
    treats a later one as unknown. The flags churn_flag, upgrade_flag and downgrade_flag are not read: they say
    what happened later, without saying when.

    Raises:
        BadInput: A file or required column is missing or unreadable, or more than 5 % of a file's rows are bad.
    """
    files = locate(path, SOURCE, FILES, prefix="ravenstack_")
    accounts = _accounts(files["accounts"], today)
    account_ids = accounts.once("account_id")
    terms = _subscriptions(files["subscriptions"], today)
    usage = _usage(files["feature_usage"], today)
    tickets = _tickets(files["support_tickets"], today)
    churn = _churn(files["churn_events"], today)
    for sheet in (terms, tickets, churn):
        sheet.refer("account_id", account_ids, accounts.name, aside=accounts.keys_aside("account_id"))
    term_ids = terms.once("subscription_id")
    usage.refer("subscription_id", term_ids, terms.name, aside=terms.keys_aside("subscription_id"))
    tickets.once("ticket_id")
    churn.once("churn_event_id")
    sheets = (accounts, terms, usage, tickets, churn)
    for sheet in sheets:
        sheet.settle()
    days = (
        accounts.good["signup_date"], terms.good["start_date"], usage.good["usage_date"],
        tickets.good["submitted_at"], tickets.good["closed_at"], churn.good["churn_date"],
    )  # fmt: skip
    as_of = max(day for column in days if pd.notna(day := column.max()))
    tables = {
        "accounts": _account_table(accounts.good),
        "contracts": _contract_table(terms.good),
        "usage_monthly": _usage_table(usage.good, terms.good, as_of),
        "tickets": _ticket_table(tickets.good),
        "notes": _note_table(churn.good),
    }
    return draft(SOURCE, as_of.date(), tables, sheets, _notes(accounts.good, terms.good, usage.good, tickets.good))


def _accounts(file: Path, today: date) -> Sheet:
    rules = {
        "account_id": Rule("id", required=True),
        "account_name": Rule("name", required=True),
        "industry": Rule("name"),
        "country": Rule("name"),
        "signup_date": Rule("past", required=True),
        "plan_tier": Rule("name"),
    }
    return Sheet(file, "accounts", rules, today)


def _subscriptions(file: Path, today: date) -> Sheet:
    rules = {
        "subscription_id": Rule("id", required=True),
        "account_id": Rule("id", required=True),
        "start_date": Rule("past", required=True),
        "end_date": Rule("day"),
        "plan_tier": Rule("name", required=True),
        "seats": Rule("number"),
        "arr_amount": Rule("number", required=True),
        "is_trial": Rule("flag"),
    }
    sheet = Sheet(file, "contracts", rules, today)
    sheet.mark(sheet.values["end_date"] < sheet.values["start_date"], "end_date is before start_date")
    return sheet


def _usage(file: Path, today: date) -> Sheet:
    """Return the daily usage. Only a whole line that is repeated is a duplicate.

    The real export draws ``usage_id`` from 16.7 million values: 21 of its 25,000 ids come up twice by chance, on
    different subscriptions and days, and the book does not carry the id.
    """
    rules = {
        "usage_id": Rule("id", required=True),
        "subscription_id": Rule("id", required=True),
        "usage_date": Rule("past", required=True),
        "feature_name": Rule("name"),
        "usage_count": Rule("number", required=True),
        "usage_duration_secs": Rule("number", required=True),
        "error_count": Rule("number", required=True),
    }
    sheet = Sheet(file, "usage_monthly", rules, today)
    again = sheet.good[list(rules)].duplicated().reindex(sheet.values.index, fill_value=False)
    sheet.mark(again, "usage_id stands there twice")
    return sheet


def _tickets(file: Path, today: date) -> Sheet:
    rules = {
        "ticket_id": Rule("id", required=True),
        "account_id": Rule("id", required=True),
        "submitted_at": Rule("past", required=True),
        "closed_at": Rule("past"),
        "resolution_time_hours": Rule("number"),
        "priority": Rule("name"),
        "satisfaction_score": Rule("number"),
        "escalation_flag": Rule("flag"),
    }
    sheet = Sheet(file, "tickets", rules, today)
    sheet.mark(sheet.values["closed_at"] < sheet.values["submitted_at"], "closed_at is before submitted_at")
    return sheet


def _churn(file: Path, today: date) -> Sheet:
    rules = {
        "churn_event_id": Rule("id", required=True),
        "account_id": Rule("id", required=True),
        "churn_date": Rule("past", required=True),
        "reason_code": Rule("name"),
        "feedback_text": Rule("body"),
    }
    return Sheet(file, "notes", rules, today)


def _account_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the accounts; seats are not employees, so those stay empty."""
    names = {"account_name": "name", "country": "region", "plan_tier": "segment"}
    return stamped("accounts", rows.rename(columns=names), rows["signup_date"], rows["signup_date"])


def _contract_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one contract a subscription; the export has no renewal dates, so ``rtcd`` stays empty."""
    names = {"subscription_id": "contract_id", "plan_tier": "product", "seats": "quantity", "arr_amount": "annual_usd"}
    return stamped("contracts", rows.rename(columns=names), rows["start_date"], rows["start_date"])


def _usage_table(rows: pd.DataFrame, terms: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return usage by account, plan tier and month: dated at the month's first day, known when the month is over."""
    term = terms.set_index("subscription_id").loc[rows["subscription_id"]]
    daily = pd.DataFrame(
        {
            "account_id": term["account_id"].to_numpy(),
            "product": term["plan_tier"].to_numpy(),
            "month": rows["usage_date"].dt.to_period("M").dt.to_timestamp().astype("datetime64[us]").to_numpy(),
            "events": rows["usage_count"].to_numpy(),
            "minutes": rows["usage_duration_secs"].to_numpy() / 60,
            "errors": rows["error_count"].to_numpy(),
        }
    )
    monthly = daily.groupby(["account_id", "product", "month"], as_index=False).sum()
    over = monthly["month"] + pd.DateOffset(months=1)
    known = over.clip(upper=as_of)  # the last month is known as far as it goes
    return stamped("usage_monthly", monthly, monthly["month"], known)


def _ticket_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the tickets; a closed one is known from its closing, for its row tells how it ended."""
    names = {
        "closed_at": "closed_date",
        "resolution_time_hours": "resolution_hours",
        "satisfaction_score": "satisfaction",
        "escalation_flag": "escalated",
    }
    known = rows["closed_at"].fillna(rows["submitted_at"])
    return stamped("tickets", rows.rename(columns=names), rows["submitted_at"], known)


def _note_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one note a churn event in which the customer said something."""
    said = rows[rows["feedback_text"].notna()]
    names = {"churn_event_id": "note_id", "reason_code": "title", "feedback_text": "body"}
    return stamped("notes", said.rename(columns=names), said["churn_date"], said["churn_date"])


def _notes(accounts: pd.DataFrame, terms: pd.DataFrame, usage: pd.DataFrame, tickets: pd.DataFrame) -> list[str]:
    starts = usage["subscription_id"].map(terms.set_index("subscription_id")["start_date"])
    signups = tickets["account_id"].map(accounts.set_index("account_id")["signup_date"])
    trial = terms["is_trial"].fillna(False).astype("bool")
    notes = [
        "The columns churn_flag, upgrade_flag and downgrade_flag were not imported: they tell what happened later "
        "and would leak into every forecast.",
        "The export has no renewal dates (RTCD) and no owners; the account's plan tier is its segment, its country "
        "its region.",
        f"{int(trial.sum()):,} of {len(terms):,} subscriptions are trials; they are kept with the export's amount, "
        f"${terms.loc[trial, 'arr_amount'].sum():,.0f} a year in all.",
    ]
    early = {
        "usage rows lie before their subscription's start": (usage["usage_date"] < starts),
        "tickets lie before their account's signup": (tickets["submitted_at"] < signups),
    }
    notes += [
        f"{rows.sum():,} of {len(rows):,} {what}; they are kept as exported."
        for what, rows in early.items()
        if rows.any()
    ]
    return notes

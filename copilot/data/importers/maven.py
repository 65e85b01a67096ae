"""Import Maven Analytics' "CRM Sales Opportunities": accounts, sales teams, products and a pipeline of deals."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from copilot.data.importers.assemble import draft, stamped
from copilot.data.importers.read import locate
from copilot.data.importers.rules import Rule, Sheet, same, slugs
from copilot.data.workspace import Draft
from copilot.errors import BadInput

SOURCE = "maven"
FILES = ("accounts", "products", "sales_teams", "sales_pipeline")
MILLION = 1e6  # the export gives revenue in millions of dollars
STATUS = {"Prospecting": "open", "Engaging": "open", "Won": "won", "Lost": "lost"}


def read(path: Path, *, today: date) -> Draft:
    """Read a folder with Maven's four CSV files.

    The export dates deals only. So a deal is known from its closing (its outcome stands in the row), an open one
    from its engagement, an account or rep from its first deal, and what has no deal from the last day of the data.

    Raises:
        BadInput: A file or required column is missing or unreadable, or more than 5 % of a file's rows are bad.
    """
    files = locate(path, SOURCE, FILES)
    accounts, account_ids = _accounts(files["accounts"], today)
    products, spellings = _products(files["products"], today)
    teams, rep_ids = _teams(files["sales_teams"], today)
    deals = _deals(files["sales_pipeline"], today)
    deals.refer("account", account_ids, accounts.name, same, aside=accounts.keys_aside("account", same))
    deals.refer("sales_agent", rep_ids, teams.name, same, aside=teams.keys_aside("sales_agent", same))
    deals.refer("product", spellings, products.name, _squeezed, aside=products.keys_aside("product", _squeezed))
    deals.once("opportunity_id")
    sheets = (accounts, products, teams, deals)
    for sheet in sheets:
        sheet.settle()
    kept = deals.good
    as_of = kept[["engage_date", "close_date"]].max().max()
    if pd.isna(as_of):
        raise BadInput(f"{deals.name} holds no date, so nothing says which day it speaks of; export closed deals too.")
    known = kept["close_date"].fillna(kept["engage_date"]).fillna(as_of)
    tables = {
        "accounts": _account_table(accounts.good, account_ids, kept, as_of),
        "reps": _rep_table(teams.good, rep_ids, kept, as_of),
        "opportunities": _opportunity_table(kept, known),
        "opportunity_lines": _line_table(kept, products.good, known),
    }
    return draft(SOURCE, as_of.date(), tables, sheets, _notes(deals))


def _accounts(file: Path, today: date) -> tuple[Sheet, dict[str, str]]:
    """Return the accounts and the id of each by ``same(name)``.

    An account whose parent was set aside stays, without a parent.
    """
    rules = {
        "account": Rule("name", required=True),
        "sector": Rule("name"),
        "revenue": Rule("number"),
        "employees": Rule("number"),
        "office_location": Rule("name"),
        "subsidiary_of": Rule("name"),
    }
    sheet = Sheet(file, "accounts", rules, today)
    names = sheet.values["account"].map(same, na_action="ignore")
    parents = sheet.values["subsidiary_of"].map(same, na_action="ignore")
    sheet.mark(parents == names, "subsidiary_of names the account itself")
    sheet.mark(parents.notna() & ~parents.isin(set(names)), f"subsidiary_of is not in {sheet.name}")
    ids = slugs(sheet.once("account", same).values())
    return sheet, {same(name): account_id for name, account_id in ids.items()}


def _products(file: Path, today: date) -> tuple[Sheet, dict[str, str]]:
    """Return the products and the price list's spelling of each by ``_squeezed(name)``."""
    rules = {"product": Rule("name", required=True), "sales_price": Rule("number", required=True)}
    sheet = Sheet(file, "opportunity_lines", rules, today)
    return sheet, sheet.once("product", _squeezed)


def _teams(file: Path, today: date) -> tuple[Sheet, dict[str, str]]:
    """Return the agents with their managers, and the id of every agent and manager by ``same(name)``."""
    rules = {"sales_agent": Rule("name", required=True), "manager": Rule("name"), "regional_office": Rule("name")}
    sheet = Sheet(file, "reps", rules, today)
    people = sheet.once("sales_agent", same)
    for manager in sheet.good["manager"].dropna():
        people.setdefault(same(manager), manager)
    return sheet, {same(name): rep_id for name, rep_id in slugs(people.values()).items()}


def _deals(file: Path, today: date) -> Sheet:
    rules = {
        "opportunity_id": Rule("id", required=True),
        "sales_agent": Rule("name", required=True),
        "product": Rule("name", required=True),
        "account": Rule("name"),
        "deal_stage": Rule("name", required=True, one_of=tuple(STATUS)),
        "engage_date": Rule("past"),
        "close_date": Rule("past"),
        "close_value": Rule("number"),
    }
    sheet = Sheet(file, "opportunities", rules, today)
    deal = sheet.values
    closed, won = deal["deal_stage"].isin(["Won", "Lost"]), deal["deal_stage"] == "Won"
    sheet.mark(
        (deal["deal_stage"] != "Prospecting") & deal["engage_date"].isna(), "engage_date is empty after prospecting"
    )
    sheet.mark(closed & deal["close_date"].isna(), "close_date is empty in a closed deal")
    sheet.mark(~closed & deal["close_date"].notna(), "close_date is given in an open deal")
    sheet.mark(won & deal["close_value"].isna(), "close_value is empty in a won deal")
    sheet.mark(deal["close_date"] < deal["engage_date"], "close_date is before engage_date")
    return sheet


def _account_table(rows: pd.DataFrame, ids: dict[str, str], deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    account_id = rows["account"].map(same).map(ids)
    frame = pd.DataFrame(
        {
            "account_id": account_id,
            "name": rows["account"],
            "region": rows["office_location"],
            "industry": rows["sector"],
            "employees": rows["employees"],
            "revenue_usd": rows["revenue"] * MILLION,
            "parent_account_id": rows["subsidiary_of"].map(same, na_action="ignore").map(ids),
        }
    )
    return stamped("accounts", frame, None, account_id.map(deals.groupby("account")["engage_date"].min()).fillna(as_of))


def _rep_table(rows: pd.DataFrame, ids: dict[str, str], deals: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return agents and their managers; who leads somebody is a manager, with a region when the team has only one."""
    team = pd.DataFrame(
        {
            "rep_id": rows["sales_agent"].map(same).map(ids),
            "name": rows["sales_agent"],
            "manager_id": rows["manager"].map(same, na_action="ignore").map(ids),
            "region": rows["regional_office"],
        }
    )
    team["known_ts"] = team["rep_id"].map(deals.groupby("sales_agent")["engage_date"].min()).fillna(as_of)
    led = team.assign(manager=rows["manager"]).groupby("manager_id", sort=False)
    managers = led.agg(name=("manager", "first"), region=("region", "first"), known_ts=("known_ts", "min"))
    managers["region"] = managers["region"].where(led["region"].nunique() == 1)
    managers = managers.rename_axis("rep_id").reset_index()
    people = pd.concat([team, managers[~managers["rep_id"].isin(team["rep_id"])]], ignore_index=True)
    people["manager_id"] = people["manager_id"].mask(people["manager_id"] == people["rep_id"])
    people["role"] = people["rep_id"].isin(managers["rep_id"]).map({True: "manager", False: "rep"})
    return stamped("reps", people, None, people["known_ts"])


def _opportunity_table(deals: pd.DataFrame, known: pd.Series) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "opportunity_id": deals["opportunity_id"],
            "account_id": deals["account"],
            "rep_id": deals["sales_agent"],
            "stage": deals["deal_stage"],
            "status": deals["deal_stage"].map(STATUS),
            "created_date": deals["engage_date"],
            "close_date": deals["close_date"],
            "amount_usd": deals["close_value"],
        }
    )
    return stamped("opportunities", frame, deals["close_date"].fillna(deals["engage_date"]), known)


def _line_table(deals: pd.DataFrame, products: pd.DataFrame, known: pd.Series) -> pd.DataFrame:
    """Return one line a deal: the export names one product a deal and no quantity."""
    prices = products.set_index("product")["sales_price"]
    frame = pd.DataFrame(
        {
            "opportunity_id": deals["opportunity_id"],
            "product": deals["product"],
            "list_price_usd": deals["product"].map(prices),
            "amount_usd": deals["close_value"].where(deals["deal_stage"] == "Won"),
        }
    )
    return stamped("opportunity_lines", frame, deals["close_date"].fillna(deals["engage_date"]), known)


def _notes(deals: Sheet) -> list[str]:
    kept = deals.good
    as_written = deals.raw.loc[kept.index, "product"]
    respelled = as_written[as_written != kept["product"]]
    notes = [
        "Revenue was read as millions of dollars.",
        "The export names no owner of an account, so accounts belong to no rep; deals belong to their own.",
        "The export dates deals only: accounts and reps count as known from their first deal.",
    ]
    if len(respelled):
        example = f"{respelled.iloc[0]} as {kept.loc[respelled.index[0], 'product']}"
        notes.append(f"{len(respelled):,} deals were given the price list's spelling of their product ({example}).")
    if alone := int(kept["account"].isna().sum()):
        notes.append(f"{alone:,} of {len(kept):,} deals name no account; they are kept under their rep.")
    return notes


def _squeezed(product: str) -> str:
    """Return what spellings of one product share: the raw export writes "GTXPro" for "GTX Pro"."""
    return same(product).replace(" ", "")

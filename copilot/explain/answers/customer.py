"""A customer's own facts, as cells that may be told to them: what they have, use and wait for, and who they are.

Every origin names the account first, so that ``explain/outreach.py`` can tell them from anybody else's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.explain.answers.account import profile
from copilot.explain.answers.common import cell
from copilot.text.cells import Cell
from copilot.text.quotes import SHORT, inert

MONTHS = 6  # of use that a report shows
BEFORE = 3  # months between the two figures of use that are told together
MOST_PRODUCTS = 4
# Titles of those who decide and of those who work with the product.
DECIDES = re.compile(
    r"\b(?:chief|c[a-z]o|chro|vp|vice president|president|head|director|owner|founder|partner|managing|procurement|"
    r"purchas\w+|finance|geschäftsführ\w*|leiter\w*|einkauf\w*)\b",
    re.IGNORECASE,
)
WORKS = re.compile(
    r"\b(?:manager|lead|admin\w*|champion|specialist|coordinator|recruit\w*|talent|learning|operations|user)\b",
    re.IGNORECASE,
)
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def facts(account: str, snapshot: SnapshotReader, scope: Scope) -> dict[str, Any]:
    """Return the cells of an account's own facts; what the book lacks is absent.

    Args:
        account: Its id, in scope.
        snapshot: Names the book.
        scope: What the asker may see.

    Returns:
        ``name``; ``contracts``, a list of ``product, seats, spend_usd``; ``products`` (their names in words),
        ``spend_usd`` a year, ``renewal_date``; ``tickets``, the open ones; ``uses``, a list of ``product, month, now,
        month_before, before``; ``months``, the rows of a table of use, and ``heads``, its columns' products.
    """
    known = profile(snapshot, scope, account).data
    origin = f"book:contracts[{account}, running]"
    found: dict[str, Any] = {"name": cell(known["name"].value, "text", f"book:accounts[{account}].name", "account")}
    found["contracts"] = [_told(row) for row in known["contracts"][:MOST_PRODUCTS]]
    if found["contracts"]:
        names = [str(row["product"].value) for row in found["contracts"]]
        found["products"] = cell(_listed(names), "text", origin, "products under contract")
        total = sum(row["spend_usd"].value or 0 for row in known["contracts"])
        found["spend_usd"] = cell(total, "usd", f"{origin}.annual_usd", "spend")
    if known["renewal_date"].known:
        found["renewal_date"] = cell(known["renewal_date"].value, "date", f"{origin}.rtcd", "renewal date")
    if "tickets" in known and known["tickets"]["open"].value:
        found["tickets"] = known["tickets"]["open"]
    return found | _use(account, snapshot, scope)


def recipient(account: str, snapshot: SnapshotReader, scope: Scope, *, decides: bool) -> tuple[dict[str, Cell], bool]:
    """Return the contact a draft is for (``name, first, title, email``; empty for none) and whether a title says so.

    Args:
        account: Its id, in scope.
        snapshot: Names the book.
        scope: What the asker may see.
        decides: Whether somebody who decides is wanted rather than somebody who works with the product.
    """
    people = snapshot.table("contacts", scope)
    people = people[people["account_id"] == account]
    people = people[people["known_ts"] < pd.Timestamp(snapshot.as_of) + pd.Timedelta(days=1)]
    if people.empty:
        return {}, False
    first, second = (DECIDES, WORKS) if decides else (WORKS, DECIDES)
    titles = people["title"].fillna("").astype("str")
    place = titles.map(lambda title: 0 if first.search(title) else 1 if second.search(title) else 2)
    addressed = people["email"].fillna("").astype("str").map(lambda text: EMAIL.fullmatch(text) is not None)
    ranked = people.assign(place=place, silent=~addressed).sort_values(["place", "silent", "contact_id"])
    person = ranked.iloc[0]
    origin = f"book:contacts[{account}, {person['contact_id']}]"
    name = inert(person["name"], SHORT)
    told = {
        "name": cell(name, "text", f"{origin}.name", "contact"),
        "first": cell(name.split()[0] if name else None, "text", f"{origin}.name", "contact"),
    }
    if isinstance(person["title"], str):
        told["title"] = cell(inert(person["title"], SHORT), "text", f"{origin}.title", "contact")
    if not person["silent"]:
        told["email"] = cell(person["email"], "text", f"{origin}.email", "contact")
    return told, bool(person["place"] < 2)


def sender(account: str, rep_id: str | None, snapshot: SnapshotReader, scope: Scope) -> Cell | None:
    """Return the name of who writes: the asker where they are a rep of the book, else the account's owner."""
    accounts, reps = snapshot.table("accounts", scope), snapshot.table("reps", scope)
    owner = accounts.loc[accounts["account_id"] == account, "owner_rep_id"].iloc[0]
    named: Mapping[Any, str] = dict(zip(reps["rep_id"], reps["name"], strict=True))
    for one in (rep_id, owner):
        if one in named:
            return cell(inert(named[one], SHORT), "text", f"book:reps[{one}].name", "sender")
    return None


def _told(row: Mapping[str, Cell]) -> dict[str, Cell]:
    """Return a row of contracts without what is not known."""
    product = row["product"]
    clean = Cell(inert(str(product.value), SHORT), "text", product.origin, product.metric)
    return {"product": clean} | {name: one for name, one in row.items() if name != "product" and one.value}


def _use(account: str, snapshot: SnapshotReader, scope: Scope) -> dict[str, Any]:
    """Return use by month: utilisation where the book has it, else counted events."""
    usage = snapshot.table("usage_monthly", scope)
    usage = usage[usage["account_id"] == account]
    usage = usage[usage["known_ts"] < pd.Timestamp(snapshot.as_of) + pd.Timedelta(days=1)]
    if usage.empty:
        return {"uses": [], "months": [], "heads": []}
    column = "utilization_pct" if usage["utilization_pct"].notna().any() else "events"
    wide = usage.pivot_table(index="event_ts", columns="product", values=column, aggfunc="last").sort_index()
    wide = wide.loc[wide.index > wide.index.max() - pd.DateOffset(months=MONTHS)]
    heads = list(wide.columns[wide.iloc[-1].notna()])[:MOST_PRODUCTS]

    def told(product: str, month: pd.Timestamp) -> Cell:
        unit, metric = ("pct", "utilisation") if column == "utilization_pct" else ("count", "usage events")
        origin = f"book:usage_monthly[{account}, {product}, {month:%Y-%m}].{column}"
        return cell(wide.at[month, product], unit, origin, metric)  # type: ignore[arg-type]

    def named(month: pd.Timestamp) -> Cell:
        return cell(f"{month:%Y-%m}", "text", f"book:usage_monthly[{account}, {month:%Y-%m}]", "month")

    last = wide.index[-1]
    before = last - pd.DateOffset(months=BEFORE)
    uses = []
    for product in heads:
        one = {
            "product": cell(inert(product, SHORT), "text", f"book:usage_monthly[{account}, {product}]", "product"),
            "month": named(last),
            "now": told(product, last),
        }
        if before in wide.index and not pd.isna(wide.at[before, product]):
            one |= {"month_before": named(before), "before": told(product, before)}
        uses.append(one)
    months = [
        {"month": named(month)} | {f"p{at}": told(p, month) for at, p in enumerate(heads)} for month in wide.index
    ]
    return {"uses": uses, "months": months, "heads": [inert(product, SHORT) for product in heads], "measure": column}


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

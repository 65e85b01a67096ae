"""Answer "tell me about this account": the facts of the book in one place. Free text never leaves it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.explain.answers.common import as_of_cell, cell, constant, hidden_cell, resolve, say, score_cells
from copilot.explain.answers.summary import priced
from copilot.text.cells import Record, Say


def profile(snapshot: SnapshotReader, scope: Scope, account: str) -> Record:
    """Return one account's facts, contacts, contracts, open deals, usage, last touch and tickets.

    Tickets are counts, ages and priorities; their text and all notes stay in the book.

    Raises:
        UnknownAccount: No such account in scope.
    """
    found = resolve(account, snapshot, scope)
    frame = snapshot.scores("accounts", scope)
    row = frame[frame["account_id"] == found].iloc[0].to_dict()
    master = snapshot.table("accounts", scope)
    facts = master[master["account_id"] == found].iloc[0]
    origin = f"book:accounts[{found}]"
    data: dict[str, Any] = {
        "as_of": as_of_cell(snapshot),
        **score_cells(row, snapshot),
        "employees": cell(facts["employees"], "count", f"{origin}.employees", "employees"),
        "revenue_usd": cell(facts["revenue_usd"], "usd", f"{origin}.revenue_usd", "revenue"),
    }
    lines = [say("account")]
    lines += [
        say(f"account_{name}", detail=True)
        for name in ("segment", "region", "industry", "owner")
        if not pd.isna(row[name])
    ]
    if not pd.isna(facts["employees"]):
        lines.append(say("account_size", detail=True))
    if not pd.isna(row["renewal_date"]):
        lines.append(say("account_renewal", topic="renewals"))
    why = hidden_cell(row)
    if why is not None:
        data["hidden"] = why
        lines.append(say("account_hidden"))
    for part in (_contracts, _deals, _usage, _tickets, _touch, _contacts):
        more, told = part(found, snapshot, scope)
        data |= more
        lines += told
    return Record("get_account", data, tuple(lines), {}, (found,))


_Part = tuple[dict[str, Any], list[Say]]


def _own(name: str, account: str, snapshot: SnapshotReader, scope: Scope) -> pd.DataFrame:
    frame = snapshot.table(name, scope)
    return frame[
        (frame["account_id"] == account) & (frame["known_ts"] < pd.Timestamp(snapshot.as_of) + pd.Timedelta(days=1))
    ]


def _contracts(account: str, snapshot: SnapshotReader, scope: Scope) -> _Part:
    today = pd.Timestamp(snapshot.as_of)
    held = _own("contracts", account, snapshot, scope)
    held = held[(held["start_date"] <= today) & (held["end_date"].isna() | (held["end_date"] > today))]
    totals = held.groupby("product").agg(
        seats=("quantity", "sum"), spend_usd=("annual_usd", "sum"), terms=("contract_id", "count")
    )
    rows = []
    for product, total in totals.sort_values("spend_usd", ascending=False).iterrows():
        origin = f"book:contracts[{account}, {product}, running]"
        rows.append(
            {
                "product": cell(product, "text", origin, "product"),
                "seats": cell(total["seats"], "count", f"{origin}.quantity", "seats"),
                "spend_usd": cell(total["spend_usd"], "usd", f"{origin}.annual_usd", "spend"),
            }
        )
    heading = [say("account_contracts", topic="contracts")] if rows else []
    return {"contracts": rows}, heading + [
        say("account_contract", f"contracts[{place}]", "contracts", detail=True) for place in range(len(rows))
    ]


def _deals(account: str, snapshot: SnapshotReader, scope: Scope) -> _Part:
    deals = priced(snapshot, scope)
    deals = deals[deals["account_id"] == account]
    still_open = deals[deals["status"] == "open"].sort_values(["amount_usd", "list_price_usd"], ascending=False)
    origin = f"book:opportunities[{account}]"
    data: dict[str, Any] = {
        "open_deals": cell(len(still_open), "count", f"{origin}, open", "open deals"),
        "won_deals": cell((deals["status"] == "won").sum(), "count", f"{origin}, won", "deals won"),
        "lost_deals": cell((deals["status"] == "lost").sum(), "count", f"{origin}, lost", "deals lost"),
        "won_usd": cell(
            deals.loc[deals["status"] == "won", "amount_usd"].sum(), "usd", f"{origin}, won.amount_usd", "won total"
        ),
        "deals": [],
    }
    if deals.empty:
        return data, []
    lines = [say("account_deals", "", "open_deals")]
    for place, deal in enumerate(still_open.head(5).to_dict("records")):
        own = f"book:opportunities[{deal['opportunity_id']}]"
        data["deals"].append(
            {
                "id": cell(deal["opportunity_id"], "text", own, "deal"),
                "product": cell(deal["product"], "text", own, "product"),
                "stage": cell(deal["stage"], "text", f"{own}.stage", "stage"),
                "amount_usd": cell(deal["amount_usd"], "usd", f"{own}.amount_usd", "amount"),
                "list_price_usd": cell(deal["list_price_usd"], "usd", f"{own}.list_price_usd", "list price"),
            }
        )
        priced_by = "amount" if not pd.isna(deal["amount_usd"]) else "list_price"
        lines.append(say(f"account_deal_{priced_by}", f"deals[{place}]", "open_deals", detail=True))
    return data, lines


def _usage(account: str, snapshot: SnapshotReader, scope: Scope) -> _Part:
    usage = _own("usage_monthly", account, snapshot, scope)
    if usage.empty:
        return {"usage": []}, []
    last = usage[usage["event_ts"] == usage["event_ts"].max()]
    rows, lines = [], [say("account_usage", topic="usage")]
    for place, part in enumerate(last.sort_values("product").to_dict("records")):
        origin = f"book:usage_monthly[{account}, {part['product']}, {part['event_ts']:%Y-%m}]"
        rows.append(
            {
                "product": cell(part["product"], "text", origin, "product"),
                "month": cell(f"{part['event_ts']:%Y-%m}", "text", origin, "month"),
                "utilization_pct": cell(part["utilization_pct"], "pct", f"{origin}.utilization_pct", "utilisation"),
                "events": cell(part["events"], "count", f"{origin}.events", "usage events"),
                "errors": cell(part["errors"], "count", f"{origin}.errors", "errors"),
            }
        )
        known = "utilization_pct" if not pd.isna(part["utilization_pct"]) else "events"
        lines.append(say(f"account_usage_{known}", f"usage[{place}]", "usage", detail=True))
    return {"usage": rows}, lines


def _tickets(account: str, snapshot: SnapshotReader, scope: Scope) -> _Part:
    if snapshot.table("tickets", scope).empty:
        return {}, []
    tickets = _own("tickets", account, snapshot, scope)
    today = pd.Timestamp(snapshot.as_of)
    waiting = tickets[tickets["closed_date"].isna() | (tickets["closed_date"] > today)]
    recent = tickets[tickets["event_ts"] > today - pd.Timedelta(days=90)]
    origin = f"book:tickets[{account}]"
    data = {
        "tickets": {
            "days": constant(90, "days", "window of recent tickets"),
            "recent": cell(len(recent), "count", origin, "tickets"),
            "open": cell(len(waiting), "count", f"{origin}, open", "open tickets"),
            "urgent": cell(
                (waiting["priority"] == "urgent").sum(), "count", f"{origin}, open, urgent", "urgent tickets"
            ),
        }
    }
    lines = [say("account_tickets", "tickets", "tickets")]
    if not waiting.empty:
        data["tickets"]["oldest"] = cell(
            (today - waiting["event_ts"].min()).days, "days", f"{origin}, open", "ticket age"
        )
        lines.append(say("account_tickets_open", "tickets", "tickets", detail=True))
    return data, lines


def _touch(account: str, snapshot: SnapshotReader, scope: Scope) -> _Part:
    touches = _own("touches", account, snapshot, scope)
    if touches.empty:
        missing = snapshot.table("touches", scope).empty
        return {}, [] if missing else [say("account_untouched", "", "last_touch")]
    last = touches.sort_values(["event_ts", "touch_id"]).iloc[-1]
    origin = f"book:touches[{last['touch_id']}]"
    data = {
        "touch": {
            "date": cell(last["event_ts"], "date", f"{origin}.event_ts", "last touch"),
            "kind": cell(last["kind"], "text", f"{origin}.kind", "kind of touch"),
        }
    }
    return data, [say("account_touch", "touch", "last_touch")]


def _contacts(account: str, snapshot: SnapshotReader, scope: Scope) -> _Part:
    contacts = _own("contacts", account, snapshot, scope).sort_values("contact_id").head(5)
    rows: list[dict[str, Any]] = []
    lines = [say("account_contacts", topic="contacts")] if len(contacts) else []
    for place, person in enumerate(contacts.to_dict("records")):
        origin = f"book:contacts[{person['contact_id']}]"
        rows.append(
            {name: cell(person[name], "text", f"{origin}.{name}", "contact") for name in ("name", "title", "email")}
        )
        complete = all(row.value is not None for row in rows[-1].values())
        lines.append(
            say(
                "account_contact" if complete else "account_contact_name", f"contacts[{place}]", "contacts", detail=True
            )
        )
    return {"contacts": rows}, lines

"""Answer about the book as a whole: deals, win rates, renewals and quota, in total and by group."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.errors import MissingData
from copilot.explain.answers.common import ACTIONS, as_of_cell, cell, constant, hidden_cells, hidden_say, one_of, say
from copilot.text.cells import Column, Record, Say

GroupBy = Literal["action", "segment", "region", "product", "quadrant", "month", "rep", "stage"]
HORIZON = 90  # days ahead in which renewals count as due
LARGEST = 5
ROWS = 40


def summarize(
    snapshot: SnapshotReader,
    scope: Scope,
    *,
    group_by: GroupBy | None = None,
    region: str | None = None,
    product: str | None = None,
    segment: str | None = None,
) -> Record:
    """Total the book in scope, and by group where one is asked for.

    Deals count under their own rep, and under that rep's region; accounts under their own region. Only deals with
    an amount enter a total; open deals without one are told at list price.

    Raises:
        TryAgain: A filter names no value of the book.
        MissingData: The book lacks what the group needs.
    """
    accounts, deals = snapshot.scores("accounts", scope), deals_of(snapshot, scope)
    data: dict[str, Any] = {
        "as_of": as_of_cell(snapshot),
        "horizon": constant(HORIZON, "days", "horizon of renewals due"),
    }
    if region is not None:
        known = one_of(region, pd.concat([accounts["region"], deals["region"]]), "region")
        accounts, deals = accounts[accounts["region"] == known], deals[deals["region"] == known]
    if segment is not None:
        known = one_of(segment, accounts["segment"], "segment")
        accounts = accounts[accounts["segment"] == known]
        deals = deals[deals["account_id"].isin(accounts["account_id"])]
    if product is not None:
        known = one_of(product, pd.concat([deals["product"], snapshot.table("contracts", scope)["product"]]), "product")
        held = _running(snapshot, scope)
        accounts = accounts[accounts["account_id"].isin(held.loc[held["product"] == known, "account_id"])]
        deals = deals[deals["product"] == known]
    filters = {"region": region, "segment": segment, "product": product}
    data["filter"] = constant(
        ", ".join(f"{name} {value}" for name, value in filters.items() if value) or "whole book in your scope",
        "text",
        "filter",
    )
    data["hidden"] = hidden_cells(accounts)
    data["total"] = _totals(accounts, _once(deals) if product is None else deals, snapshot, "total")
    no_deals = snapshot.manifest["book_manifest"]["missing"].get("opportunities")
    if no_deals and group_by in ("rep", "stage", "month"):
        raise MissingData(no_deals)
    lines = _sentences(data["total"], with_deals=not no_deals)
    if no_deals:
        data["no_deals"] = cell(no_deals, "text", "book:manifest.missing.opportunities", "missing")
        lines.append(say("summary_no_deals"))
    if product is not None and deals["unit_list_usd"].notna().any():
        data |= _list_price(deals)
        lines.append(say("summary_list_price", "", "list_price"))
    columns: dict[str, Column] = {}
    if group_by is not None:
        data["rows"] = _groups(group_by, accounts, deals, snapshot, scope)
        columns = _columns(data["rows"], group_by)
        lines = [say("summary_groups"), *lines]
    else:
        data["largest"] = _largest(deals, snapshot)
        if data["largest"]:
            lines.append(say("summary_largest", topic="open_deals"))
        lines += [_largest_say(place, part) for place, part in enumerate(data["largest"])]
        lines += _quota(data, snapshot, scope)
    # By action or quadrant they are missing from the rows; other totals are facts and count them.
    lines += hidden_say(data["hidden"], "" if group_by in ("action", "quadrant") else "accounts")
    return Record("summarize_book", data, tuple(lines), columns)


def priced(snapshot: SnapshotReader, scope: Scope) -> pd.DataFrame:
    """Return the deals in scope with their product and list price; a deal of several products names the dearest."""
    deals = snapshot.table("opportunities", scope)
    if deals.empty:
        return deals.assign(product=None, list_price_usd=None)
    lines = snapshot.table("opportunity_lines", scope).sort_values(
        ["opportunity_id", "list_price_usd"], ascending=[True, False]
    )
    count = lines["quantity"].fillna(1)
    per_deal = (
        lines.assign(list_price_usd=lines["list_price_usd"] * count)
        .groupby("opportunity_id")
        .agg(product=("product", "first"), list_price_usd=("list_price_usd", lambda p: p.sum(min_count=1)))
    )
    return deals.merge(per_deal, left_on="opportunity_id", right_index=True, how="left")


def deals_of(snapshot: SnapshotReader, scope: Scope) -> pd.DataFrame:
    """Return one row a deal and product, with the rep's name and region; amounts and list prices are the line's."""
    deals = snapshot.table("opportunities", scope).rename(columns={"amount_usd": "deal_usd"})
    lines = snapshot.table("opportunity_lines", scope)[
        ["opportunity_id", "product", "quantity", "list_price_usd", "amount_usd"]
    ]
    deals = deals.merge(lines, on="opportunity_id", how="left")
    alone = ~deals.duplicated("opportunity_id", keep=False)
    deals["amount_usd"] = deals["amount_usd"].where(~alone | deals["deal_usd"].isna(), deals["deal_usd"])
    deals["unit_list_usd"] = deals["list_price_usd"]
    deals["list_price_usd"] *= deals["quantity"].fillna(1)
    reps = snapshot.table("reps", scope)[["rep_id", "name", "region"]].rename(columns={"name": "rep"})
    return deals.merge(reps, on="rep_id", how="left")


def _once(deals: pd.DataFrame) -> pd.DataFrame:
    """Draw the lines of a deal together: its own amount, the list price of all its products."""
    whole = deals.groupby("opportunity_id", sort=False)[["list_price_usd", "amount_usd"]].sum(min_count=1)
    first = deals.drop_duplicates("opportunity_id").set_index("opportunity_id")
    first["list_price_usd"] = whole["list_price_usd"]
    first["amount_usd"] = first["deal_usd"].fillna(whole["amount_usd"])
    return first.reset_index()


def _totals(accounts: pd.DataFrame, deals: pd.DataFrame, snapshot: SnapshotReader, what: str) -> dict[str, Any]:
    origin, scored = f"book:opportunities[{what}]", f"snapshot {snapshot.id}:accounts[{what}]"
    still_open, won, lost = (deals[deals["status"] == status] for status in ("open", "won", "lost"))
    due = accounts[accounts["days_to_renewal"].between(0, HORIZON)]
    closed = len(won) + len(lost)
    return {
        "accounts": cell(len(accounts), "count", scored, "accounts"),
        "spend_usd": cell(accounts["spend_usd"].sum(min_count=1), "usd", f"{scored}.spend_usd", "spend"),
        "due": cell(
            len(due) if accounts["renewal_date"].notna().any() else None,
            "count",
            f"{scored}.renewal_date",
            "renewals due",
        ),
        "due_usd": cell(due["spend_usd"].sum(min_count=1), "usd", f"{scored}.spend_usd", "spend up for renewal"),
        "open_deals": cell(len(still_open), "count", f"{origin}, open", "open deals"),
        "open_usd": cell(
            still_open["amount_usd"].sum(min_count=1), "usd", f"{origin}, open.amount_usd", "amount of open deals"
        ),
        "open_without_amount": cell(
            still_open["amount_usd"].isna().sum(), "count", f"{origin}, open, no amount", "open deals without an amount"
        ),
        "open_list_usd": cell(
            still_open["list_price_usd"].sum(min_count=1),
            "usd",
            f"book:opportunity_lines[{what}, open].list_price_usd",
            "list price of open deals",
        ),
        "won_deals": cell(len(won), "count", f"{origin}, won", "deals won"),
        "lost_deals": cell(len(lost), "count", f"{origin}, lost", "deals lost"),
        "win_rate": cell(len(won) / closed if closed else None, "percent", f"{origin}: won / (won + lost)", "win rate"),
        "won_usd": cell(won["amount_usd"].sum(min_count=1), "usd", f"{origin}, won.amount_usd", "won total"),
    }


def _list_price(deals: pd.DataFrame) -> dict[str, Any]:
    product = deals["product"].iloc[0]
    origin = f"book:opportunity_lines[{product}].list_price_usd"
    return {
        "product": cell(product, "text", origin, "product"),
        "unit_list_usd": cell(deals["unit_list_usd"].median(), "usd", origin, "list price"),
    }


def _sentences(data: dict[str, Any], *, with_deals: bool) -> list[Say]:
    def known(name: str) -> bool:
        return data[name].value not in (None, 0)

    lines = [say("summary_accounts" if known("spend_usd") else "summary_accounts_only", "", "accounts")]
    if known("due"):
        lines.append(say("summary_due", "", "renewals"))
    if not with_deals:
        return lines
    lines.append(say("summary_open", "", "open_deals"))
    if known("open_deals"):
        if known("open_without_amount"):
            lines.append(
                say("summary_open_list" if known("open_list_usd") else "summary_open_no_amount", "", "open_deals")
            )
        if known("open_usd"):
            lines.append(say("summary_open_amount", "", "open_deals"))
    if data["win_rate"].value is not None:
        lines.append(say("summary_win_rate", "", "win_rate"))
    if known("won_usd"):
        lines.append(say("summary_won", "", "won_total"))
    return lines


def _groups(
    by: GroupBy, accounts: pd.DataFrame, deals: pd.DataFrame, snapshot: SnapshotReader, scope: Scope
) -> list[dict[str, Any]]:
    if by in ("action", "quadrant") and (by not in accounts or accounts[by].isna().all()):
        reasons: dict[str, str] = snapshot.manifest["skipped"]
        raise MissingData(f"No {by} was worked out for these accounts. {reasons.get('uplift', '')}".strip())
    deals = deals.assign(month=deals["close_date"].dt.strftime("%Y-%m"))
    if by == "product":
        held = _running(snapshot, scope)
        held = held[held["account_id"].isin(accounts["account_id"])]
        merged = accounts.drop(columns="spend_usd").merge(
            held.groupby(["account_id", "product"])["annual_usd"].sum().reset_index(), on="account_id"
        )
        accounts = merged.rename(columns={"annual_usd": "spend_usd"})
    if by == "rep":
        accounts = accounts.assign(rep=accounts["owner"])
    if by in ("action", "segment", "quadrant"):
        deals = deals.merge(accounts[["account_id", by]], on="account_id", how="left")
    if by != "product":
        deals = _once(deals)
    account_key = accounts[by] if by in accounts else pd.Series(index=accounts.index, dtype="str")
    names = pd.concat([account_key.dropna(), deals[by].dropna()]).unique()
    rows = []
    for name in names:
        part = _totals(accounts[account_key == name], deals[deals[by] == name], snapshot, f"{by} {name}")
        if by == "product" and deals.loc[deals["product"] == name, "unit_list_usd"].notna().any():
            part["unit_list_usd"] = _list_price(deals[deals["product"] == name])["unit_list_usd"]
        if by not in accounts:  # accounts have no stage and no month
            part = {key: value for key, value in part.items() if key not in ("accounts", "spend_usd", "due", "due_usd")}
        rows.append({"group": cell(ACTIONS.get(name, name), "text", f"{by} {name}", by), **part})
    return sorted(rows, key=lambda row: _order(by, row))[:ROWS]


def _order(by: GroupBy, row: dict[str, Any]) -> tuple[Any, ...]:
    if by == "month":
        return (row["group"].value,)
    size = next(
        (
            row[name].value
            for name in ("won_usd", "spend_usd", "open_usd", "open_list_usd")
            if name in row and row[name].value
        ),
        0,
    )
    return (-float(size), str(row["group"].value))


def _columns(rows: list[dict[str, Any]], by: GroupBy) -> dict[str, Column]:
    heads = {
        "group": Column(by.capitalize()),
        "accounts": Column("Accounts", "accounts"),
        "spend_usd": Column("Annual spend", "accounts"),
        "due": Column("Renewals due", "renewals"),
        "due_usd": Column("Spend up for renewal", "renewals"),
        "open_deals": Column("Open deals", "open_deals"),
        "open_usd": Column("Open amount", "open_deals"),
        "open_list_usd": Column("Open at list price", "open_deals"),
        "won_deals": Column("Won", "win_rate"),
        "lost_deals": Column("Lost", "win_rate"),
        "win_rate": Column("Win rate", "win_rate"),
        "won_usd": Column("Won total", "won_total"),
        "unit_list_usd": Column("List price", "list_price"),
    }
    return {
        name: head
        for name, head in heads.items()
        if any(name in row and row[name].value not in (None, 0) for row in rows)
    }


def _largest(deals: pd.DataFrame, snapshot: SnapshotReader) -> list[dict[str, Any]]:
    still_open = _once(deals[deals["status"] == "open"])
    size = still_open["amount_usd"].fillna(still_open["list_price_usd"])
    top = still_open.assign(size=size).sort_values(["size", "opportunity_id"], ascending=[False, True]).head(LARGEST)
    rows = []
    for deal in top.to_dict("records"):
        origin = f"book:opportunities[{deal['opportunity_id']}]"
        rows.append(
            {
                "id": cell(deal["opportunity_id"], "text", origin, "deal"),
                "rep": cell(deal["rep"], "text", f"{origin}.rep_id", "rep"),
                "product": cell(deal["product"], "text", origin, "product"),
                "stage": cell(deal["stage"], "text", f"{origin}.stage", "stage"),
                "amount_usd": cell(deal["amount_usd"], "usd", f"{origin}.amount_usd", "amount"),
                "list_price_usd": cell(
                    deal["list_price_usd"],
                    "usd",
                    f"book:opportunity_lines[{deal['opportunity_id']}].list_price_usd",
                    "list price",
                ),
            }
        )
    return rows


def _largest_say(place: int, deal: dict[str, Any]) -> Say:
    kind = (
        "amount"
        if deal["amount_usd"].value is not None
        else "list_price"
        if deal["list_price_usd"].value is not None
        else "bare"
    )
    return say(f"summary_deal_{kind}", f"largest[{place}]", "open_deals", detail=True)


def _quota(data: dict[str, Any], snapshot: SnapshotReader, scope: Scope) -> list[Say]:
    """Add quota attainment: what the reps in scope won this calendar year against their yearly quotas."""
    reps = snapshot.table("reps", scope)
    quota = reps.loc[reps["role"] == "rep", "quota_usd"].sum(min_count=1)
    if pd.isna(quota) or quota == 0:
        return []
    deals = snapshot.table("opportunities", scope)
    this_year = deals[(deals["status"] == "won") & (deals["close_date"] >= pd.Timestamp(snapshot.as_of.year, 1, 1))]
    won = this_year["amount_usd"].sum()
    data["quota"] = {
        "quota_usd": cell(quota, "usd", "book:reps.quota_usd", "quota"),
        "won_usd": cell(won, "usd", "book:opportunities[won this calendar year].amount_usd", "won total"),
        "attainment": cell(won / quota, "percent", "won this calendar year / quota", "quota attainment"),
    }
    return [say("summary_quota", "quota", "quota")]


def _running(snapshot: SnapshotReader, scope: Scope) -> pd.DataFrame:
    held, today = snapshot.table("contracts", scope), pd.Timestamp(snapshot.as_of)
    return held[(held["start_date"] <= today) & (held["end_date"].isna() | (held["end_date"] > today))]

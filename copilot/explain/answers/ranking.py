"""Answer "who should I call": the accounts in scope by priority or another key, each with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.errors import MissingData
from copilot.explain.answers.against import against
from copilot.explain.answers.common import (
    SCORES,
    as_of_cell,
    cell,
    constant,
    health_cells,
    hidden_cells,
    hidden_say,
    one_of,
    say,
    score_cells,
    why_missing,
)
from copilot.explain.answers.why import MOST, action_reasons, alert, basis, reason_cells, reason_say, reasons_of
from copilot.text.cells import Column, Record, Say, Unit

SortBy = Literal["priority", "uplift", "churn", "growth", "engagement_drop", "renewal_date"]
Action = Literal["boost_engagement", "prevent_churn", "promote_upsell"]


@dataclass(frozen=True)
class _Key:
    """How one ``sort_by`` reads the frame: its column, its direction and what explains it."""

    column: str
    ascending: bool
    about: str
    stage: str


KEYS: dict[SortBy, _Key] = {
    "priority": _Key("priority", False, "uplift", "uplift"),
    "uplift": _Key("uplift_usd", False, "uplift", "uplift"),
    "churn": _Key("churn_probability", False, "churn", "growth"),
    "growth": _Key("growth_usd", False, "upsell", "growth"),
    "engagement_drop": _Key("engagement_change", True, "facts", "engagement"),
    "renewal_date": _Key("days_to_renewal", True, "churn", "renewals"),
}
DEALS: Mapping[str, tuple[Unit, str, str]] = {
    "open_deals": ("count", "open deals", "Open deals"),
    "list_price_usd": ("usd", "list price", "At list price"),
}
SHOWN = ("action", "priority", "uplift_usd", "churn_probability", "growth_usd", "engagement_change")
FACTS = ("renewal_date", "spend_usd", "seats", "open_deals", "list_price_usd")
TOLD = 3  # accounts told in sentences; the table shows them all
WHY = 2  # reasons told of each


def rank(
    snapshot: SnapshotReader,
    scope: Scope,
    *,
    action: Action | None = None,
    product: str | None = None,
    segment: str | None = None,
    region: str | None = None,
    renewal_within_days: int | None = None,
    sort_by: SortBy = "priority",
    limit: int = 10,
) -> Record:
    """Rank the accounts in scope.

    Where the score behind ``sort_by`` was not made, or its model has no skill, the record leads with that and
    lists facts instead: open deals, changes in use, spend. It ends with how many accounts a running study hides.

    Raises:
        TryAgain: A filter names no value of the book.
    """
    no_dates = why_missing(snapshot, "renewals")
    if renewal_within_days is not None and no_dates:
        raise MissingData(no_dates)
    frame = _filtered(snapshot, scope, product, segment, region, renewal_within_days)
    withheld = hidden_cells(frame)
    if action is not None:
        frame = frame[frame["action"] == action] if "action" in frame else frame.iloc[:0]
    key = KEYS[sort_by]
    usable = key.column in frame and frame[key.column].notna().any()
    if not usable and sort_by in ("engagement_drop", "renewal_date") and not frame.empty:
        raise MissingData(
            why_missing(snapshot, key.stage) or f"Nothing in this book speaks of {SCORES[key.column][1]}."
        )
    lead: list[Say] = []
    reason: str | None = None
    if frame.empty:
        lead = [say("rank_none")]
    elif usable:
        frame = frame[frame[key.column].notna()]
        frame = frame.sort_values([key.column, "account_id"], ascending=[key.ascending, True])
        lead = _remarks(sort_by, frame)
    else:
        reason = why_missing(snapshot, key.stage)
        frame, lead = _facts(frame, snapshot, scope, key)
        key = _Key("", False, "facts", key.stage)
    top = frame.head(limit)
    why = _why(top, key, sort_by, snapshot, scope)
    rows = [
        _row(place, row, why[row["account_id"]], snapshot) for place, row in enumerate(top.to_dict("records"), start=1)
    ]
    data = {
        "as_of": as_of_cell(snapshot),
        "considered": cell(len(frame), "count", f"snapshot {snapshot.id}:accounts in scope", "accounts"),
        "growth": health_cells(snapshot, "growth"),
        "coin_toss": constant(0.5, "ratio", "AUC of a guess"),
        "level": constant(0.95, "percent", "level of the interval"),
        "reason": cell(reason, "text", f"snapshot {snapshot.id}:skipped.{key.stage}", "reason"),
        "hidden": withheld,
        "rows": rows,
    }
    told = [
        line
        for place, row in enumerate(top.head(TOLD).to_dict("records"))
        for line in _tell(place, row, key, why[row["account_id"]])
    ]
    data["against"], unlike = against(rows[TOLD if key.column == "priority" else 0 :])
    lines = (*lead, *told, *hidden_say(withheld), *unlike)
    return Record("rank_accounts", data, lines, _columns(rows, scored=usable), tuple(top["account_id"]))


def _filtered(
    snapshot: SnapshotReader,
    scope: Scope,
    product: str | None,
    segment: str | None,
    region: str | None,
    within: int | None,
) -> pd.DataFrame:
    frame = snapshot.scores("accounts", scope)
    if segment is not None:
        frame = frame[frame["segment"] == one_of(segment, frame["segment"], "segment")]
    if region is not None:
        reps = snapshot.table("reps", scope)
        known = one_of(region, pd.concat([frame["region"], reps["region"]]), "region")
        frame = frame[frame["region"].eq(known) | frame["account_id"].isin(_dealt_in(known, snapshot, scope))]
    if product is not None:
        owned = snapshot.table("contracts", scope)
        lines = snapshot.table("opportunity_lines", scope).merge(
            snapshot.table("opportunities", scope)[["opportunity_id", "account_id"]], on="opportunity_id"
        )
        both = pd.concat([owned[["account_id", "product"]], lines[["account_id", "product"]]])
        known = one_of(product, both["product"], "product")
        frame = frame[frame["account_id"].isin(both.loc[both["product"] == known, "account_id"])]
    if within is not None:
        frame = frame[frame["days_to_renewal"].between(0, within)]
    return frame


def _dealt_in(region: str | None, snapshot: SnapshotReader, scope: Scope) -> pd.Series:
    """Return the accounts on which a rep of that region has an open deal."""
    reps, deals = snapshot.table("reps", scope), snapshot.table("opportunities", scope)
    inside = deals["rep_id"].isin(reps.loc[reps["region"] == region, "rep_id"])
    return deals.loc[inside & (deals["status"] == "open"), "account_id"]


def _facts(frame: pd.DataFrame, snapshot: SnapshotReader, scope: Scope, key: _Key) -> tuple[pd.DataFrame, list[Say]]:
    """Order by what is known where nothing can be predicted, and say how."""
    report = snapshot.manifest["models"].get("growth")
    no_skill = key.stage == "growth" and report and not report["skill"]
    lead = [say("rank_no_skill" if no_skill else "rank_no_score")]
    paying = frame[frame["spend_usd"].fillna(0) > 0]
    if paying.empty:
        found = _with_open_deals(frame, snapshot, scope)
        return _sorted(found, "list_price_usd"), [*lead, say("rank_by_deals" if len(found) else "rank_none")]
    told = snapshot.scores("reasons", scope)
    falling = told[
        (told["about"] == "facts") & (told["ultra"] == "product usage") & (told["current"] < told["previous"])
    ]
    chosen = paying[paying["account_id"].isin(falling["account_id"])]
    if chosen.empty:
        return _sorted(paying, "spend_usd"), [*lead, say("rank_by_spend")]
    return _sorted(chosen, "spend_usd"), [*lead, say("rank_by_falling_use")]


def _sorted(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame.sort_values([column, "account_id"], ascending=[False, True])


def _with_open_deals(frame: pd.DataFrame, snapshot: SnapshotReader, scope: Scope) -> pd.DataFrame:
    """Keep the accounts with open deals, with their number and their sum at list price."""
    deals, lines = snapshot.table("opportunities", scope), snapshot.table("opportunity_lines", scope)
    deals = deals[deals["status"] == "open"].merge(
        lines[["opportunity_id", "list_price_usd"]], on="opportunity_id", how="left"
    )
    totals = deals.groupby("account_id").agg(
        open_deals=("opportunity_id", "nunique"), list_price_usd=("list_price_usd", "sum")
    )
    return frame.merge(totals, left_on="account_id", right_index=True)


def _why(
    top: pd.DataFrame, key: _Key, sort_by: SortBy, snapshot: SnapshotReader, scope: Scope
) -> dict[str, list[dict[str, Any]]]:
    """Return each account's reasons: those of the score it is ranked by, else the nearest there is."""
    if key.column == "priority":
        return action_reasons(top, snapshot, scope, WHY)
    accounts = list(top["account_id"])
    for about in dict.fromkeys((key.about, "churn", "facts") if key.column else ("facts",)):
        found = reasons_of(accounts, about, snapshot, scope, MOST)
        if any(found.values()):
            worse = not key.column and sort_by == "churn"
            kept = {name: [row for row in rows if not worse or _is_worse(row)] for name, rows in found.items()}
            return {name: rows[:WHY] for name, rows in kept.items()}
    return {account: [] for account in accounts}


def _is_worse(row: dict[str, Any]) -> bool:
    """Whether a fact speaks of decline: less of what we sell, more of what goes wrong."""
    if row["ultra"] in ("support", "errors"):
        return bool(row["current"] > row["previous"])
    return row["ultra"] in ("product usage", "contract") and bool(row["current"] < row["previous"])


def _remarks(sort_by: SortBy, frame: pd.DataFrame) -> list[Say]:
    if sort_by != "priority" or frame["uplift_usd"].notna().any():
        return []
    return [say("rank_without_uplift" if frame["growth_usd"].notna().any() else "rank_by_use_only")]


def _row(place: int, row: dict[str, Any], why: list[dict[str, Any]], snapshot: SnapshotReader) -> dict[str, Any]:
    cells: dict[str, Any] = {"rank": constant(place, "count", "place in this list"), **score_cells(row, snapshot)}
    for name, (unit, metric, _) in DEALS.items():
        if name in row:
            cells[name] = cell(row[name], unit, f"book:opportunities[{row['account_id']}, open].{name}", metric)
    cells["why"] = [reason_cells(reason, snapshot) for reason in why]
    return cells


def _tell(place: int, row: dict[str, Any], key: _Key, why: list[dict[str, Any]]) -> list[Say]:
    path = f"rows[{place}]"
    lines = [say(_sentence(row, key), path)]
    if not pd.isna(row.get("renewal_date")) and key.column != "days_to_renewal":
        lines.append(say("row_renewal", path, detail=True))
    if key.column == "priority":
        lines += filter(None, [alert(row, path, whole=False)])
    return lines + [reason_say(reason, f"{path}.why[{position}]") for position, reason in enumerate(why)]


def _sentence(row: dict[str, Any], key: _Key) -> str:
    if key.column == "priority":
        return f"row_{basis(row)}_{row['action']}" if row["action"] else "row_priority_plain"
    return {
        "uplift_usd": "row_uplift",
        "churn_probability": "row_churn",
        "growth_usd": "row_growth",
        "engagement_change": "row_engagement",
        "days_to_renewal": "row_renews",
        "": "row_deals" if "open_deals" in row else "row_spend",
    }[key.column]


def _columns(rows: list[dict[str, Any]], *, scored: bool) -> dict[str, Column]:
    """Return the headings of what the rows hold; without scores, of facts alone."""
    heads = {name: heading for name, (_, _, heading) in {**SCORES, **DEALS}.items()}
    shown = [name for name in (*SHOWN, *FACTS) if scored or name in FACTS]
    known = [name for name in shown if any(name in row and row[name].value is not None for row in rows)]
    return {"rank": Column("#"), "name": Column(heads["name"]), **{name: Column(heads[name]) for name in known}}

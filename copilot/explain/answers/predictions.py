"""Answer about one account's predictions: uplift, growth, engagement and the reasons behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.errors import MissingData
from copilot.explain.answers.common import (
    as_of_cell,
    cell,
    constant,
    health_cells,
    one_of,
    resolve,
    say,
    score_cells,
    shown,
    why_missing,
)
from copilot.explain.answers.offers import offers
from copilot.explain.answers.why import alert, reason_cells, reason_say, reasons_of, together
from copilot.text.cells import Record, Say

About = Literal["churn", "upsell", "engagement", "uplift"]
Touch = Literal["call", "email", "meeting", "training", "report"]
ALERTED = {"churn": "prevent_churn", "upsell": "promote_upsell", "engagement": "boost_engagement"}
_STAGE = {"churn": "growth", "upsell": "growth", "engagement": "engagement", "uplift": "uplift"}


def uplift(snapshot: SnapshotReader, scope: Scope, account: str, action: Touch | None = None) -> Record:
    """Say what a touch is expected to change at one account's renewal, in money.

    Raises:
        UnknownAccount: No such account in scope.
        MissingData: No uplift was estimated, or a study hides it; says why and what would mend it.
    """
    row = _account(snapshot, scope, account)
    data: dict[str, Any] = _facts(row, snapshot) | {"model": health_cells(snapshot, "uplift"), "level": _level()}
    known = not pd.isna(row["uplift_usd"])
    if not known and not data["model"]:
        raise MissingData(why_missing(snapshot, "uplift") or "Nothing is under contract there, so there is no uplift.")
    lines = [say("uplift"), say("uplift_sides")] if known else [say("uplift_constant")]
    lines.append(say("uplift_average"))
    if action is not None:
        data["kind"] = constant(action, "text", "kind of touch asked about")
        lines.append(say("uplift_kinds_pooled"))
    if not known:
        return Record("estimate_uplift", data, tuple(lines), {}, (row["account_id"],))
    return _with_reasons("estimate_uplift", row, data, lines, "uplift", snapshot, scope)


def growth(snapshot: SnapshotReader, scope: Scope, account: str, product: str | None = None) -> Record:
    """Say how an account's spend and seats are expected to change over the next renewal or quarter.

    Raises:
        UnknownAccount: No such account in scope.
        MissingData: No growth was predicted, the account has nothing under contract, or a study hides its scores.
    """
    row = _account(snapshot, scope, account)
    held = snapshot.table("contracts", scope)
    held = held[(held["account_id"] == row["account_id"])]
    chosen = one_of(product, snapshot.table("contracts", scope)["product"], "product")
    data: dict[str, Any] = _facts(row, snapshot) | {"model": health_cells(snapshot, "growth"), "level": _level()}
    if pd.isna(row["growth_usd"]) and data["model"] and why_missing(snapshot, "growth"):
        data["coin_toss"] = constant(0.5, "ratio", "AUC of a guess")
        lines = [say("growth_no_skill"), say("growth_now")]
        return _with_reasons("predict_growth", row, data, lines, "facts", snapshot, scope)
    likely, told = offers(row["account_id"], chosen, snapshot, scope)
    if pd.isna(row["growth_usd"]) and told:  # nothing under contract: what is left to predict is the first sale
        return Record("predict_growth", data | likely, tuple(told), {}, (row["account_id"],))
    _need(
        snapshot,
        "growth",
        row["growth_usd"],
        "There is nothing under contract at this account, so there is no growth to predict.",
    )
    data |= likely
    changes = snapshot.scores("quantities", scope)
    data["components"] = [
        _component(part, row["account_id"], changes, snapshot) for part in _active(held, snapshot, chosen)
    ]
    lines = [say("growth"), say("growth_chances")]
    if not pd.isna(row.get("seats_growth")):
        lines.append(say("growth_seats"))
    for place, part in enumerate(data["components"]):
        known = part["delta"].value is not None
        lines.append(say("growth_product_change" if known else "growth_product", f"components[{place}]", detail=True))
    if chosen and not data["components"]:
        data["product"] = constant(chosen, "text", "product asked about")
        lines.append(say("growth_product_missing"))
    lines += told
    return _with_reasons("predict_growth", row, data, lines, "upsell", snapshot, scope)


def engagement(snapshot: SnapshotReader, scope: Scope, account: str, product: str | None = None) -> Record:
    """Forecast next month's use of each product by one account.

    Raises:
        UnknownAccount: No such account in scope.
        MissingData: There is no usage to forecast from, or a study hides the account's scores.
    """
    row = _account(snapshot, scope, account)
    frame = snapshot.scores("forecasts", scope)
    chosen = one_of(product, snapshot.table("usage_monthly", scope)["product"], "product") if not frame.empty else None
    if not frame.empty:
        frame = frame[frame["account_id"] == row["account_id"]]
        frame = frame if chosen is None else frame[frame["product"] == chosen]
    if frame.empty:
        raise MissingData(
            why_missing(snapshot, "engagement")
            or "There is no recent usage of that by this account, so there is nothing to forecast from."
        )
    rows = [_forecast(part, snapshot) for part in frame.to_dict("records")]
    data = _facts(row, snapshot) | {"level": constant(0.8, "percent", "level of the forecast's interval"), "rows": rows}
    lines = [
        say("forecast_lead"),
        *(say(_direction(part), f"rows[{place}]", detail=True) for place, part in enumerate(frame.to_dict("records"))),
    ]
    return Record("forecast_engagement", data, tuple(lines), {}, (row["account_id"],))


def explain(snapshot: SnapshotReader, scope: Scope, account: str, about: About = "churn") -> Record:
    """Tell the strongest reasons behind one prediction of an account.

    Raises:
        UnknownAccount: No such account in scope.
        MissingData: A study hides the account's scores.
    """
    row = _account(snapshot, scope, account)
    stage = _STAGE[about]
    data: dict[str, Any] = _facts(row, snapshot) | {
        "level": _level(),
        "coin_toss": constant(0.5, "ratio", "AUC of a guess"),
    }
    data["model"] = health_cells(snapshot, "growth") if stage == "growth" else health_cells(snapshot, stage)
    column = {
        "churn": "churn_probability",
        "upsell": "upsell_probability",
        "uplift": "uplift_usd",
        "engagement": "engagement_change",
    }[about]
    missing = why_missing(snapshot, stage)
    if pd.isna(row.get(column)):
        data["reason"] = cell(
            missing or "Nothing is under contract there.", "text", f"snapshot {snapshot.id}:skipped.{stage}", "reason"
        )
        no_skill = stage == "growth" and data["model"] and missing
        return _with_reasons(
            "explain_account",
            row,
            data,
            [say("explain_no_skill" if no_skill else "explain_missing")],
            "facts",
            snapshot,
            scope,
        )
    record = _with_reasons(
        "explain_account",
        row,
        data,
        [say(f"explain_{about}")],
        "facts" if about == "engagement" else about,
        snapshot,
        scope,
    )
    fits = about == "uplift" or ALERTED[about] == row["action"]
    return replace(record, say=(*record.say, *filter(None, [alert(row) if fits else None])))


def _account(snapshot: SnapshotReader, scope: Scope, asked: str) -> dict[str, Any]:
    found = resolve(asked, snapshot, scope)
    frame = snapshot.scores("accounts", scope)
    row: dict[str, Any] = frame[frame["account_id"] == found].iloc[0].to_dict()
    shown(row)
    return row


def _facts(row: dict[str, Any], snapshot: SnapshotReader) -> dict[str, Any]:
    return {**score_cells(row, snapshot), "as_of": as_of_cell(snapshot)}


def _level() -> Any:
    return constant(0.95, "percent", "level of the interval")


def _need(
    snapshot: SnapshotReader, stage: str, value: Any, otherwise: str = "Nothing was predicted for this account."
) -> None:
    if pd.isna(value):
        raise MissingData(why_missing(snapshot, stage) or otherwise)


def _with_reasons(
    tool: str,
    row: dict[str, Any],
    data: dict[str, Any],
    lines: list[Say],
    about: str,
    snapshot: SnapshotReader,
    scope: Scope,
) -> Record:
    why = together(reasons_of([row["account_id"]], about, snapshot, scope, 5)[row["account_id"]])
    data["why"] = [reason_cells(reason, snapshot) for reason in why]
    told = [reason_say(reason, f"why[{place}]") for place, reason in enumerate(why)]
    return Record(tool, data, (*lines, *told), {}, (row["account_id"],))


def _active(held: pd.DataFrame, snapshot: SnapshotReader, product: str | None) -> list[dict[str, Any]]:
    today = pd.Timestamp(snapshot.as_of)
    running = held[(held["start_date"] <= today) & (held["end_date"].isna() | (held["end_date"] > today))]
    running = running if product is None else running[running["product"] == product]
    totals = running.groupby("product").agg(spend_usd=("annual_usd", "sum"), seats=("quantity", "sum"))
    rows: list[dict[str, Any]] = (
        totals.sort_values("spend_usd", ascending=False).reset_index().head(6).to_dict("records")
    )
    return rows


def _component(part: dict[str, Any], account: str, changes: pd.DataFrame, snapshot: SnapshotReader) -> dict[str, Any]:
    origin = f"book:contracts[{account}, {part['product']}, running]"
    delta = None
    if len(changes):
        mine = changes[(changes["account_id"] == account) & (changes["product"] == part["product"])]
        delta = mine["delta"].iloc[0] if len(mine) else None
    predicted = f"snapshot {snapshot.id}:quantities[{account}, {part['product']}].delta"
    return {
        "product": cell(part["product"], "text", origin, "product"),
        "spend_usd": cell(part["spend_usd"], "usd", f"{origin}.annual_usd", "spend"),
        "seats": cell(part["seats"], "count", f"{origin}.quantity", "seats"),
        "delta": cell(delta, "count", predicted, "seat growth"),
    }


def _forecast(part: dict[str, Any], snapshot: SnapshotReader) -> dict[str, Any]:
    origin = f"snapshot {snapshot.id}:forecasts[{part['account_id']},{part['product']},{part['metric']}]"
    label, unit = part["label"], part["unit"]
    numbers = {
        name: cell(part[name], unit, f"{origin}.{name}", label) for name in ("current", "forecast", "low", "high")
    }
    return {
        "product": cell(part["product"], "text", origin, "product"),
        "metric": cell(label, "text", origin, "metric"),
        **numbers,
    }


def _direction(part: dict[str, Any]) -> str:
    if pd.isna(part["current"]) or part["current"] == part["forecast"]:
        return "forecast_level"
    return "forecast_rise" if part["forecast"] > part["current"] else "forecast_fall"

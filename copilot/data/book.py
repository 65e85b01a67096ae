"""The book: the tables a sales team exports, with their schemas and what each one makes possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

TEXT, NUMBER, COUNT, DAY, FLAG = "str", "float64", "Int64", "datetime64[us]", "boolean"


@dataclass(frozen=True)
class Column:
    """One column: its dtype, whether it may be empty and, for numbers, its closed bounds."""

    dtype: str
    required: bool = False
    low: float | None = None
    high: float | None = None
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table of the book: columns, primary key and the questions its absence rules out."""

    columns: Mapping[str, Column]
    key: tuple[str, ...]
    enables: str


def _need(dtype: str, **limits: Any) -> Column:
    return Column(dtype, required=True, **limits)


TEXT_, NUMBER_, DAY_ = Column(TEXT), Column(NUMBER), Column(DAY)
MONEY, COUNTED = Column(NUMBER, low=0), Column(NUMBER, low=0)
# When it happened, and when this team could first have known it (MATHS §1, known time).
STAMPS = {"event_ts": DAY_, "known_ts": _need(DAY)}
TOUCH_KINDS = ("call", "email", "meeting", "training", "report")
DEAL_KINDS = ("new", "renewal", "add_on")

TABLES: Mapping[str, Table] = {
    "accounts": Table(
        {
            "account_id": _need(TEXT),
            "name": _need(TEXT),
            "segment": TEXT_,
            "region": TEXT_,
            "industry": TEXT_,
            "employees": COUNTED,
            "revenue_usd": MONEY,
            "owner_rep_id": TEXT_,
            "parent_account_id": TEXT_,
            **STAMPS,
        },
        ("account_id",),
        "anything at all",
    ),
    "contacts": Table(
        {
            "contact_id": _need(TEXT),
            "account_id": _need(TEXT),
            "name": _need(TEXT),
            "title": TEXT_,
            "email": TEXT_,
            **STAMPS,
        },
        ("contact_id",),
        "whom to talk to",
    ),
    "reps": Table(
        {
            "rep_id": _need(TEXT),
            "name": _need(TEXT),
            "role": _need(TEXT, one_of=("rep", "manager")),
            "manager_id": TEXT_,
            "region": TEXT_,
            "max_accounts": COUNTED,
            "quota_usd": MONEY,
            **STAMPS,
        },
        ("rep_id",),
        "whose account is whose, plans and totals by rep",
    ),
    "contracts": Table(  # one row a term and product; a renewal opens a new row, churn opens none
        {
            "contract_id": _need(TEXT),
            "account_id": _need(TEXT),
            "product": _need(TEXT),
            "start_date": _need(DAY),
            "end_date": DAY_,
            "rtcd": DAY_,
            "quantity": COUNTED,
            "annual_usd": _need(NUMBER, low=0),
            **STAMPS,
        },
        ("contract_id",),
        "spend, renewals, growth and churn",
    ),
    "opportunities": Table(
        {
            "opportunity_id": _need(TEXT),
            "account_id": TEXT_,
            "rep_id": TEXT_,
            "kind": Column(TEXT, one_of=DEAL_KINDS),
            "stage": _need(TEXT),
            "status": _need(TEXT, one_of=("open", "won", "lost")),
            "created_date": DAY_,
            "close_date": DAY_,
            "amount_usd": MONEY,
            "target_usd": MONEY,
            **STAMPS,
        },
        ("opportunity_id",),
        "deals, win rates and quota",
    ),
    "opportunity_lines": Table(
        {
            "opportunity_id": _need(TEXT),
            "product": _need(TEXT),
            "quantity": COUNTED,
            "list_price_usd": MONEY,
            "amount_usd": MONEY,
            **STAMPS,
        },
        ("opportunity_id", "product"),
        "deals by product and list prices",
    ),
    "usage_monthly": Table(
        {
            "account_id": _need(TEXT),
            "product": _need(TEXT),
            "utilization_pct": Column(NUMBER, low=0, high=100),
            "adoption": Column(NUMBER, low=0, high=1),
            "events": COUNTED,
            "minutes": COUNTED,
            "errors": COUNTED,
            **STAMPS,
        },
        ("account_id", "product", "event_ts"),
        "usage and the engagement forecast",
    ),
    "people_monthly": Table(
        {
            "account_id": _need(TEXT),
            "function": _need(TEXT),
            "level": _need(TEXT),
            "hires": COUNTED,
            "leavers": COUNTED,
            **STAMPS,
        },
        ("account_id", "function", "level", "event_ts"),
        "hiring and attrition",
    ),
    "signals_monthly": Table(
        {
            "account_id": _need(TEXT),
            "site_visits": COUNTED,
            "roi_usd": NUMBER_,
            "other_spend_usd": MONEY,
            "social_mentions": COUNTED,
            "online_purchases_usd": MONEY,
            **STAMPS,
        },
        ("account_id", "event_ts"),
        "site traffic, delivered value and other signals",
    ),
    "macro_monthly": Table(
        {"region": _need(TEXT), "index": _need(NUMBER), **STAMPS}, ("region", "event_ts"), "market conditions by region"
    ),
    "touches": Table(
        {
            "touch_id": _need(TEXT),
            "account_id": _need(TEXT),
            "rep_id": TEXT_,
            "kind": _need(TEXT, one_of=TOUCH_KINDS),
            **STAMPS,
        },
        ("touch_id",),
        "what a sales touch changes (uplift)",
    ),
    "tickets": Table(
        {
            "ticket_id": _need(TEXT),
            "account_id": _need(TEXT),
            "priority": TEXT_,
            "closed_date": DAY_,
            "resolution_hours": COUNTED,
            "satisfaction": NUMBER_,
            "escalated": Column(FLAG),
            **STAMPS,
        },
        ("ticket_id",),
        "support tickets",
    ),
    "notes": Table(
        {
            "note_id": _need(TEXT),
            "account_id": _need(TEXT),
            "author": TEXT_,
            "title": TEXT_,
            "body": _need(TEXT),
            **STAMPS,
        },
        ("note_id",),
        "search in notes",
    ),
    "recommendations": Table(
        {
            "recommendation_id": _need(TEXT),
            "account_id": _need(TEXT),
            "rep_id": _need(TEXT),
            "action": _need(TEXT),
            **STAMPS,
        },
        ("recommendation_id",),
        "what was recommended before",
    ),
    "feedback": Table(
        {"recommendation_id": _need(TEXT), "feedback": _need(TEXT), **STAMPS},
        ("recommendation_id",),
        "learning from clicks",
    ),
}


def bad_rows(name: str, frame: pd.DataFrame) -> pd.Series:
    """Say what is wrong with each row of a raw table; empty text where nothing is.

    Args:
        name: A key of ``TABLES``.
        frame: The table as read, any dtypes; missing optional columns count as empty.

    Returns:
        One text a row, aligned with ``frame``; the first fault found in that row.
    """
    table = TABLES[name]
    fault = pd.Series("", index=frame.index, dtype="object")

    def mark(rows: pd.Series, text: str) -> None:
        fault[rows & (fault == "")] = text

    for column, rule in table.columns.items():
        if column not in frame:
            continue
        raw = frame[column]
        empty = raw.isna() | (raw.astype("str").str.strip() == "")
        if rule.required:
            mark(empty, f"{column} is empty")
        if rule.dtype in (NUMBER, COUNT):
            value = pd.to_numeric(raw, errors="coerce")
            mark(~empty & (value.isna() | value.abs().eq(float("inf"))), f"{column} is not a number")
            if rule.low is not None:
                mark(value < rule.low, f"{column} is below {rule.low:g}")
            if rule.high is not None:
                mark(value > rule.high, f"{column} is above {rule.high:g}")
        elif rule.dtype == DAY:
            mark(~empty & pd.to_datetime(raw, errors="coerce", format="mixed").isna(), f"{column} is not a date")
        if rule.one_of:
            mark(~empty & ~raw.isin(rule.one_of), f"{column} is none of {', '.join(rule.one_of)}")
    key = [column for column in table.key if column in frame]
    if key:
        mark(frame.duplicated(key), f"{' + '.join(key)} stands there twice")
    return fault


def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with exactly the table's columns and dtypes, checked by its pandera schema.

    Args:
        name: A key of ``TABLES``.
        frame: Rows without faults (see ``bad_rows``); missing optional columns are filled with nulls.

    Raises:
        pandera.errors.SchemaErrors: A rule of the schema does not hold (a defect of the importer).
    """
    full = frame.reindex(columns=list(TABLES[name].columns))
    for column, rule in TABLES[name].columns.items():
        full[column] = _cast(full[column], rule.dtype)
    return schema(name).validate(full.reset_index(drop=True), lazy=True)


def _cast(values: pd.Series, dtype: Any) -> Any:
    if dtype == DAY:
        return pd.to_datetime(values, format="mixed").astype(DAY)
    if dtype == TEXT:
        text = values.astype("str").str.strip()
        return text.mask(values.isna() | (text == ""))
    if dtype == NUMBER:
        return pd.to_numeric(values).astype(NUMBER)
    return values.astype(dtype)


def schema(name: str) -> Any:
    """Return the pandera ``DataFrameSchema`` of one table; pandera is imported late because it takes a second."""
    import pandera.pandas as pa

    table = TABLES[name]

    def checks(rule: Column) -> list[pa.Check]:
        found = []
        if rule.low is not None:
            found.append(pa.Check.ge(rule.low))
        if rule.high is not None:
            found.append(pa.Check.le(rule.high))
        if rule.one_of:
            found.append(pa.Check.isin(rule.one_of))
        return found

    return pa.DataFrameSchema(
        {
            column: pa.Column(rule.dtype, checks(rule), nullable=not rule.required)
            for column, rule in table.columns.items()
        },
        unique=list(table.key),
        strict=True,
        name=name,
    )

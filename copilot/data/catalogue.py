"""The first feature set: what is computed from each table, and how an explanation names and groups it."""

from __future__ import annotations

from dataclasses import replace

from copilot.data.book import TABLES
from copilot.data.specs import Aggregate, Direction, FeatureSpec, windows
from copilot.data.workspace import Book
from copilot.text.cells import Unit

_ACTIVE = "start_date <= as_of AND (end_date IS NULL OR end_date > as_of)"
_YEAR_AGO = "start_date <= as_of - INTERVAL 365 DAY AND (end_date IS NULL OR end_date > as_of - INTERVAL 365 DAY)"


def default_specs(book: Book) -> list[FeatureSpec]:
    """Return the specs whose columns hold anything in this book, and one-hot columns for its segments and regions."""
    kept = [spec for spec in _catalogue() if book.has(spec.table)]
    filled = {
        table: set(book.table(table).dropna(axis=1, how="all").columns) for table in {spec.table for spec in kept}
    }
    columns = {table: set(TABLES[table].columns) for table in filled}
    kept = [spec for spec in kept if not (spec.columns & columns[spec.table]) - filled[spec.table] - _STAMPS]
    kept = [replace(spec, direction=_DIRECTION.get(spec.super_name, "neutral")) for spec in kept]
    return kept + _one_hot(book)


_STAMPS = {"event_ts", "known_ts", "end_date"}
_BETTER = (
    "utilization_pct adoption usage_events usage_minutes spend_usd seats products_owned tenure_months deals_won hires "
    "site_visits social_mentions roi_usd satisfaction touches"
).split()
_WORSE = "usage_errors deals_lost leavers tickets tickets_urgent tickets_escalated resolution_hours".split()
_DIRECTION: dict[str, Direction] = {
    **dict.fromkeys(_BETTER, "higher is better"),
    **dict.fromkeys(_WORSE, "lower is better"),
}


def _one_hot(book: Book) -> list[FeatureSpec]:
    accounts, specs = book.table("accounts"), []
    for column in ("segment", "region", "industry"):
        common = accounts[column].value_counts().loc[lambda n: n >= 20].head(8)
        for position, value in enumerate(sorted(common.index)):
            text = str(value).replace("'", "''")
            if "\\" in text:  # engines read a backslash in a text differently
                continue
            specs.append(
                FeatureSpec(
                    f"{column}_{position}",
                    "accounts",
                    "1",
                    "count",
                    where=f"{column} = '{text}'",
                    unit="flag",
                    label=f"{column} {value}",
                    super_name=f"{column}_{position}",
                    ultra_name=column,
                    category="Company",
                )
            )
    return specs


def _catalogue() -> list[FeatureSpec]:
    def usage(name: str, metric: str, aggregate: Aggregate, unit: Unit, label: str) -> FeatureSpec:
        return FeatureSpec(
            name,
            "usage_monthly",
            metric,
            aggregate,
            unit=unit,
            label=label,
            ultra_name="errors" if metric == "errors" else "product usage",
            category="Usage",
        )

    def state(
        name: str, metric: str, aggregate: Aggregate, unit: Unit, label: str, where: str = _ACTIVE
    ) -> FeatureSpec:
        return FeatureSpec(
            name,
            "contracts",
            metric,
            aggregate,
            where=where,
            unit=unit,
            label=label,
            super_name=name.removesuffix("_year_ago"),
            ultra_name="contract",
            category="Spend",
        )

    def people(name: str, label: str) -> FeatureSpec:
        return FeatureSpec(name, "people_monthly", name, label=label, ultra_name="people", category="Company")

    def signal(name: str, unit: Unit, label: str, ultra: str) -> FeatureSpec:
        return FeatureSpec(name, "signals_monthly", name, unit=unit, label=label, ultra_name=ultra, category="Interest")

    def tickets(name: str, metric: str, aggregate: Aggregate, unit: Unit, label: str, where: str = "") -> FeatureSpec:
        return FeatureSpec(
            name,
            "tickets",
            metric,
            aggregate,
            where=where,
            unit=unit,
            label=label,
            ultra_name="support",
            category="Support",
        )

    closed = "closed_date <= as_of"  # how a ticket ended is known only once it has
    deals = FeatureSpec(
        "deals_won",
        "opportunities",
        "1",
        "count",
        unit="count",
        label="deals won",
        where="status = 'won' AND close_date <= as_of",
        ultra_name="deals",
        category="Spend",
    )
    return [
        *windows(
            usage("utilization_pct", "utilization_pct", "mean", "pct", "utilisation"),
            "l1m",
            "l2m_l1m",
            "l3m",
            "l6m_l3m",
            "l12m",
        ),
        *windows(usage("adoption", "adoption", "mean", "percent", "adoption"), "l1m", "l3m", "l6m_l3m"),
        *windows(usage("usage_events", "events", "sum", "count", "usage events"), "l1m", "l2m_l1m", "l3m", "l6m_l3m"),
        *windows(usage("usage_minutes", "minutes", "sum", "count", "minutes of use"), "l3m", "l6m_l3m"),
        *windows(usage("usage_errors", "errors", "sum", "count", "errors"), "l3m", "l6m_l3m"),
        state("spend_usd", "annual_usd", "sum", "usd", "annual spend"),
        state("spend_usd_year_ago", "annual_usd", "sum", "usd", "annual spend", _YEAR_AGO),
        state("seats", "quantity", "sum", "count", "seats under contract"),
        state("seats_year_ago", "quantity", "sum", "count", "seats under contract", _YEAR_AGO),
        state("products_owned", "product", "distinct", "count", "products owned"),
        replace(
            state("tenure_months", "age_month", "max", "months", "time as a customer", "TRUE"), ultra_name="tenure"
        ),
        *windows(replace(deals, where=deals.where), "l12m"),
        *windows(
            replace(deals, name="deals_lost", label="deals lost", where=deals.where.replace("won", "lost")), "l12m"
        ),
        *windows(people("hires", "people hired"), "l3m", "l12m", "l24m_l12m"),
        *windows(people("leavers", "people who left"), "l3m", "l12m", "l24m_l12m"),
        *windows(signal("site_visits", "count", "visits to our site", "attention"), "l3m", "l6m_l3m"),
        *windows(signal("social_mentions", "count", "social mentions", "attention"), "l3m", "l6m_l3m"),
        *windows(signal("roi_usd", "usd", "value delivered", "value"), "l12m", "l24m_l12m"),
        *windows(signal("other_spend_usd", "usd", "spend with other vendors", "other spend"), "l12m"),
        *windows(signal("online_purchases_usd", "usd", "online purchases", "other spend"), "l12m"),
        *windows(tickets("tickets", "1", "count", "count", "support tickets"), "l3m", "l6m_l3m"),
        *windows(tickets("tickets_urgent", "1", "count", "count", "urgent tickets", "priority = 'urgent'"), "l3m"),
        *windows(
            tickets("tickets_escalated", "1", "count", "count", "escalated tickets", f"escalated AND {closed}"), "l12m"
        ),
        *windows(
            tickets("resolution_hours", "resolution_hours", "mean", "hours", "hours to close a ticket", closed), "l12m"
        ),
        *windows(tickets("satisfaction", "satisfaction", "mean", "score", "ticket satisfaction", closed), "l12m"),
        *windows(
            FeatureSpec(
                "touches",
                "touches",
                "1",
                "count",
                unit="count",
                label="touches by us",
                ultra_name="touches",
                category="Relationship",
            ),
            "l3m",
            "l12m",
        ),
        FeatureSpec(
            "employees",
            "accounts",
            "employees",
            "max",
            unit="count",
            label="employees",
            super_name="employees",
            ultra_name="company size",
            category="Company",
        ),
        FeatureSpec(
            "revenue_usd",
            "accounts",
            "revenue_usd",
            "max",
            unit="usd",
            label="company revenue",
            super_name="revenue_usd",
            ultra_name="company size",
            category="Company",
        ),
    ]

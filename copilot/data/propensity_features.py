"""What a propensity reads: the account's features, those of the product asked about, and which component each is for.

Everything is as of the sample's date. Sums over months are put on a full window where the table's history is shorter,
so that an account is not taken for quiet because the book is young.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from copilot.data.choice import choice, choose, read_lists
from copilot.data.features import build
from copilot.data.specs import FeatureSpec, windows
from copilot.data.workspace import Book, Workspace

Case = Literal["new", "renewal", "add_on"]
MOST_EARLY = 0.2  # of the months of usage may lie before the contract: trials, and rows that came late
MONTHLY = ("usage_monthly", "people_monthly", "signals_monthly")
# Which component a feature belongs to, by its name without the window; "own_" ones speak of the product asked about.
COMPONENTS: dict[str, tuple[str, ...]] = {
    "growth": (
        "segment", "industry", "region", "employees", "revenue_usd", "hires", "leavers", "leavers_per_hire",
        "hires_per_100", "net_hires_per_100",
    ),
    "affinity": (
        "site_visits", "touches", "contacts_known", "notes_written", "attempts", "former_customer", "deals_lost",
        "win_rate",
    ),
    "booking": (
        "spend_usd", "spend_usd_year_ago", "seats", "seats_year_ago", "products_owned", "tenure_months", "deals_won",
        "own_spend_usd", "own_seats", "own_tenure_months", "own_days_to_renewal", "own_share_of_spend",
    ),
    "usage": (
        "utilization_pct", "utilization_swing", "adoption", "products_used", "minutes_per_event", "usage_events",
        "usage_minutes", "own_utilization_pct", "own_adoption", "own_events",
    ),
    "performance": (
        "roi_usd", "usage_errors", "error_rate", "tickets", "tickets_urgent", "urgent_share", "tickets_escalated",
        "escalated_share", "resolution_hours", "satisfaction",
    ),
    "social": ("social_mentions",),
    "white_space": ("other_spend_usd", "online_purchases_usd", "own_seats_per_100", "white_space_ratio", "own_held"),
}  # fmt: skip

REGION = FeatureSpec("region", "accounts", "region", "distinct", label="region")  # pooled by where no list denies it

FURTHER = {  # windows beside the catalogue's
    "hires_l12m": ("l6m", "l24m"),
    "leavers_l12m": ("l24m",),
    "site_visits_l3m": ("l12m",),
    "social_mentions_l3m": ("l12m",),
    "other_spend_usd_l12m": ("l3m",),
}


def features(workspace: Workspace, samples: pd.DataFrame, case: Case) -> pd.DataFrame:
    """Return the features of samples as they could have been known at each one's date.

    Args:
        workspace: Where the book is.
        samples: ``account_id`` and ``as_of``, ``product`` unless ``case`` is "new" (which may have a ``season``).
        case: New business (APS), or renewals and add-ons of a product (UPS).

    What the workspace's lists deny is not among them.

    Returns:
        Indexed as ``samples``: numbers, and as text ``region`` for "new" (with ``season`` where the samples have it);
        for the others ``product`` and ``offer``, the product and whether it would be new at the account.
    """
    book, lists = workspace.book(), read_lists(workspace)
    specs = account_specs(workspace, book, case)
    once = samples[["account_id", "as_of"]].drop_duplicates()  # an account's products share its features
    shared = _on_full_windows(build(workspace, specs=specs, as_of=once), book, specs, once)
    found = samples[["account_id", "as_of"]].merge(shared.join(once), on=["account_id", "as_of"], how="left")
    found = found.drop(columns=["account_id", "as_of"]).set_axis(samples.index)
    if case != "new":
        own = choose(product_specs(book), lists).specs
        if own:
            found = found.join(_on_full_windows(build(workspace, specs=own, as_of=samples), book, own, samples))
        found["own_days_to_renewal"] = days_to_renewal(book, samples)
    found = pd.concat([found, _ratios(found)], axis=1)
    if case == "new" and choose([REGION], lists).specs:
        region = book.table("accounts").set_index("account_id")["region"]
        found["region"] = samples["account_id"].map(region)
    if case == "new" and "season" in samples:
        found["season"] = samples["season"]
    if case != "new":
        held = found["own_held"].to_numpy(float) > 0 if "own_held" in found else np.zeros(len(found), bool)
        found["product"] = samples["product"]
        found["offer"] = samples["product"].astype("str") + np.where(held, ", more", ", new")
    return found


def unearned_usage(book: Book) -> str | None:
    """Return why the book's usage cannot be read, or None: too much of it lies before the product was under contract.

    In an export that files usage under a later contract, use before the purchase tells of the purchase.
    """
    usage, contracts = book.table("usage_monthly"), book.table("contracts")
    if usage.empty or contracts.empty:
        return None
    first = contracts.groupby(["account_id", "product"])["start_date"].min().rename("first").reset_index()
    rows = usage[["account_id", "product", "event_ts"]].merge(first, on=["account_id", "product"], how="left")
    begins = rows["first"].dt.to_period("M").dt.to_timestamp()
    early = float((rows["first"].isna() | (rows["event_ts"] < begins)).mean())
    if early <= MOST_EARLY:
        return None
    return (
        f"{early:.0%} of the usage lies before its product was under contract, so it may tell of contracts to come: "
        "usage is left out of the propensities."
    )


def components(columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the columns of each component, among those there are."""
    found: dict[str, tuple[str, ...]] = {}
    for name, families in COMPONENTS.items():
        found[name] = tuple(column for column in columns if _family(column) in families)
    return found


def account_specs(workspace: Workspace, book: Book, case: Case) -> list[FeatureSpec]:
    """Return the account's specs: the chosen ones, longer windows, earlier attempts. Regions are pooled, not read."""
    kept = [
        spec for spec in choice(workspace, book).specs if not (case == "new" and spec.super_name.startswith("region_"))
    ]
    there, tables = {spec.name for spec in kept}, {spec.name: spec for spec in kept}
    for name, spans in FURTHER.items():
        if name in tables:
            base = replace(tables[name], name=tables[name].super_name, window=None, lag=0)
            kept += [spec for spec in windows(base, *spans) if spec.name not in there]
    if unearned_usage(book) is not None:
        kept = [spec for spec in kept if spec.table != "usage_monthly"]
    if book.has("opportunities"):
        kept.append(
            FeatureSpec("attempts", "opportunities", "1", "count", where="kind = 'new'", label="attempts to win it")
        )
    if book.has("contracts"):
        over = "end_date IS NOT NULL AND end_date <= as_of"
        kept.append(FeatureSpec("former_customer", "contracts", "1", "count", where=over, label="contracts that ended"))
    return list(choose(kept, read_lists(workspace)).specs)  # what is denied stays so in a longer window


def product_specs(book: Book) -> list[FeatureSpec]:
    """Return the specs of an account and product: what it holds of it and how it uses it."""
    key, active = ("account_id", "product"), "start_date <= as_of AND (end_date IS NULL OR end_date > as_of)"
    specs: list[FeatureSpec] = []
    if book.has("contracts"):
        specs += [
            FeatureSpec("own_spend_usd", "contracts", "annual_usd", "sum", where=active, entity=key, unit="usd"),
            FeatureSpec("own_seats", "contracts", "quantity", "sum", where=active, entity=key),
            FeatureSpec("own_held", "contracts", "1", "count", where=active, entity=key),
            FeatureSpec("own_tenure_months", "contracts", "age_month", "max", entity=key, unit="months"),
        ]
    if book.has("usage_monthly") and unearned_usage(book) is None:
        filled = set(book.table("usage_monthly").dropna(axis=1, how="all").columns)
        for metric, aggregate, spans in (
            ("utilization_pct", "mean", ("l1m", "l3m", "l6m_l3m", "l12m")),
            ("adoption", "mean", ("l3m",)),
            ("events", "sum", ("l3m", "l6m_l3m")),
        ):
            if metric in filled:
                base = FeatureSpec(f"own_{metric}", "usage_monthly", metric, aggregate, entity=key)  # type: ignore[arg-type]
                specs += windows(base, *spans)
    return specs


def days_to_renewal(book: Book, samples: pd.DataFrame) -> pd.Series:
    """Return the days from each sample to its product's next renewal, by contracts known then; NaN without one."""
    terms = book.table("contracts")[["account_id", "product", "rtcd", "known_ts"]].dropna(subset=["rtcd"])
    asked = samples[["account_id", "product", "as_of"]].reset_index(drop=True).rename_axis("row").reset_index()
    rows = asked.merge(terms, on=["account_id", "product"])
    rows = rows[(rows["known_ts"] < rows["as_of"] + pd.Timedelta(days=1)) & (rows["rtcd"] > rows["as_of"])]
    days = ((rows["rtcd"] - rows["as_of"]) / pd.Timedelta(days=1)).groupby(rows["row"]).min()
    return pd.Series(days.reindex(range(len(samples))).to_numpy(float), index=samples.index)


def _on_full_windows(
    found: pd.DataFrame, book: Book, specs: Sequence[FeatureSpec], samples: pd.DataFrame
) -> pd.DataFrame:
    """Scale a sum over the months that the table holds to its whole window; without one such month it is empty."""
    as_of = pd.to_datetime(samples["as_of"])
    whole = as_of.dt.year * 12 + as_of.dt.month - (~as_of.dt.is_month_end).astype(int)  # the last complete month
    first = {table: book.table(table)["event_ts"].min() for table in MONTHLY if book.has(table)}
    found = found.copy()
    for spec in specs:
        begin = first.get(spec.table)
        if spec.aggregate != "sum" or spec.window is None or spec.grain != "month" or begin is None or pd.isna(begin):
            continue
        there = (whole - (begin.year * 12 + begin.month) + 1 - spec.lag).clip(0, spec.window).to_numpy(float)
        scale = np.divide(spec.window, there, out=np.full(len(there), np.nan), where=there > 0)
        found[spec.name] = found[spec.name].to_numpy(float) * scale
    return found


def _ratios(found: pd.DataFrame) -> pd.DataFrame:
    """Return rates of what stands there as volumes: hiring a head, the product's share, room beside what is spent."""

    def over(above: str, below: str, scale: float = 1.0) -> pd.Series:
        if above not in found or below not in found:
            return pd.Series(np.nan, index=found.index)
        return scale * found[above] / found[below].where(found[below] > 0)

    net = over("leavers_l12m", "employees", -100.0)
    return pd.DataFrame(
        {
            "net_hires_per_100": over("hires_l12m", "employees", 100.0) + net,
            "hires_per_100": over("hires_l12m", "employees", 100.0),
            "own_share_of_spend": over("own_spend_usd", "spend_usd"),
            "own_seats_per_100": over("own_seats", "employees", 100.0),
            "white_space_ratio": over("other_spend_usd_l12m", "spend_usd"),
        }
    )


def _family(column: str) -> str:
    """Return a column's name without its window, as _l3m, _l6m_l3m or _l3m_yoy, and without one of several values."""
    plain = re.sub(r"(_l\d+[dwm])+(_yoy)?$", "", column)
    value = re.match(r"(segment|industry|region)_|(hires|leavers)_(?:function|level)_", plain)
    return (value[1] or value[2]) if value else plain

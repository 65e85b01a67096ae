"""Facts of an alert's account and rep at its moment, as numbers for the context: use, renewal, spend, deals won."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from copilot.errors import BadInput

TABLES = ("contracts", "usage_monthly", "opportunities")
FACTS = (
    "use_share", "use_missing", "years_to_renewal", "log_days_to_renewal", "renewal_missing",
    "log_spend", "unsold_share", "rep_win_rate",
)  # fmt: skip
USUAL_USE = 0.5  # where no use is known; ``use_missing`` says so beside it
LONGEST_YEARS = 3.0
LIKE_DEALS = 10.0  # a rep without deals counts as so many with the team's own rate
_YEAR = pd.Timedelta(days=365)


def facts(alerts: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return what was known of each alert's account and rep at its moment; later rows of the tables do not count.

    Args:
        alerts: ``account_id, rep_id, event_ts``; any index.
        tables: The book's ``TABLES``; one that is empty leaves its facts missing.

    Returns:
        Finite floats on the alerts' index: ``use_share`` (0–1, last known use of the product with the highest spend),
        ``years_to_renewal`` (0–3) and ``log_days_to_renewal`` (of the next RTCD), ``log_spend`` (of the running
        contracts a year), ``unsold_share`` (of the book's products, those the account does not hold), ``rep_win_rate``
        (of new and add-on deals closed in the year before), and a flag for what is missing.

    Raises:
        BadInput: A table is missing.
    """
    missing = [name for name in TABLES if name not in tables]
    if missing:
        raise BadInput(f"The facts of alerts need the tables {', '.join(TABLES)}; missing: {', '.join(missing)}.")
    asked = pd.DataFrame(
        {
            "account_id": alerts["account_id"].astype("str").to_numpy(),
            "rep_id": alerts["rep_id"].astype("str").to_numpy(),
            "at": pd.to_datetime(alerts["event_ts"]).astype("datetime64[us]").to_numpy(),
            "row": np.arange(len(alerts)),
        }
    )
    contracts = _contracts(asked, tables["contracts"])
    use = _use(asked, contracts, tables["usage_monthly"])
    days = (contracts["next_rtcd"] - asked["at"]).dt.total_seconds() / 86_400
    known = days.notna()
    days = days.clip(lower=0).fillna(365.0)
    found = pd.DataFrame(
        {
            "use_share": use.fillna(USUAL_USE),
            "use_missing": use.isna(),
            "years_to_renewal": (days / 365).clip(upper=LONGEST_YEARS),
            "log_days_to_renewal": np.log1p(days),
            "renewal_missing": ~known,
            "log_spend": np.log1p(contracts["spend_usd"].clip(lower=0)),
            "unsold_share": 1 - contracts["held"] / max(tables["contracts"]["product"].nunique(), 1),
            "rep_win_rate": _win_rate(asked, tables["opportunities"]),
        }
    )
    return found[list(FACTS)].astype("float64").set_axis(alerts.index)


def _contracts(asked: pd.DataFrame, contracts: pd.DataFrame) -> pd.DataFrame:
    """Return, row by row, spend and products under contract, the largest of them and the next RTCD."""
    own = asked.merge(contracts.assign(account_id=contracts["account_id"].astype("str")), on="account_id")
    own = own[own["known_ts"] <= own["at"]]
    running = own[(own["start_date"] <= own["at"]) & (own["end_date"].isna() | (own["end_date"] > own["at"]))]
    by_product = running.groupby(["row", "product"], as_index=False)["annual_usd"].sum()
    largest = by_product.sort_values(["row", "annual_usd", "product"], ascending=[True, False, True])
    ahead = own[own["rtcd"] >= own["at"]].groupby("row")["rtcd"].min()
    rows = asked["row"]
    return pd.DataFrame(
        {
            "spend_usd": by_product.groupby("row")["annual_usd"].sum().reindex(rows, fill_value=0.0),
            "held": by_product.groupby("row").size().reindex(rows, fill_value=0),
            "product": largest.drop_duplicates("row").set_index("row")["product"].reindex(rows),
            "next_rtcd": ahead.reindex(rows).astype("datetime64[us]"),
        }
    ).reset_index(drop=True)


def _use(asked: pd.DataFrame, contracts: pd.DataFrame, usage: pd.DataFrame) -> pd.Series:
    told = usage.dropna(subset=["utilization_pct", "known_ts"])
    told = pd.DataFrame(
        {
            "account_id": told["account_id"].astype("str"),
            "product": told["product"].astype("str"),
            "at": pd.to_datetime(told["known_ts"]).astype("datetime64[us]"),
            "use": told["utilization_pct"].astype("float64") / 100,
        }
    ).sort_values("at", kind="stable")
    # A column of missing products alone has no type of its own, and a join wants equal types.
    of = asked.assign(product=contracts["product"].to_numpy()).astype({"account_id": "str", "product": "str"})
    of = of.sort_values("at", kind="stable")
    found = pd.merge_asof(of, told, on="at", by=["account_id", "product"])
    return found.set_index("row")["use"].reindex(asked["row"]).reset_index(drop=True)


def _win_rate(asked: pd.DataFrame, deals: pd.DataFrame) -> pd.Series:
    closed = deals[deals["status"].isin(["won", "lost"]) & deals["close_date"].notna() & (deals["kind"] != "renewal")]
    at = closed[["close_date", "known_ts"]].max(axis=1).astype("datetime64[us]")
    run = pd.DataFrame(
        {"rep_id": closed["rep_id"].astype("str"), "at": at, "won": (closed["status"] == "won").astype("float64")}
    ).sort_values("at", kind="stable")
    team = (run["won"].sum() + 1) / (len(run) + 2)
    run["closed"] = run.groupby("rep_id").cumcount() + 1.0
    run["won"] = run.groupby("rep_id")["won"].cumsum()
    until, before = _totals(asked, asked["at"], run), _totals(asked, asked["at"] - _YEAR, run)
    recent = until - before
    rate: pd.Series = (recent["won"] + LIKE_DEALS * team) / (recent["closed"] + LIKE_DEALS)
    return rate


def _totals(asked: pd.DataFrame, when: pd.Series, run: pd.DataFrame) -> pd.DataFrame:
    of = asked.assign(at=when).astype({"rep_id": "str"}).sort_values("at", kind="stable")
    found = pd.merge_asof(of, run, on="at", by="rep_id").set_index("row")[["won", "closed"]]
    return found.fillna(0.0).reindex(asked["row"]).reset_index(drop=True)

"""Growth and churn: how spend and quantities changed over a renewal (001 §2.1, Fig. 1-2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pandas as pd

from copilot.data.labels.record import Labels, contracts, contracts_over_time, known_by, later
from copilot.data.labels.renewals import LEAD_DAYS, SETTLE_DAYS, active, moments
from copilot.data.labels.windows import outcome
from copilot.data.workspace import Book

By = Literal["account", "product"]
SPEC = (
    f"Change of {{what}} between {LEAD_DAYS} days before a renewal date and {SETTLE_DAYS} days after it (001 §2.1), or "
    "over a quarter where the book has no renewal dates."
)


def growth(book: Book, *, by: By = "account") -> Labels:
    """Return how each account's spend, or each of its products' quantity, changed over each renewal.

    Returns:
        ``account_id``, with ``by="product"`` also ``product``; ``as_of``; ``end``, the day the outcome is read;
        ``known_at``, that day or when the last contract involved was known; ``base_usd`` and ``base_quantity``, as
        the book had them on ``as_of`` itself, for a model is told them; ``delta_usd`` and ``delta_quantity``, the
        change from ``as_of`` to ``end``, both by what is known of them now (quantities are null where a contract
        states none); ``outcome``: upsell, flat or churn, by the spend of an account or the quantity of a product (its
        spend where the quantity is null). Only accounts that were known to spend something on ``as_of``; a product new
        by ``end`` has base 0.
    """
    changes = _changes(book, by)
    return replace(changes, frame=changes.frame.drop(columns="after_usd"))


def _changes(book: Book, by: By) -> Labels:
    """Return the labels of ``growth`` with ``after_usd``, the spend on ``end``."""
    rows, left_out = contracts(book)
    told = contracts_over_time(book)
    found = moments(rows, pd.Timestamp(book.as_of)).reset_index(drop=True)
    spending = active(told, found, "as_of", known=True)["annual_usd"] > 0
    found = found[spending].reset_index(drop=True)
    keys = ("product",) if by == "product" else ()
    base, before, after = (
        active(told, found, "as_of", keys, known=True),
        active(rows, found, "as_of", keys),
        active(rows, found, "end", keys),
    )
    both = before.add_suffix("_before").join(after.add_suffix("_after"), how="outer")
    both = both.join(base.add_suffix("_base"), how="outer").reset_index()
    for column in ("annual_usd", "quantity"):
        for side in ("base", "before", "after"):  # no row: nothing was active; a row without quantity stays unknown
            absent = both[f"known_ts_{side}"].isna()
            both[f"{column}_{side}"] = both[f"{column}_{side}"].mask(absent, 0.0)
    both = (
        found.rename_axis("row").reset_index().merge(both if keys else both.rename(columns={"index": "row"}), on="row")
    )
    known_at = later(both["end"], later(both["known_ts_before"], both["known_ts_after"]))
    both = both.assign(
        known_at=known_at,
        base_usd=both["annual_usd_base"],
        base_quantity=both["quantity_base"],
        after_usd=both["annual_usd_after"],
        delta_usd=both["annual_usd_after"] - both["annual_usd_before"],
        delta_quantity=both["quantity_after"] - both["quantity_before"],
    )
    spend = both["delta_usd"]
    both["outcome"] = outcome(both["delta_quantity"].fillna(spend) if by == "product" else spend)
    columns = "as_of end known_at base_usd base_quantity delta_usd delta_quantity outcome after_usd".split()
    spec = SPEC.format(what="an account's spend" if by == "account" else "a product's quantity at an account")
    return known_by(book, both[["account_id", *keys, *columns]], spec, left_out)


def churn(book: Book, *, by: By = "account") -> Labels:
    """Return who bought less, and who left, over each renewal.

    Returns:
        The columns of ``growth`` for what was held on ``as_of``, with ``churned`` (less than before, 001 §2.1) and
        ``left`` (nothing at all any more), both 0 or 1.
    """
    labels = _changes(book, by)
    held = labels.frame[labels.frame["base_usd"] > 0].reset_index(drop=True)
    nothing = held.pop("after_usd").abs() < 0.005  # half a cent
    held = held.assign(churned=(held["outcome"] == "churn").astype("int64"), left=nothing.astype("int64"))
    return replace(labels, frame=held, spec=f"1 where less was bought than before. {labels.spec}")

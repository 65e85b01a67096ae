"""Answer what an account is likely to buy: the propensities of its products, with the components behind them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.explain.answers.common import cell, say
from copilot.models.propensity.words import sentence
from copilot.text.cells import Cell, Say

ADD_ONS = 2  # told beside the renewals of what is held
SAID = {"renewal": "offer_renewal", "add_on": "offer_add_on", "new": "offer_new"}


def offers(
    account: str, product: str | None, snapshot: SnapshotReader, scope: Scope
) -> tuple[dict[str, Any], list[Say]]:
    """Return the cells and sentences on one account's offers; both empty where no propensity has skill.

    Args:
        account: Its id.
        product: Only offers of this product, or None.
        snapshot: Holds the frame ``propensity``.
        scope: Whose accounts may be read.
    """
    rows = _chosen(account, product, snapshot, scope)
    if rows.empty:
        return {}, []
    told = [_cells(row, snapshot) for row in rows.to_dict("records")]
    lines = [say(SAID[row["case"]], f"offers[{place}]") for place, row in enumerate(rows.to_dict("records"))]
    best = int(rows["probability"].to_numpy().argmax())
    lines += [say("offer_components", f"offers[{best}]"), say("offer_advice", f"offers[{best}]")]
    return {"offers": told}, lines


def _chosen(account: str, product: str | None, snapshot: SnapshotReader, scope: Scope) -> pd.DataFrame:
    """Return the renewals of what is held and the likeliest add-ons, or the chance to win an account; likeliest first.

    More of what is held already is told as its renewal where that is known.
    """
    frame = snapshot.scores("propensity", scope)
    if frame.empty:
        return frame
    rows = frame[frame["account_id"] == account].sort_values("probability", ascending=False, kind="stable")
    if product is not None:
        rows = rows[(rows["product"] == product) | (rows["case"] == "new")]
    held = set(rows.loc[rows["case"] == "renewal", "product"])
    add_ons = rows[(rows["case"] == "add_on") & ~rows["product"].isin(held)].head(ADD_ONS)
    return pd.concat([rows[rows["case"] != "add_on"], add_ons], ignore_index=True)


def _cells(row: dict[str, Any], snapshot: SnapshotReader) -> dict[str, Cell]:
    origin = f"snapshot {snapshot.id}:propensity[{row['account_id']}, {row['product']}, {row['case']}]"
    return {
        "product": cell(row["product"], "text", f"{origin}.product", "product"),
        "probability": cell(row["probability"], "percent", f"{origin}.probability", "propensity"),
        "tier": cell(row["tier"], "text", f"{origin}.tier", "tier"),
        "components": cell(sentence(row), "text", f"{origin}.levels", "component levels"),
        "advice": cell(row["advice"], "text", f"{origin}.advice", "advice"),
    }

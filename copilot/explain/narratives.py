"""A reason in words: its cells, the template that fits them, and the sentences of many reasons at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from copilot.explain.answers.common import cell, templates
from copilot.explain.insights import relative_change
from copilot.explain.thresholds import Rules
from copilot.text.cells import Cell, fill

# What a reason with a positive, and one with a negative push means.
MEANINGS = {
    "churn": ("points to churn", "points away from churn"),
    "upsell": ("points to growth", "points away from growth"),
    "uplift": ("a touch helps more", "a touch helps less"),
}
OTHER_MEANING = ("raises it", "lowers it")  # of a team's own model, which may predict anything
PLACES = {
    1: "highest",
    2: "second highest",
    3: "third highest",
    -1: "lowest",
    -2: "second lowest",
    -3: "third lowest",
}


def cells(row: Mapping[str, Any], origin: str = "", outlook: str | None = None) -> dict[str, Cell]:
    """Return one reason's cells: what it is about, its values, their change, its groups and its place.

    Args:
        row: A row of ``reasons``.
        origin: Where the row lies, as in ``snapshot …:reasons[…]``.
        outlook: What the change could mean, in the glossary's words.
    """
    unit, metric, period = row["unit"], row["label"], row["period"] or None
    found = {
        "label": cell(metric, "text", origin, "reason"),
        "previous": cell(row["previous"], unit, f"{origin}.{row['previous_feature']}", metric),
        "period": cell(period, "text", origin, "period"),
        "category": cell(row["category"] or None, "text", origin, "category"),
        "meaning": cell(_meaning(row), "text", origin, "direction"),
    }
    if row["insight"] == "change" and pd.isna(row["previous"]):
        found |= _moved(row["current"], unit, f"{origin}.{row['current_feature']}", metric)
        return found | _outlook(outlook, origin)
    found["current"] = cell(row["current"], unit, f"{origin}.{row['current_feature']}", metric)
    if not pd.isna(row["previous"]) and (change := relative_change(row["current"], row["previous"], unit)):
        how = "current - previous" if change[1] == "points" else "(current - previous) / |previous|"
        found |= _moved(*change, f"{origin}: {how}", metric)
    if not pd.isna(row["price"]):
        found["price"] = cell(row["price"], "usd", f"{origin}.price", "annual spend")
    for number in (1, 2):
        if row[f"by_{number}"]:
            found[f"dim_{number}"] = cell(row[f"dim_{number}"], "text", origin, "dimension")
            found[f"by_{number}"] = cell(row[f"by_{number}"], "text", origin, "group")
            found[f"in_{number}"] = cell(row[f"in_{number}"], unit, f"{origin}.in_{number}", metric)
    if row["place"]:
        found["place"] = cell(PLACES[int(row["place"])], "text", f"{origin}.place", "place")
        found["peers"] = cell(int(row["peers"]), "count", f"{origin}.peers", "accounts in the segment")
        found["segment"] = cell(row["segment"], "text", f"{origin}.segment", "segment")
    return found | _outlook(outlook, origin)


def sentence(row: Mapping[str, Any], found: Mapping[str, Cell]) -> str:
    """Return the reason in reference form, ``{{current}}`` pointing at ``found``."""
    words = templates("narratives")
    text = words[_base(row, found)]
    if "in_1" in found:
        text += words["of_two" if "in_2" in found else "of_one"]
    if "place" in found:
        text += words["place"]
    if found["meaning"].known:
        text += words["meaning"]
    if "outlook" in found:
        text += words["outlook"]
    return f"{text}."


def outlook_of(row: Mapping[str, Any], rules: Rules) -> str | None:
    """Return what the change could mean in the glossary's words; None where glossary or model do not support it."""
    meanings = rules.glossary.get(row["ultra"])
    if meanings is None or not row["news"]:
        return None
    return meanings.better if row["news"] > 0 else meanings.worse


def texts(frame: pd.DataFrame, rules: Rules) -> list[str]:
    """Return the sentence of each reason with its values filled in, a capital first."""
    told = []
    for row in frame.to_dict("records"):
        found = cells(row, "", outlook_of(row, rules))
        text = fill(sentence(row, found), found)
        told.append(text[:1].upper() + text[1:])
    return told


def by_category(frame: pd.DataFrame) -> pd.DataFrame:
    """Concatenate the narratives of each category, the category with the weightiest one first.

    Args:
        frame: ``account_id, about, rank, category, weight, text``.

    Returns:
        ``account_id, about, category_rank, category, weight, text``: one row a category of an account.
    """
    keys = ["account_id", "about"]
    frame = frame.sort_values([*keys, "rank"], kind="stable")
    joined = frame.groupby([*keys, "category"], sort=False, as_index=False).agg(
        weight=("weight", "max"), text=("text", " ".join)
    )
    joined["category_rank"] = joined.groupby(keys, sort=False).cumcount() + 1
    return joined[[*keys, "category_rank", "category", "weight", "text"]]


def _base(row: Mapping[str, Any], found: Mapping[str, Cell]) -> str:
    now, then, by = row["current"], row["previous"], "_by" if {"gain", "drop"} & set(found) else ""
    if row["insight"] == "flag":
        return "flag"
    if row["insight"] == "change" and pd.isna(then):
        # Year on year is held to [-1, 3]: what stands at the upper end may be more.
        return ("up_capped" if now >= 3 and row["unit"] == "percent" else "up") if now > 0 else "down"
    if pd.isna(then):
        if not found["current"].known:
            return "named"
        if "price" in found:
            return "quantity"
        return "level_period" if found["period"].known else "level"
    kind = "new" if then == 0 and now > 0 else "rose" if now > then else "fell"
    return f"{kind}{by}{'_since' if row['since'] else '_year' if row['insight'] == 'change' else ''}"


def _moved(change: float, unit: str, origin: str, metric: str) -> dict[str, Cell]:
    """Return the change without its sign, under the name that says its direction."""
    name = "gain" if change > 0 else "drop"
    return {name: cell(abs(change), unit, origin, metric)}  # type: ignore[arg-type]


def _outlook(words: str | None, origin: str) -> dict[str, Cell]:
    return {"outlook": cell(words, "text", origin, "glossary")} if words else {}


def _meaning(row: Mapping[str, Any]) -> str | None:
    """Say what the reason pushes the prediction towards; plain facts push nothing."""
    if row["about"] == "facts" or not row["push"]:
        return None
    return MEANINGS.get(row["about"], OTHER_MEANING)[row["push"] < 0]

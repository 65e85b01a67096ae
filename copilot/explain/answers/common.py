"""What all answers share: cells from frames, the account a person means, templates and a model's health."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.errors import MissingData, UnknownAccount
from copilot.text.cells import Cell, Say, Unit, Value, prefix

# column of the snapshot's frame ``accounts`` -> unit, the metric's name, the table's heading
SCORES: dict[str, tuple[Unit, str, str]] = {
    "name": ("text", "account", "Account"),
    "segment": ("text", "segment", "Segment"),
    "region": ("text", "region", "Region"),
    "industry": ("text", "industry", "Industry"),
    "owner": ("text", "owner", "Owner"),
    "action": ("text", "action", "Do"),
    "heuristic_action": ("text", "action by the scores alone", "By the scores"),
    "quadrant": ("text", "quadrant", "Responds as"),
    "priority": ("score", "priority", "Priority"),
    "uplift_usd": ("usd", "uplift", "A touch adds"),
    "untouched_usd": ("usd", "growth without a touch", "Change if left alone"),
    "touched_usd": ("usd", "growth with a touch", "Change if touched"),
    "growth_usd": ("usd", "growth", "Expected change"),
    "growth_score": ("score", "growth score", "Growth score"),
    "seats_growth": ("count", "seat growth", "Expected change in seats"),
    "upsell_probability": ("percent", "upsell probability", "Chance to grow"),
    "churn_probability": ("percent", "churn probability", "Chance to shrink"),
    "engagement_change": ("points", "engagement change", "Engagement forecast"),
    "engagement_product": ("text", "product", "Product"),
    "engagement_metric": ("text", "metric", "Measure of use"),
    "engagement_current": ("pct", "use", "Use last month"),
    "engagement_forecast": ("pct", "use", "Use next month"),
    "spend_usd": ("usd", "spend", "Annual spend"),
    "seats": ("count", "seats", "Seats"),
    "renewal_date": ("date", "renewal date", "Renews"),
    "days_to_renewal": ("days", "days to renewal", "In"),
    "last_touch": ("date", "last touch", "Last touch"),
    "worklist_rank": ("count", "rank", "Rank on the worklist"),
}


ACTIONS = {
    "boost_engagement": "boost engagement",
    "prevent_churn": "prevent churn",
    "promote_upsell": "promote an upsell",
}


def cell(value: Any, unit: Unit = "text", origin: str = "", metric: str = "") -> Cell:
    """Make a cell of any scalar: numpy and pandas scalars become plain values, every kind of missing None."""
    plain: Value
    if value is None or value is pd.NaT or (not isinstance(value, str) and pd.isna(value)):
        plain = None
    elif isinstance(value, pd.Timestamp):
        plain = value.date()
    elif isinstance(value, np.generic):
        plain = value.item()
    else:
        plain = value
    return Cell(plain, unit, origin, metric)


def score_cells(row: Mapping[str, Any], snapshot: SnapshotReader, *columns: str) -> dict[str, Cell]:
    """Return the cells of one row of the frame ``accounts``; all known columns unless some are named."""
    account = row["account_id"]
    found = {"account_id": cell(account, "text", f"book:accounts[{account}].account_id", "account")}
    for name in columns or tuple(SCORES):
        if name in row:
            unit, metric, _ = SCORES[name]
            if name in ("engagement_current", "engagement_forecast") and row["engagement_unit"]:
                unit, metric = row["engagement_unit"], row["engagement_metric"]
            value = ACTIONS.get(row[name], row[name]) if name in ("action", "heuristic_action") else row[name]
            found[name] = cell(value, unit, f"snapshot {snapshot.id}:accounts[{account}].{name}", metric)
    return found


def as_of_cell(snapshot: SnapshotReader) -> Cell:
    """Return the book's own date as a cell."""
    return Cell(snapshot.as_of, "date", "book:manifest.as_of", "as of")


def constant(value: Value, unit: Unit, what: str) -> Cell:
    """Return a cell for a number that is part of the method (a horizon, a confidence level), not of the data."""
    return Cell(value, unit, f"method: {what}", what)


def resolve(asked: str, snapshot: SnapshotReader, scope: Scope) -> str:
    """Return the id of the account a person means by an id or a name.

    Raises:
        UnknownAccount: No account in scope, or more than one, fits; names the closest in scope and nothing else.
    """
    accounts = snapshot.table("accounts", scope)
    wanted = _plain(asked)
    ids, names = accounts["account_id"].map(_plain), accounts["name"].map(_plain)
    whole = [ids == wanted, names == wanted]
    part = (
        [names.str.startswith(wanted + " "), names.str.contains(rf"\b{re.escape(wanted)}\b")] if len(wanted) > 2 else []
    )
    for fits in whole + part:
        if fits.sum() == 1:
            return str(accounts.loc[fits, "account_id"].iloc[0])
        if fits.any():
            raise UnknownAccount(_short(asked), tuple(accounts.loc[fits, "name"].head(3)))
    close = difflib.get_close_matches(wanted, list(names), n=3, cutoff=0.6)
    raise UnknownAccount(_short(asked), tuple(accounts.loc[names.isin(close), "name"].head(3)))


def shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row of the frame ``accounts`` as it is.

    Raises:
        MissingData: A running study hides its scores; says until when, and which study.
    """
    why = hidden_cell(row)
    if why is not None:
        raise MissingData(f"The scores of {row['name']} are {why.value}.")
    return row


def hidden_cell(row: Mapping[str, Any]) -> Cell | None:
    """Return why an account's scores are hidden, as "hidden until DATE: control of STUDY"; None where they are not."""
    why = row.get("hidden")
    return cell(why, "text", f"studies[{row['account_id']}]", "scores") if isinstance(why, str) else None


def hidden_cells(frame: pd.DataFrame) -> list[dict[str, Cell]]:
    """Return how many rows of the frame ``accounts`` a running study hides, and until when, one entry a reason."""
    if "hidden" not in frame:
        return []
    counts = frame["hidden"].dropna().value_counts()
    return [
        {
            "accounts": cell(count, "count", "studies:accounts in scope", "accounts"),
            "why": cell(why, "text", "studies:hidden", "scores"),
        }
        for why, count in sorted(counts.items())
    ]


def hidden_say(told: list[dict[str, Cell]], topic: str = "") -> list[Say]:
    """Return the sentences on what ``hidden_cells`` counted, placed under ``hidden``."""
    return [
        say("hidden_one" if part["accounts"].value == 1 else "hidden_many", f"hidden[{place}]", topic)
        for place, part in enumerate(told)
    ]


def _plain(text: str) -> str:
    return " ".join(str(text)[:100].casefold().split())


def _short(text: str) -> str:
    return re.sub(r"[^\w .,&'()/-]", "", text)[:60].strip()


@cache
def templates(name: str) -> dict[str, str]:
    """Return the sentences of ``prompts/<name>.yaml`` by key."""
    import yaml

    from copilot.config import rooms_root

    text = (rooms_root() / "prompts" / f"{name}.yaml").read_text(encoding="utf-8")
    found: dict[str, str] = yaml.safe_load(text)["sentences"]
    return found


def say(key: str, path: str = "", topic: str = "", *, detail: bool = False, below: bool = False) -> Say:
    """Return the template ``key`` with its references placed under ``path``."""
    text = templates("answers")[key]
    return Say(prefix(text, path) if path else text, topic, detail, below)


def health_cells(snapshot: SnapshotReader, model: str) -> dict[str, Cell]:
    """Return what is known of a model's skill as cells; empty where it was not trained."""
    report = snapshot.manifest["models"].get(model)
    if report is None:
        return {}
    origin = f"snapshot {snapshot.id}:models.{model}"
    found: dict[str, Cell] = {}
    for name, unit in HEALTH.get(model, {}).items():
        measured = report.get(name)
        if isinstance(measured, dict):
            for part in ("value", "low", "high"):
                found[f"{name}_{part}"] = cell(measured.get(part), unit, f"{origin}.{name}.{part}", name)
        elif measured is not None:
            found[name] = cell(measured, unit, f"{origin}.{name}", name)
    return found


HEALTH: Mapping[str, Mapping[str, Unit]] = {
    "growth": {"auc_churn": "ratio", "auc_up": "ratio", "auc_size": "ratio", "n": "count"},
    "uplift": {"ate": "percent", "n": "count", "treated": "count"},
    "engagement": {"mae": "points", "baseline_mae": "points"},
}


def why_missing(snapshot: SnapshotReader, stage: str) -> str | None:
    """Return the sentence that says why a stage of the score was left out, or None where it was not."""
    skipped: dict[str, str] = snapshot.manifest["skipped"]
    return skipped.get(stage)


def one_of(asked: str | None, known: pd.Series, what: str) -> str | None:
    """Return the value of ``known`` that a person means, whatever its case.

    Raises:
        TryAgain: It is not among them; names those that are.
    """
    from copilot.errors import TryAgain

    if asked is None:
        return None
    values = sorted(known.dropna().unique())
    for value in values:
        if _plain(value) == _plain(asked):
            return str(value)
    raise TryAgain(f"There is no {what} {_short(asked)!r} in your book; it has {', '.join(values[:12]) or 'none'}.")


def days_between(later: date, earlier: date) -> int:
    """Return whole days from ``earlier`` to ``later``."""
    return (later - earlier).days

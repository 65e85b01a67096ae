"""The context of an alert, x = [account, rep, recommendation] (CPOG §4.2.2), from what was known before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from copilot.bandit.feedback import WORDS
from copilot.errors import BadInput

ACTIONS = ("boost_engagement", "prevent_churn", "promote_upsell")
CATEGORIES = ("segment", "region", "industry")  # of an account
SIZES = ("employees", "revenue_usd")
PREVIOUS = ("DEEP_LINK_CLICKED", "NOTIFICATION_DISMISSED", "NO_CLICK", "none yet", "no alert before")
MOST_LEVELS = 20  # of a category; rarer ones share "other"
_LIKE_CLICKS, _LIKE_ALERTS = 1.0, 3.0  # a rep without feedback counts as one click in three alerts
_ALERTS = ("account_id", "rep_id", "action", "event_ts")


@dataclass(frozen=True)
class Encoder:
    """What turns texts into columns: the levels of each category, the usual sizes and the impact columns."""

    levels: Mapping[str, tuple[str, ...]]
    usual: Mapping[str, float]
    impact: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The names of a context's numbers, in order."""
        account = [f"{name}_{level}" for name in CATEGORIES for level in (*self.levels[name], "other")]
        account += [f"log_{name}" for name in SIZES] + [f"{name}_missing" for name in SIZES]
        rep = ["rep_experience_years", "rep_success_rate", "rep_log_alerts", "rep_log_alerts_here"]
        told = ["log_days_since_last_alert", "log_previous_alerts"] + [f"previous_{name}" for name in PREVIOUS]
        return account + rep + told + [f"action_{name}" for name in ACTIONS] + list(self.impact)

    def as_dict(self) -> dict[str, Any]:
        """Return the encoder for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Encoder:
        """Return what ``as_dict`` gave."""
        levels = {name: tuple(found) for name, found in plain["levels"].items()}
        return cls(levels, dict(plain["usual"]), tuple(plain["impact"]))


def encoder(accounts: pd.DataFrame, *, impact: tuple[str, ...] = ()) -> Encoder:
    """Learn the levels and usual sizes from the book's ``accounts``.

    Args:
        accounts: As in ``copilot.data.book``; missing columns count as unknown.
        impact: Number columns of the alerts to hand on: the recommendation's predicted impact.
    """
    levels = {name: tuple(_texts(accounts, name).value_counts().index[:MOST_LEVELS]) for name in CATEGORIES}
    usual = {name: float(np.nan_to_num(np.log1p(_numbers(accounts, name)).median())) for name in SIZES}
    return Encoder({name: tuple(sorted(found)) for name, found in levels.items()}, usual, impact)


def build(
    alerts: pd.DataFrame,
    *,
    accounts: pd.DataFrame,
    reps: pd.DataFrame,
    recommendations: pd.DataFrame,
    feedback: pd.DataFrame,
    encoder: Encoder,
) -> pd.DataFrame:
    """Return one context a row of ``alerts``; only rows known strictly before its moment count.

    The feedback in a context is that of the account's *previous* alert, never the present one's. An account or rep the
    book does not know gets the usual values.

    Args:
        alerts: ``account_id, rep_id, action`` (the suggested one, or empty), ``event_ts`` (when it is shown) and the
            encoder's impact columns; any index.
        accounts: The book's table.
        reps: The book's table; ``event_ts`` is when the rep began.
        recommendations: The book's earlier alerts; the present ones may be among them.
        feedback: The book's table, ``feedback`` in the words of ``copilot.bandit.feedback``.
        encoder: From ``encoder``.

    Returns:
        Finite floats in the columns ``encoder.columns``, on the alerts' index.

    Raises:
        BadInput: A column is missing, or an alert has no date.
    """
    missing = [name for name in (*_ALERTS, *encoder.impact) if name not in alerts]
    if missing:
        raise BadInput(f"Alerts need the columns {', '.join((*_ALERTS, *encoder.impact))}; missing: {missing[0]}.")
    at = pd.to_datetime(alerts["event_ts"], errors="coerce").astype("datetime64[us]")
    if at.isna().any():
        raise BadInput("An alert has no date in event_ts; fill it with the day on which the alert is shown.")
    asked = pd.DataFrame(
        {name: alerts[name].astype("str").to_numpy() for name in ("account_id", "rep_id")}
        | {"at": at.to_numpy(), "row": np.arange(len(alerts))}
    )
    parts = _account(asked, accounts, encoder) | _rep(asked, reps) | _history(asked, recommendations, feedback)
    action = alerts["action"].astype("str").to_numpy()
    parts |= {f"action_{name}": action == name for name in ACTIONS}
    parts |= {name: _numbers(alerts, name).fillna(0).to_numpy() for name in encoder.impact}
    found = pd.DataFrame(parts, index=alerts.index)[encoder.columns].astype("float64")
    return found.replace([np.inf, -np.inf], 0.0)


def _account(asked: pd.DataFrame, accounts: pd.DataFrame, encoder: Encoder) -> dict[str, Any]:
    known = accounts.drop_duplicates("account_id").set_index("account_id").reindex(asked["account_id"])
    parts: dict[str, Any] = {}
    for name in CATEGORIES:
        text = known[name].astype("str") if name in known else pd.Series("", index=known.index)
        for level in encoder.levels[name]:
            parts[f"{name}_{level}"] = (text == level).to_numpy()
        parts[f"{name}_other"] = ~text.isin(encoder.levels[name]).to_numpy()
    for name in SIZES:
        size = np.log1p(_numbers(known, name))
        parts[f"log_{name}"] = size.fillna(encoder.usual[name]).to_numpy()
        parts[f"{name}_missing"] = size.isna().to_numpy()
    return parts


def _rep(asked: pd.DataFrame, reps: pd.DataFrame) -> dict[str, Any]:
    began = reps.drop_duplicates("rep_id").set_index("rep_id").reindex(asked["rep_id"])
    since = pd.to_datetime(began["event_ts"]).to_numpy() if "event_ts" in began else np.datetime64("NaT")
    years = pd.Series((asked["at"].to_numpy() - since) / np.timedelta64(1, "D") / 365.25)
    return {"rep_experience_years": years.clip(lower=0).fillna(0).to_numpy()}


def _history(asked: pd.DataFrame, recommendations: pd.DataFrame, feedback: pd.DataFrame) -> dict[str, Any]:
    made = recommendations[["recommendation_id", "account_id", "rep_id", "event_ts", "known_ts"]].copy()
    made[["recommendation_id", "account_id", "rep_id"]] = made[["recommendation_id", "account_id", "rep_id"]].astype(
        "str"
    )
    made["at"] = pd.to_datetime(made["known_ts"]).astype("datetime64[us]")
    made = made.dropna(subset=["at"]).sort_values("at", kind="stable")
    told = feedback[["recommendation_id", "feedback", "known_ts"]].copy()
    told["recommendation_id"] = told["recommendation_id"].astype("str")
    told["word"] = told["feedback"].astype("str").str.strip().str.lower().map(WORDS)
    told["told_at"] = pd.to_datetime(told["known_ts"]).astype("datetime64[us]")
    told = told[told["word"].isin(PREVIOUS[:3])].dropna(subset=["told_at"]).sort_values("told_at", kind="stable")
    told = told.drop_duplicates("recommendation_id")

    last = _before(asked, made, ["account_id"], ["recommendation_id"])
    days = (asked["at"] - last["when"]).dt.total_seconds() / 86_400
    answered = last.merge(told[["recommendation_id", "word", "told_at"]], on="recommendation_id", how="left")
    word = answered["word"].where(answered["told_at"] < asked["at"], "none yet").fillna("none yet")
    word = word.where(last["count"] > 0, "no alert before")
    answers = (
        made[["recommendation_id", "rep_id"]].merge(told, on="recommendation_id").assign(at=lambda f: f["told_at"])
    )
    answers = answers.sort_values("at", kind="stable")
    answers["clicks"] = (answers["word"] == "DEEP_LINK_CLICKED").groupby(answers["rep_id"]).cumsum()
    rate = _before(asked, answers, ["rep_id"], ["clicks"])
    clicks = pd.to_numeric(rate["clicks"]).fillna(0)
    return {
        "rep_success_rate": ((clicks + _LIKE_CLICKS) / (rate["count"] + _LIKE_ALERTS)).to_numpy(),
        "rep_log_alerts": np.log1p(_before(asked, made, ["rep_id"], [])["count"]).to_numpy(),
        "rep_log_alerts_here": np.log1p(_before(asked, made, ["rep_id", "account_id"], [])["count"]).to_numpy(),
        "log_days_since_last_alert": np.log1p(days.clip(lower=0)).fillna(np.log1p(365)).to_numpy(),
        "log_previous_alerts": np.log1p(last["count"]).to_numpy(),
        **{f"previous_{name}": (word == name).to_numpy() for name in PREVIOUS},
    }


def _before(asked: pd.DataFrame, events: pd.DataFrame, by: list[str], take: list[str]) -> pd.DataFrame:
    """Return, row by row of ``asked``, how many events lie strictly before it, when the last was, and its ``take``."""
    run = events[[*by, "at", *take]].assign(when=events["at"], count=events.groupby(by).cumcount() + 1)
    found = pd.merge_asof(asked.sort_values("at", kind="stable"), run, on="at", by=by, allow_exact_matches=False)
    found = found.sort_values("row").reset_index(drop=True)
    return found.assign(count=found["count"].fillna(0))


def _texts(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return the known texts of a column; none where there is no such column."""
    return frame[name].dropna().astype("str") if name in frame else pd.Series(dtype="str")


def _numbers(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame:
        return pd.Series(np.nan, index=frame.index)
    found = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    return found.where(np.isfinite(found) & ((found >= 0) | (name not in SIZES)))

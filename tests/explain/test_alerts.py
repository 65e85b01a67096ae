"""The alerts Low engagement, Upsell and Churn, with their RTCD, in every answer that speaks of an action."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from copilot.access import EVERYTHING
from copilot.agent.narrator import narrate
from copilot.data.snapshot import Snapshot, open_snapshot
from copilot.data.workspace import Workspace
from copilot.explain.answers import actions, predictions, ranking
from copilot.explain.answers.common import SCORES, cell
from copilot.explain.answers.why import alert
from copilot.text.cells import Record, fill

ROW: dict[str, Any] = {
    "action": "boost_engagement", "renewal_date": pd.Timestamp("2026-09-01"), "days_to_renewal": 63.0,
    "growth_usd": 1200.0, "engagement_product": "Talent Hub", "engagement_metric": "utilisation",
    "engagement_current": 61.0, "engagement_forecast": 48.5,
}  # fmt: skip
UNITS = {"engagement_current": "pct", "engagement_forecast": "pct"}
LOW = "Low engagement: we recommend reaching out to the client to understand the low engagement in Talent Hub."
DROP = "The utilisation is predicted to drop from 61 % now to 48.5 % over the next month."
UP, WORTH = "Upsell: we recommend exploring add-on opportunities with this customer.", "An upsell opportunity worth"
CHURN = "Churn: we recommend connecting with the customer to assess the churn risk."
DUE = "RTCD: 2026-09-01, in 63 days."


def told(whole: bool = True, **changed: Any) -> str | None:
    row = ROW | changed
    said = alert(row, whole=whole)
    cells = {name: cell(value, UNITS.get(name, SCORES[name][0])) for name, value in row.items()}  # type: ignore[arg-type]
    return None if said is None else fill(said.text, cells)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({}, f"{DUE} {LOW} {DROP}"),
        ({"whole": False}, LOW),
        ({"engagement_forecast": 61.0}, None),
        ({"engagement_forecast": 70.0}, None),
        ({"engagement_forecast": np.nan}, None),
        ({"action": "promote_upsell"}, f"{DUE} {UP} {WORTH} $1,200 is predicted."),
        ({"action": "promote_upsell", "growth_usd": -5.0}, f"{DUE} {UP}"),
        ({"action": "promote_upsell", "growth_usd": np.nan, "engagement_forecast": np.nan}, f"{DUE} {UP}"),
        ({"action": "prevent_churn", "days_to_renewal": 1.0}, f"RTCD: 2026-09-01, in 1 day. {CHURN}"),
        ({"action": "prevent_churn", "renewal_date": pd.NaT, "days_to_renewal": np.nan}, f"RTCD: not known. {CHURN}"),
        ({"action": None}, None),
        ({"action": np.nan}, None),
    ],
)
def test_an_alert_says_when_what_we_recommend_and_what_it_rests_on(changed: dict[str, Any], text: str | None) -> None:
    assert told(**changed) == text


@pytest.fixture
def snapshot(tiny: Workspace) -> Snapshot:
    """The tiny snapshot with one account for each action, whatever was learned there."""
    made = open_snapshot(tiny)
    staged = Snapshot(made.folder, made.book)
    frame = made.scores("accounts", EVERYTHING).copy()
    frame["action"] = frame["heuristic_action"] = None
    frame.loc[:2, ["action", "heuristic_action"]] = np.array([ACTIONS, ACTIONS]).T
    for name, value in (ROW | {"upsell_probability": 0.4, "engagement_unit": "pct", "priority": 90.0}).items():
        if name != "action":
            frame.loc[:2, name] = value
    staged._shown["accounts"] = frame
    return staged


ACTIONS = ("boost_engagement", "promote_upsell", "prevent_churn")


def text_of(record: Record) -> str:
    narration = narrate([record], question="")
    assert narration.faults == ()
    return narration.told.text


@pytest.mark.parametrize(
    ("place", "words"), [(0, f"{LOW} {DROP}"), (1, f"{UP} {WORTH} $1,200 is predicted."), (2, CHURN)]
)
def test_ranking_and_recommendation_hold_the_alert_of_every_action(snapshot: Snapshot, place: int, words: str) -> None:
    account = snapshot.scores("accounts", EVERYTHING)["account_id"].iloc[place]
    assert f"   - {DUE} {words}\n" in text_of(actions.recommend(snapshot, EVERYTHING, account)) + "\n"
    ranked = text_of(ranking.rank(snapshot, EVERYTHING, action=ACTIONS[place]))  # type: ignore[arg-type]
    assert f"   - {words.split(' The ')[0].split(' An ')[0]}\n" in ranked + "\n"


def test_an_explanation_ends_with_the_alert_where_it_is_about_the_same_thing(snapshot: Snapshot) -> None:
    account = snapshot.scores("accounts", EVERYTHING)["account_id"].iloc[1]
    about_it = text_of(predictions.explain(snapshot, EVERYTHING, account, "upsell"))
    assert about_it.split("\n\n")[-1] == f"{DUE} {UP} {WORTH} $1,200 is predicted."
    assert "we recommend" not in text_of(predictions.explain(snapshot, EVERYTHING, account, "churn"))

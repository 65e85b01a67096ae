"""Past recommendations of the demo book and what the reps did with them, drawn from the click model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from copilot.data.demo.clicks import ACTIONS, OUTCOMES, PREVIOUS, ClickModel
from copilot.data.demo.history import History
from copilot.data.demo.terms import TODAY, by_month, next_rtcd
from copilot.data.demo.words import SEGMENTS, Array, ids, text
from copilot.data.demo.world import World, last_known, sigmoid

CYCLE_DAYS, CYCLES = 14, 12
_RECOMMENDED_SHARE = 0.12  # of the running accounts in each cycle
_AT_RANDOM = 0.5  # of the alerts name an action drawn at random, so that a policy can learn from them
_FEEDBACK = {"click": "accepted", "dismiss": "dismissed"}


def recommendations(
    world: World,
    history: History,
    opportunities: pd.DataFrame,
    account: pd.Series,
    reps: pd.DataFrame,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return ``recommendations`` and ``feedback`` of the last cycles, and the truth; the newest began 15 days ago.

    Feedback is "accepted" or "dismissed", one to six days later; no row means nobody clicked. The truth has one row an
    alert: ``recommendation_id``, the model's context, ``propensity`` (of its action) and ``p_click``, ``p_dismiss``,
    ``p_none``. Everything in the context can be computed from the book as of the alert's day.
    """
    model, n = ClickModel(), world.n
    last_day, alerts, feedback = np.full(n, np.datetime64("NaT", "D")), np.zeros(n, np.int64), np.zeros(n, np.int64)
    parts = []
    for cycle_day in TODAY - (1 + CYCLE_DAYS) - CYCLE_DAYS * np.arange(CYCLES)[::-1]:
        rtcd = next_rtcd(history.chains, cycle_day)
        who = np.flatnonzero(~np.isnat(rtcd) & (rng.random(n) < _RECOMMENDED_SHARE))
        context = _context(world, history, opportunities, who, cycle_day, rtcd, reps)
        context["days_since_alert"] = _days(cycle_day - last_day[who])
        context["previous_alerts"] = alerts[who]
        context["previous_feedback"] = text(PREVIOUS, feedback[who])
        fit = np.column_stack([model.fit(context.assign(action=action)) for action in ACTIONS])
        action = np.where(rng.random(len(who)) < _AT_RANDOM, rng.integers(0, len(ACTIONS), len(who)), fit.argmax(1))
        context["action"] = text(ACTIONS, action)
        context["propensity"] = np.where(action == fit.argmax(1), 1 - _AT_RANDOM, 0) + _AT_RANDOM / len(ACTIONS)
        chance = model.probabilities(context)
        outcome = (rng.random((len(who), 1)) > chance.cumsum(axis=1)[:, :-1]).sum(axis=1)
        for k, name in enumerate(OUTCOMES):
            context[f"p_{name}"] = chance[:, k]
        answered = cycle_day + rng.integers(1, 7, len(who))
        last_day[who], feedback[who] = cycle_day, outcome + 1
        alerts[who] += 1
        parts.append(context.assign(who=who, day=cycle_day, outcome=outcome, answered=answered))
    truth = pd.concat(parts, ignore_index=True)
    truth.insert(0, "recommendation_id", ids("R", len(truth), 7))
    who, day, outcome = (truth.pop(name).to_numpy() for name in ("who", "day", "outcome"))
    answered = truth.pop("answered").to_numpy()
    made = pd.DataFrame(
        {
            "recommendation_id": truth["recommendation_id"],
            "account_id": account.take(who).array,
            "rep_id": reps["rep_id"].take(world.owner[who]).array,
            "action": truth["action"],
            "event_ts": day,
            "known_ts": day,
        }
    )
    clicked = outcome < OUTCOMES.index("none")
    heard = pd.DataFrame(
        {
            "recommendation_id": truth["recommendation_id"],
            "feedback": text(tuple(_FEEDBACK.values()), np.minimum(outcome, 1)),
            "event_ts": answered,
            "known_ts": answered,
        }
    )
    return made, heard[clicked], truth


def win_rates(opportunities: pd.DataFrame, rep: pd.Series, day: np.datetime64) -> Array:
    """Return each rep's share of won ones among the deals, other than renewals, that closed in the year up to ``day``.

    Shrunk to .4 by ten deals, so that a rep without any has .4.
    """
    closed = opportunities["close_date"]
    inside = (closed <= day) & (closed > pd.Timestamp(day) - pd.DateOffset(years=1))
    recent = opportunities[inside & (opportunities["kind"] != "renewal")]
    won = (recent["status"] == "won").groupby(recent["rep_id"]).agg(["sum", "size"]).reindex(rep, fill_value=0)
    rate: Array = ((won["sum"] + 4) / (won["size"] + 10)).to_numpy(np.float64)
    return rate


def _context(
    world: World,
    history: History,
    opportunities: pd.DataFrame,
    who: Array,
    day: np.datetime64,
    rtcd: Array,
    reps: pd.DataFrame,
) -> pd.DataFrame:
    month = int(last_known(np.array([day]))[0])
    held = by_month(history.chains, history.added, "annual", np.array([month]))[who, :, 0] > 0
    could = (world.seats * world.price)[who]
    hired = reps["event_ts"].to_numpy("datetime64[D]")[world.owner[who]]
    n_reps = len(world.reps.region)
    return pd.DataFrame(
        {
            "segment": text(SEGMENTS, world.segment[who]),
            "utilization_pct": np.round(100 * sigmoid(world.usage[who, 0, month].astype(np.float64)), 2),
            "days_to_renewal": (rtcd[who] - day).astype(np.int64),
            "white_share": (could * ~held).sum(axis=1) / could.sum(axis=1),
            "rep_tenure_years": (day - hired).astype(np.int64) / 365.25,
            "rep_win_rate": win_rates(opportunities, reps["rep_id"].iloc[:n_reps], day)[world.owner[who]],
        }
    )


def _days(gap: Array) -> Array:
    return np.where(np.isnat(gap), np.nan, gap.astype("timedelta64[D]").astype(np.float64))

"""Tonight's actions: one of three for each account that Algorithm 1 would touch, drawn with a known propensity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from copilot.bandit.contexts import ACTIONS
from copilot.bandit.feedback import TIMEOUT
from copilot.bandit.lead import chances, trust
from copilot.bandit.records import Asked, moment
from copilot.bandit.store import Store
from copilot.data.workspace import Book, Workspace
from copilot.jobs.feedback import Bandit, CaughtUp, catch_up, last_actions, opened, standing

EXPECTED = tuple(f"expected_{arm}" for arm in ACTIONS)
COLUMNS = (
    "account_id", "rep_id", "action", "heuristic_action", "propensity", "decision_id", "decided_at", "alerted",
    *EXPECTED,
)  # fmt: skip
_STILL = ("rep_id", "heuristic_action", "alerted")  # what must not have changed for a decision to stand


@dataclass(frozen=True)
class Tonight:
    """The frame ``actions`` (``COLUMNS``, one row an account with an action), the manifest's part, and sentences."""

    actions: pd.DataFrame
    about: dict[str, Any]
    said: tuple[str, ...]


def tonight(workspace: Workspace, book: Book, accounts: pd.DataFrame, plan: pd.DataFrame, now: datetime) -> Tonight:
    """Catch up with all feedback, then decide what to do about each account; hold the workspace's lock.

    Where Algorithm 1 says no touch, no arm is drawn. A decision stands for ``TIMEOUT`` while it is not dismissed and
    Algorithm 1, the owner and the worklist say the same; then a new one is drawn. ``propensity`` is the chance with
    which the action was drawn when it was, and ``expected_*`` what the policy expects of each arm now (+1 click,
    −1 dismissal).

    Args:
        workspace: Holds the bandit's folder, ``copilot.db`` and the last snapshot.
        book: The current one.
        accounts: Indexed by account id: ``owner_rep_id, action`` (Algorithm 1's choice or none), ``uplift_usd``,
            ``growth_usd``, ``engagement_change``.
        plan: The worklists (``account_id``): the accounts whose reps are shown their action.
        now: The moment, with its time zone.

    Raises:
        BadInput: The bandit's files are damaged.
    """
    with opened(workspace, book) as bandit:
        news = catch_up(bandit, workspace, now)
        asked = asked_of(accounts, plan)
        stands = _standing(asked, last_actions(workspace), bandit.store, now)
        actions = _decided(bandit, asked, stands, now)
        about = standing(bandit.store) | {
            "trust": trust(bandit.store.policy.seen),
            "accounts": len(actions),
            "drawn": int(len(actions) - stands["decision_id"].notna().sum()),
            "other_than_algorithm_1": int((actions["action"] != actions["heuristic_action"]).sum()),
        }
    return Tonight(actions, about, _said(about, news))


def asked_of(accounts: pd.DataFrame, plan: pd.DataFrame) -> pd.DataFrame:
    """Return one row an account that Algorithm 1 would touch: who, its choice, what is predicted, and who is alerted.

    Args:
        accounts: As for ``tonight``.
        plan: The worklists.
    """
    chosen = accounts[accounts["action"].notna()]
    money = chosen["uplift_usd"].fillna(chosen["growth_usd"]).astype("float64")
    change = chosen["engagement_change"].astype("float64")
    return pd.DataFrame(
        {
            "account_id": chosen.index.astype(str),
            "rep_id": chosen["owner_rep_id"].fillna("").astype(str).to_numpy(),
            "heuristic_action": chosen["action"].astype(str).to_numpy(),
            "alerted": chosen.index.isin(plan["account_id"]),
            "money_log_usd": (np.sign(money) * np.log1p(money.abs())).fillna(0.0).to_numpy(),
            "engagement_points": change.fillna(0.0).to_numpy(),
            "not_predicted": (money.isna() & change.isna()).astype("float64").to_numpy(),
        }
    )


def _standing(asked: pd.DataFrame, last: pd.DataFrame, store: Store, now: datetime) -> pd.DataFrame:
    """Return last night's decision of each row of ``asked`` where it still stands, else missing values."""
    taken = ["action", "propensity", "decision_id", "decided_at"]
    if last.empty:
        return pd.DataFrame(index=asked.index, columns=taken, dtype="object")
    found = asked.merge(last, on="account_id", how="left", suffixes=("", "_before"))
    same = np.logical_and.reduce([(found[name] == found[f"{name}_before"]).to_numpy() for name in _STILL])
    return found[taken].astype("object").where(same & found["decision_id"].map(lambda d: _open(d, store, now)))


def _open(decision: Any, store: Store, now: datetime) -> bool:
    known = store.status.get(decision) if isinstance(decision, str) else None
    if known is None or known.feedback in ("NOTIFICATION_DISMISSED", "NO_CLICK"):
        return False
    return moment(now) - known.since < TIMEOUT


def _decided(bandit: Bandit, asked: pd.DataFrame, stands: pd.DataFrame, now: datetime) -> pd.DataFrame:
    if asked.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    policy, store = bandit.store.policy, bandit.store
    at = moment(now)
    alerts = asked.rename(columns={"heuristic_action": "action"}).assign(event_ts=at.replace(tzinfo=None))
    x = bandit.contexts(alerts, now)
    hints = asked["heuristic_action"].tolist()
    fresh = np.flatnonzero(stands["decision_id"].isna())
    odds = chances(policy, x[fresh], [hints[place] for place in fresh])
    asking = [
        Asked(
            f"{row.account_id}@{at:%Y%m%dT%H%M%SZ}",
            x[row.Index],
            row.heuristic_action,
            {"account_id": row.account_id, "rep_id": row.rep_id, "alerted": bool(row.alerted)},
            chance,
        )
        for row, chance in zip(asked.iloc[fresh].itertuples(), odds, strict=True)
    ]
    made = store.decide_all(asking, now)
    found = pd.concat([asked[["account_id", "rep_id", "heuristic_action", "alerted"]], stands], axis=1)
    place = {name: found.columns.get_loc(name) for name in stands}
    found.iloc[fresh, place["action"]] = [decision.arm for decision in made]
    found.iloc[fresh, place["propensity"]] = [decision.propensity for decision in made]
    found.iloc[fresh, place["decision_id"]] = [one.decision_id for one in asking]
    found.iloc[fresh, place["decided_at"]] = at.isoformat()
    found[list(EXPECTED)], _ = policy.scores_of_rows(x, hints)
    return found.astype({"propensity": "float64"})[list(COLUMNS)]


def _said(about: dict[str, Any], news: CaughtUp) -> tuple[str, ...]:
    lot = f"{about['floor']:.0%} of them drawn by lot"
    if not about["rewards"]:
        return (f"Actions: Algorithm 1's own choice, {lot}: nobody has reacted to an action yet.",)
    share = about["trust"]
    led = "" if share == 1 else f", which count for {share:.0%}; the rest is Algorithm 1's choice"
    return (
        str(news),
        f"Actions: drawn from what {about['reactions']:,} reactions and {about['no_click']:,} silences teach{led}, "
        f"{lot}; {about['other_than_algorithm_1']:,} of {about['accounts']:,} differ from Algorithm 1's.",
    )

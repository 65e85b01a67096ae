"""What other policies would have earned on the bandit's own log: Algorithm 1, UCB, lots, and what was really earned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from copilot.bandit.offpolicy import evaluate
from copilot.bandit.policy import Policy
from copilot.bandit.records import REWARDS
from copilot.bandit.store import Store
from copilot.errors import BadInput
from copilot.stats import mean_interval

COLUMNS = ("policy", "estimator", "value", "low", "high", "ess", "rows", "refused")
BANDIT, FIRST, UCB, LOTS = "the bandit, as it was", "Algorithm 1 alone", "UCB", "lots"
_LEAST = 2  # rewarded decisions from which there is anything to average


def rewarded(store: Store) -> pd.DataFrame:
    """Return the decisions that somebody was shown and that have their reward, in the order they were made.

    Returns:
        Frame ``x, arm, reward, propensity, suggested``. Decisions that others made have no propensity and are left
        out; so are those nobody was shown: their clicks would be known and their silences not.
    """
    rows: list[dict[str, Any]] = []
    for _, record in store.decisions.read():
        came = store.status[record["id"]].feedback
        if came is not None and record["propensity"] is not None and record["about"].get("alerted", True):
            rows.append(
                {name: record[name] for name in ("x", "arm", "propensity", "suggested")} | {"reward": REWARDS[came]}
            )
    return pd.DataFrame(rows, columns=["x", "arm", "reward", "propensity", "suggested"])


def compare(log: pd.DataFrame, policy: Policy, *, rng: np.random.Generator, level: float = 0.95) -> pd.DataFrame:
    """Estimate the mean reward an alert of other policies on a log (IPS, SNIPS, DR; ``offpolicy.evaluate``).

    UCB learns from the first half of the log and is valued on the second, as a policy may not be valued on what it
    learned from.

    Args:
        log: From ``rewarded``.
        policy: Made the log; only its arms and its number of features are read.
        rng: Seeds the UCB policy.
        level: Of the limits.

    Returns:
        Frame ``COLUMNS``, the reward between −1 (dismissed) and +1 (clicked); where a policy cannot be valued, one row
        with the reason in ``refused`` and no numbers.
    """
    found: list[dict[str, Any]] = []
    n = len(log)
    if n >= _LEAST:
        mean = mean_interval(log["reward"].to_numpy(np.float64), level=level)
        found.append(_row(BANDIT, "mean", mean.value, mean.low, mean.high, float(n), n))
    else:
        found.append(_refusal(BANDIT, n, "Fewer than two shown actions have their reaction yet; wait for more."))
    first = np.array([[float(arm == hint) for arm in policy.arms] for hint in log["suggested"]]).reshape(
        n, len(policy.arms)
    )
    lots = np.full((n, len(policy.arms)), 1 / len(policy.arms))
    half = log.iloc[n // 2 :]
    candidates: list[tuple[str, pd.DataFrame, Callable[[], Any]]] = [
        (FIRST, log, lambda: first),
        (UCB, half, lambda: _ucb(log.iloc[: n // 2], policy, rng)),
        (LOTS, log, lambda: lots),
    ]
    for name, rows, make in candidates:
        try:
            value = evaluate(rows, make(), arms=policy.arms, level=level)
        except BadInput as fault:
            found.append(_refusal(name, len(rows), str(fault)))
            continue
        found += [_row(name, e.estimator, e.value, e.low, e.high, e.ess, len(rows)) for e in value.itertuples()]
    return pd.DataFrame(found, columns=list(COLUMNS))


def _ucb(log: pd.DataFrame, like: Policy, rng: np.random.Generator) -> Policy:
    made = Policy(like.arms, like.n_features, kind="linear_ucb", rng=rng, epsilon=0.0)
    for row in log.itertuples():
        made.update(row.x, row.arm, row.reward, suggested=row.suggested)
    return made


def _row(*values: Any) -> dict[str, Any]:
    return dict(zip(COLUMNS, (*values, ""), strict=True))


def _refusal(name: str, rows: int, reason: str) -> dict[str, Any]:
    return {"policy": name, "rows": rows, "refused": reason}

"""The papers' three figures of the bandit on a click model: python -m evals.bench.bandit_figures --out DIR.

Feedback distribution (CPOG Fig. 7), feedback share over time (Fig. 6) and cumulative reward of Thompson sampling
against UCB, lots and Algorithm 1 alone (Fig. 8): three PNG files and ``figures.csv`` with the numbers behind them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from copilot.bandit.contexts import ACTIONS
from copilot.bandit.policy import Kind, Policy
from copilot.stats import Floats, mean_interval

FEEDBACK = ("DEEP_LINK_CLICKED", "NOTIFICATION_DISMISSED", "NO_CLICK")
REWARD = np.array([1.0, -1.0, 0.0])
DAYS, ALERTS_A_DAY, SEEDS = 30, 60, 8
DELAY_DAYS = 2  # feedback of a day is learned in one batch this much later
KINDS: dict[str, Kind] = {"Thompson sampling": "auto", "UCB": "ucb"}
POLICIES = (*KINDS, "random", "Algorithm 1")


class ClickModel(Protocol):
    """How a rep answers an alert."""

    def __call__(self, context: Floats) -> Floats:
        """Return (actions, 3): each action's chances of click, dismissal and nothing."""


@dataclass(frozen=True)
class World:
    """Where alerts come from: contexts with Algorithm 1's choice, and how reps answer."""

    draw: Callable[[int, np.random.Generator], tuple[Floats, list[str]]]
    clicks: ClickModel


def stand_in(seed: int = 11) -> World:
    """Return a small world of its own: what a rep answers depends on the account, Algorithm 1 sees a part of it.

    Contexts: growth, engagement change, days to renewal (all standardised), the rep's patience, and Algorithm 1's
    choice one-hot.
    """
    pull = np.array([[-0.2, -1.0, 0.3], [-1.1, -0.3, -0.7], [1.0, 0.4, -0.2]])

    def draw(n: int, rng: np.random.Generator) -> tuple[Floats, list[str]]:
        x = rng.normal(size=(n, 4))
        seen = x[:, :3] + rng.normal(0, 0.8, (n, 3))  # the models' predictions are not the truth
        first = np.where(seen[:, 1] < -0.3, 0, np.where(seen[:, 0] < 0, 1, 2))
        return np.hstack([x, np.eye(3)[first]]), [ACTIONS[k] for k in first]

    def clicks(context: Floats) -> Floats:
        fits = pull @ context[:3] + 0.8 * np.tanh(context[0] * context[1]) * np.array([1, -1, 0])
        score = np.stack([fits - 0.6, -fits - 0.9 - 0.5 * context[3], np.zeros(3)], axis=1)
        chance = np.exp(score)
        found: Floats = chance / chance.sum(axis=1, keepdims=True)
        return found

    return World(draw, clicks)


def simulate(world: World, seed: int) -> pd.DataFrame:
    """Return one row an alert and policy: ``policy, day, feedback, reward``; all policies see the same alerts.

    Thompson sampling and UCB begin with Algorithm 1 as their prior and learn each day's feedback ``DELAY_DAYS`` later.
    """
    rng = np.random.default_rng([seed, 1])
    x, first = world.draw(DAYS * ALERTS_A_DAY, rng)
    luck, lots = rng.random(len(x)), rng.integers(0, len(ACTIONS), len(x))
    answers = np.array([world.clicks(row).cumsum(axis=1) for row in x])
    rows = []
    for name in POLICIES:
        policy = None
        if name in KINDS:
            policy = Policy(ACTIONS, x.shape[1], kind=KINDS[name], rng=np.random.default_rng([seed, 2]))
        played = np.empty(len(x), int)
        for day in range(DAYS):
            today = range(day * ALERTS_A_DAY, (day + 1) * ALERTS_A_DAY)
            for t in today:
                if policy is None:
                    played[t] = lots[t] if name == "random" else ACTIONS.index(first[t])
                else:
                    played[t] = ACTIONS.index(str(policy.select(x[t], suggested=first[t]).arm))
            if policy is not None and day >= DELAY_DAYS:
                for t in (t - DELAY_DAYS * ALERTS_A_DAY for t in today):
                    came = REWARD[int((luck[t] > answers[t, played[t]]).sum())]
                    policy.update(x[t], ACTIONS[played[t]], float(came), suggested=first[t])
        came = (luck[:, None] > answers[np.arange(len(x)), played][:, :2]).sum(axis=1)
        rows.append(
            pd.DataFrame({
                "policy": name,
                "day": np.repeat(np.arange(1, DAYS + 1), ALERTS_A_DAY),
                "feedback": np.array(FEEDBACK)[came],
                "reward": REWARD[came],
            })
        )  # fmt: skip
    return pd.concat(rows).assign(seed=seed)


def tables(alerts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the numbers behind the figures: share by policy, share by day (Thompson), cumulative reward by day."""
    share = pd.crosstab(alerts["policy"], alerts["feedback"], normalize="index").reindex(POLICIES)
    own = alerts[alerts["policy"] == "Thompson sampling"]
    trend = pd.crosstab(own["day"], own["feedback"], normalize="index")
    daily = alerts.groupby(["policy", "seed", "day"])["reward"].sum().groupby(["policy", "seed"]).cumsum()
    earned = daily.groupby(["day", "policy"]).mean().unstack("policy")[list(POLICIES)]
    return {"distribution": share[list(FEEDBACK)], "trend": trend[list(FEEDBACK)], "cumulative_reward": earned}


def draw(found: dict[str, pd.DataFrame], out: Path) -> None:
    """Write the three PNG files and ``figures.csv`` into ``out``."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    looks = {
        "distribution": ("bar", "Feedback by policy", "share of alerts"),
        "trend": ("line", "Feedback over time, Thompson sampling", "share of the day's alerts"),
        "cumulative_reward": ("line", "Cumulative reward", "clicks less dismissals"),
    }
    for name, (kind, title, label) in looks.items():
        axes = found[name].plot(kind=kind, title=title, ylabel=label, figsize=(7, 4), rot=0)
        axes.figure.tight_layout()
        axes.figure.savefig(out / f"{name}.png", dpi=110)
        plt.close(axes.figure)
    long = [
        table.rename_axis(None).stack().rename("value").reset_index().assign(figure=name)
        for name, table in found.items()
    ]
    pd.concat([part.set_axis(["at", "series", "value", "figure"], axis=1) for part in long]).to_csv(
        out / "figures.csv", index=False
    )


def advantage(alerts: pd.DataFrame) -> str:
    """Say what Thompson sampling earned more than each other policy in all days, with its interval over seeds."""
    total = alerts.groupby(["seed", "policy"])["reward"].sum().unstack()
    lines = []
    for other in POLICIES[1:]:
        gap = mean_interval(total["Thompson sampling"] - total[other])
        lines.append(
            f"Thompson sampling earned {gap.value:+.1f} (95 % {gap.low:+.1f} to {gap.high:+.1f}) more than {other} "
            f"({total[other].mean():.1f}) in {DAYS} days of {ALERTS_A_DAY} alerts, over {len(total)} seeds."
        )
    return "\n".join(lines)


def main() -> None:
    """Simulate, draw and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bandit_figures"))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    given = parser.parse_args()
    alerts = pd.concat([simulate(stand_in(), seed) for seed in range(given.seeds)], ignore_index=True)
    draw(tables(alerts), given.out)
    print(f"{advantage(alerts)}\nFigures and figures.csv are in {given.out}.")


if __name__ == "__main__":
    main()

"""The papers' three figures of the bandit on the demo book: python -m evals.bench.bandit_figures --out DIR.

Feedback distribution (CPOG Fig. 7), feedback share over time (Fig. 6) and cumulative reward of Thompson sampling
against UCB, lots and Algorithm 1 alone (Fig. 8): three PNG files and ``figures.csv`` with the numbers behind them.

A demo book is simulated, trained and scored as a team would; Algorithm 1's choices and the contexts are the product's
own, and reps answer by the book's click model, which nothing but this benchmark reads. Each account is alerted once.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from copilot.bandit.contexts import ACTIONS
from copilot.bandit.facts import TABLES, facts
from copilot.bandit.feedback import TIMEOUT
from copilot.bandit.lead import FLOOR, chances
from copilot.bandit.policy import Kind, Policy
from copilot.data.demo.clicks import OUTCOMES, ClickModel
from copilot.data.workspace import Book, Workspace
from copilot.jobs.bandit import asked_of
from copilot.jobs.feedback import opened
from copilot.jobs.score import score
from copilot.jobs.setup import make_demo
from copilot.jobs.train import train
from copilot.stats import Floats, Ints, mean_interval

FEEDBACK = ("DEEP_LINK_CLICKED", "NOTIFICATION_DISMISSED", "NO_CLICK")  # in the order of the click model's OUTCOMES
REWARD = np.array([1.0, -1.0, 0.0])
DAYS, ALERTS_A_DAY, SEEDS = 30, 60, 8
DELAY_DAYS = 2  # clicks and dismissals of a day are learned in one batch this much later, silences after the time-out
KINDS: dict[str, Kind] = {"Thompson sampling": "auto", "UCB": "ucb"}
POLICIES = (*KINDS, "random", "Algorithm 1")
NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)
ANSWERS: dict[str | float, str] = {"accepted": "accepted", "dismissed": "dismissed"}  # the book's word -> the model's


@dataclass(frozen=True)
class World:
    """All alerts that there could be: context (n, f), Algorithm 1's choice, and how the rep answers each action.

    ``answers`` is (n, actions, 3): the chances of a click, a dismissal and nothing.
    """

    x: Floats
    first: list[str]
    answers: Floats


def of_the_demo_book(preset: Literal["tiny", "demo"], seed: int) -> World:
    """Simulate a book, train and score it, and return the alerts that its last night could show."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        make_demo(workspace, preset, seed, NOW, lambda stage: None)
        train(workspace, NOW, np.random.default_rng(seed))
        score(workspace, NOW)
        book, snapshot = workspace.book(), workspace.current("snapshots")
        assert snapshot is not None
        accounts = pd.read_parquet(snapshot / "accounts.parquet").set_index("account_id")
        accounts["action"] = accounts["heuristic_action"]
        alerts = asked_of(accounts, pd.read_parquet(snapshot / "plan.parquet"))
        at = NOW.replace(tzinfo=None)
        alerts = alerts.rename(columns={"heuristic_action": "action"}).assign(event_ts=at)
        with opened(workspace, book) as bandit:
            x = bandit.contexts(alerts, NOW)
        context, model = _seen_by_reps(alerts, book), ClickModel()
    answers = np.stack([model.probabilities(context.assign(action=action)) for action in ACTIONS], axis=1)
    assert OUTCOMES == ("click", "dismiss", "none")
    return World(x, alerts["action"].tolist(), answers)


def _seen_by_reps(alerts: pd.DataFrame, book: Book) -> pd.DataFrame:
    """Return the click model's context of each alert but for its action, from the book's tables."""
    known = facts(alerts, {name: book.table(name) for name in TABLES})
    made, told = book.table("recommendations"), book.table("feedback")
    made = made.merge(told[["recommendation_id", "feedback"]], on="recommendation_id", how="left")
    past = made.sort_values("event_ts").groupby("account_id")
    last = past[["event_ts", "feedback"]].agg(lambda column: column.iloc[-1])
    count = past.size()
    account = alerts["account_id"]
    reps = book.table("reps").set_index("rep_id")["event_ts"]
    word = account.map(last["feedback"]).map(ANSWERS).where(account.isin(last.index), "")
    return pd.DataFrame(
        {
            "segment": account.map(book.table("accounts").set_index("account_id")["segment"]),
            "utilization_pct": 100 * known["use_share"],
            "days_to_renewal": np.expm1(known["log_days_to_renewal"]),
            "white_share": known["unsold_share"],
            "rep_tenure_years": (alerts["event_ts"] - alerts["rep_id"].map(reps)).dt.days.fillna(0) / 365.25,
            "rep_win_rate": known["rep_win_rate"],
            "days_since_alert": (alerts["event_ts"] - account.map(last["event_ts"])).dt.days,
            "previous_alerts": account.map(count).fillna(0),
            "previous_feedback": word.fillna("none"),
        }
    )


def simulate(world: World, seed: int) -> pd.DataFrame:
    """Return one row an alert and policy: ``policy, day, feedback, reward``; all policies see the same alerts.

    Thompson sampling is the product's: Algorithm 1 leads at first, and a floor is drawn by lot. It and UCB learn each
    day's clicks and dismissals ``DELAY_DAYS`` later, and from silence when ``TIMEOUT`` is over.
    """
    rng = np.random.default_rng([seed, 1])
    most = min(DAYS * ALERTS_A_DAY, len(world.x) // DAYS * DAYS)
    drawn = rng.permutation(len(world.x))[:most]
    x, first, answers = world.x[drawn], [world.first[k] for k in drawn], world.answers[drawn].cumsum(axis=2)
    luck, lots, a_day = rng.random(most), rng.integers(0, len(ACTIONS), most), most // DAYS
    rows = []
    for name in POLICIES:
        policy = None
        if name in KINDS:
            own = np.random.default_rng([seed, 2])
            policy = Policy(ACTIONS, x.shape[1], kind=KINDS[name], rng=own, epsilon=FLOOR if name != "UCB" else 0.0)
        played = np.array([ACTIONS.index(one) for one in first]) if name == "Algorithm 1" else lots.copy()
        came = _came(luck, answers, played)
        for day in range(DAYS):
            today = slice(day * a_day, (day + 1) * a_day)
            if policy is None:
                break
            if name == "UCB":
                chance = policy.propensities_of_rows(x[today], first[today])
            else:
                chance = chances(policy, x[today], first[today])
            played[today] = [ACTIONS.index(str(policy.draw(row).arm)) for row in chance]
            came[today] = _came(luck[today], answers[today], played[today])
            for delay, silent in ((TIMEOUT.days, True), (DELAY_DAYS, False)):
                for t in range(max(day - delay, 0) * a_day, max(day - delay + 1, 0) * a_day):
                    if (REWARD[came[t]] == 0) == silent:
                        policy.update(x[t], ACTIONS[played[t]], float(REWARD[came[t]]), suggested=first[t])
        rows.append(
            pd.DataFrame({
                "policy": name,
                "day": np.repeat(np.arange(1, DAYS + 1), a_day),
                "feedback": np.array(FEEDBACK)[came],
                "reward": REWARD[came],
            })
        )  # fmt: skip
    return pd.concat(rows).assign(seed=seed)


def _came(luck: Floats, answers: Floats, played: Ints) -> Ints:
    """Return the position in ``FEEDBACK`` of what came of the actions played, (n,); ``answers`` are cumulated."""
    return np.asarray((luck[:, None] > answers[np.arange(len(played)), played][:, :2]).sum(axis=1), np.intp)


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
        gap = mean_interval((total["Thompson sampling"] - total[other]).to_numpy())
        lines.append(
            f"Thompson sampling earned {gap.value:+.1f} (95 % {gap.low:+.1f} to {gap.high:+.1f}) more than {other} "
            f"({total[other].mean():.1f}) in {DAYS} days, over {len(total)} seeds."
        )
    return "\n".join(lines)


def main() -> None:
    """Simulate, draw and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bandit_figures"))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--preset", choices=("tiny", "demo"), default="demo", help="of the demo book")
    given = parser.parse_args()
    print(f"Simulating, training and scoring the {given.preset} book, some minutes …", flush=True)
    world = of_the_demo_book(given.preset, 7)
    alerts = pd.concat([simulate(world, seed) for seed in range(given.seeds)], ignore_index=True)
    draw(tables(alerts), given.out)
    print(f"{advantage(alerts)}\nFigures and figures.csv are in {given.out}.")


if __name__ == "__main__":
    main()

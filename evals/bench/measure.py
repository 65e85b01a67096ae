"""Whether the measurement can be believed: published numbers, coverage of intervals, placebos, and known effects.

Give a number of replays as an argument; 2 000 by default, which takes some minutes of one processor. The published
sets lie beside the project and are left out where they are not. Renewals answer as the demo book's do, with both
futures known (``copilot.data.demo``), so every effect is known too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd

from copilot.data.demo.response import NOISE, expected_ratio, spend_ratio
from copilot.measure import ab, cem, did
from copilot.measure.effect import Effect
from copilot.measure.verdict import judge
from copilot.stats import Floats
from evals.bench._demo_studies import demo_studies

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
REPLAYS = 2000
EFFECT = 0.3  # shift of the index by a touch in the simulated books
REPS, ACCOUNTS = 40, 8  # of each simulated book: reps, and accounts of a rep
PERIODS, START = 6, 4


def published() -> pd.DataFrame:
    """Return published numbers beside ours: ``what, published, ours``, for the sets that are there."""
    rows: list[tuple[str, float, float]] = []
    if (SHARED / "lalonde_matchit").is_dir():
        lalonde = pd.read_csv(SHARED / "lalonde_matchit/lalonde.csv")
        match = cem.match(lalonde, "treat", ["age", "educ", "race", "married", "nodegree", "re74", "re75"])
        rows += [("MatchIt lalonde, treated matched", 65, match.matched["treated"])]
        rows += [("MatchIt lalonde, controls matched", 75, match.matched["control"])]
        rows += [("MatchIt lalonde, ATT", 1070.907, float(match.att("re78")))]
    if (SHARED / "nsw_dw_cps").is_dir():
        nsw = pd.read_csv(SHARED / "nsw_dw_cps/nsw_mixtape.csv")
        rows += [("NSW, difference of arms", 1794.342, float(ab.effect(nsw, outcome="re78", arm="treat")))]
    if (SHARED / "mpdta_did").is_dir():
        counties = pd.read_csv(SHARED / "mpdta_did/mpdta.csv")
        found = did.staggered(
            counties, unit="countyreal", time="year", first_treated="first.treat", outcome="lemp"
        )  # fmt: skip
        rows += [("mpdta, simple ATT", -0.03995, float(found.aggregate()[0]))]
        rows += [("mpdta, dynamic ATT", -0.0772, float(found.aggregate("event")[0]))]
        rows += [("mpdta, p of the pre-test", 0.168, found.pretest()[2])]
    if (SHARED / "card_krueger_nj").is_dir():
        stores = pd.read_csv(SHARED / "card_krueger_nj/njmin3.csv")
        effect = did.two_way(stores, unit="nj", time="d", treated="d_nj", outcome="fte", cluster=None)
        rows += [("Card-Krueger, difference in differences", 2.7536, float(effect))]
    return pd.DataFrame(rows, columns=["what", "published", "ours"])


def experiment(rng: np.random.Generator, effect: float) -> tuple[Effect, float]:
    """Return the effect found by an A/B test inside the books of one simulated book, and the true one."""
    frame, mean = _accounts(rng)
    frame = ab.assign(frame, book="rep", strata=["segment"], seed=int(rng.integers(1 << 31)))
    treated = (frame["arm"] == "treated").to_numpy()
    frame["y"] = spend_ratio(mean + effect * treated + rng.logistic(size=len(mean)) * NOISE)
    found = ab.effect(frame, outcome="y", arm="arm", book="rep", strata=["segment"])
    return found, _gain(mean, effect)


def steady_use(rng: np.random.Generator, effect: float) -> tuple[Effect, float, float]:
    """Return what CEM with weighted regression finds where good books convert more, the truth, and the naive number.

    Reps with better books come to use the copilot; the quality of an account is known and matched on.
    """
    frame, mean = _accounts(rng)
    rep = frame["rep"].to_numpy()
    # Each segment stands for a level of use; reps of books with much of it convert.
    level = np.bincount(rep, frame["segment"], REPS)
    lot = np.argsort(level + 0.6 * rng.normal(size=REPS) * level.std())
    converted = np.isin(rep, lot[REPS // 2 :])
    mean = mean + 0.2 * rng.normal(size=REPS)[rep]  # what a rep's accounts share besides
    outcome = spend_ratio(mean + effect * converted + rng.logistic(size=len(mean)) * NOISE)
    frame = frame.assign(converted=converted, y=outcome)
    match = cem.match(frame, "converted", ["segment"], cutpoints={"segment": [0.5, 1.5]})
    truth = _gain(mean[(match.weights > 0) & converted], effect)
    naive = frame["y"][converted].mean() - frame["y"][~converted].mean()
    return match.att("y", covariates=["segment"], cluster="rep"), truth, float(naive)


def regional(
    rng: np.random.Generator, effect: float, *, reps: int = REPS, trend: float = 0.0
) -> tuple[Effect, float, float]:
    """Return the two-way effect with errors by rep, the truth, and the p of the joint placebo of one simulated panel.

    Each rep's quarters hang together; half of the reps are treated from period ``START`` on. ``trend`` is what the
    treated gain each period before anything is done.
    """
    rep, period = np.repeat(np.arange(reps), PERIODS), np.tile(np.arange(PERIODS), reps)
    treated, on = rep < reps // 2, (rep < reps // 2) & (period >= START)
    wander = np.cumsum(rng.normal(size=(reps, PERIODS)) * 0.05, axis=1)[rep, period]
    y = rng.normal(size=reps)[rep] + wander + 0.1 * np.sin(period) + rng.normal(size=len(rep)) * 0.1
    y = y + effect * on + trend * treated * period
    frame = pd.DataFrame({"rep": rep, "period": period, "on": on, "y": y, "first": np.where(treated, START, 0)})
    found = did.two_way(frame, unit="rep", time="period", treated="on", outcome="y", cluster="rep")
    staggered = did.staggered(
        frame.assign(period=period + 1, first=np.where(treated, START + 1, 0)),
        unit="rep", time="period", first_treated="first", outcome="y",
    )  # fmt: skip
    return found, effect, staggered.placebo()


def spill_over(rng: np.random.Generator, moved: float, books: int = 200) -> tuple[float, float]:
    """Return the mean A/B estimate and the truth where reps move time from control to treated accounts.

    A treated account gets the effect; a control loses ``moved`` of the effect, for its rep has less time for it.
    """
    found, truth = [], []
    for _ in range(books):
        frame, mean = _accounts(rng)
        frame = ab.assign(frame, book="rep", strata=["segment"], seed=int(rng.integers(1 << 31)))
        treated = (frame["arm"] == "treated").to_numpy()
        shift = np.where(treated, EFFECT, -moved * EFFECT)
        frame["y"] = spend_ratio(mean + shift + rng.logistic(size=len(mean)) * NOISE)
        found.append(float(ab.effect(frame, outcome="y", arm="arm", book="rep", strata=["segment"])))
        truth.append(_gain(mean, EFFECT))
    return float(np.mean(found)), float(np.mean(truth))


def _accounts(rng: np.random.Generator) -> tuple[pd.DataFrame, Floats]:
    """Return a book of ``REPS`` · ``ACCOUNTS`` accounts, and the mean of each one's index without a touch."""
    n = REPS * ACCOUNTS
    # Books differ: some reps have more of the accounts that renew well.
    lean = rng.normal(size=REPS).repeat(ACCOUNTS)
    segment = np.clip(np.round(1 + 0.7 * lean + 0.7 * rng.normal(size=n)), 0, 2).astype(int)
    frame = pd.DataFrame({"account_id": np.arange(n), "rep": np.arange(n) // ACCOUNTS, "segment": segment})
    return frame, 0.5 * (segment - 1.0) + rng.normal(size=n) * 0.6


def _gain(mean: Floats, effect: float) -> float:
    return float((expected_ratio(mean + effect) - expected_ratio(mean)).mean())


def _share(found: list[tuple[Effect, float]]) -> float:
    return float(np.mean([effect.low <= truth <= effect.high for effect, truth in found]))


def _rejects(found: list[tuple[Effect, float]]) -> float:
    return float(np.mean([effect.p_corrected < 0.05 for effect, _ in found]))


def main() -> int:
    """Print the tables; the exit code is 1 where a gate is missed."""
    replays = int(sys.argv[1]) if len(sys.argv) > 1 else REPLAYS
    rng, start, missed = np.random.default_rng(7), process_time(), 0
    table = published()
    print(table.to_string(index=False, float_format=lambda value: f"{value:,.5g}"))

    def gate(name: str, value: float, low: float, high: float) -> None:
        nonlocal missed
        good = low <= value <= high
        missed += not good
        print(f"   {name:<68} {value:7.1%}  {'' if good else f'MISSED: {low:.1%} to {high:.1%}'}", flush=True)

    def many(draw: Callable[[], tuple[Effect, float]]) -> list[tuple[Effect, float]]:
        return [draw() for _ in range(replays)]

    print(f"{replays:,} replays")
    gate("A/B: 95 % intervals that hold the effect", _share(many(lambda: experiment(rng, EFFECT))), 0.925, 0.975)
    gate("A/B: placebo rejects", _rejects(many(lambda: experiment(rng, 0.0))), 0.03, 0.07)
    steady = [steady_use(rng, EFFECT) for _ in range(replays)]
    gate("steady use: 95 % intervals that hold the effect", _share([one[:2] for one in steady]), 0.925, 0.975)
    gate("steady use: intervals that hold the naive difference", _share([(e, n) for e, _, n in steady]), 0, 0.5)
    gate("steady use: placebo rejects", _rejects([steady_use(rng, 0.0)[:2] for _ in range(replays)]), 0.03, 0.07)
    panels = [regional(rng, 0.1) for _ in range(replays)]
    gate("DiD by rep: 95 % intervals that hold the effect", _share([one[:2] for one in panels]), 0.925, 0.975)
    gate("DiD by rep: joint placebo rejects", float(np.mean([p < 0.05 for *_, p in panels])), 0.03, 0.07)
    gate("DiD by rep: placebo effect rejects", _rejects([regional(rng, 0.0)[:2] for _ in range(replays)]), 0.03, 0.07)
    few = max(replays // 10, 20)
    words = [_judged(*regional(rng, 0.1, trend=0.1)) for _ in range(few)]
    gate("DiD by rep: a planted trend fails the A/A", words.count("fails A/A") / few, 0.95, 1)
    words = [_judged(*regional(rng, 0.1, reps=12)) for _ in range(few)]
    gate("DiD of 12 reps: too few clusters", words.count("too few clusters") / few, 1, 1)
    estimate, truth = spill_over(rng, 0.5)
    print(
        f"Reps who move time from control accounts: the A/B test says {estimate:+.3f} where the truth is {truth:+.3f}."
    )
    told = demo_studies()
    print(told.to_string(index=False, float_format=lambda value: f"{value:+.3f}"))
    proven, refused = told.iloc[:-1], told.iloc[-1]
    gate("demo book: verdict causal, and the interval holds the truth", _held(proven), 1, 1)
    gate("demo book: refused inside the shock", float("shock" in refused["verdict"]), 1, 1)
    print(f"{process_time() - start:.0f} CPU s")
    return int(missed > 0)


def _held(told: pd.DataFrame) -> float:
    good = (told["verdict"] == "causal") & (told["low"] <= told["true"]) & (told["true"] <= told["high"])
    return float(good.mean())


def _judged(effect: Effect, truth: float, placebo_p: float) -> str:
    return judge(effect, smallest_effect=truth, within_books=False, placebo_p=placebo_p).word


if __name__ == "__main__":
    raise SystemExit(main())

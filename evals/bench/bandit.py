"""The bandit beside Vowpal Wabbit on the same streams; its propensities, latency, drift, prior and off-policy values.

Each class of a data set is an arm: the right one brings +1 with chance .9, else 0; a wrong one −1 with chance .5, else
0. Regret counts expectations: 1.4 a wrong arm. ``--part NAME`` runs one part, ``--seeds`` and ``--rounds`` shorten it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from copilot.bandit import offpolicy, propensity
from copilot.bandit.policy import Policy
from copilot.stats import Floats, Ints, mean_interval

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
MISTAKE = 1.4  # .9 − (−.5)
GATES = {"shuttle": 0.3, "mushroom": 0.6, "digits": 1.0, "breast_cancer": 1.0}
FORGETTING: dict[str, float | Literal["auto"]] = {"auto": "auto", "never": 1, "0.99": 0.99}
SQUARECB = {"default": "", "gamma_scale 1000": "--gamma_scale 1000"}


@dataclass(frozen=True)
class Stream:
    """Contexts (rounds, d), the right arms and the chances that turn choices into rewards."""

    x: Floats
    right: Ints
    arms: int
    luck: Floats

    def reward(self, t: int, arm: int) -> float:
        """Return what ``arm`` brings in round ``t``: the same for every policy that plays it."""
        return float(self.luck[t, 0] < 0.9) if arm == self.right[t] else -float(self.luck[t, 1] < 0.5)


def data(name: str) -> tuple[Floats, Ints]:
    """Return features and labels of a set: columns of numbers standardised, of texts one-hot."""
    from sklearn import datasets

    if name == "mushroom":
        frame = pd.read_csv(SHARED / "bandit_mushroom" / "mushroom.csv.gz")
        return pd.get_dummies(frame.drop(columns="class")).to_numpy(float), pd.factorize(frame["class"])[0]
    if name == "shuttle":
        frame = pd.read_csv(SHARED / "bandit_shuttle" / "shuttle_trn.csv.gz")
        x, y = frame.drop(columns="label").to_numpy(float), frame["label"].to_numpy(np.intp) - 1
    else:
        found = getattr(datasets, f"load_{name}")()
        x, y = found.data, found.target
    return (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1), y


def stream(x: Floats, y: Ints, rounds: int, seed: int) -> Stream:
    """Return ``rounds`` rows in random order, drawn again where the set is smaller."""
    rng = np.random.default_rng([8, seed])
    rows = rng.permutation(len(x))[:rounds] if len(x) >= rounds else rng.integers(0, len(x), rounds)
    return Stream(x[rows], y[rows], int(y.max()) + 1, rng.random((rounds, 2)))


def play(world: Stream, policy: Policy, suggested: Ints | None = None) -> Floats:
    """Return the regret of each round."""
    lost = np.empty(len(world.x))
    for t, x in enumerate(world.x):
        hint = None if suggested is None else int(suggested[t])
        arm = int(str(policy.select(x, suggested=hint).arm))
        lost[t] = MISTAKE * (arm != world.right[t])
        policy.update(x, arm, world.reward(t, arm), suggested=hint)
    return lost


def play_vw(world: Stream, options: str, seed: int) -> float:
    """Return Vowpal Wabbit's regret: squarecb on action-dependent features, context crossed with arm."""
    import vowpalwabbit

    rng = np.random.default_rng([9, seed])
    vw = vowpalwabbit.Workspace(f"--cb_explore_adf --squarecb -q SA --quiet --random_seed {seed} {options}")
    lost = 0.0
    for t, x in enumerate(world.x):
        shared = "shared |S " + " ".join(f"{i}:{x[i]:.6g}" for i in np.flatnonzero(x))
        chance = np.asarray(vw.predict([shared, *(f"|A a{k}" for k in range(world.arms))]))
        chance = chance / chance.sum()
        arm = int(rng.choice(world.arms, p=chance))
        lost += MISTAKE * (arm != world.right[t])
        cost = f"0:{-world.reward(t, arm)}:{chance[arm]:.6g} "
        vw.learn([shared, *(f"{cost if k == arm else ''}|A a{k}" for k in range(world.arms))])
    vw.finish()
    return lost


def regret(seeds: int, rounds: int) -> None:
    """Compare with Vowpal Wabbit, the better of its two settings on each set."""
    if find_spec("vowpalwabbit") is None:
        print("left out: vowpalwabbit is not installed (pip install 'sales-copilot[bench]')")
        return
    for name, gate in GATES.items():
        x, y = data(name)
        start = time.process_time()
        worlds = [stream(x, y, rounds, seed) for seed in range(seeds)]
        ours = np.array([
            play(world, Policy(world.arms, x.shape[1], rng=np.random.default_rng(seed))).sum()
            for seed, world in enumerate(worlds)
        ])  # fmt: skip
        took = (time.process_time() - start) / seeds
        theirs = {
            kind: np.array([play_vw(world, options, seed) for seed, world in enumerate(worlds)])
            for kind, options in SQUARECB.items()
        }
        best = min(theirs, key=lambda kind: float(theirs[kind].mean()))
        log_ratio = mean_interval(np.log(ours / theirs[best]))
        ratio = ours.mean() / theirs[best].mean()
        print(
            f"{name:>14}: ours {ours.mean():6.1f} (seeds {ours.min():.0f} to {ours.max():.0f}), squarecb {best} "
            f"{theirs[best].mean():6.1f}; ratio {ratio:.2f}, by seed {np.exp(log_ratio.low):.2f} to "
            f"{np.exp(log_ratio.high):.2f}, gate {gate}; {took:.1f} CPU s a run",
            flush=True,
        )


def propensities(seeds: int, rounds: int) -> None:
    """Compare the quadrature with a million Thompson draws, on easy and on lopsided posteriors."""
    rng, worst = np.random.default_rng(1), 0.0
    for case in range(12 * seeds):
        arms = 2 + case % 7
        mean, sd = rng.normal(0, 0.5, arms), 10 ** rng.uniform(-3, 0.5, arms)
        wins = np.zeros(arms)
        for _ in range(10):
            drawn = rng.standard_normal((100_000, arms)) * sd + mean
            wins += np.bincount(drawn.argmax(axis=1), minlength=arms)
        worst = max(worst, float(np.abs(propensity.thompson(mean, sd) - wins / 1e6).max()))
    print(f"propensities: largest error {worst:.4f} over {12 * seeds} posteriors against 1e6 draws, gate 0.01")


def latency(seeds: int, rounds: int) -> None:
    """Time ``select`` by the thread's own CPU clock, idle and with the retrainer at work beside it."""
    for name in ("shuttle", "digits"):
        x, y = data(name)
        world = stream(x, y, min(rounds, 1500), 0)
        policy = Policy(world.arms, x.shape[1], kind="neural", rng=np.random.default_rng(0), retraining="manual")
        play(world, policy)
        policy.retrain()
        middles, idle, busy = [], [], []
        for _ in range(5):
            calm = _clocked(policy, world.x)
            middles.append(float(np.median(calm)))
            idle.append(float(np.quantile(calm, 0.99)))
            policy.retrain_beside()
            busy.append(float(np.quantile(_clocked(policy, world.x), 0.99)))
            policy.close()  # at the lowest priority it may take minutes; what counts is that it ran
        print(
            f"select on {name}: median {np.median(middles):.3f} ms (gate .25), p99 idle {np.median(idle):.3f}, with "
            f"the retrainer {np.median(busy):.3f} = {np.median(busy) / np.median(idle):.2f} x (gate 3)",
            flush=True,
        )


def _clocked(policy: Policy, contexts: Floats) -> Floats:
    took = np.empty(len(contexts))
    for t, x in enumerate(contexts):
        start = time.thread_time()
        policy.select(x)
        took[t] = 1000 * (time.thread_time() - start)
    return took


def drift(seeds: int, rounds: int) -> None:
    """Turn the arms round at half time; compare the regret from there on with a policy that never forgets."""
    for name in ("mushroom", "wine"):
        x, y = data(name)
        lost: dict[str, list[float]] = {how: [] for how in FORGETTING}
        for seed in range(seeds):
            world = stream(x, y, rounds, seed)
            half = rounds // 2
            world.right[half:] = (world.right[half:] + 1) % world.arms
            for how, forget in FORGETTING.items():
                policy = Policy(world.arms, x.shape[1], kind="linear", rng=np.random.default_rng(seed), forget=forget)
                lost[how].append(float(play(world, policy)[half:].sum()))
        means = {how: float(np.mean(found)) for how, found in lost.items()}
        ratio = mean_interval(np.log(np.array(lost["auto"]) / lost["never"]))
        print(
            f"drift on {name}: regret after half time {means['auto']:.0f} by the drift test, {means['0.99']:.0f} by "
            f"a constant .99, {means['never']:.0f} never forgetting: ratio {means['auto'] / means['never']:.2f}, by "
            f"seed {np.exp(ratio.low):.2f} to {np.exp(ratio.high):.2f}, gate 0.33",
            flush=True,
        )


def prior(seeds: int, rounds: int) -> None:
    """Price a heuristic's prior where it misleads and where it helps, over paired seeds."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(6000, 8))
    y = (x @ rng.normal(size=(8, 3)) + rng.gumbel(size=(6000, 3)) * 0.3).argmax(axis=1)
    hints: dict[str, Callable[[Stream, np.random.Generator], Ints]] = {
        "always wrong": lambda world, rng: (world.right + 1) % world.arms,
        "always the same arm": lambda world, rng: np.zeros(len(world.right), np.intp),
        "by lot": lambda world, rng: rng.integers(0, world.arms, len(world.right)),
        "right in 80 %": lambda world, rng: np.where(rng.random(len(world.right)) < 0.8, world.right, 0),
    }
    for what, hint in hints.items():
        cost, base = [], []
        for seed in range(4 * seeds):
            world = stream(x, y, min(rounds, 1000), seed)
            told = hint(world, np.random.default_rng([5, seed]))
            plain, led = (
                float(play(world, Policy(3, 8, kind="linear", rng=np.random.default_rng(seed)), given).sum())
                for given in (None, told)
            )
            cost.append(led - plain)
            base.append(plain)
        found = mean_interval(np.array(cost) / np.mean(base))
        print(
            f"prior, {what}: cost {found.value:+.1%} of the regret without it, 95 % {found.low:+.1%} to "
            f"{found.high:+.1%} over {4 * seeds} paired seeds (gate where it misleads: at most +10 %)",
            flush=True,
        )


def coverage(seeds: int, rounds: int) -> None:
    """Count how often the intervals of 100 simulated logs hold a held-back policy's true value."""
    rng = np.random.default_rng(6)
    weights, other = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))

    def chances(x: Floats, by: Floats) -> Floats:
        score = np.exp(x @ by)
        found: Floats = 0.1 / 3 + 0.9 * score / score.sum(axis=1, keepdims=True)
        return found

    def click(x: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-np.sin(2 * x @ weights) - 0.5 * x[:, :1])))

    big = rng.normal(size=(400_000, 5))
    truth = float((chances(big, weights) * click(big)).sum(axis=1).mean())
    held = {"IPS": 0, "SNIPS": 0, "DR": 0}
    for _ in range(100):
        x = rng.normal(size=(1000, 5))
        logged = chances(x, other)
        arm = (rng.random((1000, 1)) > logged.cumsum(axis=1)[:, :-1]).sum(axis=1)
        reward = (rng.random(1000) < click(x)[np.arange(1000), arm]).astype(float)
        log = {"x": x, "arm": arm, "reward": reward, "propensity": logged[np.arange(1000), arm]}
        found = offpolicy.evaluate(log, chances(x, weights)).set_index("estimator")
        for name in held:
            held[name] += int(found.loc[name, "low"] <= truth <= found.loc[name, "high"])
    print(f"coverage of 95 % limits over 100 logs: {held}, gate 90 for DR")


PARTS: dict[str, Callable[[int, int], None]] = {
    "regret": regret,
    "propensities": propensities,
    "latency": latency,
    "drift": drift,
    "prior": prior,
    "coverage": coverage,
}


def main() -> None:
    """Run all parts, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3000)
    given = parser.parse_args()
    for name, part in PARTS.items():
        if given.part in (None, name):
            part(given.seeds, given.rounds)


if __name__ == "__main__":
    main()

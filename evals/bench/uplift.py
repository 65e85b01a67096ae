"""Measure uplift beside its peers on the same splits: a real trial (Hillstrom), and sets with known true effects.

python -m evals.bench.uplift [hillstrom] [ihdp] [acic] [simulated] [demo] [--splits N]; real sets lie in ../shared/data.
The scorers below alone read the truth.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr, t

from copilot.jobs.fits import RATIO
from copilot.models import uplift
from copilot.models.uplift.curves import same_decile
from copilot.models.uplift.learners import KINDS
from copilot.stats import Floats, Ints, qini

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
Peer = Callable[[pd.DataFrame, Floats, Floats, int], Callable[[pd.DataFrame], Floats]]


def ours(learner: str, chosen: list[str] | None = None) -> Peer:
    """Our own model by its door; ``chosen`` collects what auto took."""

    def fit(X: pd.DataFrame, treated: Floats, y: Floats, seed: int) -> Callable[[pd.DataFrame], Floats]:
        model = uplift.fit(X, treated, y, learner=learner, rng=np.random.default_rng(seed))
        if chosen is not None:
            chosen.append(str(model.report["learner"]))
        return lambda rows: model.predict(rows)["uplift"].to_numpy()

    return fit


def two_models(make: Callable[[], Any], chance: bool) -> Peer:
    """A T-learner of scikit-learn models, as a textbook has it."""

    def fit(X: pd.DataFrame, treated: Floats, y: Floats, seed: int) -> Callable[[pd.DataFrame], Floats]:
        columns = list(plain(X).columns)
        pair = [make().fit(plain(X)[treated == arm], y[treated == arm]) for arm in (0, 1)]

        def effect(rows: pd.DataFrame) -> Floats:
            table = plain(rows).reindex(columns=columns, fill_value=0.0)
            said = [one.predict_proba(table)[:, 1] if chance else one.predict(table) for one in pair]
            return np.asarray(said[1] - said[0], float)

        return effect

    return fit


def logistic() -> Any:
    """Logistic regression on standardised columns, the penalty by cross-validation."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegressionCV(Cs=6, cv=3, max_iter=500, scoring="neg_log_loss"))


def ridge() -> Any:
    """Ridge regression on standardised columns, the penalty by cross-validation."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 13)))


def bare_trees(chance: bool) -> Any:
    """XGBoost's defaults."""
    import xgboost as xgb

    return (xgb.XGBClassifier if chance else xgb.XGBRegressor)(n_jobs=1)


def forest(X: pd.DataFrame, treated: Floats, y: Floats, seed: int) -> Callable[[pd.DataFrame], Floats]:
    """EconML's causal forest by its own tuning, small nuisance forests, one thread."""
    from econml.dml import CausalForestDML
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    columns = list(plain(X).columns)
    small = {"n_estimators": 100, "min_samples_leaf": 20, "random_state": seed, "n_jobs": 1}
    model = CausalForestDML(
        model_y=RandomForestRegressor(**small), model_t=RandomForestClassifier(**small), discrete_treatment=True,
        n_estimators=200, n_jobs=1, random_state=seed,
    )  # fmt: skip
    model.tune(y, treated.astype(int), X=plain(X), params={"min_samples_leaf": [5, 50], "max_depth": [3, 5, None]})
    model.fit(y, treated.astype(int), X=plain(X))
    return lambda rows: np.asarray(model.effect(plain(rows).reindex(columns=columns, fill_value=0.0)), float).ravel()


def plain(X: pd.DataFrame) -> pd.DataFrame:
    """Text as indicators, for peers that read numbers only."""
    return pd.get_dummies(X, dtype=float).astype(float)


def hillstrom(splits: int) -> None:
    """Women's e-mail against none, visits: learn on one random half, rank the other."""
    mails = pd.read_csv(DATA / "hillstrom_email_rct" / "hillstrom.csv.gz")
    mails = mails[mails["segment"] != "Mens E-Mail"].reset_index(drop=True)
    X = mails[["recency", "history", "mens", "womens", "newbie", "zip_code", "channel"]]
    treated, y = (mails["segment"] == "Womens E-Mail").to_numpy(float), mails["visit"].to_numpy(float)
    chosen: list[str] = []
    peers: dict[str, Peer] = {"auto": ours("auto", chosen), **{kind: ours(kind) for kind in KINDS}}
    peers |= {
        "T-logistic": two_models(logistic, True),
        "causal forest": forest,
        "XGBoost-default T": two_models(lambda: bare_trees(True), True),
    }
    found: dict[str, list[float]] = {name: [] for name in peers}
    told: dict[str, list[Floats]] = {"auto": [], "XGBoost-default T": []}
    # How often each account is drawn in each of 200 bootstrap draws: the same in all splits, whose rows overlap.
    boot = np.random.default_rng(1)
    counts = [np.bincount(boot.integers(len(y), size=len(y)), minlength=len(y)) for _ in range(200)]
    differences = []
    print(
        f"Hillstrom, {len(y)} rows: Qini x 1000 (per account) on the other half of {splits} random halves", flush=True
    )
    for split in range(splits):
        half = np.random.default_rng(split).random(len(y)) < 0.5
        effect = {}
        for name, peer in peers.items():
            rank = peer(X[half], treated[half], y[half], split)
            effect[name] = rank(X[~half])
            found[name].append(1e3 * qini(effect[name], treated[~half], y[~half]))
            if name in told:
                told[name].append(rank(X))
        drawn = [np.repeat(np.arange((~half).sum()), count[~half]) for count in counts]
        pair = effect["auto"], effect["XGBoost-default T"]
        differences.append(_bootstrap(*pair, treated[~half], y[~half], drawn))
        line = ", ".join(f"{name} {values[-1]:.2f}" for name, values in found.items())
        print(f"  split {split} ({chosen[-1]}): {line}", flush=True)
    auto = np.array(found["auto"])
    for name, values in found.items():
        gap = auto - np.array(values)
        spread = gap.std(ddof=1) if name != "auto" else np.nan
        print(
            f"  {name:<18} {np.mean(values):6.2f} (sd {np.std(values, ddof=1):.2f}); auto minus it {gap.mean():+.2f} = "
            f"{gap.mean() / spread if spread > 0 else 0:+.2f} sd of the differences",
            flush=True,
        )
    draws = np.mean(differences, axis=0)
    low, high = np.quantile(1e3 * draws, (0.025, 0.975))
    print(f"  auto minus XGBoost-default T, paired bootstrap of the accounts: 95 % from {low:+.2f} to {high:+.2f}")
    gaps = auto - np.array(found["XGBoost-default T"])
    # Nadeau & Bengio 2003: fits on halves that overlap vary together, by about test rows / learned rows = 1.
    reach = t.ppf(0.975, splits - 1) * gaps.std(ddof=1) * (1 / splits + 1) ** 0.5
    low, high = gaps.mean() - reach, gaps.mean() + reach
    print(f"  the same for another draw of the halves too (corrected resampled t): 95 % from {low:+.2f} to {high:+.2f}")
    share = {name: _pairs(values) for name, values in told.items()}
    gap, error = _mean_and_error(share["auto"] - share["XGBoost-default T"])
    print(
        f"  same decile between fits on different halves: auto {share['auto'].mean():.3f}, XGBoost-default T "
        f"{share['XGBoost-default T'].mean():.3f}, difference {gap:+.3f} (se {error:.3f})"
    )


def _mean_and_error(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)


def _bootstrap(a: Floats, b: Floats, treated: Floats, y: Floats, drawn: Sequence[Ints]) -> Floats:
    """Return the difference of the two Qinis on each draw of rows."""
    return np.array([qini(a[k], treated[k], y[k]) - qini(b[k], treated[k], y[k]) for k in drawn])


def _pairs(told: Sequence[Floats]) -> Floats:
    """Return the same-decile share of each split's fit with the next one's."""
    return np.array([same_decile([told[k], told[k - 1]]) for k in range(len(told))])


def ihdp(splits: int) -> None:
    """747 children: learn on 90 %, score the true effects of the other 10 %, against a ridge T-learner."""
    ratios, raw = [], []
    print(
        f"IHDP: square root of PEHE out of sample, {splits} splits a replication, against a ridge T-learner", flush=True
    )
    for file in sorted((DATA / "ihdp").glob("ihdp_npci_*.csv")):
        table = pd.read_csv(file)
        X, tau = table.filter(regex=r"^x\d+$"), (table["mu1"] - table["mu0"]).to_numpy()
        treated, y = table["treatment"].to_numpy(float), table["y_factual"].to_numpy(float)
        chosen: list[str] = []
        errors = []
        for split in range(splits):
            order = np.random.default_rng(split).permutation(len(y))
            test, learn = order[: len(y) // 10], order[len(y) // 10 :]
            peers = {"auto": ours("auto", chosen), "ridge T": two_models(ridge, False)}
            errors.append([
                _rmse(fit(X.iloc[learn], treated[learn], y[learn], split)(X.iloc[test]), tau[test])
                for fit in peers.values()
            ])  # fmt: skip
        ratio = np.array(errors)[:, 0] / np.array(errors)[:, 1]
        ratios.append(float(np.exp(np.log(ratio).mean())))
        raw.extend(np.log(ratio))
        means = np.mean(errors, axis=0)
        print(
            f"  {file.stem}: auto {means[0]:.3f}, ridge T {means[1]:.3f}, ratio {ratios[-1]:.3f}, took {chosen}",
            flush=True,
        )
    error = np.std(np.log(ratios), ddof=1) / len(ratios) ** 0.5
    centre = np.log(ratios).mean()
    low, high = np.exp(centre - 1.96 * error), np.exp(centre + 1.96 * error)
    print(f"  geometric mean over replications {np.exp(centre):.3f} (95 % {low:.3f} to {high:.3f})")


def acic(_: int) -> None:
    """ACIC 2016: learn on all 4 802 rows of a simulation, score the true effects, against our own learners."""
    covariates = pd.read_csv(DATA / "acic2016" / "x.csv.gz")
    print("ACIC 2016: square root of PEHE; auto against the best of our own learners and against one effect for all")
    ratios = []
    for file in sorted((DATA / "acic2016").glob("zymu_*.csv")):
        table = pd.read_csv(file)
        treated = table["z"].to_numpy(float)
        y, tau = np.where(treated == 1, table["y1"], table["y0"]), (table["mu1"] - table["mu0"]).to_numpy()
        start = process_time()
        model = uplift.fit(covariates, treated, y, rng=np.random.default_rng(0))
        took = process_time() - start
        auto = _rmse(model.predict(covariates)["uplift"], tau)
        constant = _rmse(model.report["baselines"]["constant"], tau)
        own = {kind: _rmse(ours(kind)(covariates, treated, y, 0)(covariates), tau) for kind in KINDS}
        best = min(own.values())
        if tau.std() > 1e-6:
            ratios.append(auto / best)
        line = ", ".join(f"{kind} {error:.3f}" for kind, error in own.items())
        print(
            f"  {file.stem} ({model.report['learner']}, {took:.0f} CPU s): auto {auto:.3f}; {line}; constant "
            f"{constant:.3f}; auto / best {auto / best:.3f}, auto / constant {auto / constant:.3f}",
            flush=True,
        )
    if ratios:
        print(f"  geometric mean of auto / best where effects differ {np.exp(np.mean(np.log(ratios))):.3f}, "
              f"worst {max(ratios):.3f}")  # fmt: skip


def simulated(_: int) -> None:
    """Worlds of our own: auto against one effect for all and each learner, and what share the 90 % limits hold."""
    print("Simulated, 1 000 rows: square root of PEHE on fresh rows over the effects' spread; coverage of 90 % limits")
    for name in WORLDS:
        X, treated, y, tau = world(name, 3000, np.random.default_rng(4))
        model = uplift.fit(X[:1000], treated[:1000], y[:1000], rng=np.random.default_rng(0))
        told = model.predict(X[1000:], interval=0.9)
        inside = ((told["low"] <= tau[1000:]) & (tau[1000:] <= told["high"])).mean()
        constant = _rmse(model.report["baselines"]["constant"], tau[1000:])
        print(
            f"  {name:<12} {model.report['learner']:<9} auto {_rmse(told['uplift'], tau[1000:]):.3f}, constant "
            f"{constant:.3f}, spread {tau.std():.3f}, coverage {inside:.2f}",
            flush=True,
        )


def demo(seeds: int) -> None:
    """Demo books of 20 000 accounts: learn on four fifths of them, rank the rest by the true expected effect."""
    print("Demo book, 20 000 accounts: Spearman with the true CATE on accounts that were held out")
    found: dict[str, list[float]] = {"bookings": [], "upsell": []}
    for seed in range(1, seeds + 1):
        X, rows, truth = demo_samples(20_000, seed)
        held = pd.util.hash_array(rows["account_id"].to_numpy(object)) % np.uint64(5) == 0
        outcomes = {
            "bookings": ((rows["delta_usd"] / rows["base_usd"]).clip(*RATIO), truth["tau_usd"] / truth["base_usd"]),
            "upsell": ((rows["delta_usd"] > 0).astype(float), truth["tau_up"]),
        }
        for name, (outcome, cate) in outcomes.items():
            start = process_time()
            known = rows[~held]
            model = uplift.fit(
                X[~held], known["treated"], outcome[~held], rng=np.random.default_rng(seed),
                groups=known["account_id"], time=known["as_of"],
            )  # fmt: skip
            rank = spearmanr(model.predict(X[held])["uplift"], cate[held]).statistic
            found[name].append(float(rank))
            print(
                f"  seed {seed} {name}: {rank:.3f} on {held.sum():,} of {len(rows):,} renewals "
                f"({model.report['learner']}, {process_time() - start:.0f} CPU s)",
                flush=True,
            )
    for name, ranks in found.items():
        print(f"  {name}: mean {np.mean(ranks):.3f} over {len(ranks)} seeds, lowest {min(ranks):.3f}")


def demo_samples(accounts: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return features, samples and truth of a fresh demo book's past renewals, row by row; as training reads them."""
    from copilot.data.choice import chosen_specs
    from copilot.data.demo import simulate
    from copilot.data.workspace import Workspace
    from copilot.jobs import samples

    with tempfile.TemporaryDirectory() as folder:
        draft, truths = simulate(accounts=accounts, seed=seed)
        workspace = Workspace(Path(folder))
        workspace.write_book(draft, datetime(2026, 7, 1, 6, tzinfo=UTC))
        used = samples.read(workspace.book(), "uplift")
        X = samples.features_of(workspace, chosen_specs(workspace, workspace.book()), {"uplift": used})["uplift"]
    truth = truths["renewals"].query("not upcoming").rename(columns={"rtcd": "window_end"})
    truth = truth[["account_id", "window_end", "base_usd", "tau_usd", "tau_up"]]
    told = used.rows[["account_id", "window_end"]].merge(truth, on=["account_id", "window_end"], how="left")
    known = told["tau_up"].notna().to_numpy()
    return (
        X[known].reset_index(drop=True),
        used.rows[known].reset_index(drop=True),
        told[known].reset_index(drop=True),
    )


WORLDS = ("line", "step", "constant", "none", "confounded", "multiplied", "rare")


def world(name: str, n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Floats, Floats, Floats]:
    """Simulate one of ``WORLDS``: features, touch, outcome, true effect."""
    a, b, c, d = (rng.normal(size=n) for _ in range(4))
    X = pd.DataFrame({"a": a, "b": b, "c": c, "d": d, "e": rng.normal(size=n), "zone": rng.choice(["x", "y", "z"], n)})
    base, tau, chance = a + 0.5 * b, np.zeros(n), np.full(n, 0.5)
    if name == "line":
        tau = 0.5 + 0.5 * a - 0.4 * c
    elif name == "step":
        tau = np.where((a > 0) & (X["zone"] != "x"), 1.5, 0.0)
    elif name == "constant":
        base, tau, chance = a * b + c, np.full(n, 0.6), 1 / (1 + np.exp(-a))
    elif name == "confounded":
        base, tau, chance = 2 * np.maximum(a, 0) + b, 0.3 + 0.8 * np.tanh(b), 1 / (1 + np.exp(-1.2 * a + 0.8 * b))
    elif name == "multiplied":
        base = np.exp(0.5 * a + 0.3 * b)
        tau = 0.5 * base
    treated = (rng.random(n) < chance).astype(float)
    if name == "rare":
        low, high = (1 / (1 + np.exp(-(-3 + 0.8 * a + lift))) for lift in (0.0, 0.6 + 0.6 * c))
        return X, treated, (rng.random(n) < np.where(treated == 1, high, low)).astype(float), np.asarray(high - low)
    return X, treated, base + tau * treated + rng.normal(size=n), tau


def _rmse(told: Any, tau: Floats) -> float:
    return float(np.sqrt(np.mean((np.asarray(told) - tau) ** 2)))


SETS: Mapping[str, Callable[[int], None]] = {
    "ihdp": ihdp, "acic": acic, "simulated": simulated, "demo": demo, "hillstrom": hillstrom,
}  # fmt: skip


def main() -> int:
    """Run the sets named, or all of them."""
    read = argparse.ArgumentParser(prog="python -m evals.bench.uplift")
    read.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; all by default")
    read.add_argument(
        "--splits",
        type=int,
        help="random splits: 10 of Hillstrom, 3 of each IHDP replication by default; seeds of the demo book: 3",
    )
    given = read.parse_args()
    if unknown := sorted(set(given.sets) - set(SETS)):
        read.error(f"there is no set {', '.join(unknown)}; the known ones are {', '.join(SETS)}")
    if not DATA.is_dir():
        print("The shared sets are not beside the project (../shared/data), so only the simulated sets are run.")
        given.sets = ["simulated", "demo"]
    start = process_time()
    for name in given.sets or SETS:
        SETS[name](given.splits or {"hillstrom": 10}.get(name, 3))
    print(f"{process_time() - start:.0f} CPU s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

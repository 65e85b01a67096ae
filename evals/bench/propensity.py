"""Compare propensities with the simulator's oracle (APS, UPS) and with XGBoost's defaults on real churn (PowerCo).

Demo: for each seed a fresh book is simulated; our out-of-fold AUC and the oracle's are taken on the same labelled
samples, within parts of the accounts. The share of the oracle's skill (AUC − .5) is averaged over the seeds, with an
interval from resampling accounts, ours and the oracle's together. By default the folds are of accounts alone, as the
nightly model, too, has seen the latest period; ``--forward`` adds folds that go forward in time over the book's drift.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from copilot.data.propensity_features import components, features
from copilot.data.workspace import Draft, Workspace
from copilot.jobs.propensity import QUESTIONS, samples
from copilot.models import propensity
from copilot.models.encoding import Encoding
from copilot.models.propensity.judge import auc_within
from copilot.stats import Floats, auc

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)
KEYS = {"aps": ["opportunity_id"], "ups_renewal": ["account_id", "product", "as_of"],
        "ups_add_on": ["opportunity_id", "product"]}  # fmt: skip
RESAMPLES = 200
SPLITS = 5


def simulated(accounts: int, seed: int) -> tuple[Draft, dict[str, pd.DataFrame]]:
    """Return a demo book of any size and the truth about it."""
    demo: Any = import_module("copilot.data.demo")
    if hasattr(demo, "simulate"):
        made: tuple[Draft, dict[str, pd.DataFrame]] = demo.simulate(accounts=accounts, seed=seed)
    else:
        demo.PRESETS["measured"] = demo.Preset(accounts, max(10, accounts // 50))
        made = demo.make("measured", seed=seed)
    return made


def oracle(truth: dict[str, pd.DataFrame], name: str) -> pd.DataFrame | None:
    """Return the true chance of each labelled sample, ``p`` beside the keys; None where the simulator tells none."""
    frame, keys = truth.get(name), KEYS[name]
    if frame is None and name.startswith("ups") and "ups" in truth:
        every = truth["ups"]
        frame = every[every["case"] == QUESTIONS[name].case]
        keys = ["account_id", "product", "as_of"]
    if frame is None or not set(keys) <= set(frame):
        return None
    told = frame.rename(columns={"chance": "p"})[[*keys, "p"]].dropna().drop_duplicates(keys)
    return told.astype({"as_of": "datetime64[us]"}) if "as_of" in told else told


def measured(workspace: Workspace, truth: dict[str, pd.DataFrame], name: str, seed: int, forward: bool) -> Any:
    """Return the judged samples of one question: ``label, ours, oracle, account_id, part``, and the model's report."""
    question = QUESTIONS[name]
    used, wait = samples(workspace.book(), name)
    chosen = used.rows
    known = oracle(truth, name)
    if known is None or len(chosen) < 200:
        return None
    X = features(workspace, chosen, question.case)
    model = propensity.fit(
        X, chosen["label"], pool=question.pool, rng=np.random.default_rng(seed), groups=chosen["account_id"],
        time=chosen["as_of"] if forward else None, embargo=wait, components=components(list(X.columns)),
        season="season" if question.case == "new" else None,
    )  # fmt: skip
    if model.judged is None:
        return None
    told = chosen.iloc[model.judged["row"]].assign(
        ours=model.judged["margin"].to_numpy(), part=model.judged["part"].to_numpy()
    )
    both = told.merge(known.rename(columns={"p": "oracle"}), on=[key for key in known if key != "p"])
    return both[["account_id", "label", "ours", "oracle", "part"]], model.report


def shares(judged: pd.DataFrame, rng: np.random.Generator) -> tuple[float, float, float, Floats]:
    """Return our AUC, the oracle's, our share of its skill, and that share in resamples of whole accounts."""
    label, part = judged["label"].to_numpy(float), judged["part"].to_numpy()

    def share(rows: Any) -> tuple[float, float, float]:
        ours, best = (auc_within(label[rows], judged[way].to_numpy()[rows], part[rows]) for way in ("ours", "oracle"))
        return ours, best, (ours - 0.5) / (best - 0.5)

    account = np.unique(judged["account_id"], return_inverse=True)[1]
    members = np.split(np.argsort(account, kind="stable"), np.cumsum(np.bincount(account))[:-1])
    drawn = [
        share(np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))]))[2]
        for _ in range(RESAMPLES)
    ]
    return *share(np.arange(len(label))), np.array(drawn)


def demo(accounts: int, seeds: int, forward: bool) -> None:
    """Print our AUC, the oracle's and the share of its skill, seed by seed and over all."""
    ways = ("by account", "forward in time") if forward else ("by account",)
    found: dict[tuple[str, str], list[tuple[float, float, float, Floats]]] = {}
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory() as folder:
            draft, truth = simulated(accounts, seed)
            workspace = Workspace(Path(folder))
            workspace.write_book(draft, NOW)
            for name in QUESTIONS:
                for way in ways:
                    start = process_time()
                    got = measured(workspace, truth, name, seed, way != "by account")
                    if got is None:
                        print(
                            f"seed {seed} {name:<12} {way}: left out, the simulator tells no true chances", flush=True
                        )
                        continue
                    figures = shares(got[0], np.random.default_rng(seed))
                    found.setdefault((name, way), []).append(figures)
                    report = got[1]
                    tops = ", ".join(f"{tier['tier']} {tier['lift']['value']:.2f}x" for tier in report["tiers"][:2])
                    print(
                        f"seed {seed} {name:<12} {way}: AUC {figures[0]:.4f}, oracle {figures[1]:.4f}, "
                        f"share {figures[2]:.3f} ({len(got[0]):,} judged, {tops}, {report['predicts_with']} of "
                        f"{' + '.join(report['learners'])}, season: {(report['season'] or {}).get('kept', '-')}, "
                        f"ECE {report['ece']:.3f}, {process_time() - start:.0f} CPU s)",
                        flush=True,
                    )
    for (name, way), runs in found.items():
        ours, best, share = np.mean([run[:3] for run in runs], axis=0)
        low, high = np.quantile(np.mean([run[3] for run in runs], axis=0), (0.025, 0.975))
        print(
            f"{name:<12} {way}, {len(runs)} seeds of {accounts:,} accounts: AUC {ours:.4f}, oracle {best:.4f}, "
            f"share of its skill {share:.3f} (95 % interval {low:.3f} to {high:.3f})"
        )


def split(X: pd.DataFrame, seeds: int) -> Iterator[tuple[int, Any]]:
    """Yield the held-out rows, 30 %, of each split."""
    for seed in range(seeds):
        yield seed, np.random.default_rng(seed).random(len(X)) < 0.3


def powerco() -> None:
    """Print our AUC and that of XGBoost's defaults on the same splits of the real churn set."""
    import xgboost as xgb

    file = SHARED / "powerco_b2b_churn" / "clients.csv.gz"
    if not file.is_file():
        print("PowerCo: left out, the data set is not beside the project")
        return
    rows = pd.read_csv(file)
    dates = [name for name in rows if name.startswith("date")]
    X = rows.drop(columns=["id", "churn"]).assign(**{name: pd.to_datetime(rows[name]) for name in dates})
    y = rows["churn"].to_numpy(float)
    found = []
    for seed, test in split(X, SPLITS):
        start = process_time()
        model = propensity.fit(X[~test], y[~test], rng=np.random.default_rng(seed))
        took = process_time() - start
        encoding = Encoding.fit(X[~test])
        peer = xgb.XGBClassifier(n_jobs=1).fit(encoding.transform(X[~test]), y[~test])
        other = peer.predict_proba(encoding.transform(X[test]))[:, 1]
        found.append((auc(y[test], model.predict(X[test])), auc(y[test], other)))
        print(
            f"PowerCo split {seed}: AUC {found[-1][0]:.4f}, XGBoost's defaults {found[-1][1]:.4f} ({took:.0f} CPU s)",
            flush=True,
        )
    ours, peer_auc = np.mean(found, axis=0)
    gain = np.subtract(*np.array(found).T)
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    won = f"gain {gain.mean():.4f} ± {error:.4f}"
    print(f"PowerCo, {SPLITS} splits: AUC {ours:.4f}, XGBoost's defaults {peer_auc:.4f}, {won}")


def ravenstack() -> None:
    """Print what the report says of a set whose labels are noise."""
    from copilot.jobs.propensity import fit
    from copilot.jobs.setup import import_book

    folder = SHARED / "ravenstack_saas"
    if not folder.is_dir():
        print("RavenStack: left out, the data set is not beside the project")
        return
    with tempfile.TemporaryDirectory() as place:
        workspace = Workspace(Path(place))
        import_book(workspace, "ravenstack", folder, NOW, lambda stage: None)
        print(f"RavenStack: {fit(workspace, np.random.default_rng(7))[3]}")


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--forward", action="store_true")
    parser.add_argument("--only", choices=("powerco", "ravenstack", "demo"))
    given = parser.parse_args()
    if given.only in (None, "powerco"):
        powerco()
    if given.only in (None, "ravenstack"):
        ravenstack()
    if given.only in (None, "demo"):
        demo(given.accounts, given.seeds, given.forward)


if __name__ == "__main__":
    main()

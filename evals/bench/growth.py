"""Growth on books with a known truth and on real churn: our chosen target beside the papers' plain change, XGBoost's
defaults and what nobody can beat.

Zero-inflated books: half of the accounts stay flat, the moves are shares of bases that differ a thousandfold. Figures
are means over seeds with 95 % intervals of the paired differences. PowerCo and RavenStack are read from the real data
beside the project and left out where it is absent.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from copilot.data.workspace import Workspace
from copilot.jobs.setup import import_book
from copilot.jobs.train import train, trained
from copilot.models import growth
from copilot.models.growth.judging import capture, in_book
from copilot.stats import Floats, auc, mean_interval

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
SEEDS = 5
ROWS, REPS = 4_000, 40
SPLITS = 5


def books(rows: int, seed: int, width: int = 12) -> tuple[pd.DataFrame, Floats, Floats, Any, Floats]:
    """Return features, base, change, rep and the true expected change of simulated renewals."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(rows, width)), columns=[f"x{k}" for k in range(width)])
    base = np.asarray(np.exp(rng.normal(8.5, 1.6, rows)), float)
    X["log_base"] = np.log(base) + rng.normal(0, 0.3, rows)
    churn = -1.25 + 1.0 * X["x0"] - 0.8 * X["x1"] + 0.5 * X["x0"] * X["x2"]
    rise = -1.2 + 0.8 * X["x3"] + 0.6 * X["x1"].clip(lower=0) - 0.4 * X["x0"]
    strength = np.column_stack([np.zeros(rows), churn, rise])
    outcome = (strength + rng.gumbel(size=(rows, 3))).argmax(axis=1)
    loss = np.where(rng.random(rows) < 0.4, 1.0, rng.beta(2, 3, rows).clip(0.05))
    gain = np.minimum(np.exp(rng.normal(-1.5 + 0.3 * X["x4"], 0.7)), 3)
    change = np.asarray(np.select([outcome == 1, outcome == 2], [-loss, gain], 0.0) * base, float)
    chance = np.exp(strength) / np.exp(strength).sum(axis=1, keepdims=True)
    expected = (chance[:, 2] * np.exp(-1.5 + 0.3 * X["x4"] + 0.245) - chance[:, 1] * 0.64) * base
    return X, base, change, rng.integers(REPS, size=rows), np.asarray(expected, float)


def synthetic() -> None:
    """Print what the choice of the target brings on fresh books."""
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(SEEDS):
        X, base, change, rep, expected = books(2 * ROWS, seed)
        near, far = slice(0, ROWS), slice(ROWS, None)
        start = process_time()
        model = growth.fit(X[near], base[near], change[near], rng=np.random.default_rng(seed), book=rep[near])
        took = process_time() - start
        told = model.predict(X[far], base[far])
        lost, actual, where = change[far] < 0, change[far], rep[far]
        raw, ratio = _defaults(X, base, change, near, far)
        orders = {
            f"ours ({model.report['target']})": (told["delta"].to_numpy(), told["p_churn"].to_numpy()),
            "XGBoost's defaults on the plain change": (raw, -raw),
            "XGBoost's defaults on the ratio": (ratio * base[far], -ratio),
            "oracle (true expected change)": (expected[far], -expected[far] / base[far]),
        }
        for name, (delta, risk) in orders.items():
            row = {"spearman in book": in_book(delta, actual, where), "AUC churn": auc(lost, risk)}
            found.setdefault(name, []).append(row | {"capture@20": capture(risk, lost)})
        parts = ", ".join(f"{name} {part['spearman_in_book']:.3f}" for name, part in model.report["targets"].items())
        print(f"seed {seed}: {took:.1f} CPU s; out-of-fold in-book Spearman {parts}; {model.report['target_reason']}")
    ours = pd.DataFrame(next(rows for name, rows in found.items() if name.startswith("ours")))
    for name, rows in found.items():
        table = pd.DataFrame(rows)
        print(f"{name:<42}" + "".join(f"{column} {table[column].mean():.3f}   " for column in table))
        if not name.startswith("ours") and len(ours) == len(table):
            for column in table:
                gap = mean_interval(ours[column] - table[column])
                print(f"{'':<8}ours minus this, {column}: {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})")


def _defaults(X: pd.DataFrame, base: Floats, change: Floats, near: slice, far: slice) -> tuple[Floats, Floats]:
    import xgboost as xgb

    def told(target: Floats) -> Floats:
        return np.asarray(xgb.XGBRegressor(n_jobs=1).fit(X[near], target[near]).predict(X[far]), float)

    return told(change), told(np.clip(change / base, -1, 3))


def powerco() -> None:
    """Print the AUC of churn on PowerCo through growth (a loss of all consumption), repeated splits, paired."""
    import xgboost as xgb

    file = SHARED / "powerco_b2b_churn" / "clients.csv.gz"
    if not file.is_file():
        print("PowerCo: left out, the data is not beside the project.")
        return
    raw = pd.read_csv(file)
    X = raw.drop(columns=["id", "churn"])
    for name in [column for column in X if column.startswith("date_")]:
        X[name] = (pd.to_datetime(X[name]) - pd.Timestamp("2016-01-01")).dt.days
    plain = X.assign(**{name: X[name].astype("category") for name in X if not pd.api.types.is_numeric_dtype(X[name])})
    lost, base = raw["churn"].to_numpy() == 1, np.ones(len(raw))
    rows = []
    for seed in range(SPLITS):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(raw))
        far, near = order[: len(order) // 4], order[len(order) // 4 :]
        model = growth.fit(X.iloc[near], base[near], np.where(lost[near], -1.0, 0.0), rng=rng)
        peer = xgb.XGBClassifier(n_jobs=1, enable_categorical=True).fit(plain.iloc[near], lost[near])
        ours = auc(lost[far], model.predict(X.iloc[far], base[far])["p_churn"])
        rows.append({"ours": ours, "peer": auc(lost[far], peer.predict_proba(plain.iloc[far])[:, 1])})
    table = pd.DataFrame(rows)
    gap = mean_interval(table["ours"] - table["peer"])
    print(
        f"PowerCo churn AUC, {SPLITS} splits: ours {table['ours'].mean():.3f}, XGBoost's defaults "
        f"{table['peer'].mean():.3f}, difference {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
    )


def ravenstack() -> None:
    """Print what the report says of a book whose labels are noise."""
    folder = SHARED / "ravenstack_saas"
    if not folder.is_dir():
        print("RavenStack: left out, the data is not beside the project.")
        return
    now = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as home:
        place = Workspace(Path(home))
        import_book(place, "ravenstack", folder, now, lambda stage: None)
        train(place, now, np.random.default_rng(7), only="growth")
        manifest = trained(place, "growth")
    print(f"RavenStack: {manifest['report']['note'] if manifest else 'growth could not be trained'}")


def main() -> None:
    """Run the three parts."""
    synthetic()
    powerco()
    ravenstack()


if __name__ == "__main__":
    main()

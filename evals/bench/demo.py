"""How hard the demo book is to predict, what its best forecast reaches, and what simulating it costs.

The oracle of each label is scored on exactly the rows the label mart makes, beside the papers' levels. Sizes: give
presets, or numbers of accounts, as arguments; by default 5 000 and 20 000 accounts. ``bench`` takes minutes.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd

from copilot.data import demo, labels
from copilot.data.workspace import Book, Workspace

MOST_ACCOUNTS = 50_000  # beyond, the label mart's frames would need more memory than the book
# name -> the papers' level, as the issue states it
LEVELS = {
    "f_pu MAE": (7.0, 8.0),
    "f_pa MAE": (0.19, 0.22),
    "APS AUC": (0.62, 0.67),
    "UPS renewal AUC": (0.81, 0.86),
    "UPS add-on AUC": (0.81, 0.86),
    "touch AUC": (0.66, 0.70),
    "persuadable": (0.255, 0.305),
    "sure things": (0.245, 0.295),
    "lost causes": (0.225, 0.275),
    "sleeping dogs": (0.025, 0.055),
}


def auc(label: pd.Series, score: pd.Series) -> float:
    """Return the area under the ROC curve (Mann-Whitney), ties averaged."""
    rank, one = score.rank().to_numpy(), label.to_numpy(bool)
    ones, zeros = int(one.sum()), int((~one).sum())
    return float((rank[one].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def levels(book: Book, truth: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Return the oracle's error or AUC on each kind of label, and what the past renewals are like."""
    found = engagement(labels.engagement_targets(book).frame, truth["engagement"])
    aps = labels.aps(book).frame.merge(truth["aps"].drop(columns="account_id"), on="opportunity_id")
    aps = aps[aps["settled"]]  # of younger ones the mart knows one outcome only
    found |= {"APS AUC": auc(aps["label"], aps["chance"]), "APS samples": len(aps), "APS share": aps["label"].mean()}
    for case, key in (("renewal", ["account_id", "product", "as_of"]), ("add_on", ["opportunity_id", "product"])):
        rows = labels.ups(book, case=case).frame  # type: ignore[arg-type]
        known = truth[f"ups_{case}"]
        known = known[[*key, *known.columns.intersection(["chance", "settled"])]]
        rows = rows.merge(known, on=key, how="left").fillna({"chance": 0.0})
        rows = rows[rows["settled"]] if "settled" in rows else rows
        name = f"UPS {case.replace('_', '-')}"
        found[f"{name} AUC"] = auc(rows["label"], rows["chance"])
        found[f"{name} top-decile lift"] = lift(rows)
        found[f"{name} samples"], found[f"{name} share"] = len(rows), rows["label"].mean()
    return found | response(truth["renewals"])


def engagement(targets: pd.DataFrame, known: pd.DataFrame) -> dict[str, float]:
    """Return the oracle's errors for utilisation and adoption, and those of the last value, on the same rows."""
    keys = ["account_id", "product", "month"]
    before = targets[[*keys, "utilization_pct", "adoption"]].assign(month=targets["month"] + pd.DateOffset(months=1))
    rows = targets.merge(known, on=keys, suffixes=("", "_best")).merge(before, on=keys, suffixes=("", "_last"))
    found: dict[str, float] = {}
    for name, column in (("f_pu", "utilization_pct"), ("f_pa", "adoption")):
        miss, naive = (rows[column] - rows[f"{column}_best"], rows[column] - rows[f"{column}_last"])
        found[f"{name} MAE"], found[f"{name} RMSE"] = miss.abs().mean(), float(np.sqrt((miss**2).mean()))
        found[f"{name} skill"] = 1 - miss.abs().mean() / naive.abs().mean()
    return found


def lift(rows: pd.DataFrame) -> float:
    """Return the label's share in the tenth with the highest chance, over its share in all."""
    top = rows.nlargest(len(rows) // 10, "chance")
    return float(top["label"].mean() / rows["label"].mean())


def response(renewals: pd.DataFrame) -> dict[str, float]:
    """Return the shares of customers by what a touch does, and how far the choice to touch can be foreseen."""
    past = renewals[~renewals["upcoming"]]
    up0, up1, churn0, churn1 = (past[name] for name in ("up0", "up1", "churn0", "churn1"))
    return {
        "touch AUC": auc(past["treated"].astype(bool), past["propensity"]),
        "persuadable": float(((up1 & ~up0) | (churn0 & ~churn1)).mean()),
        "sure things": float((up0 & up1).mean()),
        "lost causes": float((churn0 & churn1).mean()),
        "sleeping dogs": float((past["y1_usd"] < past["y0_usd"]).mean()),
    }


def main() -> None:
    """Print a table for each size; a level outside the papers' range is marked."""
    for size in sys.argv[1:] or ["5000", "20000"]:
        start = process_time()

        def tell(stage: str, start: float = start) -> None:
            print(f"   {process_time() - start:7.1f} CPU s  {stage}", flush=True)

        print(f"{size} accounts" if size.isdigit() else f"preset {size}", flush=True)
        if size.isdigit():
            draft, truth = demo.simulate(accounts=int(size), progress=tell)
        else:
            draft, truth = demo.make(size, progress=tell)  # type: ignore[arg-type]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows = sum(len(table) for table in draft.tables.values())
        print(
            f"simulated {rows:,} rows in {process_time() - start:.1f} CPU s; peak memory of this process {peak:.2f} GB"
        )
        if len(draft.tables["accounts"]) > MOST_ACCOUNTS:
            print(f"   levels are printed for up to {MOST_ACCOUNTS:,} accounts")
            continue
        with tempfile.TemporaryDirectory() as folder:
            book = Workspace(Path(folder)).write_book(draft, datetime(2026, 7, 1, tzinfo=UTC))
            del draft
            for name, value in levels(book, truth).items():
                low, high = LEVELS.get(name, (-np.inf, np.inf))
                wanted = f"   papers {low} to {high}" if name in LEVELS else ""
                mark = "" if low <= value <= high else "   OUTSIDE"
                print(f"   {name:<26} {value:10.3f}{wanted}{mark}")


if __name__ == "__main__":
    main()

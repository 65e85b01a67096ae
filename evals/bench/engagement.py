"""Forecasts of use on the demo's process, whose best forecast is known: our share of its skill, over five seeds.

Skill is 1 − MAE / MAE of the last value. The best forecast knows every parameter, each unit's own level and the state;
ours sees what a book holds: past use and past hires. Intervals are of the paired differences between seeds. Books come
from the demo's simulator where it tells its truth about use, else from the same process written out here.
"""

from __future__ import annotations

import sys
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from copilot.data import demo
from copilot.models import engagement
from copilot.stats import Floats, mean_interval

ACCOUNTS, SEEDS, JUDGED = 20_000, 5, 3
KEYS, CELL = ["account_id", "product"], ["account_id", "product", "event_ts"]
PRODUCTS, MONTHS = 4, 36
MEASURES: tuple[tuple[str, tuple[float, float], str], ...] = (
    ("utilization_pct", (0.0, 100.0), "f_pu"),
    ("adoption", (0.0, 1.0), "f_pa"),
)
PEERS = ("last value", "seasonal median", "XGBoost on 12 lags")


def book(accounts: int, seed: int) -> pd.DataFrame:
    """Return ``CELL``, both measures, ``hires`` and the best forecast of each, named ``best_…``."""
    simulate: Any = getattr(demo, "simulate", None)
    if simulate is None:
        return process(accounts, seed)
    draft, truth = simulate(accounts=accounts, seed=seed)
    people = draft.tables["people_monthly"].groupby(["account_id", "event_ts"], as_index=False)["hires"].sum()
    best = truth["engagement"].rename(columns={"month": "event_ts"} | {name: f"best_{name}" for name, _, _ in MEASURES})
    usage = draft.tables["usage_monthly"][[*CELL, *(name for name, _, _ in MEASURES)]]
    for frame in (usage, people, best):
        frame["event_ts"] = pd.to_datetime(frame["event_ts"])
    found: pd.DataFrame = usage.merge(people, on=["account_id", "event_ts"], how="left").merge(
        best, on=CELL, how="left"
    )
    return found.assign(hires=found["hires"].fillna(0))


def process(accounts: int, seed: int) -> pd.DataFrame:
    """Simulate the demo's process: logit-AR(1) use pulled by hires, adoption around it with months of 0 and 1."""
    rng = np.random.default_rng(seed)
    shape = (accounts, PRODUCTS)
    pace = np.exp(np.clip(rng.normal(0.5, 1.0, accounts), -3, 6))
    hires = rng.poisson(pace[:, None] * np.exp(0.25 * np.sin(2 * np.pi * np.arange(MONTHS) / 12)), (accounts, MONTHS))
    pull = 0.25 * (np.log1p(hires) - np.log1p(hires).mean(axis=1, keepdims=True))
    level = np.array([0.15, -0.25, 0.05, -0.35]) + 0.12 * rng.normal(size=(accounts, 1)) + 0.08 * rng.normal(size=shape)
    scale = 0.7 / np.sqrt(6)
    x, best = np.empty((*shape, MONTHS)), np.empty((*shape, MONTHS))
    x[:, :, 0] = best[:, :, 0] = level + 0.6 * rng.normal(size=shape)
    for t in range(1, MONTHS):
        best[:, :, t] = level + 0.72 * (x[:, :, t - 1] - level) + pull[:, [t - 1]]
        x[:, :, t] = best[:, :, t] + scale * rng.standard_t(2.4, shape)
    owned = np.arange(MONTHS) >= rng.integers(0, 24, shape)[:, :, None]
    owned &= rng.random(shape)[:, :, None] < 0.65
    who, product, month = np.nonzero(owned)
    logit = x[who, product, month]
    adoption, odd = _share(0.9 * logit + 0.6 * rng.normal(size=len(who))), rng.random(len(who))
    adoption = np.select([odd < 0.09, odd < 0.18], [0.0, 1.0], adoption)
    told = best[who, product, month]
    return pd.DataFrame(
        {
            "account_id": who, "product": np.array(["Jobs", "Learning", "Recruiter", "Sales"])[product],
            "event_ts": (np.datetime64("2023-07") + month).astype("datetime64[ns]"),
            "utilization_pct": (100 / (1 + np.exp(-logit))).round(2), "adoption": adoption.round(3),
            "hires": hires[who, month], "best_utilization_pct": 100 / (1 + np.exp(-told)),
            "best_adoption": _share(0.9 * told),
        }
    )  # fmt: skip


def _share(logit: Floats) -> Floats:
    found: Floats = np.clip((1 / (1 + np.exp(-logit)) - 0.05) / 0.9, 0, 1)
    return found


def judged(cells: pd.DataFrame, name: str, bounds: tuple[float, float], seed: int) -> dict[str, float]:
    """Return the errors of everyone on the last months; nothing is fitted on them."""
    months = np.sort(cells["event_ts"].unique())
    drivers = ["hires"] if name == "utilization_pct" else ["hires", "utilization_pct"]
    panel = cells[[*CELL, name, *drivers]]
    start = process_time()
    model = engagement.fit(
        panel[panel["event_ts"] < months[-JUDGED]], unit=KEYS, time="event_ts", value=name, bounds=bounds,
        rng=np.random.default_rng(seed), drivers=drivers,
    )  # fmt: skip
    took = process_time() - start
    wide = cells.pivot(index=KEYS, columns="event_ts", values=name)
    parts = []
    for k in range(-JUDGED, 0):
        told = model.predict(panel[panel["event_ts"] < months[k]]).set_index(KEYS)
        truth = cells.loc[cells["event_ts"] == months[k], [*KEYS, name, f"best_{name}"]].set_index(KEYS)
        place = len(months) + k
        part = truth.join(told).assign(
            last=wide.iloc[:, place - 1], season=_season(wide, place), peer=_lags(wide, place)
        )
        parts.append(part.dropna(subset=["last", "forecast", f"best_{name}"]))
    rows = pd.concat(parts)
    errors = {"best": f"best_{name}", "ours": "forecast", **dict(zip(PEERS, ("last", "season", "peer"), strict=True))}
    found = {who: float((rows[column] - rows[name]).abs().mean()) for who, column in errors.items()}
    found["rmse"] = float(np.sqrt(((rows["forecast"] - rows[name]) ** 2).mean()))
    found["inside"] = float(((rows["low"] <= rows[name]) & (rows[name] <= rows["high"])).mean())
    print(f"  seed {seed}: {took:.1f} CPU s to fit, {len(rows)} cells, model {model.report['model']}", flush=True)
    return found


def _season(wide: pd.DataFrame, place: int) -> pd.Series:
    same = wide.iloc[:, [place - 12, place - 24]].median(axis=1)
    return same.fillna(wide.iloc[:, place - 12 : place].median(axis=1))


def _lags(wide: pd.DataFrame, place: int) -> pd.Series:
    """XGBoost with its defaults on the twelve values before, learned on the month before the first judged one."""
    import xgboost as xgb

    near = len(wide.columns) - JUDGED - 1
    known = wide.iloc[:, near].notna()
    model = xgb.XGBRegressor(n_jobs=1).fit(
        wide.iloc[:, near - 12 : near][known].to_numpy(), wide.iloc[:, near][known].to_numpy()
    )
    return pd.Series(model.predict(wide.iloc[:, place - 12 : place].to_numpy()), index=wide.index)


def main() -> None:
    """Print both measures; an argument sets the number of accounts."""
    accounts = int(sys.argv[1]) if len(sys.argv) > 1 else ACCOUNTS
    rows: dict[str, list[dict[str, float]]] = {name: [] for name, _, _ in MEASURES}
    for seed in range(1, SEEDS + 1):
        cells = book(accounts, seed)
        for name, bounds, _ in MEASURES:
            rows[name].append(judged(cells, name, bounds, seed))
    for name, _, symbol in MEASURES:
        table = pd.DataFrame(rows[name])
        skill = {who: 1 - table[who] / table["last value"] for who in ("best", "ours", *PEERS)}
        share = mean_interval(skill["ours"] / skill["best"])
        print(
            f"{symbol} {name}: MAE ours {table['ours'].mean():.4g}, best {table['best'].mean():.4g}; "
            f"RMSE {table['rmse'].mean():.4g}"
        )
        print(f"  share of the best forecast's skill {share.value:.3f} ({share.low:.3f} to {share.high:.3f})")
        for who in PEERS:
            gap = mean_interval(table[who] - table["ours"])
            print(
                f"  MAE of {who} {table[who].mean():.4g}, above ours by {gap.value:.4g} "
                f"({gap.low:.4g} to {gap.high:.4g})"
            )
        print(f"  inside the 80 % interval: {table['inside'].mean():.3f}")


if __name__ == "__main__":
    main()

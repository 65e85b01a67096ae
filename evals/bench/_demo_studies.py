"""Three studies on the demo book, whose both futures are known: what each finds beside the truth, and its verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd

from copilot.data import demo
from copilot.measure import ab, studies
from copilot.measure.shock import shock


def demo_studies(accounts: int = 5000, seed: int = 7) -> pd.DataFrame:
    """Return the three studies on the demo book, whose both futures are known: ``study, naive, found, low, high, ...``.

    A/B in the books; steady use by CEM, where users follow up on other accounts than the rest; regions by CEM and DiD,
    once away from the simulated market shock (January to June 2025 in EMEA and NA) and once inside it.
    """
    draft, truth = demo.simulate(accounts=accounts)
    rng, renewals = np.random.default_rng(seed), truth["renewals"]
    past = renewals[~renewals["upcoming"] & (renewals["base_usd"] > 0)].drop_duplicates(["account_id", "rtcd"])
    rows = past.merge(draft.tables["accounts"][["account_id", "segment", "region", "owner_rep_id"]], on="account_id")
    rows["ratio0"], rows["ratio1"] = (1 + rows[name] / rows["base_usd"] for name in ("y0_usd", "y1_usd"))
    rows = rows.rename(columns={"owner_rep_id": "rep_id"}).sort_values("rtcd", kind="stable")
    market = draft.tables["macro_monthly"]
    found = [_demo_ab(rows, rng), _demo_steady(rows, draft.tables["usage_monthly"], rng)]
    # The shock lowers hiring in EMEA and NA, and hiring renewals, long after it: away from it means without them.
    calm = rows[rows["region"].isin(["APAC", "LATAM"])]
    quiet = market[market["region"].isin(["APAC", "LATAM"])]
    found.append(_demo_regions(calm, quiet, ("LATAM",), "2024-07-01", "2025-07-01", "2026-06-30", "outside"))
    found.append(_demo_regions(rows, market, ("EMEA",), "2024-07-01", "2025-01-01", "2025-06-30", "inside"))
    return pd.DataFrame(found)


def _demo_ab(rows: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    last = rows.drop_duplicates("account_id", keep="last")
    last = ab.assign(last, book="rep_id", strata=["segment", "region"], seed=int(rng.integers(1 << 31)))
    treated = last["arm"] == "treated"
    last = last.assign(
        book=last["rep_id"], target_usd=last["base_usd"],
        bookings_usd=last["base_usd"] * last["ratio1"].where(treated, last["ratio0"]),
    )  # fmt: skip
    told = studies.experiment(
        last, outcome="rig", strata=["segment", "region"], smallest_effect=0.03, covariates=["segment", "base_usd"]
    )
    truth = float((last["ratio1"] - last["ratio0"]).mean())
    return _line("A/B in the books", told, truth, float(told.effect))


def _demo_steady(rows: pd.DataFrame, usage: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    last = rows.drop_duplicates("account_id", keep="last")
    months = last[["account_id", "rtcd"]].merge(usage[["account_id", "event_ts", "utilization_pct"]], on="account_id")
    age = months["rtcd"] - months["event_ts"]
    recent = months[age.between(pd.Timedelta(days=60), pd.Timedelta(days=180))]
    last = last.assign(use=last["account_id"].map(recent.groupby("account_id")["utilization_pct"].mean()))
    last = last.dropna(subset=["use"]).reset_index(drop=True)
    reps = np.sort(last["rep_id"].unique())
    last["converted"] = last["rep_id"].isin(rng.choice(reps, len(reps) // 2, replace=False)).astype(int)
    # Who uses the copilot follows up on accounts of little use, which renew less anyway; the others on any.
    z = (last["use"] - last["use"].mean()) / last["use"].std()
    followed = rng.random(len(last)) < np.where(last["converted"] == 1, 1 / (1 + np.exp(2 * z)), 0.5)
    last = last[followed].reset_index(drop=True)
    last["rig"] = last["ratio1"].where(last["converted"] == 1, last["ratio0"])
    first = rows.drop_duplicates("account_id").set_index("account_id").reindex(last["account_id"]).reset_index()
    last["before"] = first["ratio0"].where(first["rtcd"] < last["rtcd"])
    told = studies.steady_use(last, outcome="rig", before="before", covariates=["use", "segment"], smallest_effect=0.05)
    own = last[last["converted"] == 1]
    naive = float(own["rig"].mean() - last.loc[last["converted"] == 0, "rig"].mean())
    return _line("steady use by CEM", told, float((own["ratio1"] - own["ratio0"]).mean()), naive)


def _demo_regions(
    rows: pd.DataFrame, market: pd.DataFrame, regions: tuple[str, ...], first: str, starts: str, ends: str, where: str
) -> dict[str, object]:
    start, end = pd.Timestamp(starts), pd.Timestamp(ends)
    inside = rows[rows["rtcd"].between(pd.Timestamp(first), end)].copy()
    quarter = inside["rtcd"].dt.to_period("Q")
    inside["period"] = quarter.dt.start_time
    inside["region_treated"] = inside["region"].isin(regions).astype(int)
    on = (inside["region_treated"] == 1) & (inside["period"] >= start)
    inside["net_ratio"] = inside["ratio1"].where(on, inside["ratio0"])
    told = studies.regional(
        inside, outcome="net_ratio", starts=start, covariates=["segment", "base_usd"], smallest_effect=0.1,
        shock=shock(market, regions, pd.Timestamp(first), start, end),
    )  # fmt: skip
    naive = float(
        inside.loc[on, "net_ratio"].mean() - inside.loc[~on & (inside["period"] >= start), "net_ratio"].mean()
    )
    truth = float((inside["ratio1"] - inside["ratio0"])[on].mean())
    return _line(f"regions by DiD, {where} the shock", told, truth, naive)


def _line(name: str, told: studies.Finding, truth: float, naive: float) -> dict[str, object]:
    effect = told.effect
    return {
        "study": name, "true": truth, "naive": naive, "found": float(effect), "low": effect.low, "high": effect.high,
        "verdict": told.verdict.word,
    }  # fmt: skip

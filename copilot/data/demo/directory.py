"""Who is who in the demo book: accounts, contacts and reps, and the five people who can log in."""

from __future__ import annotations

import numpy as np
import pandas as pd

from copilot.access import Role
from copilot.data.demo.words import INDUSTRIES, REGIONS, SEGMENTS, TITLES, Array, ids, people, text
from copilot.data.demo.world import World, month_start

# (username, role, rep_id). Ana sells in Mia's EMEA team; Otto sells in NA, for another manager.
DEMO_USERS: tuple[tuple[str, Role, str | None], ...] = (
    ("ana", "rep", "R-ana"),
    ("mia", "manager", "R-mia"),
    ("otto", "rep", "R-otto"),
    ("noor", "analyst", None),
    ("ada", "admin", None),
)
_OPENING = month_start(0)


def sales_force(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Return the table ``reps`` without quotas: first the reps in the world's order, then one manager a team."""
    region, team = world.reps.region, world.reps.team
    n, teams = len(region), int(team.max()) + 1
    rep_id, manager_id = ids("R", n, 4), ids("M", teams, 3)
    name = people(n + teams, rng, distinct=True)
    ana, otto = int(np.argmax(region == REGIONS.index("EMEA"))), int(np.argmax(region == REGIONS.index("NA")))
    rep_id[ana], rep_id[otto], manager_id[team[ana]] = "R-ana", "R-otto", "R-mia"
    name[ana], name[otto], name[n + team[ana]] = "Ana Torres", "Otto Lindqvist", "Mia Castellan"
    hired = _OPENING - np.round(365 * world.reps.tenure_years).astype(np.int64) - 30
    promoted = _OPENING - rng.integers(400, 3000, teams)
    return pd.DataFrame(
        {
            "rep_id": pd.concat([rep_id, manager_id], ignore_index=True),
            "name": name,
            "role": ["rep"] * n + ["manager"] * teams,
            "manager_id": pd.concat([manager_id.take(team), pd.Series([None] * teams, dtype="str")], ignore_index=True),
            "region": text(REGIONS, np.concatenate([region, region[np.unique(team, return_index=True)[1]]])),
            "max_accounts": np.concatenate([rng.integers(3, 6, n) * 5.0, np.full(teams, np.nan)]),
            "event_ts": np.concatenate([hired, promoted]),
            "known_ts": np.concatenate([hired, promoted]),
        }
    )


def quotas(world: World, renewals: pd.DataFrame, rng: np.random.Generator) -> Array:
    """Return each rep's yearly quota in USD, then each manager's: a little more than what renews in a year."""
    coming = renewals[renewals["upcoming"]]
    team = world.reps.team
    due = np.bincount(world.owner[coming["who"]], coming["base_usd"], len(team))
    quota = np.ceil(due * rng.uniform(1.02, 1.2, len(team)) / 5000) * 5000
    return np.concatenate([quota, np.bincount(team, quota)])


def accounts(world: World, rep: pd.Series, account: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Return the table ``accounts``; every account stood in the CRM before the history begins."""
    created = _OPENING - rng.integers(200, 2000, world.n)
    return pd.DataFrame(
        {
            "account_id": account,
            "name": pd.array(world.names, dtype="str"),
            "segment": text(SEGMENTS, world.segment),
            "region": text(REGIONS, world.region),
            "industry": text(tuple(INDUSTRIES), world.industry),
            "employees": world.employees,
            "revenue_usd": np.round(world.employees * 180_000 * np.exp(rng.normal(0, 0.5, world.n)), -3),
            "owner_rep_id": rep.take(world.owner).array,
            "event_ts": created,
            "known_ts": created,
        }
    )


def contacts(world: World, accounts: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return one to four contacts an account, more at larger ones, with addresses that cannot be delivered to."""
    count = 1 + np.minimum(rng.poisson(0.5 + 0.6 * world.segment), 3)
    who = np.repeat(np.arange(world.n), count)
    nth = np.arange(len(who)) - np.repeat(count.cumsum() - count, count)
    name = people(len(who), rng)
    domain = pd.Series(accounts["name"]).str.lower().str.replace(" ", "-") + ".example"
    # Titles differ within an account; a number keeps two people of one name apart.
    title = (rng.integers(0, len(TITLES), world.n)[who] + nth) % len(TITLES)
    local = name.str.lower().str.replace(" ", ".")
    twin = pd.DataFrame({"who": who, "local": local}).groupby(["who", "local"]).cumcount()
    local = local.where(twin == 0, local + (twin + 1).astype("str"))
    added = accounts["event_ts"].to_numpy()[who] + rng.integers(0, 180, len(who)).astype("timedelta64[D]")
    return pd.DataFrame(
        {
            "contact_id": ids("P", len(who), 7),
            "account_id": accounts["account_id"].take(who).array,
            "name": name,
            "title": text(TITLES, title),
            "email": local + "@" + domain.take(who).array,
            "event_ts": added,
            "known_ts": added,
        }
    )

"""What the team itself left behind in the demo book: touches, tickets and notes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from copilot.data.book import TOUCH_KINDS
from copilot.data.demo.history import History
from copilot.data.demo.notes import PLANTED, write
from copilot.data.demo.renewals import WINDOW_DAYS
from copilot.data.demo.terms import TODAY, by_month, next_rtcd
from copilot.data.demo.words import Array, ids, text
from copilot.data.demo.world import MONTHS, World, last_known, month_start

_TOUCHES_A_TERM = 1.2  # besides the treatment
_PRIORITIES = ("low", "medium", "high", "urgent")


def touches(
    world: World, renewals: pd.DataFrame, account: pd.Series, rep: pd.Series, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the table: known the day after.

    A treated renewal has one to three touches of its kind in the 60 days before it, an untreated one none. Other
    touches lie well outside every such window; nobody has been touched in a window that runs today.
    """
    treated = renewals[renewals["treated"].fillna(False).to_numpy(bool)]
    times = 1 + np.minimum(rng.poisson(0.5, len(treated)), 2)
    who, kind = np.repeat(treated["who"].to_numpy(), times), np.repeat(treated["kind"].to_numpy(), times)
    rtcd = np.repeat(treated["rtcd"].to_numpy("datetime64[D]"), times)
    day = rtcd - rng.integers(3, WINDOW_DAYS - 2, len(who))

    others = rng.poisson(_TOUCHES_A_TERM, len(renewals))
    other_who = np.repeat(renewals["who"].to_numpy(), others)
    end = np.repeat(renewals["rtcd"].to_numpy("datetime64[D]"), others)
    other_day = end - rng.integers(WINDOW_DAYS + 5, 360, len(other_who))
    other_kind = np.take(TOUCH_KINDS, rng.integers(0, len(TOUCH_KINDS), len(other_who)))
    past = (other_day < TODAY) & ~_in_a_window(renewals, other_who, other_day)

    who, day = np.concatenate([who, other_who[past]]), np.concatenate([day, other_day[past]])
    kind = np.concatenate([kind, other_kind[past]])
    order = np.lexsort((who, day))
    return pd.DataFrame(
        {
            "touch_id": ids("T", len(who), 7),
            "account_id": account.take(who[order]).array,
            "rep_id": rep.take(world.owner[who[order]]).array,
            "kind": kind[order],
            "event_ts": day[order],
            "known_ts": day[order] + 1,
        }
    )


def _in_a_window(renewals: pd.DataFrame, who: Array, day: Array) -> Array:
    """Say which days lie in, or close before, the 60 days before any renewal of the account; it may have two a year."""
    touches = (
        pd.DataFrame({"who": who, "day": pd.Series(day, dtype="datetime64[s]")}).rename_axis("touch").reset_index()
    )
    pairs = touches.merge(renewals[["who", "rtcd"]], on="who")
    days = (pairs["rtcd"] - pairs["day"]).dt.days
    found: Array = np.isin(np.arange(len(who)), pairs.loc[days.between(0, WINDOW_DAYS + 4), "touch"])
    return found


def tickets(
    world: World, history: History, errors: Array, account: pd.Series, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the table: more tickets where usage shows more errors, (N, MONTHS); known when opened.

    The columns about the end (``closed_date``, ``resolution_hours``, ``satisfaction``) are known only from
    ``closed_date`` on; they are empty for tickets that are open today.
    """
    customer = by_month(history.chains, history.added, "quantity", np.arange(MONTHS)).any(axis=1)
    count = rng.poisson((0.03 + 0.06 * np.sqrt(errors)) * customer)
    who, month = np.repeat(np.nonzero(count)[0], count[count > 0]), np.repeat(np.nonzero(count)[1], count[count > 0])
    n = len(who)
    opened = month_start(month) + rng.integers(0, 28, n)
    priority = np.digitize(0.6 * world.trouble[who] + rng.logistic(0, 1, n), [-0.4, 1.3, 2.8])
    hours = np.round(np.exp(rng.normal(3.4 - 0.5 * priority, 0.9)) + 1).astype(np.int64)
    slow = rng.random(n) < 0.05  # some wait for weeks
    hours = np.where(slow, hours + rng.integers(200, 1200, n), hours)
    closed = opened + (hours + 23) // 24
    done = closed <= TODAY
    mood = np.clip(np.round(4.6 - 0.35 * np.log1p(hours / 12) + rng.normal(0, 0.7, n)), 1, 5)
    order = np.lexsort((who, opened))
    table = pd.DataFrame(
        {
            "account_id": account.take(who).array,
            "priority": text(_PRIORITIES, priority),
            "closed_date": np.where(done, closed, np.datetime64("NaT", "D")),
            "resolution_hours": pd.array(np.where(done, hours, np.nan), dtype="Int64"),
            "satisfaction": np.where(done & (rng.random(n) < 0.7), mood, np.nan),
            "escalated": rng.random(n) < 0.02 + 0.3 * (priority == 3) + 0.4 * slow,
            "event_ts": opened,
            "known_ts": opened,
        }
    ).take(order)
    table.insert(0, "ticket_id", ids("K", n, 7).array)
    return table


def notes(
    world: World,
    history: History,
    account: pd.Series,
    reps: pd.DataFrame,
    contacts: pd.DataFrame,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table ``notes`` and the frame of planted facts (``note_id``, ``account_id``, ``fact``).

    One to three notes for some two fifths of the running accounts, from the last 15 months. Ana and Otto have a third
    of the planted facts each; the rest are somebody else's.
    """
    customers = np.flatnonzero(~np.isnat(next_rtcd(history.chains, TODAY)))
    chosen = customers[rng.random(len(customers)) < 0.4]
    bearer = _bearers(world, customers, reps, rng)
    who = np.concatenate([bearer, np.repeat(chosen, rng.integers(1, 4, len(chosen)))])
    fact = np.concatenate([np.arange(len(bearer)), np.full(len(who) - len(bearer), -1)])
    latest = np.datetime64(TODAY) - 2
    begun = np.maximum(np.minimum(_first_day(history)[who] + 20, latest), latest - 450)
    begun[fact >= 0] = latest - 60  # a planted fact is news
    day = begun + (rng.random(len(who)) * (latest - begun).astype(np.int64)).astype(np.int64)
    contact = contacts.drop_duplicates("account_id")["name"].reset_index(drop=True)  # one an account, in its order
    titles, bodies = write(
        mood=np.digitize(world.usage[who, 0, last_known(day)], [-0.7, 0.7]),
        industry=world.industry[who],
        contact=contact.take(who).tolist(),
        rng=rng,
    )
    for i, (title, body) in enumerate(PLANTED[: len(bearer)]):
        titles[i], bodies[i] = title, f"{bodies[i].split('. ')[0].rstrip('.')}. {body}"
    table = pd.DataFrame(
        {
            "account_id": account.take(who).array,
            "author": reps["name"].take(world.owner[who]).array,
            "title": pd.array(titles, dtype="str"),
            "body": pd.array(bodies, dtype="str"),
            "event_ts": day,
            "known_ts": day,
            "fact": fact,
        }
    ).take(np.lexsort((who, day)))
    table.insert(0, "note_id", ids("N", len(who)).array)
    planted = table[table["fact"] >= 0].sort_values("fact")
    planted = planted.assign(fact=[PLANTED[i][1] for i in planted["fact"]])
    return table.drop(columns="fact"), planted[["note_id", "account_id", "fact"]].reset_index(drop=True)


def _first_day(history: History) -> Array:
    """Return when each account's running or last chain began; today for accounts without one."""
    first = np.full(len(history.chains[0].month), TODAY)
    for chain in history.chains:
        first = np.where(chain.month >= 0, chain.date(0), first)
    return first


def _bearers(world: World, customers: Array, reps: pd.DataFrame, rng: np.random.Generator) -> Array:
    """Return the account of each planted fact: four of Ana's, four of Otto's, the rest of anybody else."""
    owner = reps["rep_id"].to_numpy()[world.owner[customers]]
    third = len(PLANTED) // 3
    groups = [owner == "R-ana", owner == "R-otto", (owner != "R-ana") & (owner != "R-otto")]
    return np.concatenate([rng.permutation(customers[group])[:third] for group in groups])

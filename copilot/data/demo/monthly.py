"""The monthly tables of the demo book: usage, people, signals and the market.

``event_ts`` is the first day of the month a row speaks of, ``known_ts`` its last day, when the feeds close the month.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from copilot.data.demo.history import History
from copilot.data.demo.terms import by_month
from copilot.data.demo.words import PRODUCTS, REGIONS, Array, text
from copilot.data.demo.world import MONTHS, World, known_on, month_start, sigmoid

FUNCTIONS = ("Engineering", "Sales", "Operations")
LEVELS = ("Staff", "Manager")
_CELL_SHARE = np.array([0.33, 0.05, 0.26, 0.04, 0.28, 0.04])  # function by level
_EVENTS_A_SEAT = 20
_WHOLE_TRUTH, _RECENT = 50_000, 6  # accounts beyond which the truth holds the last months only, and how many
_ADOPTION_SLOPE, _ADOPTION_SD = 0.9, 0.6  # on the logit of utilisation, and of the noise around it
_CUT = 0.05  # a share of users below this shows as none, one above 1 - this as all
_UNMEASURED = 0.18  # of the months show 0 or 1 for reasons of their own, a new start or a roll-out to all


def usage(
    world: World, history: History, account: pd.Series, rng: np.random.Generator
) -> tuple[pd.DataFrame, Array, pd.DataFrame]:
    """Return ``usage_monthly``, one row an account, owned product and month; all errors as (N, MONTHS); and the truth.

    The truth has ``account_id``, ``product``, ``month`` and the conditional median of ``utilization_pct`` and
    ``adoption``, given the months before: no forecast has a smaller mean absolute error. Rows whose month before is
    not there are left out, as they are no target.
    """
    seats = by_month(history.chains, history.added, "quantity", np.arange(MONTHS))
    who, product, month = (position.astype(np.int32) for position in np.nonzero(seats))
    logit = world.usage[who, product, month]
    utilization = 100 * sigmoid(logit)
    draw = rng.random(len(who))
    noise = np.float32(_ADOPTION_SD) * rng.standard_normal(len(who), np.float32)
    adoption = _adoption(_ADOPTION_SLOPE * logit + noise)
    adoption = np.select([draw < _UNMEASURED / 2, draw < _UNMEASURED], [0.0, 1.0], adoption)
    events = rng.poisson(_EVENTS_A_SEAT * seats[who, product, month] * utilization / 100)
    rate = 0.008 * np.exp(0.7 * world.trouble[who])
    errors = rng.poisson(events * rate)
    table = pd.DataFrame(
        {
            "account_id": account.take(who).array,
            "product": text(PRODUCTS, product),
            "utilization_pct": np.round(utilization.astype(np.float64), 2),
            "adoption": np.round(adoption.astype(np.float64), 3),
            "events": events,
            "minutes": np.round(events * rng.uniform(4, 8, len(who))).astype(np.int64),
            "errors": errors,
            **_stamps(month),
        }
    )
    cell = who.astype(np.int64) * MONTHS + month
    per_month = np.bincount(cell, errors, world.n * MONTHS).reshape(world.n, MONTHS)
    recent = MONTHS if world.n <= _WHOLE_TRUTH else _RECENT
    kept = (month > 0) & (month >= MONTHS - recent) & (seats[who, product, month - 1] > 0)
    who, product, month = who[kept], product[kept], month[kept]
    expected = world.usage_next[who, product, month].astype(np.float64)
    truth = pd.DataFrame(
        {
            "account_id": account.take(who).array,
            "product": text(PRODUCTS, product),
            "month": month_start(month),
            "utilization_pct": 100 * sigmoid(expected),
            # As often 0 as 1 for reasons of its own, so that the median is that of the rest.
            "adoption": _adoption(_ADOPTION_SLOPE * expected),
        }
    )
    return table, per_month, truth


def _adoption(logit: Array) -> Array:
    share: Array = np.clip((sigmoid(logit) - _CUT) / (1 - 2 * _CUT), 0, 1)
    return share


def people(world: World, months: int, account: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``people_monthly`` for the last ``months`` months; only cells in which somebody came or left."""
    span = np.arange(MONTHS - months, MONTHS)
    pace = np.exp(np.clip(-2.9 + 0.75 * np.log(world.employees) - 0.2 * world.growth, -9, 7))
    came = rng.multinomial(world.hires[:, span], _CELL_SHARE).astype(np.int16)
    left = rng.multinomial(rng.poisson(pace[:, None], (world.n, months)), _CELL_SHARE).astype(np.int16)
    who, month, cell = (position.astype(np.int32) for position in np.nonzero(came + left))
    return pd.DataFrame(
        {
            "account_id": account.take(who).array,
            "function": text(FUNCTIONS, cell // len(LEVELS)),
            "level": text(LEVELS, cell % len(LEVELS)),
            "hires": came[who, month, cell],
            "leavers": left[who, month, cell],
            **_stamps(span[month]),
        }
    )


def signals(world: World, history: History, months: int, account: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``signals_monthly`` for the last ``months`` months, one row an account and month.

    Delivered value follows spend and use of the lead product; spend elsewhere is the white space, blurred.
    """
    span = np.arange(MONTHS - months, MONTHS)
    shape = (world.n, months)
    annual = by_month(history.chains, history.added, "annual", span)
    lead = sigmoid(world.usage[:, 0, span].astype(np.float64))
    elsewhere = np.einsum("np,npm->nm", world.seats * world.price, annual == 0)
    pace = 0.8 + 0.45 * np.log(world.employees / 40) + 0.3 * world.growth
    fields = {
        "site_visits": rng.poisson(np.exp(pace[:, None] + world.season[span])),
        "roi_usd": np.round(annual.sum(axis=1) / 12 * (0.4 + 1.4 * lead) * np.exp(rng.normal(0, 0.2, shape))),
        "other_spend_usd": np.round(elsewhere / 12 * np.exp(rng.normal(0, 0.3, shape))),
        "social_mentions": rng.poisson(0.03 * world.employees[:, None] ** 0.8, shape),
        "online_purchases_usd": np.round(60 * world.hires[:, span] * np.exp(rng.normal(0, 0.5, shape))),
    }
    who, month = np.repeat(np.arange(world.n), months), np.tile(span, world.n)
    flat = {name: values.ravel() for name, values in fields.items()}
    return pd.DataFrame({"account_id": account.take(who).array, **flat, **_stamps(month)})


def macro(world: World, rng: np.random.Generator) -> pd.DataFrame:
    """Return ``macro_monthly``: an index of each region's market, about 100 in normal times."""
    span = np.arange(MONTHS)
    level = 100 * np.exp(0.3 * world.macro[:, span]) + rng.normal(0, 1, (len(REGIONS), MONTHS))
    region = np.repeat(np.arange(len(REGIONS)), MONTHS)
    month = np.tile(span, len(REGIONS))
    return pd.DataFrame({"region": text(REGIONS, region), "index": np.round(level.ravel(), 2), **_stamps(month)})


def _stamps(month: Array) -> dict[str, Array]:
    return {"event_ts": month_start(month), "known_ts": known_on(month)}

"""Opportunities of the demo book and their lines: how customers were won, renewed, extended, lost and tried again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.data.demo.renewals import TERMS, TODAY, Terms
from copilot.data.demo.words import LIST_PRICE_USD, PRODUCTS, Array, ids, text
from copilot.data.demo.world import MONTHS, World, month_start, sigmoid

OPEN_DAYS = 120  # a renewal becomes an opportunity so many days before its date
_LATE_SHARE = 0.15  # of accounts were not yet customers in the first year
_ATTEMPTS = 3
_TRY_A_MONTH = 0.025  # chance of an attempt to sell one product more to a customer
_WIN_BACK_SHARE = 0.35
_OTHER_REP_SHARE = 0.05  # of deals belong to a colleague of the account's owner
_NEVER = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class Deals:
    """Deals of one kind: one entry a deal, ``closed`` NaT while open; quantity and amount are (n, P)."""

    kind: str
    who: Array
    created: Array
    closed: Array
    won: Array
    target: Array
    quantity: Array
    amount: Array


@dataclass(frozen=True)
class Acquisition:
    """When each account first bought (month -1: never; ``since``: when that deal began), and the attempts that failed
    before, or are open, one entry an attempt."""

    month: Array
    day: Array
    since: Array
    who: Array
    created: Array
    closed: Array


def acquire(world: World, rng: np.random.Generator) -> Acquisition:
    """Most accounts become customers in the first year, some only after up to three attempts, some never.

    A late attempt's log-odds have a standard deviation of .52 in what can be seen (growth and size), which gives the
    papers' AUC of .64 for new business.
    """
    n = world.n
    late = rng.random(n) < _LATE_SHARE
    month = np.where(late, -1, rng.integers(0, 12, n))
    day = rng.integers(1, 29, n)
    log_size = np.log(world.employees)
    seen = 0.7 * world.growth + 0.7 * (log_size - log_size.mean()) / log_size.std()
    chance = sigmoid(-0.3 + 0.52 * seen)
    since = month_start(month) + (day - 1) - rng.integers(30, 151, n)
    begins, trying = rng.integers(1, 19, n), late.copy()
    who, created, closed = [], [], []
    for _ in range(_ATTEMPTS):
        ends = begins + rng.integers(1, 5, n)
        trying &= begins < MONTHS
        over = ends < MONTHS
        wins = trying & over & (rng.random(n) < chance)
        failed = np.flatnonzero(trying & ~wins)
        opened = month_start(begins) + rng.integers(0, 28, n)
        who.append(failed)
        created.append(opened[failed])
        closed.append(np.where(over, month_start(ends) + (day - 1), _NEVER)[failed])
        month, since = np.where(wins, ends, month), np.where(wins, opened, since)
        trying &= over & ~wins
        begins = ends + rng.integers(2, 8, n)
    return Acquisition(month, day, since, np.concatenate(who), np.concatenate(created), np.concatenate(closed))


def opportunities(
    world: World, first: Acquisition, terms: Terms, account: pd.Series, rep: pd.Series, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables ``opportunities`` and ``opportunity_lines``.

    A deal counts as known when it closed, an open one when it was created. A won deal's amount is the annual spend it
    brought (its lines add up to it), a lost one's is 0, an open one's what is asked. Won deals on a renewal date add
    up to the spend of the terms that begin there.
    """
    batches = [
        _first_deals(first, terms),
        _attempt("new", world, first.who, np.zeros(len(first.who), np.int64), first.created, first.closed),
        *_renewals(terms),
        _add_on_attempts(world, terms, rng),
        _win_back(world, terms, rng),
    ]
    kind = np.repeat([batch.kind for batch in batches], [len(batch.who) for batch in batches])
    joined = {
        name: np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("who", "created", "closed", "won", "target", "quantity", "amount")
    }
    order = np.lexsort((joined["who"], joined["created"]))
    kind, joined = kind[order], {name: values[order] for name, values in joined.items()}
    who, closed, is_open = joined["who"], joined["closed"], np.isnat(joined["closed"])
    stamp = np.where(is_open, joined["created"], closed)
    status = np.select([is_open, joined["won"]], ["open", "won"], "lost")
    name = ids("O", len(who), 7)
    table = pd.DataFrame(
        {
            "opportunity_id": name,
            "account_id": account.take(who).array,
            "rep_id": rep.take(_seller(world, who, rng)).array,
            "kind": kind,
            "stage": _stage(kind, status, joined["created"], rng),
            "status": status,
            "created_date": joined["created"],
            "close_date": closed,
            "amount_usd": joined["amount"].sum(axis=1),
            "target_usd": joined["target"],
            "event_ts": stamp,
            "known_ts": stamp,
        }
    )
    deal, product = np.nonzero(joined["quantity"])
    lines = pd.DataFrame(
        {
            "opportunity_id": name.take(deal).array,
            "product": text(PRODUCTS, product),
            "quantity": joined["quantity"][deal, product],
            "list_price_usd": np.take(LIST_PRICE_USD, product),
            "amount_usd": joined["amount"][deal, product],
            "event_ts": stamp[deal],
            "known_ts": stamp[deal],
        }
    )
    return table, lines


def _first_deals(first: Acquisition, terms: Terms) -> Deals:
    who = np.flatnonzero(first.month >= 0)
    amount, won = terms.annual[0, who], np.ones(len(who), bool)
    return Deals(
        "new", who, first.since[who], terms.date(0)[who], won, amount.sum(axis=1), terms.quantity[0, who], amount
    )


def _renewals(terms: Terms) -> list[Deals]:
    batches = []
    for term in range(TERMS):
        old, rtcd = terms.annual[term], terms.date(term + 1)
        due = np.flatnonzero(old.any(axis=1) & (rtcd <= TODAY + OPEN_DAYS))
        is_open = rtcd[due] > TODAY
        new = terms.annual[term + 1, due] if term + 1 < TERMS else np.zeros_like(old[due])
        seats = terms.quantity[term + 1, due] if term + 1 < TERMS else np.zeros_like(old[due])
        had = old[due] > 0
        amount = np.where(is_open[:, None], old[due], new * had)
        # A lost renewal's lines show what was on offer: the old seats, at nothing.
        quantity = np.where(had & (new > 0), seats, terms.quantity[term, due])
        closed = np.where(is_open, _NEVER, rtcd[due])
        created, target = rtcd[due] - OPEN_DAYS, old[due].sum(axis=1)
        batches.append(Deals("renewal", due, created, closed, new.any(axis=1), target, quantity, amount))
        more = new * ~had
        grew = np.flatnonzero(more.any(axis=1))
        batches.append(
            Deals(
                "add_on",
                due[grew],
                rtcd[due][grew] - 75,
                rtcd[due][grew],
                np.ones(len(grew), bool),
                more[grew].sum(axis=1),
                (seats * ~had)[grew],
                more[grew],
            )
        )
    return batches


def _add_on_attempts(world: World, terms: Terms, rng: np.random.Generator) -> Deals:
    """Attempts between renewals to sell a customer one product more; those that closed were lost."""
    owned = terms.by_month(terms.annual, np.arange(MONTHS)) > 0
    customer = owned[:, 0, :]  # everybody has the lead product
    who, month = np.nonzero(customer & (rng.random(customer.shape) < _TRY_A_MONTH))
    lacks = ~owned[who, :, month]
    who, month, lacks = who[lacks.any(axis=1)], month[lacks.any(axis=1)], lacks[lacks.any(axis=1)]
    product = (rng.random(lacks.shape) * lacks).argmax(axis=1)
    created = month_start(month) + rng.integers(0, 28, len(who))
    closed = created + rng.integers(30, 151, len(who))
    return _attempt("add_on", world, who, product, created, np.where(closed > TODAY, _NEVER, closed))


def _win_back(world: World, terms: Terms, rng: np.random.Generator) -> Deals:
    """Attempts to win former customers back; none has succeeded yet."""
    gone, left = [], []
    for term in range(TERMS - 1):
        ended = terms.annual[term].any(axis=1) & ~terms.annual[term + 1].any(axis=1) & (terms.date(term + 1) <= TODAY)
        gone.append(np.flatnonzero(ended))
        left.append(terms.date(term + 1)[ended])
    who, since = np.concatenate(gone), np.concatenate(left)
    created = since + rng.integers(45, 240, len(who))
    tried = (rng.random(len(who)) < _WIN_BACK_SHARE) & (created <= TODAY)
    who, created = who[tried], created[tried]
    closed = created + rng.integers(40, 160, len(who))
    closed = np.where(closed > TODAY, _NEVER, closed)
    return _attempt("new", world, who, np.zeros(len(who), np.int64), created, closed)


def _attempt(kind: str, world: World, who: Array, product: Array, created: Array, closed: Array) -> Deals:
    """Return open or lost deals about one product each."""
    row = np.arange(len(who))
    quantity = np.zeros((len(who), len(PRODUCTS)), np.int64)
    quantity[row, product] = world.seats[who, product]
    asked = np.round(quantity * world.price[who]).astype(np.int64)
    amount = np.where(np.isnat(closed)[:, None], asked, 0)
    return Deals(kind, who, created, closed, np.zeros(len(who), bool), asked.sum(axis=1), quantity, amount)


def _seller(world: World, who: Array, rng: np.random.Generator) -> Array:
    """Return the rep of each deal: the account's owner, now and then a colleague of the same team."""
    owner, team = world.owner[who], world.reps.team
    first, size = np.unique(team, return_index=True)[1], np.bincount(team)
    colleague = first[team[owner]] + (rng.random(len(who)) * size[team[owner]]).astype(np.int64)
    return np.where(rng.random(len(who)) < _OTHER_REP_SHARE, colleague, owner)


def _stage(kind: Array, status: Array, created: Array, rng: np.random.Generator) -> Array:
    age = (TODAY - created).astype(np.int64)
    disengaged = (kind != "renewal") & (rng.random(len(kind)) < 0.7)
    return np.select(
        [status == "won", (status == "lost") & disengaged, status == "lost", age < 30, age < 60, age < 100],
        ["Closed won", "Disengaged", "Closed lost", "Prospecting", "Qualification", "Proposal"],
        "Negotiation",
    )

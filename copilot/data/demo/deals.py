"""Opportunities of the demo book and their lines: how customers were won, renewed, extended, lost and tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from copilot.data.demo.addons import Tries
from copilot.data.demo.history import History
from copilot.data.demo.newbusiness import Attempts
from copilot.data.demo.terms import NEVER, TERMS, TODAY, Terms
from copilot.data.demo.words import LIST_PRICE_USD, PRODUCTS, Array, ids, text
from copilot.data.demo.world import World

OPEN_DAYS = 120  # a renewal becomes an opportunity so many days before its date
_OTHER_REP_SHARE = 0.05  # of deals belong to a colleague of the account's owner


@dataclass(frozen=True)
class Deals:
    """Deals of one kind: one entry a deal, ``closed`` NaT while open; quantity and amount are (n, P).

    ``chance`` is that of the deal's label, as ``newbusiness`` and ``addons`` define it; NaN for renewals.
    """

    kind: str
    who: Array
    created: Array
    closed: Array
    won: Array
    target: Array
    quantity: Array
    amount: Array
    chance: Array


def opportunities(
    world: World, history: History, account: pd.Series, rep: pd.Series, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame, Array]:
    """Return the tables ``opportunities`` and ``opportunity_lines``, and the chance of each deal's label.

    A deal counts as known when it closed, an open one when it was created. A won deal's amount is the annual spend it
    brought (its lines add up to it), a lost one's is 0, an open one's what is asked. Won deals add up to the spend of
    the terms and add-ons that begin on their day; terms that came over from the older system have none.
    """
    batches = [
        _new(world, history.attempts, history.chains),
        *(_renewals(chain) for chain in history.chains),
        _add_ons(history.tries),
    ]
    kind = np.repeat([batch.kind for batch in batches], [len(batch.who) for batch in batches])
    joined = {
        name: np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("who", "created", "closed", "won", "target", "quantity", "amount", "chance")
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
    return table, lines, joined["chance"]


def _new(world: World, attempts: Attempts, chains: Sequence[Terms]) -> Deals:
    """Return the attempts at prospects and former customers; what a won one brought is its chain's first term."""
    main, _, again = chains
    who, n = attempts.who, len(attempts.who)
    quantity, amount = (np.zeros((n, len(PRODUCTS)), np.int64) for _ in range(2))
    quantity[:, 0] = world.seats[who, 0]
    amount[:, 0] = np.round(quantity[:, 0] * world.price[who, 0])
    target = amount.sum(axis=1)
    for chain in (main, again):
        rows = np.flatnonzero(attempts.won & (chain.date(0)[who] == attempts.closed) & (chain.month[who] >= 0))
        quantity[rows], amount[rows] = chain.begun_quantity[0, who[rows]], chain.begun_annual[0, who[rows]]
    lost = ~attempts.won & ~np.isnat(attempts.closed)
    amount[lost] = 0
    target = np.where(attempts.won, amount.sum(axis=1), target)
    return Deals(
        "new",
        who,
        attempts.created,
        attempts.closed,
        attempts.won,
        target,
        quantity,
        amount,
        attempts.chance_label,
    )


def _renewals(terms: Terms) -> Deals:
    """Return the renewals of one chain that are due by now or open; a product taken up at one is among its lines."""
    parts = []
    for term in range(TERMS):
        old, rtcd = terms.annual[term], terms.date(term + 1)
        due = np.flatnonzero(old.any(axis=1) & (rtcd <= TODAY + OPEN_DAYS))
        is_open = rtcd[due] > TODAY
        nothing = np.zeros_like(old[due])
        new, seats = (
            (terms.begun_annual[term + 1, due], terms.begun_quantity[term + 1, due])
            if term + 1 < TERMS
            else (nothing, nothing)
        )
        amount = np.where(is_open[:, None], old[due], new)
        # A lost renewal's lines show what was on offer: the old seats, at nothing.
        quantity = np.where(new > 0, seats, terms.quantity[term, due])
        closed = np.where(is_open, NEVER, rtcd[due])
        parts.append((due, rtcd[due] - OPEN_DAYS, closed, new.any(axis=1), old[due].sum(axis=1), quantity, amount))
    joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
    who, created, closed, won, target, quantity, amount = joined
    return Deals("renewal", who, created, closed, won, target, quantity, amount, np.full(len(who), np.nan))


def _add_ons(tries: Tries) -> Deals:
    n = len(tries.who)
    quantity, amount = (np.zeros((n, len(PRODUCTS)), np.int64) for _ in range(2))
    row = np.arange(n)
    quantity[row, tries.product] = tries.quantity
    lost = ~tries.won & ~np.isnat(tries.closed)
    amount[row, tries.product] = np.where(lost, 0, tries.annual)
    return Deals(
        "add_on", tries.who, tries.created, tries.closed, tries.won, tries.annual, quantity, amount, tries.chance
    )


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

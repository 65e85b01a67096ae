"""The demo book: a simulated sales team whose customers' answers to a touch are known.

Customers, their usage and both futures of every renewal are drawn from one seeded world (MATHS §1-§2). The book holds
what a team would know by its date; the other future goes into separate truth frames, which only tests, studies and
whoever checks a model may read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from copilot.data.book import conform
from copilot.data.demo import deals, directory, monthly, renewals, traces, words, world
from copilot.data.demo.directory import DEMO_USERS
from copilot.data.demo.world import AS_OF, MONTHS
from copilot.data.workspace import Draft
from copilot.errors import BadInput

__all__ = ["AS_OF", "DEMO_USERS", "PRESETS", "Preset", "PresetName", "make"]

PresetName = Literal["tiny", "demo", "bench"]


@dataclass(frozen=True)
class Preset:
    """A size of the demo book; ``side_months`` is the history of people and signals."""

    accounts: int
    reps: int
    side_months: int = MONTHS


PRESETS: dict[PresetName, Preset] = {
    "tiny": Preset(500, 10),
    "demo": Preset(5_000, 100),
    "bench": Preset(200_000, 1_000, side_months=24),
}


def make(
    preset: PresetName, *, seed: int = 7, progress: Callable[[str], None] | None = None
) -> tuple[Draft, dict[str, pd.DataFrame]]:
    """Make the demo book and the truth about it.

    Args:
        preset: tiny (500 accounts), demo (5 000) or bench (200 000).
        seed: The same seed gives the same book, to the last cell.
        progress: Told the name of each stage as it begins.

    Returns:
        The draft, every table conformed and known by ``AS_OF``, and the truth frames:

        - ``renewals``: one row a past renewal and one for the coming one of each customer: ``account_id``, ``rtcd``,
          ``upcoming``, ``base_usd`` (annual spend that ends, all products), ``treated`` (touched in the 60 days before;
          missing while upcoming), ``propensity``, ``kind`` (the touch it got or would get), ``y0_usd``, ``y1_usd``
          (change of annual spend without and with that touch), ``tau_usd`` and ``tau_<kind>_usd`` (expected
          difference: CATE × base), ``up0``, ``up1``, ``churn0``, ``churn1`` (spend rises, falls), ``response``
          (persuadable, sure thing, lost cause, sleeping dog, unmoved). For upcoming renewals it is what a touch would
          change, given what is known now or 60 days before the date.
        - ``planted_notes``: ``note_id``, ``account_id``, ``fact`` of the notes whose content is known.

    Raises:
        BadInput: No such preset.
    """
    if preset not in PRESETS:
        raise BadInput(f"There is no demo preset {preset!r}; choose one of {', '.join(PRESETS)}.")
    size, rng = PRESETS[preset], np.random.default_rng(seed)
    tell = progress or (lambda stage: None)

    tell("accounts and reps")
    hidden = world.imagine(*words.companies(size.accounts, rng), size.reps, rng)
    account = words.ids("A", hidden.n)
    reps = directory.sales_force(hidden, rng)
    rep = reps["rep_id"].iloc[: size.reps]
    accounts = directory.accounts(hidden, rep, account, rng)
    contacts = directory.contacts(hidden, accounts, rng)
    tables = {"accounts": conform("accounts", accounts), "contacts": conform("contacts", contacts)}

    tell("contracts and renewals")
    first = deals.acquire(hidden, rng)
    terms, futures = renewals.renew(hidden, first.month, first.day, rng)
    reps["quota_usd"] = directory.quotas(hidden, futures, rng)
    tables["reps"] = conform("reps", reps)
    tables["contracts"] = conform("contracts", renewals.contracts(terms, account))

    tell("opportunities")
    sold, lines = deals.opportunities(hidden, first, terms, account, rep, rng)
    tables["opportunities"] = conform("opportunities", sold)
    tables["opportunity_lines"] = conform("opportunity_lines", lines)

    tell("touches, recommendations and notes")
    tables["touches"] = conform("touches", traces.touches(hidden, futures, account, rep, rng))
    made, feedback = traces.recommendations(hidden, terms, account, rep, rng)
    tables["recommendations"], tables["feedback"] = conform("recommendations", made), conform("feedback", feedback)
    notes, planted = traces.notes(hidden, terms, account, reps, contacts, rng)
    tables["notes"] = conform("notes", notes)

    tell("usage and tickets")
    usage, errors = monthly.usage(hidden, terms, account, rng)
    tables["tickets"] = conform("tickets", traces.tickets(hidden, terms, errors, account, rng))
    tables["usage_monthly"] = conform("usage_monthly", usage)
    del usage  # millions of rows in the bench preset

    tell("people, signals and markets")
    tables["people_monthly"] = conform("people_monthly", monthly.people(hidden, size.side_months, account, rng))
    tables["signals_monthly"] = conform(
        "signals_monthly", monthly.signals(hidden, terms, size.side_months, account, rng)
    )
    tables["macro_monthly"] = conform("macro_monthly", monthly.macro(hidden, rng))

    futures.insert(0, "account_id", account.take(futures["who"]).array)
    truth = {"renewals": futures.drop(columns=["who", "term"]), "planted_notes": planted}
    remark = f"This book is simulated (preset {preset}, seed {seed}); no company or person in it exists."
    return Draft("demo", "USD", AS_OF, tables, {}, {}, (remark,)), truth

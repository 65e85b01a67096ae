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
from copilot.data.demo import alerts, deals, directory, history, monthly, oracle, terms, traces, words, world
from copilot.data.demo.directory import DEMO_USERS
from copilot.data.demo.world import AS_OF, MONTHS
from copilot.data.workspace import Draft
from copilot.errors import BadInput

__all__ = ["AS_OF", "DEMO_USERS", "PRESETS", "Preset", "PresetName", "make", "simulate"]

PresetName = Literal["tiny", "demo", "bench"]
FEWEST_REPS, FEWEST_ACCOUNTS, FEWEST_PER_REP, FEWEST_MONTHS = 10, 300, 20, 12


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
        The draft and the truth frames of ``simulate``.

    Raises:
        BadInput: No such preset.
    """
    if preset not in PRESETS:
        raise BadInput(f"There is no demo preset {preset!r}; choose one of {', '.join(PRESETS)}.")
    return _simulate(PRESETS[preset], f"preset {preset}, seed {seed}", seed, progress)


def simulate(
    *,
    accounts: int,
    reps: int | None = None,
    side_months: int = MONTHS,
    seed: int = 7,
    progress: Callable[[str], None] | None = None,
) -> tuple[Draft, dict[str, pd.DataFrame]]:
    """Make a book of any size; time and memory grow with the number of accounts.

    Args:
        accounts: At least 300, and 20 a rep.
        reps: At least 10; by default one for 50 accounts.
        side_months: Months of people and signals, 12 to 36.
        seed: The same seed gives the same book, to the last cell.
        progress: Told the name of each stage as it begins.

    Returns:
        The draft, every table conformed and known by ``AS_OF``, and the truth frames:

        - ``renewals``: one row a past renewal and one for each coming one: ``account_id``, ``rtcd``, ``upcoming``,
          ``chain`` (main; apart: non-co-term, on dates of its own; again: of a customer won back), ``base_usd`` (annual
          spend that ends, all products of the chain), ``treated`` (touched in the 60 days before; missing while
          upcoming), ``propensity``, ``kind`` (the touch it got or would get), ``y0_usd``, ``y1_usd`` (change of annual
          spend without and with that touch), ``tau_usd`` and ``tau_<kind>_usd`` (expected difference: CATE × base),
          ``tau_up`` (expected difference of the chance that spend rises), ``up0``, ``up1``, ``churn0``, ``churn1``
          (spend rises, falls), ``stays`` (chance that not all of it ends) and ``response`` (persuadable, sure thing,
          lost cause, sleeping dog, unmoved). For upcoming renewals it is what a touch would change, given what is
          known now or 60 days before the date.
        - ``planted_notes``: ``note_id``, ``account_id``, ``fact`` of the notes whose content is known.
        - ``engagement``, ``aps``, ``ups_add_on``, ``ups_renewal``: what the best forecast would say of each label of
          the label mart; see ``copilot.data.demo.oracle``. Beyond 50 000 accounts ``engagement`` holds the last six
          months only.
        - ``clicks``: one row a recommendation, with the click model's context and probabilities.

    Raises:
        BadInput: A size out of bounds.
    """
    reps = max(FEWEST_REPS, accounts // 50) if reps is None else reps
    if accounts < FEWEST_ACCOUNTS or reps < FEWEST_REPS or accounts < FEWEST_PER_REP * reps:
        raise BadInput(
            f"A demo book needs at least {FEWEST_ACCOUNTS} accounts, {FEWEST_REPS} reps and {FEWEST_PER_REP} accounts "
            f"a rep, not {accounts} and {reps}."
        )
    if not FEWEST_MONTHS <= side_months <= MONTHS:
        raise BadInput(f"People and signals take {FEWEST_MONTHS} to {MONTHS} months of history, not {side_months}.")
    size = Preset(accounts, reps, side_months)
    return _simulate(size, f"{accounts} accounts, seed {seed}", seed, progress)


def _simulate(
    size: Preset, called: str, seed: int, progress: Callable[[str], None] | None
) -> tuple[Draft, dict[str, pd.DataFrame]]:
    if seed < 0:
        raise BadInput(f"A seed is a whole number from 0 on, not {seed}.")
    rng = np.random.default_rng(seed)
    tell = progress or (lambda stage: None)

    tell("accounts and reps")
    hidden = world.imagine(*words.companies(size.accounts, rng), size.reps, rng)
    account = words.ids("A", hidden.n)
    reps = directory.sales_force(hidden, rng)
    rep = reps["rep_id"].iloc[: size.reps]
    accounts = directory.accounts(hidden, rep, account, rng)
    contacts = directory.contacts(hidden, accounts, rng)
    tables = {"accounts": conform("accounts", accounts), "contacts": conform("contacts", contacts)}

    tell("contracts, add-ons and renewals")
    past = history.live(hidden, rng)
    reps["quota_usd"] = directory.quotas(hidden, past.futures, rng)
    tables["reps"] = conform("reps", reps)
    tables["contracts"] = conform("contracts", terms.contracts(past.chains, past.added, account))

    tell("opportunities")
    sold, lines, chance = deals.opportunities(hidden, past, account, rep, rng)
    tables["opportunities"] = conform("opportunities", sold)
    tables["opportunity_lines"] = conform("opportunity_lines", lines)
    truth = oracle.renewals(past, account) | oracle.deals(past, sold, lines, chance)
    del lines

    tell("touches, recommendations and notes")
    tables["touches"] = conform("touches", traces.touches(hidden, past.futures, account, rep, rng))
    made, feedback, truth["clicks"] = alerts.recommendations(hidden, past, sold, account, reps, rng)
    tables["recommendations"], tables["feedback"] = conform("recommendations", made), conform("feedback", feedback)
    notes, truth["planted_notes"] = traces.notes(hidden, past, account, reps, contacts, rng)
    tables["notes"] = conform("notes", notes)

    tell("usage and tickets")
    usage, errors, truth["engagement"] = monthly.usage(hidden, past, account, rng)
    tables["tickets"] = conform("tickets", traces.tickets(hidden, past, errors, account, rng))
    tables["usage_monthly"] = conform("usage_monthly", usage)
    del usage  # millions of rows in the bench preset

    tell("people, signals and markets")
    tables["people_monthly"] = conform("people_monthly", monthly.people(hidden, size.side_months, account, rng))
    tables["signals_monthly"] = conform(
        "signals_monthly", monthly.signals(hidden, past, size.side_months, account, rng)
    )
    tables["macro_monthly"] = conform("macro_monthly", monthly.macro(hidden, rng))

    remark = f"This book is simulated ({called}); no company or person in it exists."
    return Draft("demo", "USD", AS_OF, tables, {}, {}, (remark,)), truth

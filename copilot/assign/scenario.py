"""A scenario: what a team would work on if owners, limits or values were different (MATHS §4).

Today each rep works on the best of the own accounts, as many as ``max_accounts``. A scenario lets some accounts change
hands and plans anew; all others stay with their owner. Whoever owns an account, old or new, works on it if it is among
the best of theirs: the lists that the nightly score would make after the change. Nothing is changed by a scenario.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from copilot.assign.plan import Plan, assign
from copilot.assign.relax import too_many_held
from copilot.assign.whatif import Base, Change, Difference
from copilot.errors import BadInput

KEEP_OWNER_BONUS = 10.0  # on the 0–100 of Eq. 2: for less than this nobody's account gives way to another's
# Between plans of equal worth the more valuable accounts stay with their owner.
STAYING = 1e-6
# Reps work where they live if nearly all accounts are owned so today.
SAME_REGION = 0.9
HALVINGS = 8
NOT_NOW = "\0"  # stands for a place with the taker's waiting accounts


@dataclass(frozen=True)
class Wish:
    """What is different; everything may be combined.

    Attributes:
        min_accounts: Least accounts of every rep, kept whatever it costs.
        max_accounts: Most accounts of every rep, instead of today's.
        keep_owner_bonus: What an account is worth more when its owner works on it, in points of value.
        without: A rep who is away; only the accounts of theirs may change hands.
        accounts: These change hands.
        move_count: So many change hands, those that gain most or lose least.
        giver: The rep whose accounts change hands; with a taker and without a number: all of them.
        taker: The rep who gets them.
        max_spread: How far a rep's sum of value, the bonus included, may exceed another's.
    """

    min_accounts: int | None = None
    max_accounts: int | None = None
    keep_owner_bonus: float = KEEP_OWNER_BONUS
    without: str | None = None
    accounts: tuple[str, ...] = ()
    move_count: int | None = None
    giver: str | None = None
    taker: str | None = None
    max_spread: float | None = None

    @property
    def targeted(self) -> bool:
        """Whether it names whose accounts may change hands; else the whole team is planned anew."""
        return bool(self.without or self.accounts or self.move_count or self.giver or self.taker)

    @property
    def hands_over(self) -> bool:
        """Whether all accounts that may move go to the taker, worked on or not."""
        return bool(self.taker and (self.accounts or (self.giver and self.move_count is None)))


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a scenario comes to.

    Attributes:
        accounts: One row an account, indexed by account_id: ``owner`` (today), ``before`` and ``after`` (the rep who
            works on it; None: it waits), ``new_owner``, ``value``.
        difference: The new plan against today's lists, as of `copilot.assign.whatif`; its values hold the bonus.
        reps: The reps planned with, with the limits of the scenario.
        rule_value: What the new limits alone are worth, in points: this plan less the best plan under today's limits
            that may move the same accounts; None where no limit changed or only named accounts move.
    """

    accounts: pd.DataFrame
    difference: Difference
    reps: pd.DataFrame
    rule_value: float | None = None

    @property
    def plan(self) -> Plan:
        """The new plan."""
        return self.difference.plan

    @property
    def moves(self) -> pd.DataFrame:
        """The accounts that change hands: ``account_id``, ``from_rep_id``, ``to_rep_id``, the most valuable first."""
        gone = self.accounts[self.accounts["new_owner"] != self.accounts["owner"]]
        gone = gone.sort_values("value", ascending=False, kind="stable").reset_index()
        return gone.rename(columns={"owner": "from_rep_id", "new_owner": "to_rep_id"})[
            ["account_id", "from_rep_id", "to_rep_id"]
        ]


def play(accounts: pd.DataFrame, reps: pd.DataFrame, wish: Wish) -> Outcome:
    """Plan the team anew under a wish and compare with the lists of today.

    Args:
        accounts: The team's accounts, one row each: ``account_id``, ``owner_rep_id`` (a rep of ``reps``), ``value`` (of
            Eq. 2; missing or 0: nothing to do there), ``value_today`` (the same under today's weights), ``region``
            (may be missing), ``movable`` (whether it lies in the part of the book asked about).
        reps: The team: ``rep_id``, ``max_accounts``, ``region`` (may be missing).
        wish: What is different.

    Raises:
        BadInput: Nobody could take an account, fewer accounts could move than wished, or a named one is not theirs.
        Infeasible: The wish cannot be kept; ``.relax`` holds the fewest changes that would do.
    """
    accounts = accounts.sort_values("account_id", ignore_index=True)
    reps = reps.assign(min_accounts=0)
    if wish.min_accounts is not None:
        most = reps["max_accounts"] if wish.max_accounts is None else reps["max_accounts"] * 0 + wish.max_accounts
        small = reps[(most < wish.min_accounts) & (reps["rep_id"] != wish.without)]
        if len(small):
            wanted = float(wish.min_accounts)
            raise too_many_held([(rep, "max_accounts", float(most[at]), wanted) for at, rep in small["rep_id"].items()])
    candidates = accounts[accounts["value"] > 0]
    may_move = _may_move(accounts, wish)
    worked = accounts[accounts["value_today"] > 0].assign(value=lambda rows: rows["value_today"])
    base = Base.of(_owned(worked), reps, elastic=False)
    moving = candidates[may_move[candidates.index]]
    pairs = _pairs(candidates, moving, reps, wish)
    limits = {
        name: float(limit)
        for name, limit in (("min_accounts", wish.min_accounts), ("max_accounts", wish.max_accounts))
        if limit is not None
    }
    change = Change(
        pairs=pairs, everyone=limits, without=(wish.without,) if wish.without else (), max_spread=wish.max_spread
    )
    handed = accounts.loc[may_move, "account_id"] if wish.hands_over else accounts["account_id"].iloc[:0]
    if wish.move_count is not None and not wish.accounts:
        change, handed = _exactly(base, change, moving, wish)
    difference = base.what_if(change)
    found = _outcome(accounts, base.plan, difference.plan)
    if wish.taker:
        found.loc[handed, "new_owner"] = wish.taker
    rule_value = None
    if limits and not wish.targeted:
        free = base.what_if(Change(pairs=pairs)).plan.assignments["account_id"]
        rule_value = float(found.loc[found["after"].notna(), "value"].sum() - found.loc[free, "value"].sum())
    return Outcome(accounts=found, difference=difference, reps=base.limited(change), rule_value=rule_value)


def _may_move(accounts: pd.DataFrame, wish: Wish) -> pd.Series:
    """Say which accounts may change hands."""
    owner = accounts["owner_rep_id"]
    if wish.accounts:
        named = accounts["account_id"].isin(wish.accounts)
        wrong = accounts[named & (owner != (wish.giver or wish.without))]
        if len(wrong) and (wish.giver or wish.without):
            raise BadInput(
                f"Account {wrong['account_id'].iloc[0]} belongs to {wrong['owner_rep_id'].iloc[0]}, not to "
                f"{wish.giver or wish.without}; name the accounts of one rep, or leave the rep out."
            )
        return named
    found = accounts["movable"].astype(bool)
    if wish.giver or wish.without:
        found &= owner == (wish.giver or wish.without)
    return found & (owner != wish.taker) if wish.taker else found


def _owned(accounts: pd.DataFrame) -> pd.DataFrame:
    return accounts.rename(columns={"owner_rep_id": "rep_id"})[["account_id", "rep_id", "value"]]


def _pairs(candidates: pd.DataFrame, moving: pd.DataFrame, reps: pd.DataFrame, wish: Wish) -> pd.DataFrame:
    """Return each account with its owner, worth the bonus more, and each moving one with those who may take it."""
    staying = candidates.drop(moving.index) if wish.accounts or wish.hands_over else candidates
    own = _owned(staying)
    own["value"] = own["value"] * (1 + STAYING) + wish.keep_owner_bonus
    others = reps[reps["rep_id"] != wish.without]
    if wish.taker:
        others = others[others["rep_id"] == wish.taker]
    pairs = moving.merge(others[["rep_id", "region"]], how="cross", suffixes=("", "_of_rep"))
    near = (pairs["region"] == pairs["region_of_rep"]) | pairs["region"].isna() | pairs["region_of_rep"].isna()
    if not wish.taker and _by_region(candidates, reps):
        pairs = pairs[near]
    pairs = pairs[pairs["rep_id"] != pairs["owner_rep_id"]]
    nobody = set(moving["account_id"]) - set(pairs["account_id"])
    if nobody and wish.accounts:
        raise BadInput(f"Nobody else on the team could take account {min(nobody)}; name who should.")
    return pd.concat([own, pairs[["account_id", "rep_id", "value"]]], ignore_index=True)


def _by_region(accounts: pd.DataFrame, reps: pd.DataFrame) -> bool:
    """Whether reps keep to their region today, so that a plan should too."""
    both = accounts.merge(reps[["rep_id", "region"]], left_on="owner_rep_id", right_on="rep_id")
    both = both.dropna(subset=["region_x", "region_y"])
    return len(both) > 0 and float((both["region_x"] == both["region_y"]).mean()) >= SAME_REGION


def _exactly(base: Base, change: Change, moving: pd.DataFrame, wish: Wish) -> tuple[Change, pd.Series]:
    """Return the change under which as many accounts change hands as wished, and these accounts.

    A price on every move steers their number (Lagrange): a plan that moves as many as wished at some price is the best
    of all that do. Where the number jumps over the wish, moves of equal worth stand at the jump, and the most valuable
    accounts among them go. A taker may also let an account wait; without one it goes to somebody who works on it.
    """
    assert change.pairs is not None
    assert wish.move_count is not None
    pairs, reps, number = change.pairs, base.limited(change), wish.move_count
    pairs = pairs[~pairs["rep_id"].isin(change.without)]
    owner, worth = (moving.set_index("account_id")[name] for name in ("owner_rep_id", "value"))
    options = pairs
    if wish.taker:
        waiting = pd.DataFrame({"rep_id": [NOT_NOW], "min_accounts": 0, "max_accounts": np.inf})
        reps = pd.concat([reps, waiting], ignore_index=True)
        options = pd.concat(
            [pairs, pd.DataFrame({"account_id": owner.index, "rep_id": NOT_NOW, "value": 0.0})], ignore_index=True
        )
    is_move = options["account_id"].isin(owner.index) & (options["rep_id"] != options["account_id"].map(owner))
    could = options.loc[is_move, "account_id"].nunique()
    if could < number:
        raise BadInput(
            f"Only {could} accounts with something to do could change hands so, and {number} are asked for; "
            f"ask for at most {could}."
        )

    def moved(price: float) -> pd.DataFrame:
        priced = options.assign(value=options["value"] + np.where(is_move, price, 0.0))
        chosen = assign(priced, reps, elastic=False).assignments
        return chosen[chosen["account_id"].isin(owner.index) & (chosen["rep_id"] != chosen["account_id"].map(owner))]

    high = float(pairs["value"].abs().max()) + 1  # more than any place is worth
    low, found = -high, moved(high)
    if len(found) < number:
        raise BadInput(
            f"Only {len(found)} accounts could change hands within the places of the team; ask for fewer, or raise "
            "max_accounts."
        )
    for _ in range(HALVINGS):
        if len(found) == number:
            break
        middle = (low + high) / 2
        tried = moved(middle)
        low, high, found = (middle, high, found) if len(tried) < number else (low, middle, tried)
    found = found.assign(later=found["rep_id"] == NOT_NOW, worth=found["account_id"].map(worth))
    found = found.sort_values(["later", "worth", "account_id"], ascending=[True, False, True]).head(number)
    gone = found["account_id"]
    is_move = pairs["account_id"].isin(owner.index) & (pairs["rep_id"] != pairs["account_id"].map(owner))
    kept = pairs[pairs["account_id"].isin(gone) == is_move]
    # Without a taker each goes where it was placed; with one it competes for the taker's places.
    pins = () if wish.taker else tuple(zip(gone, found["rep_id"], strict=True))
    return replace(change, pairs=kept, pins=pins), gone


def _outcome(accounts: pd.DataFrame, before: Plan, after: Plan) -> pd.DataFrame:
    frame = accounts.set_index("account_id")[["owner_rep_id", "value"]].rename(columns={"owner_rep_id": "owner"})
    for name, plan in (("before", before), ("after", after)):
        works = plan.assignments.set_index("account_id")["rep_id"]
        frame[name] = works.reindex(frame.index).astype(object).where(lambda found: found.notna(), None)
    frame["value"] = frame["value"].fillna(0.0).clip(lower=0.0)
    frame["new_owner"] = frame["after"].where(frame["after"].notna(), frame["owner"])
    return frame

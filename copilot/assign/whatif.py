"""What if: change one thing in a plan, and see who moves, what it gains and whose load changes (MATHS §4).

A scenario changes nothing by itself: owners change only by an approved proposal, for which `undo` gives the way back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from copilot.assign.plan import Plan, assign
from copilot.assign.problem import need
from copilot.errors import BadInput

Pair = tuple[Any, Any]
LIMITS = ("min_accounts", "max_accounts", "max_load")


@dataclass(frozen=True)
class Change:
    """What is different from the base plan; everything may be combined.

    Attributes:
        limits: New limits by rep, as ``{"r1": {"max_accounts": 40}}``.
        everyone: New limits of all reps, as ``{"max_accounts": 40}``; ``limits`` go on top.
        without: Reps who are absent.
        added: More reps, with the columns of ``reps``; their pairs come in ``pairs``.
        pairs: Pairs instead of the base's: another midpoint, threshold or continuity bonus is another set of pairs
            (`copilot.assign.pairs.build`).
        pins: Pairs (account, rep) that must be in the plan.
        forbidden: Pairs (account, rep) that must not.
        move: How many accounts go from one rep to another, (n, from, to): those whose move costs least; all others
            stay where they are.
        max_spread: How far a rep's sum of values may exceed another's.
    """

    limits: Mapping[Any, Mapping[str, float]] = field(default_factory=dict)
    everyone: Mapping[str, float] = field(default_factory=dict)
    without: tuple[Any, ...] = ()
    added: pd.DataFrame | None = None
    pairs: pd.DataFrame | None = None
    pins: tuple[Pair, ...] = ()
    forbidden: tuple[Pair, ...] = ()
    move: tuple[int, Any, Any] | None = None
    max_spread: float | None = None


@dataclass(frozen=True, eq=False)
class Difference:
    """What a change does to the plan.

    Attributes:
        plan: The new plan.
        gain: Its objective less the base's, in units of value.
        moves: One row an account that moves, largest gain first: ``account_id``, ``from_rep_id``, ``to_rep_id``
            (missing: the waiting list), ``value_before``, ``value_after``, ``gain``.
        loads: One row a rep of either plan: ``rep_id``, ``accounts_before``, ``accounts_after``, ``value_before``,
            ``value_after``, ``load_before``, ``load_after`` (0 where pairs have no load).
        binding: The rules the new plan stands at, as in `Plan`.
        places: ``rep_id``, ``one_more_place``, ``one_more_hour``: what one more of it would be worth in the new plan.
    """

    plan: Plan
    gain: float
    moves: pd.DataFrame
    loads: pd.DataFrame
    binding: pd.DataFrame
    places: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Base:
    """A plan together with what it was made of, to ask "what if" of."""

    pairs: pd.DataFrame
    reps: pd.DataFrame
    plan: Plan
    options: Mapping[str, Any]

    @classmethod
    def of(cls, pairs: pd.DataFrame, reps: pd.DataFrame, **options: Any) -> Base:
        """Make the plan to compare with; arguments as for `copilot.assign.plan.assign`."""
        return cls(pairs, reps, assign(pairs, reps, **options), options)

    def what_if(self, change: Change) -> Difference:
        """Make the plan under a change, starting from this plan's prices, and compare.

        Raises:
            BadInput: The change names unknown reps or pairs, or cannot be carried out within the limits.
            Infeasible: The changed rules cannot all be kept; ``.relax`` says what to relax.
        """
        reps = self.limited(change)
        pairs = self.pairs if change.pairs is None else change.pairs
        need(pairs, ("account_id", "rep_id", "value"), "pairs")
        for pair in (*change.pins, *change.forbidden):
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise BadInput(f"{pair!r} is no pair; pin or forbid pairs (account, rep).")
        for pair in change.forbidden:
            if not ((pairs["account_id"] == pair[0]).any() and (pairs["rep_id"] == pair[1]).any()):
                raise BadInput(f"{pair[0]} with {pair[1]} cannot be forbidden: no pair has that account or that rep.")
        if change.without:
            pairs = pairs[~pairs["rep_id"].isin(change.without)]
        if change.forbidden:
            pairs = pairs[~_listed(pairs, change.forbidden)]
        pins = list(change.pins)
        if change.move is not None:
            pins += self._moved(pairs, *change.move)
            named = {account for account, _ in pins}
            kept = self.plan.assignments[~self.plan.assignments["account_id"].isin(named)]
            pairs = pairs[pairs["account_id"].isin(named) | _listed(pairs, list(_keys(kept)))]
        frame = pd.DataFrame(pins, columns=["account_id", "rep_id"])
        options = self.options if change.max_spread is None else {**self.options, "max_spread": change.max_spread}
        plan = assign(pairs, reps, pins=frame, start=self.plan, **options)
        return compare(self.plan, plan, self.pairs, pairs)

    def limited(self, change: Change) -> pd.DataFrame:
        """Return the reps a change leaves, with their limits under it.

        Raises:
            BadInput: The change names an unknown rep or limit, or leaves nobody.
        """
        reps = self.reps if change.added is None else pd.concat([self.reps, change.added], ignore_index=True)
        known = set(reps["rep_id"])
        moved = change.move[1:] if change.move else ()
        unknown = [rep for rep in (*change.limits, *change.without, *moved) if rep not in known]
        if unknown:
            raise BadInput(f"There is no rep {unknown[0]} in the plan; its reps are {_few(sorted(known, key=str))}.")
        reps = reps[~reps["rep_id"].isin(change.without)].copy()
        if reps.empty:
            raise BadInput("Without these reps nobody is left to work on the accounts; leave at least one.")
        every = [(reps["rep_id"].notna(), change.everyone)]
        for rows, limits in every + [(reps["rep_id"] == rep, new) for rep, new in change.limits.items()]:
            for name, limit in limits.items():
                if name not in LIMITS:
                    raise BadInput(f"There is no limit {name!r}; the limits are {', '.join(LIMITS)}.")
                if name not in reps:
                    reps[name] = np.inf
                try:
                    reps[name] = reps[name].astype("float64").mask(rows, float(limit))
                except (TypeError, ValueError):
                    raise BadInput(f"The limit {name} is {limit!r}; give a number.") from None
        return reps

    def _moved(self, pairs: pd.DataFrame, number: int, giver: Any, taker: Any) -> list[Pair]:
        """Choose which of a rep's accounts go to another: those whose move costs least, then the earlier ids."""
        if not isinstance(number, int | np.integer) or number < 1:
            raise BadInput(f"{number} accounts cannot move; give a whole number of at least 1.")
        theirs = self.plan.assignments.loc[self.plan.assignments["rep_id"] == giver, ["account_id", "value"]]
        could = pairs.loc[pairs["rep_id"] == taker, ["account_id", "value"]]
        both = theirs.merge(could, on="account_id", suffixes=("_before", "_after"))
        if len(both) < number:
            raise BadInput(
                f"Rep {giver} has {len(theirs)} accounts in the plan, of which rep {taker} may take {len(both)}; "
                f"{number} cannot move."
            )
        both["gain"] = both["value_after"] - both["value_before"]
        first = both.sort_values(["gain", "account_id"], ascending=[False, True]).head(number)
        return [(account, taker) for account in first["account_id"]]


def compare(before: Plan, after: Plan, pairs_before: pd.DataFrame, pairs_after: pd.DataFrame) -> Difference:
    """Return how one plan differs from another; the pairs give the loads."""
    columns = ["account_id", "rep_id", "value"]
    both = before.assignments[columns].merge(
        after.assignments[columns], on="account_id", how="outer", suffixes=("_before", "_after")
    )
    same = (both["rep_id_before"] == both["rep_id_after"]).fillna(False).astype(bool)
    moves = both[~same].rename(columns={"rep_id_before": "from_rep_id", "rep_id_after": "to_rep_id"})
    moves[["value_before", "value_after"]] = moves[["value_before", "value_after"]].fillna(0.0)
    moves["gain"] = moves["value_after"] - moves["value_before"]
    moves = moves.sort_values(["gain", "account_id"], ascending=[False, True], ignore_index=True)
    order = ["account_id", "from_rep_id", "to_rep_id", "value_before", "value_after", "gain"]
    sides = {"before": _work(before, pairs_before), "after": _work(after, pairs_after)}
    loads = pd.concat([side.add_suffix(f"_{when}") for when, side in sides.items()], axis=1).fillna(0.0)
    names = [f"{what}_{when}" for what in ("accounts", "value", "load") for when in ("before", "after")]
    return Difference(
        plan=after,
        gain=after.objective - before.objective,
        moves=moves[order],
        loads=loads[names].astype({"accounts_before": int, "accounts_after": int}).rename_axis("rep_id").reset_index(),
        binding=after.binding,
        places=after.prices.rename(columns={"max_price": "one_more_place", "load_price": "one_more_hour"})[
            ["rep_id", "one_more_place", "one_more_hour"]
        ],
    )


def undo(moves: pd.DataFrame) -> pd.DataFrame:
    """Return the moves that take these back: ``account_id``, ``from_rep_id``, ``to_rep_id``."""
    back = moves.rename(columns={"from_rep_id": "to_rep_id", "to_rep_id": "from_rep_id"})
    return back[["account_id", "from_rep_id", "to_rep_id"]].reset_index(drop=True)


def apply(owners: pd.Series, moves: pd.DataFrame) -> pd.Series:
    """Return ``owners`` (rep by account) after the moves.

    Raises:
        BadInput: An account is not where the moves expect it, so the proposal is out of date.
    """
    expected = moves.set_index("account_id")["from_rep_id"]
    now = owners.reindex(expected.index)
    stale = ~((now == expected) | (now.isna() & expected.isna())).fillna(False).astype(bool)
    if stale.any():
        account = expected.index[stale][0]
        raise BadInput(
            f"Account {account} is no longer with {expected[account]} but with {now[account]}; make the plan anew."
        )
    moved = moves.set_index("account_id")["to_rep_id"]
    return pd.concat([owners[~owners.index.isin(moved.index)], moved]).reindex(
        owners.index.union(moved.index, sort=False)
    )


def _work(plan: Plan, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return accounts, value and load of each rep in a plan."""
    chosen = plan.assignments
    if "load" in pairs:
        chosen = chosen.merge(pairs[["account_id", "rep_id", "load"]], on=["account_id", "rep_id"])
    else:
        chosen = chosen.assign(load=0.0)
    by = chosen.groupby("rep_id")
    work = pd.DataFrame({"accounts": by.size(), "value": by["value"].sum(), "load": by["load"].sum()})
    return work.reindex(plan.prices["rep_id"], fill_value=0)


def _keys(frame: pd.DataFrame) -> zip[Pair]:
    return zip(frame["account_id"].tolist(), frame["rep_id"].tolist(), strict=True)


def _listed(pairs: pd.DataFrame, wanted: list[Pair] | tuple[Pair, ...]) -> pd.Series:
    """Say which rows of ``pairs`` are among these (account, rep)."""
    listed = pd.DataFrame(wanted, columns=["account_id", "rep_id"]).drop_duplicates().assign(listed=True)
    found = pairs[["account_id", "rep_id"]].merge(listed, on=["account_id", "rep_id"], how="left")["listed"]
    return pd.Series(found.notna().to_numpy(), index=pairs.index)


def _few(names: list[Any], most: int = 5) -> str:
    return ", ".join(map(str, names[:most])) + (" …" if len(names) > most else "")

"""The team in scope: its reps with their limits, its accounts with their owners, and which rep a name means."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.config import settings
from copilot.errors import MissingData, TryAgain
from copilot.explain.answers.common import why_missing


@dataclass(frozen=True, eq=False)
class Team:
    """``reps``: ``rep_id``, ``max_accounts``, ``region``. ``accounts``: the snapshot's rows that one of them owns."""

    reps: pd.DataFrame
    accounts: pd.DataFrame
    names: dict[str, str]

    @classmethod
    def of(cls, snapshot: SnapshotReader, scope: Scope) -> Team:
        """Read the team in scope.

        Raises:
            MissingData: The book names no reps or owners, the team is empty, or no account has anything to do.
        """
        reps, accounts = snapshot.table("reps", scope), snapshot.scores("accounts", scope)
        if reps.empty or accounts.empty or accounts["owner_rep_id"].isna().all():
            raise MissingData(
                "There is no team to plan: this book names no reps who own accounts in your scope; import the tables "
                "reps and accounts with their owners."
            )
        accounts = accounts[accounts["owner_rep_id"].isin(reps["rep_id"])]
        if accounts["action"].isna().all():
            reason = why_missing(snapshot, "plan") or "No account of your team has a recommended action."
            raise MissingData(f"There is nothing to plan with. {reason}")
        # A manager counts only as an owner of accounts.
        reps = reps[(reps["role"] == "rep") | reps["rep_id"].isin(accounts["owner_rep_id"])]
        limits = reps["max_accounts"].fillna(settings().accounts_per_rep).astype(int)
        found = reps.assign(max_accounts=limits)[["rep_id", "max_accounts", "region"]]
        names = dict(zip(reps["rep_id"].astype(str), reps["name"].astype(str), strict=True))
        return cls(found.reset_index(drop=True), accounts.reset_index(drop=True), names)

    def spelled(self, text: str) -> str:
        """Return a sentence with the team's ids replaced by names."""
        known = self.names | dict(zip(self.accounts["account_id"], self.accounts["name"], strict=True))
        return re.sub(r"[\w.:/@+-]*[\w]", lambda found: str(known.get(found[0], found[0])), text)


def rep_named(asked: str | None, team: Team) -> str | None:
    """Return the id of the rep a person means by an id, a name or a part of it; None where none is named.

    Raises:
        TryAgain: Nobody on the team, or more than one, is called so. Somebody of another team reads as nobody.
    """
    if asked is None:
        return None
    wanted = _plain(asked)
    whole = [rep for rep, name in team.names.items() if wanted in (_plain(rep), _plain(name))]
    part = [rep for rep, name in team.names.items() if wanted in _plain(name).split()]
    for fits in (whole, part):
        if len(fits) == 1:
            return fits[0]
        if fits:
            raise TryAgain(
                f"More than one rep on your team is called {asked!r}: {_few(team, fits)}; give the whole name."
            )
    shown = re.sub(r"[^\w .,&'()/-]", "", asked)[:60].strip()
    raise TryAgain(f"There is no rep {shown!r} on your team; its reps are {_few(team, list(team.names))}.")


def _few(team: Team, reps: list[str], most: int = 12) -> str:
    more = f" and {len(reps) - most} more" if len(reps) > most else ""
    return ", ".join(team.names[rep] for rep in reps[:most]) + more


def _plain(text: str) -> str:
    return " ".join(str(text)[:100].casefold().split())

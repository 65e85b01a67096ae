"""Say what proposing a scenario would change in the book, and what was changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from copilot.access import Scope, SnapshotReader
from copilot.errors import TryAgain
from copilot.explain.answers.common import cell, say
from copilot.store.scenarios import Scenario
from copilot.text.cells import Column, Record

TOOL = "propose_assignment"
LISTED = 20  # moves in the table
Moves = Sequence[dict[str, Any]]


def to_propose(snapshot: SnapshotReader, scope: Scope, scenario: Scenario) -> Record:
    """Return who would get another owner: a table of accounts, and each rep's balance.

    Raises:
        TryAgain: The scenario moves nothing, speaks of older scores, or reaches outside the scope.
    """
    if not scenario.moves:
        raise TryAgain(f"{scenario.name} moves no account, so there is nothing to propose.")
    if scenario.snapshot != snapshot.id:
        raise TryAgain(
            f"{scenario.name} was tried out on the scores of {scenario.as_of}, which are no longer the newest; try it "
            "out once more."
        )
    accounts, reps = snapshot.table("accounts", scope), snapshot.table("reps", scope)
    names = dict(zip(accounts["account_id"], accounts["name"], strict=True))
    people = dict(zip(reps["rep_id"], reps["name"], strict=True))
    check_scope(snapshot, scope, scenario.moves)
    origin = f"scenario {scenario.name}"
    gives = Counter(move["from_rep_id"] for move in scenario.moves if move["from_rep_id"])
    takes = Counter(move["to_rep_id"] for move in scenario.moves)
    data: dict[str, Any] = {
        "scenario": cell(scenario.name, "text", origin, "scenario"),
        "as_of": cell(scenario.as_of, "text", origin, "as of"),
        "moved": cell(len(scenario.moves), "count", f"{origin}:moves", "accounts that change hands"),
        "reps": [
            {
                "name": cell(people[rep], "text", f"book:reps[{rep}].name", "rep"),
                "gives": cell(gives[rep], "count", f"{origin}:moves", "accounts given"),
                "takes": cell(takes[rep], "count", f"{origin}:moves", "accounts taken"),
            }
            for rep in sorted({*gives, *takes}, key=lambda rep: people[rep])
        ],
        "rows": [
            {
                "name": cell(names[move["account_id"]], "text", f"book:accounts[{move['account_id']}].name", "account"),
                "from_rep": cell(people.get(move["from_rep_id"]), "text", f"{origin}:moves", "owner now"),
                "to_rep": cell(people[move["to_rep_id"]], "text", f"{origin}:moves", "new owner"),
            }
            for move in scenario.moves[:LISTED]
        ],
    }
    lines = [say("proposal_lead"), *(say("proposal_rep", f"reps[{n}]", detail=True) for n in range(len(data["reps"])))]
    columns = {"name": Column("Account"), "from_rep": Column("Owner now"), "to_rep": Column("New owner")}
    spoken_of = (*(move["account_id"] for move in scenario.moves[:LISTED]), scenario.name)
    return Record(TOOL, data, tuple(lines), columns, spoken_of)


def check_scope(snapshot: SnapshotReader, scope: Scope, moves: Moves) -> None:
    """Make sure that every account and every rep of the moves is in scope.

    Raises:
        TryAgain: One is not.
    """
    accounts = set(snapshot.table("accounts", scope)["account_id"])
    reps = {None, *snapshot.table("reps", scope)["rep_id"]}
    for move in moves:
        if move["account_id"] not in accounts or not {move["from_rep_id"], move["to_rep_id"]} <= reps:
            raise TryAgain("An account or a rep that would change is not of your team, so nothing is changed.")


def changed(moves: Moves, book: str, *, back: bool = False) -> Record:
    """Return how many accounts have another owner, or their old one again, in the version ``book`` of the book."""
    moved = cell(len(moves), "count", f"book {book}:accounts.owner_rep_id", "accounts that changed hands")
    key = "proposal_undone" if back else "proposal_done"
    return Record(TOOL, {"moved": moved}, (say(key),), accounts=tuple(move["account_id"] for move in moves[:LISTED]))

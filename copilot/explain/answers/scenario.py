"""Answer "what if": who works on what under other owners or limits, as the difference from today's lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.assign import value
from copilot.assign.scenario import KEEP_OWNER_BONUS, Outcome, Wish, play
from copilot.assign.whatif import undo
from copilot.config import settings
from copilot.errors import BadInput, Infeasible, TryAgain
from copilot.explain.answers.common import as_of_cell, cell, constant, one_of, resolve, templates
from copilot.explain.answers.team import Team, rep_named
from copilot.store import scenarios
from copilot.text.cells import Cell, Column, Record, Say, Unit, prefix

LISTED = 20  # moves in the table
TOLD = 6  # reps whose load is told
TOOL = "simulate_assignment"


def simulate(
    snapshot: SnapshotReader,
    scope: Scope,
    arguments: Mapping[str, Any],
    workspace: Path,
    username: str,
    now: datetime,
) -> Record:
    """Play a scenario on the team in scope, keep it as ``S-1`` …, and tell the difference.

    Args:
        snapshot: Whose priorities and owners count.
        scope: The team.
        arguments: Those of the tool that were given.
        workspace: Where scenarios are kept.
        username: Who asks; the scenario is theirs.
        now: The moment.

    Raises:
        TryAgain: A name is not of the team, or the wish cannot be carried out; says what would.
        UnknownAccount: A named account is not in scope.
        MissingData: See `Team.of`: the book holds no reps or owners, or nothing to do.
    """
    team = Team.of(snapshot, scope)
    wish = _wish(arguments, team, snapshot, scope)
    accounts = _valued(team.accounts, snapshot, arguments.get("midpoint_days"))
    accounts["movable"] = _inside(accounts, arguments)
    try:
        found = play(accounts, team.reps, wish)
    except Infeasible as error:
        return _impossible(error, team, snapshot)
    except BadInput as error:
        raise TryAgain(team.spelled(str(error))) from None
    moves = found.moves
    kept = scenarios.keep(
        workspace,
        username=username,
        snapshot=snapshot.id,
        as_of=snapshot.as_of.isoformat(),
        made_at=now.isoformat(),
        arguments=dict(arguments),
        moves=moves.to_dict("records"),
        inverse=undo(moves).to_dict("records"),
    )
    return _Telling(found, team, snapshot, kept.name).record(_in_words(arguments, team), wish)


def _wish(arguments: Mapping[str, Any], team: Team, snapshot: SnapshotReader, scope: Scope) -> Wish:
    """Read the arguments: names become ids of the team's own."""
    people = {name: rep_named(arguments.get(name), team) for name in ("without_rep", "from_rep", "to_rep")}
    if people["to_rep"] and people["to_rep"] in (people["from_rep"], people["without_rep"]):
        raise TryAgain("The rep who gives and the rep who takes are the same; name two reps.")
    # Whoever is away also gives.
    if people["from_rep"] and people["without_rep"] not in (None, people["from_rep"]):
        raise TryAgain("Name one rep who gives accounts up: either the one who is away or the one they move from.")
    return Wish(
        min_accounts=arguments.get("min_accounts"),
        max_accounts=arguments.get("max_accounts"),
        keep_owner_bonus=arguments.get("keep_owner_bonus", KEEP_OWNER_BONUS),
        without=people["without_rep"],
        accounts=tuple(dict.fromkeys(resolve(name, snapshot, scope) for name in arguments.get("accounts") or ())),
        move_count=arguments.get("move_count"),
        giver=people["from_rep"],
        taker=people["to_rep"],
    )


def _valued(accounts: pd.DataFrame, snapshot: SnapshotReader, midpoint: int | None) -> pd.DataFrame:
    """Add ``value`` under the midpoint asked for, ``value_today`` and ``money``; only accounts with an action count."""
    frame = accounts.assign(value_today=accounts["priority"].where(accounts["action"].notna()))
    frame["money"] = frame["uplift_usd"]
    if midpoint is None:
        return frame.assign(value=frame["value_today"])
    money = frame["uplift_usd"]
    if money.isna().all():  # as the nightly score does without an uplift
        money = frame["growth_usd"].abs()
    weight = value.monetisation_weight(
        frame["days_to_renewal"], steepness=settings().steepness, midpoint=float(midpoint)
    )
    scales = value.Scales.from_dict(snapshot.manifest["scales"])
    new = value.value(money, frame["engagement_change"].abs(), weight, scales=scales)
    return frame.assign(value=pd.Series(new, index=frame.index).where(frame["action"].notna()))


def _inside(accounts: pd.DataFrame, arguments: Mapping[str, Any]) -> pd.Series:
    """Say which accounts lie in the region and segment asked for."""
    inside = pd.Series(True, index=accounts.index)
    for name in ("region", "segment"):
        if name in arguments:
            inside &= accounts[name] == one_of(arguments[name], accounts[name], name)
    return inside


def _in_words(arguments: Mapping[str, Any], team: Team) -> str:
    """Say what is different, in the words of the arguments."""
    said = {
        "without_rep": "without {}",
        "accounts": "accounts named: {}",
        "move_count": "accounts that move: {}",
        "from_rep": "from {}",
        "to_rep": "to {}",
        "min_accounts": "at least {} accounts a rep",
        "max_accounts": "at most {} accounts for every rep, instead of the limits of today",
        "midpoint_days": "midpoint at {} days",
        "keep_owner_bonus": "a bonus of {:g} for staying with the owner",
        "region": "in {}",
        "segment": "for {}",
    }
    people = ("without_rep", "from_rep", "to_rep")
    parts = []
    for name, words in said.items():
        if name in arguments:
            given = arguments[name]
            shown = team.names[rep_named(given, team) or ""] if name in people else given
            parts.append(words.format(len(given) if name == "accounts" else shown))
    return ", ".join(parts) or "the best plan for the whole team"


def _impossible(error: Infeasible, team: Team, snapshot: SnapshotReader) -> Record:
    """Tell the smallest set of rules to relax as a manager would say it."""
    rows: list[dict[str, Cell]] = []
    lines = [_say("infeasible")]
    for place, rule in enumerate(error.relax):
        who = str(rule["rep_id"] if rule["rep_id"] is not None else rule["account_id"])
        unit: Unit = "hours" if rule["rule"] == "max_load" else "count"
        told = {"name": cell(team.names.get(who, who), "text", f"book:reps[{who}].name", "rep")}
        told |= {
            key: cell(rule[key], unit, "scenario:relax", f"{rule['rule']} {key}") for key in ("limit", "to", "amount")
        }
        rows.append(told)
        lines.append(_say(f"cannot_{rule['rule']}", f"relax[{place}]", detail=True))
    return Record(TOOL, {"as_of": as_of_cell(snapshot), "relax": rows}, tuple(lines))


def _say(key: str, path: str = "", *, detail: bool = False) -> Say:
    text = templates("scenario")[key]
    return Say(prefix(text, path) if path else text, "", detail)


class _Telling:
    """One outcome as cells and sentences."""

    def __init__(self, found: Outcome, team: Team, snapshot: SnapshotReader, name: str) -> None:
        self.found, self.team, self.snapshot, self.name = found, team, snapshot, name
        facts = team.accounts.set_index("account_id")
        self.accounts = found.accounts.join(facts[["name", "uplift_usd", "priority"]])
        self.origin = f"scenario {name}"
        self.data: dict[str, Any] = {"scenario": self._cell(name, "text", "scenario"), "as_of": as_of_cell(snapshot)}
        self.lines: list[Say] = []

    def record(self, what: str, wish: Wish) -> Record:
        """Return the answer: what it gains, whose load changes, what binds, what waits, and the moves as a table."""
        self.data["what"] = self._cell(what, "text", "what is different")
        self.lines.append(_say("lead"))
        self._gain()
        moves = self._moves(wish)
        self._loads()
        self._limits()
        self._waits()
        columns = {
            "name": Column("Account"),
            "from_rep": Column("From"),
            "to_rep": Column("To"),
            "works": Column("On the new list"),
            "priority": Column("Priority"),
            "uplift_usd": Column("A touch adds"),
        }
        spoken_of = (*moves["account_id"].head(LISTED), self.name)
        return Record(TOOL, self.data, tuple(self.lines), columns if self.data["rows"] else {}, spoken_of)

    def _cell(self, value: Any, unit: Unit, metric: str, origin: str = "") -> Cell:
        return cell(value, unit, origin or self.origin, metric)

    def _gain(self) -> None:
        frame = self.accounts
        kinds: tuple[tuple[str, str, Unit, str], ...] = (
            ("value", "value", "score", "priority"),
            ("usd", "uplift_usd", "usd", "uplift"),
        )
        for kind, column, unit, metric in kinds:
            sums = {when: float(frame.loc[frame[when].notna(), column].sum()) for when in ("before", "after")}
            for when, total in sums.items():
                self.data[f"{kind}_{when}"] = self._cell(total, unit, f"{metric} {when}")
            self.data[f"gain_{kind}"] = self._cell(sums["after"] - sums["before"], unit, f"{metric} difference")
        self.lines.append(_say("gain"))
        self.lines.append(_say("no_usd" if frame["uplift_usd"].isna().all() else "gain_usd"))
        if self.found.rule_value is not None and abs(self.found.rule_value) > 0.05:
            self.data["rule_value"] = self._cell(self.found.rule_value, "score", "priority of the limits")
            self.lines.append(_say("rule"))

    def _moves(self, wish: Wish) -> pd.DataFrame:
        moves = self.found.moves
        self.data["moved"] = self._cell(len(moves), "count", "accounts that change hands")
        self.data["bonus"] = constant(wish.keep_owner_bonus, "score", "bonus for staying with the owner")
        rows = []
        for move in moves.head(LISTED).to_dict("records"):
            account, works = move["account_id"], self.accounts.loc[move["account_id"]]
            as_scored = works["value"] == works["priority"]  # not under another midpoint
            scored = f"snapshot {self.snapshot.id}:accounts[{account}]"
            rows.append(
                {
                    "account_id": self._cell(account, "text", "account", f"book:accounts[{account}].account_id"),
                    "name": self._cell(works["name"], "text", "account", f"book:accounts[{account}].name"),
                    "from_rep": self._rep(move["from_rep_id"]),
                    "to_rep": self._rep(move["to_rep_id"]),
                    "works": self._cell(works["after"] is not None, "flag", "on the new list"),
                    "priority": self._cell(
                        works["value"], "score", "priority", f"{scored}.priority" if as_scored else ""
                    ),
                    "uplift_usd": self._cell(works["uplift_usd"], "usd", "uplift", f"{scored}.uplift_usd"),
                }
            )
        self.data["rows"] = rows
        self.data["listed"] = self._cell(len(rows), "count", "accounts in the table")
        unworked = int(self.accounts.loc[moves["account_id"], "after"].isna().sum())
        self.data["unworked"] = self._cell(unworked, "count", "accounts that change hands and wait")
        if rows:
            self.lines.append(_say("moved"))
            self.lines += [_say("unworked", detail=True)] if unworked else []
        elif not wish.targeted:
            self.lines.append(_say("nobody"))
        return moves

    def _loads(self) -> None:
        """Tell whose number of accounts or sum of priority changes, the largest change first."""
        frame = self.accounts
        by = {when: frame.groupby(when)["value"].agg(["size", "sum"]) for when in ("before", "after")}
        table = pd.concat(by, axis=1).reindex(list(self.team.reps["rep_id"])).fillna(0.0)
        size = (table["after"] - table["before"]).abs()
        changed = table[(size["size"] > 0) | (size["sum"] > 0.05)].index
        order = size.loc[changed].sort_values(["size", "sum"], ascending=False, kind="stable").index
        self.data["loads"] = [
            {
                "name": self._rep(rep),
                **{when: self._cell(int(table.loc[rep, (when, "size")]), "count", f"accounts {when}") for when in by},
                **{
                    f"value_{when}": self._cell(float(table.loc[rep, (when, "sum")]), "score", f"priority {when}")
                    for when in by
                },
            }
            for rep in order
        ]
        self.lines.append(_say("loads" if len(order) else "same_load"))
        self.lines += [_say("load", f"loads[{place}]", detail=True) for place in range(min(len(order), TOLD))]

    def _limits(self) -> None:
        """Tell which limits bind, how many places are short for today's accounts too, and what one is worth."""
        limits = self.found.reps.set_index("rep_id")["max_accounts"]
        frame, over = self.accounts, []
        comes = (frame["new_owner"] != frame["owner"]) & (frame["value"] > 0)
        gone = frame[frame["after"].isna() & (frame["before"].notna() | comes)]
        for rep, more in (
            gone.groupby("new_owner").size().sort_values(ascending=False, kind="stable").head(TOLD).items()
        ):
            if rep in limits.index:
                row = {"name": self._rep(rep), "more": self._cell(int(more), "count", "places short")}
                over.append(row | {"limit": self._cell(float(limits[rep]), "count", "most accounts")})
                self.lines.append(_say("over", f"over[{len(over) - 1}]"))
        self.data["over"] = over
        binding = self.found.difference.binding
        full = binding[binding["rule"] == "max_accounts"]
        self.data["binding"] = [
            {
                "name": self._rep(row["rep_id"]),
                "limit": self._cell(row["limit"], "count", "most accounts"),
                "price": self._cell(row["price"], "score", "priority of another place"),
            }
            for row in full.to_dict("records")
        ]
        if len(full):
            self.data["names"] = self._cell(", ".join(self.team.names[rep] for rep in full["rep_id"]), "text", "reps")
            self.lines.append(_say("binds"))
            best = int(full["price"].to_numpy().argmax())
            if full["price"].iloc[best] > 0:
                self.lines.append(_say("place", f"binding[{best}]"))

    def _waits(self) -> None:
        """Tell what is worked on today and would wait, and what comes up in its owner's own book."""
        frame = self.accounts
        waits = frame[frame["before"].notna() & frame["after"].isna()].sort_values(
            "value", ascending=False, kind="stable"
        )
        starts = frame[frame["before"].isna() & frame["after"].notna() & (frame["after"] == frame["owner"])]
        self.data["waiting"] = self._cell(len(waits), "count", "accounts that would wait")
        self.data["starts"] = self._cell(len(starts), "count", "accounts that come onto a list")
        if len(waits):
            self.data["waiting_value"] = self._cell(float(waits["value"].sum()), "score", "priority waiting")
            self.data["first_waiting"] = self._cell(waits["name"].iloc[0], "text", "waiting account")
            self.lines.append(_say("waits"))
        self.lines += [_say("starts")] if len(starts) else []

    def _rep(self, rep: Any) -> Cell:
        return self._cell(self.team.names[str(rep)], "text", "rep", f"book:reps[{rep}].name")

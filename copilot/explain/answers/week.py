"""Answer "plan my week": which accounts of the worklist, with which action, in what order and on which days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd

from copilot.access import Scope, SnapshotReader
from copilot.assign.week import DAYS, fill
from copilot.config import settings
from copilot.explain.answers.common import (
    ACTIONS,
    SCORES,
    as_of_cell,
    cell,
    constant,
    hidden_cells,
    hidden_say,
    say,
    score_cells,
    why_missing,
)
from copilot.explain.answers.why import alert, basis
from copilot.text.cells import Cell, Column, Record, Say, Unit

TOLD = 3  # accounts told in sentences; the table shows them all
SHOWN = ("name", "action", "hours", "priority", "renewal_date", "uplift_usd")
ANSWERED = ("done", "dismissed", "snoozed")  # reactions after which an account needs no hours now
METHOD = "knapsack of the worklist, by priority"


def plan_week(
    snapshot: SnapshotReader, scope: Scope, hours: float | None = None, answered: Mapping[str, str] | None = None
) -> Record:
    """Plan the five working days that follow the snapshot's day.

    Of the accounts on the worklist those are chosen whose priorities add up to the most within the hours, exactly; what
    renews within the week stands on a day before that. How long an action takes is assumed, and said.

    Args:
        snapshot: Its actions and its worklist are planned with; controls of a running study are on none.
        scope: Whose week it is.
        hours: There are; those of the settings unless told.
        answered: What the rep said of an account, by its id; one of ``ANSWERED`` takes it off the plan.
    """
    frame = snapshot.scores("accounts", scope)
    listed = frame[frame["worklist_rank"].notna() & frame["action"].notna()]
    answered = {account: word for account, word in (answered or {}).items() if account in set(listed["account_id"])}
    tasks = listed[~listed["account_id"].isin(answered)]
    given = settings().week_hours if hours is None else hours
    return _Telling(snapshot, frame, tasks, answered, given).record()


def working_days(after: date) -> list[date]:
    """Return the five working days, Monday to Friday, that follow a day."""
    days = (after + timedelta(days=ahead) for ahead in range(1, 2 * DAYS))
    return [day for day in days if day.weekday() < DAYS][:DAYS]


def _candidates(accounts: pd.DataFrame, days: list[date]) -> pd.DataFrame:
    """Return the accounts as ``fill`` takes them; what has run out before the week begins is for its first day."""
    ends = pd.to_datetime(accounts["renewal_date"]).dt.date
    return pd.DataFrame(
        {
            "account_id": accounts["account_id"],
            "value": accounts["priority"],
            "hours": [getattr(settings(), f"hours_{action}") for action in accounts["action"]],
            "last_day": [
                max(sum(day <= end for day in days) - 1, 0) if isinstance(end, date) and end < days[-1] else None
                for end in ends.where(ends.notna(), None)
            ],
        }
    ).astype({"last_day": "float64"})


class _Telling:
    """One week as cells and sentences."""

    def __init__(
        self,
        snapshot: SnapshotReader,
        frame: pd.DataFrame,
        tasks: pd.DataFrame,
        answered: Mapping[str, str],
        given: float,
    ) -> None:
        self.snapshot, self.tasks, self.answered = snapshot, tasks.set_index("account_id", drop=False), answered
        self.empty = frame.empty
        self.hidden = hidden_cells(frame)
        self.days = working_days(snapshot.as_of)
        candidates = _candidates(tasks, self.days)
        self.week, self.longer = fill(candidates, given), fill(candidates, given + 1)
        self.data: dict[str, Any] = {
            "as_of": as_of_cell(snapshot),
            "first": self._cell(self.days[0], "date", "first day"),
            "last": self._cell(self.days[-1], "date", "last day"),
            "given": constant(given, "hours", "hours there are"),
            "hidden": self.hidden,
        }

    def record(self) -> Record:
        """Return the answer: the accounts as a table, what it brings, what has no room, what another hour is worth."""
        self.data["rows"] = [
            self._row(place, row) for place, row in enumerate(self.week.chosen.to_dict("records"), start=1)
        ]
        if self.tasks.empty:
            lines = self._nothing()
        elif self.week.chosen.empty:
            lines = [say("week_too_short"), *self._more(), *self._assumed()]
        else:
            lines = [*self._lead(), *self._first(), *self._left(), *self._more(), *self._assumed()]
        lines += [*self._answered(), *hidden_say(self.hidden)]
        heads = {"hours": "Hours", **{name: SCORES[name][2] for name in SCORES}}
        known = [name for name in SHOWN if any(row[name].value is not None for row in self.data["rows"])]
        columns = {"day": Column("Day"), **{name: Column(heads[name]) for name in known}} if known else {}
        return Record("plan_week", self.data, tuple(lines), columns, tuple(self.week.chosen["account_id"]))

    def _nothing(self) -> list[Say]:
        """Say why there is no week to plan."""
        if self.empty:
            return [say("week_no_accounts")]
        reason = why_missing(self.snapshot, "plan")
        if reason:
            self.data["reason"] = cell(reason, "text", f"snapshot {self.snapshot.id}:skipped.plan", "reason")
            return [say("week_unknown")]
        return [say("week_all_answered" if self.answered else "week_empty")]

    def _lead(self) -> list[Say]:
        chosen, week = self.tasks.loc[self.week.chosen["account_id"]], self.week
        money = chosen["uplift_usd"]
        self.data |= {
            "planned": self._cell(len(chosen), "count", "accounts planned"),
            "used": self._cell(week.hours, "hours", "hours used"),
            "priority": self._cell(week.value, "score", "priority of the week"),
            "uplift_usd": self._cell(money.sum(min_count=1), "usd", "uplift of the week"),
            "without": self._cell(int(money.isna().sum()), "count", "accounts without a known uplift"),
        }
        lines = [say("week_lead_one" if len(chosen) == 1 else "week_lead"), say("week_best")]
        if money.notna().any():
            lines.append(say("week_uplift_part" if money.isna().any() else "week_uplift"))
        else:
            lines.append(say("week_no_uplift"))
        return lines

    def _first(self) -> list[Say]:
        """Tell the first accounts, and each that runs out within the week."""
        lines = []
        for place, row in enumerate(self.tasks.loc[self.week.chosen["account_id"]].to_dict("records")):
            path, due = f"rows[{place}]", self._ends_within(row)
            if place < TOLD or due:
                lines.append(say(f"row_{basis(row)}_{row['action']}", path))
                lines += [say("row_renewal", path, detail=True)] if not pd.isna(row["renewal_date"]) else []
                lines += filter(None, [alert(row, path, whole=False)])
        return lines

    def _left(self) -> list[Say]:
        """Tell how much has no room, and of it what next week is too late for and where a touch adds more money."""
        left = self.week.left
        self.data["left"] = [
            {
                **score_cells(self._scored(row["account_id"]), self.snapshot),
                "hours": self._cell(row["hours"], "hours", "hours assumed"),
            }
            for row in left.to_dict("records")
        ]
        self.data["left_over"] = self._cell(len(left), "count", "accounts without room")
        if left.empty:
            self.data["free"] = self._cell(self.data["given"].value - self.week.hours, "hours", "hours left")
            return [say("week_all_fit")]
        money = pd.Series([self._scored(account)["uplift_usd"] for account in left["account_id"]], dtype="float64")
        planned = self.tasks.loc[self.week.chosen["account_id"], "uplift_usd"].max()
        late = [place for place, account in enumerate(left["account_id"]) if self._ends_within(self._scored(account))]
        return [
            say("week_left_one" if len(left) == 1 else "week_left"),
            *(say("week_late", f"left[{place}]", detail=True) for place in late),
            *([say("week_left_money", f"left[{money.idxmax()}]", detail=True)] if money.max() > planned else []),
        ]

    def _more(self) -> list[Say]:
        """Tell what another hour is worth: the week solved again with it."""
        if self.week.left.empty:
            return []
        before, after = (list(week.chosen["account_id"]) for week in (self.week, self.longer))
        comes = [account for account in after if account not in before]
        goes = [account for account in before if account not in after]
        money = {
            account: self._scored(account)["uplift_usd"] * (1 if account in comes else -1) for account in comes + goes
        }
        self.data["more"] = {
            "hours": constant(1, "hours", "hours more"),
            "priority": self._cell(self.longer.value - self.week.value, "score", "priority of another hour"),
            "uplift_usd": self._cell(pd.Series(money, dtype="float64").sum(min_count=1), "usd", "uplift difference"),
            "comes": self._names(comes),
            "goes": self._names(goes),
        }
        if not comes:
            return [say("week_more_nothing")]
        known = self.data["more"]["uplift_usd"].value is not None and not any(map(pd.isna, money.values()))
        lines = [say("week_more_swap" if goes else "week_more")]
        return [*lines, say("week_more_uplift", detail=True)] if known else lines

    def _assumed(self) -> list[Say]:
        """Say what an action is taken to need, since no book tells."""
        self.data["assumed"] = {
            action: constant(getattr(settings(), f"hours_{action}"), "hours", f"hours assumed to {words}")
            for action, words in ACTIONS.items()
        }
        return [say("week_assumed", below=True)]

    def _answered(self) -> list[Say]:
        """Say how many accounts are off the plan by the rep's own word."""
        self.data["answered"] = [
            {
                "accounts": cell(count, "count", "copilot.db:events[feedback]", "accounts"),
                "word": cell(word, "text", "copilot.db:events[feedback]", "reaction"),
            }
            for word in ANSWERED
            if (count := list(self.answered.values()).count(word))
        ]
        return [
            say("week_answered_one" if part["accounts"].value == 1 else "week_answered", f"answered[{place}]")
            for place, part in enumerate(self.data["answered"])
        ]

    def _row(self, place: int, row: dict[str, Any]) -> dict[str, Cell]:
        day = self.days[int(row["day"])]
        return {
            "rank": constant(place, "count", "place in this plan"),
            **score_cells(self._scored(row["account_id"]), self.snapshot),
            "day": self._cell(f"{day:%a} {day}", "text", "day"),
            "hours": self._cell(row["hours"], "hours", "hours assumed"),
        }

    def _scored(self, account: str) -> dict[str, Any]:
        found: dict[str, Any] = self.tasks.loc[account].to_dict()
        return found

    def _ends_within(self, row: Mapping[str, Any]) -> bool:
        return not pd.isna(row["renewal_date"]) and row["renewal_date"].date() <= self.days[-1]

    def _names(self, accounts: list[str]) -> Cell:
        return self._cell(", ".join(self._scored(account)["name"] for account in accounts) or None, "text", "accounts")

    def _cell(self, value: Any, unit: Unit, metric: str) -> Cell:
        return cell(value, unit, f"snapshot {self.snapshot.id}:plan, {METHOD}", metric)

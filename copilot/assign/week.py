"""Fill a week: the accounts that are worth most in the hours there are, each before it runs out.

A 0/1 knapsack with deadlines (one machine, the weighted number of jobs that are done in time). It is solved exactly by
dynamic programming over whole quarters of an hour: Lawler and Moore (1969), A functional equation and its application
to resource allocation and sequencing problems, Management Science 16(1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from copilot.assign.problem import need
from copilot.errors import BadInput

DAYS = 5
HOURS_A_DAY = 8  # the most that one day holds
QUARTERS = 4  # of an hour: the step of all planning


@dataclass(frozen=True, eq=False)
class Week:
    """A filled week.

    Attributes:
        chosen: The accounts it holds in their order: ``account_id``, ``value``, ``hours`` and ``day`` (0-based).
        left: The accounts it has no room for, the most valuable first: ``account_id``, ``value``, ``hours``.
    """

    chosen: pd.DataFrame
    left: pd.DataFrame

    @property
    def value(self) -> float:
        """The sum of the chosen values; no other choice within the hours has a larger one."""
        return float(self.chosen["value"].sum())

    @property
    def hours(self) -> float:
        """The hours that are used."""
        return float(self.chosen["hours"].sum())


def fill(accounts: pd.DataFrame, hours: float) -> Week:
    """Choose the accounts of the largest sum of values that the hours hold, and put them on the days of a week.

    What has to be done by a day of this week comes first, in the order of those days; then what is worth most. The
    hours are spread evenly over the week, but for what has to be done earlier: of that a day takes ``HOURS_A_DAY``.

    Args:
        accounts: ``account_id``, ``value`` (above 0), ``hours`` (above 0; begun quarters of an hour count whole) and
            ``last_day``: the last day it may stand on, 0 to 4; missing where the whole week will do.
        hours: The hours there are; a begun quarter of an hour does not count.

    Raises:
        BadInput: A column is missing, an account stands there twice, or a value or its hours are not above 0.
    """
    need(accounts, ["account_id", "value", "hours", "last_day"], "accounts")
    sizes = accounts[["value", "hours"]].to_numpy("float64")
    if accounts["account_id"].duplicated().any() or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise BadInput("A week needs each account once, with a value and hours above 0.")
    last = accounts["last_day"].fillna(DAYS - 1).clip(0, DAYS - 1).astype(int)
    tasks = accounts.assign(last_day=last, quarters=np.ceil(accounts["hours"] * QUARTERS - 1e-9).astype(int))
    tasks = tasks.sort_values(["last_day", "value", "account_id"], ascending=[True, False, True], ignore_index=True)
    room = max(math.floor(hours * QUARTERS + 1e-9), 0)
    due = np.minimum((tasks["last_day"] + 1) * HOURS_A_DAY * QUARTERS, room)
    taken = _best(tasks["value"].to_numpy(), tasks["quarters"].to_numpy(), due.to_numpy(), room)
    tasks["hours"] = tasks["quarters"] / QUARTERS
    chosen = tasks[taken].reset_index(drop=True)
    starts = (chosen["quarters"].cumsum() - chosen["quarters"]) * DAYS // max(room, 1)
    chosen["day"] = np.minimum(starts, chosen["last_day"])
    left = tasks[~taken].sort_values(["value", "account_id"], ascending=[False, True], ignore_index=True)
    return Week(chosen[["account_id", "value", "hours", "day"]], left[["account_id", "value", "hours"]])


def _best(value: NDArray[np.float64], size: NDArray[np.int64], due: NDArray[np.int64], room: int) -> NDArray[np.bool_]:
    """Return which tasks to take, given in the order of their deadlines; between equal sums the earlier task.

    ``after[i, used]`` is the most that the tasks from the i-th on can add once ``used`` quarters are taken.
    """
    after = np.zeros((len(value) + 1, room + 1))
    for i in range(len(value) - 1, -1, -1):
        after[i] = after[i + 1]
        ends = min(due[i], room) - size[i]  # the latest start
        if ends >= 0:
            added = value[i] + after[i + 1, size[i] : size[i] + ends + 1]
            after[i, : ends + 1] = np.maximum(after[i, : ends + 1], added)
    taken, used = np.zeros(len(value), dtype=bool), 0
    for i in range(len(value)):
        end = used + size[i]
        if end <= min(due[i], room) and value[i] + after[i + 1, end] >= after[i + 1, used]:
            taken[i], used = True, end
    return taken

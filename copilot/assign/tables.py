"""Tables 1 and 2 of CPOG §4.1.5: who works on which account at which rank, and with which action, as frames and CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from copilot.assign.plan import Plan
from copilot.errors import BadInput


@dataclass(frozen=True, eq=False)
class Tables:
    """The two tables, best account first.

    ``details``: Account ID, Rep ID, gRank (over all reps), rRank (within the rep). ``actions``: Account ID, Action, U_i
    (uplift in money, signed), E_i (the largest change of engagement in points).
    """

    details: pd.DataFrame
    actions: pd.DataFrame

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both as CSV into a folder that exists and return the files."""
        files = (folder / "account_details.csv", folder / "actions_and_metrics.csv")
        for file, table in zip(files, (self.details, self.actions), strict=True):
            table.map(_harmless).to_csv(file, index=False)
        return files


def tables(plan: Plan, accounts: pd.DataFrame) -> Tables:
    """Return Tables 1 and 2 for the accounts of a plan.

    Args:
        plan: Who works on what.
        accounts: ``account_id``, ``action``, ``uplift_usd``, ``engagement_change``; one row an account.

    Raises:
        BadInput: A column is missing, or an account of the plan is not among the accounts, or there twice.
    """
    needed = ["account_id", "action", "uplift_usd", "engagement_change"]
    missing = [column for column in needed if column not in accounts]
    if missing:
        raise BadInput(f"The tables need the columns {', '.join(needed)}; missing: {', '.join(missing)}.")
    chosen = plan.assignments["account_id"]
    if accounts["account_id"].duplicated().any() or not chosen.isin(accounts["account_id"]).all():
        raise BadInput("Give the action, uplift and engagement of every account in the plan, one row each.")
    known = accounts.set_index("account_id").loc[chosen]
    details = plan.assignments[["account_id", "rep_id", "g_rank", "r_rank"]]
    action = known["action"].map(lambda name: name.replace("_", " ").title() if isinstance(name, str) else name)
    return Tables(
        details=details.set_axis(["Account ID", "Rep ID", "gRank", "rRank"], axis=1),
        actions=pd.DataFrame(
            {
                "Account ID": chosen.to_numpy(),
                "Action": action.to_numpy(),
                "U_i": known["uplift_usd"].to_numpy(),
                "E_i": known["engagement_change"].to_numpy(),
            }
        ),
    )


def _harmless(cell: object) -> object:
    """Keep a spreadsheet from running an id that looks like a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell

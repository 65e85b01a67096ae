"""Worklists: which of their own accounts each rep works on in this 14-day cycle (MATHS §4)."""

from __future__ import annotations

import pandas as pd

from copilot.assign.plan import assign
from copilot.config import settings
from copilot.data.hidden import hidden
from copilot.data.workspace import Book, Workspace

COLUMNS = ["account_id", "rep_id", "value", "g_rank", "r_rank", "action", "recommended_on"]


def worklists(accounts: pd.DataFrame, book: Book, workspace: Workspace) -> tuple[pd.DataFrame, str | None]:
    """Put each rep's most valuable accounts on their list; owners stay as they are.

    Within a cycle the list is kept and ranked anew; when a cycle begins, accounts recommended in the last 14 days rest.
    What a running study hides is on no list: its rep would not see it, so its place goes to the next account.

    Args:
        accounts: Indexed by account id: ``owner_rep_id, priority, action``.
        book: Names the reps, their limits and earlier recommendations.
        workspace: Holds the last snapshot's plan, and the studies.

    Returns:
        ``COLUMNS``, one row an account on a list; and why there is no plan, or None.
    """
    reps, today = book.table("reps"), pd.Timestamp(book.as_of)
    open_pairs = accounts[accounts["action"].notna() & accounts["owner_rep_id"].notna() & (accounts["priority"] > 0)]
    out = list(hidden(workspace.root, book.as_of))
    open_pairs = open_pairs[~open_pairs.index.isin(out)]
    empty = pd.DataFrame(columns=COLUMNS)
    if accounts["action"].isna().all():
        return empty, "Nothing here can be predicted that would favour an action, so there are no worklists."
    if reps.empty or accounts["owner_rep_id"].isna().all():
        return empty, "This book names no owners of accounts, so there are no worklists."
    if open_pairs.empty:
        return empty, "No account with an owner that may be shown has a recommended action, so the worklists are empty."
    kept = _running_cycle(book, workspace, today)
    if kept is not None:
        stays = open_pairs.index.isin(kept["account_id"])
        others = open_pairs[~stays & ~open_pairs.index.isin(_resting(book, workspace, today))]
        next_up = _next_up(others, kept, out)
        open_pairs = open_pairs[stays | open_pairs.index.isin(next_up)]
        started = kept.set_index("account_id")["recommended_on"].reindex(open_pairs.index).fillna(today)
    else:
        open_pairs = open_pairs[~open_pairs.index.isin(_resting(book, workspace, today))]
        started = pd.Series(today, index=open_pairs.index)
    pairs = open_pairs.reset_index().rename(columns={"owner_rep_id": "rep_id", "priority": "value"})[
        ["account_id", "rep_id", "value"]
    ]
    limits = reps.loc[reps["rep_id"].isin(pairs["rep_id"]), ["rep_id", "max_accounts"]]
    limits = limits.assign(
        max_accounts=limits["max_accounts"].fillna(settings().accounts_per_rep).astype(int), min_accounts=0
    )
    plan = assign(pairs, limits)
    found = plan.assignments.assign(
        action=lambda chosen: chosen["account_id"].map(accounts["action"]),
        recommended_on=lambda chosen: chosen["account_id"].map(started),
    )
    return found[COLUMNS], None


def _running_cycle(book: Book, workspace: Workspace, today: pd.Timestamp) -> pd.DataFrame | None:
    """Return the list of the cycle that still runs, by the last snapshot of the same source."""
    last = _last_plan(book, workspace)
    began = last["recommended_on"].min()  # who took another's place in the middle does not prolong it
    running = last["recommended_on"].max() <= today < began + pd.Timedelta(days=settings().cycle_days)
    return last if running else None


def _next_up(others: pd.DataFrame, kept: pd.DataFrame, out: list[str]) -> pd.Index:
    """Return who takes the places that a study took from the running cycle's list: each rep's best other accounts.

    A rep who is on no list, as one whom a study reaches only now, begins with a whole one.
    """
    free = kept["account_id"].isin(out).groupby(kept["rep_id"]).sum()
    places = others["owner_rep_id"].map(free).fillna(len(others))
    return others.index[others.groupby("owner_rep_id")["priority"].rank(method="first", ascending=False) <= places]


def _resting(book: Book, workspace: Workspace, today: pd.Timestamp) -> set[str]:
    """Return the accounts recommended on the days T-14 to T-1, by the book or by the last snapshot."""
    said = book.table("recommendations")[["account_id", "event_ts"]].rename(columns={"event_ts": "recommended_on"})
    both = pd.concat([said, _last_plan(book, workspace)[["account_id", "recommended_on"]]])
    age = (today - pd.to_datetime(both["recommended_on"])).dt.days
    return set(both.loc[age.between(1, settings().cycle_days), "account_id"])


def _last_plan(book: Book, workspace: Workspace) -> pd.DataFrame:
    folder = workspace.current("snapshots")
    empty = pd.DataFrame({"account_id": [], "recommended_on": pd.to_datetime([])})
    if folder is None or not (folder / "plan.parquet").is_file():
        return empty
    plan = pd.read_parquet(folder / "plan.parquet")
    known = plan["account_id"].isin(book.table("accounts")["account_id"])
    return plan[known] if known.any() else empty

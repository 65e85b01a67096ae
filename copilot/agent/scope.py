"""Which rows a person may read: decided here alone, from their role and the book's own owners and teams."""

from __future__ import annotations

from copilot.access import EVERYTHING, NOTHING, Principal, Scope
from copilot.data.workspace import Book


def scope_of(principal: Principal, book: Book) -> Scope:
    """Return the rows that ``principal`` may read in this book.

    A rep sees the accounts they own, those without an owner on which they have a deal, and their own deals. A manager
    sees what their reps see; in a book without reps, everything. An analyst sees everything, an admin no scores.
    """
    if principal.role == "analyst":
        return EVERYTHING
    reps = book.table("reps")
    if principal.role == "manager" and reps.empty:
        return EVERYTHING
    if principal.role == "admin" or principal.rep_id is None:
        return NOTHING
    own = {principal.rep_id} & set(reps["rep_id"])
    if principal.role == "manager":
        own |= set(reps.loc[reps["manager_id"] == principal.rep_id, "rep_id"])
    accounts, deals = book.table("accounts"), book.table("opportunities")
    owned = accounts.loc[accounts["owner_rep_id"].isin(own), "account_id"]
    dealt = deals.loc[deals["rep_id"].isin(own), "account_id"].dropna()
    unowned = accounts.loc[accounts["owner_rep_id"].isna(), "account_id"]
    return Scope(frozenset(owned) | (frozenset(dealt) & frozenset(unowned)), frozenset(own))

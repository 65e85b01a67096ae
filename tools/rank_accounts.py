"""The tool ``rank_accounts``."""

from typing import Annotated

from pydantic import Field

from copilot.access import Ctx
from copilot.explain.answers.ranking import Action, SortBy, rank
from copilot.text.cells import Record


def rank_accounts(
    ctx: Ctx,
    action: Action | None = None,
    product: str | None = None,
    segment: str | None = None,
    region: str | None = None,
    renewal_within_days: Annotated[int, Field(ge=0, le=1000)] | None = None,
    sort_by: SortBy = "priority",
    limit: Annotated[int, Field(ge=1, le=50)] = 10,
) -> Record:
    """Rank the accounts in the asker's book by priority, or by another key, each with its reasons.

    Use for "who should I call" and "which accounts ...". For "why this account", use ``explain_account``;
    for totals and counts, use ``summarize_book``.

    Args:
        action: Keep only accounts with this recommended action.
        product: Keep only accounts that own this product or have a deal on it.
        segment: Keep only this segment.
        region: Keep only this region.
        renewal_within_days: Keep only accounts that renew within so many days.
        sort_by: What comes first: priority, what a touch changes (uplift), risk to shrink (churn), expected growth,
            the largest fall in use (engagement_drop), or the next to renew (renewal_date).
        limit: How many accounts to list.
    """
    return rank(
        ctx.snapshot,
        ctx.scope,
        action=action,
        product=product,
        segment=segment,
        region=region,
        renewal_within_days=renewal_within_days,
        sort_by=sort_by,
        limit=limit,
    )

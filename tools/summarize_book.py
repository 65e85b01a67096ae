"""The tool ``summarize_book``."""

from copilot.access import Ctx
from copilot.explain.answers.summary import GroupBy, summarize
from copilot.text.cells import Record


def summarize_book(
    ctx: Ctx,
    group_by: GroupBy | None = None,
    region: str | None = None,
    product: str | None = None,
    segment: str | None = None,
) -> Record:
    """Total the asker's book: accounts, renewals due, open deals with the largest, win rates, won totals, quota.

    Use for counts and sums, by group or not. For a list of accounts to work on, use ``rank_accounts``.

    Args:
        group_by: Give the totals for each action, segment, region, product, quadrant, month, rep or stage.
        region: Keep only this region (of the deal's rep, or of the account).
        product: Keep only this product.
        segment: Keep only this segment.
    """
    return summarize(ctx.snapshot, ctx.scope, group_by=group_by, region=region, product=product, segment=segment)

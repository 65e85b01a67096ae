"""The tool ``recommend_action``."""

from typing import Annotated

from pydantic import Field

from copilot.access import Ctx
from copilot.explain.answers.actions import recommend
from copilot.text.cells import Record


def recommend_action(ctx: Ctx, account: str | None = None, limit: Annotated[int, Field(ge=1, le=50)] = 5) -> Record:
    """Recommend the next action for one account, or for the first accounts of the worklist.

    Use for "what should I do next". For who to call, use ``rank_accounts``.

    Args:
        account: The account's id or name; the whole worklist without it.
        limit: How many accounts to list.
    """
    return recommend(ctx.snapshot, ctx.scope, account, limit)

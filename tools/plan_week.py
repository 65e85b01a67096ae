"""The tool ``plan_week``."""

from typing import Annotated

from pydantic import Field

from copilot.access import Ctx
from copilot.config import settings
from copilot.data.workspace import Workspace
from copilot.explain.answers import week
from copilot.jobs.reactions import answered
from copilot.store.database import Store
from copilot.text.cells import Record


def plan_week(ctx: Ctx, hours: Annotated[float, Field(ge=0.25, le=40)] | None = None) -> Record:
    """Plan the asker's next five working days: which accounts of the worklist, what to do, in what order, on which day.

    Use for "plan my week" and "I have six hours, how do I use them". For a list by priority without days and hours, use
    ``rank_accounts``; for the action of one account, ``recommend_action``.

    Args:
        hours: The hours there are for accounts, in all; those of a usual week by default.
    """
    workspace = Workspace(ctx.workspace)
    with Store.open(settings().database_url or workspace.database) as store:
        said = answered(store, ctx.snapshot, ctx.scope)
    return week.plan_week(ctx.snapshot, ctx.scope, hours, said)

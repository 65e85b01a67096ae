"""The tool ``measure_impact``."""

from typing import Annotated

from pydantic import Field

from copilot.access import Ctx
from copilot.config import settings
from copilot.data.workspace import Workspace
from copilot.jobs.impact import impact
from copilot.store.database import Store
from copilot.text.cells import Record


def measure_impact(ctx: Ctx, study: Annotated[str, Field(min_length=1, max_length=80)] | None = None) -> Record:
    """Tell what a study proves of the copilot's effect: the verdict, then the figures; of all teams together.

    Use for "did the pilot work" and "which studies are there". For what one touch would change at one account, use
    ``estimate_uplift``; for totals of the book, ``summarize_book``.

    Args:
        study: The study's name; without it the one there is, or the list of all.
    """
    workspace = Workspace(ctx.workspace)
    with Store.open(settings().database_url or workspace.database) as store:
        return impact(workspace, study, store)

"""The tool ``search_notes``."""

from typing import Annotated

from pydantic import Field

from copilot.access import Ctx
from copilot.agent.ask import router
from copilot.explain.answers.notes import find_notes
from copilot.text.cells import Record


def search_notes(
    ctx: Ctx, query: Annotated[str, Field(min_length=1, max_length=400)], account: str | None = None
) -> Record:
    """Search the notes that the team wrote about its accounts, by words and by meaning; quotes up to five.

    Use for "what did they say about", "who mentioned". For facts and figures of one account use ``get_account``; for
    why it is at risk ``explain_account``.

    Args:
        query: What to look for, in the asker's words.
        account: The account's id or name; all of the asker's accounts without it.
    """
    bank = router().bank
    return find_notes(ctx.snapshot, ctx.scope, query, account, ctx.workspace, english=bank.english, german=bank.germans)

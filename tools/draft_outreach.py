"""The tool ``draft_outreach``."""

from typing import Annotated, Literal

from pydantic import Field

from copilot.access import Ctx
from copilot.agent.ask import router
from copilot.explain.answers.draft import draft
from copilot.text.cells import Record


def draft_outreach(
    ctx: Ctx,
    account: str,
    channel: Literal["email", "call", "meeting", "report"],
    goal: Annotated[str, Field(max_length=400)] | None = None,
) -> Record:
    """Draft an e-mail, a call, a meeting's agenda or a report for one customer; sends nothing.

    Use for "write to", "what should I say", "prepare the meeting". For what to do at all, use ``recommend_action``; for
    facts about the account ``get_account``.

    Args:
        account: The account's id or name.
        channel: What the draft is for.
        goal: What it should achieve, in the asker's words, as "renewal" or "pricing".
    """
    return draft(
        ctx.snapshot, ctx.scope, account, channel, goal, rep_id=ctx.principal.rep_id, english=router().bank.english
    )

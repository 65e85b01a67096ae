"""The tool ``simulate_assignment``."""

from typing import Annotated

from pydantic import Field

from copilot.access import Ctx
from copilot.explain.answers.scenario import simulate
from copilot.text.cells import Record

Count = Annotated[int, Field(ge=0, le=1000)]


def simulate_assignment(
    ctx: Ctx,
    region: str | None = None,
    segment: str | None = None,
    min_accounts: Count | None = None,
    max_accounts: Count | None = None,
    midpoint_days: Annotated[int, Field(ge=1, le=1000)] | None = None,
    keep_owner_bonus: Annotated[float, Field(ge=0, le=100)] | None = None,
    without_rep: str | None = None,
    accounts: Annotated[list[str], Field(min_length=1, max_length=50)] | None = None,
    move_count: Annotated[int, Field(ge=1, le=1000)] | None = None,
    from_rep: str | None = None,
    to_rep: str | None = None,
) -> Record:
    """Try out another assignment of the team's accounts to its reps; nothing is changed by it.

    Use for "what if Ana is away" and "what if I move eight accounts from Otto to Ana". The answer names the scenario
    (S-1 …); to put it up for approval, use ``propose_assignment``. For totals as they are, use ``summarize_book``.

    Args:
        region: Only accounts of this region may change hands.
        segment: Only accounts of this segment may change hands.
        min_accounts: Every rep works on at least so many accounts.
        max_accounts: Every rep works on at most so many accounts.
        midpoint_days: Days to renewal at which money and engagement weigh the same.
        keep_owner_bonus: What an account is worth more with its owner of today, in points of priority (0-100).
        without_rep: A rep who is away or leaves.
        accounts: The accounts that change hands, by id or name.
        move_count: How many accounts change hands.
        from_rep: The rep whose accounts change hands.
        to_rep: The rep who takes them.
    """
    arguments = {
        "region": region,
        "segment": segment,
        "min_accounts": min_accounts,
        "max_accounts": max_accounts,
        "midpoint_days": midpoint_days,
        "keep_owner_bonus": keep_owner_bonus,
        "without_rep": without_rep,
        "accounts": accounts,
        "move_count": move_count,
        "from_rep": from_rep,
        "to_rep": to_rep,
    }
    given = {name: value for name, value in arguments.items() if value is not None}
    return simulate(ctx.snapshot, ctx.scope, given, ctx.workspace, ctx.principal.username, ctx.clock())

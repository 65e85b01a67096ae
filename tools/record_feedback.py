"""The tool ``record_feedback``."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from copilot.access import Ctx
from copilot.agent.tool import Carried, Write
from copilot.errors import BadInput
from copilot.explain.answers.reaction import Feedback, account_with_action, recorded, taken_back, to_record
from copilot.jobs import reactions
from copilot.text.cells import Record

Reason = Annotated[str, Field(max_length=500)]


def record_feedback(ctx: Ctx, account: str, feedback: Feedback, reason: Reason | None = None) -> Record:
    """Note what the rep did with an account's recommended action; it waits until the rep approves.

    Use for "Acme is done", "this does not fit", "remind me later". It changes nothing in the CRM.

    Args:
        account: The account's id or name.
        feedback: accepted: takes it on; done: has done it; snoozed: not now; dismissed: does not fit.
        reason: Why, in the rep's own words.
    """
    found = account_with_action(ctx.snapshot, ctx.scope, account)
    return to_record(ctx.snapshot, ctx.scope, found, feedback, reason)


def _carry_out(ctx: Ctx, account: str, feedback: Feedback, reason: str | None) -> Carried:
    found = account_with_action(ctx.snapshot, ctx.scope, account)
    if ctx.events is None:
        raise BadInput("Feedback is noted only once it is approved.")
    number = reactions.note(
        ctx.events, ctx.snapshot, ctx.scope, ctx.principal, found, feedback, ctx.clock(), reason=reason or ""
    )
    return Carried(recorded(ctx.snapshot, ctx.scope, found, feedback), {"account": found, "event": number})


def _undo(ctx: Ctx, undo: Mapping[str, Any]) -> Record:
    if ctx.events is None:
        raise BadInput("Feedback is taken back only by whoever gave it.")
    said = taken_back(ctx.snapshot, ctx.scope, undo["account"])
    reactions.take_back(ctx.events, ctx.principal, undo["account"], undo["event"], ctx.clock())
    return said


WRITE = Write(_carry_out, _undo)

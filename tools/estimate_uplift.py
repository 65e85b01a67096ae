"""The tool ``estimate_uplift``."""

from copilot.access import Ctx
from copilot.explain.answers.predictions import Touch, uplift
from copilot.text.cells import Record


def estimate_uplift(ctx: Ctx, account: str, action: Touch | None = None) -> Record:
    """Estimate what a sales touch changes at one account, in money: with a touch minus without.

    Use for "what would a call change". For what will happen anyway, use ``predict_growth``.

    Args:
        account: The account's id or name.
        action: The kind of touch; any by default.
    """
    return uplift(ctx.snapshot, ctx.scope, account, action)

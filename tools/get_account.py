"""The tool ``get_account``."""

from copilot.access import Ctx
from copilot.explain.answers.account import profile
from copilot.text.cells import Record


def get_account(ctx: Ctx, account: str) -> Record:
    """Show one account: facts, contacts, contracts, open deals, usage, last touch, tickets as counts.

    Use for "tell me about" and for single facts of one account. For predictions use ``predict_growth``,
    ``estimate_uplift`` or ``forecast_engagement``; for reasons ``explain_account``.

    Args:
        account: The account's id or name.
    """
    return profile(ctx.snapshot, ctx.scope, account)

"""The tool ``explain_account``."""

from copilot.access import Ctx
from copilot.explain.answers.predictions import About, explain
from copilot.text.cells import Record


def explain_account(ctx: Ctx, account: str, about: About = "churn") -> Record:
    """Tell the strongest reasons behind one prediction of an account.

    Use for "why is this account at risk, on my list, likely to grow". For the prediction itself use
    ``predict_growth``, ``estimate_uplift`` or ``forecast_engagement``.

    Args:
        account: The account's id or name.
        about: Which prediction: churn (shrinking), upsell (growing), engagement (use), uplift (what a touch changes).
    """
    return explain(ctx.snapshot, ctx.scope, account, about)

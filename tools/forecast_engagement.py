"""The tool ``forecast_engagement``."""

from copilot.access import Ctx
from copilot.explain.answers.predictions import engagement
from copilot.text.cells import Record


def forecast_engagement(ctx: Ctx, account: str, product: str | None = None) -> Record:
    """Forecast next month's use of each product by one account, with an interval.

    Use for "will they use it more or less". For spend, use ``predict_growth``.

    Args:
        account: The account's id or name.
        product: Only this product.
    """
    return engagement(ctx.snapshot, ctx.scope, account, product)

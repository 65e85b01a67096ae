"""The tool ``predict_growth``."""

from copilot.access import Ctx
from copilot.explain.answers.predictions import growth
from copilot.text.cells import Record


def predict_growth(ctx: Ctx, account: str, product: str | None = None) -> Record:
    """Predict how one account's spend and seats will change, with the chances to grow and to shrink.

    Use for "will they grow, renew, shrink". For what a touch changes, use ``estimate_uplift``.

    Args:
        account: The account's id or name.
        product: Show only this product's contracts beside the prediction.
    """
    return growth(ctx.snapshot, ctx.scope, account, product)

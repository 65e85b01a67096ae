"""The tool ``compare_accounts``."""

from typing import Annotated

from pydantic import Field

from copilot.access import Ctx
from copilot.explain.answers.compare import compare
from copilot.text.cells import Record


def compare_accounts(ctx: Ctx, accounts: Annotated[list[str], Field(min_length=2, max_length=5)]) -> Record:
    """Put two to five accounts side by side: which comes first and by what, where another leads, what is not known.

    Use for "A or B", "which of them is riskier, bigger, first". For a list of the whole book, use ``rank_accounts``;
    for one account, ``get_account``.

    Args:
        accounts: The ids or names of two to five accounts.
    """
    return compare(ctx.snapshot, ctx.scope, accounts)

"""The tool ``search_features``."""

from typing import Annotated

from pydantic import Field

from copilot.access import Ctx
from copilot.agent.ask import router
from copilot.data.workspace import Workspace
from copilot.explain.answers.features import find_features
from copilot.text.cells import Record


def search_features(ctx: Ctx, query: Annotated[str, Field(min_length=1, max_length=200)]) -> Record:
    """Search the catalogue of features that the models learn from, by name or by words.

    Use for "which features describe usage", "what does tickets_l3m mean". For what speaks for one account use
    ``explain_account``; for the account's own figures ``get_account``.

    Args:
        query: A feature's name, its beginning, or words for what it says.
    """
    return find_features(Workspace(ctx.workspace), query, lambda words: router().bank.english(words))

"""The tool ``propose_assignment``."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from copilot.access import Ctx
from copilot.agent.tool import Carried, Write
from copilot.data.workspace import Workspace
from copilot.explain.answers.proposal import changed, check_scope, to_propose
from copilot.jobs import owners
from copilot.store import scenarios
from copilot.text.cells import Record


def propose_assignment(ctx: Ctx, scenario: Annotated[str, Field(max_length=20)]) -> Record:
    """Put a scenario that was tried out up for approval: once approved, its accounts get their new owners.

    Use for "propose S-1" and "let us do that". To try one out first, use ``simulate_assignment``.

    Args:
        scenario: Its name, S-1 and so on.
    """
    kept = scenarios.load(ctx.workspace, scenario, ctx.principal.username)
    said = to_propose(ctx.snapshot, ctx.scope, kept)
    owners.check(Workspace(ctx.workspace).book(), kept.moves)
    return said


def _carry_out(ctx: Ctx, scenario: str) -> Carried:
    propose_assignment(ctx, scenario)
    kept = scenarios.load(ctx.workspace, scenario, ctx.principal.username)
    book = owners.hand_over(Workspace(ctx.workspace), kept.moves, ctx.clock())
    return Carried(changed(kept.moves, book.path.name), {"moves": kept.inverse})


def _undo(ctx: Ctx, undo: Mapping[str, Any]) -> Record:
    check_scope(ctx.snapshot, ctx.scope, undo["moves"])
    book = owners.hand_over(Workspace(ctx.workspace), undo["moves"], ctx.clock())
    return changed(undo["moves"], book.path.name, back=True)


WRITE = Write(_carry_out, _undo)

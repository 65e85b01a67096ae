"""Settle what a turn proposed: a person's own act, authorised anew when it is done, once, and taken back on demand.

No checkpoint of a turn is kept for it. A proposal is data: it outlives the process, holds no rights, and whoever
settles it is looked up afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from copilot.access import Ctx, Principal
from copilot.agent.narrator import narrate
from copilot.agent.scope import scope_of
from copilot.agent.tool import Carried, Tool
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import BadInput, CopilotError, RoleLacksTool
from copilot.store.database import Store
from copilot.store.proposals import STUCK, Proposal, Status, advance, find
from copilot.text.cells import Record, fill

Verdict = Literal["approve", "reject", "undo"]
REJECTED = "Rejected; nothing was changed."


@dataclass(frozen=True)
class Settled:
    """Where a proposal stands now, and what to tell the person."""

    name: str
    status: Status
    text: str


def settle(
    workspace: Workspace,
    store: Store,
    tools: Mapping[str, Tool],
    name: str,
    who: Principal,
    verdict: Verdict,
    *,
    clock: Callable[[], datetime],
    rng: np.random.Generator,
) -> Settled:
    """Approve, reject or take back a person's own proposal; the same verdict again changes nothing and says the same.

    Args:
        workspace: Holds the book and the scores.
        store: copilot.db.
        tools: All tools by name.
        name: ``P-1`` …
        who: The person whose act this is; role and scope are read afresh.
        verdict: What they decided.
        clock: Tells the time.
        rng: Randomness for the tools.

    Raises:
        BadInput: There is no such proposal of theirs, or it stands where this verdict means nothing.
        RoleLacksTool: Their role has lost the right since.
        TryAgain: What was proposed is no longer possible.
        NotSetUp: There is no book or no snapshot any more.
    """
    desk = _Desk(workspace, store, tools, store.principal(who.username), clock, rng)
    proposal = find(store, name, who.username)
    if verdict == "reject":
        return desk.reject(proposal)
    return desk.approve(proposal) if verdict == "approve" else desk.undo(proposal)


@dataclass(frozen=True)
class _Desk:
    """Where one person settles."""

    workspace: Workspace
    store: Store
    tools: Mapping[str, Tool]
    who: Principal
    clock: Callable[[], datetime]
    rng: np.random.Generator

    def reject(self, proposal: Proposal) -> Settled:
        if proposal.status == "rejected":
            return Settled(proposal.name, "rejected", REJECTED)
        if proposal.status != "waiting":
            raise BadInput(_stands(proposal))
        self._advance(proposal, "rejected", outcome=REJECTED)
        return Settled(proposal.name, "rejected", REJECTED)

    def approve(self, proposal: Proposal) -> Settled:
        if proposal.status == "approved":
            return Settled(proposal.name, "approved", proposal.outcome)
        if not (proposal.status == "waiting" or (self._stuck(proposal) and not proposal.undo)):
            raise BadInput(_stands(proposal))
        if self.clock() >= proposal.expires_at:
            raise BadInput(f"{proposal.name} could be approved until {proposal.until}; ask for it once more.")
        if not proposal.intact:
            raise BadInput(f"{proposal.name} is not what was proposed; ask for it once more.")
        ctx = self._ctx()
        if ctx.snapshot.id != proposal.snapshot:
            raise BadInput(f"{proposal.name} speaks of scores that are no longer the newest; ask for it once more.")
        calls = [(self._tool(call["name"]), call["arguments"]) for call in proposal.calls]
        for tool, arguments in calls:
            tool(ctx, arguments)  # says no where it is no longer allowed or possible
        running = self._advance(proposal, "running")
        carried: list[Carried] = []
        failed = ""
        for tool, arguments in calls:
            assert tool.write is not None
            try:
                carried.append(tool.write.carry_out(ctx, **tool.checked(ctx, arguments)))
            except CopilotError as error:
                if not carried:
                    self._advance(running, "waiting")
                    raise
                failed = str(error)
                break
        text = " ".join([_told([one.record for one in carried]), *([failed] if failed else [])])
        undo = [{"name": call["name"], **one.undo} for call, one in zip(proposal.calls, carried, strict=False)]
        self._advance(running, "approved", undo=undo, outcome=text)
        return Settled(proposal.name, "approved", text)

    def undo(self, proposal: Proposal) -> Settled:
        if proposal.status == "undone":
            return Settled(proposal.name, "undone", proposal.outcome)
        if not (proposal.status == "approved" or (self._stuck(proposal) and proposal.undo)):
            raise BadInput(_stands(proposal))
        ctx = self._ctx()
        steps = [(self._tool(step["name"]), step) for step in reversed(proposal.undo)]
        running = self._advance(proposal, "running")
        try:
            records = [tool.write.undo(ctx, step) for tool, step in steps if tool.write]
        except CopilotError:
            self._advance(running, "approved")
            raise
        text = _told(records)
        self._advance(running, "undone", outcome=text)
        return Settled(proposal.name, "undone", text)

    def _ctx(self) -> Ctx:
        snapshot = open_snapshot(self.workspace)
        scope = scope_of(self.who, snapshot.book)
        return Ctx(self.workspace.root, self.who, scope, snapshot, self.clock, self.rng, self.store)

    def _tool(self, name: str) -> Tool:
        tool = self.tools.get(name)
        if tool is None or tool.write is None:
            raise BadInput(f"This version of sales-copilot has no {name[:40]} to carry out; nothing was changed.")
        if self.who.role not in tool.roles:
            raise RoleLacksTool(f"The role {self.who.role} may not use {tool.name}; nothing was changed.")
        return tool

    def _stuck(self, proposal: Proposal) -> bool:
        """Whether whoever was carrying it out has died."""
        since = proposal.settled_at
        return proposal.status == "running" and since is not None and self.clock() - since > STUCK

    def _advance(self, proposal: Proposal, status: Status, **more: Any) -> Proposal:
        if not advance(self.store, proposal, status, self.clock(), **more):
            raise BadInput(f"{proposal.name} is being settled at this very moment; look at it again.")
        return find(self.store, proposal.name, self.who.username)


def _told(records: list[Record]) -> str:
    said = narrate(records, question="")
    return " ".join(fill(sentence, said.cells) for sentence in said.sentences)


def _stands(proposal: Proposal) -> str:
    """Say why a verdict means nothing where a proposal stands."""
    name = proposal.name
    return {
        "waiting": f"{name} was not approved yet, so there is nothing to take back.",
        "running": f"{name} is being settled at this very moment; look at it again.",
        "approved": f"{name} was approved already; `sales-copilot undo {name}` takes it back.",
        "rejected": f"{name} was rejected; ask for it once more.",
        "undone": f"{name} was taken back; ask for it once more.",
    }[proposal.status]

"""One call of a person's program: the right, the limits, the answer as cells; what would change something waits.

The same rules hold as for the copilot's own language model (``agent``): a call only proposes, a person approves.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.access import Ctx, Principal
from copilot.agent.ask import ask
from copilot.agent.narrator import Narration, narrate
from copilot.agent.scope import scope_of
from copilot.agent.tool import Tool
from copilot.data.snapshot import Snapshot, open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import BadInput, CopilotError, TryAgain
from copilot.explain.answers.common import templates
from copilot.llm.ladder import Ladder, RungName
from copilot.mcp.limits import Budget, Session, Taint
from copilot.store import proposals
from copilot.store.database import Store, Turn
from copilot.store.tables import clean_json
from copilot.text.cells import Cell, Record, fill

LOG = logging.getLogger("sales-copilot.mcp")
ASK = "ask"
LONGEST = 10_000  # characters of a call's arguments
SHOWN = 500  # characters of an error that may repeat what was given
TAINTED = (
    "This session has read notes or other free text, which anybody may have written, so it can no longer propose a "
    "change; make it in the chat."
)
UNEXPECTED = "Something went wrong inside the copilot; whoever runs `sales-copilot mcp` finds it in its error output."


class Question(BaseModel):
    """The arguments of ``ask``."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=2000, description="In the person's own words.")
    thread: str | None = Field(
        default=None, max_length=40, description="The conversation to go on with, as an earlier answer named it."
    )


class Shown(BaseModel):
    """One cell; ``shown`` is the value as a person reads it."""

    value: bool | int | float | str | None
    shown: str
    unit: str
    origin: str


class Proposed(BaseModel):
    """A change that waits for a person."""

    id: str
    summary: str
    expires: str
    approve: str
    thread: str


class Found(BaseModel):
    """What a tool answers: the day of its data, its sentences, the cells told by path, and what waits for approval."""

    as_of: str
    sentences: list[str]
    cells: dict[str, Shown]
    proposal: Proposed | None = None


@dataclass(frozen=True)
class Reply:
    """What a call answers: words, and the same as data; an error has words alone.

    ``ids`` go into the log: of accounts, proposals and conversations.
    """

    text: str
    content: Mapping[str, Any] | None = None
    failed: bool = False
    ids: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Desk:
    """Where the calls of all persons are answered.

    Attributes:
        workspace: Holds the scores; each call pins the newest snapshot.
        store: copilot.db.
        tools: All tools by name.
        clock: Tells the time.
        rng: Makes the randomness of one call.
        budget: Calls a minute.
        taint: Which sessions have read free text.
        ladder: The language models that ``ask`` may use.
        top: The highest rung that ``ask`` tries.
    """

    workspace: Workspace
    store: Store
    tools: Mapping[str, Tool]
    clock: Callable[[], datetime]
    rng: Callable[[], np.random.Generator]
    budget: Budget
    taint: Taint
    ladder: Ladder = field(default_factory=Ladder)
    top: RungName = "rules"

    def offered(self, session: Session) -> list[Tool]:
        """Return the tools of the person's role.

        Raises:
            BadInput: There is no such person any more.
        """
        who = self.store.principal(session.username)
        return [tool for tool in self.tools.values() if who.role in tool.roles]

    def call(self, session: Session, name: str, arguments: Mapping[str, Any]) -> Reply:
        """Answer one call; whatever goes wrong is one sentence, and every call within the budget is logged."""
        try:
            who = self.store.principal(session.username)
            self.budget.spend(who.username)
            return self._logged(who, session, name, arguments)
        except CopilotError as error:
            return Reply(_short(str(error), SHOWN), failed=True)
        except Exception:
            LOG.exception("A call of %r failed.", name[:60])
            return Reply(UNEXPECTED, failed=True)

    def _logged(self, who: Principal, session: Session, name: str, arguments: Mapping[str, Any]) -> Reply:
        tool = self.tools.get(name)
        known = Question.model_fields if name == ASK else tool.arguments.model_fields if tool else {}
        reply = Reply("", failed=True)
        try:
            given = _plain(arguments)
            if name == ASK:
                reply = self._ask(who, session, given)
            elif tool is None:
                raise BadInput(f"There is no tool {name[:60]!r}; listing the tools names those there are.")
            else:
                reply = self._run(who, session, tool, given)
            return reply
        finally:
            # Names and ids only: what was asked lies in deletable tables, if anywhere.
            data = {"arguments": sorted(set(known) & set(arguments)), "ok": not reply.failed, **reply.ids}
            self.store.log_event(who.username, "mcp", name if known else "unknown", data, self.clock())

    def _run(self, who: Principal, session: Session, tool: Tool, given: Mapping[str, Any]) -> Reply:
        if tool.writes and who.role in tool.roles and self.taint.holds(session):
            raise BadInput(TAINTED)
        snapshot = open_snapshot(self.workspace)
        scope = scope_of(who, snapshot.book)
        ctx = Ctx(self.workspace.root, who, scope, snapshot, self.clock, self.rng())
        record = tool(ctx, given)
        said = narrate([record], question=" ".join(str(value) for value in given.values()))
        found = _found(snapshot, said)
        self._mark(session, (cell.unit for cell in said.cells.values()))
        if tool.writes:
            return self._propose(who, snapshot, tool, given, record, said, found)
        text = f"{said.told.text}\n\nas of {found.as_of}"
        return Reply(text, found.model_dump(), ids={"accounts": list(record.accounts)})

    def _propose(
        self,
        who: Principal,
        snapshot: Snapshot,
        tool: Tool,
        given: Mapping[str, Any],
        record: Record,
        said: Narration,
        found: Found,
    ) -> Reply:
        """Keep what the call would change, and a turn of its own by which the person finds it in the chat."""
        pinned = {"account": record.accounts[0]} if "account" in given and len(record.accounts) == 1 else {}
        call = {"name": tool.name, "arguments": {**given, **pinned}}
        summary = found.sentences[0] if found.sentences else ""
        now = self.clock()
        made = proposals.propose(self.store, who.username, [call], summary, snapshot.id, now)
        approve = _approve(made.name, who)
        thread = self.store.new_thread(who.username, now)
        waiting = {"id": made.name, "summary": summary, "expires": made.expires_at.isoformat()}
        cells = {"proposal": Cell(made.name), "until": Cell(made.until)}
        waits = fill(templates("answers")["waits_for_approval"], cells)
        text = f"{said.told.text}\n\n{waits} {approve}"
        self.store.log_turn(
            Turn(
                thread=thread,
                username=who.username,
                asked_at=now,
                question=f"{tool.name} (MCP)",
                answer=text,
                rung="rules",
                snapshot=snapshot.id,
                as_of=snapshot.as_of,
                tool_calls=[{**call, "ok": None}],
                sources={path: dict(cell) for path, cell in said.told.sources.items()},
                approval=waiting,
                accounts=list(record.accounts),
            )
        )
        kept = found.model_copy(update={"proposal": Proposed(**waiting, approve=approve, thread=thread)})
        ids = {"accounts": list(record.accounts), "proposal": made.name, "thread": thread}
        return Reply(text, kept.model_dump(), ids=ids)

    def _ask(self, who: Principal, session: Session, given: Mapping[str, Any]) -> Reply:
        try:
            asked = Question.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise TryAgain(f"ask cannot take {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
        tools = self.tools
        if self.taint.holds(session):
            tools = {name: _refusing(tool) if tool.writes else tool for name, tool in tools.items()}
        answer = ask(
            self.workspace, self.store, tools, asked.question, who,
            thread=asked.thread, ladder=self.ladder, top=self.top, clock=self.clock, rng=self.rng(),
        )  # fmt: skip
        called = [call["name"] for call in answer.tool_calls]
        self._mark(session, (cell["unit"] for cell in answer.sources.values()))
        content = {key: value for key, value in dataclasses.asdict(answer).items() if key != "exit_code"}
        parts = [answer.answer]
        if answer.approval:
            parts.append(_approve(answer.approval["id"], who))
        parts.append(f"as of {answer.as_of} · {answer.rung} · {answer.thread}")
        ids = {"thread": answer.thread, "tools": called}
        return Reply("\n\n".join(parts), clean_json(content), answer.exit_code != 0, ids)

    def _mark(self, session: Session, units: Iterable[str]) -> None:
        """Hold the session for tainted where it was told what others wrote."""
        if "quote" in units:
            self.taint.mark(session)


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as databases take them, if they are of a reasonable size."""
    length = len(json.dumps(arguments))
    if length > LONGEST:
        raise BadInput(f"These arguments are {length:,} characters long; at most {LONGEST:,} are read.")
    plain: dict[str, Any] = clean_json(arguments)
    return plain


def _found(snapshot: Snapshot, said: Narration) -> Found:
    return Found(
        as_of=snapshot.as_of.isoformat(),
        sentences=[fill(sentence, said.cells) for sentence in said.sentences],
        cells={path: Shown(**clean_json(cell)) for path, cell in said.told.sources.items()},
    )


def _approve(proposal: str, who: Principal) -> str:
    """Say how a person carries out what waits; no tool does."""
    return fill(templates("mcp")["approve"], {"proposal": Cell(proposal), "name": Cell(who.username)})


def _refusing(tool: Tool) -> Tool:
    """Return a tool that may be chosen but says only why it does nothing."""

    def refused(_ctx: Ctx, **_arguments: Any) -> Record:
        raise TryAgain(TAINTED)

    return replace(tool, function=refused, write=None)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"

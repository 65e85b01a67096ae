"""Open the chat: language models, store and tools behind one screen, until it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from time import monotonic, sleep

import numpy as np

from copilot import rooms
from copilot.access import NOTHING, Ctx, Principal
from copilot.agent.approval import Settled, Verdict, settle
from copilot.agent.ask import router, stream, vocabulary
from copilot.agent.events import Event
from copilot.agent.graph import compiled
from copilot.agent.rungs import warm
from copilot.agent.scope import scope_of
from copilot.agent.tool import Tool
from copilot.agent.understand import understand
from copilot.config import settings
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import CopilotError
from copilot.jobs.reactions import note
from copilot.llm.client import ModelFault
from copilot.llm.ladder import Ladder
from copilot.llm.service import opened
from copilot.store.database import Store
from copilot.text.cells import Record

GET_WEIGHTS = "Rules word the answers. A language model on this machine: sales-copilot models install better"
PATIENCE = 60.0  # seconds to wait for the embedded model before it is warmed


def serve(workspace: Workspace, port: int, clock: Callable[[], datetime], ready: Callable[[str], None]) -> None:
    """Serve the chat on this machine until Ctrl-C.

    Args:
        workspace: Holds a scored book.
        port: To listen on; 0 takes a free one.
        clock: Tells the time.
        ready: Called with the page's address once it answers.

    Raises:
        NotSetUp: There is no book or no scores.
        BadInput: The port is taken.
    """
    open_snapshot(workspace)
    tools = rooms.registry()
    with Store.open(settings().database_url or workspace.database) as store, opened() as ladder:

        def ask(question: str, principal: Principal, thread: str | None) -> Iterator[Event]:
            return stream(
                workspace, store, tools, question, principal,
                thread=thread, ladder=ladder, clock=clock, rng=np.random.default_rng(),
            )  # fmt: skip

        def book(principal: Principal) -> Record:
            snapshot = open_snapshot(workspace)
            scope = scope_of(principal, snapshot.book)
            ctx = Ctx(workspace.root, principal, scope, snapshot, clock, np.random.default_rng())
            return tools["rank_accounts"](ctx, {"limit": 50})

        def state(principal: Principal) -> list[str]:
            return [f"as of {open_snapshot(workspace).as_of}", *_models(ladder)]

        def react(principal: Principal, account: str, word: str, action: str) -> None:
            snapshot = open_snapshot(workspace)
            scope = scope_of(principal, snapshot.book)
            note(store, snapshot, scope, principal, account, word, clock(), shown=action)

        def decide(principal: Principal, proposal: str, verdict: Verdict) -> Settled:
            rng = np.random.default_rng()
            return settle(workspace, store, tools, proposal, principal, verdict, clock=clock, rng=rng)

        warming = (workspace, ladder, tools, clock)
        threading.Thread(target=_warm_up, args=warming, daemon=True, name="warm-up").start()
        screens = rooms.screens()
        desk = screens.Desk(
            store=store, ask=ask, book=book, state=state, react=react, decide=decide, clock=clock
        )  # fmt: skip
        screens.serve(desk, host="127.0.0.1", port=port, opened=ready)


def _models(ladder: Ladder) -> list[str]:
    """Say who words the answers now, and what the others wait for."""
    states = ladder.state()
    if not states:
        return [GET_WEIGHTS]
    place = {"remote": "at the remote server", "local": "on this machine"}
    return [
        f"{rung.title} {place[rung.name]} {why}; what it cannot do, the next one or the rules do"
        if why
        else f"worded by {rung.title} {place[rung.name]}"
        for rung, why in states
    ]


def _warm_up(workspace: Workspace, ladder: Ladder, tools: Mapping[str, Tool], clock: Callable[[], datetime]) -> None:
    """Load what the first question would wait for; what fails here the question itself will meet, and get round."""
    local = next((rung for rung in ladder.rungs if rung.name == "local"), None)
    if local:
        with suppress(ModelFault):
            local.client()  # starts the process, which loads while the rest goes on
    with suppress(CopilotError, OSError):  # whoever asks will be told
        snapshot = open_snapshot(workspace)
        understand("Hello", vocabulary(snapshot, NOTHING), router(), allowed=[])
        nobody = Principal("nobody", "rep")
        ctx = Ctx(workspace.root, nobody, NOTHING, snapshot, clock, np.random.default_rng())
        tools["rank_accounts"](ctx, {})
        compiled()
    until = monotonic() + PATIENCE
    while local and monotonic() < until:
        try:
            warm(local.client(), list(tools.values()), chooses=local.chooses)
        except ModelFault:
            sleep(0.5)
        else:
            return

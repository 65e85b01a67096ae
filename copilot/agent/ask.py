"""One question, from the asker's name to the logged answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from copilot.access import Ctx, Principal, Scope
from copilot.agent.events import Answer, Event, Finished, Told, joined
from copilot.agent.graph import State, Turn, compiled, outcome
from copilot.agent.remote import Conversation
from copilot.agent.router import Router
from copilot.agent.rungs import Rungs
from copilot.agent.scope import scope_of
from copilot.agent.tool import Tool
from copilot.agent.understand import Call, Second, Understanding, understand
from copilot.agent.vocabulary import Vocabulary
from copilot.config import settings
from copilot.data.hidden import held
from copilot.data.snapshot import Snapshot, open_snapshot
from copilot.data.workspace import Workspace
from copilot.llm.client import Client
from copilot.llm.ladder import Ladder, RungName
from copilot.store import database, proposals
from copilot.store.database import Store

MOST_KEPT = 64  # vocabularies of different scopes
EARLIER = 4  # turns that a remote model is told of


def ask(
    workspace: Workspace,
    store: Store,
    tools: Mapping[str, Tool],
    question: str,
    principal: Principal,
    *,
    thread: str | None = None,
    ladder: Ladder | None = None,
    top: RungName = "remote",
    clock: Callable[[], datetime],
    rng: np.random.Generator,
) -> Answer:
    """Answer one question from the current snapshot, within the asker's scope, and log the turn.

    Args:
        workspace: Holds the snapshot.
        store: Keeps the conversation.
        tools: What the agent may do.
        question: As typed.
        principal: Who asks.
        thread: The conversation to go on with; a new one unless given.
        ladder: The language models there are; none unless given.
        top: The highest rung to try.
        clock: Tells the time.
        rng: Randomness for the tools.

    Raises:
        NotSetUp: There is no book or no snapshot yet.
        BadInput: The thread is not one of the asker's.
    """
    *_, last = stream(
        workspace, store, tools, question, principal, thread=thread, ladder=ladder, top=top, clock=clock, rng=rng
    )
    assert isinstance(last, Finished)
    return last.answer


def stream(
    workspace: Workspace,
    store: Store,
    tools: Mapping[str, Tool],
    question: str,
    principal: Principal,
    *,
    thread: str | None = None,
    ladder: Ladder | None = None,
    top: RungName = "remote",
    clock: Callable[[], datetime],
    rng: np.random.Generator,
) -> Iterator[Event]:
    """Answer as ``ask`` does, telling each step and each piece of the answer as soon as it is there.

    Yields:
        Steps and pieces of the answer, and one ``Finished`` at the end, when the turn is stored.

    Raises:
        NotSetUp: There is no book or no snapshot yet.
        BadInput: The thread is not one of the asker's.
    """
    began = perf_counter()
    asked_at = clock()
    snapshot = open_snapshot(workspace)
    earlier = store.turns(thread, principal.username, limit=EARLIER) if thread else []
    thread = thread or store.new_thread(principal.username, asked_at)
    scope = scope_of(principal, snapshot.book)
    words = vocabulary(snapshot, scope, tuple(study.name for study in held(workspace.root)), principal.rep_id or "")
    recent = earlier[-1].accounts if earlier else []
    previous = _calls(earlier[-1]) if earlier else []
    pending = _pending(store, earlier)
    allowed = [name for name, tool in tools.items() if principal.role in tool.roles]

    def read(question: str, second: Second | None = None) -> Understanding:
        return understand(
            question, words, router(),
            allowed=allowed, recent=recent, previous=previous, pending=pending, second=second,
        )  # fmt: skip

    def begin(client: Client, offered: Mapping[str, Tool]) -> Conversation:
        told = [(turn.question, _calls(turn), turn.accounts) for turn in earlier]
        return Conversation(client, offered, words, router().bank, role=principal.role, earlier=told)

    rungs = Rungs(ladder or Ladder(), top, read, tools, allowed, begin, list(words.accounts.values()))

    finished: list[Finished] = []
    first: list[float] = []

    def log(state: State) -> None:
        total = 1000 * (perf_counter() - began)
        answer = _answer(state, thread, snapshot, rungs.rung, {"first": round(first[0], 1), "total": round(total, 1)})
        number = store.log_turn(
            database.Turn(
                thread=thread,
                username=principal.username,
                asked_at=asked_at,
                question=question,
                answer=answer.answer,
                rung=answer.rung,
                snapshot=snapshot.id,
                as_of=snapshot.as_of,
                tool_calls=answer.tool_calls,
                sources=answer.sources,
                clarify=answer.clarify,
                refused=answer.refused,
                approval=answer.approval,
                timings_ms=answer.timings_ms,
                accounts=_spoken_of(state) or list(recent),
            )
        )
        finished.append(Finished(answer, number))

    def propose(calls: Sequence[Call], summary: str) -> proposals.Proposal:
        wanted = [{"name": call.name, "arguments": dict(call.arguments)} for call in calls]
        return proposals.propose(store, principal.username, wanted, summary, snapshot.id, clock())

    ctx = Ctx(workspace.root, principal, scope, snapshot, clock, rng)
    turn = Turn(ctx, tools, rungs, log, propose)
    for event in compiled().stream({"question": question}, context=turn, stream_mode="custom"):
        if isinstance(event, Told) and not first:
            first.append(1000 * (perf_counter() - began))
        yield event
    yield finished[0]


def vocabulary(snapshot: Snapshot, scope: Scope, studies: tuple[str, ...] = (), asker: str = "") -> Vocabulary:
    """Return the names the asker may use: those of their own accounts, products, regions and reps, and of studies.

    ``asker`` is their own id among the reps. They are kept for the next question of the same scope on the same
    snapshot, with the index built over them.
    """
    key = (snapshot.book.path, snapshot.id, scope, studies, asker)
    found = _kept.get(key)
    if found is None:
        while len(_kept) >= MOST_KEPT:
            _kept.pop(next(iter(_kept)), None)
        found = _kept[key] = _vocabulary(snapshot, scope, studies, asker)
    return found


_kept: dict[tuple[Path, str, Scope, tuple[str, ...], str], Vocabulary] = {}


def _vocabulary(snapshot: Snapshot, scope: Scope, studies: tuple[str, ...], asker: str) -> Vocabulary:
    accounts, reps = snapshot.table("accounts", scope), snapshot.table("reps", scope)
    deals = snapshot.table("opportunities", scope)
    products = {
        name
        for table in ("contracts", "opportunity_lines", "usage_monthly")
        for name in snapshot.table(table, scope)["product"].dropna().unique()
    }
    names = dict(zip(reps["rep_id"], reps["name"], strict=True))
    return Vocabulary(
        accounts=dict(zip(accounts["account_id"], accounts["name"], strict=True)),
        products=sorted(products),
        segments=sorted(accounts["segment"].dropna().unique()),
        regions=sorted({*accounts["region"].dropna(), *reps["region"].dropna()}),
        industries=sorted(accounts["industry"].dropna().unique()),
        reps=names,
        today=snapshot.as_of,
        stages=sorted(deals["stage"].dropna().unique()),
        studies=studies,
        asker=names.get(asker, ""),
    )


@cache
def router() -> Router:
    """Return the trained router; it is the same for every book, so it is kept for all workspaces of this user."""
    from copilot.text.encoder import Encoder, Ngrams

    return Router.cached(settings().cache / "router", Encoder.find() or Ngrams())


def _answer(state: State, thread: str, snapshot: Snapshot, rung: str, timings: dict[str, float]) -> Answer:
    clarify, code = outcome(state)
    calls = [{"name": part.call.name, "arguments": part.call.arguments, "ok": part.ok} for part in state["done"]]
    return Answer(
        answer=joined(state["told"]),
        thread=thread,
        tool_calls=calls,
        rung=rung,
        as_of=snapshot.as_of.isoformat(),
        sources={path: dict(cell) for piece in state["told"] for path, cell in piece.sources.items()},
        clarify=clarify,
        refused=state["understood"].refused,
        approval=_approval(state),
        timings_ms=timings,
        exit_code=code,
    )


def _pending(store: Store, earlier: Sequence[database.Turn]) -> str:
    """Return the newest proposal of the turns before, where it still waits."""
    newest = next((turn for turn in reversed(earlier) if turn.approval), None)
    if newest is None or newest.approval is None:
        return ""
    found = proposals.find(store, newest.approval["id"], newest.username)
    return found.name if found.status == "waiting" else ""


def _approval(state: State) -> dict[str, Any] | None:
    made = state.get("approval")
    if made is None:
        return None
    return {"id": made.name, "summary": made.summary, "expires": made.expires_at.isoformat()}


def _calls(turn: database.Turn) -> list[Call]:
    return [Call(call["name"], call["arguments"]) for call in turn.tool_calls]


def _spoken_of(state: State) -> list[str]:
    found = [account for part in state["done"] if part.record for account in part.record.accounts]
    return list(dict.fromkeys(found))

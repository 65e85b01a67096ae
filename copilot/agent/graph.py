"""The turn as a LangGraph graph: understand -> plan <-> act -> narrate -> log. Code owns the flow on every rung.

The asker's Principal, scope and tools travel in the runtime context, hidden from any language model and from any state
that could be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from copilot.access import Ctx
from copilot.agent.events import Step, Told
from copilot.agent.narrator import narrate
from copilot.agent.tool import Tool
from copilot.agent.understand import Call, Understanding
from copilot.errors import CopilotError, MissingData, RoleLacksTool, TryAgain, UnknownAccount
from copilot.text.cells import REFERENCE, Cell, Record, Say, flatten

ROUNDS = 4  # of plan and act
CALLS = 6  # a round


@dataclass(frozen=True)
class Turn:
    """What one turn runs with; never part of the state."""

    ctx: Ctx
    tools: Mapping[str, Tool]
    understand: Callable[[str], Understanding]
    log: Callable[[State], None]


@dataclass(frozen=True)
class Done:
    """A call and what came of it: a record, or the sentence that says why not."""

    call: Call
    record: Record | None = None
    error: CopilotError | None = None

    @property
    def ok(self) -> bool:
        """Whether the call was answered; "the book lacks it" is an answer."""
        return self.error is None or isinstance(self.error, MissingData)


class State(TypedDict, total=False):
    """What the nodes hand on."""

    question: str
    understood: Understanding
    waiting: tuple[Call, ...]
    done: tuple[Done, ...]
    rounds: int
    told: tuple[Told, ...]


def understand(state: State, runtime: Runtime[Turn]) -> State:
    """Read the question: which tools with which arguments, a question back, or a refusal."""
    return {"understood": runtime.context.understand(state["question"]), "rounds": 0, "done": ()}


def plan(state: State) -> State:
    """Choose the next calls. The rules rung knows them all after reading; a model may look at results and go on."""
    waiting = state["understood"].calls[:CALLS] if state["rounds"] == 0 else ()
    return {"waiting": waiting, "rounds": state["rounds"] + 1}


def act(state: State, runtime: Runtime[Turn]) -> State:
    """Run the waiting calls in order, so that one may point at cells of those before it."""
    done = state["done"]
    for call in state["waiting"]:
        step = Step(len(done) + 1, call.name, call.arguments)
        runtime.stream_writer(step)
        began = perf_counter()
        done = (*done, _run(call, done, runtime.context))
        runtime.stream_writer(_ended(step, done[-1], perf_counter() - began))
    return {"done": done, "waiting": ()}


def tell(state: State, runtime: Runtime[Turn]) -> State:
    """Word the answer from the records by reference and verify each sentence."""
    understood = state["understood"]
    records = [part.record or _sentence(part.error) for part in state["done"]]
    if not records:
        asked_back = understood.clarify["question"] if understood.clarify else ""
        records = [_sentence(understood.refused or understood.small_talk or asked_back)]
    told = narrate(records, question=state["question"], focus=understood.focus).told
    runtime.stream_writer(told)
    return {"told": (told,)}


def log(state: State, runtime: Runtime[Turn]) -> State:
    """Store the turn."""
    runtime.context.log(state)
    return {}


def _more(state: State) -> str:
    return "act" if state["waiting"] and state["rounds"] <= ROUNDS else "tell"


def _run(call: Call, earlier: tuple[Done, ...], turn: Turn) -> Done:
    """Run one call; the tool checks the asker's right and its arguments."""
    tool = turn.tools.get(call.name)
    if tool is None:
        return Done(
            call,
            error=CopilotError(
                f"I understand this as {call.name.replace('_', ' ')}, which this version cannot do yet."
            ),
        )
    try:
        call = Call(call.name, {name: _pointed(value, earlier) for name, value in call.arguments.items()})
        return Done(call, record=tool(turn.ctx, call.arguments))
    except CopilotError as error:
        return Done(call, error=error)


def _ended(step: Step, done: Done, seconds: float) -> Step:
    rows = len(done.record.data.get("rows", ())) if done.record else 0
    summary = str(done.error or "") or (f"{rows} row{'' if rows == 1 else 's'}" if rows else "found")
    return Step(step.number, step.name, done.call.arguments, done.ok, seconds, summary)


def _pointed(value: Any, earlier: tuple[Done, ...]) -> Any:
    """Return the value of the cell that an argument such as ``{{t1.rows[0].account_id}}`` points at."""
    if isinstance(value, list):
        return [_pointed(one, earlier) for one in value]
    pointer = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if pointer is None:
        return value
    for number, part in enumerate(earlier, start=1):
        for path, cell in flatten(part.record.data if part.record else {}, f"t{number}"):
            if path == pointer[1]:
                return cell.value
    raise TryAgain("The answer before holds nothing to go on with.")


def _sentence(said: CopilotError | str | None) -> Record:
    """Make a record of one sentence of our own; it may hold names and numbers from the asker or the book's report."""
    return Record("", {"text": Cell(str(said or ""), "text", "copilot", "message")}, (Say("{{text}}"),))


@cache
def compiled() -> Any:
    """Return the graph, compiled once a process."""
    graph = StateGraph(State, context_schema=Turn)
    graph.add_node("understand", understand)
    graph.add_node("plan", plan)
    graph.add_node("act", act)
    graph.add_node("tell", tell)
    graph.add_node("log", log)
    graph.add_edge(START, "understand")
    graph.add_edge("understand", "plan")
    graph.add_conditional_edges("plan", _more, ["act", "tell"])
    graph.add_edge("act", "plan")
    graph.add_edge("tell", "log")
    graph.add_edge("log", END)
    return graph.compile()


def outcome(state: State) -> tuple[dict[str, Any] | None, int]:
    """Return what is asked back and the exit code of a finished turn."""
    clarify = state["understood"].clarify
    for part in state["done"]:
        if isinstance(part.error, RoleLacksTool):
            return clarify, part.error.exit_code
        if isinstance(part.error, UnknownAccount):
            clarify = {"question": "Which account do you mean?", "readings": list(part.error.closest)[:3]}
    return clarify, 0

"""The turn as a LangGraph graph: understand -> plan <-> act -> propose -> tell -> log. Code owns its flow.

The asker's Principal, scope and tools travel in the runtime context, hidden from any language model and from any state
that could be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from time import perf_counter
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from copilot.access import Ctx
from copilot.agent import replies
from copilot.agent.events import Step, Told, Wording
from copilot.agent.narrator import Narration, narrate
from copilot.agent.rungs import Rungs
from copilot.agent.tool import Tool
from copilot.agent.understand import Call, Understanding
from copilot.agent.wording import Facts
from copilot.errors import CopilotError, MissingData, RoleLacksTool, TryAgain, UnknownAccount
from copilot.explain.answers.common import say
from copilot.explain.answers.standing import standing
from copilot.store.proposals import Proposal
from copilot.text.cells import REFERENCE, Cell, Record, Say, fill, flatten
from copilot.text.quotes import free_text

ROUNDS = 4  # of plan and act
CALLS = 6  # a round


@dataclass(frozen=True)
class Turn:
    """What one turn runs with; never part of the state."""

    ctx: Ctx
    tools: Mapping[str, Tool]
    rungs: Rungs
    log: Callable[[State], None]
    propose: Callable[[Sequence[Call], str], Proposal]


@dataclass(frozen=True)
class Done:
    """A call and what came of it: a record, or the sentence that says why not.

    A call ``waits`` where its record says what it would do once a person approves.
    """

    call: Call
    record: Record | None = None
    error: CopilotError | None = None
    waits: bool = False

    @property
    def ok(self) -> bool | None:
        """Whether the call was answered; "the book lacks it" is an answer. None while it waits for approval."""
        if self.waits:
            return None
        return self.error is None or isinstance(self.error, MissingData)


class State(TypedDict, total=False):
    """What the nodes hand on."""

    question: str
    understood: Understanding
    waiting: tuple[Call, ...]
    done: tuple[Done, ...]
    rounds: int
    since: int  # how many calls were done before the last round
    narrations: dict[int, Narration]
    told: tuple[Told, ...]
    approval: Proposal


def understand(state: State, runtime: Runtime[Turn]) -> State:
    """Read the question: which tools with which arguments, a question back, or a refusal."""
    found = runtime.context.rungs.understand(state["question"])
    return {"understood": found, "rounds": 0, "done": (), "narrations": {}, "told": ()}


def plan(state: State, runtime: Runtime[Turn]) -> State:
    """Choose the next calls: first those of the reading; then a remote model looks at the results and may go on."""
    if state["rounds"] == 0:
        return {"waiting": state["understood"].calls[:CALLS], "rounds": 1}
    waiting: list[Call] = []
    told = list(state["told"])
    rungs = runtime.context.rungs
    if state["rounds"] < ROUNDS and rungs.remote and not _waiting(state):
        runtime.stream_writer(Wording(rungs.remote))
        for piece in rungs.more(_results(state), state["question"]):
            if isinstance(piece, Call):
                waiting.append(piece)
            else:
                told.append(piece[0])
                runtime.stream_writer(piece[0])
    return {"waiting": tuple(waiting[:CALLS]), "rounds": state["rounds"] + 1, "told": tuple(told)}


def act(state: State, runtime: Runtime[Turn]) -> State:
    """Run the waiting calls in order, so that one may point at cells of those before it, and tell what each found."""
    done, told, narrations = state["done"], list(state["told"]), dict(state["narrations"])
    for call in state["waiting"]:
        number = len(done) + 1
        step = Step(number, call.name, call.arguments)
        runtime.stream_writer(step)
        began = perf_counter()
        done = (*done, _run(call, done, runtime.context))
        runtime.stream_writer(_ended(step, done[-1], perf_counter() - began))
        record = done[-1].record
        if record is not None:
            focus = state["understood"].focus
            narrations[number] = narrate([record], question=state["question"], focus=focus, first=number)
            told.append(narrations[number].told)
            runtime.stream_writer(told[-1])
    return {
        "done": done,
        "since": len(state["done"]),
        "waiting": (),
        "told": tuple(told),
        "narrations": narrations,
    }


def propose(state: State, runtime: Runtime[Turn]) -> State:
    """Keep what the turn would change, all of it as one proposal: nothing is done before a person approves."""
    waiting = _waiting(state)
    said = [state["narrations"][number] for number in waiting]
    summary = " ".join(fill(one.sentences[0], one.cells) for one in said if one.sentences)
    made = runtime.context.propose([state["done"][number - 1].call for number in waiting], summary)
    origin = f"copilot.db:proposals[{made.name}]"
    cells = {
        "proposal": Cell(made.name, "text", origin, "proposal"),
        "until": Cell(made.until, "text", origin, "expires"),
    }
    record = Record("", cells, (say("waits_for_approval"),))
    told = narrate([record], question=state["question"], first=len(state["done"]) + 1).told
    runtime.stream_writer(told)
    return {"approval": made, "told": (*state["told"], told)}


def tell(state: State, runtime: Runtime[Turn]) -> State:
    """Say what could not be done; then a model may word what was found, by reference, each sentence verified."""
    understood, told = state["understood"], list(state["told"])
    later = {part.call.name for part in state["done"] if part.ok}  # mended by another call
    sentences: list[CopilotError | str | None] = [
        part.error for part in state["done"] if part.error and (part.ok or part.call.name not in later)
    ]
    if not state["done"]:
        asked_back = understood.clarify["question"] if understood.clarify else ""
        sentences = [understood.refused or understood.small_talk or asked_back]
    for number, said in enumerate(sentences, start=len(state["done"]) + 1 + ("approval" in state)):
        told.append(narrate([_sentence(said)], question=state["question"], first=number).told)
        runtime.stream_writer(told[-1])
    facts = Facts.of(list(state["narrations"].values()))
    rungs = runtime.context.rungs
    if "approval" in state or any(piece.by != "rules" for piece in told):
        return {"told": tuple(told)}  # nobody words what is not done yet; or a remote model has had its say
    if title := rungs.wording(facts):
        runtime.stream_writer(Wording(title))
    for piece, _ in rungs.words(facts, state["question"]):
        told.append(piece)
        runtime.stream_writer(piece)
    return {"told": tuple(told)}


def log(state: State, runtime: Runtime[Turn]) -> State:
    """Store the turn."""
    runtime.context.log(state)
    return {}


def _results(state: State) -> list[str | Facts]:
    """Return what the last round found, in order: facts, or the sentence that says why there are none."""
    found: list[str | Facts] = []
    for number, part in enumerate(state["done"], start=1):
        narration = state["narrations"].get(number)
        found.append(Facts.of([narration]) if narration else str(part.error))
    return found[state["since"] :]


def _waiting(state: State) -> list[int]:
    """Return the numbers of the calls that wait for approval."""
    return [number for number, part in enumerate(state["done"], start=1) if part.waits]


def _more(state: State) -> str:
    if state["waiting"] and state["rounds"] <= ROUNDS:
        return "act"
    return "propose" if _waiting(state) else "tell"


def _run(call: Call, earlier: tuple[Done, ...], turn: Turn) -> Done:
    """Run one call; the tool checks the asker's right and its arguments."""
    tool = turn.tools.get(call.name)
    if tool is None:
        mine = [name for name, other in turn.tools.items() if turn.ctx.principal.role in other.roles]
        return Done(
            call,
            error=CopilotError(
                f"I cannot {replies.ABILITIES.get(call.name, 'do this')} yet. {replies.abilities(mine)}"
            ),
        )
    if tool.writes and turn.ctx.principal.role in tool.roles and any(_tainting(part) for part in earlier):
        return Done(call, error=TryAgain(replies.TAINTED))
    try:
        call = replace(call, arguments={name: _pointed(value, earlier) for name, value in call.arguments.items()})
        return Done(call, record=_as_asked(call, tool(turn.ctx, call.arguments)), waits=tool.writes)
    except CopilotError as error:
        return Done(call, error=error)


def _tainting(part: Done) -> bool:
    """Whether a call brought free text of others into the turn: it may say anything, so nothing is written after it."""
    return part.record is not None and free_text(part.record)


def _as_asked(call: Call, record: Record) -> Record:
    """Narrow a ranking to the places asked for; begin with what is shown in place of what was asked."""
    if call.places:
        record = standing(record, call.places, call.arguments.get("sort_by", "priority"))
    if not call.remark:
        return record
    said = Cell(call.remark, "text", "copilot", "remark")
    return replace(record, data={**record.data, "remark": said}, say=(Say("{{remark}}"), *record.say))


def _ended(step: Step, done: Done, seconds: float) -> Step:
    if done.waits:
        return Step(step.number, step.name, done.call.arguments, True, seconds, "waits for your approval")
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
            if path == pointer[1] and cell.unit != "quote":  # free text never becomes an argument, which is remembered
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
    graph.add_node("propose", propose)
    graph.add_node("tell", tell)
    graph.add_node("log", log)
    graph.add_edge(START, "understand")
    graph.add_edge("understand", "plan")
    graph.add_conditional_edges("plan", _more, ["act", "propose", "tell"])
    graph.add_edge("act", "plan")
    graph.add_edge("propose", "tell")
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

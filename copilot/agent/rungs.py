"""The language models of one turn: who reads the question and who words the answer, and the fall to the next rung.

Code decides what may happen; a model only chooses among the asker's tools and words what they returned. A question that
the rules settle (an attack, a tool the role lacks) reaches no model at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from copilot.agent import replies
from copilot.agent.events import Told
from copilot.agent.parts import SURE
from copilot.agent.remote import Conversation, allowed
from copilot.agent.tool import Tool
from copilot.agent.understand import Call, Second, Understanding
from copilot.agent.wording import Facts, words
from copilot.llm.client import Client, ModelFault
from copilot.llm.ladder import Ladder, Rung, RungName
from copilot.text.prompts import render

# Each of the two standing texts keeps a slot of the embedded server to itself, where it stays read.
CHOICE_SLOT: dict[str, object] = {"id_slot": 0, "cache_prompt": True}
WORD_SLOT: dict[str, object] = {"id_slot": 1, "cache_prompt": True}
MOST_ASKED = 400  # letters of a question put to the embedded model, whose slot holds some 2 000 tokens
SETTLED = 0.8  # from here on what the rules refuse is refused unheard
# What a placeholder reads like to the embedded model.
READ_AS = {
    "account": "Acme", "product": "our product", "region": "EMEA", "segment": "SMB", "rep": "Sam", "scenario": "S-1",
    "study": "the study",
}  # fmt: skip


class Reader(Protocol):
    """The rules' reading of a question, with a second opinion where there is one."""

    def __call__(self, question: str, second: Second | None = None) -> Understanding:
        """Read ``question``."""


@dataclass
class Rungs:
    """The language models as one turn uses them.

    Attributes:
        ladder: The models of this process.
        top: The highest rung to try.
        read: The rules' reading.
        tools: All tools; ``may`` names those of the asker's role.
        may: Fixed before any text is read.
        begin: Starts a conversation with a remote model.
        names: All account names of the asker's book.
        helped: The rungs that chose or worded something.
        faults: What went wrong with which rung, in order.
    """

    ladder: Ladder
    top: RungName
    read: Reader
    tools: Mapping[str, Tool]
    may: Collection[str]
    begin: Callable[[Client, Mapping[str, Tool]], Conversation]
    names: Collection[str]
    helped: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    _remote: tuple[Rung, Conversation] | None = None

    @property
    def rung(self) -> str:
        """The rung that answered: the highest that helped and did not fail."""
        return next((name for name in ("remote", "local") if name in self.helped and name not in self.faults), "rules")

    def understand(self, question: str) -> Understanding:
        """Read the question with the best rung that can; the rules always can."""
        rules = self.read(question)
        if self._is_settled(rules):
            return rules
        for rung in self._usable():
            if rung.name == "local" and (not rung.chooses or rules.confidence >= SURE):
                return rules
            try:
                if rung.name == "local":
                    return self._with_second(question, rung)
                conversation = self.begin(rung.client(), allowed(self.tools, self.may))
                found = conversation.understand(question)
                self._remote = rung, conversation
                self._helped(rung)
                return _remarked(found, rules)
            except ModelFault as fault:
                self._failed(rung, fault)
        return rules

    @property
    def remote(self) -> str:
        """The name of the remote model this turn speaks with; nothing where there is none, or it has failed."""
        return self._remote[0].title if self._remote and self._remote[0].name not in self.faults else ""

    def wording(self, facts: Facts) -> str:
        """Return the name of the model that would word these facts first; nothing where none would."""
        if not facts.worth_wording or self.remote:
            return ""
        return next((rung.title for rung in self._usable() if rung.name != "remote"), "")

    def more(self, results: Sequence[str | Facts], question: str) -> Iterator[Call | tuple[Told, str | None]]:
        """Hand the results of a round to the remote model; yield its further calls, or its words as they verify."""
        if self._remote is None:
            return
        rung, conversation = self._remote
        calls: list[Call] = []

        def text() -> Iterator[str]:
            for piece in conversation.go_on():
                if isinstance(piece, str):
                    yield piece
                else:
                    calls.append(piece)

        facts = conversation.hand_over(results)
        try:
            yield from words(text(), facts, question=question, names=self.names, by=rung.name)
        except ModelFault as fault:
            self._failed(rung, fault)
            return
        yield from calls

    def words(self, facts: Facts, question: str) -> Iterator[tuple[Told, str | None]]:
        """Word the answer with the best rung that can and has not yet had its say; nobody can: no words."""
        if not facts.worth_wording or self.remote:
            return
        for rung in self._usable():
            if rung.name == "remote":
                continue  # it words its answer in its own conversation
            try:
                lines = "\n".join(f"- {line}" for line in facts.lines())
                asked = f"Question: {question[:MOST_ASKED]}\nFacts:\n{lines}"
                pieces = rung.client().stream(_to_word(asked), extra=WORD_SLOT, tokens=180)
                spoken = (piece for piece in pieces if isinstance(piece, str))
                for told, fault in words(spoken, facts, question=question, names=self.names, by=rung.name):
                    if fault is None:
                        self._helped(rung)
                    yield told, fault
                self.ladder.worked(rung)
                return
            except ModelFault as fault:
                self._failed(rung, fault)

    def _with_second(self, question: str, rung: Rung) -> Understanding:
        """Read with the embedded model's opinion where the head is unsure; the fault travels up."""
        client = rung.client()
        offered = list(allowed(self.tools, self.may).values())

        def choose(masked: str) -> str:
            chosen = choice(client, masked, offered)
            self._helped(rung)
            return chosen

        return self.read(question, choose)

    def _is_settled(self, rules: Understanding) -> bool:
        """Whether no model is needed: an attack, a call the role may not make, or nothing to read."""
        if rules.clarify and rules.clarify["question"] == replies.EMPTY:
            return True
        if rules.confidence < SETTLED:
            return False
        foreign = any(call.name in self.tools and call.name not in self.may for call in rules.calls)
        return foreign or bool(rules.refused and not rules.calls)

    def _usable(self) -> list[Rung]:
        return [rung for rung in self.ladder.usable(self.top) if rung.name not in self.faults]

    def _helped(self, rung: Rung) -> None:
        self.ladder.worked(rung)
        if rung.name not in self.helped:
            self.helped.append(rung.name)

    def _failed(self, rung: Rung, fault: ModelFault) -> None:
        self.ladder.failed(rung, fault)
        self.faults[rung.name] = str(fault)


def _remarked(found: Understanding, rules: Understanding) -> Understanding:
    """Return a model's reading with what the rules remark on its calls: what is shown in place of what was asked."""
    remarks = {call.name: call.remark for call in rules.calls}
    return replace(found, calls=tuple(replace(call, remark=remarks.get(call.name, "")) for call in found.calls))


def choice(client: Client, masked: str, tools: Sequence[Tool]) -> str:
    """Return which of ``tools`` the embedded model would take, or "none"; a grammar leaves it no other word.

    Args:
        client: The embedded model.
        masked: The question with ``{account}`` and the like in place of names.
        tools: Those of the asker's role.

    Raises:
        ModelFault: It did not answer.
    """
    plain = masked
    for kind, name in READ_AS.items():
        plain = plain.replace("{" + kind + "}", name)
    names = [*(tool.name for tool in tools), "none"]
    grammar = {"grammar": "root ::= " + " | ".join(f'"{name}"' for name in names)}
    reply = client.text(_to_choose(plain, tools), extra=CHOICE_SLOT | grammar, tokens=12).strip()
    if reply not in names:
        raise ModelFault("chose no tool")
    return reply


def warm(client: Client, tools: Sequence[Tool], *, chooses: bool) -> None:
    """Let the embedded model read its two standing texts once, so that the first question need not wait for that.

    Raises:
        ModelFault: It did not answer.
    """
    client.text(_to_word("Question: Hello?\nFacts:"), extra=WORD_SLOT, tokens=1)
    if chooses:
        client.text(_to_choose("Hello?", tools), extra=CHOICE_SLOT, tokens=1)


def _to_word(asked: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": render("word", language="English")}, {"role": "user", "content": asked}]


def _to_choose(plain: str, tools: Sequence[Tool]) -> list[dict[str, str]]:
    lines = "\n".join(f"- {tool.name}: {tool.description.split('. ')[0].rstrip('.')}" for tool in tools)
    return [{"role": "system", "content": render("choose", tools=lines)}, {"role": "user", "content": f"{plain} ->"}]

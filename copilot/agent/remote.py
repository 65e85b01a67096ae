"""The remote model's side of a turn: native tool calls, in rounds, and the words at the end, in one conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from copilot.access import Role
from copilot.agent import replies
from copilot.agent.aliases import Aliases
from copilot.agent.bank import Bank, fold
from copilot.agent.tool import Tool
from copilot.agent.understand import MOST_LETTERS, Call, Understanding
from copilot.agent.vocabulary import Vocabulary
from copilot.agent.wording import Facts
from copilot.llm.client import Client, ModelFault, ToolCall
from copilot.text.prompts import render

NO_TOOL = "no_tool"
WHY = {
    "outside": "not about the asker's own sales work",
    "change_crm": "asks to change records, calendars or mail",
    "small_talk": "greeting, thanks, or what the copilot can do",
    "unclear": "it cannot be told what is wanted",
}
MOST_CALLS = 6  # a round
MOST_BRACES = 100  # of a reply that is read for written calls


class Conversation:
    """One turn with a remote model. It sees questions, tool names, placeholders and cells; never a name of the book."""

    def __init__(
        self,
        client: Client,
        tools: Mapping[str, Tool],
        vocabulary: Vocabulary,
        bank: Bank,
        *,
        role: Role,
        earlier: Sequence[tuple[str, Sequence[Call], Sequence[str]]] = (),
    ) -> None:
        """Begin.

        Args:
            client: The model.
            tools: The tools this role may use, by name; no other is offered.
            vocabulary: The names the asker may know of.
            bank: Tells ordinary words from names.
            role: The asker's.
            earlier: The questions before, with their calls and the accounts of their answers.
        """
        self._client, self._tools, self._vocabulary, self._bank = client, tools, vocabulary, bank
        self._aliases = Aliases()
        said = [self._earlier(*turn) for turn in earlier]
        before = "\nEarlier in this conversation:\n" + "\n".join(said) if said else ""
        system = render("plan", role=role, today=vocabulary.today.isoformat(), earlier=before)
        self._messages: list[dict[str, Any]] = [{"role": "system", "content": system}]
        self._asked: list[ToolCall] = []
        self._facts = Facts((), {})
        self._question = ""

    def understand(self, question: str) -> Understanding:
        """Return the calls the model asks for first, or what it says instead of one.

        Raises:
            ModelFault: It gave neither.
        """
        self._question = question = question[:MOST_LETTERS]
        masked = self._aliases.masked(self._vocabulary.mark(question, self._bank))
        self._messages.append({"role": "user", "content": masked})
        self._asked = []
        text = ""
        for piece in self._reply():
            if isinstance(piece, ToolCall):
                self._ask(piece)
            else:
                text += piece
        if not self._asked:
            for call in _written(text):
                self._ask(call)
        calls = self._calls()
        if calls:
            return Understanding(calls=calls, confidence=1.0)
        if not self._asked:
            raise ModelFault("called no tool that it was offered")
        why = str(self._asked[0].arguments.get("why"))
        if why in replies.REFUSED:
            return Understanding(refused=replies.REFUSED[why], confidence=1.0)
        if why == "small_talk":
            return Understanding(small_talk=replies.small_talk(question, self._tools), confidence=1.0)
        readings = [replies.READINGS[name] for name in self._tools if name in replies.READINGS][:3]
        return Understanding(clarify={"question": replies.UNSURE, "readings": readings})

    def hand_over(self, results: Sequence[str | Facts]) -> Facts:
        """Put the results of the last calls before the model; return all facts it has by now.

        A cell keeps its short name for the whole turn, so that words may go back to a result before the last.

        Args:
            results: Per call, in order, its facts, or the sentence that says why there are none.
        """
        self._facts = Facts.merged([self._facts, *(result for result in results if isinstance(result, Facts))])
        calls = [call for call in self._asked if call.name != NO_TOOL][:MOST_CALLS]
        asked = [_asked(call) for call in calls]
        self._messages.append({"role": "assistant", "content": None, "tool_calls": asked})
        for call, result in zip(calls, results, strict=False):
            content = self._nameless(result) if isinstance(result, str) else self._shown(result)
            self._messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
        return self._facts

    def go_on(self) -> Iterator[str | Call]:
        """Yield the words, or the further calls, that the model gives to what was handed over.

        Raises:
            ModelFault: The model failed.
        """
        self._asked = []
        for piece in self._reply():
            if isinstance(piece, str):
                yield piece
            else:
                self._ask(piece)
        yield from self._calls()

    def _reply(self) -> Iterator[str | ToolCall]:
        offered = [_offered(tool) for tool in self._tools.values()]
        return self._client.stream(self._messages, tools=[*offered, _NO_TOOL])

    def _ask(self, call: ToolCall) -> None:
        """Note a call, unless its tool was not offered or its account is invented: no answer may quote such words."""
        if call.name == NO_TOOL or (call.name in self._tools and self._call(call) is not None):
            self._asked.append(call)

    def _calls(self) -> tuple[Call, ...]:
        found = [self._call(call) for call in self._asked if call.name != NO_TOOL]
        return tuple(call for call in found if call is not None)[:MOST_CALLS]

    def _call(self, call: ToolCall) -> Call | None:
        """Return a call with ids for placeholders and names, and without arguments that are the default anyway.

        None where it names an account that is neither in the book nor in the question.
        """
        fields = self._tools[call.name].arguments.model_fields
        arguments = self._aliases.values(call.arguments)
        kept = {
            name: self._id(value) if name in ("account", "accounts") else value
            for name, value in arguments.items()
            if value not in (None, "", []) and not (name in fields and fields[name].default == value)
        }
        named = [kept.get("account"), *(kept["accounts"] if isinstance(kept.get("accounts"), list) else ())]
        if any(isinstance(one, str) and self._is_invented(one) for one in named):
            return None
        return Call(call.name, kept)

    def _id(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._id(one) for one in value]
        if not isinstance(value, str) or value in self._vocabulary.accounts or "{{" in value:
            return value
        known = [one for one in self._vocabulary.mark(value, self._bank).mentions if one.known]
        letters = len(value.strip(" .,;:!?"))
        whole = len(known) == 1 and known[0].kind == "account" and known[0].end - known[0].start >= letters
        return known[0].value if whole else value

    def _is_invented(self, account: str) -> bool:
        known = account in self._vocabulary.accounts or "{{" in account
        return not known and fold(account) not in fold(self._question)

    def _earlier(self, question: str, calls: Sequence[Call], accounts: Sequence[str]) -> str:
        masked = self._aliases.masked(self._vocabulary.mark(question, self._bank))
        told = ", ".join(f"{call.name}({json.dumps(self._hidden(call.arguments))})" for call in calls)
        spoken = ", ".join(self._aliases.of("account", account) for account in accounts[:10])
        return f"- {masked} -> {told or 'no tool'}" + (f"; the answer spoke of {spoken}" if spoken else "")

    def _hidden(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments with placeholders for ids and for the book's own words."""
        kinds = {"account": "account", "accounts": "account", "product": "product", "region": "region"}
        kinds |= {"segment": "segment", "from_rep": "rep", "to_rep": "rep", "without_rep": "rep"}

        def hide(name: str, value: Any) -> Any:
            if isinstance(value, list):
                return [hide(name, one) for one in value]
            return self._aliases.of(kinds[name], value) if name in kinds and isinstance(value, str) else value

        return {name: hide(name, value) for name, value in arguments.items()}

    def _shown(self, facts: Facts) -> str:
        """Return facts as sentences with references, and what the references hold: names as placeholders."""
        values: dict[str, str] = {}
        names = {path: self._facts.names[path] for path in facts.names}
        for path, name in names.items():
            cell = facts.cells[path]
            if cell.metric == "account":
                values[name] = self._aliases.of("account", self._account_of(path, facts))
            elif not isinstance(cell.value, str):
                values[name] = cell.shown
        return json.dumps({"facts": facts.lines(names), "values": values}, ensure_ascii=False)

    def _nameless(self, sentence: str) -> str:
        """Return one of our own sentences ("the closest are …") with placeholders for the book's names."""
        book = self._vocabulary
        known = {name: ("account", key) for key, name in book.accounts.items() if name and name in sentence}
        own = {"rep": book.reps.values(), "product": book.products, "region": book.regions, "segment": book.segments}
        known |= {name: (kind, name) for kind, names in own.items() for name in names if name and name in sentence}
        longest_first = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
        if not known:
            return sentence
        return re.sub(rf"(?<!\w)(?:{longest_first})(?!\w)", lambda found: self._aliases.of(*known[found[0]]), sentence)

    @staticmethod
    def _account_of(path: str, facts: Facts) -> str:
        beside = facts.cells.get(path.rsplit(".", 1)[0] + ".account_id", facts.cells[path])
        return str(beside.value)


def allowed(tools: Mapping[str, Tool], names: Collection[str]) -> dict[str, Tool]:
    """Return the tools that may be offered."""
    return {name: tool for name, tool in tools.items() if name in names}


def _written(text: str) -> Iterator[ToolCall]:
    """Yield the calls that a server left in the reply's text, as small models write them: ``{"name": …, …}``."""
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0 and text.count("{") <= MOST_BRACES:
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            name, arguments = found.get("name"), found.get("arguments", found.get("parameters"))
            if isinstance(name, str) and isinstance(arguments, dict):
                yield ToolCall(f"call_{at}", name, arguments)
        at = text.find("{", end)


def _offered(tool: Tool) -> dict[str, Any]:
    """Return a tool in OpenAI's form."""
    schema = tool.arguments.model_json_schema()
    parameters = {key: schema[key] for key in ("type", "properties", "required", "$defs") if key in schema}
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": parameters},
    }


def _asked(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
    }


_NO_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": NO_TOOL,
        "description": "Say that no tool fits. " + "; ".join(f"{name}: {words}" for name, words in WHY.items()) + ".",
        "parameters": {
            "type": "object",
            "properties": {"why": {"type": "string", "enum": list(WHY)}},
            "required": ["why"],
        },
    },
}

"""A turn as messages of the chat: the question, folded steps, the answer as it grows, its sources and a last line.

Messages are plain dicts as Gradio's Chatbot takes them, so that everything here is tested without a browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from copilot.agent.events import Event, Finished, Step, Told, Wording
from copilot.store.database import Turn
from ui import markup
from ui.texts import step_title, texts

Message = dict[str, Any]


def said(content: str, *, role: str = "assistant", **more: Any) -> Message:
    """Return one message; ``content`` must be escaped already."""
    return {"role": role, "content": content, **more}


def asked(question: str) -> Message:
    """Return the asker's own message."""
    return said(markup.question(question), role="user")


@dataclass
class Running:
    """The messages of a turn under way, in the order they are shown."""

    question: str
    steps: dict[int, Message] = field(default_factory=dict)
    pieces: list[Told] = field(default_factory=list)
    wording: str = ""  # the model that is at it
    finished: Finished | None = None

    def take(self, event: Event) -> None:
        """Take the turn's next event."""
        if isinstance(event, Step):
            self.steps[event.number] = step(event)
        elif isinstance(event, Told):
            self.pieces.append(event)
        elif isinstance(event, Wording):
            self.wording = event.title
        else:
            self.finished = event

    def messages(self) -> list[Message]:
        """Return what there is to show by now."""
        shown = [asked(self.question), *self.steps.values()]
        if self.pieces:
            shown.append(said(answer_text(self.pieces)))
        elif self.finished:
            shown.append(said(markup.stored(self.finished.answer.answer)))
        if self.wording and not self.finished:
            line = texts()["wording"].format(model=self.wording)
            shown.append(said(f'<small class="sc-foot">{markup.plain(line)}</small>'))
        if self.finished:
            answer = self.finished.answer
            total = answer.timings_ms.get("total")
            shown += after(answer.sources, answer.as_of, answer.rung, total, answer.clarify)
        return shown

    def ended(self) -> list[Message]:
        """Return what was shown when the turn broke off; no step goes on running."""
        self.wording = ""
        for shown in self.steps.values():
            shown["metadata"]["status"] = "done"
        return self.messages()


def answer_text(pieces: list[Told]) -> str:
    """Join the pieces, each with its values marked; one that goes on stays in its paragraph."""
    text = ""
    for piece in pieces:
        text += (" " if piece.goes_on else "\n\n" if text else "") + markup.told(piece.form, piece.sources)
    return text


def step(event: Step) -> Message:
    """Return a step as a folded message: what it does in plain words, its arguments, and what came of it."""
    done = event.ok is not None
    title = step_title(event.name, done=done) if event.ok is not False else step_title(event.name, done=False)
    meta: dict[str, Any] = {
        "title": f"{title} – {texts()['failed']}" if event.ok is False else title,
        "log": event.name,
        "status": "done" if done else "pending",
    }
    if event.seconds is not None:
        meta["duration"] = round(event.seconds, 2)
    given = [(name.replace("_", " "), _argument(value)) for name, value in event.arguments.items()]
    content = markup.table(("Argument", "Value"), given) if given else "No arguments: everything in your scope."
    if event.summary:
        content += f"<br>{markup.plain(event.summary)}"
    return said(content, metadata=meta)


def old(turn: Turn) -> list[Message]:
    """Return a stored turn."""
    as_of = turn.as_of.isoformat() if turn.as_of else ""
    calls = [
        step(Step(number, call["name"], call["arguments"], bool(call["ok"])))
        for number, call in enumerate(turn.tool_calls, start=1)
    ]
    shown = [asked(turn.question), *calls, said(markup.stored(turn.answer))]
    return shown + after(turn.sources, as_of, turn.rung, turn.timings_ms.get("total"), turn.clarify)


def after(
    sources: Mapping[str, Any], as_of: str, rung: str, total_ms: float | None, clarify: Mapping[str, Any] | None
) -> list[Message]:
    """Return what follows an answer: its sources, folded, and a small last line with the readings as buttons."""
    behind = markup.sources_table(sources)
    words = [f"as of {as_of}"] if as_of else []
    words.append(texts()["rungs"].get(rung, rung))
    if total_ms is not None:
        words.append(f"{total_ms / 1000:.1f} s")
    shown = [said(behind, metadata={"title": texts()["sources"], "status": "done"})] if behind else []
    # The last message of a turn: buttons are shown below the last message only.
    buttons = [{"value": str(text), "label": str(text)} for text in (clarify or {}).get("readings", ())]
    return [*shown, said(f'<small class="sc-foot">{markup.plain(" · ".join(words))}</small>', options=buttons)]


def _argument(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

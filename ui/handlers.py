"""What happens on each event of the screen. Each first asks the store, by the request's cookie, who is there."""

from __future__ import annotations

import contextlib
import functools
import html
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import gradio as gr
from anyio import to_thread

from copilot.access import Principal
from copilot.errors import CopilotError
from copilot.store import proposals
from ui import approvals, markup, messages, opinions
from ui import book as book_html
from ui.login import COOKIE
from ui.messages import Message, Running
from ui.texts import texts

if TYPE_CHECKING:
    from ui.app import Desk

log = logging.getLogger("copilot.ui")
P = ParamSpec("P")
Updates = Iterator[dict[Any, Any]]
AsyncUpdates = AsyncIterator[dict[Any, Any]]
TURNS = 20  # of an old conversation that are shown


class Ended(CopilotError):
    """The session is over."""


@dataclass(frozen=True)
class View:
    """What one page shows; kept on the server. A page that is loaded anew begins empty.

    Attributes:
        thread: The conversation, once its first turn is stored.
        shown: The messages of its finished turns.
        turns: ``(index after the turn's last message, number in the store)`` of each turn.
        question: What is being answered.
        opinions: What the reader said of the last turn's explanation; None where it told no reasons.
        approval: What the last turn proposed, and where it stands.
    """

    thread: str | None = None
    shown: tuple[Message, ...] = ()
    turns: tuple[tuple[int, int], ...] = ()
    question: str = ""
    opinions: opinions.Opinions | None = None
    approval: approvals.Approval | None = None


def safely(
    handler: Callable[Concatenate[Handlers, P], Updates],
) -> Callable[Concatenate[Handlers, P], Updates]:
    """Show a ``CopilotError`` as its sentence; log anything else and say only that it happened."""

    @functools.wraps(handler)
    def run(self: Handlers, /, *args: P.args, **kwargs: P.kwargs) -> Updates:
        try:
            yield from handler(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  # the last resort: logged in _sentence, and told in one sentence
            gr.Warning(html.escape(_sentence(error)), title="")

    return run


def safely_async(
    handler: Callable[Concatenate[Handlers, P], AsyncUpdates],
) -> Callable[Concatenate[Handlers, P], AsyncUpdates]:
    """Do for an asynchronous handler what ``safely`` does."""

    @functools.wraps(handler)
    async def run(self: Handlers, /, *args: P.args, **kwargs: P.kwargs) -> AsyncUpdates:
        try:
            async for updates in handler(self, *args, **kwargs):
                yield updates
        except Exception as error:  # noqa: BLE001  # the last resort: logged in _sentence, and told in one sentence
            gr.Warning(html.escape(_sentence(error)), title="")

    return run


def _sentence(error: Exception) -> str:
    """Return what to tell a person of an error; one that is not ours is logged and stays untold."""
    if isinstance(error, CopilotError):
        return str(error)
    log.error("The screen could not do what was asked", exc_info=error)
    return str(texts()["broken"])


class Handlers:
    """The handlers, with the components they update. Each yields updates by component."""

    def __init__(
        self, desk: Desk, whose: Callable[[str | None], Principal | None], icon: str, **components: Any
    ) -> None:
        self.desk, self.whose, self.icon = desk, whose, icon
        self.chat, self.box, self.view, self.threads = (components[n] for n in ("chat", "box", "view", "threads"))
        self.book, self.header, self.state, self.names = (components[n] for n in ("book", "header", "state", "names"))
        self.opinion, self.approval = components["opinion"], components["approval"]

    @safely
    def open(self, request: gr.Request) -> Updates:
        """Fill the page when it is loaded."""
        who = self._who(request)
        starters = texts()["starters"].get(who.role, [])
        reads = who.role != "admin"
        greeting = f"## {texts()['welcome']}\n{texts()['subtitle']}" if reads else texts()["admin"]
        fresh = gr.Chatbot(value=[], examples=[{"text": line} for line in starters], placeholder=greeting)
        yield {
            self.header: self._header(who),
            self.threads: self._threads(who, None),
            self.chat: fresh,
            self.box: gr.Textbox(value="", interactive=reads),
            self.state: self._state(who),
        }
        names, rows = self._book(who)
        yield {self.book: rows, self.names: names}

    @safely_async
    async def ask(self, question: str, view: View, request: gr.Request) -> AsyncUpdates:
        """Answer what was typed."""
        who = await to_thread.run_sync(self._who, request)
        async for updates in self._ask(who, question, view):
            yield updates

    @safely_async
    async def ask_chosen(self, view: View, chosen: gr.SelectData, request: gr.Request) -> AsyncUpdates:
        """Answer a starter or a reading that was clicked; it is a question like any other."""
        who = await to_thread.run_sync(self._who, request)
        question = chosen.value.get("text", "") if isinstance(chosen.value, dict) else chosen.value
        async for updates in self._ask(who, str(question), view):
            yield updates

    @safely
    def stop(self, view: View, request: gr.Request) -> Updates:
        """Put the question back; the handler that was answering is cancelled by Gradio."""
        self._who(request)
        shown = [*view.shown]
        if view.question:
            shown += [messages.asked(view.question), messages.said(texts()["stopped"])]
        yield {self.chat: shown, self.box: _idle(view.question), self.view: replace(view, question="")}

    @safely
    def new(self, request: gr.Request) -> Updates:
        """Begin a new conversation."""
        who = self._who(request)
        yield {
            self.chat: [],
            self.box: _idle(""),
            self.view: View(),
            self.threads: self._threads(who, None),
            self.opinion: "",
            self.approval: "",
        }

    @safely
    def show(self, clicked: gr.EventData, request: gr.Request) -> Updates:
        """Show one of the user's own conversations; the store refuses any other."""
        who = self._who(request)
        thread = _clicked(clicked, "thread")
        shown: list[Message] = []
        turns: list[tuple[int, int]] = []
        said: opinions.Opinions | None = None
        proposed: approvals.Approval | None = None
        for number, turn in self.desk.store.numbered_turns(thread, who.username, limit=TURNS):
            shown += messages.old(turn)
            turns.append((len(shown), number))
            said = {} if opinions.explains(turn.sources) else None
            proposed = self._proposed(who, turn.approval) or _open(proposed)
        yield {
            self.chat: shown,
            self.box: _idle(""),
            self.view: View(thread, tuple(shown), tuple(turns), opinions=said, approval=proposed),
            self.threads: self._threads(who, thread),
            self.opinion: opinions.line(said),
            self.approval: approvals.line(proposed),
        }

    @safely
    def pick(self, names: tuple[tuple[str, str, str], ...], clicked: gr.EventData, request: gr.Request) -> Updates:
        """Put a question about the clicked row into the box, or keep what a rep says of its action.

        Whose account it is, and whether the action is still the one that the page shows, is decided by ``desk.react``
        and not by what the page holds. Looking at an own row with an action counts as opening its alert.
        """
        who = self._who(request)
        row, word = _clicked(clicked, "row"), _clicked(clicked, "feedback")
        if not row.isdecimal() or int(row) >= len(names):
            return
        name, account, action = names[int(row)]
        if word:
            self.desk.react(who, account, word, action)
            gr.Info(texts()["feedback_noted"], duration=2, title="")
            return
        yield {self.box: f"Tell me about {name}."}
        if who.role == "rep":
            with contextlib.suppress(CopilotError):  # an account without an action has no alert to open
                self.desk.react(who, account, "opened", action)

    @safely
    def like(self, view: View, liked: gr.LikeData, request: gr.Request) -> Updates:
        """Keep a thumb; which turn it is for is known here, the page only says at which message it was pressed."""
        who = self._who(request)
        place = liked.index[0] if isinstance(liked.index, list | tuple) else liked.index
        number = next((turn for end, turn in view.turns if place < end), None)
        if number is None or place < 0 or not self._is_own(view, number, who):
            return
        # A second press on the same thumb takes it back: Gradio then sends an empty text.
        opinion = liked.liked if isinstance(liked.liked, bool) else None
        data = {"thread": view.thread, "liked": opinion}
        self.desk.store.log_event(who.username, "thumb", f"turn-{number}", data, self.desk.clock())
        gr.Info(texts()["thanks"], duration=2, title="")
        yield from ()

    @safely
    def judge(self, view: View, clicked: gr.EventData, request: gr.Request) -> Updates:
        """Keep what the reader says of the last turn's explanation; the page says the aspect and yes or no alone."""
        who = self._who(request)
        if view.opinions is None or not view.turns or not self._is_own(view, view.turns[-1][1], who):
            return
        aspect = _clicked(clicked, "aspect")
        said = opinions.with_answer(view.opinions, aspect, _clicked(clicked, "answer"))
        if said is None:
            return
        data = {"thread": view.thread, "aspect": aspect, "praise": said.get(aspect)}
        subject = f"turn-{view.turns[-1][1]}"
        self.desk.store.log_event(who.username, "satisfaction", subject, data, self.desk.clock())
        yield {self.view: replace(view, opinions=said), self.opinion: opinions.line(said)}

    @safely
    def decide(self, view: View, clicked: gr.EventData, request: gr.Request) -> Updates:
        """Approve, reject or take back what the last turn proposed; the page says the verdict alone, not of what."""
        who = self._who(request)
        verdict = approvals.verdict(_clicked(clicked, "verdict"), view.approval)
        if verdict is None or view.approval is None:
            return
        settled = view.approval.settled(self.desk.decide(who, view.approval.name, verdict))
        yield {self.view: replace(view, approval=settled), self.approval: approvals.line(settled)}

    def _proposed(self, who: Principal, approval: Mapping[str, Any] | None) -> approvals.Approval | None:
        """Return where the proposal of a stored turn stands by now."""
        if approval is None:
            return None
        found = proposals.find(self.desk.store, approval["id"], who.username)
        return approvals.Approval(found.name, found.outcome or found.summary, found.status)

    def _is_own(self, view: View, number: int, who: Principal) -> bool:
        """Whether a turn is of the user's own conversation that the page shows."""
        if view.thread is None:
            return False
        return number in {n for n, _ in self.desk.store.numbered_turns(view.thread, who.username, limit=1000)}

    async def _ask(self, who: Principal, question: str, view: View) -> AsyncUpdates:
        question = question.strip()
        if not question:
            return
        running = Running(question)
        yield {
            self.chat: [*view.shown, *running.messages()],
            self.box: gr.Textbox(value="", submit_btn=False, stop_btn=True),
            self.view: replace(view, question=question),
            self.opinion: "",
            self.approval: approvals.line(_open(view.approval)),
        }
        sentence = texts()["broken"]
        try:
            events = self.desk.ask(question, who, view.thread)
            # Each step waits in a thread that can be left alone: stopping must not wait for a slow model's next word.
            while event := await to_thread.run_sync(next, events, None, abandon_on_cancel=True):
                running.take(event)
                if running.finished is None:  # the end is shown below, together with a box that takes the next question
                    yield {self.chat: [*view.shown, *running.messages()]}
        except Exception as error:  # noqa: BLE001  # the last resort: logged in _sentence, and told in one sentence
            sentence = _sentence(error)
        if running.finished is None:
            told = messages.said(markup.plain(sentence))
            yield {self.chat: [*view.shown, *running.ended(), told], self.box: _idle(question), self.view: view}
            return
        shown = (*view.shown, *running.messages())
        done = replace(
            view,
            thread=running.finished.answer.thread,
            shown=shown,
            turns=(*view.turns, (len(shown), running.finished.turn)),
            question="",
            opinions={} if opinions.explains(running.finished.answer.sources) else None,
            approval=await to_thread.run_sync(self._proposed, who, running.finished.answer.approval)
            or _open(view.approval),
        )
        yield {
            self.chat: list(shown),
            self.box: _idle(),
            self.view: done,
            self.threads: await to_thread.run_sync(self._threads, who, done.thread),
            self.opinion: opinions.line(done.opinions),
            self.approval: approvals.line(done.approval),
        }

    def _who(self, request: gr.Request) -> Principal:
        who = self.whose(dict(request.cookies).get(COOKIE))
        if who is None:
            raise Ended(texts()["ended"])
        return who

    def _book(self, who: Principal) -> tuple[tuple[tuple[str, str, str], ...], str]:
        """Return the rows' names, account ids and actions, which stay on the server, and the table."""
        if who.role == "admin":
            return (), book_html.notice(texts()["admin"])
        try:
            record = self.desk.book(who)
        except CopilotError as error:
            return (), book_html.notice(str(error))
        except Exception as error:  # noqa: BLE001  # the last resort: logged in _sentence, and told in one sentence
            _sentence(error)
            return (), book_html.notice(texts()["no_book"])
        rows = zip(book_html.names(record), book_html.accounts(record), book_html.actions(record), strict=True)
        return tuple(rows), book_html.table(record, answers=who.role == "rep")

    def _state(self, who: Principal) -> str:
        try:
            lines = list(self.desk.state(who))
        except CopilotError as error:
            lines = [str(error)]
        return "".join(f"<p>{html.escape(line)}</p>" for line in lines)

    def _threads(self, who: Principal, current: str | None) -> str:
        items = []
        for thread, begun, question in self.desk.store.threads(who.username):
            mark = ' aria-current="true"' if thread == current else ""
            items.append(
                f'<li><button type="button" data-thread="{html.escape(thread)}"{mark}>'
                f"<span>{html.escape(question[:120])}</span><time>{begun:%d %b}</time></button></li>"
            )
        heading = '<h2 class="sc-title">Conversations</h2>'
        return heading + (f"<ul>{''.join(items)}</ul>" if items else '<p class="sc-note">None yet.</p>')

    def _header(self, who: Principal) -> str:
        return (
            '<button type="button" class="sc-toggle" data-toggle="threads" aria-label="Conversations">☰</button>'
            f'<div class="sc-brand">{self.icon}<span>{html.escape(texts()["product"])}</span></div>'
            '<div class="sc-space"></div>'
            '<button type="button" class="sc-toggle" data-toggle="book">Book</button>'
            f'<span class="sc-who"><b>{html.escape(who.username)}</b> <i>{html.escape(who.role)}</i></span>'
            '<form method="post" action="/logout"><button type="submit" class="sc-out">Log out</button></form>'
        )


def _open(approval: approvals.Approval | None) -> approvals.Approval | None:
    """Return what still waits, so that it stays on the page while other things are asked."""
    return approval if approval and approval.status == "waiting" else None


def _clicked(event: gr.EventData, name: str) -> str:
    data = event._data if isinstance(event._data, dict) else {}
    return str(data.get(name) or "")


def _idle(value: str | None = None) -> Any:
    """Return the question box ready for a question; None leaves what somebody typed meanwhile."""
    kept: dict[str, Any] = {} if value is None else {"value": value}
    return gr.Textbox(submit_btn=True, stop_btn=False, **kept)

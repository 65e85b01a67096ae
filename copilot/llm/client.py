"""One client for any server that speaks OpenAI's chat completions: remote, or our own embedded one.

Whatever goes wrong on the way (refused, too slow, broken off, nonsense) ends as one ``ModelFault``: the caller goes on
with the next rung of the ladder, and no answer ever waits for a server longer than its limits say.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isnan
from time import monotonic
from typing import Any

LONGEST_REPLY = 20_000  # characters; a server that goes on and on is broken
MOST_BRACKETS = 100  # in a call's arguments; ours need four, and thousands within each other end in a RecursionError


class ModelFault(Exception):
    """A language model could not be used; the text says why in a few words. Never shown as an answer."""

    def __init__(self, text: str, *, rest: float = 0.0) -> None:
        super().__init__(text)
        self.rest = rest  # seconds after which the server said, or is known, to be worth another try


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool that a model asks for."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """How long a reply may take: seconds of silence, seconds in all, and its length in tokens."""

    silent: float = 10.0
    total: float = 60.0
    tokens: int = 700


@dataclass(frozen=True)
class Client:
    """A model behind an address.

    Attributes:
        base_url: As ``https://api.openai.com/v1``.
        key: The bearer token; servers that need none take any.
        model: Its name there.
        limits: Of one reply.
        local: Whether it is on this machine: then no proxy stands between.
    """

    base_url: str
    key: str
    model: str
    limits: Limits = field(default_factory=Limits)
    local: bool = False

    def stream(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        extra: Mapping[str, Any] | None = None,
        tokens: int | None = None,
    ) -> Iterator[str | ToolCall]:
        """Yield the pieces of the reply's text as they come, then the calls of tools it asks for.

        Args:
            messages: As OpenAI's API takes them.
            tools: Tools in OpenAI's form; none are offered if empty.
            extra: Fields that only our own server knows, such as ``grammar``.
            tokens: A smaller limit of length for this reply.

        Raises:
            ModelFault: The server refused, was too slow, broke off or sent what cannot be read.
        """
        asked: dict[str, Any] = {
            "model": self.model,
            "messages": list(messages),
            "stream": True,
            "temperature": 0,
            "max_tokens": tokens or self.limits.tokens,
        }
        if tools:
            asked["tools"] = list(tools)
        if extra:
            asked["extra_body"] = dict(extra)
        letters, calls, ended = 0, _Calls(), ""
        for chunk in _within(lambda: self._begun(asked), self.limits):
            said, brought, finish = _taken(chunk, calls)
            letters, ended = letters + brought, finish or ended
            if letters > LONGEST_REPLY:
                raise ModelFault("did not stop talking")
            if said:
                yield said
        if not ended:
            raise ModelFault("broke off in the middle of its reply")
        yield from calls.finished()

    def text(self, messages: Sequence[Mapping[str, Any]], **options: Any) -> str:
        """Return the whole text of a reply.

        Raises:
            ModelFault: As ``stream``.
        """
        return "".join(piece for piece in self.stream(messages, **options) if isinstance(piece, str))

    def _begun(self, asked: Mapping[str, Any]) -> Any:
        """Begin a reply. Some models refuse a temperature or the old name of the length limit: then without either."""
        import openai

        try:
            return self._open.chat.completions.create(**asked)
        except openai.BadRequestError:
            if self.local:
                raise
            plain = {name: value for name, value in asked.items() if name not in ("temperature", "max_tokens")}
            return self._open.chat.completions.create(**plain)

    @cached_property
    def _open(self) -> Any:
        import openai

        http = openai.DefaultHttpxClient(trust_env=False) if self.local else None
        return openai.OpenAI(
            base_url=self.base_url,
            api_key=self.key or "none",
            max_retries=0,  # the ladder's next rung is the retry
            timeout=min(self.limits.silent, self.limits.total),  # of each read: the reading thread must end, too
            http_client=http,
        )


def _taken(chunk: Any, calls: _Calls) -> tuple[str, int, str]:
    """Return a chunk's text, how many characters it brought and how the reply ended; pieces of calls go to ``calls``.

    Raises:
        ModelFault: It is an error, or no chunk at all: the client builds it of any JSON, whatever its types.
    """
    try:
        if getattr(chunk, "error", None):
            raise ModelFault("sent an error in the middle of its reply", rest=10.0)
        choice = next(iter(chunk.choices or ()), None)
        delta = getattr(choice, "delta", None)
        said = "" if delta is None else "" + (delta.content or "")
        brought = len(said) + calls.add((delta.tool_calls if delta is not None else None) or ())
        return said, brought, "" + ((choice.finish_reason if choice is not None else None) or "")
    except (AttributeError, TypeError, ValueError, KeyError):
        raise ModelFault("sent what cannot be read", rest=10.0) from None


class _Calls:
    """Puts the calls of tools together from their streamed pieces."""

    def __init__(self) -> None:
        self._found: list[dict[str, Any]] = []
        self._at: dict[int, dict[str, Any]] = {}

    def add(self, deltas: Iterable[Any]) -> int:
        """Take the pieces of one chunk in; return how many characters they brought."""
        letters = 0
        for delta in deltas:
            # A server that numbers nothing goes on with the call before.
            known = self._at.get(delta.index) if delta.index is not None else next(reversed(self._found), None)
            # Some servers number every call 0: another id under the same number is another call.
            if known is None or (delta.id and known["id"] and delta.id != known["id"]):
                known = {"id": "", "name": "", "arguments": ""}
                self._found.append(known)
            self._at[delta.index] = known
            known["id"] = known["id"] or delta.id or ""
            if delta.function is not None:
                name, arguments = delta.function.name or "", delta.function.arguments or ""
                known["name"] += name
                known["arguments"] += arguments
                letters += len(name) + len(arguments)
        return letters

    def finished(self) -> Iterator[ToolCall]:
        for place, call in enumerate(self._found):
            written = call["arguments"] or "{}"
            try:
                arguments = json.loads(written) if written.count("[") + written.count("{") <= MOST_BRACKETS else None
            except ValueError:
                arguments = None
            if not isinstance(arguments, dict) or not call["name"]:
                raise ModelFault("asked for a tool in JSON that cannot be read")
            yield ToolCall(call["id"] or f"call_{place}", call["name"], arguments)


def _within(open_stream: Callable[[], Any], limits: Limits) -> Iterator[Any]:
    """Yield a stream's chunks, read in a thread of its own so that no silence outlasts the limits.

    A read timeout alone is not enough: a server that sends a comment line now and then would never meet it.
    """
    pieces: queue.Queue[Any] = queue.Queue()
    stopped, streams = threading.Event(), []
    done = object()
    began = monotonic()

    def read() -> None:
        try:
            streams.append(open_stream())
            # Nobody may wait any more for a server that was slow to open; else nobody would close its reply.
            for chunk in () if stopped.is_set() else streams[0]:
                if stopped.is_set():
                    break
                if monotonic() - began > limits.total:  # chunks that follow one another fast never let a wait run out
                    raise ModelFault("took too long", rest=60.0)
                pieces.put(chunk)
            pieces.put(done)
        except Exception as error:  # noqa: BLE001  # every kind of failure moves the turn to the next rung
            pieces.put(_fault(error, begun=bool(streams)))
        finally:
            _close(streams)

    threading.Thread(target=read, daemon=True, name="model-reply").start()
    wait = limits.silent
    try:
        while True:
            try:
                piece = pieces.get(timeout=max(wait, 0.001))
            except queue.Empty:
                raise ModelFault("took too long", rest=60.0) from None
            if piece is done:
                return
            if isinstance(piece, ModelFault):
                raise piece
            yield piece
            wait = min(limits.silent, limits.total - (monotonic() - began))
    finally:
        stopped.set()
        _close(streams)


def _close(streams: Sequence[Any]) -> None:
    for stream in streams:
        with contextlib.suppress(Exception):
            stream.close()


def _fault(error: Exception, *, begun: bool) -> ModelFault:
    """Say in a few words what went wrong before or after the reply began; nothing of the server's own text goes on."""
    import openai

    if isinstance(error, ModelFault):
        return error
    if isinstance(error, openai.APITimeoutError):
        return ModelFault("took too long", rest=60.0)
    if isinstance(error, openai.APIStatusError):
        if error.status_code in (401, 403):
            return ModelFault(f"refused the key ({error.status_code})", rest=300.0)
        if error.status_code == 429:
            return ModelFault(
                "is asked too often (429)", rest=_seconds(error.response.headers.get("retry-after"), 30.0)
            )
        return ModelFault(f"answered with status {error.status_code}", rest=30.0)
    if not begun:
        return ModelFault("cannot be reached", rest=30.0)
    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
        return ModelFault("sent an error in the middle of its reply", rest=10.0)
    if isinstance(error, ValueError | TypeError | AttributeError | KeyError | IndexError):
        return ModelFault("sent what cannot be read", rest=10.0)
    return ModelFault("broke off in the middle of its reply", rest=10.0)


def _seconds(said: str | None, otherwise: float) -> float:
    try:
        wanted = float(said or "")
    except ValueError:
        return otherwise
    return otherwise if isnan(wanted) else min(max(wanted, 1.0), 600.0)

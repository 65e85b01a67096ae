"""A server of the tests that speaks OpenAI's wire format: real HTTP on 127.0.0.1, scripted reply by reply."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep
from typing import Any

PATIENCE = 30  # seconds; a bound for what hangs, not an expectation
DONE = b"data: [DONE]\n\n"


class Cut(Exception):
    """The script ends the connection here, without a word."""


class Line:
    """One connection as a part of a script sees it."""

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler

    def write(self, data: bytes) -> None:
        """Send one HTTP chunk; BrokenPipeError and its kin where the other side has left."""
        self._handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self._handler.wfile.flush()

    def stay(self) -> None:
        """Say nothing until the other side leaves, or the server ends."""
        wire, line = self._handler.wire, self._handler.connection
        while not wire.over.wait(0.01):
            if select.select([line], [], [], 0)[0] and not line.recv(1, socket.MSG_PEEK):
                wire.left.set()
                return

    def repeat(self, data: bytes, pause: float) -> None:
        """Send the same again and again until the other side leaves, or the server ends."""
        while not self._handler.wire.over.wait(pause):
            self.write(data)


Part = bytes | Callable[[Line], None]


@dataclass(frozen=True)
class Reply:
    """What one request gets: parts are sent as they stand or called with the line; status and headers go first."""

    parts: Sequence[Part] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "text/event-stream"
    drip: float = 0.0  # seconds between the letters of the head
    silent: bool = False  # nothing at all comes back until the other side leaves


Script = Reply | Callable[[dict[str, Any]], Reply]  # a function is given the request's body


class Wire:
    """The server: what it was asked, in order, and what it is to answer."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.raw: list[str] = []  # the requests' bodies as they came
        self.heads: list[dict[str, str]] = []
        self.over, self.left = threading.Event(), threading.Event()
        self._replies: deque[Script] = deque()
        self._lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"wire": self}))
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        """The address as a client is given it."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def script(self, *replies: Script) -> Wire:
        """Answer the next requests so, in order; a request beyond these is answered with status 599."""
        self._replies.extend(replies)
        return self

    def take(self, body: str, head: dict[str, str]) -> Reply:
        """Note a request and return its reply."""
        with self._lock:
            self.raw.append(body)
            self.asked.append(json.loads(body) if body else {})
            self.heads.append(head)
            script = self._replies.popleft() if self._replies else Reply(status=599, kind="text/plain")
        return script(self.asked[-1]) if callable(script) else script


class _Handler(BaseHTTPRequestHandler):
    wire: Wire
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        reply = self.wire.take(body, {key.lower(): value for key, value in self.headers.items()})
        line = Line(self)
        self.close_connection = True
        try:
            if reply.silent:
                return line.stay()
            fields = {
                "Content-Type": reply.kind,
                "Transfer-Encoding": "chunked",
                "Connection": "close",
                **reply.headers,
            }
            head = [f"HTTP/1.1 {reply.status} So", *(f"{key}: {value}" for key, value in fields.items()), "", ""]
            whole = "\r\n".join(head)
            for piece in whole if reply.drip else [whole]:
                self.wfile.write(piece.encode())
                sleep(reply.drip)
            for part in reply.parts:
                if callable(part):
                    part(line)
                else:
                    line.write(part)
            self.wfile.write(b"0\r\n\r\n")
        except Cut:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            self.wire.left.set()
        return None

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output quiet."""


@contextmanager
def serving() -> Iterator[Wire]:
    """Serve until the context ends."""
    wire = Wire()
    thread = threading.Thread(target=wire.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.over.set()
        wire.server.shutdown()
        wire.server.server_close()
        thread.join(PATIENCE)


# --- Pieces of replies ---


def data(content: Any, end: str = "\n\n") -> bytes:
    """Return one server-sent event."""
    return b"data: " + (content if isinstance(content, str) else json.dumps(content)).encode() + end.encode()


def chunk(delta: Mapping[str, Any], finish: str | None = None, **other: Any) -> dict[str, Any]:
    """Return one chunk of a streamed reply."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **other}


def text(*pieces: str) -> list[bytes]:
    """Return pieces of text as events."""
    return [data(chunk({"content": piece})) for piece in pieces]


def tool(index: int | None, *, id: str | None = None, name: str | None = None, arguments: Any = None) -> bytes:
    """Return one delta of one call of a tool."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    fields = {"index": index, "id": id, "type": "function" if id else None, "function": function}
    return data(chunk({"tool_calls": [{key: value for key, value in fields.items() if value is not None}]}))


def end(finish: str = "stop") -> list[bytes]:
    """Return how a whole reply ends."""
    return [data(chunk({}, finish)), DONE]


def says(*pieces: str) -> Reply:
    """Return a whole reply of text."""
    return Reply([data(chunk({"role": "assistant", "content": ""})), *text(*pieces), *end()])


def calls(*wanted: tuple[str, Mapping[str, Any]], before: str = "") -> Reply:
    """Return a whole reply that calls tools."""
    asked = [
        tool(place, id=f"id-{place}", name=name, arguments=json.dumps(arguments))
        for place, (name, arguments) in enumerate(wanted)
    ]
    return Reply([*text(*([before] if before else [])), *asked, *end("tool_calls")])


def stay(line: Line) -> None:
    """Hang until the other side leaves."""
    line.stay()


def cut(line: Line) -> None:
    """Break the connection off."""
    raise Cut


def forever(content: bytes, pause: float = 0.01) -> Part:
    """Return a part that never ends."""
    return lambda line: line.repeat(content, pause)


def until(true: Callable[[], Any]) -> bool:
    """Wait for something that must come; False if it does not within PATIENCE."""
    stop = monotonic() + PATIENCE
    while not true() and monotonic() < stop:
        sleep(0.01)
    return bool(true())


def replies_in_flight() -> list[threading.Thread]:
    """Return the threads that still read a reply."""
    return [thread for thread in threading.enumerate() if thread.name == "model-reply"]

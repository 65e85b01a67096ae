"""The gate in front of every request: only named doors are open, and only to a session of this product.

Written as plain ASGI, so that Gradio's streams pass through unbuffered. Whatever Gradio adds later stays closed.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from copilot.access import Principal
from ui.login import COOKIE

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PUBLIC = {("GET", "/login"), ("POST", "/login"), ("GET", "/health")}
PAGES = re.compile(
    r"/|/config|/theme\.css|/gradio_api/(?:theme\.css|app_id|startup-events)|/favicon\.ico|/manifest\.json"
)
ASSETS = re.compile(r"/(?:assets|static|svelte)/[\w./@+-]+")
STREAMS = re.compile(r"/gradio_api/(?:queue/data|heartbeat/(?P<hash>\w+))")
CALLS = re.compile(r"/gradio_api/(?:queue/join|cancel|reset)|/logout")
LARGEST_BODY = 256 * 1024
MOST_BOUND = 20_000  # Gradio itself remembers the state of 10 000 pages
_GRADIO_CSP = (
    # Gradio compiles small templates in the page, so it needs inline scripts and eval; nothing may come from elsewhere.
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; media-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _GRADIO_CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not "no-referrer": with it browsers send "Origin: null" with our own forms, which then look like foreign ones.
    # Nothing is told to other hosts either way.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass
class Guard:
    """ASGI middleware.

    Attributes:
        app: What is behind the gate.
        whose: Returns whose session a token is, fresh from the store, or None.
    """

    app: App
    whose: Callable[[str | None], Principal | None]
    _pages: OrderedDict[str, str] = field(default_factory=OrderedDict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no websockets
            await send({"type": "websocket.close", "code": 1008})
            return
        send = _with_headers(send)
        refusal, receive = await self._examine(scope, receive)
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await _answer(send, *refusal)

    async def _examine(self, scope: Scope, receive: Receive) -> tuple[tuple[int, str] | None, Receive]:
        from starlette.concurrency import run_in_threadpool

        method, path = scope["method"], scope["path"]
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        reads = method in ("GET", "HEAD")
        if not reads and not _own_origin(headers):
            return (403, "This request came from another page."), receive
        if (method, path) in PUBLIC:
            return None, receive
        principal = await run_in_threadpool(self.whose, _cookie(headers.get("cookie", "")))
        if principal is None:
            as_page = reads and not path.startswith("/gradio_api") and path != "/config"
            return ((303, "/login") if as_page else (401, "Please log in.")), receive
        if reads and (PAGES.fullmatch(path) or (ASSETS.fullmatch(path) and ".." not in path)):
            return None, receive
        if method == "GET" and (found := STREAMS.fullmatch(path)):
            asked = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [])
            return self._bind([found["hash"]] if found["hash"] else asked, principal), receive
        if method == "POST" and CALLS.fullmatch(path):
            if path == "/logout":
                return None, receive
            return await self._examine_call(path, principal, receive)
        return (404, "There is nothing here."), receive

    async def _examine_call(
        self, path: str, principal: Principal, receive: Receive
    ) -> tuple[tuple[int, str] | None, Receive]:
        """Read the call's body, check whose page it speaks of, and hand the same body on."""
        body = await _body(receive)
        if body is None:
            return (413, "That is too long."), receive
        try:
            sent = json.loads(body)
        except ValueError:
            return (400, "That is not JSON."), receive
        sent = sent if isinstance(sent, dict) else {}
        named = sent.get("session_hash")
        if path.endswith("/reset"):  # does nothing in Gradio 6 and names an event only
            return None, _replay(body, receive)
        return self._bind([named] if isinstance(named, str) else [], principal), _replay(body, receive)

    def _bind(self, pages: list[str], principal: Principal) -> tuple[int, str] | None:
        """Tie a page (Gradio's ``session_hash``) to the user who first used it."""
        if len(pages) != 1 or not re.fullmatch(r"\w{6,40}", pages[0]):
            return 400, "The page's own number is missing."
        owner = self._pages.setdefault(pages[0], principal.username)
        if owner != principal.username:
            return 403, "This page belongs to somebody else."
        self._pages.move_to_end(pages[0])
        while len(self._pages) > MOST_BOUND:
            self._pages.popitem(last=False)
        return None


def _cookie(header: str) -> str | None:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def _own_origin(headers: dict[str, str]) -> bool:
    """Whether a POST comes from one of our own pages: browsers state one of these two, scripts of others cannot."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is not None:
        return urlsplit(origin).netloc == headers.get("host", "")
    return site == "same-origin"


async def _body(receive: Receive) -> bytes | None:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return waiting.pop() if waiting else await receive()

    return again


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [(name.lower(), value) for name, value in message.get("headers", [])]
            present = {name for name, _ in kept}
            added = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in present]
            if not any(value.startswith((b"text/css", b"text/javascript", b"application/javascript", b"font/"))
                       for name, value in kept if name == b"content-type"):  # fmt: skip
                # What a person was shown must not come back after logging out.
                kept = [pair for pair in kept if pair[0] != b"cache-control"]
                added.append((b"cache-control", b"no-store"))
            message = {**message, "headers": kept + added}
        await send(message)

    return sending


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"application/json")]
    if status == 303:
        headers.append((b"location", text.encode()))
    body = b"" if status == 303 else json.dumps({"detail": text}).encode()
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""The login page: a plain HTML form that works without JavaScript, and the session's cookie."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.store import sessions
from copilot.store.database import Store
from ui.texts import texts
from ui.throttle import Throttle

if TYPE_CHECKING:
    from fastapi import FastAPI

COOKIE = "copilot_session"
FAVICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32'"
    " rx='8' fill='%230f766e'/%3E%3Cpath d='M8 21l6-6 4 4 7-8' stroke='white' stroke-width='3' fill='none'"
    " stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E"
)
STYLE = (Path(__file__).parent / "login.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CSP = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_MOST = 4096  # bytes of a form


def page(message: str = "", username: str = "") -> str:
    """Return the page; ``message`` says why the last attempt failed."""
    told = f'<p class="error" role="alert">{html.escape(message)}</p>' if message else ""
    name, product = html.escape(username[:40], quote=True), html.escape(texts()["product"])
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · {product}</title><link rel="icon" href="{FAVICON}"><style>{STYLE}</style></head>
<body><main><h1><img src="{FAVICON}" alt="" width="36" height="36">{product}</h1>{told}
<form method="post" action="/login">
<label for="username">User name</label>
<input id="username" name="username" value="{name}" autocomplete="username" autocapitalize="none" spellcheck="false"
 maxlength="40" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="200" required>
<button type="submit">Log in</button>
</form></main></body></html>"""


def add_routes(app: FastAPI, store: Store, clock: Callable[[], datetime]) -> None:
    """Add ``GET /login``, ``POST /login`` and ``POST /logout``. The guard has checked where a POST comes from."""
    from urllib.parse import parse_qs

    from anyio import CapacityLimiter, to_thread
    from fastapi import Request
    from fastapi.responses import HTMLResponse, RedirectResponse, Response

    throttle = Throttle(clock)
    # One attempt after the other: a hash takes 46 MiB, and attempts side by side would all pass before one has failed.
    one_by_one = CapacityLimiter(1)

    def attempt(username: str, password: str, address: str) -> tuple[str | None, str]:
        """Return the new session's token, or why there is none."""
        keys = (f"user {username}", f"address {address}")
        seconds = throttle.wait(keys)
        if seconds:
            return None, texts()["login"]["wait"].format(seconds=seconds)
        principal = store.check_password(username, password)
        if principal is None:
            throttle.failed(keys)
            return None, texts()["login"]["refused"]
        throttle.succeeded(keys[0])
        return sessions.begin(store, principal.username, clock()), ""

    def answer(message: str, username: str, status: int) -> HTMLResponse:
        return HTMLResponse(page(message, username), status, {"Content-Security-Policy": CSP})

    async def show(_request: Request) -> Response:
        return answer("", "", 200)

    async def log_in(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _MOST:
                return answer(texts()["login"]["refused"], "", 413)
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=8)
        username, password = (fields.get(name, [""])[0] for name in ("username", "password"))
        username = username.strip().lower()
        address = request.client.host if request.client else "unknown"
        token, message = await to_thread.run_sync(attempt, username, password, address, limiter=one_by_one)
        if token is None:
            status = 401 if message == texts()["login"]["refused"] else 429
            return answer(message, username, status)
        response = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        limit = int(sessions.LONGEST.total_seconds())
        response.set_cookie(COOKIE, token, limit, path="/", secure=secure, httponly=True, samesite="strict")
        return response

    async def log_out(request: Request) -> Response:
        await to_thread.run_sync(sessions.end, store, request.cookies.get(COOKIE))
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    app.router.add_route("/login", show, methods=["GET"])
    app.router.add_route("/login", log_in, methods=["POST"])
    app.router.add_route("/logout", log_out, methods=["POST"])

"""The chat in the browser: one application with login, guard and Gradio's screen, and the server that runs it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from copilot.access import Principal
from copilot.agent.approval import Settled, Verdict
from copilot.agent.events import Event
from copilot.errors import BadInput
from copilot.store import sessions
from copilot.store.database import Store, utc_now
from copilot.text.cells import Record

if TYPE_CHECKING:
    from fastapi import FastAPI


def _deaf(_who: Principal, _account: str, _word: str, _action: str) -> None:
    raise BadInput("This screen keeps no reactions.")


def _undecided(_who: Principal, _proposal: str, _verdict: Verdict) -> Settled:
    raise BadInput("This screen settles no proposals.")


@dataclass(frozen=True)
class Desk:
    """What the screen needs from the house. Each function raises ``CopilotError`` with one sentence for the person.

    Attributes:
        store: Users, sessions, conversations and events.
        ask: ``(question, principal, thread or None)`` to the turn's events.
        book: The asker's ranked book (the record of ``rank_accounts``, at most 50 rows).
        state: Lines about the models and the data, shown below the question box.
        clock: The present moment, with its time zone.
        react: ``(principal, account id, word, action)`` keeps what a rep says of the action of an own account; the
            word is one of ``copilot.jobs.reactions.WORDS``, the action the one that the page shows.
        decide: ``(principal, proposal, verdict)`` settles a proposal of their own.
    """

    store: Store
    ask: Callable[[str, Principal, str | None], Iterator[Event]]
    book: Callable[[Principal], Record]
    state: Callable[[Principal], Sequence[str]]
    clock: Callable[[], datetime] = utc_now
    react: Callable[[Principal, str, str, str], object] = _deaf
    decide: Callable[[Principal, str, Verdict], Settled] = _undecided


def build(desk: Desk) -> FastAPI:
    """Return the application: ``/login``, ``/logout``, ``/health`` and the chat at ``/``."""
    # Before the import: Gradio reads these once, and would otherwise report its start to its makers.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gradio as gr
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    from ui import login, look, screen
    from ui.guard import Guard

    def whose(token: str | None) -> Principal | None:
        return sessions.resume(desk.store, token, desk.clock())

    app = FastAPI(title="Sales copilot", docs_url=None, redoc_url=None, openapi_url=None)

    async def health(_request: object) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    app.router.add_route("/health", health, methods=["GET"])
    login.add_routes(app, desk.store, desk.clock)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        screen.blocks(desk, whose),
        path="/",
        theme=look.theme(),
        css=look.style(),
        head=look.head(),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        max_file_size="1kb",  # nothing is uploaded; the guard closes the door too
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
    )
    mounted.add_middleware(Guard, whose=whose)
    return mounted


def serve(desk: Desk, *, host: str, port: int, opened: Callable[[str], None]) -> None:
    """Run the chat until Ctrl-C.

    Args:
        desk: What the screen needs.
        host: The address to listen on; ``127.0.0.1`` lets nobody else in.
        port: The port; 0 takes a free one.
        opened: Called with the page's address once it answers.

    Raises:
        BadInput: The port is taken or the address is not this machine's.
    """
    import socket

    import uvicorn

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadInput(f"The chat cannot listen on {host}:{port} ({reason}); choose another with --port.") from None
        taken = listening.getsockname()[1]
        shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, f"[{host}]" if ":" in host else host)

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.started:
                    opened(f"http://{shown}:{taken}")

        # Streams of open pages never end by themselves, so Ctrl-C must not wait for them.
        config = uvicorn.Config(
            build(desk), log_level="warning", server_header=False, proxy_headers=False, timeout_graceful_shutdown=2
        )
        try:
            Server(config).run(sockets=[listening])
        except KeyboardInterrupt:  # uvicorn raises it again after an orderly end
            return

"""The desk behind the protocol: over stdio for whoever owns the workspace, over HTTP for whoever has a token."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_REQUEST,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import AnyHttpUrl

import copilot
from copilot.agent import tool as agent
from copilot.errors import BadInput, CopilotError
from copilot.explain.answers.common import templates
from copilot.mcp.desk import ASK, Desk, Found, Question, Reply
from copilot.mcp.limits import Session
from copilot.store import tokens
from copilot.store.database import Store

HOST = "127.0.0.1"
TAINT_LASTS = timedelta(days=1)  # HTTP has no sessions here: what a token has read counts for so long
Context = ServerRequestContext[Any, Any]


def server(desk: Desk, session: Callable[[], Session]) -> Server[Any]:
    """Return the SDK's server with the desk behind it: tools alone, neither resources nor prompts.

    Args:
        desk: Answers the calls.
        session: Whose request is being answered.
    """

    async def list_tools(_context: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
        try:
            offered = await asyncio.to_thread(desk.offered, session())
        except CopilotError as error:
            raise MCPError(INVALID_REQUEST, str(error)) from None
        # Never shared or kept: another token may have another role, and a role may change.
        return ListToolsResult(tools=[*map(described, offered), _ask()], ttl_ms=0, cache_scope="private")

    async def call_tool(_context: Context, params: CallToolRequestParams) -> CallToolResult:
        return _result(await asyncio.to_thread(desk.call, session(), params.name, params.arguments or {}))

    made: Server[Any] = Server(
        "sales-copilot",
        version=copilot.__version__,
        instructions=templates("mcp")["instructions"],
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=lambda _name: None,  # no argument of ours travels as a header
    )
    made.middleware.clear()  # no tracing, whatever the environment asks for
    return made


def serve_stdio(desk: Desk, username: str) -> None:
    """Answer one person's client over stdin and stdout until it closes them.

    Raises:
        BadInput: There is no such user.
    """
    desk.store.principal(username)
    session = Session(username, "stdio")
    serving = server(desk, lambda: session)

    async def run() -> None:
        async with stdio_server() as (reading, writing):
            await serving.run(reading, writing, serving.create_initialization_options())

    asyncio.run(run())


def application(desk: Desk) -> Callable[..., Any]:
    """Return the ASGI application that answers at ``/mcp`` whoever brings a token that holds.

    Each request stands alone, so that a session can neither be stolen nor outlive its token. Requests with a Host or
    an Origin of elsewhere are refused by the SDK, so that no web page can reach it by DNS rebinding.
    """
    return server(desk, _bearer).streamable_http_app(
        json_response=True,
        stateless_http=True,
        host=HOST,
        # No authorization server stands behind it: `users --token` alone makes tokens.
        auth=AuthSettings(issuer_url=AnyHttpUrl(f"http://{HOST}"), resource_server_url=None),
        token_verifier=Verifier(desk.store, desk.clock),
    )


def serve_http(desk: Desk, port: int, ready: Callable[[str], None]) -> None:
    """Answer over HTTP on this machine until Ctrl-C.

    Args:
        desk: Answers the calls.
        port: To listen on; 0 takes a free one.
        ready: Called with the address once it answers.

    Raises:
        BadInput: The port is taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadInput(f"MCP cannot listen on {HOST}:{port} ({reason}); choose another with --port.") from None
        address = f"http://{HOST}:{listening.getsockname()[1]}/mcp"

        class Announcing(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.started:
                    ready(address)

        config = uvicorn.Config(
            application(desk),
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
        )
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again after an orderly end
            Announcing(config).run(sockets=[listening])


class Verifier:
    """The SDK's ``TokenVerifier`` over the store; it is asked at each request."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return whose token it is, if it holds; the token itself goes no further than here."""
        who = await asyncio.to_thread(tokens.holder, self._store, token, self._clock())
        if who is None:
            return None
        return AccessToken(token=tokens.digest(token), client_id=who.username, subject=who.username, scopes=[])


def _bearer() -> Session:
    """Return the session of the request being answered: its token's."""
    found = get_access_token()
    if found is None or found.subject is None:  # the SDK has refused such a request before
        raise MCPError(INVALID_REQUEST, "A token is needed: `sales-copilot users --token NAME` makes one.")
    return Session(found.subject, found.token, TAINT_LASTS)


def described(tool: agent.Tool) -> Tool:
    """Return a tool of ours in the protocol's form."""
    return Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.arguments.model_json_schema(),
        output_schema=Found.model_json_schema(),
        # What it would write only waits for a person, so that a call destroys nothing.
        annotations=ToolAnnotations(read_only_hint=not tool.writes, destructive_hint=False, open_world_hint=False),
    )


def _ask() -> Tool:
    return Tool(
        name=ASK,
        description=templates("mcp")["ask"],
        input_schema=Question.model_json_schema(),
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False),
    )


def _result(reply: Reply) -> CallToolResult:
    content = None if reply.content is None else dict(reply.content)
    return CallToolResult(
        content=[TextContent(type="text", text=reply.text)], structured_content=content, is_error=reply.failed
    )

"""The MCP server over HTTP on the tiny book: its own database, a clock that tests may turn, clients of the real SDK."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import anyio
import httpx
import httpx2
import numpy as np
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Tool

from copilot import rooms
from copilot.access import Principal
from copilot.agent.approval import Settled, Verdict, settle
from copilot.agent.scope import scope_of
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.mcp.desk import Desk
from copilot.mcp.limits import Budget, Taint
from copilot.mcp.server import application
from copilot.store import tokens
from copilot.store.database import Store
from tests.conftest import NOW


@dataclass
class Site:
    """The running server."""

    place: Workspace
    store: Store
    now: datetime = NOW
    url: str = ""
    desk: Any = None

    def token(self, username: str) -> str:
        """Make a token."""
        return tokens.make(self.store, username, self.now)

    def with_client(self, token: str, act: Callable[[Client], Awaitable[Any]], mode: str = "auto") -> Any:
        """Connect as whoever has the token and let ``act`` run."""

        async def run() -> Any:
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx2.AsyncClient(headers=headers, verify=False) as http:  # no TLS here, so no certificates
                transport = streamable_http_client(self.url, http_client=http)
                async with Client(transport, mode=mode) as client:
                    return await act(client)

        return anyio.run(run)

    def tools(self, token: str) -> dict[str, Tool]:
        """List the tools by name."""
        listed = self.with_client(token, lambda client: client.list_tools())
        return {tool.name: tool for tool in listed.tools}

    def call(self, token: str, name: str, /, **arguments: Any) -> CallToolResult:
        """Call one tool."""
        found: CallToolResult = self.with_client(token, lambda client: client.call_tool(name, arguments))
        return found

    def status(self, token: str | None, **headers: str) -> int:
        """Return the HTTP status of a request that lists the tools."""
        given = {"Accept": "application/json, text/event-stream", **headers}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        return httpx.post(self.url, json=body, headers=given, verify=False).status_code

    def settle(self, name: str, verdict: Verdict, username: str) -> Settled:
        """Decide as the person."""
        who, rng = self.store.principal(username), np.random.default_rng(7)
        return settle(self.place, self.store, self.desk.tools, name, who, verdict, clock=lambda: self.now, rng=rng)

    def with_action(self, rep: str = "R-ana") -> list[tuple[str, str]]:
        """Return id and name of a rep's accounts that have a recommended action."""
        accounts = open_snapshot(self.place).scores("accounts", scope_of(Principal("x", "rep", rep), self.place.book()))
        mine = accounts[accounts["action"].notna()]
        return list(zip(mine["account_id"], mine["name"], strict=True))


@pytest.fixture(scope="session")
def site(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server, for all tests of this folder; each makes tokens of its own."""
    home = tmp_path_factory.mktemp("mcp") / "tiny"
    shutil.copytree(tiny.root, home, symlinks=True)
    place = Workspace(home)
    with Store.open(place.database, clock=lambda: site.now) as store:
        site = Site(place, store)

        def clock() -> datetime:
            return site.now

        tools, budget, taint = dict(rooms.registry()), Budget(clock, 1000), Taint(clock)
        site.desk = Desk(place, store, tools, clock, lambda: np.random.default_rng(7), budget, taint)
        serving = uvicorn.Server(uvicorn.Config(application(site.desk), port=0, log_level="warning"))
        thread = threading.Thread(target=serving.run, daemon=True)
        thread.start()
        while not serving.started:
            time.sleep(0.01)
        port = serving.servers[0].sockets[0].getsockname()[1]
        site.url = f"http://127.0.0.1:{port}/mcp"
        yield site
        serving.should_exit = True
        thread.join(10)

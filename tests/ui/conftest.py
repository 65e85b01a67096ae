"""The real chat over the tiny book: its own database, a server on a free port, and Chromium in front of it."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

from copilot.access import Ctx, Principal
from copilot.agent.approval import Settled, Verdict, settle
from copilot.agent.events import Event
from copilot.data.demo.directory import DEMO_USERS
from copilot.data.snapshot import open_snapshot
from copilot.data.workspace import Workspace
from copilot.errors import NotSetUp
from copilot.store.database import Store
from copilot.text.cells import Record

if TYPE_CHECKING:
    from ui.app import Desk

PASSWORD = "a good password"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


def now() -> datetime:
    """The present moment: sessions of a browser run by it."""
    return datetime.now(UTC)


@dataclass
class Site:
    """The running chat."""

    url: str
    desk: Desk
    ranked: dict[str, list[str]]  # account names by user, best first
    paths: list[tuple[str, str]]  # (method, path) of every route there is, Gradio's included
    gate: threading.Event = field(default_factory=threading.Event)  # lets the slow question go on

    @property
    def store(self) -> Store:
        """Its database."""
        return self.desk.store

    def client(self, username: str | None = None) -> httpx.Client:
        """Return an HTTP client, logged in as ``username``; it says where its requests come from as browsers do."""
        client = httpx.Client(base_url=self.url, headers={"origin": self.url}, timeout=20)
        if username:
            answer = client.post("/login", data={"username": username, "password": PASSWORD})
            assert answer.status_code == 303, answer.text
        return client


@pytest.fixture(scope="session")
def site(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The chat over the tiny workspace, with the five people of the demo; all of it is real but three questions."""
    import uvicorn

    from copilot import rooms
    from copilot.agent.ask import stream
    from copilot.agent.scope import scope_of
    from copilot.jobs.reactions import note
    from ui.app import Desk, build

    store = Store.open(tmp_path_factory.mktemp("chat") / "copilot.db")
    for name, role, rep in DEMO_USERS:
        store.add_user(name, role, rep)
        store.set_password(name, PASSWORD)
    tools, gate = rooms.registry(), threading.Event()

    def ask(question: str, who: Principal, thread: str | None) -> Iterator[Event]:
        rng = np.random.default_rng(7)
        if question == "Fail in one sentence":
            raise NotSetUp("There is no snapshot yet; run `sales-copilot score` <b>first</b>.")
        if question == "Fail unexpectedly":
            raise ValueError("the inside of the machine")
        for event in stream(tiny, store, tools, question, who, thread=thread, clock=now, rng=rng):
            yield event
            if question.startswith("Slowly"):
                gate.wait(20)

    def book(who: Principal) -> Record:
        if who.username == "noor":
            raise NotSetUp("There is no snapshot yet; run `sales-copilot score`.")
        snapshot = open_snapshot(tiny)
        ctx = Ctx(tiny.root, who, scope_of(who, snapshot.book), snapshot, now, np.random.default_rng(7))
        return tools["rank_accounts"](ctx, {"limit": 50})

    def react(who: Principal, account: str, word: str, action: str) -> None:
        snapshot = open_snapshot(tiny)
        note(store, snapshot, scope_of(who, snapshot.book), who, account, word, now(), shown=action)

    def decide(who: Principal, proposal: str, verdict: Verdict) -> Settled:
        return settle(tiny, store, tools, proposal, who, verdict, clock=now, rng=np.random.default_rng(7))

    desk = Desk(store, ask, book, lambda who: [f"as of 2026-06-30, told to {who.username}"], now, react, decide)
    ranked = {name: [row["name"].shown for row in book(store.principal(name)).data["rows"]] for name in ("ana", "otto")}
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = build(desk)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.05)
        yield Site(url, desk, ranked, sorted(set(routes(app))), gate)
        gate.set()
        server.should_exit = True
        thread.join(15)
    store.close()


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """Yield the method and path of every route, also of applications mounted inside."""
    for route in app.routes:
        if hasattr(route, "methods") and route.methods:
            yield from ((method, route.path) for method in route.methods)
        inner = getattr(route, "app", None)
        if inner is not None and hasattr(inner, "routes"):
            yield from routes(inner)
        included = getattr(route, "original_router", None)
        if included is not None:  # FastAPI keeps an included router as one entry
            yield from ((method, f"/gradio_api{path}".replace("/gradio_api" * 2, "/gradio_api")) for method, path in
                        routes(included))  # fmt: skip


def chromium() -> Path:
    """Return the browser, or skip; where tests must be complete its absence is a failure."""
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"Chromium is missing at {CHROMIUM}; install it or name it in CHROMIUM.")
        pytest.skip(f"Chromium is not installed at {CHROMIUM}; name another place in CHROMIUM.")
    return CHROMIUM

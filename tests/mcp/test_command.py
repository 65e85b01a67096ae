"""``sales-copilot mcp`` as clients start it: nothing but the protocol on stdout, one sentence where it cannot start."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, StdioServerParameters

from copilot.data.workspace import Workspace
from copilot.store import tokens
from copilot.store.database import Store
from tests.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ["-m", "copilot.cli", "mcp"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "SALES_COPILOT_MODEL": "none"}


@pytest.fixture(scope="module")
def home(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that these tests may write to."""
    copy = tmp_path_factory.mktemp("command") / "tiny"
    shutil.copytree(tiny.root, copy, symlinks=True)
    return copy


def test_a_client_over_stdio_works_as_the_named_user(home: Path) -> None:
    async def act() -> tuple[set[str], Any, Any, Any]:
        server = StdioServerParameters(
            command=sys.executable, args=[*COMMAND, "--as", "ana", "--workspace", str(home)], env=ENVIRONMENT, cwd=home
        )
        async with Client(server) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            ranked = await client.call_tool("rank_accounts", {"limit": 2})
            account = ranked.structured_content["cells"]["t1.rows[0].name"]["value"]
            waiting = await client.call_tool("record_feedback", {"account": account, "feedback": "done"})
            return names, ranked, waiting, await client.call_tool("simulate_assignment")

    names, ranked, waiting, refused = anyio.run(act)
    assert {"rank_accounts", "record_feedback", "ask"} <= names
    assert "simulate_assignment" not in names
    assert not ranked.is_error
    assert waiting.structured_content["proposal"]["id"] == "P-1"
    assert refused.is_error


def test_stdout_holds_the_protocol_alone_whatever_comes_in(home: Path) -> None:
    def call(number: int, arguments: str) -> str:
        params = f'{{"name": "get_account", "arguments": {arguments}}}'
        return f'{{"jsonrpc": "2.0", "id": {number}, "method": "tools/call", "params": {params}}}'

    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "0"}}
    lines = [
        json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": client}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        "no JSON at all",
        "[" * 2000,
        call(9, '{"account": "\\ud800"}'),  # no text: the SDK drops the line, as it does those that are no JSON
        call(1, '{"account": "\\u0000 \\u202e"}'),
        call(2, '{"account": "' + "x" * 1_000_000 + '"}'),
        call(3, '{"account": ' + "[" * 150 + "]" * 150 + "}"),
        call(4, '{"account": 1e400}'),
        call(5, "[]"),
        json.dumps({"jsonrpc": "2.0", "id": 6, "method": "resources/list"}),
        json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/list"}),
    ]
    command = [sys.executable, *COMMAND, "--as", "ana", "--workspace", str(home)]
    run = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    assert run.stdin is not None
    assert run.stdout is not None
    watchdog = threading.Timer(240, run.kill)  # else a missing answer would be waited for
    watchdog.start()
    run.stdin.write("\n".join(lines) + "\n")
    run.stdin.flush()
    found: dict[int, dict[str, Any]] = {}
    while set(range(8)) - set(found):
        message = json.loads(run.stdout.readline())
        assert message["jsonrpc"] == "2.0"
        if message.get("id") is not None:
            found[message["id"]] = message
    rest, _ = run.communicate(timeout=120)
    watchdog.cancel()
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in rest.splitlines())
    assert run.returncode == 0
    assert found[0]["result"]["serverInfo"]["name"] == "sales-copilot"
    for number in (1, 2, 3, 4):
        result = found[number]["result"]
        assert result["isError"]
        assert len(result["content"][0]["text"]) < 500
    assert "error" in found[6]
    assert len(found[7]["result"]["tools"]) > 8


def test_over_http_the_command_answers_on_this_machine_whoever_has_a_token(home: Path) -> None:
    with Store.open(Workspace(home).database) as store:
        token = tokens.make(store, "noor", store.clock())
    command = [sys.executable, *COMMAND, "--http", "--port", "0", "--workspace", str(home)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        assert run.stderr is not None
        said = run.stderr.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/mcp", said)
        assert address is not None, said
        assert "users --token NAME" in said
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        headers = {"Accept": "application/json, text/event-stream"}
        assert httpx.post(address[0], json=body, headers=headers).status_code == 401
        headers["Authorization"] = f"Bearer {token}"
        listed = httpx.post(address[0], json=body, headers=headers).json()
        assert "search_features" in {tool["name"] for tool in listed["result"]["tools"]}
    finally:
        run.terminate()
        out, _ = run.communicate(timeout=120)
    assert out == ""


def test_a_token_is_printed_once_and_ended_by_name(run: Run, home: Path) -> None:
    code, out, err = run("users", "--token", "ana", "--workspace", home)
    name, token = out.strip().split(": ")
    assert (code, name, len(token)) == (0, "ana", 43)
    assert "Shown only now" in err
    with Store.open(Workspace(home).database) as store:
        who = tokens.holder(store, token, store.clock())
        assert who is not None
        assert (who.username, who.role) == ("ana", "rep")
        assert run("users", "--revoke", "ana", "--workspace", home)[:2] == (0, "Tokens of ana that ended: 1\n")
        assert tokens.holder(store, token, store.clock()) is None
        assert store.verify_audit()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("mcp",), "--as USER"),
        (("mcp", "--http", "--as", "ana"), "not both"),
        (("mcp", "--as", "eve"), "There is no user 'eve'"),
        (("users", "--token", "eve"), "There is no user 'eve'"),
        (("users", "--revoke", "eve"), "There is no user 'eve'"),
        (("users", "--token", "ana", "--revoke", "ana"), "at a time"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(run: Run, home: Path, command: tuple[str, ...], said: str) -> None:
    code, out, err = run(*command, "--workspace", home)
    assert (code, out, said in err, err.count("\n")) == (2, "", True, 1)


def test_without_scores_it_says_which_command_to_run(run: Run, tmp_path: Path) -> None:
    code, out, err = run("mcp", "--as", "ana", "--workspace", tmp_path)
    assert (code, out) == (4, "")
    assert "sales-copilot" in err


def test_a_taken_port_is_named(run: Run, home: Path) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        code, out, err = run("mcp", "--http", "--port", other.getsockname()[1], "--workspace", home)
    assert (code, out) == (2, "")
    assert "choose another with --port" in err

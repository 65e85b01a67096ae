"""The server says where it listens, ends on Ctrl-C, and says in one sentence why it cannot listen."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.errors import BadInput
from ui.app import Desk, serve

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
from pathlib import Path
from copilot.store.database import Store
from copilot.text.cells import Record
from ui.app import Desk, serve

def opened(url):
    import httpx
    from threading import Thread
    Thread(target=lambda: print(url, httpx.get(url + "/health").json()["status"], flush=True)).start()

with Store.open(Path(sys.argv[1])) as store:
    desk = Desk(store, lambda *_: iter(()), lambda _: Record("rank_accounts", {}), lambda _: [])
    serve(desk, host="127.0.0.1", port=0, opened=opened)
print("closed")
"""


def test_it_tells_its_address_once_it_answers_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path / "copilot.db")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        first = run.stdout.readline()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)
    assert first.startswith("http://127.0.0.1:"), err
    assert first.endswith(" ok\n")
    assert (run.returncode, out) == (0, "closed\n"), err
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_one_sentence() -> None:
    desk = Desk(*(None,) * 4)  # type: ignore[arg-type]  # nothing of it is reached
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(BadInput, match=rf"cannot listen on 127\.0\.0\.1:{port} \(.*\); choose another with --port"):
            serve(desk, host="127.0.0.1", port=port, opened=print)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_cannot_be_is_one_sentence(port: int) -> None:
    with pytest.raises(BadInput, match="choose another with --port"):
        serve(Desk(*(None,) * 4), host="127.0.0.1", port=port, opened=print)  # type: ignore[arg-type]

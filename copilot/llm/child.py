"""The embedded model's process: serves one model file on this machine and ends when its parent does.

Run by ``copilot.llm.embedded``; it imports nothing of the copilot. One JSON line comes in on stdin (model, port, key,
threads, context, parallel), one line ``ready`` goes out on stdout, and the end of stdin ends the process.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
import threading
from typing import Any

UNREADABLE, NO_RUNTIME, PORT_TAKEN = 3, 4, 5  # exit codes
CACHED_PROMPTS_MIB = 256  # llama.cpp would take up to 8 GB for prompts that left their slot


def main() -> None:
    """Serve until stdin ends; exits with one of the codes above if it cannot."""
    # Ctrl-C reaches the whole group of the terminal; whether we end is the parent's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = json.loads(sys.stdin.buffer.readline())
    # What a library prints must not be taken for our one line.
    answer = os.dup(1)
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server = _serve(order)
    os.write(answer, b"ready\n")
    threading.Event().wait()
    del server  # it lives as long as we do


def _end_with_parent() -> None:
    """Leave at once when stdin ends: the parent closed it, or is gone, however it went.

    While the model loads the library holds the interpreter, so an end in those seconds is met when it has loaded.
    """
    # A buffered read would hold a lock that the interpreter's own end waits for.
    while os.read(0, 4096):
        pass
    os._exit(0)


def _serve(order: dict[str, Any]) -> Any:
    try:
        xllamacpp: Any = importlib.import_module("xllamacpp")  # it ships no types
    except ImportError:
        os._exit(NO_RUNTIME)
    asked = xllamacpp.CommonParams()
    asked.model.path = order["model"]
    asked.hostnames = ["127.0.0.1"]
    asked.port = order["port"]
    asked.api_keys = [order["key"]]
    asked.n_ctx = order["context"]  # shared out evenly among the slots
    asked.n_parallel = order["parallel"]
    asked.cpuparams.n_threads = asked.cpuparams_batch.n_threads = order["threads"]
    asked.n_gpu_layers = 0
    asked.fit_params = False  # else it may change the context by what memory it finds
    asked.cache_ram_mib = CACHED_PROMPTS_MIB
    asked.use_jinja = True
    asked.offline = True
    asked.ui = asked.endpoint_slots = False
    asked.verbosity = 1  # errors only
    try:
        return xllamacpp.Server(asked)
    except RuntimeError:
        os._exit(PORT_TAKEN if _taken(order["port"]) else UNREADABLE)


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


if __name__ == "__main__":
    main()

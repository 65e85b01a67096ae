"""The embedded model, seen from the copilot: a process of its own that is started, watched and started again."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from copilot.llm import child

MOST_THREADS = 4  # more only wait for memory
MOST_DEATHS = 3  # in a row before it was ever ready: then the model itself is at fault
LONGEST_REST = 60.0  # seconds between two starts
NOT_STARTED = 126  # stands for an exit code where no process came to be
HEALTHY = 60.0  # seconds ready after which earlier deaths are forgotten


@dataclass(frozen=True)
class Endpoint:
    """Where one run of the process answers, and its key; both change with each start."""

    base_url: str
    key: str = field(repr=False)


class Embedded:
    """A model file served by ``copilot.llm.child`` on this machine only. Safe to share between threads.

    Args:
        model: The .gguf file.
        threads: Of the model; as many as there are processors, at most 4, if not given.
        context: Tokens of all slots together: each has ``context // parallel``.
        parallel: Slots, which are requests answered at once; each keeps its own prefix warm.
        clock: Seconds that only go up.
    """

    def __init__(
        self,
        model: Path,
        *,
        threads: int | None = None,
        context: int = 8192,
        parallel: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self._order = {
            "model": str(model.absolute()),
            "threads": threads or min(MOST_THREADS, os.cpu_count() or 1),
            "context": context,
            "parallel": parallel,
        }
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._watch: threading.Thread | None = None
        self._leave = threading.Event()  # of the present watch
        self._process: subprocess.Popen[bytes] | None = None
        self._endpoint: Endpoint | None = None
        self._fault = ""

    @property
    def endpoint(self) -> Endpoint | None:
        """Address and key of one and the same run, or None while the model is not ready."""
        with self._changed:
            return self._endpoint if self.alive else None

    @property
    def ready(self) -> bool:
        """Whether the model is loaded and answers."""
        return self.endpoint is not None

    @property
    def base_url(self) -> str:
        """As ``http://127.0.0.1:PORT/v1``; empty while the model is not ready."""
        now = self.endpoint
        return now.base_url if now else ""

    @property
    def key(self) -> str:
        """The bearer token of this run; empty while the model is not ready."""
        now = self.endpoint
        return now.key if now else ""

    @property
    def alive(self) -> bool:
        """Whether the process runs, ready or still loading."""
        with self._changed:
            return self._process is not None and self._process.poll() is None

    @property
    def fault(self) -> str:
        """One sentence on why the process last ended or cannot start; empty if neither happened."""
        return self._fault

    def start(self) -> None:
        """Start the process and watch over it; returns at once, and does nothing where it is started already."""
        with self._changed:
            if self._watch is not None and self._watch.is_alive():
                return
            if importlib.util.find_spec("xllamacpp") is None:
                self._fault = _reason(child.NO_RUNTIME, self.model)
                return
            self._leave = threading.Event()
            self._watch = threading.Thread(
                target=self._keep_running, args=(self._leave,), daemon=True, name="embedded-model"
            )
            self._watch.start()
        atexit.register(self.stop)

    def wait(self, seconds: float) -> bool:
        """Wait until the model is ready; False if it is not within so many seconds, or will not be."""
        with self._changed:
            self._changed.wait_for(lambda: self.ready or self._watch is None, timeout=seconds)
            return self.ready

    def stop(self) -> None:
        """End the process; it can be started again."""
        atexit.unregister(self.stop)
        with self._changed:
            self._leave.set()
            watch, self._watch, self._endpoint = self._watch, None, None
            if self._process is not None:
                self._process.kill()  # it holds nothing that a softer end would save
            self._changed.notify_all()
        if watch is not None and watch is not threading.current_thread():
            watch.join(timeout=5)

    def __enter__(self) -> Embedded:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _keep_running(self, leave: threading.Event) -> None:
        """Run the process again and again, with growing rests, until told to leave or it never gets ready."""
        deaths = unready = 0
        while not leave.is_set():
            ready_for, code = self._run_once(leave)
            if leave.is_set():
                return
            deaths = 1 if ready_for is not None and ready_for >= HEALTHY else deaths + 1
            # A port that somebody took in between says nothing about the model.
            unready = 0 if ready_for is not None else unready + (code != child.PORT_TAKEN)
            with self._changed:
                self._fault = _reason(code, self.model)
                if unready == MOST_DEATHS or code == child.NO_RUNTIME:
                    self._fault = _given_up(code, self.model)
                    self._watch = None
                    self._changed.notify_all()
                    return
            leave.wait(_rest(deaths))

    def _run_once(self, leave: threading.Event) -> tuple[float | None, int]:
        """Run the process until it ends; return for how many seconds it was ready (None: never) and its exit code."""
        port, key = _free_port(), secrets.token_hex(24)
        with self._changed:
            if leave.is_set():
                return None, 0
            # By its file: nothing in the working folder can stand in for a module (-P), and argv says nothing secret.
            try:
                process = self._process = subprocess.Popen(
                    [sys.executable, "-P", child.__file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            except OSError:
                return None, NOT_STARTED
        assert process.stdin is not None
        assert process.stdout is not None
        since = None
        try:
            with contextlib.suppress(OSError):  # it died before it read; its code says why
                process.stdin.write(json.dumps({**self._order, "port": port, "key": key}).encode() + b"\n")
                process.stdin.flush()
            if process.stdout.readline() == b"ready\n":
                since = self._clock()
                with self._changed:
                    if not leave.is_set():
                        self._endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", key)
                        self._changed.notify_all()
            code = process.wait()
        finally:
            with self._changed:
                if self._process is process:
                    self._process = self._endpoint = None
            process.kill()
            process.stdout.close()
            with contextlib.suppress(OSError):
                process.stdin.close()
        return (None if since is None else self._clock() - since), code


def _rest(deaths: int) -> float:
    """Return the seconds to wait after so many deaths in a row: 1, 2, 4 … 60."""
    return float(min(2 ** min(deaths - 1, 10), LONGEST_REST))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _reason(code: int, model: Path) -> str:
    """Say in one sentence why the process ended."""
    if code == child.UNREADABLE:
        return f"the embedded model could not load {model.name}: it is missing, damaged or not for llama.cpp"
    if code == child.NO_RUNTIME:
        return "the embedded model needs the package xllamacpp; run `pip install xllamacpp`"
    if code == child.PORT_TAKEN:
        return "the embedded model's port was taken by another program before it could use it"
    if code == NOT_STARTED:
        return "the embedded model's process could not be started: this machine has no memory or processes to spare"
    return f"the embedded model's process ended with {f'signal {-code}' if code < 0 else f'code {code}'}"


def _given_up(code: int, model: Path) -> str:
    why = _reason(code, model)
    if code == child.NO_RUNTIME:
        return why
    return f"{why}; it did not start {MOST_DEATHS} times in a row and is not tried again"

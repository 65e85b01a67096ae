from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from copilot.llm import child, embedded
from copilot.llm.embedded import Embedded

PATIENCE = 60  # seconds; a bound for what hangs, not an expectation


@pytest.fixture(scope="module")
def running(small_model: Path) -> Iterator[Embedded]:
    with Embedded(small_model, threads=1, context=1024) as served:
        assert served.wait(PATIENCE), served.fault
        yield served


def asked(served: Embedded, path: str, key: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        served.base_url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def chat(served: Embedded, system: str, question: str, **fields: Any) -> Any:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    return asked(
        served, "/chat/completions", served.key, {"messages": messages, "temperature": 0, "max_tokens": 4, **fields}
    )


def until(true: Any) -> bool:
    end = monotonic() + PATIENCE
    while not true() and monotonic() < end:
        sleep(0.02)
    return bool(true())


def runs(pid: int) -> bool:
    """Say whether a process that is not our own child runs; a dead one that nobody reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def without_rests(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Leave out the rests between starts; return the list that the deaths in a row are noted in, rest by rest."""
    noted: list[int] = []

    def none(deaths: int) -> float:
        noted.append(deaths)
        return 0.0

    monkeypatch.setattr(embedded, "_rest", none)
    return noted


def test_it_answers_under_a_grammar_to_its_own_key_only(running: Embedded) -> None:
    reply = chat(running, "Answer yes or no.", "Is water wet?", grammar='root ::= "yes" | "no"')

    assert reply["choices"][0]["message"]["content"] in ("yes", "no")
    for path in ("/models", "/chat/completions"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(running, path, "0" * 48, {"messages": []} if path != "/models" else None)
        assert refused.value.code == 401


def test_a_slot_keeps_its_prefix_warm_while_another_slot_is_asked(running: Embedded) -> None:
    ours = "You help sales people. " + "Treat each account with care. " * 12
    theirs = "You speak of the weather. " + "It rains in spring and snows in winter. " * 12

    cold = chat(running, ours, "Hello?", id_slot=0)["timings"]
    chat(running, theirs, "Hello?", id_slot=1)
    warm = chat(running, ours, "Who are you?", id_slot=0)["timings"]

    assert cold["prompt_n"] > 70
    assert warm["cache_n"] > 70
    assert warm["prompt_n"] < 20


def test_each_slot_has_its_share_of_the_context(running: Embedded) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        chat(running, "word " * 600, "Hello?", id_slot=0)  # more than 512, less than 1024

    assert b"512 tokens" in refused.value.read()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads another process's command line from /proc")
def test_its_key_is_neither_among_its_arguments_nor_in_its_environment(running: Embedded) -> None:
    process = running._process
    assert process is not None

    for place in ("cmdline", "environ"):
        assert running.key.encode() not in Path(f"/proc/{process.pid}/{place}").read_bytes()
    assert running.key not in repr(running.endpoint)


def test_a_killed_process_comes_back_with_another_port_and_key(small_model: Path) -> None:
    with Embedded(small_model, threads=1, context=256, parallel=1) as served:
        assert served.wait(PATIENCE)
        before, process = served.endpoint, served._process
        assert before is not None
        assert process is not None

        process.kill()

        assert until(lambda: not served.ready)
        assert served.base_url == served.key == ""
        assert served.wait(PATIENCE)
        assert served.fault == "the embedded model's process ended with signal 9"
        assert served.endpoint is not None
        assert served.endpoint.key != before.key
        assert asked(served, "/models", served.key)["data"]
    assert not served.alive
    assert not served.ready


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="watches a foreign process in /proc")
@pytest.mark.parametrize("loaded", [True, False])
def test_the_process_dies_with_its_parent_also_while_it_loads(small_model: Path, loaded: bool) -> None:
    code = (
        "import sys, time; from pathlib import Path; from copilot.llm.embedded import Embedded\n"
        "served = Embedded(Path(sys.argv[1]), threads=1, context=256); served.start()\n"
        "while not served._process: time.sleep(.001)\n"
        "maps = Path(f'/proc/{served._process.pid}/maps')\n"  # the model's file is mapped when its loading begins
        "while not (served.ready if sys.argv[2] == 'True' else sys.argv[1] in maps.read_text()): time.sleep(.001)\n"
        "print(served._process.pid, flush=True); time.sleep(600)"
    )
    root = str(Path(embedded.__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(small_model), str(loaded)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert runs(pid)

    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    assert until(lambda: not runs(pid))


@pytest.mark.skipif(os.name != "posix", reason="there is no Ctrl-C for a group of processes here")
def test_ctrl_c_in_the_terminal_does_not_end_the_process(running: Embedded) -> None:
    process = running._process
    assert process is not None

    process.send_signal(signal.SIGINT)

    assert chat(running, "You help.", "Hello?")["choices"]
    assert running._process is process
    assert process.poll() is None


def test_an_unreadable_model_is_given_up_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rests = without_rests(monkeypatch)
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF" + bytes(200))

    with Embedded(damaged, threads=1) as served:
        assert not served.wait(PATIENCE)

        assert rests == [1, 2]
        assert served.fault == (
            "the embedded model could not load damaged.gguf: it is missing, damaged or not for llama.cpp; "
            "it did not start 3 times in a row and is not tried again"
        )
        assert not served.alive


def test_a_port_taken_by_another_program_is_not_held_against_the_model(
    small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = without_rests(monkeypatch)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        ports = iter([taken] * 4)
        free = embedded._free_port
        monkeypatch.setattr(embedded, "_free_port", lambda: next(ports, None) or free())
        with Embedded(small_model, threads=1, context=256, parallel=1) as served:
            assert served.wait(PATIENCE), served.fault
            assert len(rests) == 4
            assert served.fault == embedded._reason(child.PORT_TAKEN, small_model)
            assert str(taken) not in served.base_url


def test_without_the_runtime_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    served = Embedded(tmp_path / "any.gguf")
    served.start()

    assert not served.wait(PATIENCE)
    assert served.fault == "the embedded model needs the package xllamacpp; run `pip install xllamacpp`"


def test_rests_double_up_to_a_minute_and_health_ends_the_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [embedded._rest(deaths) for deaths in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert embedded._rest(5000) == 60

    # How long each run was ready, in seconds; then it never gets ready, which ends the watch.
    lives = iter([5.0, 59.0, 60.0, 0.0, None, 1.0, None, None, None])
    rests = without_rests(monkeypatch)
    served = Embedded(tmp_path / "any.gguf")
    monkeypatch.setattr(served, "_run_once", lambda leave: (next(lives), -9))
    served.start()

    assert not served.wait(PATIENCE)
    assert until(lambda: len(rests) == 8)
    assert rests == [1, 2, 1, 2, 3, 4, 5, 6]
    assert "signal 9" in served.fault

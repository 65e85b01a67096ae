"""The ladder that settings and weights make: which rungs it has, and that nothing outlives it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copilot.config import settings
from copilot.llm import service
from copilot.llm.client import ModelFault
from tests.llm.wire import PATIENCE, says, serving, until

HELLO = [{"role": "user", "content": "Hello?"}]
Set = Callable[..., None]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Set]:
    """Set variables of the environment; a cache of their own, and no model unless told."""

    def put(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"SALES_COPILOT_{name.upper()}", str(value))
        settings.cache_clear()

    for name in list(os.environ):
        if name.startswith("SALES_COPILOT_"):
            monkeypatch.delenv(name)
    put(cache=tmp_path, model="none")
    yield put
    settings.cache_clear()


def test_without_settings_and_weights_there_is_no_rung_but_the_rules(known: Set) -> None:
    with service.opened() as ladder:
        assert ladder.rungs == ()


def test_a_remote_url_makes_a_remote_rung_with_its_key_model_and_patience(known: Set) -> None:
    with serving() as wire:
        known(remote_url=wire.url, remote_key="s3cret", remote_model="big", remote_silence=7)
        wire.script(says("Hello."))
        with service.opened() as ladder:
            [rung] = ladder.rungs
            client = rung.client()
            assert client.text(HELLO) == "Hello."
        assert (rung.name, rung.title, rung.chooses) == ("remote", "big", True)
        assert (client.limits.silent, client.local) == (7, False)
        assert wire.asked[0]["model"] == "big"
        assert wire.heads[0]["authorization"] == "Bearer s3cret"


def test_a_lower_top_opens_no_rung_above_it(known: Set) -> None:
    known(remote_url="http://127.0.0.1:1/v1")
    with service.opened("local") as ladder:
        assert ladder.rungs == ()
    with service.opened("rules") as ladder:
        assert ladder.rungs == ()


def test_weights_make_a_local_rung_that_starts_when_asked_and_ends_with_the_ladder(
    known: Set, small_model: Path
) -> None:
    known(model=small_model, remote_url="http://127.0.0.1:1/v1")
    with service.opened("rules") as ladder:
        assert ladder.rungs == ()
    with service.opened() as ladder:
        assert [rung.name for rung in ladder.rungs] == ["remote", "local"]
        rung = ladder.rungs[1]
        with pytest.raises(ModelFault, match="is still loading") as raised:
            rung.client()  # it starts, and nobody is kept waiting
        assert raised.value.rest == 1
        assert until(lambda: _is_ready(rung.client))
        client = rung.client()
        assert client is rung.client()  # its connections are kept
        assert client.local
        assert client.text(HELLO, tokens=4)
    with pytest.raises(ModelFault, match="cannot be reached"):
        client.text(HELLO)


def test_with_patience_a_model_is_waited_for(known: Set, small_model: Path) -> None:
    known(model=small_model)
    with service.opened("local", patience=2 * PATIENCE) as ladder:
        assert ladder.rungs[0].client().text(HELLO, tokens=2)


def test_weights_that_cannot_be_loaded_are_a_fault_that_says_so(known: Set, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 100)
    known(model=broken)
    with service.opened("local", patience=2 * PATIENCE) as ladder, pytest.raises(ModelFault, match="could not load"):
        ladder.rungs[0].client()


def _is_ready(client: Callable[[], object]) -> bool:
    try:
        client()
    except ModelFault:
        return False
    return True

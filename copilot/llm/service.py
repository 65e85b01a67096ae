"""The language models that settings and weights offer to this process, opened as one ladder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from copilot.config import settings
from copilot.llm.client import Client, Limits, ModelFault
from copilot.llm.embedded import Embedded
from copilot.llm.ladder import Ladder, Rung, RungName
from copilot.llm.weights import Weights, active

# The embedded model reads some 60 tokens a second on a laptop; other programs may share its processors.
CONTEXT = 4096  # tokens of its two slots together; our longest text takes some 900
LOCAL_LIMITS = Limits(silent=30.0, total=90.0, tokens=220)


@contextmanager
def opened(top: RungName = "remote", *, patience: float = 0.0) -> Iterator[Ladder]:
    """Open the models from ``top`` down; the embedded one starts when it is first needed and ends with the context.

    Args:
        top: The highest rung to offer.
        patience: Seconds that a caller waits for the embedded model to load; without any it is skipped meanwhile.
    """
    rungs = []
    remote = _remote()
    weights = active() if top != "rules" else None
    if remote and top == "remote":
        rungs.append(remote)
    embedded = Embedded(weights.path, context=CONTEXT) if weights else None
    if weights and embedded:
        rungs.append(_local(weights, embedded, patience))
    try:
        yield Ladder(rungs)
    finally:
        if embedded:
            embedded.stop()


def _remote() -> Rung | None:
    known = settings()
    if not known.remote_url:
        return None
    limits = Limits(silent=known.remote_silence, total=3 * known.remote_silence)
    client = Client(known.remote_url, known.remote_key.get_secret_value(), known.remote_model, limits)
    return Rung("remote", known.remote_model, lambda: client)


def _local(weights: Weights, embedded: Embedded, patience: float) -> Rung:
    known: dict[str, Client] = {}

    def client() -> Client:
        embedded.start()
        if patience:
            embedded.wait(patience)
        now = embedded.endpoint
        if now is None:
            raise ModelFault(embedded.fault or "is still loading", rest=1.0)
        if now.base_url not in known:  # another address and key after each restart
            known.clear()
            known[now.base_url] = Client(now.base_url, now.key, weights.title, LOCAL_LIMITS, local=True)
        return known[now.base_url]

    # SmolLM2 without an adapter chose the right tool for 15 of 40 questions: its opinion is not worth asking for.
    return Rung("local", weights.title, client, chooses=weights.name != "small")

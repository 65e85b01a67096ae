"""What a turn tells while it runs, so that a screen can show each thing as soon as it is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """A call of a tool: told once when it begins (``ok`` and ``seconds`` None) and once when it has ended.

    Attributes:
        number: 1 for the first call of the turn; the same when it begins and when it has ended.
        name: The tool's name.
        arguments: As the question determined them; accounts by id.
        ok: Whether it was answered.
        seconds: How long it took.
        summary: What came of it, in a few words: "10 rows", or the sentence that says why not.
    """

    number: int
    name: str
    arguments: Mapping[str, Any]
    ok: bool | None = None
    seconds: float | None = None
    summary: str = ""


@dataclass(frozen=True)
class Told:
    """A finished piece of the answer in Markdown.

    Attributes:
        form: In reference form, each value as ``{{t1.rows[0].uplift_usd}}``.
        text: With the values in their places.
        sources: The cells it refers to: path to ``{value, shown, unit, origin}``.
        by: Whose words they are: ``rules`` (templates), ``local`` or ``remote``.
        goes_on: Whether it goes on with the paragraph before.
    """

    form: str
    text: str
    sources: Mapping[str, Mapping[str, Any]]
    by: str = "rules"
    goes_on: bool = False


@dataclass(frozen=True)
class Wording:
    """A language model begins to look at what was found; it may take seconds, and nothing may come of it.

    Attributes:
        title: The model's name.
    """

    title: str


@dataclass(frozen=True)
class Answer:
    """What ``ask --json`` prints (DESIGN, fixed doors)."""

    answer: str
    thread: str
    tool_calls: list[dict[str, Any]]
    rung: str
    as_of: str
    sources: dict[str, dict[str, Any]]
    clarify: dict[str, Any] | None
    refused: str | None
    approval: dict[str, Any] | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)
    exit_code: int = 0


@dataclass(frozen=True)
class Finished:
    """The last event of a turn: what was stored, and the number under which the store keeps it."""

    answer: Answer
    turn: int


Event = Step | Told | Wording | Finished


def joined(pieces: Iterable[Told]) -> str:
    """Return the answer's text from its pieces."""
    text = ""
    for piece in pieces:
        text += (" " if piece.goes_on else "\n\n" if text else "") + piece.text
    return text

"""What a reader says of an explanation: is it comprehensive, clear, actionable; asked in one line under the answer."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from ui.texts import texts

ANSWERS = {"yes": True, "no": False}
Opinions = Mapping[str, bool]  # by aspect; one that was not judged is absent


def explains(paths: Iterable[str]) -> bool:
    """Say whether an answer that shows these cells tells reasons, ``t1.why[0].current`` among them."""
    return any("why[" in path for path in paths)


def line(said: Opinions | None) -> str:
    """Return the question as HTML, what was said pressed in; empty where there is nothing to judge."""
    if said is None:
        return ""
    text = texts()["satisfaction"]
    asked = "".join(_pair(aspect, word, said.get(aspect)) for aspect, word in text["aspects"].items())
    return f'<p class="sc-opinions"><span>{html.escape(text["asks"])}</span>{asked}</p>'


def with_answer(said: Opinions, aspect: str, answer: str) -> dict[str, bool] | None:
    """Return the opinions with one more; the same answer a second time takes it back.

    Returns:
        None where there is no such aspect or answer.
    """
    if aspect not in texts()["satisfaction"]["aspects"] or answer not in ANSWERS:
        return None
    kept = {name: opinion for name, opinion in said.items() if name != aspect}
    return kept if said.get(aspect) is ANSWERS[answer] else kept | {aspect: ANSWERS[answer]}


def _pair(aspect: str, word: str, opinion: bool | None) -> str:
    text = texts()["satisfaction"]
    made = (
        f'<button type="button" data-aspect="{aspect}" data-answer="{answer}" aria-pressed="{pressed}" '
        f'aria-label="{html.escape(f"{word}: {text[answer]}")}">{html.escape(text[answer])}</button>'
        for answer, meant in ANSWERS.items()
        for pressed in (str(opinion is meant).lower(),)
    )
    return f"<span>{html.escape(word)} {''.join(made)}</span>"

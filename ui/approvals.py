"""What an answer proposed: a line under the chat where the person approves, rejects or takes it back."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import get_args

from copilot.agent.approval import Settled, Verdict
from copilot.store.proposals import Status
from ui.texts import texts

VERDICTS: dict[Status, tuple[Verdict, ...]] = {"waiting": ("approve", "reject"), "approved": ("undo",)}


@dataclass(frozen=True)
class Approval:
    """The proposal of the last turn: its name, what is said of it, and where it stands."""

    name: str
    text: str
    status: Status

    def settled(self, found: Settled) -> Approval:
        """Return it as it stands after a verdict."""
        return Approval(self.name, found.text, found.status)


def line(shown: Approval | None) -> str:
    """Return the line as HTML, with the verdicts that are open; empty where nothing was proposed."""
    if shown is None:
        return ""
    text = texts()["approval"]
    buttons = "".join(
        f'<button type="button" data-verdict="{verdict}">{html.escape(text[verdict])}</button>'
        for verdict in VERDICTS.get(shown.status, ())
    )
    head = html.escape(f"{shown.name} {text[shown.status]}")
    return f'<div class="sc-approval"><b>{head}</b> <span>{html.escape(shown.text)}</span>{buttons}</div>'


def verdict(word: str, shown: Approval | None) -> Verdict | None:
    """Return the verdict a click stands for; None where it is none that is open."""
    found: Verdict | None = next((one for one in get_args(Verdict) if one == word), None)
    return found if shown and found in VERDICTS.get(shown.status, ()) else None

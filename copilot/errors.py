"""The error tree: each error carries one sentence for a person and the command's exit code."""

from __future__ import annotations


class CopilotError(Exception):
    """Any error this product raises on purpose; its text is one sentence a rep can act on."""

    exit_code = 2


class BadInput(CopilotError):
    """Something from outside cannot be used; the text says what was wrong and what would work."""


class RoleLacksTool(CopilotError):
    """The asker's role has no right to this tool."""

    exit_code = 3


class NotSetUp(CopilotError):
    """A step is missing; the text names the command that does it."""

    exit_code = 4


class TryAgain(CopilotError):
    """A tool could not answer these arguments; the text goes back to whoever chose them."""


class UnknownAccount(TryAgain):
    """No such account in the asker's own book (a foreign and a missing account read the same)."""

    def __init__(self, asked: str, closest: tuple[str, ...] = ()) -> None:
        self.asked, self.closest = asked, closest
        hint = f" The closest {'is' if len(closest) == 1 else 'are'} {', '.join(closest)}." if closest else ""
        super().__init__(f"There is no account {asked!r} in your book.{hint}")


class MissingData(TryAgain):
    """The book lacks a table or the model lacks skill; the text says so and how to mend it."""


class Infeasible(CopilotError):
    """No plan satisfies the hard rules; ``relax`` lists the smallest set of rules to relax."""

    def __init__(self, text: str, relax: list[dict[str, object]]) -> None:
        self.relax = relax
        super().__init__(text)

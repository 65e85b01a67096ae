"""What the tests of understanding share: one trained head a session, and the book that the held-out questions name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from copilot.agent import ask
from copilot.agent.clause import Clause, with_ordinals
from copilot.agent.router import Router
from copilot.agent.slots import FILLERS, fill
from copilot.agent.understand import Call, Understanding, understand
from copilot.agent.vocabulary import Vocabulary
from copilot.config import settings

HELDOUT = yaml.safe_load((Path(__file__).parent / "heldout.yaml").read_text(encoding="utf-8"))
Ask = Callable[..., Understanding]
Fill = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the head away from the user's cache, so that it is trained by the code under test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALES_COPILOT_CACHE", str(tmp_path_factory.mktemp("cache")))
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture(scope="session")
def router() -> Router:
    """The head that questions are answered with, trained once for all tests (about ten seconds)."""
    return ask.router()


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """Nineteen accounts, four products, four reps; today is Wednesday, 10 June 2026."""
    return Vocabulary(**HELDOUT["vocabulary"])


@pytest.fixture(scope="session")
def read(router: Router, vocabulary: Vocabulary) -> Ask:
    """Understand a question as somebody whose role has every tool."""

    def question(
        text: str, recent: list[str] | tuple[str, ...] = (), previous: tuple[Call, ...] = (), **other: Any
    ) -> Understanding:
        given = {"allowed": list(FILLERS), **other}
        return understand(text, vocabulary, router, recent=recent, previous=previous, **given)

    return question


@pytest.fixture(scope="session")
def slots(router: Router, vocabulary: Vocabulary) -> Fill:
    """Fill the arguments of a tool, whatever the head would choose."""

    def filled(tool: str, text: str, *recent: str) -> list[dict[str, Any]]:
        marked = with_ordinals(vocabulary.mark(text, router.bank), recent)
        return fill(tool, Clause(marked, router.bank.english(marked.masked()), vocabulary.today, recent))

    return filled

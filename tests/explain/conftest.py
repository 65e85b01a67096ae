"""What the tests of notes and of drafts share: the book with known notes, scored once."""

import pytest

from copilot.access import Principal, Scope
from copilot.agent.scope import scope_of
from copilot.data.snapshot import Snapshot, open_snapshot
from copilot.data.workspace import Workspace
from tests import notebook


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The notebook, scored; nobody writes to it."""
    return notebook.write(tmp_path_factory.mktemp("notebook"))


@pytest.fixture(scope="session")
def snapshot(book: Workspace) -> Snapshot:
    return open_snapshot(book)


@pytest.fixture(scope="session")
def ana(snapshot: Snapshot) -> Scope:
    """What Ana may see of it."""
    return scope_of(Principal("ana", "rep", "R-ana"), snapshot.book)

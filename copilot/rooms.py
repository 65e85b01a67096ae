"""The one dynamic import: load our own ``tools`` and ``ui`` by name, whatever else here bears these names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from copilot.config import rooms_root
from copilot.errors import CopilotError

if TYPE_CHECKING:
    from copilot.agent.tool import Tool


def registry() -> Mapping[str, Tool]:
    """Return ``tools.REGISTRY``: every tool the agent may be offered, by its name.

    Raises:
        CopilotError: Another package called ``tools`` was loaded before ours.
        NotSetUp: This installation has no tools folder.
    """
    tools: Mapping[str, Tool] = _room("tools").REGISTRY
    return tools


def screens() -> ModuleType:
    """Return ``ui.app``: the chat in the browser, with ``Desk``, ``build`` and ``serve``.

    Raises:
        CopilotError: Another package called ``ui`` was loaded before ours.
        NotSetUp: This installation has no such folder.
    """
    _room("ui")
    return importlib.import_module("ui.app")


def _room(name: str) -> ModuleType:
    """Import the top-level package ``name`` from the rooms' folder and from nowhere else."""
    root = rooms_root()
    _put_first(root)
    module = importlib.import_module(name)
    if not module.__file__ or not Path(module.__file__).resolve().is_relative_to((root / name).resolve()):
        raise CopilotError(
            f"Another package called {name!r} ({module.__file__ or 'a folder without __init__.py'}) was loaded before "
            f"the copilot's own in {root / name}: start the copilot by its own command, without that package."
        )
    return module


def _put_first(folder: Path) -> None:
    """Make ``folder`` the first entry of ``sys.path``; other wheels, and the current folder, own these names too."""
    entry = str(folder)
    if sys.path[:1] != [entry]:
        sys.path[:] = [entry, *(other for other in sys.path if other != entry)]

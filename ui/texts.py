"""The texts of the screen, from ``prompts/screen.yaml``."""

from __future__ import annotations

from functools import cache
from typing import Any

from copilot.config import rooms_root


@cache
def texts() -> dict[str, Any]:
    """Return the texts by their names."""
    import yaml

    read: dict[str, Any] = yaml.safe_load((rooms_root() / "prompts" / "screen.yaml").read_text(encoding="utf-8"))
    return read


def step_title(tool: str, *, done: bool) -> str:
    """Say in plain words what a tool does, or did."""
    doing, did = texts()["steps"].get(tool, (f"Running {tool}", f"Ran {tool}"))
    return str(did if done else doing)

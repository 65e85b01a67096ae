"""The versions of a model: the one in use (champion), the one that waits beside it (challenger), and the way back.

A version is a folder ``<root>/<name>/<version>/`` that is written beside, renamed in one step and never written again.
``CURRENT`` names the champion and ``CHALLENGER`` the newest version that was not promoted; ``history.jsonl`` holds a
line for each change, so that a roll-back knows what was in use before.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from copilot.errors import BadInput, NotSetUp

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
CHAMPION, CHALLENGER, HISTORY = "CURRENT", "CHALLENGER", "history.jsonl"
KEEP = 10  # versions kept of each model; the champion, those before it that a roll-back needs, and the challenger stay

State = Literal["champion", "challenger", ""]


@dataclass(frozen=True)
class Version:
    """One version of a model, with its manifest and what it is used as."""

    name: str
    version: str
    folder: Path
    state: State
    manifest: dict[str, Any]


def latest(root: Path, name: str) -> Path | None:
    """Return the folder of the champion of ``name`` below ``root`` (a workspace's ``models``), or None."""
    return _pointed(root / _safe(name), CHAMPION)


def challenger(root: Path, name: str) -> Path | None:
    """Return the folder of the newest version that was not promoted, or None."""
    return _pointed(root / _safe(name), CHALLENGER)


def since(root: Path, name: str) -> str | None:
    """Return the moment from which the champion of ``name`` is in use, in ISO form; None where it is not known."""
    home, last = root / _safe(name), {}
    if (home / HISTORY).is_file():
        for line in (home / HISTORY).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # a line that was cut off
                last = json.loads(line)
    return last.get("at") if last.get("version") == _read(home, CHAMPION) else None


def publish(
    root: Path,
    name: str,
    version: str,
    write: Callable[[Path], object],
    *,
    promote: bool = True,
    now: datetime | None = None,
) -> Path:
    """Write ``root/name/version`` and put it to use; until the switch, readers see the version before.

    Args:
        root: A workspace's ``models`` folder.
        name: The model's name, such as "growth".
        version: Chosen by the caller; an existing one is never overwritten.
        write: Fills the empty folder it is given, for example with ``registry.save``.
        promote: Whether it becomes the champion; else it waits as the challenger. The first version of a model always
            becomes the champion.
        now: The moment, for the history.

    Raises:
        BadInput: The version exists already, or a name is no plain file name.
    """
    home = root / _safe(name)
    final = home / _safe(version)
    if final.exists():
        raise BadInput(f"The model {name!r} has a version {version!r} already; choose another version.")
    for left_over in home.glob(".writing-*"):  # by a writer that was killed; the caller holds the workspace's lock
        shutil.rmtree(left_over)
    draft = home / f".writing-{version}"
    draft.mkdir(parents=True)
    try:
        write(draft)
        draft.rename(final)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    if promote or latest(root, name) is None:
        _crown(home, version, now)
    else:
        _point(home, CHALLENGER, version)
    _prune(home)
    return final


def promote(root: Path, name: str, version: str | None = None, *, now: datetime | None = None) -> Path:
    """Make a version the champion, by default the challenger.

    Raises:
        NotSetUp: There is no such model.
        BadInput: There is no such version, no challenger, or it is the champion already.
    """
    home = _home(root, name)
    waiting = challenger(root, name)
    if version is None:
        if waiting is None:
            raise BadInput(f"The model {name!r} has no challenger to promote; name one of its versions.")
        version = waiting.name
    folder = _existing(home, name, version)
    if folder == latest(root, name):
        raise BadInput(f"The version {version} of the model {name!r} is in use already.")
    _crown(home, version, now)
    return folder


def roll_back(root: Path, name: str, *, now: datetime | None = None) -> Path:
    """Return to the version that was in use before the present champion; the champion then waits as the challenger.

    Raises:
        NotSetUp: There is no such model.
        BadInput: No earlier version was in use, or it is no longer kept.
    """
    home = _home(root, name)
    used = _used(home)
    if len(used) < 2:
        raise BadInput(f"The model {name!r} has only been used in one version, so there is nothing to roll back to.")
    folder = _existing(home, name, used[-2])
    _point(home, CHAMPION, used[-2])
    _point(home, CHALLENGER, used[-1])
    _note(home, "roll back", used[:-1], now)
    return folder


def versions(root: Path, name: str) -> list[Version]:
    """Return all versions of ``name``, the newest first; none where there is no such model."""
    home = root / _safe(name)
    states: dict[Path | None, State] = {challenger(root, name): "challenger", latest(root, name): "champion"}
    found = []
    for folder in sorted(home.glob("*/"), reverse=True):
        manifest = _manifest(folder)
        if VERSION.fullmatch(folder.name) and manifest is not None:
            found.append(Version(name, folder.name, folder, states.get(folder, ""), manifest))
    return found


def chosen(root: Path, name: str, version: str | None = None) -> Version:
    """Return one version of ``name``, by default the champion.

    Raises:
        NotSetUp: There is no such model.
        BadInput: It has no such version.
    """
    home = _home(root, name)
    folder = _existing(home, name, _read(home, CHAMPION) if version is None else version)
    return next(one for one in versions(root, name) if one.folder == folder)


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def _home(root: Path, name: str) -> Path:
    home = root / _safe(name)
    if latest(root, name) is None:
        there = sorted(path.parent.name for path in root.glob(f"*/{CHAMPION}"))
        known = f"there are {', '.join(there)}" if there else "there is none yet: run `sales-copilot train`"
        raise NotSetUp(f"There is no model {name!r}; {known}.")
    return home


def _existing(home: Path, name: str, version: str) -> Path:
    folder = home / _safe(version)
    if not (folder / "manifest.json").is_file():
        there = sorted(path.parent.name for path in home.glob("*/manifest.json") if VERSION.fullmatch(path.parent.name))
        raise BadInput(f"The model {name!r} has no version {version!r}; it has {', '.join(there)}.")
    return folder


def _crown(home: Path, version: str, now: datetime | None) -> None:
    used = _used(home)
    _point(home, CHAMPION, version)
    if _read(home, CHALLENGER) == version:
        (home / CHALLENGER).unlink()
    _note(home, "promote", [*used, version], now)


def _used(home: Path) -> list[str]:
    """Return the versions that led to the champion, oldest first; a roll-back takes the last one off."""
    used: list[str] = []
    if (home / HISTORY).is_file():
        for line in (home / HISTORY).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, TypeError, KeyError):  # a line that was cut off
                used = [str(version) for version in json.loads(line)["used"]]
    champion = _read(home, CHAMPION)
    if champion and used[-1:] != [champion]:  # killed between the switch and its note
        used.append(champion)
    return used


def _note(home: Path, did: str, used: list[str], now: datetime | None) -> None:
    """Write down what was done and the last versions that led to the champion."""
    line = {"did": did, "version": used[-1], "at": now.isoformat() if now else None, "used": used[-KEEP:]}
    file = home / HISTORY
    cut_off = file.is_file() and not file.read_bytes().endswith(b"\n")  # by a kill in mid-write
    with file.open("a", encoding="utf-8") as history:
        history.write("\n" * cut_off + json.dumps(line) + "\n")


def _read(home: Path, pointer: str) -> str:
    try:
        return (home / pointer).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _pointed(home: Path, pointer: str) -> Path | None:
    version = _read(home, pointer)
    folder = home / version
    return folder if VERSION.fullmatch(version) and (folder / "manifest.json").is_file() else None


def _point(home: Path, pointer: str, version: str) -> None:
    fresh = home / f".{pointer}-{os.getpid()}"
    fresh.write_text(version, encoding="utf-8")
    os.replace(fresh, home / pointer)


def _prune(home: Path) -> None:
    """Drop the oldest versions beyond ``KEEP``, never one that is in use, waits or may be rolled back to."""
    kept = {*_used(home)[-3:], _read(home, CHALLENGER)}
    spare = [path for path in home.glob("*/") if VERSION.fullmatch(path.name) and path.name not in kept]
    spare.sort(key=lambda path: path.stat().st_mtime)
    for folder in spare[: max(len(spare) + len(kept) - KEEP, 0)]:
        shutil.rmtree(folder)


def _safe(name: str) -> str:
    if not VERSION.fullmatch(name) or name.upper() in (CHAMPION, CHALLENGER, HISTORY.upper()):
        raise BadInput(f"{name!r} cannot name a model or version; use up to 80 letters, digits, dots and dashes.")
    return name

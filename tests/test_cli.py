"""The fixed doors of the command line: one sentence and the right exit code whatever is put in."""

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.data.workspace import Workspace
from copilot.store.database import Store, utc_now
from tests.conftest import Run, real


@pytest.fixture
def copy(tiny: Workspace, tmp_path: Path) -> Path:
    """A copy of the tiny workspace that a test may write to."""
    return Path(shutil.copytree(tiny.root, tmp_path / "copy"))


def fingerprint(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "copilot.db" not in path.name)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def one_sentence(text: str) -> bool:
    return text.count("\n") == 1 and "Traceback" not in text and text.strip().endswith((".", ")"))


def test_every_command_before_the_first_book_says_what_to_run(run: Run, tmp_path: Path) -> None:
    for command in (["train"], ["score"], ["ask", "Who?", "--as", "ana"], ["users"], ["chat"]):
        code, out, err = run(*command, "--workspace", str(tmp_path / "w"))
        assert (code, out) == (4, "")
        assert "sales-copilot demo" in err
        assert one_sentence(err)
    assert not (tmp_path / "w").exists()


def test_the_demo_prints_its_users_passwords_once(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("demo", "--preset", "tiny", "--workspace", str(tmp_path))
    assert code == 0
    assert {"ana", "mia", "otto", "noor", "ada"} <= set(re.findall(r"^  (\w+) ", out, re.MULTILINE))
    assert "simulated" in out
    code, again, _ = run("demo", "--preset", "tiny", "--workspace", str(tmp_path))
    assert "5 users were there before" in again
    code, listed, _ = run("users", "--workspace", str(tmp_path))
    assert "otto" in listed
    code, _, err = run("score", "--workspace", str(tmp_path))
    assert code == 4
    assert "sales-copilot train" in err


def test_the_ranked_answer_has_a_source_for_every_number(run: Run, copy: Path) -> None:
    code, out, _ = run(
        "ask",
        "Who should I call this week, and why?",
        "--as",
        "ana",
        "--rung",
        "rules",
        "--json",
        "--workspace",
        str(copy),
    )
    assert code == 0
    answer = json.loads(out)
    assert set(answer) == {
        "answer",
        "thread",
        "tool_calls",
        "rung",
        "as_of",
        "sources",
        "clarify",
        "refused",
        "approval",
        "timings_ms",
    }
    assert answer["tool_calls"] == [{"name": "rank_accounts", "arguments": {}, "ok": True}]
    assert (answer["rung"], answer["as_of"], answer["approval"]) == ("rules", "2026-06-30", None)
    assert set(answer["timings_ms"]) == {"first", "total"}
    assert all(
        set(cell) == {"value", "shown", "unit", "origin"} and cell["origin"] for cell in answer["sources"].values()
    )
    numbers = set(re.findall(r"\d[\d,.]*\d|\d", answer["answer"]))
    sourced = {number for cell in answer["sources"].values() for number in re.findall(r"\d[\d,.]*\d|\d", cell["shown"])}
    assert len(numbers) > 20
    assert numbers <= sourced


def test_a_thread_goes_on_only_for_its_own_user(run: Run, copy: Path) -> None:
    place = ("--workspace", str(copy), "--json")
    first = json.loads(run("ask", "Who should I call this week?", "--as", "ana", *place)[1])
    top = next(cell["value"] for path, cell in first["sources"].items() if path.endswith("rows[0].name"))
    code, out, _ = run(
        "ask", "What should I do next with the first one?", "--as", "ana", "--thread", first["thread"], *place
    )
    assert code == 0
    assert top in json.loads(out)["answer"]
    code, out, foreign = run("ask", "And it?", "--as", "otto", "--thread", first["thread"], *place)
    assert code == 2
    assert foreign == f"There is no conversation '{first['thread']}' of yours.\n"


def test_exit_codes_of_bad_input_and_missing_rights(run: Run, copy: Path) -> None:
    place = ("--workspace", str(copy))
    code, _, err = run("ask", "Who should I call?", "--as", "nobody", *place)
    assert code == 2
    assert one_sentence(err)
    code, out, _ = run("ask", "Who should I call?", "--as", "ada", "--json", *place)
    assert code == 3
    assert json.loads(out)["tool_calls"][0]["ok"] is False
    assert "admin may not" in json.loads(out)["answer"]
    code, out, _ = run("ask", "Write me a poem about the sea", "--as", "ana", "--json", *place)
    assert code == 0
    assert json.loads(out)["refused"]
    assert json.loads(out)["tool_calls"] == []
    code, _, err = run("train", "--model", "horoscope", *place)
    assert code == 2
    assert one_sentence(err)
    code, _, err = run("train", "--seed", "-1", *place)
    assert code == 2
    assert "seed" in err
    code, _, err = run("import", "salesforce", ".", *place)
    assert code == 2
    assert one_sentence(err)


def test_scoring_twice_a_day_works_and_a_killed_score_leaves_the_old_snapshot(
    run: Run, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("--workspace", str(copy))
    before = Workspace(copy).current("snapshots")
    assert run("score", *place)[0] == 0
    after = Workspace(copy).current("snapshots")
    assert after != before
    assert run("score", *place)[0] == 0

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    newest = Workspace(copy).current("snapshots")
    monkeypatch.setattr("copilot.jobs.score.recommend.worklists", killed)
    code, _, err = run("score", *place)
    assert code == 130
    assert "Traceback" not in err
    assert Workspace(copy).current("snapshots") == newest
    assert run("ask", "Who should I call?", "--as", "ana", *place)[0] == 0


def test_a_broken_import_changes_nothing(run: Run, copy: Path, tmp_path: Path) -> None:
    export = Path(shutil.copytree(real("maven_crm"), tmp_path / "export"))
    for path in export.iterdir():
        path.chmod(0o644)
    pipeline = export / "sales_pipeline.csv"
    good = pipeline.read_text(encoding="utf-8")
    lines = good.splitlines()
    broken = {
        "empty": b"",
        "header only": (lines[0] + "\n").encode(),
        "utf-16": good.encode("utf-16"),
        "latin-1": good.replace("Isdom", "Isdöm").encode("latin-1"),
        "no csv": bytes(range(256)) * 50,
        "a column less": "\n".join(",".join(line.split(",")[:-1]) for line in lines).encode(),
        "text for numbers": good.replace("1054.0", "much").replace(".0\n", ".x\n").encode(),
        "doubled ids": "\n".join(lines + lines[1:2000]).encode(),
        "the future": good.replace("2017-", "2117-").encode(),
    }
    before = fingerprint(copy)
    for name, content in broken.items():
        pipeline.write_bytes(content)
        code, out, err = run("import", "maven", str(export), "--workspace", str(copy))
        assert (code, out) == (2, ""), name
        assert one_sentence(err), (name, err)
        assert "sales_pipeline" in err, (name, err)
        assert fingerprint(copy) == before, name
    pipeline.unlink()
    for path in (export, tmp_path / "nowhere", tmp_path):
        code, _, err = run("import", "maven", str(path), "--workspace", str(copy))
        assert code == 2
        assert one_sentence(err)
        assert fingerprint(copy) == before


def test_after_another_books_import_old_scores_are_not_served(run: Run, copy: Path) -> None:
    place = ("--workspace", str(copy))
    code, out, _ = run("import", "maven", str(real("maven_crm")), *place)
    assert code == 0
    assert "analyst" in out
    code, _, err = run("ask", "Who should I call?", "--as", "analyst", *place)
    assert code == 4
    assert "sales-copilot score" in err


def test_the_doctor_names_what_is_missing_and_its_command(run: Run, tmp_path: Path, copy: Path) -> None:
    code, out, _ = run("doctor", "--workspace", str(tmp_path / "nothing"))
    assert code == 0
    assert "sales-copilot demo" in out
    code, out, _ = run("doctor", "--workspace", str(copy))
    assert code == 0
    assert "miss" not in out


def test_the_doctor_goes_on_where_the_database_cannot_be_read(run: Run, copy: Path) -> None:
    (copy / "copilot.db").write_text("This is no database, whatever its name says. " * 50)
    code, out, _ = run("doctor", "--workspace", str(copy))
    assert code == 0
    assert re.search(r"^miss  users: cannot be read  -> The database .* cannot be used", out, re.MULTILINE)
    assert "ok    scores" in out


def test_a_stopped_command_says_what_the_workspace_holds(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("copilot.jobs.setup.make_demo", stops)
    code, _, err = run("demo", "--workspace", str(tmp_path))
    assert code == 130
    assert "Stopped; the workspace is as it was" in err


def test_a_new_password_replaces_the_old_one(run: Run, copy: Path) -> None:
    from copilot.store.database import Store

    code, out, _ = run("users", "--reset", "ana", "--workspace", str(copy))
    assert code == 0
    password = out.removeprefix("ana: ").strip()
    with Store.open(copy / "copilot.db") as store:
        assert store.check_password("ana", password) is not None
        assert store.check_password("ana", "wrong") is None


def test_a_score_killed_at_any_moment_leaves_a_whole_snapshot_and_no_lock(run: Run, copy: Path) -> None:
    place = ("--workspace", str(copy))
    command = [sys.executable, "-c", "from copilot.cli import main; main()", "score", *place]
    before = Workspace(copy).current("snapshots")
    for seconds in (1.5, 2.5, 3.5):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(seconds)
            child.kill()
        now = Workspace(copy).current("snapshots")
        assert now is not None
        assert now == before or (now / "accounts.parquet").is_file()
        assert run("ask", "Who should I call?", "--as", "ana", *place)[0] == 0
    assert run("score", *place)[0] == 0


def test_hostile_names_stay_text_in_an_answer(run: Run, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)> | **Bold** [link](http://evil.example) =cmd()"
    export = Path(shutil.copytree(real("maven_crm"), tmp_path / "export"))
    for name in ("accounts.csv", "sales_pipeline.csv"):
        file = export / name
        file.chmod(0o644)
        file.write_text(file.read_text(encoding="utf-8").replace("Betasoloin", f'"{hostile}"'), encoding="utf-8")
    place = ("--workspace", str(tmp_path / "w"))
    assert run("import", "maven", str(export), *place)[0] == 0
    assert run("train", *place)[0] == 0
    assert run("score", *place)[0] == 0
    code, out, _ = run("ask", "who should I call this week?", "--as", "analyst", *place)
    assert code == 0
    assert "onerror" in out  # the name is shown …
    assert "<img" not in out.replace("\\<img", "")  # … and acts nowhere
    assert "\\[link\\](http" in out
    assert "| \\|" not in out


def test_the_chat_needs_scores_and_a_free_port(run: Run, copy: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = run("chat", "--port", str(port), "--workspace", str(copy))
    assert code == 2
    assert f"127.0.0.1:{port}" in err
    assert "--port" in err.splitlines()[-1]
    assert "Traceback" not in err
    shutil.rmtree(copy / "snapshots")
    code, _, err = run("chat", "--workspace", str(copy))
    assert code == 4
    assert "sales-copilot score" in err


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine without any language model, and none switched off."""
    from copilot.config import settings

    # Its router is learned already: that is not what is tested here.
    shutil.copytree(settings().cache / "router", tmp_path / "cache" / "router")
    monkeypatch.setenv("SALES_COPILOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SALES_COPILOT_MODEL")
    settings.cache_clear()
    yield tmp_path / "cache"
    settings.cache_clear()


def test_without_weights_rules_answer_and_say_how_to_get_them(run: Run, copy: Path, own_cache: Path) -> None:
    code, out, err = run("ask", "Who should I call this week?", "--as", "ana", "--workspace", str(copy))
    assert code == 0
    assert "· rules ·" in out
    assert err == "For a language model to word it: sales-copilot models install better\n"
    code, out, err = run(
        "ask", "Who should I call this week?", "--as", "ana", "--rung", "rules", "--workspace", str(copy)
    )
    assert (code, err) == (0, "")


def test_models_are_listed_and_a_file_is_taken_where_it_lies(run: Run, tmp_path: Path, own_cache: Path) -> None:
    code, out, _ = run("models", "list")
    assert code == 0
    assert out.count("not installed") == 2
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(b"GGUF and more")
    code, out, err = run("models", "install", str(mine))
    assert (code, err) == (0, "")
    assert str(mine) in out
    assert "mine.gguf" in run("models", "list")[1]
    mine.write_bytes(b"nothing")
    code, _, err = run("models", "install", str(mine))
    assert code == 2
    assert one_sentence(err)


def test_the_doctor_counts_each_readers_last_word_on_an_explanation(run: Run, copy: Path) -> None:
    said = ((1, "clear", False), (1, "clear", True), (2, "clear", False), (2, "actionable", True), (3, "clear", None))
    with Store.open(copy / "copilot.db") as store:
        for turn, aspect, praise in said:
            data = {"thread": "t", "aspect": aspect, "praise": praise}
            store.log_event("ana", "satisfaction", f"turn-{turn}", data, utc_now())
    assert "clear 1 of 2, actionable 1 of 1" in run("doctor", "--workspace", str(copy))[1]


def test_the_doctor_says_how_to_get_a_language_model(run: Run, copy: Path, own_cache: Path) -> None:
    code, out, _ = run("doctor", "--workspace", str(copy))
    assert code == 0
    assert re.search(r"^miss  embedded language model: .*-> sales-copilot models install better$", out, re.MULTILINE)


def test_an_answer_printed_piece_by_piece_is_the_answer_of_json(run: Run, copy: Path) -> None:
    asked = ("ask", "Which accounts might leave, and how is my book?", "--as", "ana", "--workspace", str(copy))
    _, out, _ = run(*asked)
    _, whole, _ = run(*asked, "--json")
    assert out.rsplit("\n\nas of ", 1)[0] == json.loads(whole)["answer"]

"""The command group-features: what it writes, what it refuses, how it goes on, and that a person's edits win."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import BadInput
from copilot.jobs.grouping import AT_ONCE, completer, group_file
from copilot.llm.client import ModelFault
from copilot.llm.ladder import Ladder, Rung
from copilot.text.encoder import Floats, Ngrams
from tests.conftest import Run

ROWS = [
    ("login_cnt_l1m", "Number of logins"),
    ("login_cnt_l3m", "Number of logins"),
    ("tickets_open", "Open support tickets"),
    ("客户所在城市", ""),
    ("größe_3M", "Größe, mit Umlaut"),
    ("x" * 300, ""),
    ("a,\"b\"\r\nc", "three\rlines"),
    ("'=quoted", "=1+1"),
    ("=1+1", ""),
]  # fmt: skip


@pytest.fixture
def run(run: Run, tmp_path: Path) -> Run:
    """Run ``group-features``."""
    return lambda *arguments: run("group-features", *arguments, "--workspace", tmp_path / "ws")


def written(
    file: Path, rows: Sequence[Sequence[str]], columns: Sequence[str] = ("feature_name", "description")
) -> Path:
    with file.open("w", encoding="utf-8", newline="") as sheet:
        csv.writer(sheet).writerows([columns, *rows])
    return file


def read(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as sheet:
        return list(csv.DictReader(sheet))


def grouped(tmp_path: Path, **options: Any) -> list[dict[str, str]]:
    """The names of ``ROWS`` through the job, read back from the file."""
    names = tmp_path / "names.csv"
    if not names.exists():
        written(names, ROWS)
    group_file(names, tmp_path / "out.csv", embedder=options.pop("embedder", Ngrams()), **options)
    return read(tmp_path / "out.csv")


def edited(file: Path, name: str, **cells: str) -> None:
    rows = read(file)
    for row in rows:
        if row["feature_name"] == name:
            row.update(cells)
    written(file, [list(row.values()) for row in rows], list(rows[0]))


def test_the_command_writes_each_name_once_and_names_the_review_file(run: Run, tmp_path: Path) -> None:
    names = written(tmp_path / "names.csv", [*ROWS, ROWS[0], ("", "no name"), ("   ", "")])
    code, out, err = run(names, "--out", tmp_path / "sub" / "out.csv")
    assert (code, err) == (0, "")
    assert [row["feature_name"] for row in read(tmp_path / "sub" / "out.csv")] == [name for name, _ in ROWS]
    assert "Names: 9; " in out
    assert "1 line without a feature name was set aside" in out
    assert "1 line repeats a name" in out
    assert "out.review.csv" in out


def test_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    grouped(tmp_path)
    first = [(tmp_path / name).read_bytes() for name in ("out.csv", "out.review.csv")]
    grouped(tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("out.csv", "out.review.csv")] == first
    (tmp_path / "out.csv.checkpoint").unlink()
    grouped(tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("out.csv", "out.review.csv")] == first


def test_a_byte_order_mark_and_capitals_in_the_header_are_read(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_bytes("\ufeffDescription,Feature_Name ,more\nLogins,login_cnt,1\n".encode())
    assert [row["meaning"] for row in grouped(tmp_path)] == ["Logins"]


def test_an_edit_wins_in_every_later_run(tmp_path: Path) -> None:
    grouped(tmp_path)
    review = tmp_path / "out.review.csv"
    edited(review, "tickets_open", ultra_name="Cases", category="My heading")
    for _ in range(3):
        rows = {row["feature_name"]: row for row in grouped(tmp_path)}
        assert (rows["tickets_open"]["ultra_name"], rows["tickets_open"]["category"]) == ("Cases", "My heading")
        assert rows["tickets_open"]["source"] == "person"
        assert rows["login_cnt_l1m"]["source"] != "person"


def test_an_edit_outlives_the_absence_of_its_name_and_a_proposal_that_comes_to_equal_it(tmp_path: Path) -> None:
    grouped(tmp_path)
    review = tmp_path / "out.review.csv"
    edited(review, "tickets_open", ultra_name="Cases")
    grouped(tmp_path)
    written(tmp_path / "names.csv", ROWS[:2])
    grouped(tmp_path)
    assert "tickets_open" in {row["feature_name"] for row in read(review)}
    assert "tickets_open" not in {row["feature_name"] for row in read(tmp_path / "out.csv")}
    written(tmp_path / "names.csv", ROWS)
    # What a person wrote stays theirs though the proposal says the same for a while.
    edited(review, "tickets_open", proposed_ultra_name="Cases")
    assert {row["feature_name"]: row for row in grouped(tmp_path)}["tickets_open"]["ultra_name"] == "Cases"
    assert {row["feature_name"]: row for row in grouped(tmp_path)}["tickets_open"]["ultra_name"] == "Cases"


def test_an_edit_that_is_emptied_gives_the_field_back(tmp_path: Path) -> None:
    before = {row["feature_name"]: row for row in grouped(tmp_path)}["tickets_open"]
    review = tmp_path / "out.review.csv"
    edited(review, "tickets_open", ultra_name="Cases")
    grouped(tmp_path)
    edited(review, "tickets_open", ultra_name="")
    assert {row["feature_name"]: row for row in grouped(tmp_path)}["tickets_open"] == before


def test_an_edit_made_while_a_run_is_at_work_is_kept(tmp_path: Path) -> None:
    grouped(tmp_path)
    review = tmp_path / "out.review.csv"

    def meanwhile(what: str, done: int, total: int) -> None:
        edited(review, "tickets_open", ultra_name="Cases")

    grouped(tmp_path, tell=meanwhile)
    assert {row["feature_name"]: row for row in read(review)}["tickets_open"]["ultra_name"] == "Cases"


def test_no_cell_of_the_review_file_runs_in_a_spreadsheet_and_names_survive_it(tmp_path: Path) -> None:
    grouped(tmp_path)
    with (tmp_path / "out.review.csv").open(encoding="utf-8", newline="") as sheet:
        cells = [cell for row in csv.reader(sheet) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    edited(tmp_path / "out.review.csv", "'=1+1", super_name="Sum")
    edited(tmp_path / "out.review.csv", "''=quoted", super_name="Quoted")
    supers = {row["feature_name"]: row["super_name"] for row in grouped(tmp_path)}
    assert (supers["=1+1"], supers["'=quoted"]) == ("Sum", "Quoted")


class Counted(Ngrams):
    """An encoder that counts the texts it is given and may die after some calls."""

    def __init__(self, calls: int = 10**9) -> None:
        super().__init__()
        self.calls, self.texts = calls, 0

    def encode(self, texts: Sequence[str]) -> Floats:
        if self.calls <= 0:
            raise KeyboardInterrupt
        self.calls -= 1
        self.texts += len(texts)
        return super().encode(texts)


def many(count: int) -> list[tuple[str, str]]:
    return [
        (f"{'abcdefghij'[n % 10] * 3}{'klmnopqrst'[n // 10 % 10] * 3}{'uvwxyz'[n // 100] * 3}", "")
        for n in range(count)
    ]


def test_a_run_that_was_broken_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    written(tmp_path / "names.csv", many(3 * AT_ONCE))
    with pytest.raises(KeyboardInterrupt):
        grouped(tmp_path, embedder=Counted(calls=2))
    assert not (tmp_path / "out.csv").exists()
    resumed, whole = Counted(), Counted()
    after = grouped(tmp_path, embedder=resumed)
    (tmp_path / "out.csv.checkpoint").unlink()
    assert grouped(tmp_path, embedder=whole) == after
    assert resumed.texts == whole.texts - 2 * AT_ONCE


def test_a_killed_process_leaves_no_half_file_and_the_next_run_ends_the_work(tmp_path: Path) -> None:
    names = written(tmp_path / "names.csv", many(3 * AT_ONCE))
    script = (
        "import os, signal, sys; from pathlib import Path; from copilot.jobs.grouping import group_file\n"
        "from copilot.text.encoder import Ngrams\n"
        "def die(what, done, total):\n"
        "    if done >= 256: os.kill(os.getpid(), signal.SIGKILL)\n"
        "group_file(Path(sys.argv[1]), Path(sys.argv[2]), embedder=Ngrams(), tell=die)\n"
    )
    out = tmp_path / "out.csv"
    died = subprocess.run([sys.executable, "-c", script, str(names), str(out)], env=os.environ, check=False)
    assert died.returncode == -signal.SIGKILL
    assert not out.exists()
    resumed = Counted()
    rows = grouped(tmp_path, embedder=resumed)
    assert [row["feature_name"] for row in rows] == [name for name, _ in many(3 * AT_ONCE)]
    (tmp_path / "out.csv.checkpoint").unlink()
    whole = Counted()
    assert grouped(tmp_path, embedder=whole) == rows
    assert resumed.texts == whole.texts - 2 * AT_ONCE
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "names.csv", "out.csv", "out.csv.checkpoint", "out.review.csv",
    ]  # fmt: skip


def test_a_models_replies_are_kept_and_its_failures_asked_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def failing(prompt: str, schema: Mapping[str, Any]) -> str:
        asked.append(prompt)
        raise ModelFault("no model answered")

    def answering(prompt: str, schema: Mapping[str, Any]) -> str:
        asked.append(prompt)
        return '{"category": "Other"}'

    plain = grouped(tmp_path)
    assert grouped(tmp_path, complete=failing) == plain
    missed, asked[:] = len(asked), []
    assert missed > 0
    first = grouped(tmp_path, complete=answering)
    assert len(asked) == missed
    asked.clear()
    assert grouped(tmp_path, complete=answering) == first
    assert asked == []


def test_without_a_model_nobody_is_asked() -> None:
    assert completer(Ladder()) is None


def test_the_next_model_is_asked_where_the_best_one_fails_and_a_failed_one_rests() -> None:
    asked: list[str] = []

    class Voice:
        def __init__(self, name: str, reply: str) -> None:
            self.name, self.reply = name, reply

        def text(self, messages: Sequence[Mapping[str, str]], *, extra: Mapping[str, Any], tokens: int) -> str:
            asked.append(self.name)
            assert extra["response_format"]["json_schema"]["schema"] == {"type": "object"}
            if not self.reply:
                raise ModelFault("took too long")
            return self.reply

    best, next_one = Voice("remote", ""), Voice("local", "{}")
    rungs = [Rung("remote", "A", lambda: best), Rung("local", "B", lambda: next_one)]
    complete = completer(Ladder(rungs))
    assert complete is not None
    assert [complete("?", {"type": "object"}) for _ in range(2)] == ["{}", "{}"]
    assert asked == ["remote", "local", "local"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"name,description\na,b\n", "no column feature_name"),
        (b"feature_name;description\na;b\n", "no column feature_name"),
        (b"", "no column feature_name"),
        (b"feature_name\n", "holds no feature name"),
        (b"feature_name\n\n ,\n", "holds no feature name"),
        (b"feature_name\n\xff\xfe\n", "UTF-8"),
        (b'feature_name\n"a"b\n', "no CSV file"),
        (b"PK\x03\x04\x14\x00\x08\x08", "feature_name"),
        (b"feature_name\n" + b"x" * 200_000, "no CSV file"),
    ],
)
def test_a_wrong_file_is_told_in_one_sentence_with_exit_code_2(
    run: Run, tmp_path: Path, content: bytes, fault: str
) -> None:
    (tmp_path / "names.csv").write_bytes(content)
    code, out, err = run(tmp_path / "names.csv", "--out", tmp_path / "out.csv")
    assert (code, out) == (2, "")
    assert fault in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["names.csv"]


def test_a_missing_file_and_a_folder_are_told_with_exit_code_2(run: Run, tmp_path: Path) -> None:
    for names in (tmp_path / "nowhere.csv", tmp_path):
        code, _, err = run(names, "--out", tmp_path / "out.csv")
        assert code == 2
        assert "cannot be read" in err


def test_an_output_that_would_overwrite_the_names_or_a_folder_is_refused(tmp_path: Path) -> None:
    names = written(tmp_path / "a.review.csv", ROWS)
    before = names.read_bytes()
    for out in (names, tmp_path / "a.csv"):
        with pytest.raises(BadInput, match="overwrite the file of names"):
            group_file(names, out, embedder=Ngrams())
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadInput, match="cannot be written"):
        group_file(names, tmp_path / "folder.csv", embedder=Ngrams())
    assert names.read_bytes() == before


def test_a_foreign_review_file_or_checkpoint_is_left_as_it_is(tmp_path: Path) -> None:
    review, checkpoint = tmp_path / "out.review.csv", tmp_path / "out.csv.checkpoint"
    review.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(BadInput, match="lacks the column feature_name"):
        grouped(tmp_path)
    assert review.read_text(encoding="utf-8") == "a,b\n1,2\n"
    review.unlink()
    checkpoint.write_bytes(b"no database " * 200)
    with pytest.raises(BadInput, match="no checkpoint"):
        grouped(tmp_path)
    assert checkpoint.read_bytes() == b"no database " * 200


def test_a_faulty_glossary_of_the_team_stops_the_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "grouping.yaml").write_text("expand: 3", encoding="utf-8")
    code, _, err = run(written(tmp_path / "names.csv", ROWS), "--out", tmp_path / "out.csv")
    assert code == 2
    assert "grouping.yaml" in err

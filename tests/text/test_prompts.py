"""Prompt files: what they may hold, and what filling them in must refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from copilot.errors import BadInput
from copilot.text.prompts import load, render

TEXT = """---
name: narrate
version: 3
model: {temperature: 0.2, stop: ["\\n\\n"]}
inputs: [question, cells]
output: {type: object, properties: {text: {type: string}}}
---
Answer {question} with these cells only:
{cells}
Write {{t1.rows[0].name}} and {{name}}, never a number; reply as {"text": "…"}.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "narrate.md").write_text(TEXT, encoding="utf-8")
    return tmp_path


def _write(folder: Path, name: str, text: str) -> None:
    file = folder / f"{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_a_prompt_carries_its_front_matter(folder: Path) -> None:
    prompt = load("narrate", folder=folder)
    assert (prompt.name, prompt.version, prompt.inputs) == ("narrate", 3, ("question", "cells"))
    assert prompt.model == {"temperature": 0.2, "stop": ["\n\n"]}
    assert prompt.output is not None
    assert prompt.output["type"] == "object"
    assert prompt.body.startswith("Answer {question}")
    with pytest.raises(ValueError, match="frozen"):
        prompt.body = "other"


def test_blanks_are_filled_and_references_and_json_stay(folder: Path) -> None:
    text = load("narrate", folder=folder).render(question="Who?", cells=7)
    assert text == (
        "Answer Who? with these cells only:\n7\n"
        'Write {{t1.rows[0].name}} and {{name}}, never a number; reply as {"text": "…"}.'
    )


def test_what_is_filled_in_is_not_read_for_blanks_again(folder: Path) -> None:
    text = load("narrate", folder=folder).render(question="{cells} \\1", cells="secret")
    assert text.startswith("Answer {cells} \\1 with")


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"question": "a"}, "lacks cells; it takes question, cells"),
        ({"question": "a", "cells": "b", "more": "c"}, "has no blank for more"),
        ({"more": "c"}, "lacks question, cells and has no blank for more"),
    ],
)
def test_missing_and_unknown_values_are_refused(folder: Path, values: dict[str, str], fault: str) -> None:
    with pytest.raises(BadInput, match=fault):
        load("narrate", folder=folder).render(**values)


@pytest.mark.parametrize("name", ["nothing", "../narrate", "/narrate", "known.md", "", "Known", "a//b"])
def test_an_unknown_name_lists_those_that_exist_and_never_leaves_the_folder(folder: Path, name: str) -> None:
    _write(folder, "inner/known", TEXT)
    with pytest.raises(BadInput, match="there are known"):
        load(name, folder=folder / "inner")


def test_a_sub_folder_is_part_of_the_name(folder: Path) -> None:
    _write(folder, "agent/plan", TEXT.replace("name: narrate", "name: agent/plan"))
    assert load("agent/plan", folder=folder).name == "agent/plan"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Just text", "must begin with front matter"),
        ("---\n- a\n---\nx", "must begin with front matter"),
        ("---\nname: bad\nversion: 1\nbody: y\n---\nx", "must begin with front matter"),
        ("---\nname: [\n---\nx", "cannot be read"),
        ("---\nname: bad\nversion: 0\n---\nx", "wrong at version"),
        ("---\nname: bad\n---\nx", "wrong at version: field required"),
        ("---\nname: bad\nversion: 1\ncolour: red\n---\nx", "wrong at colour"),
        ("---\nname: worse\nversion: 1\n---\nx", "calls itself 'worse'"),
        ("---\nname: bad\nversion: 1\ninputs: [a]\n---\nx", "differ by a"),
        ("---\nname: bad\nversion: 1\ninputs: [a]\n---\n{a} {b}", "differ by b"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused_in_one_sentence(folder: Path, text: str, fault: str) -> None:
    _write(folder, "bad", text)
    with pytest.raises(BadInput, match=fault) as caught:
        load("bad", folder=folder)
    assert "\n" not in str(caught.value)


def test_a_file_of_another_encoding_is_refused(folder: Path) -> None:
    (folder / "latin.md").write_bytes(TEXT.replace("narrate", "latin").replace("…", "ö").encode("latin-1"))
    with pytest.raises(BadInput, match=r"latin\.md cannot be read"):
        load("latin", folder=folder)


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(folder: Path) -> None:
    (folder / "crlf.md").write_bytes(b"\xef\xbb\xbf" + TEXT.replace("narrate", "crlf").replace("\n", "\r\n").encode())
    assert load("crlf", folder=folder).render(question="a", cells="b").startswith("Answer a with")


def test_render_reads_from_the_products_own_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(folder, "prompts/greet", "---\nname: greet\nversion: 1\ninputs: [name]\n---\nHello {name}.\n")
    monkeypatch.setattr("copilot.config.rooms_root", lambda: folder)
    assert render("greet", name="Ana") == "Hello Ana."

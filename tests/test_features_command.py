"""The command ``features`` and the tool ``search_features``: what they print, who may ask, and how they end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from copilot import rooms
from copilot.access import EVERYTHING, ROLES, Ctx, Principal
from copilot.agent.narrator import narrate
from copilot.cli import main
from copilot.data.workspace import Workspace
from copilot.errors import RoleLacksTool, TryAgain
from copilot.explain.answers.features import find_features
from tests.conftest import Run
from tests.data.test_onboarding import MEETINGS, NOW, small

__all__ = ["small"]


@pytest.fixture
def run(run: Run, small: Workspace) -> Run:
    """Run one subcommand of ``features`` on the small workspace, or on another."""
    return lambda *arguments, where=small.root: run("features", *arguments, "--workspace", where)


def test_features_builds_profiles_and_writes_the_page_once(run: Run, small: Workspace) -> None:
    code, out, _ = run()
    assert code == 0
    built = pd.read_parquet(small.root / "mart" / "features.parquet")
    assert f"{built.shape[1]} features of 60 accounts as of 2026-07-01" in out
    assert f"{built.shape[1]} profiles reckoned, 0 were there." in out
    assert built["touches_l3m"].sum() == 25
    assert "touches_l3m" in (small.root / "mart" / "features.html").read_text()
    code, out, _ = run()
    assert f"0 profiles reckoned, {built.shape[1]} were there." in out


def test_search_lists_what_fits_and_otherwise_the_closest_words(run: Run) -> None:
    code, out, _ = run("search", "people", "employed")
    assert code == 0
    assert "employees" in out
    assert "sales-copilot features" in out  # nothing is profiled yet
    code, out, _ = run("search", "zzzz")
    assert code == 0
    assert "closest words are" in out


def test_show_tells_rule_values_source_and_models_and_mends_a_slip(run: Run) -> None:
    code, out, _ = run("show", "Touches_L3M")
    assert code == 0
    for part in (
        "count of 1",
        "last 3 months",
        "touches (account_id",
        "test as of 2026-07-01",
        "none in use",
        "null share 0 %",
    ):
        assert part in out
    code, out, err = run("show", "touchs_l3m")
    assert (code, out) == (2, "")
    assert "the closest are" in err
    assert "touches_l3m" in err


def test_add_takes_a_file_in_and_a_broken_one_ends_in_one_sentence(run: Run, small: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(MEETINGS)
    code, out, _ = run("add", str(file))
    assert code == 0
    assert "Onboarded 3 features" in out
    assert "meetings_l3m: null share 0 %, median 0" in out
    code, out, _ = run("show", "meetings_l3m")
    assert "RevOps (onboarded)" in out
    file.write_text(MEETINGS.replace("owner: RevOps", ""))
    code, out, err = run("add", str(file))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "lacks the key 'owner'" in err


def test_a_denied_feature_can_be_read_and_says_so(run: Run, small: Workspace) -> None:
    (small.root / "feature_lists.yaml").write_text("deny: [{name: touches_l3m, reason: too new}]")
    code, out, _ = run("show", "touches_l3m")
    assert code == 0
    assert "no model gets it: denied by name touches_l3m (too new)" in out
    code, out, _ = run()
    assert "1 feature denied" in out


def test_without_a_book_every_command_says_what_to_run(run: Run, tmp_path: Path) -> None:
    for words in ([], ["search", "x"], ["show", "x"], ["add", str(tmp_path / "x.yaml")]):
        code, out, err = run(*words, where=tmp_path / "none")
        assert (code, out) == (4, "")
        assert "sales-copilot demo" in err
    assert not (tmp_path / "none").exists()


def test_the_workspace_may_stand_before_the_subcommand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small: Workspace
) -> None:
    monkeypatch.setattr(
        "sys.argv", ["sales-copilot", "features", "--workspace", str(small.root), "search", "employees"]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "employees" in capsys.readouterr().out


def context(small: Workspace, role: str) -> Ctx:
    asker = Principal("somebody", role)  # type: ignore[arg-type]
    return Ctx(small.root, asker, EVERYTHING, None, lambda: NOW, np.random.default_rng(0))  # type: ignore[arg-type]


def test_only_analysts_search_features(small: Workspace) -> None:
    tool = rooms.registry()["search_features"]
    assert tool(context(small, "analyst"), {"query": "touches"}).data["rows"]
    for role in set(ROLES) - {"analyst"}:
        with pytest.raises(RoleLacksTool, match="analyst may"):
            tool(context(small, role), {"query": "touches"})
    for query in ("", "x" * 201):
        with pytest.raises(TryAgain, match="query"):
            tool(context(small, "analyst"), {"query": query})


def test_the_answers_numbers_are_those_of_the_built_feature_and_its_sentences_verify(small: Workspace) -> None:
    record = find_features(small, "touches", str)
    first = record.data["rows"][0]
    assert (first["name"].value, first["table"].value, first["unit"].value) == ("touches_l3m", "touches", "count")
    assert (first["null_share"].value, first["median"].value) == (0, 0)
    assert first["median"].origin.endswith(":features[touches_l3m].median")
    told = narrate([record], question="Which features describe touches?")
    assert told.faults == ()
    assert "touches_l3m: touches by us, from the table touches." in told.told.text
    assert not (small.root / "mart").exists()  # an answer writes nothing


def test_words_that_find_nothing_are_tried_in_english_and_then_the_closest_are_named(small: Workspace) -> None:
    record = find_features(small, "Xqberührungen", lambda _: "touches")
    assert record.data["rows"][0]["name"].value == "touches_l3m"
    none = find_features(small, "xqz", lambda _: "qqq")
    told = narrate([none], question="search features about xqz")
    assert told.faults == ()
    assert "No feature fits xqz; the closest words of the catalogue are" in told.told.text


def test_a_label_that_holds_markup_stays_text(small: Workspace, tmp_path: Path) -> None:
    (small.root / "features").mkdir()
    text = MEETINGS.replace("label: meetings with us", "label: '[x](http://evil.example) <b>'")
    (small.root / "features" / "own.yaml").write_text(text)
    told = narrate([find_features(small, "meetings_l3m", str)], question="")
    assert "[x](http" not in told.told.text
    assert "<b>" not in told.told.text

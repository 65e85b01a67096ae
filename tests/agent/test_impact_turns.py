"""Whole turns of measure_impact on the tiny book: who may ask, what a verdict lets be said, and lists meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from copilot import rooms
from copilot.agent.ask import ask
from copilot.agent.events import Answer
from copilot.data.workspace import Workspace
from copilot.jobs import study
from copilot.store.database import Store
from tests.conftest import NOW

Ask = Callable[..., Answer]
PAST = "name: past-test\nkind: ab\nstarts: 2025-07-01\nends: 2026-06-30\nregions: NA\n"
SUMMER = "name: summer-test\nkind: ab\nstarts: 2026-07-01\nends: 2026-12-31\n"


@pytest.fixture(scope="module")
def put(tiny: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Ask one question as a user, by the rules alone, of a workspace with an ended and a running study."""
    own = Workspace(tmp_path_factory.mktemp("impact") / "tiny")
    shutil.copytree(tiny.root, own.root)
    for name, text in (("past-test", PAST), ("summer-test", SUMMER)):
        file = own.root / "spec.yaml"
        file.write_text(text, encoding="utf-8")
        study.create(own, file, NOW)
        study.start(own, name, NOW)
        if text == PAST:
            study.stop(own, name, NOW)
    with Store.open(own.database) as store:

        def question(text: str, user: str = "mia", thread: str | None = None) -> Answer:
            rng = np.random.default_rng(7)
            who = store.principal(user)
            return ask(own, store, rooms.registry(), text, who, thread=thread, clock=lambda: NOW, rng=rng)

        yield question


@pytest.mark.parametrize("user", ["mia", "noor"])
def test_a_manager_and_an_analyst_hear_the_verdict_before_any_figure(put: Ask, user: str) -> None:
    answer = put("What did past-test find?", user)
    assert answer.tool_calls == [{"name": "measure_impact", "arguments": {"study": "past-test"}, "ok": True}]
    assert answer.exit_code == 0
    assert answer.answer.startswith("Study past-test (an A/B test in the books; 2025-07-01 to 2026-06-30, stopped)")
    verdict = answer.sources["t1.verdict"]["value"]
    assert verdict in answer.answer.splitlines()[0]
    assert verdict == "causal" or not {"t1.effect", "t1.low", "t1.lift"} & set(answer.sources)


@pytest.mark.parametrize("user", ["ana", "otto", "ada"])
@pytest.mark.parametrize("text", ["Did the pilot work?", "What did past-test find?"])
def test_a_rep_and_an_admin_are_refused_with_exit_code_3(put: Ask, user: str, text: str) -> None:
    answer = put(text, user)
    assert answer.exit_code == 3
    assert [call["ok"] for call in answer.tool_calls] == [False]
    assert "manager and analyst may" in answer.answer
    assert "causal" not in answer.answer


@pytest.mark.parametrize(
    ("text", "study"),
    [
        ("Did the pilot work?", None),
        ("Which studies are there?", None),
        ("How did past-test go?", "past-test"),
        ("Has the Past Test been worth it?", "past-test"),
        ("Was hat summer-test gebracht?", "summer-test"),
        ("summer-test", "summer-test"),
        ("Was there a significant effect in the summer test?", "summer-test"),
    ],
)
def test_a_question_about_a_study_finds_it_by_name(put: Ask, text: str, study: str | None) -> None:
    answer = put(text)
    wanted = {} if study is None else {"study": study}
    assert answer.tool_calls == [{"name": "measure_impact", "arguments": wanted, "ok": True}]
    assert study is not None or answer.answer.startswith("Studies: 2, the latest first")


def test_two_studies_named_are_two_answers_and_a_third_is_put_in_the_place_of_the_first(put: Ask) -> None:
    both = put("Compare past-test and summer-test")
    assert [call["arguments"] for call in both.tool_calls] == [{"study": "past-test"}, {"study": "summer-test"}]
    first = put("What did past-test find?")
    assert put("And summer-test?", thread=first.thread).tool_calls[0]["arguments"] == {"study": "summer-test"}


def test_an_unknown_study_is_answered_with_the_closest_names(put: Ask) -> None:
    answer = put('What did the "sumer-tst" study show?')
    assert "There is no study 'sumer-tst'; the closest is summer-test." in answer.answer
    assert answer.exit_code == 0


@pytest.mark.parametrize(
    "text", ["Who should I call this week?", "Sum up my book by action", "What should I do next?", "Sum up my book"]
)
def test_lists_say_how_many_accounts_of_ones_own_a_running_study_hides(put: Ask, text: str) -> None:
    said = {user: put(text, user) for user in ("ana", "mia")}
    counts = {user: answer.sources["t1.hidden[0].accounts"]["value"] for user, answer in said.items()}
    assert 0 < counts["ana"] < counts["mia"] < 250
    for user, answer in said.items():
        line = f"For {counts[user]} accounts the scores are hidden until 2026-12-31: control of summer-test."
        assert answer.answer.count(line) == 1

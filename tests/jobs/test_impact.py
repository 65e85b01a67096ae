"""What a study is told to prove: the verdict first, an effect only where it is causal, the closest names else."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from copilot.agent.narrator import narrate
from copilot.data.hidden import Held, held
from copilot.data.workspace import Workspace
from copilot.errors import MissingData, TryAgain
from copilot.jobs import study
from copilot.jobs.impact import Told, impact
from copilot.measure.effect import Effect
from copilot.measure.shock import Shock
from copilot.measure.studies import Finding
from copilot.measure.verdict import judge
from copilot.stats import Interval
from copilot.store.database import Store
from copilot.text.cells import Cell, Record, flatten
from tests.conftest import NOW

SPEC = """name: {name}
kind: ab
starts: 2025-07-01
ends: 2026-06-30
smallest_effect: 0.1
"""


@pytest.fixture
def workspace(tiny: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the tiny workspace that a test may write to."""
    return Workspace(Path(shutil.copytree(tiny.root, tmp_path / "w")))


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    with Store.open(workspace.database) as opened:
        yield opened


def begun(workspace: Workspace, *names: str) -> None:
    """Write down studies of these names and start the first."""
    for name in names:
        file = workspace.root / "spec.yaml"
        file.write_text(SPEC.format(name=name), encoding="utf-8")
        study.create(workspace, file, NOW)
    study.start(workspace, names[0], NOW)


def plant(workspace: Workspace, gain: float) -> None:
    """Let the treated accounts renew at so much more: what the study must find."""
    book, rows = workspace.book(), held(workspace.root)[0].assignment()
    treated = set(rows.loc[rows["arm"] == "treated", "account_id"])
    contracts = book.table("contracts")
    later = contracts["account_id"].isin(treated) & contracts["start_date"].between("2025-07-01", "2026-06-30")
    contracts.loc[later, "annual_usd"] *= 1 + gain
    contracts.to_parquet(book.file("contracts"), index=False)


def text(record: Record) -> str:
    told = narrate([record], question="Did it work?")
    assert told.faults == ()
    return told.told.text


def finding(word: str) -> Finding:
    """A finding of a strong effect with that verdict, by the judge's own hand."""
    effect = Effect(
        0.2, se=0.04, p=0.001, se_corrected=0.04, p_corrected=0.001, df=60, low=0.12, high=0.28,
        n=400, clusters=62, clusters_treated=31, clusters_control=31,
    )  # fmt: skip
    given: dict[str, Any] = {"placebo_p": 0.5, "coverage": 0.93, "shock": Shock(0.0, -0.01, 0.01, known=True)}
    match word:
        case "too few clusters":
            effect.clusters = effect.clusters_treated = 9
        case "fails A/A":
            given["placebo_p"] = 0.012
        case "coverage below 80 %":
            given["coverage"] = 0.61
        case "a regional shock cannot be excluded":
            given["shock"] = Shock(-0.08, -0.12, -0.04, known=True)
        case "underpowered":
            effect.low, effect.high = -0.3, 0.7
    verdict = judge(effect, smallest_effect=0.1, within_books=False, **given)
    assert verdict.word == word
    return Finding(
        verdict, effect, Interval(0.25, 0.15, 0.35), "rig", detectable=0.117, placebo_p=given["placebo_p"],
        coverage=given["coverage"], market_moved=given["shock"].moved, notes=("Mean of ratios 1.200 against 1.000.",),
    )  # fmt: skip


def told(found: Finding | str | None) -> Record:
    about = {"name": "spring", "kind": "did", "starts": "2025-07-01", "ends": "2026-06-30", "regions": ["NA"],
             "state": "running"}  # fmt: skip
    one = Told(Held(Path("studies/spring"), about), date(2026, 6, 30), found)
    return Record("measure_impact", one.cells, tuple(one.sentences()))


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("too few clusters", "With fewer than 20 units of assignment, or 5 in an arm"),
        ("fails A/A", "joint placebo p 0.012"),
        ("coverage below 80 %", "Only 61 % of the treated"),
        ("a regional shock cannot be excluded", "moved by -8 % against"),
        ("underpowered", "one of 0.050 cannot be excluded: this study sees effects from 0.117 on"),
    ],
)
def test_where_the_verdict_refuses_no_effect_is_told_nor_hidden_in_a_cell(word: str, says: str) -> None:
    record = told(finding(word))
    said = text(record)
    assert says in said
    assert said.index(word) < said.index(says)
    for secret in ("0.200", "0.120", "0.280", "25 %", "1.200"):
        assert secret not in said
    cells = [cell for _, cell in flatten(record.data, "t")]
    assert not {0.2, 0.12, 0.28, 0.25} & {cell.value for cell in cells if isinstance(cell.value, float)}
    assert not any("1.200" in str(cell.value) for cell in cells)


def test_a_causal_verdict_comes_before_its_effect_and_every_number_has_a_source() -> None:
    record = told(finding("causal"))
    said = text(record)
    assert said.index("causal") < said.index("by 0.200 (95 % interval 0.120 to 0.280)") < said.index("25 %")
    assert "A regional shock that the market index does not show" in said
    assert all(cell.origin for _, cell in flatten(record.data, "t"))


def test_an_unknown_market_and_a_study_without_a_verdict_are_said_in_words() -> None:
    found = finding("a regional shock cannot be excluded")
    unknown = text(told(Finding(**(vars(found) | {"market_moved": math.nan}))))
    assert "Nothing in the book tells how the markets of the regions moved" in unknown
    assert "has no verdict yet. Too early." in text(told("Too early."))
    assert "planned and has not been started" in text(told(None))


def test_a_planted_effect_is_found_and_a_planned_study_shows_none(workspace: Workspace, store: Store) -> None:
    begun(workspace, "past-test", "other-plan")
    plant(workspace, 0.5)
    record = impact(workspace, "Past test", store)
    effect, low, high = (record.data[name].value for name in ("effect", "low", "high"))
    assert low < effect < high
    assert low > 0.15
    assert high < 0.8
    said = text(record)
    assert said.startswith("Study past-test (an A/B test in the books; 2025-07-01 to 2026-06-30, running)")
    assert "Nothing was hidden before 2026-06-30, though renewals count from 2025-07-01 on." in said
    listed = impact(workspace, None, store)
    rows = {row["study"].value: row for row in listed.data["rows"]}
    assert rows["past-test"]["verdict"].value == "causal"
    assert rows["past-test"]["effect"].value == effect
    assert rows["other-plan"]["verdict"].value == "none yet"
    assert "effect" not in rows["other-plan"]
    assert "Studies: 2, the latest first" in text(listed)


def test_a_manager_and_an_analyst_are_told_aggregates_and_no_account_or_rep(workspace: Workspace, store: Store) -> None:
    begun(workspace, "past-test")
    record = impact(workspace, None, store)
    book = workspace.book()
    names = {*book.table("accounts")["account_id"], *book.table("accounts")["name"], *book.table("reps")["name"]}
    values = {str(cell.value) for _, cell in flatten(record.data, "t") if isinstance(cell, Cell)}
    assert not values & names
    assert record.accounts == ()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("autum-test", "There is no study 'autum-test'; the closest are autumn-test, "),
        ("Autumn", "the closest are autumn-test, autumn-trial."),
        ("zzz", "There is no study 'zzz'; there are autumn-test, autumn-trial, spring-test."),
        ("<b>|</b>\n{{t1}}", "There is no study 'b/bt1'; there are"),
    ],
)
def test_an_unknown_study_is_answered_with_the_closest_names(
    tiny: Workspace, tmp_path: Path, asked: str, says: str
) -> None:
    for name in ("autumn-test", "autumn-trial", "spring-test"):
        folder = tmp_path / "w" / "studies" / name
        folder.mkdir(parents=True)
        about = {"name": name, "kind": "ab", "state": "planned", "starts": "2025-07-01", "ends": "2026-06-30"}
        (folder / "study.json").write_text(json.dumps(about), encoding="utf-8")
    shutil.copytree(tiny.root / "book", tmp_path / "w" / "book", symlinks=True)
    with Store.open(tmp_path / "w" / "copilot.db") as store:
        workspace = Workspace(tmp_path / "w")
        with pytest.raises(TryAgain, match=says.replace("|", r"\|")):
            impact(workspace, asked, store)
        assert impact(workspace, "The SPRING study", store).data["study"].value == "spring-test"


def test_without_any_study_it_says_how_one_begins(tiny: Workspace, store: Store) -> None:
    with pytest.raises(MissingData, match="study create FILE"):
        impact(tiny, None, store)


def test_looks_count_from_the_first_day_to_the_last(workspace: Workspace, store: Store) -> None:
    from copilot.jobs.study_report import measure
    from copilot.store.database import Turn

    begun(workspace, "past-test")
    one, book = held(workspace.root)[0], workspace.book()

    def asks(day: str) -> None:
        when = pd.Timestamp(day, tz="UTC").to_pydatetime()
        store.log_turn(Turn(store.new_thread("ana", when), "ana", when, "Who?", "Acme.", "rules"))

    asks("2026-08-01")
    assert not any("looked at least once" in note for note in measure(one, book, store).notes)
    asks("2026-06-30 18:00")
    assert any("1 of" in note and "looked at least once" in note for note in measure(one, book, store).notes)
